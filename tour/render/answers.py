"""What ``tour where`` and ``tour path`` found, on a terminal: one layer or one link a line, each as long as it is.

Not through Rich, whose import alone takes longer than the answer. Colours go away where the output is no terminal or
``NO_COLOR`` is set.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

from tour.answers import KEYS, Answer, Layer
from tour.model import Lane, Link
from tour.render.words import Words, words

if TYPE_CHECKING:
    from tour.witness.routes import Taken
    from tour.witness.runs import Observation

COLOURS = {
    Lane.PYTHON: "blue",
    Lane.BINDING: "magenta",
    Lane.GENERATED: "bright_black",
    Lane.DISPATCHER: "yellow",
    Lane.CPP: "green",
    Lane.KERNEL: "red",
    Lane.PROCESS: "cyan",
}

_bold = partial(click.style, bold=True)
_dim = partial(click.style, dim=True)
_place = partial(click.style, underline=True)


def show_where(answer: Answer, trees: str, lang: str, *, every: bool = False) -> None:
    """Print every layer of an implementation, one a line, indented by how deep it lies."""
    said = words(lang)
    if not answer.layers:
        missing = "nothing_named" if answer.nearest else "nothing_found"
        _print(said.say(missing, trees=trees, query=answer.query))
        if answer.nearest:
            _print(said.say("nearest", names=", ".join(answer.nearest)))
        return
    lanes = max(len(said.lane(layer.lane)) for layer in answer.layers)
    kept, left_out = _folded(answer.layers, every)
    for layer, keys in kept:
        line = click.style(said.lane(layer.lane).ljust(lanes), fg=COLOURS[layer.lane])
        line += "  " + "  " * layer.depth + _bold(layer.symbol.partition(":")[2])
        line += click.style("  " + ", ".join(keys), fg="cyan") if keys else ""
        line += _place(f"  {layer.at}") if layer.at is not None else ""
        _print(line + _doubt(layer, said))
    if left_out:
        keys = sorted({layer.dispatch_key for layer in left_out if layer.dispatch_key})
        _print(_dim(said.say("other_kernels", count=len(left_out), keys=", ".join(keys))))
    if answer.tours:
        passes = ", ".join(f"{tour} ({step})" for tour, step in answer.tours)
        _print(_dim(said.say("told_in", passes=passes)))


def _folded(layers: Sequence[Layer], every: bool) -> tuple[list[tuple[Layer, list[str]]], list[Layer]]:
    """Layers with the dispatch keys that share them, and those that are left out for the sake of a reader."""
    kept: list[tuple[Layer, list[str]]] = []
    left_out: list[Layer] = []
    for layer in layers:
        key = layer.dispatch_key
        if not every and key is not None and key not in KEYS:
            left_out.append(layer)
            continue
        same = [
            row for row in kept if (row[0].symbol, row[0].at, row[0].depth) == (layer.symbol, layer.at, layer.depth)
        ]
        if same and key is not None:
            same[0][1].append(key)
        else:
            kept.append((layer, [key] if key is not None else []))
    if not kept:
        return _folded(layers, True)
    return kept, left_out


def show_path(
    origin: str, goal: str, routes: Sequence[Sequence[Link]], trees: str, lang: str, ran: Taken | None = None
) -> None:
    """Print a route, one link a line: what it is, where it leads, where one can see it; then the others.

    With a run each line says whether it passed there, and each route whether it was taken.
    """
    said = words(lang)
    if not routes:
        _print(said.say("no_route", origin=origin, goal=goal, trees=trees))
        return
    for number, route in enumerate(routes):
        if number:
            _print("")
            _print(_bold(said.say("another_way")))
        verdict = "  " + said.route(ran.verdict(route)) if ran is not None else ""
        _print(_bold(route[0].source.partition(":")[2]) + click.style(verdict, fg="cyan"))
        for link in route:
            line = _dim("  " + said.hop(link.kind) + " ") + _bold(link.target.partition(":")[2])
            line += click.style(f"  {link.key}", fg="cyan") if link.key else ""
            _print(_mark(ran, link) + line + _place(f"  {link.at}") + _doubt(link, said) + _sighted(ran, link, said))
        last = route[-1]
        if last.target_at is not None and last.target_at != last.at:
            _print(_dim("  = ") + _place(str(last.target_at)))
        guesses = sum(link.grade.value != "exact" for link in route)
        if guesses:
            _print(click.style("  " + said.say("guesses", guesses=guesses, count=len(route)), fg="yellow"))
    if ran is not None:
        _tell(ran.observation, said)


MARKS = {"seen": ("●", "green"), "not-seen": ("○", "red")}


def _mark(ran: Taken | None, link: Link) -> str:
    """Whether the place that a link leads to was passed."""
    if ran is None:
        return ""
    sighting = ran.of(link)
    mark, colour = MARKS.get(sighting.state if sighting else "", ("◌", "bright_black"))
    return click.style(mark, fg=colour)


def _sighted(ran: Taken | None, link: Link, said: Words) -> str:
    """How often, or what stands in the way of saying so."""
    sighting = ran.of(link) if ran is not None else None
    if sighting is None:
        return ""
    why = "  " + said.why(sighting.why, sighting.detail) if sighting.why else ""
    return _dim("  " + said.witness(sighting.state, count=sighting.count) + why)


def _tell(observed: Observation, said: Words) -> None:
    """Whose run it was, and what went wrong with it."""
    run = observed.record
    _print("")
    _print(_dim(said.witness("provenance", torch=run.torch, python=run.python, device=run.device, date=run.date)))
    for note in observed.notes:
        _print(_dim(f"note: {note}"))
    for found in observed.findings:
        _print(click.style(found.what, fg="red"))


def _doubt(found: Layer | Link, said: Words) -> str:
    """What is not sure of a layer or link."""
    if found.grade.value == "exact":
        return ""
    candidates = " (" + said.say("candidates", count=found.candidates) + ")" if found.candidates > 1 else ""
    return click.style(f"  {said.grade(found.grade.value)}{candidates}", fg="yellow")


def _print(line: str) -> None:
    click.echo(line, color=False if os.environ.get("NO_COLOR") else None)
