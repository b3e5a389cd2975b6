"""What ``tour check`` found, for those who mend it: as text, as data, and as GitHub's annotations with the change.

GitHub's commands are those of docs.github.com, "Workflow commands": an annotation at a file and line, its message in
one line with what would end it escaped. A step's summary is Markdown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tour.repairs import Repair
from tour.views import Finding


def text(finding: Finding) -> str:
    """A finding as ``file:line``, and below it the change that would mend it."""
    mark = "" if finding.fatal else "note: "
    place = f"{named(Path(finding.file))}:{finding.line}"
    head = f"{place}: {mark}{finding.tour} / {finding.step} in {finding.version}: {finding.what}"
    lines = [head]
    for number, repair in enumerate(finding.repairs):
        lines.append(f"  {'or ' if number else ''}{repair.at}: {repair.why}")
        if number == 0:
            lines += [f"    {line}" for line in repair.diff(named(repair.file)).splitlines()]
    return "\n".join(lines)


def row(finding: Finding) -> dict[str, Any]:
    """A finding as plain data."""
    keys = ("tour", "step", "version", "file", "line", "what", "fatal")
    return {key: getattr(finding, key) for key in keys} | {"repairs": [_repair(one) for one in finding.repairs]}


def _repair(repair: Repair) -> dict[str, Any]:
    first, last, suggestion = repair.lines
    return {
        "at": {"file": repair.at.file, "line": repair.at.line},
        "certain": repair.certain,
        "why": repair.why,
        "anchor": repair.new.written,
        "line": first,
        "end_line": last,
        "suggestion": suggestion,
        "diff": repair.diff(named(repair.file)),
    }


def annotation(finding: Finding, root: Path | None = None) -> str:
    """A finding as a command of GitHub Actions, which shows it beside the line; ``root`` is the repository's."""
    level = "error" if finding.fatal else "notice"
    first, last, message = finding.line, finding.line, finding.what
    if finding.repairs:
        best = finding.repairs[0]
        first, last, suggestion = best.lines
        message += f"\nIt may be {best.at} ({best.why}):\n```suggestion\n{suggestion}```"
    places = {"file": named(Path(finding.file), root), "line": first, "endLine": last}
    title = f"{finding.tour} / {finding.step} in {finding.version}"
    told = ",".join(f"{key}={_property(str(value))}" for key, value in {**places, "title": title}.items())
    return f"::{level} {told}::{_message(message)}"


def summary(found: Iterable[Finding], checked: Iterable[Mapping[str, Any]]) -> str:
    """The whole check in Markdown, each change as a diff that ``git apply`` takes."""
    parts = [
        "| tour | tree | located | exact | by name | asserted | unproven |",
        "| --- | --- | --- | --: | --: | --: | --: |",
    ]
    parts += [
        f"| `{one['tour']}` | {one['tree']} | {one['located']} of {one['steps']} | {one['exact']} | {one['name']}"
        f" | {one['asserted']} | {one['none']} |"
        for one in checked
    ]
    for finding in found:
        parts += ["", f"**{finding.tour} / {finding.step}** in {finding.version}: {finding.what}"]
        for repair in finding.repairs[:1]:
            parts += [
                "",
                f"It may be `{repair.at}`: {repair.why}.",
                "",
                f"```diff\n{repair.diff(named(repair.file))}```",
            ]
    return "\n".join(parts) + "\n"


def named(file: Path, root: Path | None = None) -> str:
    """A file from ``root``, by default where we stand, if it is below."""
    whole, here = file.resolve(), (root or Path.cwd()).resolve()
    return whole.relative_to(here).as_posix() if whole.is_relative_to(here) else str(file)


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
