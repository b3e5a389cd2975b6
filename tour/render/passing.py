"""Which lines and symbols the tours of a site pass, for its source and operator pages: also those made later.

A site keeps it as a file for each version, so that a page made on demand bears the same marks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tour.model import LANGS
from tour.views import MarkView, TourView

ADDRESS = "source/{version}/tours.json"
"""Where a site keeps it, below its root."""


@dataclass(frozen=True, slots=True)
class Passing:
    """What the tours pass in one tree."""

    marks: Mapping[str, tuple[MarkView, ...]] = field(default_factory=dict)
    """By file, in the order of the lines."""
    symbols: Mapping[str, tuple[tuple[str, str, int], ...]] = field(default_factory=dict)
    """By symbol's id the tour, the step and its number."""
    titles: Mapping[str, Mapping[tuple[str, str], str]] = field(default_factory=lambda: {lang: {} for lang in LANGS})
    """By language the title of each (tour, step)."""

    def kept(self) -> str:
        """As text, for ``restored``."""
        told = {
            "marks": {
                file: [[one.line, one.end_line, one.tour, one.step, one.number] for one in found]
                for file, found in self.marks.items()
            },
            "symbols": self.symbols,
            "titles": {lang: [[*step, title] for step, title in named.items()] for lang, named in self.titles.items()},
        }
        return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def restored(text: str) -> Passing:
    """What ``Passing.kept`` wrote; raises ``ValueError`` for anything else."""
    told = json.loads(text)
    try:
        return Passing(
            {file: tuple(MarkView(*one) for one in found) for file, found in told["marks"].items()},
            {
                symbol: tuple((tour, step, number) for tour, step, number in found)
                for symbol, found in told["symbols"].items()
            },
            {lang: {(tour, step): title for tour, step, title in told["titles"][lang]} for lang in LANGS},
        )
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError("not what a site tells of its tours") from error


def passing(tours: Iterable[Mapping[str, TourView]]) -> Passing:
    """What some tours, each by language, pass in the tree that they were made from."""
    marks: dict[str, list[MarkView]] = {}
    symbols: dict[str, list[tuple[str, str, int]]] = {}
    titles: dict[str, dict[tuple[str, str], str]] = {lang: {} for lang in LANGS}
    for views in tours:
        for lang in LANGS:
            titles[lang].update({(views[lang].name, step.id): step.title for step in views[lang].steps})
        view = views[LANGS[0]]
        for step in view.steps:
            symbols.setdefault(step.symbol.partition("(")[0], []).append((view.name, step.id, step.number))
            if step.file is not None and step.line is not None:
                mark = MarkView(step.line, step.end_line or step.line, view.name, step.id, step.number)
                marks.setdefault(step.file, []).append(mark)
    return Passing(
        {file: tuple(sorted(found, key=lambda one: (one.line, one.number))) for file, found in marks.items()},
        {symbol: tuple(found) for symbol, found in symbols.items()},
        titles,
    )
