"""A step that is not where its tour says → the anchor that says where it is now, and how surely.

Certain is a place that one symbol alone bears the name for, or to which the tour's own hops lead: where the hop into
the step and the hop out of it are facts of the source again. Anything else is a proposal: names most alike in the same
scope or file, what the step before leads to now, the same statement elsewhere in the file, the line most like it.
Left out: steps that are taken from another tour, whose author mends them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from tour import edits, form, statements
from tour.anchors import Place, Reader, anchor_at, find, meant
from tour.errors import TourError
from tour.index import Index, StoredSymbol, last_part, split_id
from tour.links import Links, Node, node
from tour.model import PYTORCH, At, LinkKind, in_tree, inside, tree_of
from tour.proof import Passage, passages, walk
from tour.tours import Anchor, Step, Tour, schema

MOST = 3
"""Proposals for one step."""
TRIED = 6
"""Candidates that are looked at: each is held against the hops, which takes its time in a large tree."""
FEW = 40
"""Files of a scope that are searched for names alike; in the scope of more, such as ``at::native``, those of the steps
before and after alone."""
ALIKE = 0.55
"""How much a name, or a line, must be like the one that is lost, of 1."""

_KEYS = ("symbol", "file", "statement", "after", "through", "among")
_TRAILING = re.compile(r"\s+(#|//).*$")


@dataclass(frozen=True, slots=True)
class Repair:
    """A new anchor for a step, and what its ``tour.yaml`` is with it."""

    tour: str
    step: str
    file: Path
    """The ``tour.yaml``."""
    old: Anchor
    new: Anchor
    at: At
    """Where the new anchor leads, in the tree that was looked at."""
    certain: bool
    why: str
    before: str
    """The text of the file."""
    after: str

    @property
    def lines(self) -> tuple[int, int, str]:
        """First and last line of the file that it changes, and what stands there then; none, where it only adds."""
        old, new = self.before.splitlines(keepends=True), self.after.splitlines(keepends=True)
        blocks = [
            block
            for block in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
            if block[0] != "equal"
        ]
        first, last = blocks[0][1], blocks[-1][2]
        if first == last and first:  # what only comes in stands behind a line that stays
            return first, last, "".join(new[blocks[0][3] - 1 : blocks[-1][4]])
        return first + 1, last, "".join(new[blocks[0][3] : blocks[-1][4]])

    def diff(self, name: str) -> str:
        """The change as a unified diff of a file of that name, as ``git apply`` takes it."""
        return diff(self.before, self.after, name)


def diff(before: str, after: str, name: str) -> str:
    """The change of a file of that name as a unified diff, as ``git apply`` takes it."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    name = name.lstrip("/")
    return "".join(difflib.unified_diff(old, new, f"a/{name}", f"b/{name}"))


def repairs(tour: Tour, index: Index, read: Reader, version: str) -> dict[str, list[Repair]]:
    """For each step that is lost, moved or changed in a tree the anchors that may be meant, the surest first."""
    found = {}
    told = walk(tour, index, read, version)
    links = Links(index)
    for number, passage in enumerate(told):
        step = passage.step
        if step.included is not None or passage.place.located not in {"lost", "moved", "changed"}:
            continue
        old = meant(step, index, version)
        if old is None:
            continue
        made: list[Repair] = []
        for new, sure, why in islice(_candidates(number, told, old, index, read, links), TRIED):
            place = _exact(new, index, read)
            if place is None or place.symbol is None or new in {one.new for one in made}:
                continue
            if any(one.at == At(place.symbol.file, place.line) for one in made):
                continue
            proven = _is_proven(tour, step, old, new, index, read, version)
            why = "the hops into it and out of it are proven there" if proven and not sure else why
            if (repair := _repair(tour, step, old, new, place, sure or proven, why)) is not None:
                made.append(repair)
        if made:
            made.sort(key=lambda one: not one.certain)
            if len([one for one in made if one.certain]) > 1:  # two that are certain are none
                made = [replace(one, certain=False) for one in made]
            found[step.id] = made[:MOST]
    return found


def holds(repair: Repair, step: Step, index: Index, read: Reader, version: str) -> bool:
    """Whether a repair is none the worse in another tree, where the step is there by the same anchor."""
    if meant(step, index, version) != repair.old:
        return True
    before, now = find(repair.old, index, read), find(repair.new, index, read)
    return now.located in {"exact", "former", "absent"} or now.located == before.located


