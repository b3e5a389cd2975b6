"""One C, C++ or CUDA file as libclang understands it: which definition each written call means.

libclang reads the headers itself, so overloads, templates and calls inside macros are resolved; of the file the bodies
are read, of its headers only declarations. A call, a kernel's launch among them, is told by the place where it is
written. Left out: calls inside function templates that depend on their arguments (libclang visits no instantiation),
branches of ``#if`` that the arguments do not take, and which override a virtual call ends in. The recipe for reading
PyTorch without building it is in ``precise.py``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from ctypes import POINTER, byref, c_uint
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from clang import cindex

from tour.parsers.c_family import without_template_arguments

_OPTIONS = 0x4 | 0x100 | 0x40 | 0x800 | 0x200
"""PrecompiledPreamble, CreatePreambleOnFirstParse, SkipFunctionBodies, LimitSkipFunctionBodiesToPreamble, KeepGoing
(``clang-c/Index.h``): bodies in headers are skipped, and a missing header does not mute what follows."""

_MISSING = re.compile(r"'([^']+)' file not found")
_STRUCT = re.compile(rb"_ops::(\w+)::call")
SPACES = {cindex.CursorKind.NAMESPACE, cindex.CursorKind.CLASS_DECL, cindex.CursorKind.STRUCT_DECL,
           cindex.CursorKind.CLASS_TEMPLATE, cindex.CursorKind.UNION_DECL, cindex.CursorKind.ENUM_DECL,
           cindex.CursorKind.CLASS_TEMPLATE_PARTIAL_SPECIALIZATION}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Called:
    """What one written call means."""

    line: int
    column: int
    """Where the callee's name is written, from 0 in bytes."""
    qualname: str
    file: str
    """Path of the definition of what the call names where the file or its headers hold it, else of the declaration."""
    target_line: int
    struct: str | None
    """Of a wrapper that torchgen writes the ``at::_ops`` struct that its body asks: ``add_Tensor``."""


@dataclass(frozen=True, slots=True)
class Understood:
    """What libclang made of one file."""

    calls: list[Called]
    """In the order of the lines. At one place stand several where calls are chained, and where a lambda that a dispatch
    macro repeats means another overload for another type."""
    headers: list[str]
    """Paths of all the files that were included, each once."""
    missing: list[str]
    """Headers that were not found, as they are named in ``#include``."""
    errors: int
    """How many errors there were in all."""


def understand(path: Path, arguments: list[str]) -> Understood | None:
    """Read one file with a compiler's arguments; ``None`` where libclang cannot: it crashed, or nothing is there."""
    try:
        unit = cindex.Index.create().parse(str(path), args=arguments, options=_OPTIONS)
    except cindex.TranslationUnitLoadError:
        return None
    errors = [found for found in unit.diagnostics if found.severity >= cindex.Diagnostic.Error]
    missing = dict.fromkeys(match[1] for found in errors if (match := _MISSING.search(found.spelling)))
    headers = dict.fromkeys(_clean(found.include.name) for found in unit.get_includes())
    calls: dict[Called, None] = {}
    main = str(path)
    for cursor in unit.cursor.get_children():
        if cursor.location.file is not None and cursor.location.file.name == main:
            calls.update(dict.fromkeys(_calls(cursor, main)))
    ordered = sorted(calls, key=lambda call: (call.line, call.column))
    return Understood(ordered, list(headers), list(missing), len(errors))


def _clean(path: str) -> str:
    """Without the ``..`` that an ``#include`` left in it."""
    return os.path.normpath(path)


def _calls(top: Any, main: str) -> Iterator[Called]:
    """The calls in a declaration."""
    for cursor in top.walk_preorder():
        if cursor.kind == cindex.CursorKind.CALL_EXPR and (found := _called(cursor, main)):
            yield found


def _called(cursor: Any, main: str) -> Called | None:
    target = cursor.referenced
    if target is None:
        target = _only_overload(cursor)
    if target is None or not target.spelling:
        return None
    template = cindex.conf.lib.clang_getSpecializedCursorTemplate(target)
    if template is not None and template.kind != cindex.CursorKind.INVALID_FILE:
        target = template
    place = _written_at(_name_of(cursor), main)
    where = (target.get_definition() or target).location
    if place is None or where.file is None:
        return None
    name = qualified(target)
    return Called(*place, name, _clean(where.file.name), where.line, _struct(target))


