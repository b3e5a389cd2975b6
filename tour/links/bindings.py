"""Python name → C function, and extension module → the code that makes it.

``init``: a ``setup.py`` declares ``torch._C`` and lists its sources; CPython then calls ``PyInit__C`` in them (PEP 489,
"Export Hook Name"), and functions put method tables, types and pybind11 definitions on the module under construction.
Of an extension that is built with ``BuildExtension`` pybind11 writes that function: ``PYBIND11_MODULE``, whose
``TORCH_EXTENSION_NAME`` is the last part of the declared name (``torch/utils/cpp_extension.py``,
``_define_torch_extension_name``).
``binds``: a row ``{"name", function, …}`` of such a table (``PyMethodDef``, ``PyGetSetDef``, ``PyMappingMethods``), an
object added under a name, or a ``.def("name", function)`` on a module or a class. ``generates``: a row whose function
code generation writes (``THPVariable_add``), or one that is copied under another name (``torch.spmm``), leads to the
operators that it calls. Cannot see: other slots of types,
attributes set through ``m.attr``, names pasted together by macros, and in which extension module a pybind11 module
ends up; a name is then matched from its end; modules that are compiled at run time (``load``, ``load_inline``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tour.index import Index, StoredMention, StoredSymbol, last_part
from tour.links.cpp_scopes import cases, cpp_targets
from tour.links.nodes import Node, mentions_in, node, stored
from tour.links.operators import MOST_CANDIDATES
from tour.links.python_scopes import HOMES, PythonScopes, binding_name
from tour.model import Grade, Kind, Link, LinkKind, Role, inside, tree_of

_GENERATED = {
    "torch": ("python_torch_functions",),
    "torch._C._VariableFunctions": ("python_torch_functions",),
    "torch.Tensor": ("python_variable_methods",),
    **{
        f"torch._C._{part}": (f"python_{part}_functions",)
        for part in ("nn", "fft", "linalg", "nested", "sparse", "special")
    },
}
"""The files that hold the bindings of a module or type (``tools/autograd/gen_python_functions.py``, ``gen``)."""


_BLOCK = "PYBIND11_MODULE"
_BLOCK_NAME = re.compile(r"\s*(\w+)\s*[,)]")
_OF_BUILD = "TORCH_EXTENSION_NAME"
"""What ``BuildExtension`` defines as the module's own name."""

_MODULE = re.compile(r"(?i)(?:^|_)m$|module|^_C$")
"""What a module that is handed to a function is called there; anything else that is handed in is a class."""


def links_from(index: Index, source: Node, lines: tuple[int, int] | None, scopes: PythonScopes) -> Iterator[Link]:
    """Where a module is made, which tables a function registers, which function a table row names."""
    if source.scheme == "py":
        yield from _made_by(index, source, scopes)
        yield from _bound_to(index, source, scopes)
    else:
        yield from _registers(index, source, lines)
        yield from _rows(index, source, lines)


def _made_by(index: Index, source: Node, scopes: PythonScopes) -> Iterator[Link]:
    """``torch._C`` → ``PyInit__C``, or the ``PYBIND11_MODULE`` that stands for it: exact in a source that the module
    lists or where there is one only, else by name."""
    for module in stored(index, source):
        if module.kind is not Kind.MODULE or not scopes.is_extension(module):
            continue
        made = _makers(index, module)
        listed = [symbol for symbol in made if _is_listed(symbol.file, _sources(index, module))]
        alone = len(made) == 1 and made[0].name == _BLOCK
        sure = bool(listed) or alone
        for symbol in listed or made:
            rule = "bindings/pybind11-module" if symbol.name == _BLOCK else "bindings/pyinit"
            yield Link(
                LinkKind.INIT, source.id, symbol.id, symbol.at, module.at, rule,
                Grade.EXACT if sure else Grade.NAME, 1 if sure else len(made),
            )  # fmt: skip


def _makers(index: Index, module: StoredSymbol) -> list[StoredSymbol]:
    """The functions that may make an extension module: of pybind11's those below the ``setup.py`` that declares it."""
    name = last_part(module.qualname)
    functions = [
        symbol
        for symbol in index.symbols(f"PyInit_{name}")
        if symbol.is_definition and symbol.kind is Kind.FUNCTION and tree_of(symbol.file) == tree_of(module.file)
    ]
    home = module.file.rpartition("/")[0]
    blocks = [
        symbol
        for symbol in index.symbols(_BLOCK, "cpp")
        if symbol.file.startswith(f"{home}/" if home else "") and tree_of(symbol.file) == tree_of(module.file)
        if _block_name(symbol) in {_OF_BUILD, name}
    ]
    return functions or blocks


def _block_name(block: StoredSymbol) -> str:
    """What a ``PYBIND11_MODULE`` says that its module is called."""
    named = _BLOCK_NAME.match(block.signature, 1)
    return named[1] if named else ""


def _is_listed(file: str, sources: set[str]) -> bool:
    """Whether a file is among those that a ``setup.py`` lists, each from its own folder or by its last part."""
    return any(file == source or f"/{file}".endswith(f"/{inside(source)}") for source in sources)


