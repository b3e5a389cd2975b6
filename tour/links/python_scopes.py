"""What a Python name means where it stands, as far as the index can see.

Definitions, imports (re-exports and ``*`` too), aliases, locals and attributes bound to an object of a known class,
annotations of parameters, variables and results, ``self``, ``cls`` and ``super()`` through the bases in Python's own
order. A name that a parameter or a local takes hides the same name further out. Cannot see: what a ``for``, an
unpacking or a plain call binds a local to (such a local hides nothing), parameters past the first 300 letters of a
list, decorators that put something else in a function's place, and assignments at run time.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from tour.index import Index, StoredMention, StoredSymbol, last_part
from tour.links.nodes import Node, node
from tour.links.python_names import Names, owner_of, parameters, read
from tour.model import Kind, Role

_FUNCTIONS = frozenset({Kind.FUNCTION, Kind.METHOD})
_BUILTINS = frozenset(dir(builtins))
_SAY_NOTHING = frozenset({"object", "Generic", "Protocol", "ABC", "typing.Generic", "abc.ABC"})
"""Bases that bring no members worth a name: what such a class does not bind was set on the object."""
MOST_NAMED = 180
"""Methods of one name whose bases are looked at."""
_DEEPEST = 12
"""Re-exports are followed this far; deeper chains are loops."""


class Value(NamedTuple):
    """What an expression stands for."""

    qualname: str
    symbol: StoredSymbol | None = None
    """The definition in the tree; none where it is made in C++ or lies outside the tree."""
    is_instance: bool = False
    """Whether it is an object of that class, not the class."""
    is_foreign: bool = False
    """Whether it comes from outside the tree: the standard library, NumPy, a builtin."""
    is_sure: bool = True
    """False where another statement may have bound the name to something unseen."""
    via: StoredSymbol | None = None
    """The variable whose alias was followed, if one was."""

    @property
    def node(self) -> Node:
        """The end of a link that it makes."""
        return node(self.symbol) if self.symbol else Node(f"py:{self.qualname}")


FOREIGN = Value("", is_foreign=True)
"""What the tree has no part in: a number, a string, NumPy."""


def _of(symbol: StoredSymbol, *, is_instance: bool = False) -> Value:
    return Value(symbol.qualname, symbol, is_instance)


HOMES = (
    ("torch._C._VariableFunctions.", "torch."),
    ("torch._VF.", "torch."),
    ("torch._C._TensorBase.", "torch.Tensor."),
    ("torch._C.TensorBase.", "torch.Tensor."),
    ("torch._tensor.Tensor.", "torch.Tensor."),
)
"""Where a generated binding also stands, and the name that readers know: ``torch/__init__.py`` copies all of
``_VariableFunctions`` into ``torch``, ``torch/_VF.py`` hands them on, and ``torch.Tensor`` inherits from the base."""


def binding_name(name: str) -> str:
    """``torch.lstm`` of ``torch._C._VariableFunctions.lstm``; other names as they are."""
    for home, known in HOMES:
        if name.startswith(home):
            return known + name.removeprefix(home)
    return name


class PythonScopes:
    """Name resolution in the Python files of an index."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._modules: dict[str, list[StoredSymbol]] = {}
        self._names: dict[str, Names] = {}
        self._known: dict[tuple[int, str], list[Value]] = {}
        self._busy: set[tuple[int, str]] = set()
        self._was_cut = False
        self._orders: dict[int, tuple[list[StoredSymbol], list[Value]]] = {}
        self._methods: dict[tuple[str, str], list[StoredSymbol]] = {}
        self._given: dict[str, list[Node]] = {}
        self._made: dict[str, list[StoredMention]] = {}
        self.beside: dict[str, object] = {}
        """What linkers remember as long as these answers last, by linker."""
        self._passing: set[tuple[int, str]] = set()
        """The modules whose ``*`` are being followed, and for which name: modules that import each other are common."""

    def module(self, name: str) -> StoredSymbol | None:
        """The module of that dotted name: a source file, else an extension module that a ``setup.py`` declares."""
        if name not in self._modules:
            found = [symbol for symbol in self._index.symbols(name, "py") if symbol.kind is Kind.MODULE]
            found.sort(key=lambda symbol: (symbol.file.endswith(".pyi"), symbol.parent is not None))
            self._modules[name] = found
        found = self._modules[name]
        return found[0] if found else None

    def module_of(self, symbol: StoredSymbol) -> StoredSymbol | None:
        """The module whose file a symbol stands in."""
        rows = self.names(symbol.file).rows
        at = symbol
        while at.parent is not None:
            at = rows[at.parent]
        return at if at.kind is Kind.MODULE else None

    def is_extension(self, module: StoredSymbol) -> bool:
        """Whether the module is declared in a ``setup.py`` and has no Python source."""
        return module.parent is not None

    def names(self, path: str) -> Names:
        """What the scopes of a file bind."""
        if path not in self._names:
            self._names[path] = read(self._index, path)
        return self._names[path]

    def resolve(self, name: str, scope: StoredSymbol) -> list[Node]:
        """What a dotted name, as written in ``scope``, stands for; several where branches define it, none unseen."""
        found = self.values(name, scope)
        return list(dict.fromkeys(value.node for value in found if not value.is_foreign and not value.is_instance))

    def dotted(self, name: str) -> list[Node]:
        """What an absolute dotted name stands for: the longest module that there is, then its attributes.

        Where a package binds the name of one of its modules to what it takes from there (``torch.nn.parallel`` does
        so with ``replicate``), that comes first, as it does in Python.
        """
        found = self._absolute(name, _DEEPEST) or []
        package, _, last = name.rpartition(".")
        if found and _is_module(found[0]) and package and (around := self.module(package)) is not None:
            hiding = self._imported(around, last, _DEEPEST) or []
            found = [value for value in hiding if not _is_module(value) and not value.is_foreign] + found
        return list(dict.fromkeys(value.node for value in found if not value.is_foreign))

    def values(self, name: str, scope: StoredSymbol) -> list[Value]:
        """What an expression made of names, attributes, calls ``()`` and indices ``[]`` stands for in ``scope``."""
        return self._remembered((scope.row, name), lambda: self._values(name, scope))

    def members(self, owner: StoredSymbol, name: str) -> list[Value]:
        """What a class or its bases bind a name to, for an object of the class."""
        return self._member(owner, name)

    def ancestry(self, owner: StoredSymbol) -> list[StoredSymbol]:
        """A class and its bases in the order in which Python looks through them."""
        return self._order(owner)[0]

    def kept_modules(self, path: str) -> list[StoredMention]:
        """The modules and classes that a C++ file makes for Python, and the variables that hold them."""
        if path not in self._made:
            self._made[path] = self._index.mentions_in(path, Role.OWNER, Role.ALIAS)
        return self._made[path]

    def methods_named(self, name: str, near: str) -> list[StoredSymbol]:
        """Every method of that name in the same top folder as the file ``near``."""
        top = near.partition("/")[0]
        if (name, top) not in self._methods:
            self._methods[name, top] = [
                symbol
                for symbol in self._index.symbols_named(name, "py")
                if symbol.kind is Kind.METHOD
                and symbol.is_definition
                and symbol.file.startswith(f"{top}/")
                and not symbol.file.endswith(".pyi")
            ]
        return self._methods[name, top]

    def bound_methods(self, name: str) -> list[Node]:
        """The methods of that name of classes that C++ gives to Python: of tensors, and of pybind11's classes."""
        if name not in self._given:
            rows = self._index.mentions_of(name, Role.ENTRY, Role.GENERATE)
            owners = [row.name.rpartition(".")[0] for row in rows if row.role is Role.ENTRY]
            classes = [f"torch._C.{owner}" for owner in owners if owner[:1].isupper() and "." not in owner]
            tensors = any(row.name == f"torch.Tensor.{name}" or "python_variable_methods" in row.file for row in rows)
            homes = [*(["torch.Tensor"] if tensors else []), *dict.fromkeys(classes)]
            self._given[name] = [Node(f"py:{home}.{name}") for home in homes]
        return self._given[name]

    def names_of(self, of: Node) -> set[str]:
        """The last parts of the names under which a symbol may be mentioned: its own, and what imports make of it."""
        found = {last_part(of.qualname)}
        if of.scheme == "py":
            for name in list(found):
                for mention in self._index.mentions_of(name, Role.FROM, Role.ALIAS):
                    renamed = last_part(mention.target or "")
                    if renamed not in {"", "*", name} and of in self._told(mention):
                        found.add(renamed)
        return found

    def _told(self, mention: StoredMention) -> list[Node]:
        """What an import or an alias names."""
        if mention.role is Role.FROM:
            return self.dotted(mention.name)
        return self.resolve(mention.name, self._index.symbol(mention.scope)) if mention.scope is not None else []

    def class_of(self, method: StoredSymbol) -> StoredSymbol | None:
        """The class whose method it is, or whose method it lies in."""
        return owner_of(self.names(method.file).rows, method.row)

    def overriding(self, member: StoredSymbol, within: StoredSymbol | None = None) -> list[StoredSymbol]:
        """The same method of subclasses of the class that has it, or of the class ``within``.

        Of what very many override those in the same folder: of ``Module.forward`` those of ``torch.nn.modules``.
        """
        owner = within or (self.names(member.file).rows[member.parent] if member.parent is not None else member)
        if owner.kind is not Kind.CLASS:
            return []
        named = self.methods_named(member.name, member.file)
        if len(named) > MOST_NAMED:
            folder = member.file.rpartition("/")[0]
            named = [other for other in named if other.file.rpartition("/")[0] == folder]
        return [
            other
            for other in named
            if (of := self.class_of(other)) and of.row != owner.row and owner in self.ancestry(of)
        ]

    def is_abstract(self, method: StoredSymbol) -> bool:
        """Whether a method is there to be overridden: all that it does is to raise ``NotImplementedError``."""
        text = self._index.text(method.file, method.line, method.end_line)
        return b"raise NotImplementedError" in text and b"return " not in text and b"if " not in text

    def returned(self, value: Value) -> list[Value]:
        """What calling a value gives, as far as a class or an annotation says."""
        if value.is_foreign:
            return [value]
        symbol = value.symbol
        if symbol is None:
            return []
        if symbol.kind is Kind.CLASS:
            if not value.is_instance:
                return [value._replace(is_instance=True)]
            called = self._member(symbol, "__call__")
            return [given for found in called if found.symbol is not symbol for given in self.returned(found)]
        if symbol.kind in _FUNCTIONS:
            ties = self.names(symbol.file).ties.get((symbol.row, "return"), ())
            return _distinct(given for tie in ties for given in self._tied(tie))
        return []

    def _remembered(self, key: tuple[int, str], work: Callable[[], list[Value]]) -> list[Value]:
        """Each question once; one that leads back to itself has no answer there, and what hung on it is not kept."""
        if key in self._known:
            return self._known[key]
        if key in self._busy:
            self._was_cut = True
            return []
        outermost = not self._busy
        self._busy.add(key)
        try:
            found = work()
        finally:
            self._busy.discard(key)
        if outermost or not self._was_cut:
            self._known[key] = found
        if outermost:
            self._was_cut = False
        return found

    def _values(self, name: str, scope: StoredSymbol) -> list[Value]:
        head, *rest = name.split(".")
        if not head:
            return []
        if head == "super()":
            owner = self.class_of(scope)
            if owner is None or not rest:
                return []
            found = self._member(owner, _bare(rest[0]), own=False)
            found, rest = self._marked(found, rest[0]), rest[1:]
        else:
            found = self._marked(self._looked_up(_bare(head), scope), head)
        for part in rest:
            found = self._marked([further for value in found for further in self.attribute(value, _bare(part))], part)
        return _distinct(found)

    def _marked(self, found: list[Value], part: str) -> list[Value]:
        """What calls and indices after a name make of it."""
        marks = part[len(_bare(part)) :]
        while marks:
            if marks.startswith("()"):
                found = [given for value in found for given in self.returned(value)]
            else:  # C[int] is C; of what else holds elements nothing is known
                found = [value for value in found if value.is_foreign or (_is_class(value) and not value.is_instance)]
            marks = marks[2:]
        return found

    def _looked_up(self, head: str, scope: StoredSymbol) -> list[Value]:
        """What a plain name means, from the inside out; class bodies count for themselves only."""
        around: StoredSymbol | None = scope
        while around is not None:
            if around.kind is not Kind.CLASS or around is scope:
                found = self._bound(around, head)
                if found is not None:
                    return found
            around = self._index.symbol(around.parent) if around.parent is not None else None
        return [FOREIGN] if head in _BUILTINS else []

    def _bound(self, scope: StoredSymbol, head: str) -> list[Value] | None:
        """What one scope binds a plain name to; ``None`` where it does not bind it."""
        if scope.kind is Kind.MODULE:
            return self._module_attribute(scope, head, _DEEPEST)
        names = self.names(scope.file)
        if scope.kind in _FUNCTIONS:
            takes = _parameters(scope.signature)
            if takes[:1] == (head,) and head in {"self", "cls"} and scope.kind is Kind.METHOD:
                owner = self.class_of(scope)
                return [_of(owner, is_instance=head == "self")] if owner else []
        else:
            takes = ()
        if (found := self._defined(scope, head)) is not None:
            return found
        if ties := names.ties.get((scope.row, head)):
            annotated = head in takes and any(tie.role is Role.INSTANCE for tie in ties)
            return self._tied_all(ties, head not in takes or annotated)
        found = self._imported(scope, head, _DEEPEST)
        return [] if found is None and head in takes else found

    def _defined(self, scope: StoredSymbol, name: str) -> list[Value] | None:
        """The definition of a name in a scope's own body that holds in the end; what a variable stands for if seen."""
        names = self.names(scope.file)
        found = [symbol for symbol in names.members.get((scope.row, name), ()) if symbol.is_definition]
        if not found:
            return None
        last = found[-1]
        if last.kind is not Kind.VARIABLE:
            return [_of(last)]
        if ties := names.ties.get((scope.row, name)):
            tied = self._tied_all(ties, True)
            return [value._replace(via=last) for value in tied] or [_of(last)]
        # `f = wrapped(f)` after `def f` is still f to a reader
        others = [symbol for symbol in found if symbol.kind is not Kind.VARIABLE]
        return [_of(others[-1] if others else last)]

    def _tied_all(self, ties: Sequence[StoredMention], sure: bool) -> list[Value]:
        """What statements bind a name to; unsure where one of them is not understood."""
        parts = [self._tied(tie) for tie in ties]
        sure = sure and all(parts)
        found = _distinct(value for part in parts for value in part)
        return found if sure else [value._replace(is_sure=False) for value in found]

    def _tied(self, tie: StoredMention) -> list[Value]:
        if tie.scope is None:
            return []
        found = self.values(tie.name, self._index.symbol(tie.scope))
        if tie.role is Role.INSTANCE:
            return [given for value in found for given in self._instance(value)]
        return found

    def _instance(self, value: Value) -> list[Value]:
        """What ``C(…)`` makes and an annotation ``C`` promises, where ``C`` was resolved."""
        if value.symbol is None and not value.is_foreign:
            return [value._replace(is_instance=True)]
        return self.returned(value)

    def attribute(self, value: Value, name: str) -> list[Value]:
        """An attribute of a value."""
        symbol = value.symbol
        if value.is_foreign:
            return [FOREIGN]
        if symbol is None:
            return [Value(f"{value.qualname}.{name}", is_sure=value.is_sure)]
        found: list[Value] = []
        if symbol.kind is Kind.MODULE:
            found = self._module_attribute(symbol, name, _DEEPEST) or self._brought(symbol, name)
        elif symbol.kind is Kind.CLASS:
            made = value.is_instance and name == "__class__"
            found = [value._replace(is_instance=False)] if made else self._member(symbol, name)
        elif symbol.kind is Kind.METHOD and not value.is_instance:
            # Only of a property does one ask for attributes.
            found = [further for given in self.returned(value) for further in self.attribute(given, name)]
        return found if value.is_sure else [further._replace(is_sure=False) for further in found]

    def _member(self, owner: StoredSymbol, name: str, *, own: bool = True) -> list[Value]:
        """A member of a class, else of its bases in order, else of a base that lies outside Python or the tree."""
        return self._remembered((owner.row, f"{'.' if own else '..'}{name}"), lambda: self._found(owner, name, own))

    def _found(self, owner: StoredSymbol, name: str, own: bool) -> list[Value]:
        classes, outside = self._order(owner)
        for at in classes if own else classes[1:]:
            found = self._own_member(at, name)
            if found is not None:
                return found
        return [
            FOREIGN if base.is_foreign else Value(f"{base.qualname}.{name}")
            for base in sorted(outside, key=lambda base: base.is_foreign)[:1]
        ]

    def _own_member(self, owner: StoredSymbol, name: str) -> list[Value] | None:
        """What a class itself binds a name to: in its body, on ``self`` in its methods, or right behind the class."""
        names = self.names(owner.file)
        found = self._defined(owner, name)
        only_named = found is not None and all(_is_variable(value) for value in found)
        if found is not None and not only_named:
            return found
        ties = names.ties.get((owner.row, f"self.{name}"))
        if ties is None and owner.parent is not None:
            ties = names.ties.get((owner.parent, f"{owner.name}.{name}"))
        if ties:
            return self._tied_all(ties, True) or found or []
        return found if found is not None else self._imported(owner, name, _DEEPEST)

    def _order(self, owner: StoredSymbol) -> tuple[list[StoredSymbol], list[Value]]:
        """A class with its bases in Python's order of method resolution, and the bases that are no class of the tree.

        Of a hierarchy that Python would refuse, such as a loop, what can be ordered.
        """
        if owner.row not in self._orders:
            self._orders[owner.row] = ([owner], [])  # what a loop gets to see
            around = self._index.symbol(owner.parent) if owner.parent is not None else owner
            bases: list[StoredSymbol] = []
            outside: list[Value] = []
            for mention in self.names(owner.file).bases.get(owner.row, ()):
                # A class may be named like its base; the base was bound before it.
                if mention.name in _SAY_NOTHING:
                    continue
                for value in self.values(mention.name, around) or [FOREIGN]:
                    if _is_class(value) and value.symbol and value.symbol.row != owner.row:
                        bases.append(value.symbol)
                    elif not _is_class(value):
                        outside.append(value)
            orders = [self._order(base) for base in bases]
            merged = _merged([*(list(order) for order, _ in orders), bases], owner)
            self._orders[owner.row] = (merged, [*outside, *(value for _, beyond in orders for value in beyond)])
        return self._orders[owner.row]

    def _module_attribute(self, module: StoredSymbol, name: str, depth: int) -> list[Value] | None:
        """What ``module.name`` is: a definition, an import, a submodule, or one of the names that ``*`` brings."""
        if self.is_extension(module) or self._is_stub_of_extension(module):
            return [Value(f"{module.qualname}.{name}")]
        if (found := self._defined(module, name)) is not None:
            return found
        if (found := self._imported(module, name, depth)) is not None:
            return found
        if submodule := self.module(f"{module.qualname}.{name}"):
            return [_of(submodule)]
        return None

    def _brought(self, module: StoredSymbol, name: str) -> list[Value]:
        """A name that no Python binds: one of generated code, or of an extension module whose names a module takes."""
        made = binding_name(f"{module.qualname}.{name}")
        if any(mention.name == made for mention in self._index.mentions_of(name, Role.GENERATE)):
            return [Value(made)]
        for mention in self.names(module.file).imports.get(module.row, ()):
            star = self.module(mention.name) if mention.target == "*" else None
            if star is not None and self.is_extension(star) and not name.startswith("__"):
                return [Value(f"{module.qualname}.{name}")]
        return []

    def _is_stub_of_extension(self, module: StoredSymbol) -> bool:
        """Whether a ``.pyi`` describes what C++ makes."""
        if not module.file.endswith(".pyi"):
            return False
        parts = module.qualname.split(".")
        packages = (self.module(".".join(parts[:length])) for length in range(1, len(parts)))
        return any(package is not None and self.is_extension(package) for package in packages)

    def _imported(self, scope: StoredSymbol, name: str, depth: int) -> list[Value] | None:
        """What the imports of a scope bind a name to; the last one wins, names before ``*``."""
        if not depth:
            return None
        stars: list[Value] | None = None
        bound = False
        for mention in self.names(scope.file).imports.get(scope.row, ()):
            if mention.target == name:
                bound = True
                path = mention.name
                if mention.role is Role.IMPORT:
                    path = name if path.partition(".")[0] == name else path
                    if module := self.module(path):
                        return [_of(module)]
                elif found := self._absolute(path, depth - 1):
                    return found
            elif mention.target == "*" and not stars and not name.startswith("_"):
                star = self.module(mention.name)
                if star is None or self.is_extension(star) or (star.row, name) in self._passing:
                    continue
                self._passing.add((scope.row, name))
                stars = self._module_attribute(star, name, depth - 1)
                self._passing.discard((scope.row, name))
        return stars if stars or not bound else [FOREIGN]

    def _absolute(self, name: str, depth: int) -> list[Value] | None:
        parts = name.split(".")
        for length in range(len(parts), 0, -1):
            module = self.module(".".join(parts[:length]))
            if module is None:
                continue
            if length == len(parts):
                return [_of(module)]
            found = self._module_attribute(module, parts[length], depth)
            if found is None:
                found = self._brought(module, parts[length])
            for part in parts[length + 1 :]:
                found = [further for value in found or () for further in self.attribute(value, part)]
            return found
        return None


