"""The surest way from one place to another through the links, shortest where equally sure.

A best-first search (Dijkstra) over links that are worked out as it goes; every link costs one, and a link by name costs
more the more candidates it had, so a guess is taken only where nothing surer leads there. Between two names the search
goes from both ends and meets in the middle.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence, Set
from itertools import count
from math import inf, log2

from tour.dispatch import SWITCHED_ON, Dispatch, Side
from tour.index import Index
from tour.links import LINKERS, WRITTEN, Links, Node, arriving, stored
from tour.model import Grade, Kind, Link, LinkKind

MOST_EXPANDED = 3000
"""Symbols looked at before a search gives up."""

LONGEST = 24
"""Links in a route: ``torch.nn.functional.batch_norm`` reaches its kernel over 20, each call of an operator from C++
being four through generated code."""

_MOST_FILES = 40
"""A name that more files mention leads everywhere; what leads to it is looked for from the other end only."""

MOST_READ = 800
"""Places that make links, looked at before a search between two names gives up; twice as many where ways lead through
generated code and are twice as long."""

_ALONE = 300
"""As many where nothing more leads to the goal as far as can be told from there, which is not all that leads to it."""

_OF_PYTHON = 10
"""How many places in C++ can be looked at in the time that a name in Python takes."""

_CLOSE = 0.75
"""A way by facts alone is taken where none can cost less than this part of it: to find one link less, a search would
have to read many times as much."""

_STANDS_FOR = {"operators/binding": 4.0, "dispatcher/entry": 2.0, "dispatcher/structured": 2.0}
"""Rules whose links stand for generated code, and how many links lead through that code where the index has it: a
binding, ``at::f``, ``at::_ops::f::call``, the operator; the kernel's wrapper, the kernel."""

_RARE = 3.0
"""What a way costs more through a kernel for a key that something must switch on first, such as ``vmap``."""