def _sources(index: Index, module: StoredSymbol) -> set[str]:
    """The files that a ``setup.py`` lists for a module, directly or through one variable."""
    lists = index.mentions_in(module.file, Role.SOURCE)
    named = {mention.name for mention in lists if mention.target == module.qualname}
    return named | {mention.name for mention in lists if mention.target in named}


def _registers(index: Index, source: Node, lines: tuple[int, int] | None) -> Iterator[Link]:
    """A function → the method tables, types and functions that it puts on a module, and what makes them."""
    for symbol in stored(index, source):
        if symbol.kind is Kind.VARIABLE:
            continue
        for mention in mentions_in(index, symbol, lines, Role.TABLE, Role.ENTRY):
            if mention.role is Role.TABLE:
                for table in _tables(index, mention):
                    yield Link(LinkKind.INIT, source.id, table.id, table.at, mention.at, "bindings/table", Grade.EXACT)
            elif mention.target is not None:
                yield from _row(index, mention, source.id, LinkKind.INIT)


def _tables(index: Index, mention: StoredMention) -> list[StoredSymbol]:
    """The variable that a registration names, in its own file; or the function that gives the table."""
    scope = index.symbol(mention.scope) if mention.scope is not None else None
    found, _ = cpp_targets(index, mention.name, scope)
    here = [symbol for symbol in found if symbol.file == mention.file]
    tables = here or (found if len(found) == 1 else [])
    for function in [table for table in tables if table.kind is Kind.FUNCTION]:
        # a function that gives the table, which stands beside it
        tables += [symbol for symbol in index.symbols_in(function.file) if symbol.kind is Kind.VARIABLE]
    return tables


def _rows(index: Index, source: Node, lines: tuple[int, int] | None) -> Iterator[Link]:
    """A table → the functions in its rows."""
    for table in stored(index, source):
        if table.kind is not Kind.VARIABLE:
            continue
        first, last = lines or (table.start_line, table.end_line)
        for row in index.mentions_between(table.file, first, last):
            if row.role is Role.ENTRY:
                yield from _row(index, row, source.id, LinkKind.BINDS)


def _row(index: Index, row: StoredMention, source: str, kind: LinkKind, *, sure: bool = True) -> Iterator[Link]:
    """One row → what it names. Exact where that is one definition and the row is surely meant."""
    if row.target is None:
        return
    scope = index.symbol(row.scope) if row.scope is not None else None
    found, by_scope = cpp_targets(index, row.target, scope)
    found = [symbol for symbol in found if symbol.kind is not Kind.MACRO]
    if found and not any(symbol.file == row.file for symbol in found):
        # a template of code generation has a function of its own
        beside = [symbol for symbol in index.symbols_named(last_part(row.target), "cpp") if symbol.file == row.file]
        found = [s for s in beside if s.is_definition and f"::{s.qualname}".endswith(f"::{row.target}")] or found
    if not found and "::" in row.target:  # a member that the class inherits
        found, by_scope = cpp_targets(index, row.target.rpartition("::")[0], scope)
        # the getter of a tensor's property runs its class's `fn` (torch/csrc/autograd/python_variable.cpp, GetterBase)
        found = [run for owner in found for run in index.symbols(f"{owner.qualname}::fn", "cpp")] or found
    if not found:
        yield from _made_for(index, row, source)
    here = [symbol for symbol in found if symbol.file == row.file] or found
    exact = sure and (by_scope or cases(here) == 1)
    rule = "bindings/pybind11" if "." in row.name else "bindings/table-row"
    for symbol in here[:MOST_CANDIDATES]:
        yield Link(
            kind, source, symbol.id, symbol.at, row.at, rule,
            Grade.EXACT if exact else Grade.NAME, 1 if exact else max(2, len(here)),
        )  # fmt: skip


def _made_for(index: Index, row: StoredMention, source: str) -> Iterator[Link]:
    """A row that names a function which code generation writes (``THPVariable_add``) → the operators behind it."""
    written, _, name = (row.target or "").rpartition("::")[2].partition("_")
    if written != "THPVariable" or not name:
        return
    home = "torch.Tensor" if "variable_methods" in row.file else "torch"
    for made in index.mentions_of(name, Role.GENERATE):
        for operator in index.symbols(made.target or "", "op") if made.name == f"{home}.{name}" else ():
            yield Link(
                LinkKind.GENERATES, source, operator.id, operator.at, row.at, "bindings/generated-row", Grade.EXACT
            )


