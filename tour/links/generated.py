"""The joints that only generated code has; its plain calls, tables and registrations are read like any others.

``at::_ops::add_Tensor::call`` asks the dispatcher for ``aten::add.Tensor``: torchgen names the struct by the operator
with ``_`` for ``.`` (``torchgen/model.py``, ``OperatorName.unambiguous_name``), and a name that can be read two ways is
held against the operators that there are. The wrapper of a structured operator makes an object of the class right
before it and calls ``op.meta`` and ``op.impl``, whose bodies ``TORCH_META_FUNC`` and ``TORCH_IMPL_FUNC`` define for
that class's bases (``torchgen/dest/register_dispatch_key.py``). An autograd kernel makes the node that the operator's
entry in ``derivatives.yaml`` names, and hands on to the ``at::redispatch`` of its own overload
(``tools/autograd/gen_variable_type.py``). Cannot see: which kernel the dispatcher picks (that is the dispatcher
linker's), structs that a selective build leaves out, and the nodes that ``_foreach`` operators make one a tensor.
"""

from __future__ import annotations

from collections.abc import Iterator

from tour.index import Index, StoredMention, StoredSymbol, last_part
from tour.links.nodes import Node, mentions_in, stored
from tour.links.python_scopes import PythonScopes
from tour.model import Grade, Kind, Link, LinkKind, Role

_STRUCTS = "at::_ops"
_ENTRIES = frozenset({".call", ".redispatch"})
"""What asks the dispatcher, called on an operator's handle (``aten/src/ATen/templates/Operators.cpp``)."""
_BODIES = frozenset({".meta", ".impl"})
_AUTOGRAD_KERNELS = "torch::autograd::VariableType::"
_REDISPATCH = "at::redispatch::"
_BUILT = "build/"
_BINDINGS = "torch/csrc/autograd/generated/"
_NEAR = 100
"""Lines before a wrapper in which its class begins: torchgen's are some fifty long."""


def links_from(index: Index, source: Node, lines: tuple[int, int] | None, scopes: PythonScopes) -> Iterator[Link]:
    """``at::_ops::add_Tensor::call`` → the operator; a structured operator's wrapper → its two bodies."""
    if source.scheme != "cpp":
        return
    yield from _into_dispatcher(index, source, lines)
    yield from _structured(index, source, lines)
    if source.qualname.startswith(_AUTOGRAD_KERNELS):
        yield from _differentiating(index, source, lines)
    elif last_part(source.qualname).startswith("THPVariable_"):
        for symbol in stored(index, source):
            for call in mentions_in(index, symbol, lines, Role.CALL):
                for wrapper in called_by_binding(index, symbol, call):
                    yield Link(
                        LinkKind.CALLS, source.id, wrapper.id, wrapper.at, call.at, "generated/binding", Grade.EXACT
                    )


def called_by_binding(index: Index, binding: StoredSymbol, call: StoredMention) -> list[StoredSymbol]:
    """The wrappers that a call in a generated binding may run, one for each signature that it takes.

    What such a binding calls a method on is a tensor (``tools/autograd/gen_python_functions.py``,
    ``emit_single_dispatch``).
    """
    if not binding.name.startswith("THPVariable_") or not binding.file.startswith(_BINDINGS):
        return []
    if call.name.startswith("."):
        written_out = f"at::Tensor{call.name.replace('.', '::')}"
    elif call.name.startswith("at::") and call.name.count("::") == 1:
        written_out = call.name
    else:
        return []
    found = index.symbols(written_out, "cpp")
    return [symbol for symbol in found if symbol.is_definition and symbol.file.startswith(_BUILT)]


def is_asked_by_generated_code(target: StoredSymbol) -> bool:
    """Whether a function is one that hardly anything but generated code calls."""
    return target.qualname.startswith((f"{_STRUCTS}::", _REDISPATCH))


def callers(index: Index, target: StoredSymbol) -> Iterator[StoredSymbol]:
    """Of generated code what may call a function whose name says too little to look for it everywhere."""
    space, _, name = target.qualname.rpartition("::")
    if space.startswith(f"{_STRUCTS}::") and f".{name}" in _ENTRIES:
        struct = last_part(space)
        bases = [struct, *(struct[:at] for at, letter in enumerate(struct) if letter == "_" and at)]
        homes = ("at::redispatch",) if name == "redispatch" else ("at", "at::Tensor", "at::symint")
        for base in bases:
            for written_so in (base, f"{base}f", f"{base}_symint"):
                for home in homes:
                    yield from index.symbols(f"{home}::{written_so}", "cpp")
    elif target.qualname.startswith(_REDISPATCH):
        for call in mentions_in(index, target, None, Role.CALL) if target.is_definition else ():
            for operator in _operator_names(last_part(call.name.rpartition("::")[0])):
                yield from autograd_kernels(index, operator)
    elif space == "at::native":
        for entry in index.mentions_of(name, Role.DISPATCH):
            if entry.scope is not None:
                yield from _registered(index, index.symbol(entry.scope).qualname, f"{_BUILT}aten/src/ATen/Register")


