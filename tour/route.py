"""The surest way from one place to another through the links, shortest where equally sure.

A best-first search (Dijkstra) over links that are worked out as it goes; every link costs one, and a link by name
costs more the more candidates it had, so a guess is taken only where nothing surer leads there.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence, Set
from itertools import count

from tour.links import LINKERS, Links, Node
from tour.model import Grade, Link, LinkKind

MOST_EXPANDED = 3000
"""Symbols looked at before a search gives up."""


def cost(link: Link) -> float:
    """What a link adds to a route: 1 for a fact, 5 and more for a guess."""
    return 1.0 if link.grade is Grade.EXACT else 4.0 + min(link.candidates, 20)


def surest(
    links: Links,
    starts: Sequence[tuple[Node, tuple[int, int] | None]],
    arrived: Callable[[Link], bool],
    *,
    avoid: Set[Node] = frozenset(),
    kinds: frozenset[LinkKind] = frozenset(LinkKind),
    linkers: tuple[str, ...] = tuple(LINKERS),
    longest: int = 12,
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
