"""What a C or C++ name means where it stands: the enclosing namespaces and classes, outwards.

Of ``using`` directives those are known by which PyTorch opens ``c10`` to its other namespaces. Not seen: others,
parameters and local variables that hide a name, and argument-dependent look-up.
"""

from __future__ import annotations

import re

from tour.index import Index, StoredSymbol, last_part
from tour.model import Kind

_CALLABLE = frozenset(
    {
        Kind.FUNCTION,
        Kind.METHOD,
        Kind.KERNEL,
        Kind.CLASS,
        Kind.ENUM,
        Kind.VARIABLE,
        Kind.MACRO,
        Kind.ALIAS,
    }
)

_TEMPLATES = ("tools/autograd/templates/", "aten/src/ATen/templates/")
"""Where code generation reads what generated files then hold as well."""


_OPENED = (("at::cuda::", "c10::cuda::"), ("at::xpu::", "c10::xpu::"), ("at::", "c10::"), ("caffe2::", "c10::"))
"""``namespace at::cuda { using namespace c10::cuda; }`` and its kin (``c10/macros/Macros.h``)."""

_PYTHON = re.compile(r"_?Py[A-Z]?[A-Za-z]*_[A-Za-z_]\w*")
_NAMES = re.compile(r"[A-Za-z_]\w*(?:::\w+)*")
_HEADERS = (".h", ".cuh", ".hpp", ".hh")


def cpp_targets(
    index: Index, name: str, scope: StoredSymbol | None, most: int | None = None
) -> tuple[list[StoredSymbol], bool]:
    """The definitions that a C or C++ name may mean where it stands, and whether scope alone decided.

    Enclosing namespaces and classes are tried from the inside out; the first that knows the name wins. C code sees
    names of C linkage, which C++ files define at global scope under ``extern "C"``. What no scope decides and more
    than ``most`` define may mean nothing, but for a method of a class that the function's parameters name, or its file.
    """
    if name.startswith("this."):
        found = _members_of_class(index, name[5:], scope)
        return (found, len(found) == 1) if found else (_by_last_part(index, name, most), False)
    if name.startswith("."):
        found = _by_last_part(index, name, most)
        if scope is not None and most is not None and not 0 < len(found) <= most:
            found = _likely(index, name[1:], scope) or found
        return found, False
    plain = name.removeprefix("::")
    if _PYTHON.fullmatch(plain):  # CPython's, which a tree may bring along for old versions
        here = _functions(index.symbols(plain))
        return [symbol for symbol in here if scope is not None and symbol.file == scope.file], True
    prefix = "" if name.startswith("::") or scope is None else scope.qualname
    while True:
        found = _visible(_functions(index.symbols(f"{prefix}::{plain}" if prefix else plain)), scope)
        if found:
            return found, len(found) == 1
        if not prefix:
            break
        prefix = prefix.rpartition("::")[0]
    for space, opened in _OPENED:
        if plain.startswith(space):
            found = _visible(_functions(index.symbols(opened + plain.removeprefix(space))), scope)
            if found:
                return found, len(found) == 1
    return _by_last_part(index, name, most), False


def _visible(found: list[StoredSymbol], scope: StoredSymbol | None) -> list[StoredSymbol]:
    """Of definitions in several source files those in ``scope``'s own: the others have internal linkage, else the one
    definition rule ([basic.def.odr]) would be broken."""
    if scope is None or len(found) < 2:
        return found
    here = [symbol for symbol in found if symbol.file == scope.file]
    if not here or scope.file.endswith(_HEADERS):
        return found
    same = {(symbol.signature.count(","), symbol.qualname) for symbol in here}
    return [
        symbol
        for symbol in found
        if symbol.file == scope.file
        or symbol.file.endswith(_HEADERS)
        or (symbol.signature.count(","), symbol.qualname) not in same
    ]


def _members_of_class(index: Index, name: str, scope: StoredSymbol | None) -> list[StoredSymbol]:
    return _functions(index.symbols(f"{scope.qualname.rpartition('::')[0]}::{name}", "cpp")) if scope else []


def _likely(index: Index, name: str, scope: StoredSymbol) -> list[StoredSymbol]:
    """Of the methods of a name that too many classes have those that a reader would try first.

    They are in the classes that the function's own parameters name, ``nn::Module`` of ``(const
    std::shared_ptr<nn::Module>& module)``, else in the same file.
    """
    found = _functions(index.symbols_named(name))
    owners = tuple(f"::{named}::{name}" for named in _NAMES.findall(scope.signature))
    return [symbol for symbol in found if f"::{symbol.qualname}".endswith(owners)] or [
        symbol for symbol in found if symbol.file == scope.file and symbol.is_definition
    ]


def _by_last_part(index: Index, name: str, most: int | None = None) -> list[StoredSymbol]:
    """Every C or C++ definition whose name ends alike; qualified names must agree in all that was written.

    None where there are more than ``most``, if that is given.
    """
    last = last_part(name)
    written = name.removeprefix("::").removeprefix("this.").removeprefix(".")
    defined: list[StoredSymbol] | None = None
    if "::" in written:
        defined = index.symbols_ending(written)
        if not defined:
            return []
    elif most is not None:
        defined = index.definitions_named(last, 2 * most)
        if defined is None:
            return []
    found = [symbol for symbol in _functions(defined or []) if symbol.is_definition]
    if not found or any(symbol.file.startswith(_TEMPLATES) for symbol in found):
        # what else bears the name decides what counts
        found = _functions(index.symbols_named(last))
        if "::" in written:
            found = [symbol for symbol in found if f"::{symbol.qualname}".endswith(f"::{written}")]
    return found


def parameters_of(signature: str) -> list[str]:
    """The parameters of a list in parentheses, cut at its own commas."""
    inner = signature.strip()
    inner = inner[1 : inner.rfind(")")] if inner.startswith("(") and ")" in inner else inner
    found: list[str] = []
    depth = start = 0
    for at, character in enumerate(inner):
        if character in "(<[{":
            depth += 1
        elif character in ")>]}":
            depth -= 1
        elif character == "," and not depth:
            found.append(inner[start:at].strip())
            start = at + 1
    last = inner[start:].strip()
    return [*found, last] if last else found


def cases(found: list[StoredSymbol]) -> int:
    """How many functions some definitions are: those of one name and as many parameters in one file are branches of an
    ``#if``, and so are those in several source files, for a program holds one of them ([basic.def.odr])."""
    return len({(symbol.qualname, len(parameters_of(symbol.signature))) for symbol in found})


def _functions(symbols: list[StoredSymbol]) -> list[StoredSymbol]:
    """Definitions that can be called; declarations, and code generation's templates, only where nothing else is."""
    callable_ = [symbol for symbol in symbols if symbol.scheme in {"c", "cpp"} and symbol.kind in _CALLABLE]
    callable_ = [symbol for symbol in callable_ if not symbol.file.startswith(_TEMPLATES)] or callable_
    return [symbol for symbol in callable_ if symbol.is_definition] or callable_
