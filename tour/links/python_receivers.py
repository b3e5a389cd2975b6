"""Whose object an expression is: known by scope, else guessed from how it is used and what it is called.

A guess is a class that a reader would try first: the one that has every method which the function calls on the same
name, or the one whose name the variable bears (``module`` for ``Module``). Cannot see: what a loop or an unpacking
takes out of a container, and what a call returns that nobody annotated.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from tour.index import Index, StoredSymbol
from tour.links.nodes import mentions_in
from tour.links.python_scopes import PythonScopes, Value
from tour.links.python_syntax import Body, read, shape
from tour.model import Kind, Role

MOST_CLASSES = 12
"""A guess between more classes is none."""

_OF_BUILTINS = frozenset(name for kind in (str, bytes, list, dict, set, tuple, int, float) for name in dir(kind))
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_FUNCTIONS = frozenset({Kind.FUNCTION, Kind.METHOD})
_PROPERTY = re.compile(r"(?:^|\.|_)(?:cached_|abstract)?property$")


@dataclass(frozen=True, slots=True)
class Receiver:
    """A class whose object, or the class itself, an expression may be."""

    owner: StoredSymbol
    is_sure: bool
    candidates: int = 1
    is_instance: bool = True


class Receivers:
    """Answers for one index; remembers the bodies that it read."""

    def __init__(self, index: Index, scopes: PythonScopes) -> None:
        self._index = index
        self._scopes = scopes
        self._bodies: dict[int, Body] = {}
        self._guessed: dict[tuple[int, str], list[StoredSymbol]] = {}
        self._decorators: dict[int, list[str]] = {}
        self._inside: dict[str, dict[tuple[str, int], StoredSymbol]] = {}

    def body(self, function: StoredSymbol) -> Body:
        """A function's body."""
        if function.row not in self._bodies:
            if function.file not in self._inside:
                rows = self._scopes.names(function.file).rows.values()
                self._inside[function.file] = {
                    (symbol.name, symbol.line): symbol for symbol in rows if symbol.kind in {*_FUNCTIONS, Kind.CLASS}
                }
            self._bodies[function.row] = read(self._index, function, self._inside[function.file])
        return self._bodies[function.row]

    def of(self, node: ast.AST, scope: StoredSymbol) -> list[Receiver]:
        """The classes of what an expression stands for; none where nothing says so."""
        name = shape(node)
        if name is None:
            return []
        values = self._scopes.values(name, scope)
        if values:
            return [
                Receiver(value.symbol, value.is_sure and len(values) == 1, len(values), value.is_instance)
                for value in values
                if value.symbol is not None and value.symbol.kind is Kind.CLASS
            ]
        guessed = self._guess(name, scope)
        return [Receiver(owner, False, len(guessed)) for owner in guessed]

    def value(self, node: ast.AST, scope: StoredSymbol) -> list[Value]:
        """What an expression stands for, as far as scope says."""
        name = shape(node)
        return self._scopes.values(name, scope) if name is not None else []

    def decorators(self, symbol: StoredSymbol) -> list[str]:
        """The decorators of a function, as written, without arguments."""
        if symbol.row not in self._decorators:
            text = self._index.text(symbol.file, symbol.start_line, symbol.line - 1) if symbol.start_line < symbol.line else b""
            self._decorators[symbol.row] = re.findall(r"^\s*@([\w.]+)", text.decode("utf-8", "replace"), re.MULTILINE)
        return self._decorators[symbol.row]

    def is_property(self, symbol: StoredSymbol) -> bool:
        """Whether reading an attribute runs this method."""
        return symbol.kind is Kind.METHOD and any(_PROPERTY.search(name) for name in self.decorators(symbol))

    def accessor(self, owner: StoredSymbol, name: str, how: str) -> StoredSymbol | None:
        """The getter of a property that a class defines itself, or its ``setter`` or ``deleter``."""
        for symbol in self._scopes.names(owner.file).members.get((owner.row, name), ()):
            if symbol.kind is Kind.METHOD:
                if how == "getter" and self.is_property(symbol):
                    return symbol
                if any(decorator.endswith(f".{how}") for decorator in self.decorators(symbol)):
                    return symbol
        return None

    def _guess(self, name: str, scope: StoredSymbol) -> list[StoredSymbol]:
        function = self._function(scope)
        key = (function.row, name)
        if key not in self._guessed:
            self._guessed[key] = []  # what a question that leads back to itself gets to hear
            found = self._by_use(name, function) or self._by_word(name, function)
            self._guessed[key] = found if len(found) <= MOST_CLASSES else []
        return self._guessed[key]

    def _function(self, scope: StoredSymbol) -> StoredSymbol:
        """The outermost function around."""
        rows = self._scopes.names(scope.file).rows
        found = at = scope
        while at.parent is not None:
            at = rows[at.parent]
            if at.kind in _FUNCTIONS:
                found = at
        return found

    def _by_use(self, name: str, function: StoredSymbol) -> list[StoredSymbol]:
        """The classes that have all that the function calls on a name."""
        called = {
            mention.name[len(name) + 1 :].partition(".")[0]
            for mention in mentions_in(self._index, function, None, Role.CALL)
            if mention.name.startswith(f"{name}.")
        }
        methods = {part.rstrip("()[]") for part in called} - _OF_BUILTINS
        defining = [self._roots(method, function.file) for method in sorted(methods)]
        known = [classes for classes in defining if classes]
        if not known:
            return []
        fewest = min(known, key=len)
        if len(fewest) > MOST_CLASSES:
            return []
        fit = [
            owner
            for owner in fewest
            if all(any(base in classes for base in self._scopes.ancestry(owner)) for classes in known)
        ]
        return fit or fewest

    def _roots(self, method: str, near: str) -> list[StoredSymbol]:
        """The classes that define a method which none of their bases has."""
        found = self._scopes.methods_named(method, near)
        owners = {symbol.parent: self._scopes.class_of(symbol) for symbol in found[:180]}
        classes = [owner for owner in owners.values() if owner is not None]
        return [
            owner
            for owner in classes
            if not any(base.row in owners for base in self._scopes.ancestry(owner)[1:])
        ]

    def _by_word(self, name: str, function: StoredSymbol) -> list[StoredSymbol]:
        """The classes that a variable is called after: ``Module`` of ``module`` and of ``nn_module``."""
        words = re.sub(r"\d+$", "", name.rpartition(".")[2].rstrip("()[]")).strip("_").split("_")
        top = f"{function.file.partition('/')[0]}/"
        for start in range(len(words)):
            wanted = "".join(word.capitalize() for word in words[start:])
            if len(wanted) < 4:
                break
            found = [
                symbol
                for symbol in self._index.symbols_named(wanted, "py")
                if symbol.kind is Kind.CLASS and symbol.file.startswith(top) and not symbol.file.endswith(".pyi")
            ]
            if found:
                rows = {symbol.row for symbol in found}
                return [
                    symbol
                    for symbol in found
                    if not any(base.row in rows for base in self._scopes.ancestry(symbol)[1:])
                ]
        return []
