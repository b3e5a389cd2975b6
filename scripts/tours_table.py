"""The README's table of tours, made from the trees; `scripts/tours-table` writes it into README.md.

Each tour with what it shows, its steps, and in both trees how many of them are located and how its
hops are proven: exact / by name / asserted. PyTorch's trees alone are asked, whatever project is at hand beside them.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import tour
from tour.render.data import tour_row

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- tours: scripts/tours-table writes what stands here -->\n", "<!-- end of tours -->\n"
VERSIONS = ("1.13.1", "2.6.0")


def table() -> str:
    """The table as Markdown; the trees must be indexed."""
    trees = [replace(tour.open_tree(version), beside=()) for version in VERSIONS]
    heads = " | ".join(f"{version}: located | exact / by name / asserted" for version in VERSIONS)
    lines = [f"| tour | what it shows | steps | {heads} |", "| --- | --- | ---: | " + "---: | ---: | " * len(trees)]
    lines[1] = lines[1].rstrip()
    for name in tour.names():
        views = [tour.trace(name, tree) for tree in trees]
        cells = [f"`{name}`", views[0].title.replace("|", r"\|"), str(len(views[0].steps))]
        for view in views:
            row = tour_row(view)
            cells += [f"{row['located']} of {row['steps']}", f"{row['exact']} / {row['name']} / {row['asserted']}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def written(text: str, made: str) -> str:
    """The README's text with the table that was made."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    assert rest and after, "README.md has lost the marks of its table"
    return before + BEGIN + made + END + after


if __name__ == "__main__":
    README.write_text(written(README.read_text(), table()))
    sys.stdout.write(table())