def autograd_kernels(index: Index, operator: str) -> Iterator[StoredSymbol]:
    """The function of ``VariableType`` that is registered for an operator."""
    yield from _registered(index, operator, f"{_BINDINGS}VariableType")


def _registered(index: Index, operator: str, beginning: str) -> Iterator[StoredSymbol]:
    """The kernels of an operator that files of some beginning register."""
    for row in index.mentions_of(last_part(operator), Role.IMPL):
        if row.name == operator and row.file.startswith(beginning):
            found = index.symbols_named(last_part(row.target or ""), "cpp")
            yield from (symbol for symbol in found if symbol.file == row.file)


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
                rule = "generated/into-dispatcher" if mention.name == ".call" else "generated/redispatch"
                yield Link(
                    LinkKind.CALLS, source.id, operator.id, operator.at, mention.at, rule,
                    Grade.EXACT if len(ids) == 1 else Grade.NAME, len(ids),
                )  # fmt: skip


def entries(index: Index, operator: StoredSymbol) -> Iterator[StoredSymbol]:
    """What asks the dispatcher for an operator: ``call`` and ``redispatch`` of its struct."""
    space, _, name = operator.qualname.partition("::")
    for entry in _ENTRIES if space == "aten" else ():
        yield from index.symbols(f"{_STRUCTS}::{name.replace('.', '_')}::{entry[1:]}", "cpp")


def _differentiating(index: Index, source: Node, lines: tuple[int, int] | None) -> Iterator[Link]:
    """An autograd kernel → the node that it makes, and what it hands on to."""
    for symbol in stored(index, source):
        calls = list(mentions_in(index, symbol, lines, Role.CALL)) if symbol.is_definition else []
        rows = [row for row in index.mentions_to(source.qualname, Role.IMPL) if row.file == symbol.file]
        names = [name for row in rows[:1] for name in (row.name, *in_place_of(row.name))]
        made = [call for call in calls if call.name == "std::shared_ptr"]
        for node in (node for name in names for node in _nodes(index, name)) if made else ():
            yield Link(LinkKind.DIFFERENTIATES, source.id, node.id, node.at, made[0].at, "generated/node", Grade.EXACT)
        for call in calls:
            if call.name.startswith(_REDISPATCH):
                onward = index.symbols(call.name, "cpp")
                structs = {f"{_STRUCTS}::{row.name.rpartition('::')[2].replace('.', '_')}::redispatch" for row in rows}
                ours = [
                    other for other in onward
                    if any(at.name in structs for at in mentions_in(index, other, None, Role.CALL))
                ]  # fmt: skip
                for other in ours:
                    yield Link(
                        LinkKind.CALLS, source.id, other.id, other.at, call.at, "generated/own-overload", Grade.EXACT
                    )


def in_place_of(name: str) -> Iterator[str]:
    """The operator whose entry in ``derivatives.yaml`` one that works in place shares."""
    space, _, rest = name.rpartition("::")
    base, dot, overload = rest.partition(".")
    if base.endswith("_") and not base.endswith("__"):
        yield f"{space}::{base[:-1]}{dot}{overload}"


def _nodes(index: Index, operator: str) -> Iterator[StoredSymbol]:
    """The structs of the autograd nodes of an operator, as code generation wrote them."""
    for mention in index.mentions_of(last_part(operator), Role.DERIVATIVE):
        if mention.name == operator and mention.scope is not None:
            yield from written(index, index.symbol(mention.scope))


def written(index: Index, entry: StoredSymbol) -> list[StoredSymbol]:
    """What code generation wrote for an autograd node of ``derivatives.yaml``: the last of its struct's definitions."""
    same = index.symbols(entry.qualname, "cpp")
    return [symbol for symbol in same if symbol.kind is Kind.CLASS and not symbol.file.endswith(".yaml")][-1:]


def wrappers(index: Index, body: StoredSymbol) -> Iterator[StoredSymbol]:
    """The wrappers that may call a structured operator's body: those right behind the classes that inherit its own."""
    names = [body.qualname.rpartition("::")[0]]
    for _ in range(2):  # the kernel's class, the wrapper's
        further: list[str] = []
        for name in names:
            for mention in index.mentions_of(last_part(name), Role.BASE):
                if mention.scope is None or not f"::{name}".endswith(f"::{mention.name}"):
                    continue
                made = index.symbol(mention.scope)
                further.append(made.qualname)
                behind = index.symbols_between(made.file, made.end_line + 1, made.end_line + 1)
                yield from (symbol for symbol in behind if symbol.name.startswith("wrapper_"))
        names = further


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
