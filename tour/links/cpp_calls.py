"""C's and C++'s calls.

Exact where one definition is found in the nearest enclosing scope that knows the name, by name with the number of
candidates elsewhere. Cannot see: overload resolution, virtual calls, calls through function pointers and callbacks,
and what macros expand to.
"""

from __future__ import annotations

from collections.abc import Iterator

from tour.index import Index
from tour.links.cpp_scopes import cpp_targets
from tour.links.generated import called_by_binding
from tour.links.nodes import Node, mentions_in, stored
from tour.links.precise import resolved
from tour.links.python_scopes import PythonScopes
from tour.model import Grade, Kind, Link, LinkKind, Role

MOST_CANDIDATES = 40
"""A name that more definitions share says too little to be worth a link."""


def links_from(index: Index, source: Node, lines: tuple[int, int] | None, scopes: PythonScopes) -> Iterator[Link]:
    """What a symbol's body calls, in its order."""
    if source.scheme not in {"c", "cpp"}:
        return
    for symbol in stored(index, source):
        for mention in mentions_in(index, symbol, lines, Role.CALL):
            if resolved(index, mention) or called_by_binding(index, symbol, mention):
                continue  # libclang has said it, or the linker of generated code
            scope = index.symbol(mention.scope) if mention.scope is not None else None
            found, by_scope = cpp_targets(index, mention.name, scope, MOST_CANDIDATES)
            if len(found) > MOST_CANDIDATES:
                continue
            for target in found:
                if target.kind is Kind.MACRO:
                    continue
                yield Link(
                    LinkKind.CALLS, source.id, target.id, target.at, mention.at,
                    "cpp_calls/scope" if by_scope else "cpp_calls/name",
                    Grade.EXACT if by_scope else Grade.NAME, 1 if by_scope else len(found),
                )  # fmt: skip
