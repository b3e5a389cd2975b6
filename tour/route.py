"""The surest way from one place to another through the links, shortest where equally sure.

A best-first search (Dijkstra) over links that are worked out as it goes; every link costs one, and a link by name costs
more the more candidates it had, so a guess is taken only where nothing surer leads there. Between two names the search
goes from both ends and meets in the middle.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence, Set
from itertools import count
from math import inf, log2

from tour.index import Index, last_part
from tour.links import LINKERS, WRITTEN, Links, Node
from tour.model import Grade, Link, LinkKind

MOST_EXPANDED = 3000
"""Symbols looked at before a search gives up."""

LONGEST = 24
"""Links in a route: ``torch.nn.functional.batch_norm`` reaches its kernel over 20, each call of an operator from C++
being four through generated code."""

_MOST_FILES = 40
"""A name that more files mention leads everywhere; what leads to it is looked for from the other end only."""

_DEARER = 4
"""How many times as long it takes to find what leads to a place than what it leads to."""

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
) -> list[Link]:
    """The links of the surest route from one of ``starts`` to a link that ``arrived`` accepts.

    A start is a symbol, or some lines of it. The route passes through none of ``avoid``. Empty where there is none
    within ``longest`` links of the given kinds.
    """
    order = count()
    # The lines count for the start alone: further on a route passes through whole symbols.
    queue: list[tuple[float, int, Node, tuple[int, int] | None, list[Link]]] = [
        (0.0, next(order), start, lines, []) for start, lines in starts
    ]
    seen: set[Node] = set()
    best: tuple[float, list[Link]] | None = None
    while queue and len(seen) < MOST_EXPANDED:
        spent, _, here, within, way = heapq.heappop(queue)
        if best is not None and best[0] <= spent:
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
            if further not in seen and further not in avoid and len(way) + 1 < longest:
                heapq.heappush(queue, (total, next(order), further, None, [*way, link]))
    return best[1] if best else []


def between(
    index: Index, links: Links, starts: Sequence[Node], goals: Sequence[Node], *, alternatives: int = 0
) -> list[list[Link]]:
    """The surest route from any of ``starts`` to any of ``goals``, then up to ``alternatives`` others.

    What runs without a written call is a way only where no other is. Each alternative avoids a place that the
    routes before it pass through. Empty where there is no route.
    """
    linkers = WRITTEN
    routes = [_Meeting(index, links, starts, goals, frozenset(), linkers).route()]
    if not routes[0]:
        linkers = tuple(LINKERS)
        routes = [_Meeting(index, links, starts, goals, frozenset(), linkers).route()]
    avoided: set[Node] = set()
    while routes[-1] and len(routes) <= alternatives:
        middle = [Node(link.target, link.target_at) for link in routes[-1][:-1]]
        if not middle:
            break
        avoided.add(middle[-1])
        routes.append(_Meeting(index, links, starts, goals, avoided, linkers).route())
    return [found for found in routes if found]


class _Meeting:
    """A search from both ends (Pohl 1971): each step goes on where fewer places wait, until no better way can meet."""

    def __init__(
        self,
        index: Index,
        links: Links,
        starts: Sequence[Node],
        goals: Sequence[Node],
        avoid: Set[Node],
        linkers: tuple[str, ...],
    ) -> None:
        self._index = index
        self._linkers = linkers
        self._links = links
        self._avoid = avoid
        self._order = count()
        self._ahead = _Side(starts)
        self._behind = _Side(goals)
        self._best: tuple[float, Node] | None = None
        for node in self._ahead.cost.keys() & self._behind.cost.keys():
            self._best = (0.0, node)

    def route(self) -> list[Link]:
        """The links of the best way, in order; empty where the ends do not meet."""
        ahead, behind = self._ahead, self._behind
        for _ in range(MOST_EXPANDED):
            if not ahead.queue or not behind.queue:
                break
            if self._best is not None and ahead.queue[0][0] + behind.queue[0][0] >= self._best[0]:
                break
            side = ahead if len(ahead.queue) <= _DEARER * len(behind.queue) else behind
            spent, _, here = heapq.heappop(side.queue)
            if here in side.settled:
                continue
            side.settled.add(here)
            self._expand(side, here, spent)
        if self._best is None:
            return []
        way: list[Link] = []
        at = self._best[1]
        while (link := ahead.way.get(at)) is not None:
            way.insert(0, link[1])
            at = link[0]
        at = self._best[1]
        while (link := behind.way.get(at)) is not None:
            way.append(link[1])
            at = link[0]
        return way

    def _expand(self, side: _Side, here: Node, spent: float) -> None:
        other = self._behind if side is self._ahead else self._ahead
        if side is self._behind and self._index.files_mentioning(last_part(here.qualname)) > _MOST_FILES:
            return
        ahead = side is self._ahead
        for link in self._links.leaving(here, None, self._linkers) if ahead else self._links.arriving(here):
            further = Node(link.target, link.target_at) if ahead else self._links.placed(link)
            total = spent + cost(link)
            if further in self._avoid or total >= side.cost.get(further, inf):
                continue
            side.cost[further] = total
            side.way[further] = (here, link)
            heapq.heappush(side.queue, (total, next(self._order), further))
            if further in other.cost and (self._best is None or total + other.cost[further] < self._best[0]):
                self._best = (total + other.cost[further], further)


class _Side:
    """What a search knows from one of its ends."""

    def __init__(self, ends: Sequence[Node]) -> None:
        self.cost: dict[Node, float] = dict.fromkeys(ends, 0.0)
        self.way: dict[Node, tuple[Node, Link]] = {}
        self.queue: list[tuple[float, int, Node]] = [(0.0, -number, end) for number, end in enumerate(ends, start=1)]
        self.settled: set[Node] = set()
        heapq.heapify(self.queue)
