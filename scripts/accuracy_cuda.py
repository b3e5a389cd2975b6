"""How much of CUDA libclang resolves, with the toolkit that is there or with tour's stand-ins for one.

Reads the files that matter most and others drawn with a fixed seed from `aten/src/ATen/native/cuda`, as
`tour index --precise` does, and counts the calls and launches that are written and those that are resolved. Needs the
extra `precise`; `CUDA_HOME` names a toolkit, without one the stand-ins in `tour/cuda` are taken.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from tour import codegen, precise
from tour.index import Index, last_part
from tour.model import Kind, Lang, Role
from tour.parsers import clang
from tour.tree import Tree, index_path, open_tree

SEED, DRAWN = 7, 18
FOLDER = "aten/src/ATen/native/cuda/"
NAMED = (
    "ActivationGeluKernel.cu", "BinaryMulKernel.cu", "Copy.cu", "Normalization.cu", "Normalization.cuh",
    "ReduceSumProdKernel.cu", "layer_norm_kernel.cu",
)  # fmt: skip


def drawn(tree: Tree) -> list[str]:
    """The files to read."""
    named = [FOLDER + name for name in NAMED]
    others = [file.path for file in tree.files() if file.path.startswith(FOLDER) and file.path.endswith(".cu")]
    return named + sorted(random.Random(SEED).sample([file for file in others if file not in named], DRAWN))


def count(tree: Tree, file: str) -> tuple[str, Counter[str], list[str]]:
    """What is written and what is resolved, and the headers that are missing."""
    recipe = precise.recipe_of(tree, codegen.generate(tree))
    understood = clang.understand(recipe.place(file), recipe.arguments(file, Lang.CUDA))
    assert understood is not None, file
    told = {(call.line, call.column, last_part(call.qualname)) for call in understood.calls}
    found = Counter(errors=understood.errors)
    with Index(index_path(tree)) as index:
        for mention in index.mentions_in(file, Role.CALL, Role.LAUNCH):
            name = last_part(mention.name)
            kinds = {symbol.kind for symbol in index.symbols_named(name, "cpp")}
            if name.endswith("_cast") or kinds == {Kind.MACRO}:
                continue
            what = "launch" if mention.role is Role.LAUNCH else "call"
            found[f"{what}, written"] += 1
            found[f"{what}, resolved"] += (mention.line, mention.column, name) in told
    return file, found, understood.missing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version", nargs="?", default="2.6.0")
    tree = open_tree(parser.parse_args().version)
    codegen.generate(tree)
    files = drawn(tree)
    total: Counter[str] = Counter()
    absent: Counter[str] = Counter()
    print("| file | calls, casts and macros left out | resolved | launches | resolved | errors |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    columns = ("call, written", "call, resolved", "launch, written", "launch, resolved", "errors")
    with ProcessPoolExecutor() as pool:
        for file, found, missing in pool.map(count, [tree] * len(files), files):
            total += found
            absent.update(missing)
            if file.removeprefix(FOLDER) in NAMED:
                print(f"| `{file.removeprefix(FOLDER)}` | {' | '.join(str(found[column]) for column in columns)} |")
    print(f"| all {len(files)} | {' | '.join(str(total[column]) for column in columns)} |")
    print(f"\nMissing: {', '.join(f'{name} ({number})' for name, number in absent.most_common()) or 'nothing'}.")


if __name__ == "__main__":
    main()
