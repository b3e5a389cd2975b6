"""Whose object an expression is: known by scope, else guessed from how it is used and what it is called.

A guess is a class that a reader would try first: the one that has every method which the function calls on the same
name, or the one whose name the variable bears (``module`` for ``Module``). Cannot see: what a loop or an unpacking
takes out of a container, and what a call returns that nobody annotated.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tour.index import Index, StoredSymbol
from tour.links.nodes import mentions_in
from tour.links.python_callers import Callers
from tour.links.python_scopes import FOREIGN, PythonScopes, Value
from tour.links.python_syntax import Body, arguments, defaults, is_plain, read, returns, shape
from tour.model import Kind, Role

MOST_CLASSES = 12
"""A guess between more classes is none."""

_OF_BUILTINS = frozenset(name for kind in (str, bytes, list, dict, set, tuple, int, float) for name in dir(kind))
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_FUNCTIONS = frozenset({Kind.FUNCTION, Kind.METHOD})
_PLAIN = (
    ast.Constant, ast.JoinedStr, ast.List, ast.Dict, ast.Set, ast.Tuple, ast.ListComp, ast.DictComp, ast.SetComp,
    ast.Compare, ast.Lambda,
)  # fmt: skip
"""Expressions whose value is Python's own."""
DEEPEST = 5
"""Assignments, returns and calls that one guess follows."""
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
        self._inferred: dict[tuple[int, str, bool], list[Value]] = {}
        self._set: dict[tuple[int, str], list[tuple[ast.expr, StoredSymbol]]] = {}
        self._callers = Callers(index, scopes, self)
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
        values = self._scopes.values(name, scope) if name is not None else []
        found = values or self.inferred(node, scope)
        if found:
            return [
                Receiver(value.symbol, value.is_sure and len(found) == 1, len(found), value.is_instance)
                for value in found
                if value.symbol is not None and value.symbol.kind is Kind.CLASS
            ]
        guessed = self._guess(name, scope) if name is not None else []
        return [Receiver(owner, False, len(guessed)) for owner in guessed]

    def value(self, node: ast.AST, scope: StoredSymbol) -> list[Value]:
        """What an expression stands for, as far as scope says."""
        name = shape(node)
        return self._scopes.values(name, scope) if name is not None else []

    def inferred(self, node: ast.AST, scope: StoredSymbol, depth: int = DEEPEST, *, passed: bool = False) -> list[Value]:
        """What an expression may stand for by what is assigned to it, returned and, if ``passed``, handed over."""
        key = (scope.row, ast.dump(node), passed)
        if key in self._inferred:
            return self._inferred[key]
        if depth == 0:
            return []
        self._inferred[key] = []  # what a question that leads back to itself gets to hear
        found = {}
        for value in self._infer(node, scope, depth, passed):
            found[value.qualname, value.symbol and value.symbol.row, value.is_instance] = replace(value, is_sure=False)
        self._inferred[key] = list(found.values())
        return self._inferred[key]

    def _infer(self, node: ast.AST, scope: StoredSymbol, depth: int, passed: bool) -> Iterator[Value]:
        if isinstance(node, _PLAIN):
            yield FOREIGN
            return
        if isinstance(node, ast.IfExp | ast.BoolOp):
            for part in [node.body, node.orelse] if isinstance(node, ast.IfExp) else node.values:
                yield from self.inferred(part, scope, depth, passed=passed)
            return
        if values := self.value(node, scope):
            yield from values
            return
        further = depth - 1
        if isinstance(node, ast.Name):
            for expression, where in self._bound(node.id, scope):
                yield from self.inferred(expression, where, further, passed=passed)
            if passed:
                for expression, where in self._handed(node.id, scope):
                    if isinstance(expression, StoredSymbol):
                        yield Value(expression.qualname, expression)
                    else:
                        yield from self.inferred(expression, where, further, passed=passed)
        elif isinstance(node, ast.Call):
            yield from self._given(node, scope, further, passed)
        elif isinstance(node, ast.Attribute):
            for value in self.inferred(node.value, scope, further, passed=passed):
                yield from self._attribute_of(value, node.attr, further, passed)

    def _attribute_of(self, value: Value, name: str, depth: int, passed: bool) -> Iterator[Value]:
        found = self._scopes.attribute(value, name)
        if found and not all(given.is_foreign for given in found):
            yield from found
        elif value.symbol is not None and value.symbol.kind is Kind.CLASS:
            for expression, where in self.set_on(value.symbol, name):
                yield from self.inferred(expression, where, depth, passed=passed)

    def _given(self, call: ast.Call, scope: StoredSymbol, depth: int, passed: bool) -> Iterator[Value]:
        """What a call gives back: by its annotation, else by its ``return`` statements."""
        if isinstance(call.func, ast.Name) and call.func.id == "type" and len(call.args) == 1:
            for value in self.inferred(call.args[0], scope, depth, passed=passed):
                yield replace(value, is_instance=False)
            return
        if shape(call.func) in {"partial", "functools.partial", "deepcopy", "copy.deepcopy"} and call.args:
            yield from self.inferred(call.args[0], scope, depth, passed=passed)
            return
        for value in self.inferred(call.func, scope, depth, passed=passed):
            if given := self._scopes.returned(value):
                yield from given
            elif value.symbol is not None and value.symbol.kind in _FUNCTIONS:
                body = self.body(value.symbol)
                for expression in returns(body.node) if body.node is not None else ():
                    yield from self.inferred(expression, value.symbol, depth, passed=passed)

    def _bound(self, name: str, scope: StoredSymbol) -> Iterator[tuple[ast.expr, StoredSymbol]]:
        """What the statements of the functions around bind a local to, and a default value."""
        at: StoredSymbol | None = scope
        rows = self._scopes.names(scope.file).rows
        while at is not None:
            if at.kind in _FUNCTIONS and (node := self.body(at).node) is not None:
                found = [(expression, at) for expression in self.assigned(name, at)]
                yield from found
                if is_plain(node, name):
                    yield ast.Constant(0), at
                default = defaults(node).get(name)
                if default is not None and not (isinstance(default, ast.Constant) and default.value is None):
                    yield default, at
                if found or name in arguments(node):
                    return
            at = rows[at.parent] if at.parent is not None else None

    def assigned(self, name: str, function: StoredSymbol) -> list[ast.expr]:
        """What a function's statements bind a local to."""
        found: list[ast.expr] = []
        for place in self.body(function).places:
            at = place.node
            if isinstance(at, ast.Assign) and any(isinstance(to, ast.Name) and to.id == name for to in at.targets):
                found.append(at.value)
            elif isinstance(at, ast.With):
                found += [
                    item.context_expr
                    for item in at.items
                    if isinstance(item.optional_vars, ast.Name) and item.optional_vars.id == name
                ]
        return found

    def set_on(self, owner: StoredSymbol, name: str) -> list[tuple[ast.expr, StoredSymbol]]:
        """What the methods of a class and its bases set an attribute of ``self`` to."""
        key = (owner.row, name)
        if key not in self._set:
            pattern = re.compile(rb"\bself\.%s\b\s*[^\w\s.(\[]" % re.escape(name.encode()))
            self._set[key] = [
                found
                for at in self._scopes.ancestry(owner)
                if pattern.search(self._index.text(at.file, at.start_line, at.end_line))
                for method in self._scopes.names(at.file).rows.values()
                if method.parent == at.row and method.kind is Kind.METHOD
                if pattern.search(self._index.text(method.file, method.start_line, method.end_line))
                for found in self._set_in(method, name)
            ]
        return self._set[key]

    def _set_in(self, method: StoredSymbol, name: str) -> Iterator[tuple[ast.expr, StoredSymbol]]:
        for place in self.body(method).places:
            at = place.node
            if isinstance(at, ast.Assign):
                targets, value = at.targets, at.value
            elif isinstance(at, ast.AnnAssign | ast.AugAssign) and at.value is not None:
                targets, value = [at.target], at.value
            else:
                continue
            for target in targets:
                for part in target.elts if isinstance(target, ast.Tuple | ast.List) else [target]:
                    if shape(part) == f"self.{name}":
                        yield value if part is target else ast.Name("", ast.Load()), place.scope

    def _handed(self, name: str, scope: StoredSymbol) -> Iterator[tuple[ast.expr | StoredSymbol, StoredSymbol]]:
        """What callers hand a parameter of one of the functions around, and what it decorates."""
        at: StoredSymbol | None = scope
        rows = self._scopes.names(scope.file).rows
        while at is not None:
            node = self.body(at).node if at.kind in _FUNCTIONS else None
            if node is not None and name in arguments(node):
                yield from self._callers.handed(at, node, name)
                return
            at = rows[at.parent] if at.parent is not None else None

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
