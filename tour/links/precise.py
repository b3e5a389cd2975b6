"""Calls that libclang resolved in single files (``tour index --precise``): overloads, templates, operators.

Each is exact, and takes the place of what the C++ linker would say of the same call; launches are told by
``launches.py``. Cannot see: what libclang was not asked about, calls in branches of ``#if`` that it did not take, those
that depend on a template's arguments, and which override a virtual call ends in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tour.index import Index, PreciseRow, StoredMention, StoredSymbol, last_part
from tour.links.cpp_scopes import parameters_of
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
            for target in targets_of(index, mention):
                yield Link(LinkKind.CALLS, source.id, target.id, target.at, mention.at, "precise/libclang", Grade.EXACT)


def resolved(index: Index, mention: StoredMention) -> list[PreciseRow]:
    """What libclang says of a call; nothing where it does not know it.

    Several where a dispatch macro repeats a lambda for each type, and where calls of one name are chained.
    """
    name = last_part(mention.name)
    rows = index.precise_at(mention.file, mention.line, mention.column)
    return [row for row in rows if last_part(row.qualname) == name]


def targets_of(index: Index, mention: StoredMention) -> list[StoredSymbol]:
    """What a call means, as far as libclang resolved it to something in the tree."""
    found = [target for row in resolved(index, mention) if (target := target_of(index, row))]
    return list({(target.id, target.at): target for target in found}.values())


def target_of(index: Index, row: PreciseRow) -> StoredSymbol | None:
    """The operator that a generated wrapper asks, else the definition, else the declaration that the call names."""
    if row.struct is not None:
        cuts = [at for at, character in enumerate(row.struct) if character == "_" and 0 < at < len(row.struct) - 1]
        for name in (row.struct, *(f"{row.struct[:at]}.{row.struct[at + 1 :]}" for at in cuts)):
            if operators := index.symbols(f"aten::{name}", "op"):
                return operators[0]
    if row.file is None:
        return None
    found = _called(index, row.qualname)
    named = [symbol for symbol in found if (symbol.file, symbol.line) == (row.file, row.target_line)]
    if named and named[0].is_definition:
        return named[0]
    bodies = [symbol for symbol in found if symbol.is_definition and symbol.kind in _FUNCTIONS]
    if named:
        bodies = _bodies_of(named[0], bodies, found)
    if len(bodies) == 1:
        return bodies[0]
    return named[0] if named else _made(index, row)


def _called(index: Index, qualname: str) -> list[StoredSymbol]:
    return [symbol for scheme in ("cpp", "c") for symbol in index.symbols(qualname, scheme)]


def _made(index: Index, row: PreciseRow) -> StoredSymbol | None:
    """The class whose constructor nobody wrote."""
    owner, _, name = row.qualname.rpartition("::")
    if last_part(owner) != name:
        return None
    classes = [symbol for symbol in _called(index, owner) if symbol.kind is Kind.CLASS and symbol.is_definition]
    return next((found for found in classes if (found.file, found.line) == (row.file, row.target_line)), None)


def _bodies_of(declared: StoredSymbol, bodies: list[StoredSymbol], overloads: list[StoredSymbol]) -> list[StoredSymbol]:
    """Those of ``bodies`` that may be the declared function's own; another overload's may be all that the tree has."""
    wanted = _types(declared)
    alike = [symbol for symbol in bodies if len(_types(symbol)) == len(wanted)]
    rivals = [symbol for symbol in overloads if len(_types(symbol)) == len(wanted) and _types(symbol) != wanted]
    # One function's types may be spelt in two ways, so they are asked only where it matters.
    return (
        [symbol for symbol in alike if _types(symbol) == wanted]
        if len(alike) > 1 or len(rivals) > len(alike)
        else alike
    )


def _types(symbol: StoredSymbol) -> list[str]:
    """The types of a function's parameters as text: no names, defaults, blanks, ``const`` or namespaces."""
    types = []
    for parameter in parameters_of(symbol.signature):
        plain = re.sub(r"\s*=.*|\b\w+::|\bconst\b", "", parameter, flags=re.DOTALL).strip()
        types.append("".join(re.sub(r"(?<=[\s&*>])[A-Za-z_]\w*$", "", plain).split()))
    return [] if types == ["void"] else types
