"""Who leads to a symbol: the places that may name it, whose links the caller then works out and keeps if they do.

A place counts when the last part of the name that stands there is the target's, or a name that an import or an
assignment gave it. Cannot see: links that hold no name of their target, such as the call of an object that runs
``__call__``, and all of ``python_implicit``; names that are made at run time; and of a name that very many places bear
those in other top folders.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tour.index import Index, StoredMention, StoredSymbol, last_part
from tour.links import generated, inheritance, threads
from tour.links.nodes import Node, node, stored
from tour.links.python_scopes import PythonScopes
from tour.model import Kind, Role, in_tree, tree_of

_IN_PYTHON = (Role.CALL, Role.IMPORT, Role.FROM, Role.BASE, Role.START)
_DECLARED = (Role.DISPATCH, Role.STRUCTURED, Role.UFUNC, Role.DELEGATE, Role.AUTOGEN)
_ELSEWHERE = (Role.CALL, Role.LAUNCH, *_DECLARED, Role.TABLE, Role.FORMULA, Role.BASE)
"""Roles whose mention makes a link from the symbol around it to what ``name`` means."""
_LINKERS = {
    Role.LAUNCH: ("launches",),
    Role.TABLE: ("bindings",),
    Role.FORMULA: ("autograd",),
    Role.BASE: ("inheritance",),
    **dict.fromkeys(_DECLARED, ("dispatcher",)),
}
"""The linkers that read a mention in such a role; of a call those below, by what is called."""
_OF_CALLS = {"op": ("precise", "operators", "generated"), "cpp": ("precise", "generated", "launches", "cpp_calls")}
_OF_OPERATORS = ("at::", "::at::", "torch::", "::torch::", ".")
"""How a call of an operator begins in C++."""
MOST_PLACES = 60
"""Of the places outside Python that bear a name only so many are looked at."""
_MANY = 400
"""Places that bear a name, after which only those in the target's top folder are looked at."""


class Place(NamedTuple):
    """Where a link to a symbol could start."""

    source: Node
    lines: tuple[int, int] | None = None
    """Those that could hold it; ``None`` for all."""
    linkers: tuple[str, ...] = ()
    """Those that could tell it; none given for all."""


def in_python(
    index: Index, target: Node, scopes: PythonScopes, most_files: int | None = None
) -> Iterator[StoredMention]:
    """The places in Python whose links may lead to a Python symbol; none where more files mention its name."""
    if most_files is not None and index.files_mentioning(last_part(target.qualname)) > most_files:
        return
    symbols = stored(index, target)
    owner = next((of for symbol in symbols if symbol.kind is Kind.METHOD and (of := scopes.class_of(symbol))), None)
    for name in scopes.names_of(target):
        found = [mention for mention in index.mentions_of(name, *_IN_PYTHON) if mention.file.endswith((".py", ".pyi"))]
        if owner is not None and name.startswith("__"):
            yield from _of_special(index, found, owner, scopes)
        else:
            yield from _near(found, symbols)
    if owner is None:
        return
    if last_part(target.qualname) in {"__init__", "__new__"}:
        for name in scopes.names_of(node(owner)):
            yield from _near(index.mentions_of(name, Role.CALL), symbols)
    if last_part(target.qualname) == "forward":
        # What is applied stands before `.apply`, by the class's own name unless a method says `cls`.
        receivers = scopes.names_of(node(owner)) | {"cls", "self"}
        for mention in index.mentions_of("apply", Role.CALL):
            if last_part(mention.name.removesuffix(".apply")) in receivers:
                yield mention


def sources(index: Index, target: Node, scopes: PythonScopes) -> Iterator[Node]:
    """The Python symbols that lead to ``target`` without naming it: producers for its queues, the ``forward`` of it."""
    for symbol in stored(index, target):
        if symbol.kind is Kind.METHOD and symbol.parent is not None and symbol.name in {"backward", "vjp", "jvp"}:
            yield from map(node, scopes.names(symbol.file).members.get((symbol.parent, "forward"), ()))
        if symbol.kind in {Kind.METHOD, Kind.FUNCTION}:
            yield from map(node, dict.fromkeys(threads.producers(index, symbol, scopes)))


def _near(found: list[StoredMention], symbols: list[StoredSymbol]) -> list[StoredMention]:
    """All, or of very many those in the top folders of the target."""
    if len(found) <= _MANY:
        return found
    tops = {symbol.file.partition("/")[0] for symbol in symbols}
    return [mention for mention in found if mention.file.partition("/")[0] in tops]


def _of_special(
    index: Index, found: list[StoredMention], owner: StoredSymbol, scopes: PythonScopes
) -> Iterator[StoredMention]:
    """Of the calls of an ``__init__`` those by the class's name, and those by ``super()`` in what inherits it."""
    names = scopes.names_of(node(owner))
    files = {owner.file}
    waiting, known = [node(owner)], {node(owner)}
    while waiting:
        for link in inheritance.subclasses(index, waiting.pop(), scopes):
            files.add(link.at.file)
            heir = Node(link.source)
            if heir not in known and len(known) < _MANY:
                known.add(heir)
                waiting.append(heir)
    for mention in found:
        receiver = mention.name.rpartition(".")[0]
        if mention.file in files and (receiver in {"super()", "self", "cls"} or last_part(receiver) in names):
            yield mention