def _candidates(
    number: int, told: Sequence[Passage], old: Anchor, index: Index, read: Reader, links: Links
) -> Iterator[tuple[Anchor, bool, str]]:
    """Anchors that may be meant, whether that is certain, and why."""
    place = told[number].place
    if place.symbol is not None:
        renamed = place.symbol.id != old.symbol.partition("(")[0]
        alone = place.located == "moved" and place.symbol.is_definition
        why = place.note or place.located
        for anchor in _for_place(place, old, index, read, renamed):
            yield anchor, alone, why
        return
    book = index.of(old.tree)
    if book is None:
        return
    scheme, qualname, _ = split_id(old.symbol)
    bearing = [symbol for symbol in book.symbols(qualname, scheme) if symbol.is_definition]
    for symbol in bearing if old.statement is None else ():
        yield from ((anchor, False, "one of those that bear the name") for anchor in _of(symbol, old, index, read))
    if bearing and old.statement is not None:
        yield from _statements(old, bearing, index, read)
    if bearing:
        return
    named = last_part(qualname)
    ahead = [symbol for symbol in _led_to(number, told, index, links) if symbol.scheme == scheme]
    for symbol in sorted({*ahead}, key=lambda one: -_ratio(one.name, named)):
        yield from ((anchor, False, "the step before leads there") for anchor in _of(symbol, old, index, read))
    around = [told[place].place.symbol for place in (number - 1, number + 1) if 0 <= place < len(told)]
    files = [symbol.file for symbol in around if symbol is not None and tree_of(symbol.file) == book.tree]
    near = {symbol for symbol in _near(old, qualname, scheme, book, files) if _ratio(symbol.name, named) >= ALIKE}
    for symbol in sorted(near, key=lambda one: (-_ratio(one.name, named), one.line)):
        yield from ((anchor, False, "the name most like it there") for anchor in _of(symbol, old, index, read))


def _for_place(place: Place, old: Anchor, index: Index, read: Reader, renamed: bool) -> Iterator[Anchor]:
    """The anchor for a place that was found on a lower rung: in the author's words as far as they still hold."""
    assert place.symbol is not None
    symbol = place.symbol
    if place.statement:
        yield _kept(replace(old, symbol=symbol.id, file=None), old)
        yield _kept(replace(old, symbol=symbol.id, file=inside(symbol.file)), old)
    line, last = (place.line, place.end_line) if place.statement else (symbol.line, symbol.line)
    try:
        made = anchor_at(symbol.file, line, last, index, read)
    except TourError:
        return
    yield _kept(made, old)


def _of(symbol: StoredSymbol, old: Anchor, index: Index, read: Reader) -> Iterator[Anchor]:
    """The anchor for a symbol, or for the same statement in it."""
    if old.statement is not None:
        yield _kept(replace(old, symbol=symbol.id, file=None), old)
        return
    try:
        yield _kept(anchor_at(symbol.file, symbol.line, symbol.line, index, read), old)
    except TourError:
        return


def _kept(new: Anchor, old: Anchor) -> Anchor:
    """An anchor with what an author says beside the place; a former name is kept where other versions may have it."""
    formerly = old.formerly
    if old.tree == PYTORCH and new.symbol != old.symbol and old.symbol not in formerly:
        formerly = (old.symbol, *formerly)
    return replace(new, formerly=formerly, versions=old.versions, line=old.line, tree=old.tree)


def _led_to(number: int, told: Sequence[Passage], index: Index, links: Links) -> Iterator[StoredSymbol]:
    """What the step before leads to now by its hop's kind, at once or by way of what it calls."""
    by_id = {passage.step.id: passage.place for passage in told}
    hop = told[number - 1].step.hop if number else None
    origin = by_id[hop.origin] if hop else None
    if hop is None or origin is None or origin.symbol is None:
        return
    first = links.leaving(node(origin.symbol), origin.lines)
    ways = [link for link in first if link.kind is hop.kind]
    for link in first if hop.kind is not LinkKind.CALLS else ():
        if link.kind is LinkKind.CALLS:
            ways += [one for one in links.leaving(Node(link.target, link.target_at)) if one.kind is hop.kind]
    for link in ways:
        if link.target_at is not None:
            yield from (symbol for symbol in index.symbols_in(link.target_at.file) if symbol.at == link.target_at)


def _near(old: Anchor, qualname: str, scheme: str, book: Index, files: list[str]) -> Iterator[StoredSymbol]:
    """Definitions in the scope that the lost name was in, or in the file that the anchor names.

    ``files`` are those that the steps around are in.
    """
    scope = qualname.removesuffix(last_part(qualname)).rstrip(".:")
    files = [*([in_tree(book.tree, old.file)] if old.file else []), *files]
    wide = {around.file: None for around in (book.symbols(scope, scheme) if scope else ())}
    files += wide if len(wide) <= FEW else ()
    for file in dict.fromkeys(files):
        for symbol in book.symbols_in(file):
            inside_scope = symbol.qualname.removesuffix(symbol.name).rstrip(".:") == scope
            if symbol.is_definition and symbol.scheme == scheme and (inside_scope or old.file):
                yield symbol


