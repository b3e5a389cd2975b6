"""What people type for a place in PyTorch → the symbols that they mean.

Takes Python names as they stand in code (``F.batch_norm``, ``x.to``), operators (``aten::add.out``), C++ names, bare
names, kernel names as a profiler or a linker spells them, and ``file:line``. Every reading that the index bears out is
given, the likeliest first. Left out: what those symbols lead to (``layers.py``).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tour.errors import TourError
from tour.index import Index, StoredSymbol, last_part
from tour.links import Links, Node, node, operators_named
from tour.links.operators import functions
from tour.model import Kind

SPOKEN = {
    "F": "torch.nn.functional",
    "nn": "torch.nn",
    "optim": "torch.optim",
    "dist": "torch.distributed",
    "autograd": "torch.autograd",
    "fft": "torch.fft",
    "linalg": "torch.linalg",
    "special": "torch.special",
    "_C": "torch._C",
    "_VF": "torch._VF",
    "Tensor": "torch.Tensor",
}
"""How everybody imports the parts of PyTorch."""

_VARIABLES = frozenset({"x", "y", "t", "a", "b", "input", "tensor", "out", "self", "grad", "weight"})
"""What stands for a tensor in an example; ``x.to`` means ``torch.Tensor.to``."""

_PLACE = re.compile(r"(?P<file>[\w./+-]+\.(?:py|pyi|c|cc|cpp|cxx|h|hpp|cu|cuh|mm|yaml)):(?P<line>\d+)")
_ANONYMOUS = re.compile(r"\(anonymous namespace\)::|\{anonymous\}::|_GLOBAL__N_\w*::|_GLOBAL__N__\w+::")
_FUNCTIONS = frozenset({Kind.FUNCTION, Kind.METHOD, Kind.KERNEL})
_NEAREST = 6


class Meaning(NamedTuple):
    """What a query means."""

    nodes: tuple[Node, ...]
    """The likeliest first."""
    inside: tuple[Node, ...] = ()
    """Of a kernel's name: the functors and functions among its template arguments, which say what it computes."""


def meaning(query: str, index: Index, links: Links) -> Meaning:
    """What a query means; no nodes where the tree has nothing of that name.

    Raises ``TourError`` for a query that is no name at all.
    """
    asked = query.strip().removesuffix("()").rstrip("(")
    if not asked or not re.search(r"\w", asked):
        raise TourError(f"{query!r} is no name", hint="Try `tour where F.batch_norm`.")
    if place := _PLACE.fullmatch(asked):
        return Meaning(_at_line(place["file"], int(place["line"]), index))
    scheme, _, rest = asked.partition(":")
    if scheme in {"py", "c", "cpp", "op"} and rest and not rest.startswith(":"):
        found = tuple(_distinct(index.symbols(rest.partition("(")[0], scheme)))
        return Meaning(found or ((Node(asked),) if links.leaving(Node(asked)) else ()))
    if "::" in asked or "<" in asked or "(" in asked or asked.startswith("_Z"):
        return kernel(asked, index, links)
    if "." in asked:
        return Meaning(_dotted(asked, index, links))
    return Meaning(_bare(asked, index, links))


def kernel(query: str, index: Index, links: Links) -> Meaning:
    """What a C++ name means: mangled or not, with template arguments, parameters and return type or without.

    Raises ``TourError`` where a mangled name cannot be read.
    """
    name = query.strip()
    if name.startswith("_Z"):
        import cxxfilt  # which looks for the C++ library when it is imported, and that takes a while

        try:
            name = cxxfilt.demangle(name)
        except (cxxfilt.Error, OSError) as error:
            raise TourError(
                f"{query!r} is no mangled C++ name that can be read", hint="Was it cut off? Give all of it."
            ) from error
    name = _ANONYMOUS.sub("", name)
    plain, arguments = _without_arguments(name)
    if "::" in plain:
        space, _, rest = plain.rpartition("::")
        operators = index.symbols(plain, "op") or ([] if "::" in space else index.operators(space, rest))
        if operators:
            return Meaning(tuple(_distinct(operators)))
    found = _cpp(plain, index)
    if not found or (plain.startswith("at::native::") and not any(symbol.is_definition for symbol in found)):
        # a wrapper or a kernel that code generation writes
        space, _, rest = plain.rpartition("::")
        if space in {"at", "at::native", "at::cpu", "at::cuda", "at::redispatch"}:
            found = _cpp(f"at::native::structured_{rest}::impl", index, strict=True) or functions(index, rest) or found
    inside = [symbol for argument in arguments for symbol in _cpp(argument, index, strict=True)]
    return Meaning(tuple(_distinct(found)), tuple(_distinct(inside)))


