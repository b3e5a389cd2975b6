"""Host function → the kernel that it launches.

``kernel<<<grid, block>>>(…)``, ``cudaLaunchKernel(kernel, …)``, and the loops that run a lambda or functor for each
element: ``gpu_kernel``, ``cpu_kernel`` and their kin (``aten/src/ATen/native/cuda/Loops.cuh``,
``aten/src/ATen/native/cpu/Loops.h``); exact where libclang has read the file. Cannot see: kernels chosen through a
template parameter or a computed pointer, kernels compiled at run time (jiterator's strings), and what runs inside a
vendor's library.
"""

from __future__ import annotations

from collections.abc import Iterator

from tour.index import Index, StoredSymbol, last_part
from tour.links.cpp_scopes import cpp_targets
from tour.links.nodes import Node, mentions_in, stored
from tour.links.precise import targets_of
from tour.links.python_scopes import PythonScopes
from tour.model import Grade, Kind, Link, LinkKind, Role

LOOPS = frozenset(
    {
        "gpu_kernel",
        "gpu_kernel_with_scalars",
        "gpu_kernel_nocast",
        "gpu_kernel_multiple_outputs",
        "gpu_kernel_with_index",
        "gpu_reduce_kernel",
        "gpu_index_kernel",
        "jitted_gpu_kernel",
        "jitted_gpu_reduce_kernel",
        "opmath_gpu_kernel_with_scalars",
        "opmath_symmetric_gpu_kernel_with_scalars",
        "opmath_jitted_gpu_kernel_with_scalars",
        "cpu_kernel",
        "cpu_kernel_vec",
        "cpu_kernel_multiple_outputs",
        "cpu_serial_kernel",
        "cpu_serial_kernel_vec",
        "cpu_index_kernel",
        "binary_kernel_reduce",
        "binary_kernel_reduce_vec",
    }
)
"""Functions that run what they are given once for each element."""


_RUN = frozenset({Kind.FUNCTION, Kind.METHOD, Kind.KERNEL})


def links_from(index: Index, source: Node, lines: tuple[int, int] | None, scopes: PythonScopes) -> Iterator[Link]:
    """The kernels that a function's body launches, and the loops that it starts."""
    if source.scheme != "cpp":
        return
    for symbol in stored(index, source):
        held: dict[str, list[str]] | None = None
        for mention in mentions_in(index, symbol, lines, Role.LAUNCH, Role.CALL):
            name = last_part(mention.name)
            if mention.role is Role.CALL and name not in LOOPS:
                continue
            if read := [target for target in targets_of(index, mention) if target.kind in _RUN]:
                for target in read:
                    yield Link(
                        LinkKind.LAUNCHES, source.id, target.id, target.at, mention.at, "precise/libclang", Grade.EXACT
                    )
                continue
            if held is None:
                held = {}
                for alias in mentions_in(index, symbol, None, Role.ALIAS):  # which stand before the launch
                    held.setdefault(alias.target or "", []).append(alias.name)
            scope = index.symbol(mention.scope) if mention.scope is not None else symbol
            found: dict[tuple[str, object], StoredSymbol] = {}
            sure = True
            for meant in held.get(mention.name, [mention.name]):
                targets, by_scope = cpp_targets(index, meant, scope)
                if name in LOOPS:  # tests have functions of the same names
                    near = [target for target in targets if target.qualname.startswith("at::")]
                else:
                    near = [target for target in targets if target.kind is Kind.KERNEL] or targets
                here = [target for target in near if target.file == mention.file] or near
                sure = sure and (by_scope or _are_one(here))
                found |= {(target.id, target.at): target for target in here if target.kind is not Kind.MACRO}
            for target in found.values():
                yield Link(
                    LinkKind.LAUNCHES, source.id, target.id, target.at, mention.at,
                    "launches/loop" if name in LOOPS else "launches/kernel",
                    Grade.EXACT if sure else Grade.NAME, 1 if sure else len(found),
                )  # fmt: skip


def _are_one(found: list[StoredSymbol]) -> bool:
    """Whether the candidates are one function, written for several cases."""
    return len({symbol.qualname for symbol in found}) == 1 and len({symbol.file for symbol in found}) == 1
