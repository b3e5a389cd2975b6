"""Questions about the code, asked of one tree or of several together: where is this, and how does that lead there.

A name is looked for in PyTorch first, then in each project beside it; what PyTorch alone can answer it answers as if
nothing stood beside it. An answer is remembered with the index that gave it until what that index says changes.
"""

from __future__ import annotations

import json

from tour import answers
from tour.answers import Answer
from tour.errors import UnknownName
from tour.index import Index
from tour.model import Link, tree_of


def where(query: str, index: Index, asked: str, first: str = "") -> Answer:
    """What a name means and where that leads: ``forward``, ``backward``, ``callers`` or ``callees``.

    The project ``first`` is asked before the others. Raises ``TourError`` for a query that is no name.
    """
    nearest: dict[str, None] = {}
    for standpoint in index.standpoints(first):
        answer = _answer(query, standpoint, index if asked == "callers" else standpoint, asked)
        if answer.layers:
            return answer
        nearest |= dict.fromkeys(answer.nearest)
    return Answer(query, (), (), tuple(nearest))


def _answer(query: str, standpoint: Index, index: Index, asked: str) -> Answer:
    """What was found when this was asked before, else now: what a name means from a standpoint, with links of all."""
    key = f"where {answers.rules()} {asked} {standpoint.name} {query}"
    if (known := index.recall(key)) is not None:
        return answers.restored(query, known)
    from tour import layers, meaning
    from tour.links import Links

    links = Links(index)
    meant = meaning.meaning(query, standpoint, links if index is standpoint else Links(standpoint))
    if not meant.nodes:
        answer = Answer(query, (), (), tuple(meaning.nearest(query, standpoint)))
    elif asked in {"callers", "callees"}:
        answer = layers.around(meant, query, index, links, asked)
    else:
        follow = layers.differentiated if asked == "backward" else layers.implemented
        answer = follow(meant, query, index, links)
    index.remember(key, answers.kept(answer))
    return answer


def path(
    origin: str, goal: str, index: Index, first: str = "", alternatives: int = 0, titles: str = "the tree"
) -> list[list[Link]]:
    """The surest route from one name to another, then up to ``alternatives`` others; empty where there is none.

    Raises ``UnknownName`` where a name is borne by nothing in the trees that are called ``titles``.
    """
    key = f"path {answers.rules()} {alternatives} {json.dumps([origin, goal])}{first}"
    pytorch = index.standing("")
    for keeper in (pytorch, index) if index is not pytorch else (index,):
        if (known := keeper.recall(key)) is not None:
            return answers.restored_routes(known)
    from tour import meaning, route
    from tour.links import Links

    ends = []
    for query in (origin, goal):
        nearest: dict[str, None] = {}
        for standpoint in index.standpoints(first):
            meant = meaning.meaning(query, standpoint, Links(standpoint))
            if meant.nodes:
                ends.append(meant.nodes)
                break
            nearest |= dict.fromkeys(meaning.nearest(query, standpoint))
        else:
            raise UnknownName(f"there is nothing named {query!r} in {titles}", tuple(nearest))
    in_projects = any(tree_of(end.at.file) for nodes in ends for end in nodes if end.at) or any(
        index.home(end.id) is not pytorch for nodes in ends for end in nodes if end.at is None
    )
    asked = index if in_projects else pytorch
    routes = route.between(asked, Links(asked), ends[0], ends[1], alternatives=alternatives)
    asked.remember(key, answers.kept_routes(routes))
    return routes
