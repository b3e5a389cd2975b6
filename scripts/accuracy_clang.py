"""Our definitions against libclang's, in C++ and CUDA files and headers drawn with a fixed seed.

libclang reads each file as one of its own, as `tour index --precise` does; a file in which it reports an error is left
out, for then neither can be trusted. Compared are the definitions of namespaces, classes, enums, aliases, functions and
macros that stand in the file itself and outside of function bodies, by line, name and qualified name. Prints a Markdown
table, and for what one side alone has, the causes; with `--show KIND` every difference of a kind. Needs the extra
`precise`, and headers of fmt and pybind11 (an installed torch, or `TOUR_TORCH_INCLUDE`).
"""

from __future__ import annotations

import argparse
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from ctypes import POINTER, Structure, byref, c_uint
from dataclasses import dataclass
from typing import Any

from clang import cindex

from tour import codegen, precise
from tour.index import Index
from tour.model import Kind, Lang
from tour.parsers import clang
from tour.tree import Tree, index_path, open_tree

SEED, FILES = 11, 250
FOLDERS = ("aten/src/ATen/", "c10/", "torch/csrc/")
NOT = ("/test", "mobile", "/mps/", "/metal/", "/vulkan/", "/xpu/", "/hip/", "/miopen/", "qnnpack", "/templates/")
ENDINGS = (".cpp", ".h", ".cu", ".cuh")

_OPTIONS = 0x1 | 0x4 | 0x100 | 0x40 | 0x800 | 0x200
"""DetailedPreprocessingRecord, and as in ``parsers/clang.py``: bodies in headers are skipped (``clang-c/Index.h``)."""

_K = cindex.CursorKind
KINDS = {
    _K.NAMESPACE: "namespace", _K.CLASS_DECL: "class", _K.STRUCT_DECL: "class", _K.UNION_DECL: "class",
    _K.CLASS_TEMPLATE: "class", _K.CLASS_TEMPLATE_PARTIAL_SPECIALIZATION: "class", _K.ENUM_DECL: "enum",
    _K.TYPEDEF_DECL: "alias", _K.TYPE_ALIAS_DECL: "alias", _K.TYPE_ALIAS_TEMPLATE_DECL: "alias",
    _K.FUNCTION_DECL: "function", _K.CXX_METHOD: "function", _K.CONSTRUCTOR: "function", _K.DESTRUCTOR: "function",
    _K.CONVERSION_FUNCTION: "function", _K.FUNCTION_TEMPLATE: "function", _K.MACRO_DEFINITION: "macro",
}  # fmt: skip
_AROUND = {"namespace", "class"}
OURS = {Kind.METHOD: "function", Kind.KERNEL: "function"}


class _Ranges(Structure):
    """``CXSourceRangeList``, which the binding leaves out."""

    _fields_ = (("count", c_uint), ("ranges", POINTER(cindex.SourceRange)))


cindex.conf.lib.clang_getSkippedRanges.argtypes = [cindex.TranslationUnit, cindex.c_object_p]
cindex.conf.lib.clang_getSkippedRanges.restype = POINTER(_Ranges)


@dataclass(frozen=True, slots=True)
class Found:
    kind: str
    file: str
    line: int
    name: str
    qualname: str
    how: str = ""
    """What of it may explain a difference: ``friend``, ``macro``, ``deleted``."""


@dataclass(frozen=True, slots=True)
class Read:
    file: str
    errors: int
    found: list[Found]
    skipped: list[tuple[int, int]]
    """Lines behind an ``#if`` that is not taken."""
    expanded: list[int]
    """Lines on which a macro is used."""
    bodiless: list[int]
    """Lines that say `= default` or `= delete`."""


def drawn(tree: Tree) -> list[str]:
    """The files to compare."""
    files = [
        file.path
        for file in tree.files()
        if file.path.startswith(FOLDERS)
        and file.path.endswith(ENDINGS)
        and not any(word in file.path for word in NOT)
        and not file.generated
    ]
    return sorted(random.Random(SEED).sample(files, FILES))


