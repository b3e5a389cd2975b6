"""What changed in the code under each step of a tour from one tree to another.

Lines are set against each other first, then the words of those that differ (diff-match-patch, whose clean-up makes of
scattered letters what a reader sees as one change). What is compared is what the step names: the statement's lines, or
the whole definition.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from diff_match_patch import diff_match_patch

from tour.anchors import Place, Reader, locate
from tour.index import Index
from tour.model import At
from tour.tours import Step, Tour

CONTEXT = 2
"""Lines that did not change, shown around those that did."""

_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of one hunk: where it stands in each tree, and its text in pieces."""

    before: int | None
    after: int | None
    pieces: tuple[tuple[str, str], ...]
    """``(" " | "-" | "+", text)``: what stayed, what went, what came. A changed line holds both its texts."""


@dataclass(frozen=True, slots=True)
class Change:
    """One step, from one tree to the other."""

    number: int
    """Which step of the tour it is, from 1."""
    step: str
    title: str
    states: tuple[str, ...]
    """Of ``same``, ``renamed``, ``moved`` (to another file), ``edited``; or one of ``added``, ``removed``, ``lost`` (in
    one of the two), ``absent`` (in both)."""
    before: At | None
    after: At | None
    symbol_before: str | None
    symbol_after: str | None
    hunks: tuple[tuple[Line, ...], ...]
    removed: int
    """Lines that went or changed."""
    added: int
    """Lines that came or changed."""
    notes: tuple[str, ...]
    """For each tree in which the step is not exactly where its anchor says: the version, and what was found instead."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two trees."""

    version: str
    index: Index
    read: Reader


def changes(tour: Tour, before: Side, after: Side, lang: str) -> list[Change]:
    """Every step of ``tour`` in both trees; raises what the readers raise."""
    return [
        _change(number, step, tour.prose[lang].sections[step.id].title, before, after)
        for number, step in enumerate(tour.steps, start=1)
    ]


def _change(number: int, step: Step, title: str, before: Side, after: Side) -> Change:
    old = locate(step, before.index, before.read, before.version)
    new = locate(step, after.index, after.read, after.version)
    states = _states(old, new)
    hunks: tuple[tuple[Line, ...], ...] = ()
    removed = added = 0
    if old.symbol and new.symbol:
        first, ours = _lines(old, before.read)
        other, theirs = _lines(new, after.read)
        hunks = tuple(_hunks(ours, theirs, first, other))
        lines = [line for hunk in hunks for line in hunk]
        removed = sum(any(kind == "-" for kind, _ in line.pieces) for line in lines)
        added = sum(any(kind == "+" for kind, _ in line.pieces) for line in lines)
        if hunks:
            states = (*(state for state in states if state != "same"), "edited")
    notes = tuple(
        f"{side.version}: {place.note}"
        for side, place in ((before, old), (after, new))
        if place.note and place.located not in {"exact", "absent"}
    )
    return Change(number, step.id, title, states, _at(old), _at(new), _id(old), _id(new), hunks, removed, added, notes)


def _states(old: Place, new: Place) -> tuple[str, ...]:
    if "lost" in {old.located, new.located}:
        return ("lost",)
    if old.symbol is None or new.symbol is None:
        if old.symbol is new.symbol:
            return ("absent",)
        return ("added",) if old.symbol is None else ("removed",)
    states = []
    if old.symbol.qualname != new.symbol.qualname:
        states.append("renamed")
    if old.symbol.file != new.symbol.file:
        states.append("moved")
    return tuple(states) or ("same",)


def _at(place: Place) -> At | None:
    return At(place.symbol.file, place.line) if place.symbol else None


def _id(place: Place) -> str | None:
    return place.symbol.id if place.symbol else None


def _lines(place: Place, read: Reader) -> tuple[int, list[str]]:
    """The number of the first line under a step, and the lines."""
    assert place.symbol is not None
    text = read(place.symbol.file).decode("utf-8", "replace").splitlines()
    first, last = place.lines or (place.symbol.start_line, place.symbol.end_line)
    return first, text[first - 1 : last]


def _hunks(old: Sequence[str], new: Sequence[str], first: int, other: int) -> Iterator[tuple[Line, ...]]:
    """Groups of changed lines with a little around them; numbers count from ``first`` and ``other``."""
    matcher = difflib.SequenceMatcher(None, [line.rstrip() for line in old], [line.rstrip() for line in new], False)
    for group in matcher.get_grouped_opcodes(CONTEXT):
        lines: list[Line] = []
        for tag, start, end, start_new, end_new in group:
            if tag == "equal":
                lines += [
                    Line(first + number, other + start_new + number - start, ((" ", old[number]),))
                    for number in range(start, end)
                ]
            else:
                lines += _words(old[start:end], new[start_new:end_new], first + start, other + start_new)
        yield tuple(lines)


def _words(old: Sequence[str], new: Sequence[str], first: int, other: int) -> list[Line]:
    """Lines that differ, with the words that do."""
    if not old:
        return [Line(None, other + number, (("+", line),)) for number, line in enumerate(new)]
    if not new:
        return [Line(first + number, None, (("-", line),)) for number, line in enumerate(old)]
    lines: list[Line] = []
    pieces: list[tuple[str, str]] = []
    before, after = first, other
    for kind, text in _word_pieces("\n".join(old), "\n".join(new)):
        head, *rest = text.split("\n")
        pieces.append((kind, head))
        for part in rest:  # a line ends here: in the old text, in the new one, or in both
            lines.append(_line(pieces, kind, before, after))
            before += kind != "+"
            after += kind != "-"
            pieces = [(kind, part)]
    return [*lines, _line(pieces, " ", before, after)]


def _line(pieces: Sequence[tuple[str, str]], ended: str, before: int, after: int) -> Line:
    """``ended`` says whose line ends: one that is only in the new text has no number in the old one."""
    held = {kind for kind, text in pieces if text} | {ended}
    kept = tuple((kind, text) for kind, text in pieces if text)
    return Line(before if held & {" ", "-"} else None, after if held & {" ", "+"} else None, kept)


def _word_pieces(old: str, new: str) -> list[tuple[str, str]]:
    """What stayed, went and came, word by word."""
    tool = diff_match_patch()
    codes: dict[str, str] = {}
    coded = [
        "".join(codes.setdefault(token, chr(len(codes) + 0x100)) for token in _TOKEN.findall(text))
        for text in (old, new)
    ]
    tokens = {code: token for token, code in codes.items()}
    found = tool.diff_main(coded[0], coded[1], False)
    words = [(kind, "".join(tokens[code] for code in text)) for kind, text in found]
    tool.diff_cleanupSemantic(words)
    return [({0: " ", -1: "-", 1: "+"}[kind], text) for kind, text in words]
