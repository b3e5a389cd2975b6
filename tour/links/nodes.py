"""The ends of links, and what stands in the body of one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from tour.index import Index, StoredMention, StoredSymbol
from tour.model import At, Kind, Role

_OPS = re.compile(r"(?:torch\.)?ops\.(\w+)\.(\w+)(?:\.(\w+))?")
_FUNCTIONS = frozenset({Kind.FUNCTION, Kind.METHOD, Kind.KERNEL})


class Node(NamedTuple):
    """One end of a link: a symbol's id, and where it is defined if the tree defines it."""

    id: str
    at: At | None = None

    @property
    def scheme(self) -> str:
        """``py``, ``c``, ``cpp`` or ``op``."""
        return self.id.partition(":")[0]

    @property
    def qualname(self) -> str:
        """The id without its scheme."""
        return self.id.partition(":")[2]


def node(symbol: StoredSymbol) -> Node:
    """The node of a stored symbol."""
    return Node(symbol.id, symbol.at)


def stored(index: Index, of: Node) -> list[StoredSymbol]:
    """The symbols that a node stands for: one where it says where it is defined, else all of that id."""
    return index.symbols_at(of.qualname, of.scheme, of.at) if of.at else index.symbols(of.qualname, of.scheme)


def operators_named(index: Index, name: str) -> list[Node]:
    """The operators that ``torch.ops.aten.add`` stands for: its overloads, or the one that ``….add.Tensor`` names."""
    found = _OPS.fullmatch(name)
    if found is None:
        return []
    operators = index.operators(found[1], found[2])
    if found[3] is not None:
        wanted = found[2] if found[3] == "default" else f"{found[2]}.{found[3]}"
        operators = [operator for operator in operators if operator.name == wanted]
    return [node(operator) for operator in operators]


def mentions_in(
    index: Index, symbol: StoredSymbol, lines: tuple[int, int] | None, *roles: Role
) -> Iterator[StoredMention]:
    """What a symbol's own body mentions: all of a function's lines; of a module or class not its functions' bodies.

    ``lines`` narrows it to a statement.
    """
    first, last = (symbol.start_line, symbol.end_line) if lines is None else lines
    whole = symbol.kind in _FUNCTIONS
    yield from index.mentions_between(symbol.file, first, last, *roles, scope=None if whole else symbol.row)


def mentions_of_symbol(index: Index, symbol: StoredSymbol) -> Iterator[StoredMention]:
    """What stands directly in a symbol, and in no symbol inside it."""
    yield from index.mentions_between(symbol.file, symbol.start_line, symbol.end_line, scope=symbol.row)