def _without_arguments(name: str) -> tuple[str, list[str]]:
    """A function's plain qualified name, and the qualified names that stand in its template arguments."""
    kept: list[str] = []
    cut: list[str] = []
    depth = 0
    at = 0
    while at < len(name):
        character = name[at]
        if name.startswith("operator", at) and not depth and not re.match(r"\w", name[at + 8 : at + 9] or "x"):
            symbol = re.match(r"operator\s*(?:\(\)|\[\]|<<=?|>>=?|<=>|<=|>=|->\*?|[^\w\s(]+)", name[at:])
            kept.append(symbol[0] if symbol else character)
            at += len(symbol[0]) if symbol else 1
            continue
        if character == "(" and not depth:
            break  # the parameters
        if character in "<{":
            depth += 1
        elif character in ">}":
            depth = max(0, depth - 1)
        elif depth:
            cut.append(character)
            at += 1
            continue
        else:
            kept.append(character)
        if depth == 1 and character in "<{":
            cut.append(" ")
        at += 1
    plain = "".join(kept).strip().split(" ")[-1].lstrip("*&")
    inside = re.findall(r"(?:\w+::)+\w+", "".join(cut))
    return plain, [found for found in dict.fromkeys(inside) if not found.startswith(("std::", "c10::", "thrust::"))]


def _cpp(name: str, index: Index, *, strict: bool = False) -> list[StoredSymbol]:
    """The C and C++ symbols of a name, or whose name ends in it; definitions before declarations."""
    written = name.removeprefix("::")
    if not written:
        return []
    symbols = [symbol for symbol in index.symbols(written) if symbol.scheme in {"c", "cpp"}]
    if all(_likelihood(symbol)[0] for symbol in symbols):
        named = [symbol for symbol in index.symbols_named(last_part(written)) if symbol.scheme in {"c", "cpp"}]
        symbols = [symbol for symbol in named if f"::{symbol.qualname}".endswith(f"::{written}")]
        if not symbols and "::" in written and not strict:
            parts = set(written.split("::"))
            symbols = sorted(named, key=lambda symbol: -len(parts & set(symbol.qualname.split("::"))))[:1]
            symbols = [symbol for symbol in symbols if len(parts & set(symbol.qualname.split("::"))) > 1]
    kept = [symbol for symbol in symbols if symbol.is_definition] or symbols
    return sorted(kept, key=_likelihood)


def _likelihood(symbol: StoredSymbol) -> tuple[bool, bool, bool, str, int]:
    """Sorts tests and what is no function last."""
    in_test = symbol.file.startswith(("test/", "benchmarks/")) or "/test/" in symbol.file
    stub = symbol.file.endswith(".pyi")
    return in_test, stub, symbol.kind not in _FUNCTIONS | {Kind.CLASS}, symbol.file, symbol.line


def _distinct(symbols: list[StoredSymbol]) -> list[Node]:
    return list(dict.fromkeys(node(symbol) for symbol in symbols))


