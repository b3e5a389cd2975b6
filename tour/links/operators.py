"""Names that generated code gives an operator → the operator.

``generates``: ``torch.add``, ``torch.Tensor.add_`` and ``torch._C._nn.linear`` are bindings that
``tools/autograd/gen_python_functions.py`` writes for each operator's ``variants:`` and ``python_module:``, but for the
names on its list of exceptions. ``calls``: ``at::add(…)`` and ``tensor.add(…)`` in C++ are wrappers that ``torchgen``
writes; both lead to the dispatcher. ``torch::add(…)`` is the same function, for ``torch`` opens all of ``at``
(``torch/csrc/api/include/torch/types.h``), or a factory that calls it (``torch::zeros``). Cannot see: which overload is
meant where an operator has several (the link is by name then, with their number), and the type of a method's receiver.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tour.index import Index, StoredSymbol, last_part
from tour.links.generated import called_by_binding
from tour.links.nodes import Node, mentions_in, stored
from tour.links.precise import resolved
from tour.links.python_scopes import PythonScopes, binding_name
from tour.model import Grade, Kind, Link, LinkKind, Role

_OF_SPACE = re.compile(r"(?:::)?(?:at|torch)::\w+")

MOST_CANDIDATES = 40
"""A method's name that more definitions share says too little to be worth a link."""


def links_from(index: Index, source: Node, lines: tuple[int, int] | None, scopes: PythonScopes) -> Iterator[Link]:
    """The operators behind a Python name, or behind the calls in a C++ function."""
    if source.scheme == "py":
        yield from _generated(index, source)
    elif source.scheme == "cpp":
        yield from _called(index, source, lines)


def _generated(index: Index, source: Node) -> Iterator[Link]:
    name = binding_name(source.qualname)
    rows = [row for row in index.mentions_of(last_part(name), Role.GENERATE) if row.name == name]
    for row in rows:
        for operator in index.symbols(row.target or "", "op"):
            if operator.file == row.file and not _is_skipped(index, operator):
                yield Link(
                    LinkKind.GENERATES, source.id, operator.id, operator.at, row.at, "operators/binding", Grade.EXACT
                )


def _is_skipped(index: Index, operator: StoredSymbol) -> bool:
    """Whether ``should_generate_py_binding`` says no."""
    base = base_name(operator)
    name = f"{base}_out" if writes_out(operator) else base
    patterns: list[str] = []
    for variable in ("_SKIP_PYTHON_BINDINGS", "SKIP_PYTHON_BINDINGS"):
        for symbol in index.symbols(f"tools.autograd.gen_python_functions.{variable}", "py"):
            found = index.mentions_in(symbol.file, Role.SKIP)
            patterns += [mention.name for mention in found if mention.target == variable]
    return any(re.fullmatch(pattern, name) for pattern in patterns)


def base_name(operator: StoredSymbol) -> str:
    """``add`` of ``aten::add.out``."""
    return operator.qualname.rpartition("::")[2].partition(".")[0]


def writes_out(operator: StoredSymbol) -> bool:
    """Whether the operator writes to an ``out`` argument: a keyword-only one with a ``!`` (``torchgen/model.py``)."""
    return "!" in operator.signature.partition("->")[0].partition("*,")[2]


def _called(index: Index, source: Node, lines: tuple[int, int] | None) -> Iterator[Link]:
    """``at::x(…)``, ``torch::x(…)``, and ``.x(…)`` where an operator has a method of that name."""
    for symbol in stored(index, source):
        for mention in mentions_in(index, symbol, lines, Role.CALL):
            if resolved(index, mention) or called_by_binding(index, symbol, mention):
                continue  # libclang has said it, or generated code does it
            if mention.name.startswith("."):
                found = _methods(index, mention.name[1:])
                # what a binding calls a method on is a tensor
                others = 0 if _binds(symbol) or not found else index.count_named(mention.name[1:], "cpp")
            elif _OF_SPACE.fullmatch(mention.name):
                found, others = functions(index, last_part(mention.name)), 0
                if found and _is_written(index, mention.name.removeprefix("::")):
                    continue
            else:
                continue
            candidates = len(found) + others
            if candidates > MOST_CANDIDATES:
                continue
            for operator in found:
                sure = candidates == 1 and (not mention.name.startswith(".") or _reads(symbol))
                yield Link(
                    LinkKind.CALLS, source.id, operator.id, operator.at, mention.at, "operators/wrapper",
                    Grade.EXACT if sure else Grade.NAME, candidates,
                )  # fmt: skip


def _is_written(index: Index, qualname: str) -> bool:
    """Whether a function of that name is written to be called, and not only registered in its file as a kernel."""
    registering = {row.file for row in index.mentions_of(last_part(qualname), Role.IMPL)}
    return any(found.is_definition and found.file not in registering for found in index.symbols(qualname, "cpp"))


def _binds(symbol: StoredSymbol) -> bool:
    return symbol.name.startswith(("THPVariable_", "dispatch_")) or _reads(symbol)


def _reads(symbol: StoredSymbol) -> bool:
    """Whether it is what a property of ``Tensor`` runs: its only argument is the tensor."""
    return bool(re.search(r"(?:^|::)Property\w+::fn$", symbol.qualname))


def functions(index: Index, name: str) -> list[StoredSymbol]:
    """The operators that ``at::name`` stands for: its overloads, or of ``name_out`` those that write to ``out``.

    ``name_symint`` is the same with symbolic sizes (``torchgen/api/cpp.py``).
    """
    name = name.removesuffix("_symint")
    found = [operator for operator in index.operators("aten", name) if not writes_out(operator)]
    if not found and name.endswith(("_out", "_outf")):
        base = name.removesuffix("f").removesuffix("_out")
        found = [operator for operator in index.operators("aten", base) if writes_out(operator)]
    return [operator for operator in found if operator.kind is Kind.OPERATOR and operator.signature]


def _methods(index: Index, name: str) -> list[StoredSymbol]:
    """The operators with a method of that name on ``Tensor``."""
    wanted = f"torch.Tensor.{name}"
    rows = {row.target for row in index.mentions_of(name, Role.GENERATE) if row.name == wanted}
    return [operator for operator in index.operators("aten", name) if operator.qualname in rows] if rows else []