def _bare(part: str) -> str:
    """``f`` of ``f()[]``."""
    return part.rstrip("()[]")


@lru_cache(maxsize=1 << 14)
def _parameters(signature: str) -> tuple[str, ...]:
    return tuple(parameters(signature))


def _is_class(value: Value) -> bool:
    return value.symbol is not None and value.symbol.kind is Kind.CLASS


def _is_module(value: Value) -> bool:
    return value.symbol is not None and value.symbol.kind is Kind.MODULE


def _is_variable(value: Value) -> bool:
    return value.symbol is not None and value.symbol.kind is Kind.VARIABLE


def _distinct(values: Iterable[Value]) -> list[Value]:
    return list(
        {(value.qualname, value.symbol and value.symbol.row, value.is_instance): value for value in values}.values()
    )


def _merged(orders: list[list[StoredSymbol]], owner: StoredSymbol) -> list[StoredSymbol]:
    """C3 (`The Python 2.3 Method Resolution Order`); where no candidate is good, the first one in sight."""
    found = [owner]
    while orders := [order for order in orders if order]:
        later = {symbol.row for order in orders for symbol in order[1:]}
        best = next((order[0] for order in orders if order[0].row not in later), orders[0][0])
        if all(symbol.row != best.row for symbol in found):
            found.append(best)
        orders = [[symbol for symbol in order if symbol.row != best.row] for order in orders]
    return found
