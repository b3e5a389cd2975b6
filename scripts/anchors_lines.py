"""How anchors made for any line fare in another version: what BENCHMARKS.md says of lines nobody chose.

Lines are drawn from files that both trees have. Each gets the anchor of ``tour anchor``, which is looked for in
the other tree. An exact place is held against where ``diff`` puts the line in the file's other version. Where the two
disagree, or ``diff`` has no line, a reader must look: those are printed.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

import tour
from tour import anchors
from tour.errors import TourError
from tour.index import Index
from tour.tree import Tree, index_path
from tour.views import reader

ENDINGS = (".py", ".cpp", ".cu", ".h")
SIZES = range(3_000, 120_000)
LINES = 25
"""Lines of a file, at most."""

_NO_CODE = re.compile(r"\s*(#|//|\*|\S?\s*$|\S\S$)")
_HUNK = re.compile(r"(?m)^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


def aligned(before: list[str], after: list[str]) -> dict[int, int]:
    """Each line that ``diff`` finds again, blanks at its ends apart, and its number in the other text."""
    with tempfile.TemporaryDirectory() as made:
        files = [Path(made) / name for name in ("before", "after")]
        for file, lines in zip(files, (before, after), strict=True):
            file.write_text("".join(line.strip() + "\n" for line in lines))
        shown = subprocess.run(["diff", "-U0", *files], capture_output=True, text=True).stdout
    found: dict[int, int] = {}
    here = there = 1
    for hunk in _HUNK.finditer(shown):
        gone, come = (int(hunk[group] or 1) for group in (2, 4))
        until = int(hunk[1]) + (gone == 0)
        found |= {line: line - here + there for line in range(here, until)}
        here, there = until + gone, int(hunk[3]) + (come == 0) + come
    return found | {line: line - here + there for line in range(here, len(before) + 1)}


def sampled(old: Tree, new: Tree, count: int, seed: int) -> Counter[str]:
    """What became of the lines of ``count`` files that differ; those to look at are printed."""
    choose = random.Random(seed)
    theirs = {file.path for file in new.files()}
    both = [file.path for file in old.files() if file.path in theirs and file.size in SIZES]
    fitting = sorted(path for path in both if path.endswith(ENDINGS))
    counts: Counter[str] = Counter()
    with Index(index_path(old)) as before, Index(index_path(new)) as after:
        read, read_new = reader(old, before), reader(new, after)
        for path in choose.sample(fitting, min(count, len(fitting))):
            text, other = (look(path).decode("utf-8", "replace").splitlines() for look in (read, read_new))
            placed = aligned(text, other) if text != other else {}
            code = [number for number, line in enumerate(text, start=1) if placed and not _NO_CODE.match(line)]
            for number in sorted(choose.sample(code, min(LINES, len(code)))):
                try:
                    anchor = anchors.anchor_at(path, number, number, before, read)
                except TourError:
                    counts["no anchor"] += 1
                    continue
                here, there = anchors.find(anchor, before, read), anchors.find(anchor, after, read_new)
                counts[there.located] += 1
                if there.located != "exact" or there.symbol is None:
                    continue
                same = there.symbol.file == path and placed.get(here.line) == there.line
                counts["as diff has it" if same else "to look at"] += 1
                if not same:
                    lines = read_new(there.symbol.file).decode("utf-8", "replace").splitlines()
                    print(f"{path}:{here.line} {text[here.line - 1].strip()!r}")
                    print(f"    {there.symbol.file}:{there.line} {lines[there.line - 1].strip()!r} ({anchor.symbol})")
    return counts


def main() -> None:
    """Print the places to look at, then the counts."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("old")
    arguments.add_argument("new")
    arguments.add_argument("--files", type=int, default=60)
    arguments.add_argument("--seed", type=int, default=1)
    asked = arguments.parse_args()
    counts = sampled(tour.open_tree(asked.old), tour.open_tree(asked.new), asked.files, asked.seed)
    print(*(f"{what}: {count}" for what, count in counts.most_common()), sep="\n")


if __name__ == "__main__":
    main()
