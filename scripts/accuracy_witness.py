"""The index held against recorded runs: who was seen to call whom in C++ and in the dispatcher.

Reads the stacks that `tour trace --run --record` kept with the tours. Each pair of neighbours on a native stack, and
each operator with the function that it led to, is looked up in the index of the tree: there directly, or through
functions that the compiler may have inlined away (at most three links). A constructor is its class, which the index
gives as what is called. Of a kernel on a GPU the profiler tells the operator alone, so all between them is searched.
Each pair counts once. Not counted: frames
without a name, CPython's own, the glue of dispatcher and stubs (`wrap_kernel_functor…`, `DispatchStub…`), and functions
that this version of the tree does not have.

    python scripts/accuracy_witness.py [--missed N]
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from tour import tours
from tour.index import Index, StoredSymbol
from tour.links import Links, node
from tour.model import Kind, LinkKind
from tour.resources import folder
from tour.route import surest
from tour.tree import index_path, open_tree
from tour.witness import records
from tour.witness.binaries import normal
from tour.witness.records import Frame

TREES = {"2.13.0": "2.6.0", "2.11.0": "2.6.0", "1.13.1": "1.13.1"}
GLUE = (
    "c10::impl::wrap_kernel_functor",
    "c10::impl::make_boxed",
    "c10::Dispatcher::",
    "at::internal::invoke_parallel",
    "at::native::DispatchStub",
)
LONGEST = 3
LAUNCHED = 10
CALLED = frozenset({LinkKind.CALLS, LinkKind.STUBS, LinkKind.DISPATCHES, LinkKind.BINDS, LinkKind.INIT})


def pairs(stack: Sequence[Frame]) -> Iterator[tuple[Frame, Frame]]:
    """Caller and callee, for neighbours; glue between them is passed over, an unknown frame breaks the chain."""
    callee: Frame | None = None
    for frame in stack:
        if frame.layer == "python" or frame.name.startswith("?"):
            return
        if frame.name.startswith(GLUE):
            continue
        if callee is not None and callee != frame:
            yield frame, callee
        callee = frame


def symbols(frame: Frame, index: Index) -> list[StoredSymbol]:
    """What the tree has of a frame's name; a lambda is the function around it."""
    if frame.layer == "operator":
        return index.symbols(frame.name, "op")
    name = normal(frame.name).partition("::{")[0]
    found = index.symbols(name, "cpp") or index.symbols(name, "c")
    found = found or index.symbols(name.replace("at::native::", "at::native::CPU_CAPABILITY::"), "cpp")
    return [symbol for symbol in found if symbol.kind is not Kind.NAMESPACE]


def how(caller: Sequence[StoredSymbol], callee: Sequence[StoredSymbol], links: Links, is_kernel: bool) -> str:
    ids = {symbol.id for symbol in callee}
    ids |= {
        symbol.id.rpartition("::")[0] for symbol in callee if symbol.qualname.endswith(f"{symbol.name}::{symbol.name}")
    }
    starts = [(node(symbol), None) for symbol in caller]
    kinds = CALLED | {LinkKind.LAUNCHES} if is_kernel else CALLED
    for longest, told in ((1, "directly"), (LAUNCHED if is_kernel else LONGEST, "through what was inlined")):
        if surest(links, starts, lambda link: link.target in ids, kinds=kinds, longest=longest):
            return told
    return "not"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--missed", type=int, default=10, help="list so many of the pairs that the index lacks")
    options = parser.parse_args()
    annotations = folder("annotations")
    seen: dict[str, set[tuple[Frame, Frame]]] = defaultdict(set)
    for name in tours.names(annotations):
        for run in records.read(Path(annotations) / name):
            for sighting in run.steps.values():
                seen[TREES[run.release]] |= set(pairs(sighting.stack))
    for version, found in sorted(seen.items()):
        counts: Counter[tuple[str, str]] = Counter()
        missed = []
        with Index(index_path(open_tree(version))) as index:
            links = Links(index)
            for caller, callee in sorted(found, key=lambda pair: (pair[0].name, pair[1].name)):
                ends = symbols(caller, index), symbols(callee, index)
                if not all(ends):
                    counts["in the run alone", "not of this tree"] += 1
                    continue
                kind = "operator → function" if caller.layer == "operator" else "function → operator"
                kind = kind if "operator" in (caller.layer, callee.layer) else "function → function"
                is_kernel = caller.layer == "operator" and ends[1][0].file.endswith((".cu", ".cuh"))
                kind = "operator → kernel on a GPU" if is_kernel else kind
                told = how(*ends, links, is_kernel)
                counts[kind, told] += 1
                if told == "not":
                    missed.append(f"{caller.name} → {callee.name}")
        print(f"\n### Pairs seen in recorded runs, in the index of {version}\n")
        print("| pair | directly | through what was inlined | not | share |\n| --- | ---: | ---: | ---: | ---: |")
        kinds = ("function → function", "function → operator", "operator → function", "operator → kernel on a GPU")
        for kind in (kind for kind in kinds if any(one == kind for one, _ in counts)):
            direct, inlined, lacking = (counts[kind, told] for told in ("directly", "through what was inlined", "not"))
            whole = direct + inlined + lacking
            print(f"| {kind} | {direct} | {inlined} | {lacking} | {(direct + inlined) / max(whole, 1):.1%} |")
        print(f"\n{counts['in the run alone', 'not of this tree']} pairs have an end that this tree does not define.")
        for line in missed[: options.missed]:
            print(f"  not in the index: {line}")


if __name__ == "__main__":
    main()