def read(tree: Tree, file: str) -> Read:
    recipe = precise.recipe_of(tree, codegen.generate(tree))
    path = recipe.place(file)
    lang = Lang.CUDA if file.endswith((".cu", ".cuh")) else Lang.CPP
    unit = cindex.Index.create().parse(str(path), recipe.arguments(file, lang), options=_OPTIONS)
    errors = sum(found.severity >= cindex.Diagnostic.Error for found in unit.diagnostics)
    skipped = cindex.conf.lib.clang_getSkippedRanges(unit, unit.get_file(str(path))).contents
    lines = [(skipped.ranges[at].start.line, skipped.ranges[at].end.line) for at in range(skipped.count)]
    here = [cursor for cursor in unit.cursor.get_children() if _is_in(cursor, str(path))]
    expanded = {cursor.location.line for cursor in here if cursor.kind == _K.MACRO_INSTANTIATION}
    found = [each for cursor in here for each in _defined(cursor, file, str(path))]
    inner = {(each.line, each.qualname.rpartition("::")[0]) for each in found if each.kind == "namespace"}
    # `namespace a::b` is two there
    found = [each for each in found if each.kind != "namespace" or (each.line, each.qualname) not in inner]
    source = path.read_text(encoding="utf-8", errors="replace").split("\n")
    bodiless = [at for at, line in enumerate(source, 1) if re.search(r"=\s*(default|delete)\s*;", line)]
    return Read(file, errors, list(dict.fromkeys(found)), lines, sorted(expanded), bodiless)


def _is_in(cursor: Any, path: str) -> bool:
    return cursor.location.file is not None and cursor.location.file.name == path


def _defined(cursor: Any, file: str, path: str) -> Iterator[Found]:
    kind = KINDS.get(cursor.kind)
    if cursor.kind in {_K.LINKAGE_SPEC, _K.UNEXPOSED_DECL, _K.FRIEND_DECL} or kind in _AROUND:
        for inner in cursor.get_children():
            if _is_in(inner, path):
                yield from _defined(inner, file, path)
    named = cursor.spelling and not cursor.spelling.startswith("(")
    if kind is None or not named or not (cursor.is_definition() or kind == "macro"):
        return
    friend = kind == "function" and cursor.lexical_parent != cursor.semantic_parent
    how = "friend" if friend and cursor.lexical_parent.kind in clang.SPACES - {_K.NAMESPACE} else ""
    if _is_pasted(cursor):
        how = "macro"
    name = re.sub(r"<.*>$", "", cursor.spelling) if not cursor.spelling.startswith("operator") else cursor.spelling
    yield Found(kind, file, cursor.location.line, _alike(name), _alike(clang.qualified(cursor)), how)


def _alike(name: str) -> str:
    """Without what libclang knows better: the type of a conversion, and what the macro `CPU_CAPABILITY` says."""
    return re.sub(r"(?<![\w])operator [A-Za-z].*", "operator T", name).replace("CPU_CAPABILITY", "DEFAULT")


def _is_pasted(cursor: Any) -> bool:
    """Whether a macro wrote the name: what stands at its place is another."""
    path, line, column, offset = cindex.c_object_p(), c_uint(), c_uint(), c_uint()
    cindex.conf.lib.clang_getSpellingLocation(cursor.location, byref(path), byref(line), byref(column), byref(offset))
    return (line.value, column.value) != (cursor.location.line, cursor.location.column) or not path


def ours(index: Index, file: str) -> list[Found]:
    found = []
    inside: set[int] = set()
    """Rows of functions, and of what stands in them: local classes, and lambdas named by their registration."""
    for symbol in index.symbols_in(file):
        kind = OURS.get(symbol.kind, symbol.kind.value)
        local = symbol.parent in inside
        if local or kind == "function":
            inside.add(symbol.row)
        if symbol.is_definition and kind in KINDS.values() and not local:
            name, qualname = _alike(symbol.name), _alike(symbol.qualname)
            found.append(Found(kind, file, symbol.line, name, qualname))
    return found


