"""Dispatch stub → the kernel that is registered for each device.

``DECLARE_DISPATCH`` and ``DEFINE_DISPATCH`` make a stub; ``REGISTER_DISPATCH`` and its kin put a kernel into it, for
the device that the macro's name or the file's language says (``aten/src/ATen/native/DispatchStub.h``). Cannot see:
stubs filled in by other macros, which build flags leave a registration out, and which of the CPU's instruction sets
runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tour.index import Index, StoredMention
from tour.links.cpp_scopes import cases, cpp_targets
from tour.links.nodes import Node, stored
from tour.links.python_scopes import PythonScopes
from tour.model import Grade, Kind, Link, LinkKind, Role

_FUNCTIONS = frozenset({Kind.FUNCTION, Kind.METHOD, Kind.KERNEL, Kind.VARIABLE})
_MACRO = re.compile(r"(?:ALSO_)?REGISTER_(?:(\w+)_)?DISPATCH")
_DEVICES = {"CUDA", "HIP", "MPS", "MTIA", "XPU", "PRIVATEUSE1", "META"}


def links_from(index: Index, source: Node, lines: tuple[int, int] | None, scopes: PythonScopes) -> Iterator[Link]:
    """The kernels registered for a stub."""
    if source.scheme != "cpp" or not (source.id.endswith("_stub") or _is_variable(index, source)):
        return
    name = source.qualname.rpartition("::")[2]
    for mention in index.mentions_of(name, Role.REGISTER):
        if mention.target is None:
            continue
        scope = index.symbol(mention.scope) if mention.scope is not None else None
        stubs, _ = cpp_targets(index, mention.name, scope)
        if stubs and not any(stub.id == source.id for stub in stubs):
            continue
        found, by_scope = cpp_targets(index, mention.target, scope)
        found = [symbol for symbol in found if symbol.kind in _FUNCTIONS]
        here = [symbol for symbol in found if symbol.file == mention.file]
        found = here or found
        for kernel in found:
            sure = by_scope or (cases(found) == 1 and len({symbol.file for symbol in found}) == 1)
            yield Link(
                LinkKind.STUBS, source.id, kernel.id, kernel.at, mention.at, "stubs/register",
                Grade.EXACT if sure else Grade.NAME, 1 if sure else len(found), device_of(index, mention),
            )  # fmt: skip


def _is_variable(index: Index, source: Node) -> bool:
    return any(symbol.kind is Kind.VARIABLE for symbol in stored(index, source))


def device_of(index: Index, mention: StoredMention) -> str:
    """The device that a registration is for: in the macro's name, else what the file is compiled for."""
    for call in index.mentions_between(mention.file, mention.line, mention.line):
        macro = _MACRO.fullmatch(call.name) if call.role is Role.CALL else None
        if macro and macro[1] in _DEVICES:
            return macro[1]
        if macro and macro[1]:
            return "CPU"
    if mention.file.endswith((".cu", ".cuh", ".hip")):
        return "CUDA"
    return "MPS" if mention.file.endswith(".mm") else "CPU"
