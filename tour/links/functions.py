"""``torch.autograd.Function``: ``X.apply(…)`` → ``X.forward``, and ``X.forward`` → ``X.backward``.

``apply`` is C++ (``THPFunction_apply``), which calls ``forward`` back at once and ``backward`` when gradients flow, so
neither is called anywhere in the source. Cannot see: ``apply`` on a class that is passed around, and functions that
C++ subclasses.
"""

from __future__ import annotations

from collections.abc import Iterator

from tour.index import Index, StoredMention, StoredSymbol
from tour.links.nodes import Node, mentions_in, node, stored
from tour.links.python_scopes import PythonScopes, Value
from tour.model import Grade, Kind, Link, LinkKind, Role

_FUNCTION = "torch.autograd.function.Function"
_BACKWARD = ("backward", "vjp", "jvp")


def links_from(index: Index, source: Node, lines: tuple[int, int] | None, scopes: PythonScopes) -> Iterator[Link]:
    """Where a body applies a function, and what differentiates a ``forward``."""
    if source.scheme != "py":
        return
    for symbol in stored(index, source):
        if symbol.kind is Kind.METHOD and symbol.name == "forward" and lines is None:
            yield from _differentiated(symbol, scopes)
        for mention in mentions_in(index, symbol, lines, Role.CALL):
            yield from links_of(index, source, mention, scopes)


def links_of(index: Index, source: Node, mention: StoredMention, scopes: PythonScopes) -> Iterator[Link]:
    """What one call of ``apply`` runs at once."""
    if mention.role is not Role.CALL or mention.scope is None:
        return
    for owner in _applied(mention.name, index.symbol(mention.scope), scopes):
        for value in scopes.members(owner, "forward"):
            if value.symbol is not None:
                yield Link(
                    LinkKind.CALLS, source.id, value.node.id, value.node.at, mention.at, "functions/apply", Grade.EXACT
                )


def _applied(name: str, scope: StoredSymbol, scopes: PythonScopes) -> Iterator[StoredSymbol]:
    """The classes ``X`` of ``X.apply``, also where ``f = X.apply`` went before."""
    receiver, _, last = name.rpartition(".")
    expressions = [receiver] if last == "apply" and receiver else []
    if not receiver:
        around: StoredSymbol | None = scope
        while around is not None and not expressions:
            names = scopes.names(around.file)
            ties = names.ties.get((around.row, name), ())
            expressions = [tie.name.removesuffix(".apply") for tie in ties if tie.name.endswith(".apply")]
            around = names.rows[around.parent] if around.parent is not None else None
    for expression in expressions:
        for value in scopes.values(expression, scope):
            if _is_function(value, scopes) and value.symbol is not None:
                yield value.symbol


def _is_function(value: Value, scopes: PythonScopes) -> bool:
    if value.symbol is None or value.symbol.kind is not Kind.CLASS:
        return False
    return any(base.qualname == _FUNCTION for base in scopes.ancestry(value.symbol)[1:])


def _differentiated(forward: StoredSymbol, scopes: PythonScopes) -> Iterator[Link]:
    owner = scopes.class_of(forward)
    bases = scopes.ancestry(owner)[1:] if owner else []
    function = next((base for base in bases if base.qualname == _FUNCTION), None)
    if owner is None or function is None:
        return
    # Function itself only says that one of them must be there.
    empty = {base.row for base in scopes.ancestry(function)}
    for name in _BACKWARD:
        for value in scopes.members(owner, name):
            if value.symbol is not None and value.symbol.parent not in empty:
                yield Link(
                    LinkKind.DIFFERENTIATES, node(forward).id, value.node.id, value.node.at,
                    value.node.at or forward.at, f"functions/{name}", Grade.EXACT,
                )  # fmt: skip
