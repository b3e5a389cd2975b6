"""The joints that only generated code has; its plain calls, tables and registrations are read like any others.

``at::_ops::add_Tensor::call`` asks the dispatcher for ``aten::add.Tensor``: torchgen names the struct by the operator
with ``_`` for ``.`` (``torchgen/model.py``, ``OperatorName.unambiguous_name``), and a name that can be read two ways is
held against the operators that there are. The wrapper of a structured operator makes an object of the class right
before it and calls ``op.meta`` and ``op.impl``, whose bodies ``TORCH_META_FUNC`` and ``TORCH_IMPL_FUNC`` define for
that class's bases (``torchgen/dest/register_dispatch_key.py``). Cannot see: which kernel the dispatcher picks (that is
the dispatcher linker's), structs that a selective build leaves out, and the node that a ``VariableType`` function makes
for its backward.
"""

from __future__ import annotations

from collections.abc import Iterator

from tour.index import Index, StoredSymbol
from tour.links.nodes import Node, mentions_in, stored
from tour.links.python_scopes import PythonScopes
from tour.model import Grade, Kind, Link, LinkKind, Role

_STRUCTS = "at::_ops"
_ENTRIES = frozenset({".call", ".redispatch"})
"""What asks the dispatcher, called on an operator's handle (``aten/src/ATen/templates/Operators.cpp``)."""
_BODIES = frozenset({".meta", ".impl"})
_NEAR = 100
"""Lines before a wrapper in which its class begins: torchgen's are some fifty long."""


def links_from(index: Index, source: Node, lines: tuple[int, int] | None, scopes: PythonScopes) -> Iterator[Link]:
    """``at::_ops::add_Tensor::call`` → the operator; a structured operator's wrapper → its two bodies."""
    if source.scheme != "cpp":
        return
    yield from _into_dispatcher(index, source, lines)
    yield from _structured(index, source, lines)


def _into_dispatcher(index: Index, source: Node, lines: tuple[int, int] | None) -> Iterator[Link]:
    struct = source.qualname.rpartition("::")[0]
    space, _, name = struct.rpartition("::")
    if space != _STRUCTS:
        return
    named = [operator for written in _operator_names(name) for operator in index.symbols(written, "op")]
    ids = {operator.id for operator in named}
    declared = [operator for operator in named if operator.file.endswith(".yaml")] or named
    for symbol in stored(index, source):
        for mention in mentions_in(index, symbol, lines, Role.CALL) if symbol.is_definition else ():
            for operator in declared if mention.name in _ENTRIES else ():
                yield Link(
                    LinkKind.CALLS, source.id, operator.id, operator.at, mention.at, "generated/into-dispatcher",
                    Grade.EXACT if len(ids) == 1 else Grade.NAME, len(ids),
                )  # fmt: skip


def _operator_names(struct: str) -> Iterator[str]:
    """Every operator that a struct could be named for: of ``a_b`` ``aten::a_b`` and ``aten::a.b``."""
    yield f"aten::{struct}"
    for at, character in enumerate(struct):
        if character == "_" and at:
            yield f"aten::{struct[:at]}.{struct[at + 1 :]}"


def _structured(index: Index, source: Node, lines: tuple[int, int] | None) -> Iterator[Link]:
    for symbol in stored(index, source):
        if not symbol.name.startswith("wrapper_"):
            continue
        calls = [call for call in mentions_in(index, symbol, lines, Role.CALL) if call.name in _BODIES]
        made = _class_before(index, symbol) if calls else None
        if made is None:
            continue
        for call in calls:
            bodies = _inherited(index, made, call.name[1:])
            for body in bodies:
                yield Link(
                    LinkKind.CALLS, source.id, body.id, body.at, call.at, "generated/structured",
                    Grade.EXACT if len(bodies) == 1 else Grade.NAME, len(bodies),
                )  # fmt: skip


def _class_before(index: Index, wrapper: StoredSymbol) -> StoredSymbol | None:
    """The class that ends on the line before a wrapper, and nowhere else."""
    bases = [
        mention
        for mention in index.mentions_between(wrapper.file, wrapper.start_line - _NEAR, wrapper.start_line)
        if mention.role is Role.BASE and mention.scope is not None
    ]
    made = index.symbol(bases[-1].scope) if bases and bases[-1].scope is not None else None
    return made if made is not None and made.end_line + 1 == wrapper.start_line else None


def _inherited(index: Index, made: StoredSymbol, method: str) -> list[StoredSymbol]:
    """A method as the nearest of a class's bases has it: its bodies, or where macros make those, its declaration."""
    classes = [made]
    for _ in range(3):  # the wrapper's class, the kernel's, the shape check's
        names = [
            mention.name
            for known in classes
            for mention in index.mentions_between(known.file, known.start_line, known.end_line)
            if mention.role is Role.BASE and mention.scope == known.row
        ]
        found = [symbol for name in names for symbol in index.symbols(f"{name}::{method}", "cpp")]
        if found:
            return [symbol for symbol in found if symbol.is_definition] or found
        classes = [symbol for name in names for symbol in index.symbols(name, "cpp") if symbol.kind is Kind.CLASS]
    return []
