"""Plain calls inside one language.

Python: resolved by scope (``links/scopes.py``), so every link is exact; a call on an object of unknown type gives
none. C and C++: exact where one definition is found in the nearest enclosing scope that knows the name, by name with
the number of candidates elsewhere. Cannot see: overload resolution, virtual calls, calls through function pointers
and callbacks, and what macros expand to.
"""

from __future__ import annotations

from collections.abc import Iterator

from tour.index import Index
from tour.links.scopes import Node, PythonScopes, cpp_targets, mentions_in, stored
from tour.model import Grade, Kind, Link, LinkKind, Role

MOST_CANDIDATES = 40
"""A name that more definitions share says too little to be worth a link."""


def links_from(index: Index, source: Node, lines: tuple[int, int] | None, scopes: PythonScopes) -> Iterator[Link]:
    """What a symbol's body calls, in its order."""
    for symbol in stored(index, source):
        for mention in mentions_in(index, symbol, lines, Role.CALL):
            scope = index.symbol(mention.scope) if mention.scope is not None else None
            if source.scheme == "py":
                for target in scopes.resolve(mention.name, scope) if scope else ():
                    yield Link(
                        LinkKind.CALLS, source.id, target.id, target.at, mention.at, "calls/python-scope", Grade.EXACT
                    )
                continue
            found, by_scope = cpp_targets(index, mention.name, scope)
            if len(found) > MOST_CANDIDATES:
                continue
            for target_symbol in found:
                if target_symbol.kind is Kind.MACRO:
                    continue
                yield Link(
                    LinkKind.CALLS,
                    source.id,
                    target_symbol.id,
                    target_symbol.at,
                    mention.at,
                    "calls/cpp-scope" if by_scope else "calls/name",
                    Grade.EXACT if by_scope else Grade.NAME,
                    1 if by_scope else len(found),
                )