def is_common(index: Index, target: Node, most_files: int) -> bool:
    """Whether ``most_files`` leaves out places that may lead to a symbol."""
    names = {last_part(target.qualname)}
    for symbol in stored(index, target) if target.scheme != "py" else ():
        names.update(_names(symbol))
        names.discard("impl")
    return any(index.files_mentioning(name) > most_files for name in names)


def elsewhere(index: Index, target: StoredSymbol, most_files: int | None = None) -> Iterator[Place]:
    """Where a link to an operator or a C++ symbol could start; of calls none where more files mention its name."""
    if generated.is_asked_by_generated_code(target):
        for caller in generated.callers(index, target):
            yield Place(node(caller), None, ("generated", "cpp_calls"))
        return
    for name in _names(target):
        common = most_files is not None and index.files_mentioning(name) > most_files
        places = index.mentions_of(name, *(_DECLARED if common else _ELSEWHERE))
        if target.scheme == "op":
            yield from _of_ops(places, index, most_files is None)
        for mention in [place for place in places if _may_mean(place, target)][:MOST_PLACES]:
            if mention.scope is not None:
                source = index.symbol(mention.scope)
                lines = None if source.scheme == "op" else (mention.line, mention.line)
                yield Place(node(source), lines, _LINKERS.get(mention.role) or _OF_CALLS.get(target.scheme, ()))
        if common:
            for caller in generated.callers(index, target):
                yield Place(node(caller), None, ("generated", "cpp_calls"))
    if target.scheme == "op":
        for mention in index.mentions_to(target.qualname, Role.GENERATE):
            yield Place(Node(f"py:{mention.name}"), None, ("bindings", "operators"))
        for entry in generated.entries(index, target):
            yield Place(node(entry), None, ("generated",))
        return
    if target.name in {"impl", "meta"}:
        for wrapper in generated.wrappers(index, target):
            yield Place(node(wrapper), None, ("generated",))
    if target.kind is Kind.CLASS and target.qualname.startswith("torch::autograd::generated::"):
        yield from _differentiated(index, target)
    for mention in index.mentions_to(target.qualname, Role.REGISTER):
        for stub in index.symbols_named(last_part(mention.name), "cpp"):
            yield Place(node(stub), None, ("stubs",))
    for mention in index.mentions_to(target.qualname, Role.IMPL):
        operators = index.symbols(mention.name, "op")
        at = node(operators[0]) if operators else Node(f"op:{mention.name}")
        yield Place(at, None, ("dispatcher",))
    for mention in index.mentions_to(target.qualname, Role.ENTRY):
        if mention.scope is not None:
            yield Place(node(index.symbol(mention.scope)), (mention.line, mention.line), ("bindings",))
        yield from _bound(index, mention)


def _of_ops(places: list[StoredMention], index: Index, every: bool) -> Iterator[Place]:
    """Calls of ``torch.ops``; unless ``every`` is asked for those of projects alone, for PyTorch's tests are full of
    them."""
    called = [place for place in places if place.name.startswith("torch.ops.") and (every or tree_of(place.file))]
    for mention in called[:MOST_PLACES]:
        if mention.scope is not None:
            yield Place(node(index.symbol(mention.scope)), (mention.line, mention.line), ("python_calls",))


def _differentiated(index: Index, made: StoredSymbol) -> Iterator[Place]:
    """What leads to an autograd node: its entry, the operator of that, and its autograd kernel in generated code."""
    for entry in index.symbols(made.qualname, "cpp"):
        yield Place(node(entry), None, ("autograd",))
        for row in index.mentions_between(entry.file, entry.start_line, entry.end_line, Role.DERIVATIVE):
            yield from (Place(node(operator), None, ("autograd",)) for operator in index.symbols(row.name, "op")[:1])
            for kernel in generated.autograd_kernels(index, row.name):
                yield Place(node(kernel), None, ("generated",))


def _bound(index: Index, row: StoredMention) -> Iterator[Place]:
    """The Python names that a row may bind; which of them is real, the linker says."""
    name = last_part(row.name)
    modules = ["torch.Tensor", "torch._C", "torch._C._VariableFunctions"]
    if tree := tree_of(row.file):
        declared = [path for path in index.files_ending(in_tree(tree, "setup.py")) if tree_of(path) == tree]
        symbols = [symbol for path in declared for symbol in index.symbols_in(path)]
        modules = [symbol.qualname for symbol in symbols if symbol.kind is Kind.MODULE and symbol.parent is not None]
    for module in modules:
        yield Place(Node(f"py:{module}.{name}"), None, ("bindings",))


def _names(target: StoredSymbol) -> list[str]:
    """What a mention of ``target`` can end in."""
    if target.qualname.endswith("::impl") and "::structured_" in target.qualname:
        return [target.qualname.rpartition("::structured_")[2].removesuffix("::impl")]
    if target.scheme == "op":
        base = target.name.partition(".")[0]
        return list(dict.fromkeys([target.name, base, f"{base}_out", f"{base}_symint"]))
    return [target.name]


def _may_mean(mention: StoredMention, target: StoredSymbol) -> bool:
    """Whether what was written before the last part allows for ``target``."""
    if target.scheme == "op":
        return mention.role in {Role.DELEGATE, Role.AUTOGEN} or mention.name.startswith(_OF_OPERATORS)
    written = mention.name.removeprefix("::")
    if "::" not in written:
        return True
    parts = set(target.qualname.split("::"))
    return all(part in parts for part in written.split("::"))