def _dotted(name: str, index: Index, links: Links) -> tuple[Node, ...]:
    """A Python name as it stands in code."""
    head, _, rest = name.partition(".")
    if not head:
        return ()
    full = f"{SPOKEN[head]}.{rest}" if head in SPOKEN else name
    if head in _VARIABLES:
        full = f"torch.Tensor.{rest}"
    if named := operators_named(index, full):
        return tuple(named)
    if found := _python(full, index, links):
        return found
    if not full.startswith("torch.") and (found := _python(f"torch.{full}", index, links)):
        return found
    last = last_part(name)
    ends = [s for s in index.symbols_named(last, "py") if f".{s.qualname}".endswith(f".{name}") and s.is_definition]
    if ends:
        return tuple(_distinct(sorted(ends, key=_likelihood)))
    space, _, base = name.partition(".")
    if operators := index.operators("aten", space):  # add.out
        return tuple(_distinct([o for o in operators if o.qualname == f"aten::{space}.{base}"]))
    return ()


def _python(name: str, index: Index, links: Links) -> tuple[Node, ...]:
    """A dotted name from the top: what Python finds there, else what C++ or generated code binds to it."""
    variables = [s for s in index.symbols(name, "py") if s.kind is Kind.VARIABLE and not s.file.endswith(".pyi")]
    found = [node(symbol) for symbol in variables[-1:]]
    found += [meant for meant in links.python(name) if not _is_stub(meant) and not found]
    real = [meant for meant in found if meant.at is not None]
    if real:
        return tuple(real)
    unseen = [*found, Node(f"py:{name}")]
    return tuple(meant for meant in dict.fromkeys(unseen) if links.leaving(meant))[:1]


def _is_stub(meant: Node) -> bool:
    return meant.at is not None and meant.at.file.endswith(".pyi")


def _bare(name: str, index: Index, links: Links) -> tuple[Node, ...]:
    """One word: a name of ``torch`` first, then whatever bears it."""
    found: list[Node] = []
    for space in ("torch", "torch.nn.functional", "torch.nn", "torch.Tensor"):
        found += [meant for meant in _python(f"{space}.{name}", index, links) if meant not in found]
        if found:
            break
    cpp = [symbol for symbol in _cpp(name, index) if symbol.kind is not Kind.MACRO or not found]
    found += [meant for meant in _distinct(cpp) if meant not in found]
    if not found:
        python = [s for s in index.symbols_named(name, "py") if s.is_definition and s.kind is not Kind.VARIABLE]
        found += _distinct(sorted(python, key=_likelihood))
    return tuple(found or _distinct(index.operators("aten", name)))


def _at_line(file: str, line: int, index: Index) -> tuple[Node, ...]:
    """The innermost symbol around a line; shards of generated files (``RegisterCPU_1.cpp``) may be numbered or not."""
    paths = index.files_ending(file) or index.files_ending(re.sub(r"_\d+(?=\.\w+$)", "", file))
    for path in paths:
        around = [
            symbol for symbol in index.symbols_in(path)
            if symbol.start_line <= line <= symbol.end_line and symbol.kind not in {Kind.MODULE, Kind.NAMESPACE}
        ]  # fmt: skip
        if around:
            return (node(max(around, key=lambda symbol: (symbol.start_line, -symbol.end_line))),)
    return ()


def nearest(query: str, index: Index) -> list[str]:
    """Names in the tree that look like one that it does not have, the nearest first."""
    import difflib

    name = query.strip()
    head, _, rest = name.partition(".")
    full = f"{SPOKEN[head]}.{rest}" if head in SPOKEN and rest else name
    last = last_part(full)
    near = index.names_like(last)
    words = difflib.get_close_matches(last, near, n=_NEAREST * 2, cutoff=0.6)
    found: list[str] = []
    space = full.removesuffix(last)
    for word in words:
        symbols = sorted((s for s in index.symbols_named(word) if s.is_definition), key=_likelihood)
        symbols += index.operators("aten", word)[:1]
        same = [symbol for symbol in symbols if space and symbol.qualname.startswith(space)]
        for symbol in (same or symbols)[:1]:
            if symbol.qualname not in found:
                found.append(symbol.qualname)
        bound = [name for name in index.bound_names(word) if name not in found]
        found += bound[:1]
    ranked = sorted(found, key=lambda name: -difflib.SequenceMatcher(None, full, name).ratio())
    return ranked[:_NEAREST]
