"""Expectations that stand in comments beside invented code, ``#: calls py:torch.relu exact``: read, and held against an
index."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tour.index import Index
from tour.links import Links, Node, node
from tour.model import in_tree

EXPECTED = re.compile(r"(?:#|//): ((?:not )?\w+) (\S+)(?: -> (\S+))?(?: (exact|name))?\s*$")


class Expected(NamedTuple):
    """What a comment says of its line."""

    file: str
    """From the folder's root."""
    line: int
    what: str
    """``defines``, ``declares``, a kind of link, or ``not`` and a kind."""
    one: str
    other: str | None
    """The target, where ``one`` is the source and not the line's own symbol."""
    grade: str | None


def read(root: Path) -> Iterator[Expected]:
    """Every expectation in a folder."""
    for file in sorted(root.rglob("*")):
        if not file.is_file() or file.suffix == ".pyc":
            continue
        for number, line in enumerate(file.read_text().splitlines(), start=1):
            if found := EXPECTED.search(line):
                yield Expected(file.relative_to(root).as_posix(), number, *found.groups())  # type: ignore[arg-type]


def hold(expected: Expected, index: Index, tree: str = "") -> None:
    """Fail where the index does not say what a comment expects of its line; ``tree`` is the tree that it is in."""
    file, line, what, one, other, grade = expected._replace(file=in_tree(tree, expected.file))
    symbols = index.symbols_in(file)
    if what in {"defines", "declares"}:
        here = {(symbol.id, symbol.is_definition) for symbol in symbols if symbol.line == line}
        assert (one, what == "defines") in here
        return
    links = Links(index)
    if other is not None:
        found = links.leaving(Node(one))
        target = other
    else:
        inside = [symbol for symbol in symbols if symbol.start_line <= line <= symbol.end_line]
        around = [symbol for symbol in inside if symbol.kind != "variable" or symbol.line == line]
        found = [link for symbol in around for link in links.leaving(node(symbol))]
        target = one
    seen = {(link.kind.value, link.target, link.grade.value) for link in found if str(link.at) == f"{file}:{line}"}
    if what.startswith("not "):
        assert not [row for row in seen if row[:2] == (what[4:], target)]
        return
    assert (what, target, grade) in seen
    assert not [row for row in seen if row[0] == what and row[2] == "exact" and grade == "name"]
