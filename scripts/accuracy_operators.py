"""Operators and their kernels, held against the tree's own YAML, its own code generation, and a library built from it.

1. Of every key of every `dispatch:` in `native_functions.yaml` (and of what an entry without one implies): is there a
   link, made from that very line and key, to a definition?
2. Of every kernel that the tree's code generation writes into the `Register….cpp` files, do we name the same function
   for that operator and key? `tour.codegen` runs the generation (Python code of the tree) into the cache.
3. Of the C++ kernels that we find for CPU and composite keys, how many does a library of the same version export? Only
   where `--library` is given and `nm` is there; Debian's `libtorch1.13` has the code of the 1.13.1 tree.

    python scripts/accuracy_operators.py --tree 2.6.0 --tree 1.13.1 [--library FILE] [--misses]
"""

from __future__ import annotations

import argparse
import re
import subprocess
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from tour import codegen
from tour.index import Index, StoredSymbol
from tour.links import Links, node
from tour.model import Link, Role
from tour.tree import Tree, index_path, open_tree

ENTRIES = "aten/src/ATen/native/native_functions.yaml"
LIBRARY = {"1.13.1": Path("/usr/lib/x86_64-linux-gnu/libtorch_cpu.so.1.13")}
BUILT = ("CPU", "CompositeImplicitAutograd", "CompositeExplicitAutograd", "CompositeExplicitAutogradNonFunctional")
"""The keys whose kernels every CPU build has; what oneDNN, FBGEMM and CUDA compute may be left out of one."""

