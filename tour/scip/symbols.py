"""Symbols of the index in SCIP's syntax: ``tour-py . pytorch 2.6.0 torch/nn/functional/relu().``.

The scheme says whose namespace a name is in, for Python, C, C++ and the operators each have their own. A descriptor's
suffix follows from what the index says of each part of a qualified name. Overloads of C++ get a word made of their
parameters' types, by which a declaration and its definition come together though they call the parameters otherwise;
what several files define under one name, such as a function of an anonymous namespace, is told apart by its file.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache
from hashlib import blake2b

from tour.index import Index, StoredSymbol
from tour.model import At, Kind
from tour.references import Target

_SIMPLE = re.compile(r"[\w+$-]+", re.ASCII)
_SUFFIXES = {
    Kind.MODULE: "/",
    Kind.NAMESPACE: "/",
    Kind.CLASS: "#",
    Kind.ENUM: "#",
    Kind.ALIAS: "#",
    Kind.FUNCTION: "().",
    Kind.METHOD: "().",
    Kind.KERNEL: "().",
    Kind.OPERATOR: "().",
    Kind.VARIABLE: ".",
    Kind.MACRO: "!",
}
_CALLABLE = frozenset({Kind.FUNCTION, Kind.METHOD, Kind.KERNEL})
_C = frozenset({"c", "cpp"})


class Names:
    """The SCIP symbols of one tree."""

    def __init__(self, index: Index, package: str, version: str) -> None:
        """``package`` is the tree's name."""
        self._index = index
        self._package = f". {_spaced(package)} {_spaced(version)}"
        self._prefix = lru_cache(1 << 15)(self._found_prefix)
        self._shapes = lru_cache(1 << 15)(self._found_shapes)

    def of(self, symbol: StoredSymbol) -> str:
        """The symbol of what a file defines or declares."""
        return self._made(
            symbol.scheme, symbol.qualname, symbol.kind, symbol.signature, symbol.at, symbol.is_definition
        )

    def of_target(self, target: Target) -> str:
        """The symbol of what a name means."""
        scheme, _, qualname = target.id.partition(":")
        if target.kind == "file":
            return self.of_file(target.id)
        if target.kind == "binding":
            return f"{self._head(scheme)}{self._prefix(scheme, _parent(scheme, qualname))}{_last(scheme, qualname)}."
        assert target.at is not None
        found = self._index.symbols_at(qualname, scheme, target.at)
        same = [symbol for symbol in found if symbol.signature == target.signature] or found
        if same:
            return self.of(same[0])
        return self._made(scheme, qualname, Kind(target.kind), target.signature, target.at, True)

    def of_file(self, path: str) -> str:
        """The symbol of a file, which an ``#include`` names."""
        return f"{self._head('file')}{_escaped(path)}/"

    def _head(self, scheme: str) -> str:
        return f"tour-{scheme} {self._package} "

    def _made(self, scheme: str, qualname: str, kind: Kind, signature: str, at: At, defines: bool) -> str:
        home = told_apart = ""
        if scheme in _C and kind not in {Kind.NAMESPACE, Kind.MODULE}:
            shape = _shape(signature) if kind in _CALLABLE else ""
            shapes = self._shapes(scheme, qualname, kind in _CALLABLE)
            if len(shapes) > 1 and kind in _CALLABLE:
                told_apart = blake2b(shape.encode(), digest_size=4).hexdigest()
            if defines and len(shapes.get(shape, ())) > 1:
                home = f"{_escaped(at.file)}/"
        head = f"{self._head(scheme)}{home}{self._prefix(scheme, _parent(scheme, qualname))}"
        last = _last(scheme, qualname)
        if kind is Kind.OPERATOR:
            base, _, overload = qualname.rpartition("::")[2].partition(".")
            return f"{head}{_escaped(base)}({overload})."
        suffix = f"({told_apart})." if told_apart else _SUFFIXES[kind]
        return f"{head}{last}{suffix}"

    def _found_prefix(self, scheme: str, qualname: str) -> str:
        """The descriptors of what a symbol is in."""
        if not qualname:
            return ""
        if scheme == "op":
            return f"{_escaped(qualname)}/"
        kinds = {symbol.kind for symbol in self._index.symbols(qualname, scheme)}
        suffix = next((_SUFFIXES[kind] for kind in _NESTING if kind in kinds), "/")
        return f"{self._prefix(scheme, _parent(scheme, qualname))}{_last(scheme, qualname)}{suffix}"

    def _found_shapes(self, scheme: str, qualname: str, is_callable: bool) -> dict[str, set[str]]:
        """For each list of parameter types under a name the files that define a function with them.

        One only where nothing speaks for overloads: then every declaration is of that function, however it is written.
        Of what is no function there is one, without types.
        """
        found = [
            symbol for symbol in self._index.symbols(qualname, scheme) if (symbol.kind in _CALLABLE) == is_callable
        ]
        shapes: defaultdict[str, set[str]] = defaultdict(set)
        declared: defaultdict[str, set[str]] = defaultdict(set)
        for symbol in found:
            shape = _shape(symbol.signature) if is_callable else ""
            if symbol.is_definition:
                shapes[shape].add(symbol.file)
            else:
                declared[symbol.file].add(shape)
        if len(shapes) > 1 or any(len(several) > 1 for several in declared.values()):
            for shape in set().union(*declared.values()):
                shapes.setdefault(shape, set())
        return dict(shapes)


