"""Python's calls, resolved by scope (``links/python_scopes.py``).

Every link is exact. Cannot see: calls on an object of unknown type, and callables that are passed around.
"""

from __future__ import annotations

from collections.abc import Iterator

from tour.index import Index
from tour.links.nodes import Node, mentions_in, stored
from tour.links.python_scopes import PythonScopes
from tour.model import Grade, Link, LinkKind, Role


def links_from(index: Index, source: Node, lines: tuple[int, int] | None, scopes: PythonScopes) -> Iterator[Link]:
    """What a symbol's body calls, in its order."""
    if source.scheme != "py":
        return
    for symbol in stored(index, source):
        for mention in mentions_in(index, symbol, lines, Role.CALL):
            scope = index.symbol(mention.scope) if mention.scope is not None else None
            for target in scopes.resolve(mention.name, scope) if scope else ():
                yield Link(
                    LinkKind.CALLS, source.id, target.id, target.at, mention.at, "python_calls/scope", Grade.EXACT
                )
