"""Names of torch whose source Python's `inspect` cannot find: does `tour where` end in a line of C++?

The names come from an installed torch (`scripts/torch_names.py` in a child of `--python`) or from a file that it wrote
(`--names`). A name counts where the tree has it: an operator of that name bound there, a row of a table in C++ that
binds it, or a definition in Python. It is found when a layer in the C++ or kernel lane, or a C++ function in the
binding lane, is reached by exact links alone, from the top to it, and stands in a file of the tree.

    python scripts/accuracy_names.py --tree 2.6.0 --tree 1.13.1 [--python PATH | --names FILE] [--misses]
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

from tour import layers
from tour.answers import Answer, Layer
from tour.index import Index, last_part
from tour.links import Links
from tour.meaning import meaning
from tour.model import Grade, Lane, Role
from tour.tree import Tree, index_path, open_tree

LISTER = Path(__file__).with_name("torch_names.py")
DEBIAN = "/usr/bin/python3"
"""Debian's package `python3-torch` is for this one."""
ENDS = {Lane.BINDING, Lane.CPP, Lane.KERNEL}
WRITTEN = ("torch/csrc/", "tools/autograd/templates/")
"""Where bindings are written by hand."""


def has_torch(python: str) -> bool:
    try:
        return subprocess.run([python, "-c", "import torch"], capture_output=True).returncode == 0
    except OSError:
        return False


def names_of(python: str) -> list[str]:
    return subprocess.run([python, str(LISTER)], check=True, text=True, capture_output=True).stdout.splitlines()


@cache
def strings(tree: Tree) -> frozenset[str]:
    """Every string literal that is a plain name, in the sources where bindings are written by hand."""
    found: set[str] = set()
    for file in tree.files():
        if file.path.startswith(WRITTEN):
            found.update(re.findall(r'"(\w+)"', tree.read(file.path).decode("utf-8", "replace")))
    return frozenset(found)


def absent(name: str, tree: Tree, index: Index) -> str | None:
    """Why the tree does not have a name, or ``None`` where it does."""
    last = last_part(name)
    home = name.rpartition(".")[0]
    if any(symbol.is_definition for symbol in index.symbols(name, "py")):
        return None
    bound = {mention.name.rpartition(".")[0] for mention in index.mentions_of(last, Role.GENERATE, Role.ENTRY)}
    homes = {
        "torch": {"torch", "torch._C._VariableFunctions"},
        "torch.Tensor": {"torch.Tensor", "torch._C.TensorBase", "torch._C._TensorBase"},
        "torch.nn.functional": {"torch", "torch._C._nn"},
    }[home]
    if bound & homes or last in strings(tree):
        return None
    return (
        "no operator, table row or string of that name" if not bound else f"bound elsewhere: {', '.join(sorted(bound))}"
    )


def is_found(answer: Answer) -> bool:
    """Whether exact links lead from the top to C++ in the tree."""
    way: list[Layer] = []
    for layer in answer.layers:
        way = [*way[: layer.depth], layer]
        in_cpp = layer.lane in ENDS and layer.symbol.startswith(("cpp:", "c:")) and layer.at is not None
        if in_cpp and all(above.grade is Grade.EXACT for above in way):
            return True
    return False


def reason(answer: Answer) -> str:
    """How far the answer came."""
    if not answer.layers:
        return "no answer"
    lanes = {layer.lane for layer in answer.layers}
    if any(layer.lane in ENDS and layer.symbol.startswith(("cpp:", "c:")) for layer in answer.layers):
        return "C++ by name only"
    last = answer.layers[-1]
    if Lane.DISPATCHER in lanes:
        return "an operator without a kernel"
    return f"ends in {last.lane.value}"


def measure(version: str, listed: list[str], misses: bool) -> None:
    tree = open_tree(version)
    rows: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    missed: list[tuple[str, str, str]] = []
    dropped: Counter[str] = Counter()
    with Index(index_path(tree)) as index:
        links = Links(index)
        for line in listed:
            if line.startswith("#"):
                continue
            kind, name = line.split()
            row = rows[kind, name.rpartition(".")[0]]
            row["listed"] += 1
            if why := absent(name, tree, index):
                dropped[why] += 1
                if misses:
                    missed.append((kind, name, f"not counted: {why}"))
                continue
            row["in the tree"] += 1
            answer = layers.implemented(meaning(name, index, links), name, index, links)
            if is_found(answer):
                row["found"] += 1
            else:
                missed.append((kind, name, reason(answer)))
    print(f"\nPyTorch {tree.version}; names: {listed[0].strip('# ')}.\n")
    print("| | listed | in the tree | ends in C++, exact | share |\n| --- | ---: | ---: | ---: | ---: |")
    whole: Counter[str] = Counter()
    for (kind, home), row in rows.items():
        if kind == "function":
            whole += row
        what = {"function": "functions of", "property": "properties of", "special": "special methods of"}[kind]
        print(f"| {what} `{home}` | {cells(row)} |")
    print(f"| all functions and methods | {cells(whole)} |")
    if misses:
        for kind, name, why in sorted(missed, key=lambda each: (each[2], each[0], each[1])):
            print(f"- {kind} `{name}`: {why}")


def cells(row: Counter[str]) -> str:
    share = 100 * row["found"] / row["in the tree"] if row["in the tree"] else 0.0
    return f"{row['listed']} | {row['in the tree']} | {row['found']} | {share:.1f} %"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", action="append", metavar="VERSION")
    given = parser.add_mutually_exclusive_group()
    given.add_argument("--python", help="an interpreter that has torch; else this one or Debian's, if one has")
    given.add_argument("--names", type=Path, help="a list made before")
    parser.add_argument("--misses", action="store_true", help="list what was not found or not counted")
    options = parser.parse_args()
    python = options.python or next(filter(has_torch, (sys.executable, DEBIAN)), None)
    if not options.names and not python:
        parser.error("no interpreter with torch: give --python, or --names with a list made by scripts/torch_names.py")
    listed = options.names.read_text().splitlines() if options.names else names_of(python)
    for version in options.tree or ("2.6.0", "1.13.1"):
        measure(version, listed, options.misses)


if __name__ == "__main__":
    main()
