"""Which of the routes between two names a program takes: each place on them is watched like a step of a tour.

A place that was not passed rules a route out; one that cannot be seen here says nothing of it. That every place of a
route was passed does not prove that one led to the next: the stacks that are kept with each show that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tour.model import Lane, Link
from tour.tours import Anchor, Cell, Step, Tour
from tour.witness.records import Sighting
from tour.witness.runs import Observation

PROGRAM = "program"
"""The step that runs it; it stands for where the routes begin."""

Spot = tuple[str, str | None]
"""A symbol's id and, where known, its file."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a run says of some routes."""

    observation: Observation
    places: Mapping[Spot, Sighting]

    def of(self, link: Link) -> Sighting | None:
        """What was seen of the place that a link leads to."""
        return self.places.get(_spot(link))

    def verdict(self, route: Sequence[Link]) -> str:
        """``taken`` where all that can be seen of a route was, its goal too; ``not-taken`` where something was not."""
        states = [sighting.state if (sighting := self.of(link)) else "not-visible" for link in route]
        if "not-seen" in states:
            return "not-taken"
        return "taken" if states and states[-1] == "seen" else "unknown"


def program(text: str) -> str:
    """Code that runs a program: itself, or a script of that name."""
    try:
        script = Path(text)
        if "\n" not in text and script.is_file():
            return f"import runpy; runpy.run_path({str(script.resolve())!r}, run_name='__main__')\n"
    except OSError:
        pass  # too long to be a name
    return text


def as_tour(routes: Sequence[Sequence[Link]], code: str) -> Tour:
    """The places of some routes as the steps of a tour whose one cell is the program."""
    first = Step(PROGRAM, Lane.PYTHON, (_anchor((routes[0][0].source, None)),), 1, cell=Cell(code, None, 1))
    spots = dict.fromkeys(_spot(link) for route in routes for link in route)
    steps = [Step(_name(spot), Lane.CPP, (_anchor(spot),), 1) for spot in spots]
    return Tour(PROGRAM, Path(PROGRAM), (), (first, *steps), {}, "")


def taken(routes: Sequence[Sequence[Link]], observation: Observation) -> Taken:
    """What a run of ``as_tour`` says. That a place was not seen is an answer here, and no finding."""
    seen = observation.record.steps
    observation.findings = [found for found in observation.findings if not found.is_unseen]
    spots = {_spot(link) for route in routes for link in route}
    return Taken(observation, {spot: seen[_name(spot)] for spot in spots if _name(spot) in seen})


def _spot(link: Link) -> Spot:
    return link.target, link.target_at.file if link.target_at is not None else None


def _name(spot: Spot) -> str:
    return spot[0] if spot[1] is None else f"{spot[0]} in {spot[1]}"


def _anchor(spot: Spot) -> Anchor:
    return Anchor(spot[0], spot[1], None, None, None, (), None, 1)
