"""Calls that libclang resolved in single files (``tour index --precise``): overloads, templates, operators.

Each is exact, and takes the place of what the C++ linker would say of the same call. Cannot see: what libclang was not
asked about, calls in branches of ``#if`` that it did not take, and those that depend on a template's arguments.
"""

from __future__ import annotations

from collections.abc import Iterator

from tour.index import Index, PreciseRow, StoredMention, StoredSymbol, last_part
from tour.links.nodes import Node, mentions_in, stored
from tour.links.python_scopes import PythonScopes
from tour.model import Grade, Kind, Link, LinkKind, Role

_FUNCTIONS = frozenset({Kind.FUNCTION, Kind.METHOD, Kind.KERNEL})


def links_from(index: Index, source: Node, lines: tuple[int, int] | None, scopes: PythonScopes) -> Iterator[Link]:
    """What a function's body calls, where libclang has read its file."""
    if source.scheme not in {"c", "cpp"}:
        return
    for symbol in stored(index, source):
        if not index.precise(symbol.file):
            continue
        for mention in mentions_in(index, symbol, lines, Role.CALL):
            row = resolved(index, mention)
            target = target_of(index, row) if row is not None else None
            if target is not None:
                yield Link(LinkKind.CALLS, source.id, target.id, target.at, mention.at, "precise/libclang", Grade.EXACT)


def resolved(index: Index, mention: StoredMention) -> PreciseRow | None:
    """What libclang says of a call; ``None`` where it says nothing."""
    name = last_part(mention.name)
    for row in index.precise_at(mention.file, mention.line, mention.column):
        if last_part(row.qualname) == name:
            return row
    return None


def target_of(index: Index, row: PreciseRow) -> StoredSymbol | None:
    """The operator that a generated wrapper asks, else the definition, else the declaration that the call names."""
    if row.struct is not None:
        cuts = [at for at, character in enumerate(row.struct) if character == "_" and 0 < at < len(row.struct) - 1]
        for name in (row.struct, *(f"{row.struct[:at]}.{row.struct[at + 1 :]}" for at in cuts)):
            if operators := index.symbols(f"aten::{name}", "op"):
                return operators[0]
    if row.file is None:
        return None
    found = [symbol for scheme in ("cpp", "c") for symbol in index.symbols(row.qualname, scheme)]
    named = [symbol for symbol in found if (symbol.file, symbol.line) == (row.file, row.target_line)]
    if named and named[0].is_definition:
        return named[0]
    bodies = [symbol for symbol in found if symbol.is_definition and symbol.kind in _FUNCTIONS]
    if len(bodies) > 1 and named:
        count = named[0].signature.count(",")
        bodies = [symbol for symbol in bodies if symbol.signature.count(",") == count]
    if len(bodies) == 1:
        return bodies[0]
    return named[0] if named else None