def _only_overload(cursor: Any) -> Any:
    """The function that a dependent call can only mean."""
    callee = next(iter(cursor.get_children()), None)
    while callee is not None and callee.kind == cindex.CursorKind.UNEXPOSED_EXPR:
        callee = next(iter(callee.get_children()), None)
    if callee is None or callee.kind != cindex.CursorKind.DECL_REF_EXPR:
        return None
    for child in callee.get_children():
        if child.kind == cindex.CursorKind.OVERLOADED_DECL_REF:
            count = cindex.conf.lib.clang_getNumOverloadedDecls(child)
            return cindex.conf.lib.clang_getOverloadedDecl(child, 0) if count == 1 else None
    return None


def _name_of(cursor: Any) -> Any:
    """The part of a call that names the callee: ``f`` of ``a.b(c).f(d)``."""
    first = next(iter(cursor.get_children()), None)
    while first is not None and first.kind == cindex.CursorKind.UNEXPOSED_EXPR:
        inner = next(iter(first.get_children()), None)
        if inner is None:
            break
        first = inner
    return first if first is not None and first.spelling == cursor.spelling else cursor


def _written_at(cursor: Any, main: str) -> tuple[int, int] | None:
    """Line and column, from 0, where a cursor begins in the file itself, also inside a macro's argument."""
    file, line, column, offset = cindex.c_object_p(), c_uint(), c_uint(), c_uint()
    start = cursor.extent.start
    cindex.conf.lib.clang_getFileLocation(start, byref(file), byref(line), byref(column), byref(offset))
    if not file or cindex.File(file).name != main:
        return None
    return line.value, column.value - 1


def qualified(cursor: Any) -> str:
    """The names around a declaration and its own; namespaces without a name are left out, as in the index."""
    parts = [cursor.spelling]
    around = cursor.semantic_parent
    while around is not None and around.kind != cindex.CursorKind.TRANSLATION_UNIT:
        if around.kind in SPACES and around.spelling and not around.spelling.startswith("("):
            parts.append(around.spelling)
        around = around.semantic_parent
    return without_template_arguments("::".join(parts[::-1]))


def _struct(target: Any) -> str | None:
    """Of ``at::f`` or ``Tensor::f`` in a generated header the struct that its body asks."""
    file = target.location.file
    if file is None:
        return None
    if file.name.endswith("/ATen/core/TensorBody.h"):
        start, end = target.extent.start.offset, target.extent.end.offset
        declared = _source(file.name)[start:end].decode("utf-8", "replace")
        return _methods(file.name).get((target.spelling, _types(declared)))
    if "/ATen/ops/" not in file.name:
        return None
    found = _STRUCT.search(_source(file.name), target.extent.start.offset, target.extent.end.offset + 400)
    return found[1].decode() if found else None


@cache
def _source(path: str) -> bytes:
    return Path(path).read_bytes()


@cache
def _methods(path: str) -> dict[tuple[str, str], str]:
    """The struct that each method of ``Tensor`` asks, by name and parameters; the bodies stand below the class."""
    text = _source(path).decode("utf-8", "replace")
    found = re.finditer(r"inline [^;{}]*?\bTensor::(\w+)\(([^{}]*?)\)[^{}()]*\{[^{}]*?_ops::(\w+)::call", text)
    return {(match[1], _types(f"({match[2]})")): match[3] for match in found}


def _types(declaration: str) -> str:
    """A parameter list as text, defaults left out."""
    inner = declaration[declaration.find("(") + 1 : declaration.rfind(")")]
    return "".join(re.sub(r"\s*=\s*[^,(){}]*(?:[({][^(){}]*[)}])?", "", inner).split())


# The binding leaves this one out; where a call stands in a macro's argument only it says where it is written.
cindex.conf.lib.clang_getFileLocation.argtypes = [
    cindex.SourceLocation, POINTER(cindex.c_object_p), POINTER(c_uint), POINTER(c_uint), POINTER(c_uint),
]  # fmt: skip
cindex.conf.lib.clang_getFileLocation.restype = None
