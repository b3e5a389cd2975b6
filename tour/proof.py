"""A hop → the links that show it, and how surely; and a whole tour, step by step, in one tree.

A hop is shown by one link of its kind from the origin's lines to the next step's place, or by a short route whose
last link is of that kind and whose others are calls and imports; a call of a name also by the row of a table that
binds the name, where that row is the next step. ``then`` is shown by the order of lines in one body,
``contains`` by a definition inside another; ``inherits`` from either end.
Where nothing shows a hop the author's reason stands in (``asserted``), and without one it is unproven (``none``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Any

from tour.anchors import Place, Reader, locate
from tour.answers import rules
from tour.index import Index
from tour.links import LINKERS, WRITTEN, Links, Node, node
from tour.model import At, Grade, Link, LinkKind
from tour.route import surest
from tour.tours import Hop, Step, Tour

LONGEST = {LinkKind.IMPORTS: 8}
"""Links in a route that may show a hop; an import reaches through packages, anything else is near or nothing."""
_ROWS: Mapping[LinkKind, tuple[LinkKind, ...]] = {LinkKind.CALLS: (LinkKind.BINDS,)}
"""What may come last besides the hop's kind: who calls a name calls the row that binds it, if that row is the step."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What shows a hop."""

    grade: str
    """``exact``, ``name``, ``asserted`` or ``none``."""
    at: At | None = None
    """Where the deciding link can be seen: the last one; of a chain of imports the first, which the origin holds."""
    links: tuple[Link, ...] = ()
    problem: str | None = None
    """Why there is no proof, where there is none."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One step of a tour in one tree, and how it leads on."""

    step: Step
    place: Place
    to: str | None
    """Id of the next step that this version has; ``None`` at the end and where the walk enters anew."""
    proof: Proof | None


def walk(tour: Tour, index: Index, read: Reader, version: str) -> list[Passage]:
    """Locate every step of a tour and prove every hop. Steps that this version lacks are passed over.

    The index remembers the result until its facts change, for a walk is asked for far more often than it changes.
    """
    if tour.trees == {index.standing("").name}:
        index = index.standing("")  # what stands beside it changes nothing
    key = f"{tour.name} {tour.digest} {version} {rules()}"
    told = index.recall(key)
    if told is not None:
        return [_restored(step, fields, index) for step, fields in zip(tour.steps, json.loads(told), strict=True)]
    found = passages(tour, index, read, version)
    index.remember(key, json.dumps([_kept(passage) for passage in found]))
    return found


def passages(tour: Tour, index: Index, read: Reader, version: str) -> list[Passage]:
    """The same as ``walk``, worked out anew and not remembered."""
    links = Links(index)
    places = {step.id: locate(step, index, read, version) for step in tour.steps}
    order = {step.id: number for number, step in enumerate(tour.steps)}
    found = []
    for number, step in enumerate(tour.steps):
        to = _onward(tour.steps[number + 1 :], places) if step.hop and places[step.id].located != "absent" else None
        proof = None
        if step.hop is not None and to is not None and places[step.hop.origin].located != "absent":
            # what is being imported is not imported again; of calls only the way back through the start shows nothing
            last = number if step.hop.kind is LinkKind.IMPORTS else order[step.hop.origin]
            under_way = {node(place.symbol) for place in list(places.values())[: last + 1] if place.symbol}
            proof = prove(step.hop, places[step.hop.origin], places[to], index, links, under_way)
        found.append(Passage(step, places[step.id], to if proof is not None else None, proof))
    return found


def _onward(later: Iterable[Step], places: Mapping[str, Place]) -> str | None:
    """The step that a walk comes to next: what a version does not have it passes over, what lies in a tree that is not
    at hand it cannot."""
    for step in later:
        if not places[step.id].has_tree:
            return None
        if places[step.id].located != "absent":
            return step.id
    return None


def _kept(passage: Passage) -> list[Any]:
    """A passage as plain data."""
    place, proof = passage.place, passage.proof
    row = place.symbol.row if place.symbol else None
    kept: list[Any] = [
        place.located,
        place.asked,
        row,
        place.line,
        place.end_line,
        place.statement,
        place.note,
        place.tree,
        place.has_tree,
        passage.to,
    ]
    if proof is not None:
        links = list(proof.links)
        kept.append([proof.grade, proof.at, links, proof.problem])
    return kept


def _restored(step: Step, kept: list[Any], index: Index) -> Passage:
    located, asked, row, line, end_line, statement, note, tree, has_tree, to, *rest = kept
    symbol = index.symbol(row) if row is not None else None
    place = Place(located, asked, symbol, line, end_line, statement, note, tree, has_tree)
    proof = None
    if rest:
        grade, at, links, problem = rest[0]
        proof = Proof(grade, At(*at) if at else None, tuple(_restored_link(*link) for link in links), problem)
    return Passage(step, place, to, proof)


def _restored_link(
    kind: str,
    source: str,
    target: str,
    target_at: Any,
    at: Any,
    rule: str,
    grade: str,
    candidates: int,
    key: str | None,
) -> Link:
    return Link(
        LinkKind(kind),
        source,
        target,
        At(*target_at) if target_at else None,
        At(*at),
        rule,
        Grade(grade),
        candidates,
        key,
    )


