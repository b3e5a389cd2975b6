"""What each scope of a Python file binds, read from the index once a file.

A binding is a definition, an import, or a statement that ties a name to another name or to an object of a class.
Cannot see: what a ``for``, an ``except`` or an unpacking binds, and names bound to the result of a plain call.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from tour.index import Index, StoredMention, StoredSymbol
from tour.model import Kind, Role

_IMPORTS = (Role.IMPORT, Role.FROM, Role.TYPING)
_TIES = (Role.ALIAS, Role.INSTANCE)


@dataclass(slots=True)
class Names:
    """The bindings of one file, by the row of the scope that makes them."""

    members: dict[tuple[int, str], list[StoredSymbol]] = field(default_factory=lambda: defaultdict(list))
    """Definitions by scope and name, in the file's order."""
    imports: dict[int, list[StoredMention]] = field(default_factory=lambda: defaultdict(list))
    """Imports, those that decide first: the last one counts first, what only a type checker sees says the least."""
    ties: dict[tuple[int, str], list[StoredMention]] = field(default_factory=lambda: defaultdict(list))
    """``x = a.b`` and ``x = C(…)`` by scope and ``x``; for ``self.x`` by class and ``self.x``."""
    bases: dict[int, list[StoredMention]] = field(default_factory=lambda: defaultdict(list))
    """The base classes that a class lists."""
    rows: dict[int, StoredSymbol] = field(default_factory=dict)
    """Every symbol of the file."""


def read(index: Index, path: str) -> Names:
    """The names of one file."""
    names = Names()
    for symbol in index.symbols_in(path):
        names.rows[symbol.row] = symbol
        if symbol.parent is not None:
            names.members[symbol.parent, symbol.name].append(symbol)
    for mention in index.mentions_in(path, *_IMPORTS, *_TIES, Role.BASE):
        if mention.scope is None:
            continue
        if mention.role is Role.BASE:
            names.bases[mention.scope].append(mention)
        elif mention.role in _IMPORTS:
            names.imports[mention.scope].append(mention)
        elif mention.target is not None:
            scope = mention.scope
            if mention.target.startswith("self.") and (owner := owner_of(names.rows, scope)):
                scope = owner.row
            names.ties[scope, mention.target].append(mention)
    for imports in names.imports.values():
        imports.reverse()
        imports.sort(key=lambda mention: mention.role is Role.TYPING)
    return names


def owner_of(rows: dict[int, StoredSymbol], row: int) -> StoredSymbol | None:
    """The class whose method the symbol in a row is, or lies in."""
    symbol = rows[row]
    while symbol.parent is not None:
        around = rows[symbol.parent]
        if symbol.kind is Kind.METHOD and around.kind is Kind.CLASS:
            return around
        symbol = around
    return None


def parameters(signature: str) -> list[str]:
    """The names in a parameter list, ``*`` and ``/`` left out; as many as the index kept of a long one."""
    found: list[str] = []
    depth = 0
    word = ""
    for letter in signature[1:]:
        if letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        if depth < 0 or (depth == 0 and letter == ","):
            found.append(word)
            word = ""
        else:
            word += letter
    cut = (name.partition(":")[0].partition("=")[0].strip().lstrip("*") for name in found)
    return [name for name in cut if name.isidentifier()]
