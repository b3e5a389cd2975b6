"""Our definitions against universal-ctags': which name stands on which line, and what its qualified name is.

Prints a Markdown table for a tree: of ctags' tags how many are in the index (recall), of the index's definitions how
many are tags, and for those that both have whether they agree on the qualified name; with `--show KIND` the
differences of one row. Neither is an oracle: ctags guesses through macros too.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
from collections import Counter, defaultdict
from dataclasses import dataclass

from tour.index import Index
from tour.model import Kind, Lang
from tour.tree import SourceFile, Tree, index_path, open_tree

KINDS = {
    "function": "function", "member": "function", "class": "class", "struct": "class", "union": "class", "enum": "enum",
    "namespace": "namespace", "typedef": "alias", "macro": "macro", "variable": "variable",
}  # fmt: skip
"""ctags' kinds that the index has too, as rows of the table; a C++ ``member`` is a field, which it leaves out."""

REASONS = {
    "__launch_bounds__": "ctags takes the attribute for the kernel's name",
    "C10_LAUNCH_BOUNDS": "ctags takes the attribute for the kernel's name",
    "TORCH_IMPL_FUNC": "spelt `TORCH_IMPL_FUNC` there, `TORCH_IMPL_FUNC(name)` here",
    "TORCH_META_FUNC": "spelt `TORCH_META_FUNC` there, `TORCH_META_FUNC(name)` here",
    "TORCH_PRECOMPUTE_META_FUNC": "spelt without its arguments there",
    "BENCHMARK": "spelt without its arguments there",
    "AT_FORALL": "a macro's call, which ctags takes for a function",
    "AT_DISPATCH": "a macro's call, which ctags takes for a function",
    "DECLARE_": "a macro's call, which ctags takes for a function",
    "C10_REGISTER": "a macro's call, which ctags takes for a function",
    "TORCH_ARG": "a macro's call that reads like a function, which ctags leaves out",
}
"""Why one side alone has a name that begins so."""

OURS = {Kind.METHOD: "function", Kind.KERNEL: "function"}

_ANONYMOUS = re.compile(r"(^|::)__anon\w+")


@dataclass(frozen=True, slots=True)
class Definition:
    file: str
    line: int
    name: str


Found = dict[tuple[str, str], dict[Definition, set[str]]]
"""For each language and kind the qualified names of each definition."""


def theirs(tree: Tree, files: dict[str, SourceFile]) -> Found:
    command = [
        "ctags", "-L", "-", "-f", "-", "--output-format=json", "--fields=+nKsS", "--sort=no",
        "--langmap=C++:+.cu.cuh,Python:+.pyi",
    ]  # fmt: skip
    listed = "\n".join(file.path for file in files.values() if file.lang is not Lang.OPERATORS)
    said = subprocess.run(command, input=listed, text=True, cwd=tree.root, capture_output=True, check=True)
    found: Found = defaultdict(lambda: defaultdict(set))
    for row in said.stdout.splitlines():
        tag = json.loads(row)
        lang = files[tag["path"]].lang.value
        kind = KINDS.get(tag["kind"])
        name = tag["name"]
        if kind is None or name.startswith("__anon") or (tag["kind"] == "member" and lang != "python"):
            continue
        name = re.sub(r"^operator (?=\W)", "operator", name)
        separator = "." if lang == "python" else "::"
        scope = _ANONYMOUS.sub("", tag.get("scope", "")).removeprefix("::")
        qualified = f"{scope}{separator}{name}" if scope else name
        place = Definition(tag["path"], tag["line"], name)
        if kind == "namespace":  # `namespace a::b` is two tags there
            found[lang, kind].pop(Definition(place.file, place.line, scope.rpartition("::")[2]), None)
        found[lang, kind][place].add(qualified)
    return found


def ours(index: Index, files: dict[str, SourceFile]) -> Found:
    found: Found = defaultdict(lambda: defaultdict(set))
    for path, file in files.items():
        modules = 0
        for symbol in index.symbols_in(path):
            if symbol.kind is Kind.MODULE:
                modules = modules or len(symbol.qualname) + 1
                continue
            if not symbol.is_definition and file.lang is not Lang.PYTHON:
                continue
            python = file.lang is Lang.PYTHON
            qualified = symbol.qualname[modules:] if python else symbol.qualname
            name = symbol.name
            found[file.lang.value, OURS.get(symbol.kind, symbol.kind.value)][Definition(path, symbol.line, name)].add(
                qualified
            )
    return found


def reason(kind: str, definition: Definition, missing: bool, problems: set[str]) -> str:
    """Why only ctags (``missing``), or only the index, has a definition; the likeliest, by its name and place."""
    for start, why in REASONS.items():
        if definition.name.startswith(start):
            return why
    python = definition.file.endswith((".py", ".pyi"))
    if python and missing:
        return "`f = lambda …`" if kind == "function" else "bound under `with`, `for` or a deeper `if` of a module"
    if python:
        return "`name: type` without a value, which ctags leaves out"
    if definition.file in problems:
        return "in a file that the grammar does not follow to the end"
    if missing and kind in {"alias", "class", "variable"}:
        return "local to a function, or without a value" if kind != "class" else "local to a function, or Objective-C"
    if not missing and definition.name.startswith("operator"):
        return "operators that ctags spells otherwise or leaves out, among them `= default`"
    if not missing and kind == "function":
        return "`= default` and `= delete` (8 in 10), kernels with launch bounds, what ctags misses"
    return "other"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version", nargs="?", default="2.6.0")
    parser.add_argument("--show", metavar="LANG.KIND", help="list every difference of one row, as file:line")
    options = parser.parse_args()
    tree = open_tree(options.version)
    files = {file.path: file for file in tree.files()}
    with Index(index_path(tree)) as index:
        ctags, mine = theirs(tree, files), ours(index, files)
        problems = {at.file for at, _ in index.problems()}
    said = subprocess.run(["ctags", "--version"], text=True, capture_output=True, check=True).stdout
    print(f"PyTorch {options.version}, {len(files)} files; {said.partition(',')[0]}.\n")
    print("| language, kind | ctags | ours | both | of ctags' | of ours | same qualified name |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    reasons: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for key in sorted(ctags.keys() & mine.keys()):
        name = ".".join(key)
        a, b = ctags[key], mine[key]
        both = a.keys() & b.keys()
        same = [definition for definition in both if a[definition] & b[definition]]
        rates = " | ".join(
            f"{100 * len(part) / len(whole):.1f} %" for part, whole in ((both, a), (both, b), (same, both))
        )
        print(f"| {name} | {len(a)} | {len(b)} | {len(both)} | {rates} |")
        reasons[name, "only ctags"].update(reason(key[1], found, True, problems) for found in a.keys() - b.keys())
        reasons[name, "only ours"].update(reason(key[1], found, False, problems) for found in b.keys() - a.keys())
        if name == options.show:
            for sign, found in (("-", a.keys() - b.keys()), ("+", b.keys() - a.keys()), ("≠", both - set(same))):
                for place in sorted(found, key=lambda each: (each.file, each.line)):
                    print(f"{sign} {place.file}:{place.line} {a.get(place, '')} {b.get(place, '')}")
    print("\n| language, kind | who | why | how many |\n| --- | --- | --- | ---: |")
    for (name, who), why in reasons.items():
        for text, count in why.most_common():
            print(f"| {name} | {who} | {text} | {count} |")


if __name__ == "__main__":
    main()