def prove(
    hop: Hop, origin: Place, target: Place, index: Index, links: Links, under_way: Set[Node] = frozenset()
) -> Proof:
    """Look for what shows ``hop`` between two located places.

    No route passes through ``under_way``, the symbols of earlier steps: a module that is being imported does not run
    a second time, and a way back through the start of the walk shows nothing.
    """
    if origin.symbol is None or target.symbol is None:
        return _unproven(hop, "one end of it is not located")
    if hop.kind is LinkKind.THEN:
        return _in_order(hop, origin, target)
    if hop.kind is LinkKind.CONTAINS:
        return _inside(hop, origin, target, index)
    passing = frozenset({LinkKind.CALLS, LinkKind.IMPORTS, hop.kind, *_ROWS.get(hop.kind, ())})
    if hop.kind is LinkKind.IMPORTS:
        passing = frozenset({LinkKind.IMPORTS})
    if hop.kind is LinkKind.INHERITS and not origin.statement:
        back = _inherited(links, origin, target)
        if back:
            return Proof(back[0].grade.value, back[0].at, tuple(back))
    way: list[Link] = []
    # A call that is written shows more than one that is not.
    for linkers in [("imports",)] if hop.kind is LinkKind.IMPORTS else [WRITTEN, tuple(LINKERS)]:
        way = way or surest(
            links,
            _starts(hop, origin, index),
            lambda link: _is_meant(link, hop) and _arrives(link, target, hop),
            avoid=under_way,
            kinds=passing,
            linkers=linkers,
            longest=LONGEST.get(hop.kind, 2),
        )
    if not way:
        return _unproven(hop, f"the index has no {hop.kind} link from {_named(origin)} to {_named(target)}")
    grade = Grade.NAME if any(link.grade is Grade.NAME for link in way) else Grade.EXACT
    seen = way[0] if hop.kind is LinkKind.IMPORTS else way[-1]
    return Proof(grade.value, seen.at, tuple(way))


def _starts(hop: Hop, origin: Place, index: Index) -> list[tuple[Node, tuple[int, int] | None]]:
    """The step's lines, and whatever these define: an extension module is declared by a statement.

    What differentiates a function differentiates all of it.
    """
    assert origin.symbol is not None
    lines = None if hop.kind is LinkKind.DIFFERENTIATES else origin.lines
    starts: list[tuple[Node, tuple[int, int] | None]] = [(node(origin.symbol), lines)]
    if origin.statement:
        inside = index.members(origin.symbol.row)
        starts += [(node(symbol), None) for symbol in inside if origin.line <= symbol.line <= origin.end_line]
    return starts


def _is_meant(link: Link, hop: Hop) -> bool:
    return link.kind is hop.kind or link.kind in _ROWS.get(hop.kind, ())


def _arrives(link: Link, target: Place, hop: Hop) -> bool:
    """Whether a link leads to the step's symbol, or to something that its statement defines."""
    if target.symbol is None:
        return False
    # what binds a name is a statement of its own: a row of a table, or a call of pybind11's `def` or `class_`
    ends = [link.target_at if link.kind is hop.kind else None, link.at if link.kind is LinkKind.BINDS else None]
    if ends[0] is not None and ends[0] == target.symbol.at:
        return True
    if not target.statement:
        return False
    return any(
        end is not None and end.file == target.symbol.file and target.line <= end.line <= target.end_line
        for end in ends
    )


def _inherited(links: Links, origin: Place, target: Place) -> list[Link]:
    """The link from a derived class back to its base: a story may be told from either end."""
    assert origin.symbol is not None and target.symbol is not None
    found = links.leaving(node(target.symbol))
    return [link for link in found if link.kind is LinkKind.INHERITS and link.target_at == origin.symbol.at]


def _in_order(hop: Hop, origin: Place, target: Place) -> Proof:
    """``then``: both in one body, the target further down."""
    assert origin.symbol is not None and target.symbol is not None
    if origin.symbol.row != target.symbol.row:
        return _unproven(hop, f"{_named(origin)} and {_named(target)} are not in one body")
    if origin.statement and target.line <= origin.end_line:
        return _unproven(hop, f"{_named(target)} does not come after {_named(origin)}")
    at = At(target.symbol.file, target.line)
    link = Link(
        LinkKind.THEN, origin.symbol.id, target.symbol.id, target.symbol.at, at, "proof/order-of-lines", Grade.EXACT
    )
    return Proof(Grade.EXACT.value, at, (link,))


def _inside(hop: Hop, origin: Place, target: Place, index: Index) -> Proof:
    """``contains``: the target is defined in the origin's body."""
    assert origin.symbol is not None and target.symbol is not None
    around = target.symbol
    while around.parent is not None and around.row != origin.symbol.row:
        around = index.symbol(around.parent)
    if around.row != origin.symbol.row or around.row == target.symbol.row:
        return _unproven(hop, f"{_named(target)} is not defined in {_named(origin)}")
    if origin.statement and not origin.line <= target.symbol.line <= origin.end_line:
        return _unproven(hop, f"{_named(target)} is not defined in these lines of {origin.symbol.id}")
    at, rule = target.symbol.at, "proof/definition"
    link = Link(LinkKind.CONTAINS, origin.symbol.id, target.symbol.id, at, at, rule, Grade.EXACT)
    return Proof(Grade.EXACT.value, at, (link,))


def _unproven(hop: Hop, problem: str) -> Proof:
    return Proof(Grade.ASSERTED.value if hop.because else "none", problem=problem)


def _named(place: Place) -> str:
    assert place.symbol is not None
    return f"{place.symbol.id} ({place.symbol.file}:{place.line})"
