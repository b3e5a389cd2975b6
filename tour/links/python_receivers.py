"""Whose object an expression is: known by scope, else guessed from how it is used and what it is called.

A guess is a class that a reader would try first: the one that has every method which the function calls on the same
name, or the one whose name the variable bears (``module`` for ``Module``). Cannot see: what a loop or an unpacking
takes out of a container, and what a call returns that nobody annotated.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from tour.index import Index, StoredSymbol
from tour.links.inheritance import subclasses
from tour.links.nodes import node as node_of
from tour.links.python_callers import Callers
from tour.links.python_scopes import FOREIGN, PythonScopes, Value
from tour.links.python_syntax import (
    Body,
    arguments,
    assignments,
    defaults,
    element_of,
    held_by,
    is_plain,
    read,
    returns,
    shape,
)
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
_HANDING_ON = {"partial": 0, "deepcopy": 0, "cast": 1, "wraps": 0, "update_wrapper": 0}
"""Functions of the standard library that give back the argument at a position, or what behaves like it."""
_SAME_ELEMENTS = frozenset({"list", "tuple", "set", "sorted", "reversed", "iter"})
_TENSOR = "torch._tensor.Tensor"
MOST_HEIRS = 400
_NO_WRAPPERS = frozenset({"property", "staticmethod", "classmethod", "abstractmethod", "abc.abstractmethod"})
DEEPEST = 5
"""Assignments, returns and calls that one guess follows."""
_PROPERTY = re.compile(r"(?:^|\.|_)(?:cached_|abstract)?property$")


class Receiver(NamedTuple):
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
        self._inferred: dict[tuple[int, str, bool, int], list[Value]] = {}
        self._busy: set[tuple[int, str, bool]] = set()
        self._was_cut = False
        self._set: dict[tuple[int, str], list[tuple[ast.expr, StoredSymbol]]] = {}
        self._callers = Callers(index, scopes, self)
        self._heirs: dict[int, list[StoredSymbol]] = {}
        self._assignments: dict[int, list[tuple[ast.expr, ast.expr]]] = {}
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
        found = values if any(not value.is_foreign for value in values) else self.inferred(node, scope) or values
        found = [given for value in found for given in self._opened(value)]
        if found:
            return [
                Receiver(value.symbol, value.is_sure and len(found) == 1, len(found), value.is_instance)
                for value in found
                if value.symbol is not None and value.symbol.kind is Kind.CLASS
            ]
        guessed = self._guess(name, scope) if name is not None else []
        return [Receiver(owner, False, len(guessed)) for owner in guessed]

    def _opened(self, value: Value) -> list[Value]:
        """What a property gives; any other value as it is."""
        if value.symbol is None or value.is_instance or not self.is_property(value.symbol):
            return [value]
        return [given._replace(is_sure=False) for given in self._results(value, DEEPEST - 1, False)]

    def heirs(self, owner: StoredSymbol) -> list[StoredSymbol]:
        """The classes that inherit from one, at any distance."""
        if owner.row not in self._heirs:
            found: dict[int, StoredSymbol] = {}
            waiting = [owner]
            while waiting and len(found) < MOST_HEIRS:
                for link in subclasses(self._index, node_of(waiting.pop()), self._scopes):
                    for symbol in self._index.symbols(link.source.partition(":")[2], "py"):
                        if symbol.file == link.at.file and symbol.row not in found:
                            found[symbol.row] = symbol
                            waiting.append(symbol)
            self._heirs[owner.row] = list(found.values())
        return self._heirs[owner.row]

    def value(self, node: ast.AST, scope: StoredSymbol) -> list[Value]:
        """What an expression stands for, as far as scope says."""
        name = shape(node)
        return self._scopes.values(name, scope) if name is not None else []

    def inferred(
        self, node: ast.AST, scope: StoredSymbol, depth: int = DEEPEST, *, passed: bool = False
    ) -> list[Value]:
        """What an expression may stand for by what is assigned to it, returned and, if ``passed``, handed over."""
        if depth == 0:
            return []
        question = (scope.row, ast.dump(node), passed)
        key = (*question, depth)
        if key in self._inferred:
            return self._inferred[key]
        if question in self._busy:
            self._was_cut = True
            return []
        outermost = not self._busy
        self._busy.add(question)
        found = {}
        for value in self._infer(node, scope, depth, passed):
            found[value.qualname, value.symbol and value.symbol.row, value.is_instance] = value._replace(is_sure=False)
        self._busy.discard(question)
        if outermost or not self._was_cut:  # what hung on a question that led back to itself is not kept
            self._inferred[key] = list(found.values())
        if outermost:
            self._was_cut = False
        return list(found.values())

    def _infer(self, node: ast.AST, scope: StoredSymbol, depth: int, passed: bool) -> Iterator[Value]:
        if isinstance(node, _PLAIN):
            yield FOREIGN
            return
        if isinstance(node, ast.IfExp | ast.BoolOp):
            for part in [node.body, node.orelse] if isinstance(node, ast.IfExp) else node.values:
                yield from self.inferred(part, scope, depth, passed=passed)
            return
        values = self.value(node, scope)
        if any(not value.is_foreign for value in values):
            for value in values:
                yield from self._opened(value)
            return
        seen = False
        for value in self._followed(node, scope, depth - 1, passed):
            seen = True
            yield value
        if not seen:
            yield from values

    def _followed(self, node: ast.AST, scope: StoredSymbol, depth: int, passed: bool) -> Iterator[Value]:
        """What scope alone does not tell, or what an annotation calls by a name from outside the tree."""
        if isinstance(node, ast.Name):
            for expression, where in self._bound(node.id, scope):
                yield from self.inferred(expression, where, depth, passed=passed)
            for given, where in self._handed(node.id, scope) if passed else ():
                if isinstance(given, StoredSymbol):
                    yield Value(given.qualname, given)
                else:
                    yield from self.inferred(given, where, depth, passed=passed)
        elif isinstance(node, ast.Call):
            yield from self._given(node, scope, depth, passed)
        elif isinstance(node, ast.Attribute):
            for value in self.inferred(node.value, scope, depth, passed=passed):
                yield from self._attribute_of(value, node.attr, depth, passed)
        elif isinstance(node, ast.Subscript):
            for expression, where in self._elements(node.value, scope, depth, passed):
                yield from self.inferred(expression, where, depth, passed=passed)
            yield from self._held(node, scope, depth, passed)
        elif isinstance(node, ast.BinOp):
            for part in (node.left, node.right):
                yield from (value for value in self.inferred(part, scope, depth) if value.is_instance)

    def _held(self, node: ast.Subscript, scope: StoredSymbol, depth: int, passed: bool) -> Iterator[Value]:
        """An element of an object, or of what a call gives, by an annotation such as ``Iterator[Module]``."""
        at, part = node.value, node.slice.value if isinstance(node.slice, ast.Constant) else None
        makers: list[Value] = []
        if isinstance(at, ast.Call) and shape(at.func) in _SAME_ELEMENTS and at.args:
            at = at.args[0]
        if isinstance(at, ast.Call):
            makers = self.inferred(at.func, scope, depth, passed=passed)
            if not makers and isinstance(at.func, ast.Attribute):
                makers = [
                    value
                    for receiver in self.of(at.func.value, scope)
                    for value in self._scopes.members(receiver.owner, at.func.attr)
                ]
        for receiver in self.of(at, scope) if not makers else ():
            if receiver.is_instance:
                for special in ("__iter__", "__getitem__"):
                    makers += self._scopes.members(receiver.owner, special)
        for maker in makers:
            if maker.symbol is not None and maker.symbol.kind in _FUNCTIONS:
                body = self.body(maker.symbol)
                names = held_by(body.node.returns, part) if body.node is not None else []
                for name in names:
                    for value in self._scopes.values(name, maker.symbol):
                        if value.symbol is not None and value.symbol.kind is Kind.CLASS:
                            yield value._replace(is_instance=True)

    def _attribute_of(self, value: Value, name: str, depth: int, passed: bool) -> Iterator[Value]:
        found = self._scopes.attribute(value, name)
        if found and not all(given.is_foreign for given in found):
            for given in found:
                yield from self._opened(given)
        elif value.symbol is not None and value.symbol.kind is Kind.CLASS:
            set_here = self.set_on(value.symbol, name)
            for expression, where in set_here:
                yield from self.inferred(expression, where, depth, passed=passed)
            for special in self._scopes.members(value.symbol, "__getattr__") if value.is_instance else ():
                if not set_here and special.symbol is not None and special.symbol.kind in _FUNCTIONS:
                    yield from self._results(special, depth, passed)

    def _given(self, call: ast.Call, scope: StoredSymbol, depth: int, passed: bool) -> Iterator[Value]:
        """What a call gives back: by its annotation, else by its ``return`` statements."""
        name = (shape(call.func) or "").rpartition(".")[2]
        if name == "type" and len(call.args) == 1:
            for value in self.inferred(call.args[0], scope, depth, passed=passed):
                yield value._replace(is_instance=False)
        elif name == "getattr" and len(call.args) > 1:
            yield from self._named_by_prefix(call, scope)
        elif name in _HANDING_ON and len(call.args) > _HANDING_ON[name]:
            yield from self.inferred(call.args[_HANDING_ON[name]], scope, depth, passed=passed)
        else:
            for value in self.inferred(call.func, scope, depth, passed=passed):
                yield from self._results(value, depth, passed)

    def _results(self, value: Value, depth: int, passed: bool) -> Iterator[Value]:
        """What calling a value gives."""
        given = self._scopes.returned(value)
        if value.symbol is None and not value.is_foreign and (tensor := self._tensor(value.qualname)) is not None:
            yield tensor
            return
        if any(not found.is_foreign for found in given) or value.symbol is None:
            yield from given
            return
        functions = [value.symbol] if value.symbol.kind in _FUNCTIONS else []
        if value.is_instance:
            functions = [of.symbol for of in self._scopes.members(value.symbol, "__call__") if of.symbol is not None]
        for function in functions:
            body = self.body(function) if function.kind in _FUNCTIONS else None
            for expression in returns(body.node) if body is not None and body.node is not None else ():
                yield from self.inferred(expression, function, depth, passed=passed)
        if not functions:
            yield from given

    def _tensor(self, binding: str) -> Value | None:
        """What most functions give that code generation binds to operators."""
        name = binding.rpartition(".")[2]
        if not any(mention.name == binding for mention in self._index.mentions_of(name, Role.GENERATE)):
            return None
        found = [symbol for symbol in self._index.symbols(_TENSOR, "py") if symbol.kind is Kind.CLASS]
        return Value(_TENSOR, found[0], is_instance=True, is_sure=False) if found else None

    def _named_by_prefix(self, call: ast.Call, scope: StoredSymbol) -> Iterator[Value]:
        """``getattr(self, "visit_" + name)``: every method whose name begins so, of the class and its heirs."""
        named = call.args[1]
        prefix = named.left if isinstance(named, ast.BinOp) and isinstance(named.op, ast.Add) else None
        if isinstance(named, ast.JoinedStr) and named.values:
            prefix = named.values[0]
        if not isinstance(prefix, ast.Constant) or not isinstance(prefix.value, str) or len(prefix.value) < 2:
            return
        for receiver in self.of(call.args[0], scope):
            for owner in [*self._scopes.ancestry(receiver.owner), *self.heirs(receiver.owner)]:
                for symbol in self._index.members(owner.row):
                    if symbol.kind is Kind.METHOD and symbol.name.startswith(prefix.value):
                        yield Value(symbol.qualname, symbol)

    def _elements(
        self, node: ast.AST, scope: StoredSymbol, depth: int, passed: bool
    ) -> Iterator[tuple[ast.expr, StoredSymbol]]:
        """The expressions in a list, tuple or dictionary, also where it was assigned or handed over before."""
        while isinstance(node, ast.Call) and shape(node.func) in _SAME_ELEMENTS and node.args:
            node = node.args[0]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in {"values", "get"}:
            node = node.func.value
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            yield from ((element, scope) for element in node.elts)
        elif isinstance(node, ast.Dict):
            yield from ((element, scope) for element in node.values)
        elif isinstance(node, ast.Name) and depth:
            found = [(expression, where) for expression, where in self._bound(node.id, scope)]
            if passed:
                handed = self._handed(node.id, scope)
                found += [(given, where) for given, where in handed if not isinstance(given, StoredSymbol)]
            if not found and (module := self._scopes.module_of(scope)) is not None:
                found = [(expression, module) for expression in self._at_top(module, node.id)]
                yield from ((expression, module) for expression in self._put_at_top(module, node.id))
            for expression, where in found:
                yield from self._elements(expression, where, depth - 1, passed)
        elif isinstance(node, ast.Attribute) and depth:
            for value in self.inferred(node.value, scope, depth - 1, passed=passed):
                if value.symbol is not None and value.symbol.kind is Kind.CLASS:
                    for expression, where in self.set_on(value.symbol, node.attr):
                        yield from self._elements(expression, where, depth - 1, passed)

    def _at_top(self, module: StoredSymbol, name: str) -> list[ast.expr]:
        """What a module's own statements bind a name to."""
        return [value for target, value in self._statements(module) if shape(target) == name]

    def _put_at_top(self, module: StoredSymbol, name: str) -> list[ast.expr]:
        """What a module's own statements put into a dictionary."""
        return [value for target, value in self._statements(module) if shape(target) == f"{name}[]"]

    def _statements(self, module: StoredSymbol) -> list[tuple[ast.expr, ast.expr]]:
        if module.row not in self._assignments:
            self._assignments[module.row] = assignments(self._index, module)
        return self._assignments[module.row]

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
            elif isinstance(at, ast.For | ast.AsyncFor | ast.comprehension):
                found += element_of(at.target, at.iter, name)
            elif isinstance(at, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
                for part in at.generators:
                    found += element_of(part.target, part.iter, name)
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

    def is_registered(self, owner: StoredSymbol, name: str) -> bool:
        """Whether a method of a class or its bases registers an attribute by its name: ``register_buffer("x", …)``."""
        pattern = re.compile(rb"self\.(?:register_\w+|add_module)\(\s*[\"']%s[\"']" % re.escape(name.encode()))
        return any(
            pattern.search(self._index.text(at.file, at.start_line, at.end_line)) for at in self._scopes.ancestry(owner)
        )

    def is_put(self, owner: StoredSymbol, name: str) -> bool:
        """Whether a class or its bases put an attribute on ``self`` by its name, past their own ``__setattr__``."""
        pattern = re.compile(rb"(?:__setattr__\(\s*(?:self,\s*)?|__dict__\[)[\"']%s[\"']" % re.escape(name.encode()))
        return any(
            pattern.search(self._index.text(at.file, at.start_line, at.end_line)) for at in self._scopes.ancestry(owner)
        )

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
            text = (
                self._index.text(symbol.file, symbol.start_line, symbol.line - 1)
                if symbol.start_line < symbol.line
                else b""
            )
            self._decorators[symbol.row] = re.findall(r"^\s*@([\w.]+)", text.decode("utf-8", "replace"), re.MULTILINE)
        return self._decorators[symbol.row]

    def wrappers(self, function: StoredSymbol) -> list[StoredSymbol]:
        """What decorators of the tree give back in a function's place, the outermost one's."""
        rows = self._scopes.names(function.file).rows
        around = rows[function.parent] if function.parent is not None else function
        for line in self._decorated_by(function):
            if shape(line) in _NO_WRAPPERS:
                continue
            call = ast.Call(line, [ast.Name(function.name, ast.Load())], [])
            found = [value.symbol for value in self.inferred(call, around) if value.symbol is not None]
            return [symbol for symbol in found if symbol.kind in _FUNCTIONS and symbol.row != function.row]
        return []

    def _decorated_by(self, function: StoredSymbol) -> list[ast.expr]:
        """The decorators of a function, the outermost first."""
        node = self.body(function).node if function.start_line < function.line else None
        return node.decorator_list if node is not None else []

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
        owner = self._scopes.class_of(function) if name.startswith("self.") else None
        key = (owner.row if owner else function.row, name)
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
        owner = self._scopes.class_of(function) if name.startswith("self.") else None
        where = owner or function
        called = {
            mention.name[len(name) + 1 :].partition(".")[0]
            for mention in self._index.mentions_between(where.file, where.start_line, where.end_line)
            if mention.role is Role.CALL
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
        return [owner for owner in classes if not any(base.row in owners for base in self._scopes.ancestry(owner)[1:])]

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