def only_theirs(found: Found, read: Read, near: set[str]) -> str:
    """Why only libclang has a definition."""
    if found.how == "macro" or found.line in read.expanded:
        return "written by a macro of another file (`TORCH_MODULE`, `TORCH_ARG`, `REGISTER_OPERATOR_FUNCTOR`, …)"
    if found.qualname in near:
        return "on another line here"
    return "not found"


def only_ours(found: Found, read: Read, near: set[str]) -> str:
    """Why only the index has a definition."""
    if any(start <= found.line <= end for start, end in read.skipped):
        return "behind an `#if` that libclang does not take"
    if any(found.line <= line <= found.line + 3 for line in read.bodiless):
        return "`= default` or `= delete`, which libclang takes for a declaration"
    if found.qualname in near:
        return "on another line there"
    if found.line in read.expanded:
        return "a macro's call, named by the call"
    return "other"


def otherwise(theirs: Found, mine: set[str]) -> str:
    """Why a qualified name differs."""
    if theirs.how == "friend":
        return "a friend, defined in a class: libclang tells the namespace"
    return "a macro wrote it" if theirs.how == "macro" else "other"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version", nargs="?", default="2.6.0")
    parser.add_argument("--show", metavar="KIND", help="list every difference of a kind, as file:line")
    options = parser.parse_args()
    tree = open_tree(options.version)
    codegen.generate(tree)
    with ProcessPoolExecutor() as pool:
        readings = list(pool.map(read, [tree] * FILES, drawn(tree), chunksize=4))
    good = [reading for reading in readings if not reading.errors]
    count: dict[str, Counter[str]] = defaultdict(Counter)
    causes: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    with Index(index_path(tree)) as index:
        for reading in good:
            mine: dict[tuple[str, int, str], set[str]] = defaultdict(set)
            theirs: dict[tuple[str, int, str], Found] = {}
            for found in ours(index, reading.file):
                mine[found.kind, found.line, found.name].add(found.qualname)
            for found in reading.found:
                theirs[found.kind, found.line, found.name] = found
            known, told = {name for names in mine.values() for name in names}, {f.qualname for f in reading.found}
            for key in mine.keys() | theirs.keys():
                kind = key[0]
                count[kind]["libclang"] += key in theirs
                count[kind]["ours"] += key in mine
                count[kind]["both"] += key in theirs and key in mine
                own = Found(*key[:1], reading.file, *key[1:], min(mine[key])) if key in mine else None
                if own is None:
                    side, why = "only libclang", only_theirs(theirs[key], reading, known)
                elif key not in theirs:
                    side, why = "only ours", only_ours(own, reading, told)
                    count[kind]["behind"] += why.startswith("behind")
                elif theirs[key].qualname in mine[key]:
                    count[kind]["same"] += 1
                    continue
                else:
                    side, why = "another scope", otherwise(theirs[key], mine[key])
                causes[kind, side][why] += 1
                if kind == options.show:
                    other = theirs[key].qualname if key in theirs else ""
                    print(f"{side}: {reading.file}:{key[1]} {own.qualname if own else ''} | {other} | {why}")
    ends = Counter(reading.file.rpartition(".")[2] for reading in good)
    print(f"\nPyTorch {options.version}: {FILES} files drawn, {len(good)} read without an error", end=" ")
    print(f"({', '.join(f'{number} .{end}' for end, number in ends.most_common())}).\n")
    print("| kind | libclang | ours | both | of libclang's | of ours, where libclang looks | same qualified name |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for kind, told_ in sorted(count.items()):
        seen = told_["ours"] - told_["behind"]
        shares = [(told_["both"], told_["libclang"]), (told_["both"], seen), (told_["same"], told_["both"])]
        rates = " | ".join(f"{100 * part / whole:.1f} %" if whole else "" for part, whole in shares)
        print(f"| {kind} | {told_['libclang']} | {told_['ours']} | {told_['both']} | {rates} |")
    print("\n| kind | who | why | how many |\n| --- | --- | --- | ---: |")
    for (kind, who), whys in sorted(causes.items()):
        for why, number in whys.most_common():
            print(f"| {kind} | {who} | {why} | {number} |")


if __name__ == "__main__":
    main()
