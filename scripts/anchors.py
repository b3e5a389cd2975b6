"""How well anchors survive, as the table that BENCHMARKS.md keeps.

Each step of each tour is taken as its author wrote it for one version, with everything that speaks of other versions
removed (alternatives, former names), and looked for in the other version. The right place is the one that the whole
anchor, hints included, finds exactly there. Beside ours stand the two ways of VS Code CodeTour: the line's number, and
the line's text as a pattern in the same file, whose first match is taken.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, replace

import tour
from tour import anchors, tours
from tour.anchors import Place, Reader
from tour.errors import TourError
from tour.index import Index
from tour.tree import Tree, index_path
from tour.views import reader

VERSIONS = ("1.13.1", "2.6.0")


@dataclass(frozen=True)
class Side:
    """One of the two trees."""

    tree: Tree
    index: Index
    read: Reader

    def line(self, file: str, number: int) -> str | None:
        """A line's text without the blanks around it, if the tree has the file and the line."""
        try:
            lines = self.read(file).decode("utf-8", "replace").splitlines()
        except TourError:
            return None
        return lines[number - 1].strip() if number <= len(lines) else None

    def first(self, file: str, text: str) -> int | None:
        """The first line of a file that holds a text."""
        try:
            lines = self.read(file).decode("utf-8", "replace").splitlines()
        except TourError:
            return None
        return next((number for number, line in enumerate(lines, start=1) if text in line), None)


def judged(step: tours.Step, old: Side, new: Side) -> tuple[str, bool, bool] | None:
    """How a step fared, and whether its line's number and its line's text did; ``None`` where it is not in both."""
    before = anchors.locate(step, old.index, old.read, old.tree.version)
    truth = anchors.locate(step, new.index, new.read, new.tree.version)
    if before.symbol is None or truth.symbol is None:
        return None
    written = next(anchor for anchor in step.anchors if tours.applies(anchor.versions, old.tree.version))
    alone = replace(step, anchors=(replace(written, versions=None, formerly=()),), versions=None)
    found = anchors.locate(alone, new.index, new.read, new.tree.version)
    number = (before.symbol.file, before.line) == (truth.symbol.file, truth.line)
    text = old.line(before.symbol.file, before.line)
    assert text is not None
    by_text = before.symbol.file == truth.symbol.file and new.first(before.symbol.file, text) == truth.line
    return _verdict(found, truth), number, by_text


def _verdict(found: Place, truth: Place) -> str:
    if found.symbol is None or truth.symbol is None:
        return "lost"
    right = found.symbol.file == truth.symbol.file and truth.line <= found.line <= max(truth.line, truth.end_line)
    if not truth.statement:
        right = (found.symbol.file, found.line) == (truth.symbol.file, truth.line)
    if found.located in {"exact", "former"}:
        return "right" if right else "wrong, and said to be right"
    return "right, and said to have changed" if right else "wrong, and said to have changed"


def share_right(counts: Counter[str]) -> float:
    """Of all anchors those found where they are, whatever was said of them."""
    return (counts["right"] + counts["right, and said to have changed"]) / counts["all"]


def measured() -> tuple[dict[str, Counter[str]], list[str]]:
    """The counts of each tour, and a line for each anchor that was not found where it is."""
    trees = [tour.open_tree(version) for version in VERSIONS]
    rows: dict[str, Counter[str]] = {}
    misses = []
    with Index(index_path(trees[0])) as first, Index(index_path(trees[1])) as second:
        sides = [Side(tree, index, reader(tree, index)) for tree, index in zip(trees, (first, second), strict=True)]
        for name in tour.names():
            counts: Counter[str] = Counter()
            for step in tours.named(name).steps:
                for old, new in (sides, sides[::-1]):
                    if (verdict := judged(step, old, new)) is None:
                        continue
                    ours, number, text = verdict
                    counts.update({"all": 1, ours: 1, "number": number, "text": text})
                    if not ours.startswith("right"):
                        misses.append(f"{name} / {step.id}: {old.tree.version} to {new.tree.version}: {ours}")
            rows[name] = counts
    return rows, misses


def main() -> None:
    """Print the table; with ``--misses`` also every anchor that was not found where it is."""
    rows, misses = measured()
    if "--misses" in sys.argv:
        print("\n".join(misses), file=sys.stderr)
    print(
        "| tour | anchors | right | of these said to have changed | lost | wrong | said to be right | number | text |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, counts in [*rows.items(), ("all", sum(rows.values(), Counter()))]:
        print(_row(name, counts))


def _row(name: str, counts: Counter[str]) -> str:
    changed = counts["right, and said to have changed"]
    silent = counts["wrong, and said to be right"]
    right, wrong = counts["right"] + changed, silent + counts["wrong, and said to have changed"]
    share = [f"{count} ({count / counts['all']:.0%})" for count in (counts["number"], counts["text"])]
    cells = [
        name,
        counts["all"],
        f"{right} ({right / counts['all']:.0%})",
        changed,
        counts["lost"],
        wrong,
        silent,
        *share,
    ]
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    main()
