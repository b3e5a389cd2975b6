"""The surest way from one place to another through the links, shortest where equally sure.

A best-first search over links that are worked out as it goes; every link costs one, and a link by name costs more the
more candidates it had, so a guess is taken only where nothing surer leads there. Where the goal is known by name
(``between``), a look backwards at who mentions whom says how far a place is from it at least (A*, Hart, Nilsson and
Raphael 1968), and what cannot lead there is never worked out.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence, Set
from itertools import count
from math import inf, log2

from tour.index import Index, last_part
from tour.links import LINKERS, Links, Node
from tour.model import Grade, Link, LinkKind

MOST_EXPANDED = 3000
"""Symbols looked at before a search gives up."""

LONGEST = 24
"""Links in a route: ``torch.nn.functional.batch_norm`` reaches its kernel over 20, each call of an operator from C++
being four through generated code."""

_UNTOLD = ("at::_ops::", "at::wrapper_", "torch::autograd::THPVariable_")
"""Generated code that a look backwards says too little of: its way on is told by a name that its body does not mention
(``links/generated.py``), or it is one of thousands alike, and the look stops before it."""

_MOST_NAMES = 60
"""The look backwards ends where it would go on from more names than that: it must cost less than it saves."""

_MOST_FILES = 30
"""A name that more files mention leads everywhere; it is followed into the first of them."""


_STANDS_FOR = {"operators/binding": 4.0, "dispatcher/entry": 2.0, "dispatcher/structured": 2.0}
"""Rules whose links stand for generated code, and how many links lead through that code where the index has it: a
binding, ``at::f``, ``at::_ops::f::call``, the operator; the kernel's wrapper, the kernel."""


_STANDS_FOR = {"operators/binding": 4.0, "dispatcher/entry": 2.0, "dispatcher/structured": 2.0}
"""Rules whose links stand for generated code, and how many links lead through that code where the index has it: a
binding, ``at::f``, ``at::_ops::f::call``, the operator; the kernel's wrapper, the kernel."""


def cost(link: Link) -> float:
    """What a link adds to a route: 1 for a fact, or a little more than the code it stands for; for a guess 4, and 1
    more each time its candidates double."""
    if link.grade is not Grade.EXACT:
        return 3.0 + log2(max(2, link.candidates))
    return _STANDS_FOR.get(link.rule, 0.5) + 0.5


def surest(
    links: Links,
    starts: Sequence[tuple[Node, tuple[int, int] | None]],
    arrived: Callable[[Link], bool],
    *,
    avoid: Set[Node] = frozenset(),
    kinds: frozenset[LinkKind] = frozenset(LinkKind),
    linkers: tuple[str, ...] = tuple(LINKERS),
    longest: int = LONGEST,
    left: Callable[[Node], float | None] = lambda node: 0.0,
) -> list[Link]:
    """The links of the surest route from one of ``starts`` to a link that ``arrived`` accepts.

    A start is a symbol, or some lines of it. The route passes through none of ``avoid``. ``left`` says what a route
    from a node costs at least, or ``None`` where none can be. Empty where there is no route within ``longest`` links
    of the given kinds.
    """
    order = count()
    # The lines count for the start alone: further on a route passes through whole symbols.
    queue: list[tuple[float, int, float, Node, tuple[int, int] | None, list[Link]]] = [
        (0.0, next(order), 0.0, start, lines, []) for start, lines in starts
    ]
    seen: set[Node] = set()
    best: tuple[float, list[Link]] | None = None
    while queue and len(seen) < MOST_EXPANDED:
        bound, _, spent, here, within, way = heapq.heappop(queue)
        if best is not None and best[0] <= bound:
            break
        if here in seen:
            continue
        seen.add(here)
        for link in links.leaving(here, within, linkers):
            if link.kind not in kinds:
                continue
            total = spent + cost(link)
            if arrived(link):
                if best is None or total < best[0]:
                    best = (total, [*way, link])
                continue
            further = Node(link.target, link.target_at)
            if further in seen or further in avoid or len(way) + 1 >= longest:
                continue
            rest = left(further)
            if rest is not None:
                heapq.heappush(queue, (total + rest, next(order), total, further, None, [*way, link]))
    return best[1] if best else []


def between(
    index: Index, links: Links, starts: Sequence[Node], goals: Sequence[Node], *, alternatives: int = 0
) -> list[list[Link]]:
    """The surest route from any of ``starts`` to any of ``goals``, then up to ``alternatives`` others.

    Each alternative avoids a place that the routes before it pass through. Empty where there is no route.
    """
    away, beyond = _levels(index, goals)
    wanted = {(goal.id, goal.at) for goal in goals}

    def left(at: Node) -> float | None:
        if at.qualname.startswith(_UNTOLD):
            return 0.0
        level = away.get(last_part(at.qualname).partition(".")[0], beyond)
        return None if level == inf else max(0.0, level - 1.0)

    def route(avoid: Set[Node]) -> list[Link]:
        return surest(
            links,
            [(start, None) for start in starts],
            lambda link: (link.target, link.target_at) in wanted,
            avoid=avoid,
            left=left,
        )

    routes = [route(frozenset())]
    avoided: set[Node] = set()
    while routes[-1] and len(routes) <= alternatives:
        middle = [Node(link.target, link.target_at) for link in routes[-1][:-1]]
        if not middle:
            break
        avoided.add(middle[-1])
        routes.append(route(avoided))
    return [found for found in routes if found]


def _levels(index: Index, goals: Sequence[Node]) -> tuple[Mapping[str, float], float]:
    """For each name near the goals over how many links it could lead there at least; and that of all other names."""
    level = {last_part(goal.qualname).partition(".")[0] for goal in goals}
    away: dict[str, float] = dict.fromkeys(level, 0.0)
    for distance in range(1, LONGEST + 1):
        level = {other for name in level for other in index.names_leading_to(name, _MOST_FILES) if other not in away}
        if not level:
            return away, inf
        away |= dict.fromkeys(level, float(distance))
        if len(level) > _MOST_NAMES:
            break
    return away, distance + 1.0
