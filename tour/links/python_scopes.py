"""What a Python name means where it stands, as far as the index can see.

Function, class and module bindings, imports (re-exports and ``*`` too), ``self`` and ``cls`` through the bases. Not
seen: parameters and local variables that hide a name, and assignments at run time.
"""

from __future__ import annotations

from tour.index import Index, StoredMention, StoredSymbol
from tour.links.nodes import Node, node, stored
from tour.model import Kind, Role

_IMPORTS = frozenset({Role.IMPORT, Role.FROM, Role.TYPING})
_DEEPEST = 12
"""Re-exports and bases are followed this far; deeper chains are loops."""


class PythonScopes:
    """Name resolution in the Python files of an index."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._modules: dict[str, list[StoredSymbol]] = {}
        self._imports: dict[tuple[str, int], list[StoredMention]] = {}
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

    def is_extension(self, module: StoredSymbol) -> bool:
        """Whether the module is declared in a ``setup.py`` and has no Python source."""
        return module.parent is not None

    def _bound(self, scope: StoredSymbol) -> list[StoredMention]:
        """The imports that bind names in a scope's own body, those that decide first."""
        key = (scope.file, scope.row)
        if key not in self._imports:
            found = [
                mention
                for mention in self._index.mentions_between(scope.file, scope.start_line, scope.end_line)
                if mention.role in _IMPORTS and mention.scope == scope.row
            ]
            # The last one counts first; what only a type checker sees says the least.
            found.reverse()
            self._imports[key] = sorted(found, key=lambda mention: mention.role is Role.TYPING)
        return self._imports[key]

    def resolve(self, name: str, scope: StoredSymbol) -> list[Node]:
        """What a dotted name, as written in ``scope``, stands for; several where branches define it, none unseen."""
        if name.startswith("super()."):
            owner = self._owner(scope)
            return self._inherited(owner, name[8:], _DEEPEST, own=False) if owner else []
        if name.startswith("."):
            return []
        head, *rest = name.split(".")
        if head in {"self", "cls"} and (owner := self._owner(scope)):
            return self._inherited(owner, rest[0], _DEEPEST) if len(rest) == 1 else []
        around: StoredSymbol | None = scope
        while around is not None:
            if around.kind is not Kind.CLASS or around is scope:
                found = self._in_scope(around, head)
                if found:
                    return self._members(found, rest)
            around = self._index.symbol(around.parent) if around.parent is not None else None
        return []

    def _owner(self, scope: StoredSymbol) -> StoredSymbol | None:
        """The class whose method ``scope`` is, or lies in."""
        while scope.parent is not None:
            around = self._index.symbol(scope.parent)
            if scope.kind is Kind.METHOD and around.kind is Kind.CLASS:
                return around
            scope = around
        return None

    def _inherited(self, owner: StoredSymbol, name: str, depth: int, *, own: bool = True) -> list[Node]:
        """A member of a class or of its bases, depth first and left to right."""
        if own and (found := _latest(self._index.symbols(f"{owner.qualname}.{name}", "py"))):
            return [node(symbol) for symbol in found]
        if not depth:
            return []
        for base in self._index.mentions_between(owner.file, owner.start_line, owner.end_line):
            if base.role is not Role.BASE or base.scope != owner.row:
                continue
            around = self._index.symbol(owner.parent) if owner.parent is not None else owner
            for parent in self.resolve(base.name, around):
                for symbol in stored(self._index, parent):
                    if symbol.kind is Kind.CLASS and (found_ := self._inherited(symbol, name, depth - 1)):
                        return found_
        return []

    def _in_scope(self, scope: StoredSymbol, head: str) -> list[Node]:
        """What one scope binds a plain name to."""
        if scope.kind is Kind.MODULE:
            return self._attribute(scope, head, _DEEPEST)
        if found := _latest(self._index.symbols(f"{scope.qualname}.{head}", "py")):
            return [node(symbol) for symbol in found]
        return self._imported(scope, head, _DEEPEST)

    def _attribute(self, module: StoredSymbol, name: str, depth: int) -> list[Node]:
        """What ``module.name`` is: a definition, an import, a submodule, or one of the names that ``*`` brings."""
        if self.is_extension(module):
            return [Node(f"py:{module.qualname}.{name}")]
        defined = self._index.symbols(f"{module.qualname}.{name}", "py")
        if latest := _latest([symbol for symbol in defined if symbol.parent == module.row]):
            return [node(symbol) for symbol in latest]
        if found := self._imported(module, name, depth):
            return found
        if submodule := self.module(f"{module.qualname}.{name}"):
            return [node(submodule)]
        return []

    def _imported(self, scope: StoredSymbol, name: str, depth: int) -> list[Node]:
        """What the imports of a scope bind a name to; the last one wins, names before ``*``."""
        if not depth:
            return []
        stars: list[Node] = []
        for mention in self._bound(scope):
            if mention.role is Role.IMPORT and mention.target == name:
                path = name if mention.name.partition(".")[0] == name else mention.name
                if module := self.module(path):
                    return [node(module)]
            elif mention.role in {Role.FROM, Role.TYPING} and mention.target == name:
                if found := self.dotted(mention.name, depth - 1):
                    return found
            elif mention.target == "*" and not stars and not name.startswith("_"):
                star = self.module(mention.name)
                if star is None or self.is_extension(star) or (star.row, name) in self._passing:
                    continue
                self._passing.add((scope.row, name))
                stars = self._attribute(star, name, depth - 1)
                self._passing.discard((scope.row, name))
        return stars

    def dotted(self, name: str, depth: int = _DEEPEST) -> list[Node]:
        """What an absolute dotted name stands for: the longest module that there is, then its attributes."""
        parts = name.split(".")
        for length in range(len(parts), 0, -1):
            module = self.module(".".join(parts[:length]))
            if module is None:
                continue
            if length == len(parts):
                return [node(module)]
            found = self._attribute(module, parts[length], depth)
            return self._members(found, parts[length + 1 :])
        return []

    def _members(self, nodes: list[Node], names: list[str]) -> list[Node]:
        """The attributes of what was found, one after the other."""
        for name in names:
            further: list[Node] = []
            for found in nodes:
                symbols = stored(self._index, found)
                if not symbols and found.scheme == "py":
                    further.append(Node(f"{found.id}.{name}"))
                for symbol in symbols:
                    if symbol.kind is Kind.MODULE:
                        further += self._attribute(symbol, name, _DEEPEST)
                    elif symbol.kind is Kind.CLASS:
                        further += self._inherited(symbol, name, _DEEPEST)
            nodes = list(dict.fromkeys(further))
        return nodes


def _latest(symbols: list[StoredSymbol]) -> list[StoredSymbol]:
    """Of the definitions of one name the one that holds in the end; overload stubs never do."""
    found = [symbol for symbol in symbols if symbol.is_definition]
    sources = [symbol for symbol in found if not symbol.file.endswith(".pyi")] or found
    return sources[-1:]
