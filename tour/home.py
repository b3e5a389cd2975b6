"""What the first page shows of all tours together: where they cross, and in which order whom they suit.

Two tours cross where both have a step at the same symbol. Where they share none, a file in which both have a step
stands for it; files of declarations, which every walk to an operator passes, say nothing and are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tour.views import PathView, StepView, TourView

_DECLARATIONS = (".yaml", ".toml")


@dataclass(frozen=True, slots=True)
class Crossing:
    """A place, or several, where the same tours pass."""

    names: tuple[str, ...]
    """Symbols without their scheme, or files."""
    is_file: bool
    passes: Mapping[str, StepView]
    """By tour, the first of its steps there."""


def crossings(views: Sequence[TourView]) -> list[Crossing]:
    """Where tours cross, those with the most tours first."""
    at_symbols = _shared((step.symbol.partition(":")[2], view, step) for view in views for step in view.steps)
    met = {(one, other) for tours in at_symbols for one in tours for other in tours}
    in_files = _shared(
        (step.file, view, step)
        for view in views
        for step in view.steps
        if step.file and not step.file.endswith(_DECLARATIONS)
    )
    found = [_crossing(places, False) for places in at_symbols.values()]
    found += [
        _crossing(places, True)
        for tours, places in in_files.items()
        if any((one, other) not in met for one in tours for other in tours)
    ]
    return sorted(found, key=lambda one: -len(one.passes))


def _shared(
    places: Iterable[tuple[str, TourView, StepView]],
) -> dict[frozenset[str], dict[str, dict[str, StepView]]]:
    """The places that several tours have, by those tours: for each its first step there."""
    by_place: dict[str, dict[str, StepView]] = {}
    for name, view, step in places:
        by_place.setdefault(name, {}).setdefault(view.name, step)
    by_tours: dict[frozenset[str], dict[str, dict[str, StepView]]] = {}
    for name, passes in by_place.items():
        if len(passes) > 1:
            by_tours.setdefault(frozenset(passes), {})[name] = passes
    return by_tours


def _crossing(places: Mapping[str, Mapping[str, StepView]], is_file: bool) -> Crossing:
    return Crossing(tuple(places), is_file, next(iter(places.values())))


def neighbours(views: Sequence[TourView], found: Sequence[Crossing]) -> list[TourView]:
    """The tours in an order in which those that cross stand near each other."""
    left = {view.name: view for view in views}
    order: list[TourView] = []
    while left:
        last = order[-1].name if order else None
        near = max(left, key=lambda name: (_common(last, name, found), _common(name, None, found)))
        order.append(left.pop(near))
    return order


def _common(one: str | None, other: str | None, found: Sequence[Crossing]) -> int:
    """At how many places two tours cross; with one name, at how many it crosses any."""
    names = {name for name in (one, other) if name}
    return sum(len(crossing.names) for crossing in found if names and names <= set(crossing.passes))


def paths(views: Sequence[TourView]) -> list[PathView]:
    """The learning paths that tours are on, in their order, each with those tours alone."""
    there = {view.name for view in views}
    found = {path.id: path.of(there) for view in views for path in view.paths}
    return sorted(found.values(), key=lambda path: path.number)
