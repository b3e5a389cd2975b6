"""What runs where no call is written, or where what is written says nothing: attributes, loops, what is handed over.

``self.x = 1`` runs ``__setattr__``, ``self.x`` a property or ``__getattr__``, ``a[i]`` ``__getitem__``, ``for`` over
a generator's call the generator, ``len(x)`` ``__len__``; operators, indices, ``with`` and builtins that call back
alike. A call through a parameter, a dictionary or an attribute runs what callers hand over or statements put there,
the call of a decorated function what the decorator put in its place. Exact where the class is known and the attribute
is certain to be looked up so; by name where the class is a guess, for methods of subclasses, and for what
``__setattr__`` may have kept elsewhere. Cannot see: objects of which nothing tells the class, keys that are hashed,
``pickle``, what C++ calls by a name of its own, what is set or swapped at run time, and what modules and class bodies
run by themselves.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from tour.index import Index, StoredMention, StoredSymbol
from tour.links import python_calls
from tour.links.nodes import Node, stored
from tour.links.python_receivers import Receiver, Receivers
from tour.links.python_scopes import PythonScopes, Value
from tour.links.python_syntax import Place, shape, yields
from tour.model import At, Grade, Kind, Link, LinkKind, Role

MOST_BELOW = 40
"""A method that more subclasses of a guessed class define is none of theirs in particular."""
MOST_CANDIDATES = 12
"""A special method that more classes near by define says too little."""

_FUNCTIONS = frozenset({Kind.FUNCTION, Kind.METHOD})
_HELD_APART = frozenset({"torch.nn.parameter.Parameter", "torch.nn.modules.module.Module"})
"""What ``Module.__setattr__`` keeps in tables of its own, where only ``__getattr__`` finds it."""
_LAZY = frozenset({"enumerate", "zip", "iter", "reversed", "map", "filter"})
"""Builtins that ask an iterable for its iterator, and take from it when somebody takes from theirs."""
_EAGER = frozenset({"list", "tuple", "set", "frozenset", "sorted", "sum", "any", "all", "min", "max", "dict", "next"})
"""Builtins that take from an iterable at once."""
_SPECIAL = {
    "len": ("__len__",), "repr": ("__repr__",), "str": ("__str__", "__repr__"), "dir": ("__dir__",),
    "hash": ("__hash__",), "bool": ("__bool__", "__len__"), "format": ("__format__",), "int": ("__int__",),
    "float": ("__float__",), "abs": ("__abs__",), "print": ("__str__", "__repr__"),
}  # fmt: skip
"""What a builtin runs of its first argument: the first of them that the class has."""
_OPERATORS = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "truediv", ast.FloorDiv: "floordiv", ast.Mod: "mod",
    ast.Pow: "pow", ast.MatMult: "matmul", ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor",
    ast.LShift: "lshift", ast.RShift: "rshift",
}  # fmt: skip
_COMPARED = {ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge"}
_ONLY_ANNOTATED = re.compile(rb"\s*\w+\s*:[^=]*$")
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Run(NamedTuple):
    """What one place may run."""

    symbol: StoredSymbol
    rule: str
    is_sure: bool
    candidates: int = 1


def links_from(index: Index, source: Node, lines: tuple[int, int] | None, scopes: PythonScopes) -> Iterator[Link]:
    """What a function's body runs without a written call, in its order."""
    if source.scheme != "py":
        return
    for symbol in stored(index, source):
        for place in places(index, symbol, scopes):
            if lines is None or lines[0] <= place.line <= lines[1]:
                yield from links_at(index, source, place, scopes)


def places(index: Index, function: StoredSymbol, scopes: PythonScopes) -> list[Place]:
    """The expressions and statements of a function."""
    return _reader(index, scopes).receivers.body(function).places if function.kind in _FUNCTIONS else []


