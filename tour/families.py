"""The classes that a tour's steps are in, with their bases, up to those that have none in the tree."""

from __future__ import annotations

from collections.abc import Iterable

from tour.index import Index
from tour.links import Links, Node, node
from tour.model import Kind, Link
from tour.views import StepView

FEWEST, MOST = 3, 24
"""Classes from which on a picture says something, and up to which one can be read."""


def family(steps: Iterable[StepView], index: Index) -> tuple[Link, ...]:
    """The links from class to base, of what is surely one; none where they are too few or too many to show."""
    links = Links(index)
    left = [found for step in steps if (found := _class_of(step, index))]
    seen: set[Node] = set()
    edges: dict[tuple[str, str], Link] = {}
    while left:
        one = left.pop(0)
        if one in seen:
            continue
        seen.add(one)
        for link in links.leaving(one, None, ("inheritance",)):
            if link.candidates == 1 and link.target_at is not None:
                edges.setdefault((link.source, link.target), link)
                left.append(Node(link.target, link.target_at))
    classes = {name for edge in edges for name in edge}
    return tuple(edges.values()) if FEWEST <= len(classes) <= MOST else ()


def _class_of(step: StepView, index: Index) -> Node | None:
    """The class that a step's symbol is, or is a member of."""
    scheme, _, name = step.symbol.partition(":")
    name = name.partition("(")[0]
    joint = "." if scheme == "py" else "::"
    for qualname in (name, name.rpartition(joint)[0]):
        for symbol in index.symbols(qualname, scheme) if qualname and step.file else ():
            if symbol.kind is Kind.CLASS and symbol.file == step.file:
                return node(symbol)
    return None
