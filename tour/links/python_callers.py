"""Who calls a function with what: the arguments that become a parameter, and the functions that a decorator gets.

Only callers in the same top folder count, and of a function that very many call none. Cannot see: arguments behind
``*args``, callers in a module's or class's own body, and calls that nothing resolves.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tour.index import Index, StoredMention, StoredSymbol
from tour.links import python_calls
from tour.links.nodes import node as node_of
from tour.links.python_scopes import PythonScopes
from tour.links.python_syntax import Function, argument_of, arguments
from tour.model import Kind, Role

if TYPE_CHECKING:
    from tour.links.python_receivers import Receivers

MOST_CALLERS = 60
"""Calls by that name, after which what they hand over says nothing."""
MOST_DECORATED = 180
"""Functions that one decorator gets, after which they are not told."""
_FUNCTIONS = frozenset({Kind.FUNCTION, Kind.METHOD})


class Callers:
    """Answers for one index."""

    def __init__(self, index: Index, scopes: PythonScopes, receivers: Receivers) -> None:
        self._index = index
        self._scopes = scopes
        self._receivers = receivers
        self._handed: dict[tuple[int, str], list[tuple[ast.expr | StoredSymbol, StoredSymbol]]] = {}

    def handed(
        self, function: StoredSymbol, node: Function, name: str
    ) -> list[tuple[ast.expr | StoredSymbol, StoredSymbol]]:
        """What becomes a function's parameter: expressions with the scope they stand in, or decorated functions."""
        key = (function.row, name)
        if key not in self._handed:
            self._handed[key] = []
            self._handed[key] = [*self._by_call(function, node, name), *self._by_decorator(function, node, name)]
        return self._handed[key]

    def _by_call(self, function: StoredSymbol, node: Function, name: str) -> Iterator[tuple[ast.expr, StoredSymbol]]:
        takes = arguments(node)
        is_bound = function.kind is Kind.METHOD and "staticmethod" not in self._receivers.decorators(function)
        for mention in self._calls(function):
            if mention.scope is None:
                continue
            around = self._index.symbol(mention.scope)
            if around.kind not in _FUNCTIONS:
                continue
            call = next(
                (
                    place
                    for place in self._receivers.body(around).places
                    if isinstance(place.node, ast.Call)
                    and (place.line, place.column) == (mention.line, mention.column)
                    and self._ends(place.node, mention, place.line)
                ),
                None,
            )
            if call is None or not isinstance(call.node, ast.Call):
                continue
            targets = python_calls.targets(self._index, mention, self._scopes)
            if any(target.node == node_of(function) for target in targets):
                expression = argument_of(call.node, takes, name, int(is_bound))
                if expression is not None:
                    yield expression, call.scope

    def _ends(self, call: ast.Call, mention: StoredMention, line: int) -> bool:
        """Whether a call is the one that a mention names, of those that begin where it does."""
        end = (call.func.end_lineno or call.func.lineno) - call.func.lineno + line
        return (end, call.func.end_col_offset) == (mention.end_line, mention.end_column)

    def _calls(self, function: StoredSymbol) -> list[StoredMention]:
        name = function.name
        owner = self._scopes.class_of(function) if function.kind is Kind.METHOD else None
        if owner is not None and name in {"__init__", "__new__"}:
            name = owner.name
        top = f"{function.file.partition('/')[0]}/"
        found = [
            mention
            for mention in self._index.mentions_of(name, Role.CALL)
            if mention.file.startswith(top) and mention.file.endswith(".py")
        ]
        near = [mention for mention in found if mention.file == function.file]
        return found if len(found) <= MOST_CALLERS else near if len(near) <= MOST_CALLERS else []

    def _by_decorator(
        self, function: StoredSymbol, node: Function, name: str
    ) -> Iterator[tuple[StoredSymbol, StoredSymbol]]:
        """The functions below ``@function``, ``@around(…)`` that returns it, or ``@C(…)`` whose ``__call__`` it is."""
        takes = arguments(node)
        first = takes[1:2] if function.kind is Kind.METHOD else takes[:1]
        if first != [name]:
            return
        owner = self._scopes.class_of(function) if function.name == "__call__" else None
        makers: dict[int, StoredSymbol] = {}
        roles: tuple[Role, ...] = (Role.DECORATOR, Role.CALL)
        if owner is not None:
            makers = {owner.row: owner}
            for other in self._receivers.heirs(owner):
                makers[other.row] = other
        else:
            makers = {function.row: function}
            around = self._scopes.names(function.file).rows[function.parent] if function.parent is not None else None
            if around is not None and around.kind in _FUNCTIONS:
                makers[around.row] = around
        top = f"{function.file.partition('/')[0]}/"
        found: list[tuple[StoredSymbol, StoredSymbol]] = []
        for maker in makers.values():
            for mention in self._index.mentions_of(maker.name, *roles):
                below = self._decorated(mention) if mention.file.startswith(top) else None
                if below is not None and mention.scope is not None:
                    scope = self._index.symbol(mention.scope)
                    if any(at == node_of(maker) for at in self._scopes.resolve(mention.name, scope)):
                        found.append((below, scope))
        if len(found) <= MOST_DECORATED:
            yield from found

    def _decorated(self, mention: StoredMention) -> StoredSymbol | None:
        """The function on whose decorators' lines a mention stands."""
        if not mention.file.endswith(".py"):
            return None
        for symbol in self._scopes.names(mention.file).rows.values():
            if symbol.kind in _FUNCTIONS and symbol.start_line <= mention.line < symbol.line:
                return symbol
        return None