_NESTING = (Kind.CLASS, Kind.MODULE, Kind.NAMESPACE, Kind.FUNCTION, Kind.METHOD, Kind.KERNEL, Kind.ENUM, Kind.VARIABLE)
"""What may hold other symbols; of several things under one name the first is taken."""


def _parts(scheme: str, qualname: str) -> tuple[str, str]:
    """A qualified name cut before its last part; colons in brackets are none of its own."""
    if scheme == "py":
        parent, _, last = qualname.rpartition(".")
        return parent, last
    depth = 0
    for at in range(len(qualname) - 1, 0, -1):
        depth += (qualname[at] in ")>]") - (qualname[at] in "(<[")
        if depth <= 0 and qualname[at - 1 : at + 1] == "::":
            return qualname[: at - 1], qualname[at + 1 :]
    return "", qualname


def _parent(scheme: str, qualname: str) -> str:
    return _parts(scheme, qualname)[0]


def _last(scheme: str, qualname: str) -> str:
    return _escaped(_parts(scheme, qualname)[1] or "_")


def _escaped(name: str) -> str:
    """A name as an identifier of the syntax."""
    return name if _SIMPLE.fullmatch(name) else f"`{name.replace('`', '``')}`"


def _spaced(word: str) -> str:
    return word.replace(" ", "  ") or "."


@lru_cache(1 << 15)
def _shape(signature: str) -> str:
    """The types of a parameter list, without names, default values and namespaces."""
    inside = signature.strip().removeprefix("(").rpartition(")")[0]
    types = [_type(parameter) for parameter in _split(inside)]
    tail = "const" if signature.rpartition(")")[2].strip().startswith("const") else ""
    return ",".join(kind for kind in types if kind not in {"", "void"}) + tail


def _split(text: str) -> list[str]:
    """Parameters between commas that stand in no brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "(<[{") - (character in ")>]}")
        if character == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _type(parameter: str) -> str:
    """``const Tensor&`` of ``const at::Tensor& self = {}``."""
    told = re.sub(r"\b(?:\w+::)+", "", parameter.partition("=")[0]).strip()
    named = re.fullmatch(r"(?P<type>.*[\s&*>\])])(?P<name>[A-Za-z_]\w*)", told, re.DOTALL)
    if named and named["type"].strip() not in {"const", "unsigned", "struct", "typename"}:
        told = named["type"]
    return re.sub(r"\s+", " ", re.sub(r"\s*([&*<>,])\s*", r"\1", told)).strip()