def links_at(index: Index, source: Node, place: Place, scopes: PythonScopes) -> Iterator[Link]:
    """What one place runs, the surest first, each once."""
    best: dict[int, Run] = {}
    for run in sorted(_reader(index, scopes).runs(place), key=lambda run: not run.is_sure):
        best.setdefault(run.symbol.row, run)
    for run in best.values():
        yield Link(
            LinkKind.CALLS, source.id, run.symbol.id, run.symbol.at, At(place.scope.file, place.line),
            f"python_implicit/{run.rule}", Grade.EXACT if run.is_sure else Grade.NAME,
            1 if run.is_sure else run.candidates,
        )  # fmt: skip


def _reader(index: Index, scopes: PythonScopes) -> _Reader:
    found = scopes.beside.get("python_implicit") or _Reader(index, scopes)
    assert isinstance(found, _Reader)
    scopes.beside["python_implicit"] = found
    return found


class _Reader:
    def __init__(self, index: Index, scopes: PythonScopes) -> None:
        self._index = index
        self._scopes = scopes
        self.receivers = Receivers(index, scopes)
        self._standing: dict[int, list[Receiver]] = {}

    def runs(self, place: Place) -> Iterator[Run]:
        at, scope = place.node, place.scope
        if isinstance(at, ast.Attribute):
            yield from self._attribute(at, scope)
        elif isinstance(at, ast.Subscript):
            special = {ast.Load: "__getitem__", ast.Store: "__setitem__"}.get(type(at.ctx), "__delitem__")
            yield from self._special(at.value, scope, (special, "__missing__"), "item")
        elif isinstance(at, ast.For | ast.AsyncFor):
            yield from self._iterated(at.iter, scope)
        elif isinstance(at, _COMPREHENSIONS):
            for part in at.generators:
                yield from self._iterated(part.iter, scope)
        elif isinstance(at, ast.With | ast.AsyncWith):
            for item in at.items:
                for special in ("__enter__", "__exit__"):
                    yield from self._special(item.context_expr, scope, (special,), "with", near=True)
        elif isinstance(at, ast.Call):
            yield from self._builtin(at, scope)
        elif isinstance(at, ast.YieldFrom | ast.Starred):
            yield from self._iterated(at.value, scope)
        else:
            yield from self._operator(at, scope)

    # Attributes

    def _attribute(self, at: ast.Attribute, scope: StoredSymbol) -> Iterator[Run]:
        name = at.attr
        if isinstance(at.ctx, ast.Load):
            if name.startswith("__") and name.endswith("__"):
                return
            yield from self._read(at.value, name, scope)
        else:
            how = (
                ("__setattr__", "setter", "__set__")
                if isinstance(at.ctx, ast.Store)
                else ("__delattr__", "deleter", "__delete__")
            )
            yield from self._written(at.value, name, how, scope)

    def _read(self, base: ast.AST, name: str, scope: StoredSymbol) -> Iterator[Run]:
        values = self.receivers.value(base, scope)
        for value in values:
            if value.symbol is not None and value.symbol.kind is Kind.MODULE:
                for receiver in self._standing_for(value.symbol):
                    yield from self._looked_up(receiver, name)
        found = self.receivers.of(base, scope)
        for receiver in found:
            if receiver.is_instance:
                yield from self._looked_up(receiver, name)
        if not values and not found:
            yield from self._properties(name, scope)

    def _properties(self, name: str, scope: StoredSymbol) -> Iterator[Run]:
        """Every property of that name, on an object of unknown type."""
        named = self._scopes.methods_named(name, scope.file)
        if not named or len(named) > 4 * MOST_CANDIDATES:
            return
        found = [symbol for symbol in named if self.receivers.is_property(symbol)]
        if len(found) <= MOST_CANDIDATES:
            yield from (Run(symbol, "property", False, len(found)) for symbol in found)

    def _looked_up(self, receiver: Receiver, name: str) -> Iterator[Run]:
        """What reading an attribute of an object runs."""
        for special in self._members(receiver.owner, "__getattribute__"):
            yield Run(special, "attribute", receiver.is_sure, receiver.candidates)
        for owner in self._scopes.ancestry(receiver.owner):
            getter = self.receivers.accessor(owner, name, "getter")
            described = self._descriptor(owner, name, "__get__")
            for symbol in described:
                yield Run(symbol, "descriptor", receiver.is_sure, receiver.candidates)
            if getter is not None:
                sure = receiver.is_sure and not described and not self._scopes.is_abstract(getter)
                yield from self._with_overrides(getter, receiver._replace(is_sure=sure), "property")
            if described or getter is not None:
                return
            if self._binds(owner, name):
                return
        inherited = self._scopes.members(receiver.owner, name)
        if any(value.is_foreign for value in inherited):
            receiver = receiver._replace(is_sure=False)  # a base outside the tree may have it
        yield from self._not_found(receiver, name)

    def _binds(self, owner: StoredSymbol, name: str) -> bool:
        """Whether a class body binds a name; ``name: int`` does not."""
        for symbol in self._scopes.names(owner.file).members.get((owner.row, name), ()):
            line = self._index.text(owner.file, symbol.line, symbol.line)
            if symbol.kind is not Kind.VARIABLE or not _ONLY_ANNOTATED.match(line):
                return True
        return False

    def _not_found(self, receiver: Receiver, name: str) -> Iterator[Run]:
        """``__getattr__``, for what no class binds."""
        fallback = list(self._members(receiver.owner, "__getattr__"))
        if not fallback:
            if not self.receivers.set_on(receiver.owner, name):
                yield from self._properties(name, receiver.owner)
            return
        sure: bool | None = self.receivers.is_registered(receiver.owner, name)
        if not sure and self.receivers.set_on(receiver.owner, name):
            sure = self._is_held_apart(receiver.owner, name)
            if sure is None:
                return
        if not sure and self.receivers.is_put(receiver.owner, name):
            return
        for special in fallback:
            for run in self._with_overrides(special, receiver, "getattr"):
                yield run if sure else Run(run.symbol, run.rule, False, run.candidates)

    def _is_held_apart(self, owner: StoredSymbol, name: str) -> bool | None:
        """Whether ``__setattr__`` puts the attribute where only ``__getattr__`` finds it; ``None`` where not."""
        if not any(True for _ in self._members(owner, "__setattr__")):
            return None
        apart, plain = [], []
        for expression, where in self.receivers.set_on(owner, name):
            if isinstance(expression, ast.Constant) and expression.value is None:
                continue
            made = self.receivers.value(expression, where) or self.receivers.inferred(expression, where)
            held = [
                value
                for value in made
                if value.symbol is not None
                and value.symbol.kind is Kind.CLASS
                and any(base.qualname in _HELD_APART for base in self._scopes.ancestry(value.symbol))
            ]
            apart.append(bool(held))
            plain.append(bool(made) and not held)
        if all(plain):
            return None
        return all(apart)

    def _descriptor(self, owner: StoredSymbol, name: str, special: str) -> list[StoredSymbol]:
        """The ``__get__`` of what a class body binds a name to, where it is a descriptor of the tree."""
        bound = self._scopes.names(owner.file).members.get((owner.row, name), ())
        found: list[StoredSymbol] = []
        for symbol in bound:
            if symbol.kind is Kind.METHOD:
                for decorator in self.receivers.decorators(symbol):
                    for value in self._scopes.values(decorator, owner):
                        if value.symbol is not None and value.symbol.kind is Kind.CLASS:
                            found += self._members(value.symbol, special)
            elif symbol.kind is Kind.VARIABLE:
                for value in self._scopes.members(owner, name):
                    if value.is_instance and value.symbol is not None and value.symbol.kind is Kind.CLASS:
                        found += self._members(value.symbol, special)
        return found

    def _standing_for(self, module: StoredSymbol) -> list[Receiver]:
        """The object that a module has put in its own place: ``sys.modules[__name__] = C(…)``."""
        if module.row not in self._standing:
            text = self._index.text(module.file, 1, module.end_line) if module.parent is None else b""
            replaced = re.search(rb"^sys\.modules\[__name__\] *= *([\w.]+)\(", text, re.MULTILINE)
            self._standing[module.row] = [
                Receiver(value.symbol, True)
                for value in (self._scopes.values(replaced[1].decode(), module) if replaced else ())
                if value.symbol is not None and value.symbol.kind is Kind.CLASS
            ]
        return self._standing[module.row]

    def _written(self, base: ast.AST, name: str, how: tuple[str, str, str], scope: StoredSymbol) -> Iterator[Run]:
        for value in self.receivers.value(base, scope):
            if value.symbol is not None and value.symbol.kind is Kind.MODULE:
                for receiver in self._standing_for(value.symbol):
                    yield from self._set_on(receiver, name, how)
        for receiver in self.receivers.of(base, scope):
            if receiver.is_instance:
                yield from self._set_on(receiver, name, how)

    def _set_on(self, receiver: Receiver, name: str, how: tuple[str, str, str]) -> Iterator[Run]:
        special, accessor, descriptor = how
        found = list(self._members(receiver.owner, special))
        for symbol in found:
            yield from self._with_overrides(symbol, receiver, special.strip("_"))
        for owner in self._scopes.ancestry(receiver.owner):
            if (setter := self.receivers.accessor(owner, name, accessor)) is not None:
                yield Run(setter, "property", receiver.is_sure and not found, receiver.candidates)
                return
            for symbol in self._descriptor(owner, name, descriptor):
                yield Run(symbol, "descriptor", receiver.is_sure and not found, receiver.candidates)

    # Special methods

    def _members(self, owner: StoredSymbol, name: str) -> Iterator[StoredSymbol]:
        """A class's special method, where the tree defines it."""
        for value in self._scopes.members(owner, name):
            if value.symbol is not None and value.symbol.kind in _FUNCTIONS:
                yield value.symbol

    def _with_overrides(self, member: StoredSymbol, receiver: Receiver, rule: str) -> Iterator[Run]:
        over = self._scopes.overriding(member, receiver.owner)
        sure = receiver.is_sure and not (over and self._scopes.is_abstract(member))
        yield Run(member, rule, sure, receiver.candidates + len(over))
        wrappers = self.receivers.wrappers(member)
        for wrapper in wrappers:
            yield Run(wrapper, "decorator", sure and len(wrappers) == 1, receiver.candidates + len(over))
        for other in over:
            yield Run(other, rule, False, receiver.candidates + len(over))

    def _special(
        self, at: ast.AST, scope: StoredSymbol, names: tuple[str, ...], rule: str, *, near: bool = False
    ) -> Iterator[Run]:
        """The first of some special methods that the object has."""
        found = self.receivers.of(at, scope)
        for receiver in found:
            if not receiver.is_instance:
                continue
            for name in names:
                bound = self._scopes.members(receiver.owner, name)
                runs = [
                    run
                    for value in bound
                    if value.symbol is not None and value.symbol.kind in _FUNCTIONS
                    for run in self._with_overrides(value.symbol, receiver, rule)
                ]
                if not bound and name == names[0]:
                    below = self._below(receiver.owner, name)
                    runs = [Run(symbol, rule, False, len(below) * receiver.candidates) for symbol in below]
                yield from runs
                if runs or any(not value.is_foreign for value in bound):
                    break
                if bound:
                    receiver = receiver._replace(is_sure=False)  # a base outside the tree may have it
        if not found and near and not self.receivers.value(at, scope):
            yield from self._nearest(names[0], scope, rule)

    def _nearest(self, name: str, scope: StoredSymbol, rule: str) -> Iterator[Run]:
        """The special methods of the classes in the same file, else in the same folder."""
        named = self._scopes.methods_named(name, scope.file)
        folder = scope.file.rpartition("/")[0]
        for found in (
            [symbol for symbol in named if symbol.file == scope.file],
            [symbol for symbol in named if symbol.file.rpartition("/")[0] == folder],
            named,
        ):
            if found:
                if len(found) <= MOST_CANDIDATES:
                    yield from (Run(symbol, rule, False, len(found)) for symbol in found)
                return

    def _iterated(self, at: ast.AST, scope: StoredSymbol) -> Iterator[Run]:
        """What a loop over an expression runs: the generator that it calls, or ``__iter__`` of the object."""
        if isinstance(at, ast.Starred):
            at = at.value
        inner = _without(at, _LAZY)
        if isinstance(inner, ast.Call):
            yield from self._generator(inner, scope)
        elif isinstance(inner, ast.Name):
            for value in self.receivers.assigned(inner.id, scope) if scope.kind in _FUNCTIONS else ():
                if isinstance(value, ast.Call):
                    yield from self._generator(value, scope)
        if inner is at:
            yield from self._special(at, scope, ("__iter__", "__getitem__"), "loop")
        yield from self._stepped(inner, scope)

    def _stepped(self, at: ast.AST, scope: StoredSymbol) -> Iterator[Run]:
        """What each turn runs: ``__next__``, or the ``__iter__`` that is a generator."""
        for run in self._special(at, scope, ("__iter__", "__getitem__"), "loop"):
            body = self.receivers.body(run.symbol)
            if body.node is not None and (yields(body.node) or run.symbol.name == "__getitem__"):
                yield run
        yield from self._special(at, scope, ("__next__",), "loop")

    def _taken(self, name: str, first: ast.expr, scope: StoredSymbol) -> Iterator[Run]:
        """What a builtin runs that takes an iterable: all of it at once, or only its ``__iter__``."""
        if name == "next":
            yield from self._stepped(first, scope)
        elif name == "reversed":
            yield from self._special(first, scope, ("__reversed__", "__len__"), "loop")
        elif name in _LAZY:
            yield from self._special(first, scope, ("__iter__",), "loop")
        else:
            yield from self._iterated(first, scope)
            yield from self._special(first, scope, ("__len__",), "loop") if name in {"list", "tuple"} else ()

    def _generator(self, call: ast.Call, scope: StoredSymbol) -> Iterator[Run]:
        for target in self._called(call, scope):
            for symbol in stored(self._index, target.node):
                if symbol.kind in _FUNCTIONS:
                    body = self.receivers.body(symbol)
                    if body.node is not None and yields(body.node):
                        yield Run(symbol, "generator", target.grade is Grade.EXACT, target.candidates)

    def _called(self, call: ast.Call, scope: StoredSymbol) -> list[python_calls.Target]:
        name = shape(call.func)
        if name is None:
            return []
        line, column = call.func.lineno, call.func.col_offset
        mention = StoredMention(Role.CALL, name, None, scope.file, line, column, line, column, scope.row)
        return python_calls.targets(self._index, mention, self._scopes)

    # Builtins and operators

    def _passed(self, at: ast.Call, scope: StoredSymbol) -> Iterator[Run]:
        """What a call runs whose callee was assigned, handed over, or is an object that a guess knows."""
        written = self._called(at, scope)
        yield from self._wrappers(written)
        yield from self._made(at, scope)
        yield from self._called_back(at, scope)
        if any(target.grade is Grade.EXACT and target.node.scheme == "py" for target in written):
            return
        values = self.receivers.inferred(at.func, scope, passed=True)
        if all(value.is_foreign for value in values):
            values = self._guessed(at.func, scope)
        for target in python_calls.called(values, self._scopes):
            for symbol in stored(self._index, target.node):
                if symbol.kind in _FUNCTIONS:
                    yield Run(symbol, "passed", False, max(target.candidates, len(values)))

    def _called_back(self, at: ast.Call, scope: StoredSymbol) -> Iterator[Run]:
        """What a method from outside the tree may call of the object: what its class overrides, what was put on it."""
        if not isinstance(at.func, ast.Attribute):
            return
        values = [*self.receivers.value(at.func.value, scope), *self.receivers.inferred(at.func.value, scope)]
        own = [
            symbol
            for value in values
            if value.is_instance and value.symbol is not None and value.symbol.kind is Kind.CLASS
            if any(of.is_foreign for of in self._scopes.members(value.symbol, at.func.attr))
            for symbol in self._index.members(value.symbol.row)
            if symbol.kind is Kind.METHOD and not symbol.name.startswith("__")
        ]
        base = shape(at.func.value)
        put = [
            value.symbol
            for place in (self.receivers.body(scope).places if scope.kind in _FUNCTIONS and base else ())
            if isinstance(place.node, ast.Assign)
            if any(isinstance(to, ast.Attribute) and shape(to.value) == base for to in place.node.targets)
            if values and all(value.is_foreign or value.symbol is not None for value in values)
            for value in self.receivers.value(place.node.value, place.scope)
            if value.symbol is not None and value.symbol.kind in _FUNCTIONS
        ]
        found = {symbol.row: symbol for symbol in [*own, *put]}
        if len(found) <= MOST_CANDIDATES:
            yield from (Run(symbol, "callback", False, len(found)) for symbol in found.values())

    def _guessed(self, at: ast.AST, scope: StoredSymbol) -> list[Value]:
        """A callee by the class that its object, or the object it is an attribute of, is guessed to have."""
        if isinstance(at, ast.Attribute):
            found = [
                value._replace(is_sure=False)
                for receiver in self.receivers.of(at.value, scope)
                for value in self._scopes.members(receiver.owner, at.attr)
            ]
            if any(not value.is_foreign for value in found):
                return found
        return [
            Value(receiver.owner.qualname, receiver.owner, receiver.is_instance, is_sure=False)
            for receiver in self.receivers.of(at, scope)
        ]

    def _wrappers(self, written: list[python_calls.Target]) -> Iterator[Run]:
        """What a decorator has put in the place of a function that is called."""
        for target in written:
            for symbol in stored(self._index, target.node):
                wrappers = self.receivers.wrappers(symbol) if symbol.kind in _FUNCTIONS else []
                for wrapper in wrappers:
                    sure = target.grade is Grade.EXACT and len(wrappers) == 1
                    yield Run(wrapper, "decorator", sure, max(target.candidates, len(wrappers)))

    def _made(self, at: ast.Call, scope: StoredSymbol) -> Iterator[Run]:
        """``cls()`` and ``type(self)()`` make objects of subclasses too."""
        if shape(at.func) not in {"cls", "self.__class__", "type()"}:
            return
        for receiver in self.receivers.of(at.func, scope):
            if not receiver.is_instance:
                for name in ("__init__", "__new__"):
                    over = self._below(receiver.owner, name)
                    yield from (Run(symbol, "heir", False, len(over) + 1) for symbol in over)

    def _below(self, owner: StoredSymbol, name: str) -> list[StoredSymbol]:
        """A method that subclasses of a class define; none where very many do."""
        found = [
            symbol
            for heir in self.receivers.heirs(owner)
            for symbol in self._scopes.names(heir.file).members.get((heir.row, name), ())
            if symbol.kind is Kind.METHOD
        ]
        return found if len(found) <= MOST_BELOW else []

    def _builtin(self, at: ast.Call, scope: StoredSymbol) -> Iterator[Run]:
        yield from self._passed(at, scope)
        if not isinstance(at.func, ast.Name) or not at.args:
            return
        name, first = at.func.id, at.args[0]
        if not all(value.is_foreign for value in self._scopes.values(name, scope)):
            return
        if name in _LAZY or name in _EAGER:
            yield from self._taken(name, at.args[-1] if name in {"map", "filter"} else first, scope)
        elif name in _SPECIAL:
            yield from self._special(first, scope, _SPECIAL[name], "builtin", near=name == "len")
        elif name in {"getattr", "hasattr", "setattr", "delattr"} and len(at.args) > 1:
            yield from self._attribute_named(name, first, at.args[1], len(at.args) > 2, scope)
        elif name == "isinstance" and len(at.args) > 1:
            kinds = at.args[1].elts if isinstance(at.args[1], ast.Tuple) else [at.args[1]]
            for kind in kinds:
                for receiver in self.receivers.of(kind, scope):
                    if not receiver.is_instance:
                        for metaclass in self._metaclasses(receiver.owner):
                            # Not asked where the object is of that very class.
                            for member in self._members(metaclass, "__instancecheck__"):
                                yield Run(member, "builtin", False, len(kinds))

    def _metaclasses(self, owner: StoredSymbol) -> Iterator[StoredSymbol]:
        for at in self._scopes.ancestry(owner):
            text = self._index.text(at.file, at.line, at.line + 3).decode("utf-8", "replace")
            header = re.match(r"\s*class\s+\w+\s*\((.*?)\)\s*:", text, re.DOTALL)
            named = re.search(r"metaclass\s*=\s*([\w.]+)", header[1]) if header else None
            around = self._index.symbol(at.parent) if at.parent is not None else at
            for value in self._scopes.values(named[1], around) if named else ():
                if value.symbol is not None and value.symbol.kind is Kind.CLASS:
                    yield value.symbol
                    return

    def _attribute_named(
        self, how: str, base: ast.AST, name: ast.AST, has_default: bool, scope: StoredSymbol
    ) -> Iterator[Run]:
        known = name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else None
        if how in {"setattr", "delattr"}:
            ways = (
                ("__setattr__", "setter", "__set__") if how == "setattr" else ("__delattr__", "deleter", "__delete__")
            )
            for receiver in self.receivers.of(base, scope):
                if receiver.is_instance:
                    yield from self._set_on(receiver, known or "", ways)
        elif known is not None and how == "getattr" and not has_default:
            yield from self._read(base, known, scope)
        else:
            # Whether it is there is the question: what is not found otherwise goes to `__getattr__`.
            if known is not None:
                yield from self._read(base, known, scope)
            for receiver in self.receivers.of(base, scope):
                if receiver.is_instance:
                    bound = known and any(self._binds(o, known) for o in self._scopes.ancestry(receiver.owner))
                    for member in () if bound else self._members(receiver.owner, "__getattr__"):
                        for run in self._with_overrides(member, receiver, "getattr"):
                            yield Run(run.symbol, run.rule, False, run.candidates)

    def _operator(self, at: ast.AST, scope: StoredSymbol) -> Iterator[Run]:
        if isinstance(at, ast.BinOp | ast.AugAssign):
            name = _OPERATORS[type(at.op)]
            left, right = (at.left, at.right) if isinstance(at, ast.BinOp) else (at.target, at.value)
            own = (f"__{name}__",) if isinstance(at, ast.BinOp) else (f"__i{name}__", f"__{name}__")
            yield from self._special(left, scope, own, "operator")
            for run in self._special(right, scope, (f"__r{name}__",), "operator"):
                yield Run(run.symbol, run.rule, False, run.candidates + 1)
        elif isinstance(at, ast.Compare):
            left = at.left
            for op, right in zip(at.ops, at.comparators, strict=True):
                if isinstance(op, ast.In | ast.NotIn):
                    yield from self._special(right, scope, ("__contains__", "__iter__"), "operator")
                elif type(op) in _COMPARED:
                    yield from self._special(left, scope, (f"__{_COMPARED[type(op)]}__",), "operator")
                left = right
        elif isinstance(at, ast.If | ast.While | ast.IfExp | ast.Assert):
            test = at.test
            while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
                test = test.operand
            yield from self._special(test, scope, ("__bool__", "__len__"), "truth")
        elif isinstance(at, ast.BoolOp):
            for value in at.values:
                yield from self._special(value, scope, ("__bool__", "__len__"), "truth")
        elif isinstance(at, ast.UnaryOp):
            unary = {ast.Not: ("__bool__", "__len__"), ast.USub: ("__neg__",), ast.Invert: ("__invert__",)}
            yield from self._special(at.operand, scope, unary.get(type(at.op), ("__pos__",)), "operator")
        elif isinstance(at, ast.FormattedValue):
            names = ("__repr__",) if at.conversion == ord("r") else ("__format__", "__str__", "__repr__")
            yield from self._special(at.value, scope, names, "operator")


def _without(at: ast.AST, builtins: frozenset[str]) -> ast.AST:
    """What is left of ``enumerate(zip(x, y))``: ``x``."""
    while isinstance(at, ast.Call) and isinstance(at.func, ast.Name) and at.func.id in builtins and at.args:
        at = at.args[-1] if at.func.id in {"map", "filter"} else at.args[0]
    return at
