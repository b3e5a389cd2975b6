"""What the doctor found, in words: for a terminal, and as the data that ``tour doctor --json`` gives."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Sequence
from functools import cache
from textwrap import fill
from typing import Any

import click

from tour.doctor import Check, State
from tour.resources import folder

WIDTH = 100
_MARGIN = " " * 5
_MARKS = {State.FINE: ("ok", "green"), State.NOTE: ("note", "yellow"), State.FINDING: ("!!", "red")}
_SUMMARY = {
    "en": "{findings} in the way, {notes} worth knowing, {fine} in order.",
    "zh": "{findings} 项有碍，{notes} 项值得留意，{fine} 项正常。",
}


@cache
def _sentences(lang: str) -> dict[str, Any]:
    with (folder("templates") / "doctor.toml").open("rb") as file:
        told: dict[str, Any] = tomllib.load(file)[lang]
    return told


def told(check: Check, lang: str) -> dict[str, Any]:
    """A check with its sentences; ``mend`` is ``None`` where nothing need be done."""
    subject = _sentences(lang)[check.subject]
    case = subject[check.case]
    mend = case.get("mend")
    return {
        "subject": check.subject,
        "name": subject["name"],
        "case": check.case,
        "state": check.state.value,
        "found": case["found"].format(**check.facts),
        "why": case.get("why", subject["why"]),
        "mend": mend.format(**check.facts) if mend else None,
        "facts": check.facts,
    }


def show(checks: Sequence[Check], lang: str) -> None:
    """Print each check: what was found, and unless all is well why it matters and how to mend it."""
    for check in checks:
        row = told(check, lang)
        mark, colour = _MARKS[check.state]
        head = f"{row['name']}: {row['found']}"
        _print(click.style(f"{mark:<5}", fg=colour, bold=check.state is State.FINDING) + head)
        if check.state is not State.FINE:
            _print(click.style(_filled(row["why"], lang), dim=True))
            if row["mend"]:
                _print(f"{_MARGIN}→ {row['mend']}")  # in one piece, for it holds commands
    counts = {state: sum(check.state is state for check in checks) for state in State}
    _print("")
    _print(_SUMMARY[lang].format(findings=counts[State.FINDING], notes=counts[State.NOTE], fine=counts[State.FINE]))


def _filled(text: str, lang: str) -> str:
    """A reason within the page's width; a Chinese character takes two columns, and lines may end behind any."""
    wide = lang == "zh"
    width = WIDTH // 2 if wide else WIDTH
    return fill(
        text, width, initial_indent=_MARGIN, subsequent_indent=_MARGIN, break_long_words=wide, break_on_hyphens=False
    )


def _print(line: str) -> None:
    click.echo(line, color=False if os.environ.get("NO_COLOR") else None)
