"""Lines of the files that an index holds, asked for by a place or by the name of what they define.

A file that the index does not hold has none, whatever else lies in the tree's folder: no path leads out of a tree, nor
to what is no source. What is given is bounded (``MOST_LINES``, ``MOST_CHARACTERS``), and says so where it was cut.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from difflib import SequenceMatcher, get_close_matches
from typing import NamedTuple

from tour.anchors import Reader
from tour.errors import UnknownName
from tour.index import Index, StoredSymbol
from tour.links import Links, stored
from tour.meaning import meaning, nearest

MOST_LINES = 400
"""Lines of one excerpt."""
MOST_CHARACTERS = 40_000
"""Characters of all excerpts of an answer."""
MOST_EXCERPTS = 8
"""Definitions that one name is answered with."""
_NEAREST = 6
_PLACE = re.compile(
    r"(?P<file>[^:]*/[^:]*|[^:/]+\.(?:pyi?|c|cc|cpp|cxx|h|hh|hpp|cuh?|hip|inc|inl|mm|ya?ml)|[^:]+(?=:\d))"
    r"(?::(?P<first>\d{1,9})(?:-(?P<last>\d{1,9}))?)?"
)
"""Without a line what has a slash or ends as sources do: ``F.c`` is one, ``F.relu`` is a name."""


class Excerpt(NamedTuple):
    """Some lines of a file."""

    file: str
    first: int
    """From 1."""
    last: int
    of: int
    """How many lines the file has."""
    text: str
    cut: bool
    """Whether more was asked for than is given; the rest begins after ``last``."""
    symbol: str | None
    """What they define, where a name was asked for."""


class Excerpts(NamedTuple):
    """The answer to one question."""

    query: str
    excerpts: tuple[Excerpt, ...]
    left_out: int
    """Definitions of that name beyond those given."""


def excerpts(query: str, index: Index, read: Reader) -> Excerpts:
    """What stands at ``FILE``, ``FILE:LINE`` or ``FILE:FIRST-LAST``, else each definition that ``query`` names.

    Raises ``UnknownName`` with the nearest where nothing of that name is in the index, ``TourError`` where the file
    cannot be read or changed since it was indexed.
    """
    place = _PLACE.fullmatch(query.strip())
    if place is None:
        return _of_name(query, index, read)
    file = _file(place["file"], index)
    lines = _lines(read(file))
    first = int(place["first"] or 1)
    last = int(place["last"] or place["first"] or len(lines))
    if not 1 <= first <= max(1, len(lines)) or last < first:
        raise UnknownName(f"{file} has no lines {first} to {last}: it has {len(lines)}")
    return Excerpts(query, (_excerpt(file, lines, first, last, MOST_CHARACTERS, None),), 0)


def _of_name(query: str, index: Index, read: Reader) -> Excerpts:
    found: list[StoredSymbol] = []
    near: dict[str, None] = {}
    for standpoint in index.standpoints():
        found = [
            symbol
            for node in meaning(query, standpoint, Links(standpoint)).nodes
            for symbol in stored(standpoint, node)
        ]
        if found:
            break
        near |= dict.fromkeys(nearest(query, standpoint))
    if not found:
        raise UnknownName(f"nothing that is called {query!r} has source in the index", tuple(near))
    defined = [symbol for symbol in found if symbol.is_definition] or found
    once = list({(symbol.file, symbol.line): symbol for symbol in defined}.values())
    given, left = [], MOST_CHARACTERS
    for symbol in once[:MOST_EXCERPTS]:
        if left <= 0:
            break
        lines = _lines(read(symbol.file))
        given.append(_excerpt(symbol.file, lines, symbol.start_line, symbol.end_line, left, symbol.id))
        left -= len(given[-1].text)
    return Excerpts(query, tuple(given), len(once) - len(given))


def _file(name: str, index: Index) -> str:
    """The one file of the index that a path names, whole or by its end."""
    name = name.removeprefix("./")
    if index.file(name) is not None:
        return name
    like = [] if name.startswith("/") or ".." in name.split("/") else index.files_ending(name)
    if len(like) == 1:
        return like[0]
    if like:
        raise UnknownName(f"{name!r} could be {len(like)} files", tuple(like[:_NEAREST]))
    raise UnknownName(f"the index has no file {name!r}", tuple(_like(name, index)))


def _like(name: str, index: Index) -> list[str]:
    """Paths of the index that look like one that it has not: of the same last part, else of a similar one."""
    last = name.rpartition("/")[2]
    paths: defaultdict[str, list[str]] = defaultdict(list)
    for path in index.paths():
        paths[path.rpartition("/")[2]].append(path)
    found = [path for near in get_close_matches(last, paths, n=_NEAREST, cutoff=0.75) for path in paths[near]]
    return sorted(found, key=lambda path: -SequenceMatcher(None, name, path).ratio())[:_NEAREST]


def _lines(source: bytes) -> list[str]:
    return source.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")


def _excerpt(file: str, lines: list[str], first: int, last: int, most: int, symbol: str | None) -> Excerpt:
    wanted = min(last, len(lines))
    kept = list(_fitting(lines[first - 1 : min(wanted, first + MOST_LINES - 1)], most))
    end = first + len(kept) - 1
    text = "\n".join(kept)
    return Excerpt(file, first, end, len(lines), text, end < wanted or len(kept[-1]) < len(lines[end - 1]), symbol)


def _fitting(lines: list[str], most: int) -> Iterator[str]:
    """As many lines as fit; the first in part where it is longer than all that may be given."""
    yield lines[0][:most]
    left = most - len(lines[0])
    for line in lines[1:]:
        left -= len(line) + 1
        if left < 0:
            return
        yield line