def _statements(
    old: Anchor, bearing: Sequence[StoredSymbol], index: Index, read: Reader
) -> Iterator[tuple[Anchor, bool, str]]:
    """Where else in its file a lost statement stands, then the line of its symbol that is most like it."""
    assert old.statement is not None
    wanted = statements.fold(old.statement).removesuffix(statements.CUT)
    for file in dict.fromkeys(symbol.file for symbol in bearing):
        lines = list(enumerate(read(file).decode("utf-8", "replace").splitlines(), start=1))
        same = [number for number, line in lines if statements.fold(line).startswith(wanted)]
        rows = {number for one in bearing if one.file == file for number in range(one.start_line, one.end_line + 1)}
        body = [(number, _TRAILING.sub("", statements.fold(line))) for number, line in lines if number in rows]
        like = sorted(((_ratio(line, wanted), number) for number, line in body), reverse=True)
        for number in same[:MOST]:
            yield from ((one, False, "the same text stands there") for one in _at(file, number, old, index, read))
        for ratio, number in like[:1]:
            if ratio >= ALIKE:
                yield from ((one, False, "the line most like it") for one in _at(file, number, old, index, read))


def _at(file: str, line: int, old: Anchor, index: Index, read: Reader) -> Iterator[Anchor]:
    try:
        yield _kept(anchor_at(file, line, line, index, read), old)
    except TourError:
        return


def _ratio(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()


def _exact(anchor: Anchor, index: Index, read: Reader) -> Place | None:
    place = find(anchor, index, read)
    return place if place.located == "exact" else None


def _is_proven(
    tour: Tour, step: Step, old: Anchor, new: Anchor, index: Index, read: Reader, version: str
) -> bool:  # fmt: skip
    """Whether with a new anchor both hops at a step, of which there is one into it, are shown by exact links."""
    mended = replace(step, anchors=tuple(new if anchor == old else anchor for anchor in step.anchors))
    steps = [mended if one.id == step.id else one for one in tour.steps]
    number = steps.index(mended)
    before = steps[number - 1] if number else None
    if before is None or before.hop is None:
        return False
    origins = {hop.origin for one in (before, mended) if (hop := one.hop)}
    needed = {before.id, step.id, *origins}
    after = steps[number + 1 : number + 2]
    few = [replace(one, hop=one.hop if one.id in {before.id, step.id} else None) for one in steps if one.id in needed]
    few += [replace(one, hop=None) for one in after if one.id not in needed]
    grades = {
        passage.step.id: passage.proof.grade if passage.proof else "none"
        for passage in passages(replace(tour, steps=tuple(few)), index, read, version)
        if passage.step.hop is not None
    }
    return grades[before.id] == "exact" and grades.get(step.id, "exact") in {"exact", "asserted"}


def _repair(
    tour: Tour, step: Step, old: Anchor, new: Anchor, place: Place, certain: bool, why: str
) -> Repair | None:  # fmt: skip
    """The repair as a change of the tour's file; ``None`` where that cannot be edited in place."""
    assert place.symbol is not None
    try:
        before = tour.file.read_text(encoding="utf-8")
        after = rewritten(before, tour.file, step.id, step.anchors.index(old), old, new)
    except (OSError, TourError):
        return None
    if before == after:
        return None
    return Repair(
        tour.name, step.id, tour.file, old, new, At(place.symbol.file, place.line), certain, why, before, after
    )


def rewritten(text: str, file: Path, step: str, number: int, old: Anchor, new: Anchor) -> str:
    """A ``tour.yaml`` with one anchor of a step made anew; raises ``TourError`` where that cannot be done in place."""
    data: Any = form.read(file, text, schema(), "").data
    entry = next((place for place, one in enumerate(data["steps"]) if one.get("id") == step), None)
    if entry is None:
        raise TourError(f"there is no step {step!r} any more", at=str(file))
    anchor = data["steps"][entry]["anchor"]
    where = ("steps", entry, "anchor", *((number,) if isinstance(anchor, list) else ()))
    was, now = old.written, new.written
    values: dict[str, edits.Value | None] = {key: now.get(key) for key in _KEYS if was.get(key) != now.get(key)}
    if new.formerly != old.formerly:
        values["formerly"] = list(new.formerly)
    return edits.changed(text, where, values, "symbol")


def applied(text: str, file: Path, chosen: Iterable[Repair], tour: Tour) -> str:
    """A ``tour.yaml`` with several repairs made."""
    steps = {step.id: step for step in tour.steps}
    for repair in chosen:
        number = steps[repair.step].anchors.index(repair.old)
        text = rewritten(text, file, repair.step, number, repair.old, repair.new)
    return text
