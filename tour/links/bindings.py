"""Python name → C function, and extension module → the code that makes it.

``init``: a ``setup.py`` declares ``torch._C`` and lists its sources; CPython then calls ``PyInit__C`` in them (PEP 489,
"Export Hook Name"), and a function hands a method table to the module under construction. ``binds``: a row
``{"name", function, …}`` of such a table (``PyMethodDef``) puts the function on the module. Cannot see: pybind11
definitions, types and their slots, attributes added one by one, and tables that generated code makes.
"""

from __future__ import annotations

from collections.abc import Iterator

from tour.index import Index, StoredMention, StoredSymbol, last_part
from tour.links.cpp_scopes import cpp_targets
from tour.links.nodes import Node, mentions_in, node, stored
from tour.links.python_scopes import PythonScopes
from tour.model import Grade, Kind, Link, LinkKind, Role


def links_from(index: Index, source: Node, lines: tuple[int, int] | None, scopes: PythonScopes) -> Iterator[Link]:
    """Where a module is made, which tables a function registers, which function a table row names."""
    if source.scheme == "py":
        yield from _made_by(index, source, scopes)
        yield from _bound_to(index, source, scopes)
    else:
        yield from _registers(index, source, lines)
        yield from _rows(index, source, lines)


def _made_by(index: Index, source: Node, scopes: PythonScopes) -> Iterator[Link]:
    """``torch._C`` → ``PyInit__C``: exact in a source that the module lists, else by name."""
    for module in stored(index, source):
        if module.kind is not Kind.MODULE or not scopes.is_extension(module):
            continue
        functions = [
            symbol
            for symbol in index.symbols(f"PyInit_{last_part(module.qualname)}")
            if symbol.is_definition and symbol.kind is Kind.FUNCTION
        ]
        listed = [symbol for symbol in functions if symbol.file in _sources(index, module)]
        for symbol in listed or functions:
            grade = Grade.EXACT if listed else Grade.NAME
            yield Link(
                LinkKind.INIT, source.id, symbol.id, symbol.at, module.at, "bindings/pyinit", grade,
                1 if listed else len(functions),
            )  # fmt: skip


def _sources(index: Index, module: StoredSymbol) -> set[str]:
    """The files that a ``setup.py`` lists for a module, directly or through one variable."""
    lists = [
        mention for mention in index.mentions_between(module.file, 1, module.end_line) if mention.role is Role.SOURCE
    ]
    named = {mention.name for mention in lists if mention.target == module.qualname}
    return named | {mention.name for mention in lists if mention.target in named}


def _registers(index: Index, source: Node, lines: tuple[int, int] | None) -> Iterator[Link]:
    """A function → the method tables that it hands to a module, and what makes them."""
    for symbol in stored(index, source):
        for mention in mentions_in(index, symbol, lines, Role.TABLE):
            for table in _tables(index, mention):
                yield Link(LinkKind.INIT, source.id, table.id, table.at, mention.at, "bindings/table", Grade.EXACT)


def _tables(index: Index, mention: StoredMention) -> list[StoredSymbol]:
    """The variable that a registration names, in its own file; or the function that gives the table."""
    scope = index.symbol(mention.scope) if mention.scope is not None else None
    found, _ = cpp_targets(index, mention.name, scope)
    here = [symbol for symbol in found if symbol.file == mention.file]
    return here or (found if len(found) == 1 else [])


def _rows(index: Index, source: Node, lines: tuple[int, int] | None) -> Iterator[Link]:
    """A table → the functions in its rows."""
    for table in stored(index, source):
        if table.kind is not Kind.VARIABLE:
            continue
        first, last = lines or (table.start_line, table.end_line)
        for row in index.mentions_between(table.file, first, last):
            if row.role is Role.ENTRY:
                yield from _row(index, row, source.id, ())


def _row(index: Index, row: StoredMention, source: str, tables: tuple[StoredSymbol, ...]) -> Iterator[Link]:
    """One row → its function. Exact where the row names one definition and its table is among ``tables``."""
    if row.target is None:
        return
    scope = index.symbol(row.scope) if row.scope is not None else None
    found, by_scope = cpp_targets(index, row.target, scope)
    exact = by_scope and (not tables or any(_holds(table, row) for table in tables))
    for symbol in found:
        yield Link(
            LinkKind.BINDS, source, symbol.id, symbol.at, row.at, "bindings/method-table",
            Grade.EXACT if exact else Grade.NAME, 1 if exact else len(found),
        )  # fmt: skip


def _holds(table: StoredSymbol, row: StoredMention) -> bool:
    return table.file == row.file and table.start_line <= row.line <= table.end_line


def _bound_to(index: Index, source: Node, scopes: PythonScopes) -> Iterator[Link]:
    """``torch._C.f`` → the C function in the row named ``f`` of a table of ``torch._C``."""
    owner, _, name = source.qualname.rpartition(".")
    module = scopes.module(owner) if owner else None
    if module is None or not scopes.is_extension(module):
        return
    rows = index.mentions_of(name, Role.ENTRY)
    tables = tuple(_registered(index, module, scopes))
    ours = [row for row in rows if any(_holds(table, row) for table in tables)]
    for row in ours or rows:
        yield from _row(index, row, source.id, tables)


def _registered(index: Index, module: StoredSymbol, scopes: PythonScopes) -> Iterator[StoredSymbol]:
    """The tables that end up on a module: those registered by what its ``PyInit_`` function calls first."""
    for made in _made_by(index, node(module), scopes):
        for init in stored(index, Node(made.target, made.target_at)):
            reached = [init]
            for call in mentions_in(index, init, None, Role.CALL):
                found, _ = cpp_targets(index, call.name, init)
                reached += found
            for function in reached:
                for mention in mentions_in(index, function, None, Role.TABLE):
                    yield from _tables(index, mention)