def _bound_to(index: Index, source: Node, scopes: PythonScopes) -> Iterator[Link]:
    """``torch._C.f``, ``torch._C.C.f``, ``torch.Tensor.f`` → the C++ function in the row that binds the name."""
    owner, _, name = binding_name(source.qualname).rpartition(".")
    homes = [owner, *(home for home, known in HOMES if known == f"{owner}.")]
    homes = [home.rstrip(".") for home in homes]
    if owner == "torch" and not any(row.name == f"torch.{name}" for row in index.mentions_of(name, Role.GENERATE)):
        homes.append("torch._C")  # all of which `torch/__init__.py` takes, before the generated functions
    if name == "__delitem__":  # CPython has one slot for both
        name = "__setitem__"
    modules = [found for home in homes if (found := _extension(scopes, home)) is not None]
    if not modules and owner not in {"torch", "torch.Tensor"}:
        return
    rows = [row for row in index.mentions_of(name, Role.ENTRY) if row.target is not None]
    if not rows:
        return
    tied = [row for row in rows if any(_is_on(index, row, home, scopes) for home in homes)]
    ours = tied or [row for row in rows if "." not in row.name]
    targets = {row.target for row in ours}
    for row in ours:
        yield from _row(
            index, row, source.id, LinkKind.BINDS, sure=(bool(tied) or len(rows) == 1) and len(targets) == 1
        )


def _extension(scopes: PythonScopes, name: str) -> StoredSymbol | None:
    """The extension module that a dotted name is, or lies in."""
    while name:
        module = scopes.module(name)
        if module is not None and not module.file.endswith(".pyi"):
            return module if scopes.is_extension(module) else None
        name = name.rpartition(".")[0]
    return None


def _is_on(index: Index, row: StoredMention, home: str, scopes: PythonScopes) -> bool:
    """Whether a row puts its name on ``home``, a module or class."""
    if any(f"/{name}" in row.file for name in _GENERATED.get(home, ())):
        return True
    module = scopes.module(home)
    if module is not None and module.file.endswith(".pyi"):
        module = None  # what a type checker is told of something made in C++
    if "." in row.name:  # pybind11: the path of owners inside the extension module
        path = python_path(index, row, scopes).rpartition(".")[0]
        if module is not None and scopes.is_extension(module):
            block = _block_around(index, row)
            return not path and (block is None or block in _makers(index, module))
        return bool(path) and f".{home}".endswith(f".{path}")
    if module is not None:
        return any(_holds(table, row) for table in _registered(index, module, scopes))
    return any(_holds(table, row) for table in _of_type(index, last_part(home)))


def _block_around(index: Index, row: StoredMention) -> StoredSymbol | None:
    """The ``PYBIND11_MODULE`` that a row stands in."""
    around = index.symbol(row.scope) if row.scope is not None else None
    while around is not None and around.name != _BLOCK:
        around = index.symbol(around.parent) if around.parent is not None else None
    return around


def python_path(index: Index, row: StoredMention, scopes: PythonScopes) -> str:
    """``Future.wait`` or ``_onnx.f``: the name that a pybind11 row binds, from the extension module on."""
    path = last_part(row.name)
    held = row.name.rpartition(".")[0]
    first = _outermost(index, row)
    made = [mention for mention in scopes.kept_modules(row.file) if first <= mention.line <= row.line]
    for _ in range(8):
        if not held:
            break
        kept = [mention for mention in made if mention.role is Role.OWNER]
        # a chain of `.def`s stands on a class by its Python name, other rows on the variable that holds it
        owners = [each for each in kept if each.target == held] or [
            each for each in kept if last_part(each.name) == held
        ]
        if owners:
            path = f"{last_part(owners[-1].name)}.{path}"
            held = owners[-1].name.rpartition(".")[0]
            continue
        names = [mention.name for mention in made if mention.role is Role.ALIAS and mention.target == held]
        if not names or names[-1] == held:
            return path if _MODULE.search(held) else f"{held}.{path}"
        held = names[-1]
    return path


def _outermost(index: Index, row: StoredMention) -> int:
    """The line at which the outermost function around a row begins; 1 where the grammar lost track of the body."""
    if row.scope is None:
        return 1
    scope = index.symbol(row.scope)
    while scope.parent is not None and (around := index.symbol(scope.parent)).kind in {Kind.FUNCTION, Kind.METHOD}:
        scope = around
    return scope.start_line


def _of_type(index: Index, name: str) -> Iterator[StoredSymbol]:
    """The tables of a type that is put on a module under that name: those in the file that defines the type, and
    those that this file adds to a table under construction."""
    for added in index.mentions_of(name, Role.ENTRY):
        if added.target is None:
            continue
        scope = index.symbol(added.scope) if added.scope is not None else None
        for held in cpp_targets(index, added.target, scope)[0]:
            for symbol in index.symbols_in(held.file):
                if symbol.kind is Kind.VARIABLE:
                    yield symbol
            for mention in index.mentions_in(held.file, Role.TABLE):
                yield from _tables(index, mention)


def _holds(table: StoredSymbol, row: StoredMention) -> bool:
    return table.file == row.file and table.start_line <= row.line <= table.end_line


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


def python_names(index: Index, symbol: StoredSymbol) -> Iterator[StoredMention]:
    """The rows that bind a C++ function to a Python name."""
    for row in index.mentions_to(symbol.qualname, Role.ENTRY):
        scope = index.symbol(row.scope) if row.scope is not None else None
        if any(found.row == symbol.row for found in cpp_targets(index, row.target or "", scope)[0]):
            yield row
