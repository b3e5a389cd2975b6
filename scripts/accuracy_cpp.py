"""C++ links held against libclang on 30 translation units: precision of `exact`, recall of all.

The units are drawn with a fixed seed from ATen, c10 and torch/csrc (no tests, no vendors' backends). Counted are the
written calls that libclang resolves to something in the tree or to an operator, at the same line and column as a call
in the index; what libclang puts outside the tree (the standard library, pybind11, CPython) counts for precision only:
a link there is wrong. A class counts as right where libclang names its constructor. Our own libclang links are left
out of the comparison. Needs the extra `precise`, and headers of fmt and pybind11 (an installed torch, or
`TOUR_TORCH_INCLUDE`).
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from tour import codegen, precise
from tour.index import Index, PreciseRow, last_part
from tour.links import LINKERS, Links, node
from tour.links.precise import target_of
from tour.model import Grade, Kind, Lang, LinkKind, Role
from tour.parsers import clang
from tour.tree import Tree, index_path, open_tree

SEED, UNITS = 7, 30
FOLDERS = ("aten/src/ATen/", "c10/", "torch/csrc/")
NOT = ("/test", "mobile", "/mps/", "/metal/", "/vulkan/", "/xpu/", "/hip/", "/mkldnn/", "/cuda/", "/miopen/", "qnnpack")
OURS = tuple(name for name in LINKERS if name != "precise")


def units(tree: Tree) -> list[str]:
    """The files to compare."""
    found = [
        file.path
        for file in tree.files()
        if file.path.startswith(FOLDERS)
        and file.path.endswith(".cpp")
        and not any(word in file.path for word in NOT)
        and not file.generated
    ]
    return sorted(random.Random(SEED).sample(found, UNITS))


def compare(tree: Tree, file: str) -> tuple[str, Counter[str], int]:
    """One unit's counts, and how many errors libclang had."""
    out = codegen.generate(tree)
    recipe = precise.recipe_of(tree, out)
    lang = Lang.CUDA if file.endswith((".cu", ".cuh")) else Lang.CPP
    understood = clang.understand(recipe.place(file), recipe.arguments(file, lang))
    assert understood is not None, file
    placed: dict[tuple[int, int], list[PreciseRow]] = {}
    for call in understood.calls:
        row = PreciseRow(call.line, call.column, call.qualname, recipe.shown(call.file), call.target_line, call.struct)
        placed.setdefault((row.line, row.column), []).append(row)
    count: Counter[str] = Counter()
    with Index(index_path(tree)) as index:
        links = Links(index)
        for symbol in index.symbols_in(file):
            if symbol.kind not in {Kind.FUNCTION, Kind.METHOD}:
                continue
            for mention in index.mentions_between(file, symbol.start_line, symbol.end_line):
                if mention.role is not Role.CALL or mention.scope != symbol.row:
                    continue
                name = last_part(mention.name)
                meant = [
                    row for row in placed.get((mention.line, mention.column), ()) if last_part(row.qualname) == name
                ]
                if not meant:
                    continue
                target = target_of(index, meant[0])
                ours = [
                    link
                    for link in links.leaving(node(symbol), (mention.line, mention.line), OURS)
                    if link.kind is LinkKind.CALLS and link.at == mention.at and _says(link.target, name)
                ]
                exact = [link for link in ours if link.grade is Grade.EXACT]
                if target is None:
                    count["outside"] += 1
                    count["outside, exact"] += bool(exact)
                    continue
                # a class stands for its constructors
                made = target.qualname.removesuffix(f"::{target.name}")
                right = {target.id, f"cpp:{made}"} if last_part(made) == target.name else {target.id}
                count["sites"] += 1
                count["found"] += any(link.target in right for link in ours)
                count["found exactly"] += any(link.target in right for link in exact)
                count["exact"] += bool(exact)
                count["exact, right"] += bool(exact) and all(link.target in right for link in exact)
    return file, count, understood.errors


def _says(target: str, name: str) -> bool:
    """Whether a link at that line is for a call of that name: several calls may share a line."""
    last = last_part(target.partition(":")[2])
    return last == name or last.partition(".")[0] in {name, name.removesuffix("_symint"), name.removesuffix("_out")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", action="append", metavar="VERSION")
    parser.add_argument("--files", action="store_true", help="a row for each file")
    options = parser.parse_args()
    for version in options.tree or ["2.6.0"]:
        tree = open_tree(version)
        codegen.generate(tree)
        total: Counter[str] = Counter()
        lines = []
        with ProcessPoolExecutor(2) as pool:
            for file, count, errors in pool.map(compare, [tree] * UNITS, units(tree)):
                total += count
                lines.append(f"| `{file}` | {count['sites']} | {count['found']} | {count['exact']} | {errors} |")
        wrong = total["exact"] - total["exact, right"] + total["outside, exact"]
        said = total["exact"] + total["outside, exact"]
        print(f"\n| PyTorch {version}, {UNITS} translation units | |\n| --- | ---: |")
        print(f"| calls that libclang resolves in the tree | {total['sites']} |")
        print(f"| … right target among our links | {total['found']} ({total['found'] / total['sites']:.1%}) |")
        print(f"| … right and exact | {total['found exactly']} ({total['found exactly'] / total['sites']:.1%}) |")
        print(f"| calls that we link exactly | {said} |")
        print(f"| … right | {said - wrong} ({(said - wrong) / said:.1%}) |")
        print(f"| … that lead out of the tree, says libclang | {total['outside, exact']} of {total['outside']} |")
        if options.files:
            print("\n| file | sites | found | exact | errors |\n| --- | ---: | ---: | ---: | ---: |")
            print("\n".join(lines))


if __name__ == "__main__":
    main()