def cost(link: Link) -> float:
    """What a link adds to a route: 1 for a fact, or a little more than the code it stands for; for a guess 4, and 1
    more each time its candidates double. A kernel that a plain call does not come to costs more."""
    rare = _RARE if link.key is not None and SWITCHED_ON.fullmatch(link.key) else 0.0
    if link.grade is not Grade.EXACT:
        return 3.0 + log2(max(2, link.candidates)) + rare
    return _STANDS_FOR.get(link.rule, 0.5) + 0.5 + rare


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

    What runs without a written call is a way only where no other is. Each alternative avoids a place that the routes
    before it pass through. Empty where there is no route. A class of Python starts also at its ``forward``, which
    calling its objects runs.
    """
    starts = [*starts, *(found for start in starts for found in _run_by(start, index, links))]
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


def _run_by(start: Node, index: Index, links: Links) -> Iterator[Node]:
    classes = [symbol for symbol in stored(index, start) if start.scheme == "py" and symbol.kind is Kind.CLASS]
    yield from (found for owner in classes for found in links.member(owner, "forward"))


State = tuple[Node, Side]
"""A place, and on which side of autograd a route passes it."""


class _Meeting:
    """A search from both ends (Pohl 1971) that goes on where less has been read, until no better way can meet."""

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
        starts = [start for start in starts if not _is_test(start)] or starts
        goals = [goal for goal in goals if not _is_test(goal)] or goals
        self._in_tests = any(_is_test(end) for end in (*starts, *goals))
        self._dispatch = Dispatch(index, links)
        self._ahead = _Side([(start, Side.ABOVE) for start in starts])
        self._behind = _Side([(goal, side) for goal in goals for side in self._dispatch.sides()])
        self._best: tuple[float, State] | None = None
        for node in self._ahead.cost.keys() & self._behind.cost.keys():
            self._best = (0.0, node)

    def route(self) -> list[Link]:
        """The links of the best way, in order; empty where the ends do not meet."""
        ahead, behind = self._ahead, self._behind
        most = MOST_READ * len(self._dispatch.sides()[:2])
        while ahead.queue and ahead.work + behind.work < most and not self._is_settled():
            if not behind.queue and (self._best is not None or ahead.work > (most if behind.is_cut else _ALONE)):
                break
            side = behind if behind.queue and behind.work <= ahead.work else ahead
            spent, *_, here = heapq.heappop(side.queue)
            if here not in side.settled:
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

    def _is_settled(self) -> bool:
        """Whether no way that is still to be found can be better, or none by much and this one holds no guess."""
        if self._best is None:
            return False
        least = self._ahead.least() + self._behind.least()
        return least >= self._best[0] * (_CLOSE if self._is_sure() else 1.0)

    def _is_sure(self) -> bool:
        """Whether the best way so far goes by facts alone."""
        at = self._best[1] if self._best else None
        return at is not None and self._ahead.is_sure(at) and self._behind.is_sure(at)

    def _expand(self, side: _Side, here: State, spent: float) -> None:
        other = self._behind if side is self._ahead else self._ahead
        for link, further in self._ways_on(side, here):
            total = spent + cost(link)
            if further[0] in self._avoid or total >= side.cost.get(further, inf):
                continue
            if not self._in_tests and _is_test(further[0]):
                continue
            side.cost[further] = total
            side.way[further] = (here, link)
            # of what is equally near modules come last, for each leads to all that it imports
            heapq.heappush(side.queue, (total, link.kind is LinkKind.IMPORTS, next(self._order), further))
            if further in other.cost and (self._best is None or total + other.cost[further] < self._best[0]):
                self._best = (total + other.cost[further], further)

    def _ways_on(self, side: _Side, here: State) -> Iterator[tuple[Link, State]]:
        """The links from a place, or to it, with the place at their other end."""
        at, of = here
        if side is self._ahead:
            found = self._links.leaving(at, None, self._linkers)
        else:
            found = self._links.arriving(at, _MOST_FILES)
            side.is_cut = side.is_cut or arriving.is_common(self._index, at, _MOST_FILES)
        if at not in side.read:
            side.read.add(at)
            side.work += len({link.at for link in found}) + (_OF_PYTHON if at.scheme == "py" else 1)
        for link in found:
            if side is self._ahead:
                arrived = self._dispatch.after(at, link, of)
                if arrived is not None:
                    yield link, (Node(link.target, link.target_at), arrived)
            else:
                source = self._links.placed(link)
                for before in self._dispatch.before(source, link, of):
                    yield link, (source, before)


def _is_test(at: Node) -> bool:
    """Whether a place lies in tests or benchmarks, through which nothing goes that does not begin or end there."""
    file = at.at.file if at.at else ""
    return file.startswith(("test/", "benchmarks/", "torch/testing/")) or "/test/" in file


class _Side:
    """What a search knows from one of its ends."""

    def __init__(self, ends: Sequence[State]) -> None:
        self.cost: dict[State, float] = dict.fromkeys(ends, 0.0)
        self.way: dict[State, tuple[State, Link]] = {}
        self.queue: list[tuple[float, bool, int, State]] = [
            (0.0, False, -number, end) for number, end in enumerate(ends, start=1)
        ]
        self.settled: set[State] = set()
        self.read: set[Node] = set()
        self.is_cut = False
        """Whether there was a place of which not all was looked at."""
        self.work = 0
        """How much was read."""
        heapq.heapify(self.queue)

    def least(self) -> float:
        """What a way costs at least that passes a place not yet looked at."""
        while self.queue and self.queue[0][-1] in self.settled:
            heapq.heappop(self.queue)
        return self.queue[0][0] if self.queue else inf

    def is_sure(self, at: State) -> bool:
        """Whether the way to a place goes by facts alone."""
        while (step := self.way.get(at)) is not None:
            if step[1].grade is not Grade.EXACT:
                return False
            at = step[0]
        return True