_STRUCT = re.compile(r"^struct (\w+) final : public ([\w:]+) \{", re.MULTILINE)
_WRAPPER = re.compile(r"^[\w:<>&*, ]*?\b(wrapper_\w+)\([^\n]*\) \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_REGISTERED = re.compile(r'm\.impl\("([\w.]+)",\s*TORCH_FN\(([\w:]+)\)\)')
_BLOCK = re.compile(r"^TORCH_LIBRARY_IMPL\(aten, (\w+), m\) \{\n(.*?)^\}?;?$", re.MULTILINE | re.DOTALL)


@dataclass
class Count:
    """What was compared, what agreed, and of the rest why."""

    of: int = 0
    good: int = 0
    rest: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def share(self) -> str:
        return f"{self.good} of {self.of} ({100 * self.good / self.of:.2f} %)" if self.of else "none"


Kernels = dict[tuple[str, str], set[str]]
"""Of an operator and a dispatch key the kernels, by qualified name."""


class Operators:
    """The operators of an index and their links."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self._links = Links(index)
        self.all = [symbol for symbol in index.symbols_in(ENTRIES) if symbol.signature]
        self.by_name = {symbol.qualname: symbol for symbol in index.symbols_in(ENTRIES)}

    def links(self, operator: StoredSymbol) -> list[Link]:
        return [link for link in self._links.leaving(node(operator), None, ("dispatcher",)) if link.at.file == ENTRIES]

    def kernels(self, operator: StoredSymbol, key: str, deep: int = 2) -> set[str]:
        """What we say computes the operator for a key; of a structured operator's variant what the operator has."""
        found: set[str] = set()
        for link in self.links(operator):
            if link.key == key:
                found.add(link.target)
            elif link.rule == "dispatcher/structured-delegate" and deep:
                found |= self.kernels(self.by_name[link.target.removeprefix("op:")], key, deep - 1)
        return found


def entries(operators: Operators, misses: bool) -> None:
    """The first table."""
    rows, grades, outcomes = Count(), Counter[str](), Counter[str]()
    for operator in operators.all:
        links = operators.links(operator)
        named = found = 0
        for row in operators.index.mentions_between(operator.file, operator.start_line, operator.end_line):
            if row.scope != operator.row or row.role not in {Role.DISPATCH, Role.STRUCTURED}:
                continue
            named += 1
            hit = [link for link in links if link.at == row.at and link.key == row.target]
            rows.of += 1
            if hit:
                found += 1
                rows.good += 1
                grades[hit[0].grade.value] += 1
                if hit[0].grade.value != "exact":
                    rows.rest["by name only"].append(f"{operator.qualname} [{row.target}] {row.name}")
            else:
                rows.rest["missing"].append(f"{operator.qualname} [{row.target}] {row.name}")
        rules = {link.rule for link in links}
        if named and found < named:
            outcomes["a kernel is missing"] += 1
        elif "dispatcher/view-copy" in rules:
            outcomes["generated: a copy of a view"] += 1
        elif named:
            outcomes["all kernels found"] += 1
        elif "dispatcher/structured-delegate" in rules:
            outcomes["handed to its structured operator"] += 1
        else:
            outcomes["none named"] += 1
            rows.rest["none named"].append(operator.qualname)
    print(f"| dispatch entries found at a definition | {rows.share()} |")
    print(f"| … of them exact, by name | {grades['exact']}, {grades['name']} |")
    for what, count in outcomes.most_common():
        print(f"| entries of {len(operators.all)}: {what} | {count} |")
    tell(rows, misses)


def generated(folder: Path) -> Kernels:
    """What the register files call for each operator and key."""
    found: Kernels = {}
    for file in sorted((folder / "aten/src/ATen").glob("Register*.cpp")):
        text = file.read_text(encoding="utf-8")
        bases = dict(_STRUCT.findall(text))
        bodies = dict(_WRAPPER.findall(text))
        for key, block in _BLOCK.findall(text):
            for operator, wrapper in _REGISTERED.findall(block):
                body = bodies.get(wrapper, f"return {wrapper}(")
                names = set(re.findall(r"\bat::native::[\w:]+(?=\()", body))
                for made in re.findall(r"^(?:  )?(\w+) op(?:\(|;)", body, re.MULTILINE):
                    inner = "impl" if "op.impl(" in body else "meta"
                    names.add(f"{base_of(made, bases)}::{inner}")
                found[f"aten::{operator}", key] = {f"cpp:{name}" for name in names}
    return found


def base_of(made: str, bases: dict[str, str]) -> str:
    return bases.get(made, made)


def against_generated(operators: Operators, tree: Tree, misses: bool) -> None:
    """The second table."""
    folder = codegen.generate(tree)
    theirs = generated(folder)
    copies = (folder / "aten/src/ATen/CompositeViewCopyKernels.cpp").read_text(encoding="utf-8")
    written = {f"cpp:at::native::{name}" for name in re.findall(r"^[\w:<>&*, ]*?\b(\w+)\(", copies, re.MULTILINE)}
    count, unnamed = Count(), 0
    for (name, key), wanted in theirs.items():
        operator = operators.by_name.get(name)
        if operator is None or not wanted or key in {"Functionalize", "BackendSelect"}:
            continue
        ours = operators.kernels(operator, key)
        if not ours and key == "CompositeExplicitAutogradNonFunctional":
            unnamed += 1  # what a structured operator implies: its shape check, then the operator itself
            continue
        count.of += 1
        if ours & wanted:
            count.good += 1
        elif ours and all(kernel.startswith("cpp:at::native::structured_ufunc_") for kernel in wanted):
            count.good += any(kernel.startswith("cpp:at::native::ufunc::") for kernel in ours)
        elif any(kernel.startswith("op:") for kernel in ours) and wanted <= written:
            count.good += 1  # a kernel that is generated as well, around the operator that we name
        else:
            why = "another function" if ours else "none of ours"
            count.rest[why].append(f"{name} [{key}]: {', '.join(sorted(wanted))} there, {sorted(ours) or 'none'} here")
    print(f"| kernels that code generation registers, the same here | {count.share()} |")
    print(f"| … not compared: what structured operators imply for `NonFunctional` | {unnamed} |")
    tell(count, misses)


def exported(library: Path) -> set[str]:
    said = subprocess.run(["nm", "-DC", "--defined-only", str(library)], check=True, text=True, capture_output=True)
    names = set()
    for line in said.stdout.splitlines():
        name = line[19:].partition("(")[0].replace("[abi:cxx11]", "")
        names.add(re.sub(r"<.*", "", name).rpartition(" ")[2])
    return names


def against_library(operators: Operators, tree: Tree, library: Path, misses: bool) -> None:
    """The third table."""
    names = exported(library)
    count = Count()
    kernels: dict[str, Link] = {}
    for operator in operators.all:
        for link in operators.links(operator):
            if link.key in BUILT and link.target.startswith("cpp:") and link.rule in {
                "dispatcher/entry", "dispatcher/structured",
            }:  # fmt: skip
                kernels.setdefault(link.target.removeprefix("cpp:"), link)
    for name, link in kernels.items():
        count.of += 1
        if name in names:
            count.good += 1
        else:
            file = link.target_at.file if link.target_at else ""
            text = tree.read(file).decode("utf-8", "replace") if file else ""
            base = link.source.removeprefix("op:aten::").partition(".")[0].rstrip("_")
            # the build takes one header for each operator where a file gives the choice
            all_of_them = "NativeFunctions.h>" in text and "AT_PER_OPERATOR_HEADERS" not in text
            hidden = not all_of_them and f"ops/{base}_native.h>" not in text
            why = "hidden: the file does not include its declaration" if hidden else "not exported"
            count.rest[why].append(f"{name} ({link.target_at}) for {link.source}")
    print(f"| distinct CPU and composite kernels, exported by `{library.name}` | {count.share()} |")
    tell(count, misses)


def tell(count: Count, misses: bool) -> None:
    for why, which in count.rest.items():
        print(f"| … {why} | {len(which)} |")
        if misses:
            LISTED.extend(f"- {why}: {one}" for one in which)


LISTED: list[str] = []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", action="append", metavar="VERSION")
    parser.add_argument("--library", type=Path, help="a libtorch_cpu.so of the same version; Debian's for 1.13.1")
    parser.add_argument("--misses", action="store_true", help="list what was not found or does not agree")
    options = parser.parse_args()
    for version in options.tree or ("2.6.0", "1.13.1"):
        tree = open_tree(version)
        print(f"\n| PyTorch {tree.version} | |\n| --- | --- |")
        with Index(index_path(tree)) as index:
            operators = Operators(index)
            entries(operators, options.misses)
            against_generated(operators, tree, options.misses)
            library = options.library or LIBRARY.get(version)
            if library and library.exists():
                against_library(operators, tree, library, options.misses)
        print("\n".join(["", *LISTED]))
        LISTED.clear()


if __name__ == "__main__":
    main()
