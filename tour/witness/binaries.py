"""The symbols of shipped libraries: which functions a debugger can stop at, and under which names.

Reads ELF symbol tables (the full one where it was left in, else the exported names) and demangles only what is asked
for: libtorch_cpu has half a million symbols. A function that is not here was inlined into others, or hidden.
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tour.errors import TourError

_PROCESSORS = (b"CPU_CAPABILITY", b"DEFAULT", b"AVX2", b"AVX512", b"ZVECTOR", b"SVE", b"SVE128", b"SVE256", b"NEON")
"""The inline namespaces of code that is compiled once for each kind of processor."""

_CAPABILITY = re.compile(rf"\b(?:{'|'.join(name.decode() for name in _PROCESSORS)})::")

TELLING = 8
"""Characters from which on a last name is rare enough to be sought alone."""

_ANONYMOUS = "(anonymous namespace)::"
_OPERATOR = re.compile(r"operator\s*(?:\(\)|\[\]|<=>|<<=?|>>=?|->\*?|[-+*/%^&|~!=<>]=?|&&|\|\||\+\+|--|,)")


_JUMPS = re.compile(rb"[\xe8\xe9](?=....)", re.S)
_INDIRECT = re.compile(rb"\xff[\x15\x25](?=....)", re.S)
_ENTRY = re.compile(rb"(?:\xf3\x0f\x1e\xfa)?(?:\xf2)?\xff\x25", re.S)
"""x86-64's call and jump to a place near by, both through a slot for an address, and an entry of the linkage table."""


class Symbol(NamedTuple):
    """A function or an object in a library."""

    library: str
    address: int
    """Relative to where the library is loaded."""
    size: int
    mangled: str
    plain: str
    """See ``plain``."""
    is_function: bool

    @property
    def is_entry(self) -> bool:
        """Whether calls arrive there: what a compiler put aside as cold is the inside of a function."""
        return self.is_function and ".cold" not in self.mangled


class Named(NamedTuple):
    """What a library has of a qualified name."""

    own: list[Symbol]
    mentioning: list[Symbol]
    """Those that have it in a template argument, as what wraps a function's lambda does."""


@dataclass(frozen=True, slots=True)
class _Section:
    kind: int
    offset: int
    size: int
    link: int
    entry: int


class Library:
    """One ELF file."""

    def __init__(self, path: str) -> None:
        self.path = path
        with Path(path).open("rb") as file:
            try:
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except ValueError:
                raise TourError("an empty file is no library", at=path) from None
        if self._data[:6] != b"\x7fELF\x02\x01":
            raise TourError("not a 64-bit little-endian ELF file", at=path)
        try:
            sections = self._all = list(self._sections())
            tables = [section for kind in (2, 11) for section in sections if section.kind == kind]
            self._table = tables[0] if tables else None
            names = sections[tables[0].link] if tables else None
        except (struct.error, IndexError):
            raise TourError("its section table is cut off", at=path) from None
        self.is_stripped = self._table is None or self._table.kind == 11
        self._linkage: dict[int, str] | None = None
        self._names = self._data[names.offset : names.offset + names.size] if names else b""

    def calls(self, low: int, high: int, target: Symbol) -> bool | None:
        """Whether the code between two addresses calls a function, by itself or through its linkage table.

        ``None`` where that cannot be told: other processors than x86-64.
        """
        if self._data[18] != 62:
            return None
        code = self._bytes(low, high - low)
        for match in _JUMPS.finditer(code):
            (distance,) = struct.unpack_from("<i", code, match.start() + 1)
            place = low + match.start() + 5 + distance
            if place == target.address or self._linked(place) == target.mangled:
                return True
        for match in _INDIRECT.finditer(code):
            (distance,) = struct.unpack_from("<i", code, match.start() + 2)
            if self._slots().get(low + match.start() + 6 + distance) == target.mangled:
                return True
        return False

    def _bytes(self, address: int, size: int) -> bytes:
        (start,) = struct.unpack_from("<Q", self._data, 32)
        width, count = struct.unpack_from("<HH", self._data, 54)
        for number in range(count):
            kind, _, offset, virtual, _, length = struct.unpack_from("<IIQQQQ", self._data, start + number * width)
            if kind == 1 and virtual <= address < virtual + length:
                return self._data[offset + address - virtual : offset + address - virtual + size]
        return b""

    def _linked(self, place: int) -> str | None:
        """What an entry of the linkage table jumps to."""
        entry = self._bytes(place, 16)
        found = _ENTRY.match(entry)
        if found is None:
            return None
        (distance,) = struct.unpack_from("<i", entry, found.end())
        return self._slots().get(place + found.end() + 4 + distance)

    def _slots(self) -> dict[int, str]:
        """The function that each slot for an address is filled with when the library is loaded."""
        if self._linkage is None:
            self._linkage = {}
            for section in self._all:
                if section.kind != 4 or section.link >= len(self._all):
                    continue
                symbols = self._all[section.link]
                names = self._all[symbols.link]
                for offset, info, _ in struct.iter_unpack(
                    "<QQq", self._data[section.offset : section.offset + section.size // 24 * 24]
                ):
                    if info & 0xFFFFFFFF in (6, 7):  # R_X86_64_GLOB_DAT, R_X86_64_JUMP_SLOT
                        (name,) = struct.unpack_from("<I", self._data, symbols.offset + (info >> 32) * 24)
                        end = self._data.find(b"\0", names.offset + name)
                        self._linkage[offset] = self._data[names.offset + name : end].decode("ascii", "replace")
        return self._linkage

    def _sections(self) -> Iterator[_Section]:
        (start,) = struct.unpack_from("<Q", self._data, 40)
        size, count = struct.unpack_from("<HH", self._data, 58)
        for number in range(count):
            _, kind, _, _, offset, length, link, _, _, entry = struct.unpack_from(
                "<IIQQQQIIQQ", self._data, start + number * size
            )
            yield _Section(kind, offset, length, link, entry)

    def find(self, names: Iterable[str], mentioned: Iterable[str] = ()) -> Mapping[str, Named]:
        """The symbols for each of some qualified names (``at::native::to``, ``initModule``), in order of address.

        A class stands for its members too, a function for what is defined inside it: ask ``plain`` which is which. For
        those ``mentioned`` also what has the name in a template argument; that takes longer.
        """
        wanted: dict[bytes, list[str]] = {}
        for name in names:
            wanted.setdefault(normal(name).encode(), []).append(name)
        found = {name: Named([], []) for several in wanted.values() for name in several}
        offsets = self._own(wanted)
        for name in mentioned:
            for offset in self._places(normal(name)):
                offsets.setdefault(offset, [])
                found.setdefault(name, Named([], []))
        around = {name: _fragment(normal(name)) for name in mentioned}
        for offset, address, size, function in self._entries(offsets):
            bare = self._name_at(offset)
            mangled = bare.decode("ascii", "replace")
            shown = plain(demangled(mangled)) if offsets[offset] else ""
            symbol = Symbol(self.path, address, size, mangled, shown, function)
            own = set()
            for name in offsets[offset]:
                sought = normal(name)
                if shown == sought or shown.startswith(f"{sought}::"):
                    found[name].own.append(symbol)
                    own.add(name)
            for name, fragment in around.items():
                if name not in own and fragment in bare:
                    found[name].mentioning.append(symbol)
        return {name: Named(sorted(set(named.own)), sorted(set(named.mentioning))) for name, named in found.items()}

    def _name_at(self, offset: int) -> bytes:
        return self._names[offset : self._names.index(b"\0", offset)]

    def _own(self, wanted: Mapping[bytes, list[str]]) -> dict[int, list[str]]:
        """Where the names of symbols stand that are these, or are in these, by the first part of their mangling."""
        begins = _beginnings(wanted).match
        offsets: dict[int, list[str]] = {}
        at = 0
        for bare in self._names.split(b"\0"):
            if begins(bare):
                name = _outermost(bare)
                for sought in (name, name.rpartition(b"::")[0]):
                    if sought in wanted:
                        offsets.setdefault(at, []).extend(wanted[sought])
            elif bare in wanted:
                offsets.setdefault(at, []).extend(wanted[bare])
            at += len(bare) + 1
        return offsets

    def _places(self, name: str) -> Iterator[int]:
        """Where the names of symbols start that have a name anywhere in them."""
        fragment = _fragment(name)
        at = self._names.find(fragment)
        while at >= 0:
            yield self._names.rfind(b"\0", 0, at) + 1
            at = self._names.find(fragment, self._names.find(b"\0", at))

    def _entries(self, offsets: Mapping[int, object]) -> Iterator[tuple[int, int, int, bool]]:
        if self._table is None or not offsets:
            return
        table = self._data[self._table.offset : self._table.offset + self._table.size]
        for name, info, _, section, address, size in struct.iter_unpack("<IBBHQQ", table):
            if name in offsets and section and info & 15 in (1, 2, 10):
                yield name, address, size, info & 15 != 1


def _beginnings(names: Iterable[bytes]) -> re.Pattern[bytes]:
    """How the mangled name of what bears one of some qualified names begins."""
    between = rb"L?(?:(?:12_GLOBAL__N_1|%s)L?)*" % b"|".join(map(_component, _PROCESSORS))
    by_space: dict[bytes, list[bytes]] = {}
    for name in names:
        first, _, rest = name.partition(b"::")
        parts = [_pattern(part, before) for part, before in _pairs(first, rest)] if rest else []
        by_space.setdefault(_pattern(first, b""), []).append(between.join(parts))
    spaces = [
        space + between + b"(?:%s)" % b"|".join(sorted(set(rests))) if any(rests) else space
        for space, rests in by_space.items()
    ]
    return re.compile(rb"_ZZ*(?:N[rVKRO]*)?L?(?:12_GLOBAL__N_1L?)?(?:%s)" % b"|".join(spaces))


_OPERATORS = {
    b"ls": b"<<", b"rs": b">>", b"eq": b"==", b"ne": b"!=", b"lt": b"<", b"gt": b">", b"le": b"<=", b"ge": b">=",
    b"aS": b"=", b"pL": b"+=", b"mI": b"-=", b"mL": b"*=", b"dV": b"/=", b"pl": b"+", b"mi": b"-", b"ml": b"*",
    b"dv": b"/", b"rm": b"%", b"an": b"&", b"or": b"|", b"eo": b"^", b"co": b"~", b"nt": b"!", b"aa": b"&&",
    b"oo": b"||", b"pp": b"++", b"mm": b"--", b"pt": b"->", b"cl": b"()", b"ix": b"[]",
}  # fmt: skip
"""Operators that have one code, whether they take one operand or two; ``&``, ``*`` and ``-`` of one have another."""
_CODES = {b"operator" + sign: code for code, sign in _OPERATORS.items()}


def _pairs(first: bytes, rest: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The parts of a qualified name after the first, each with the one before it."""
    parts = [first, *rest.split(b"::")]
    return zip(parts[1:], parts, strict=False)


def _pattern(part: bytes, before: bytes) -> bytes:
    """How a part of a qualified name is mangled: constructors, destructors and operators by a code."""
    if part in _CODES:
        return _CODES[part]
    if part == b"~" + before:
        return rb"D\d"
    if part == before:
        return rb"(?:C\d|%s)" % re.escape(_component(part))
    return re.escape(_component(part))


def _special(code: bytes, before: bytes) -> bytes | None:
    """The part that a code stands for."""
    if code in _OPERATORS:
        return b"operator" + _OPERATORS[code]
    if code[1:].isdigit() and code[:1] in {b"C", b"D"}:
        return (b"~" if code[:1] == b"D" else b"") + before
    return None


def _component(name: bytes) -> bytes:
    return str(len(name)).encode() + name


def _fragment(name: str) -> bytes:
    """How the end of a qualified name stands in a mangled one; a short last name alone is in very many."""
    parts = [part.encode() for part in name.split("::")]
    return b"".join(_component(part) for part in parts[-1 if len(parts[-1]) >= TELLING else -2 :])


def _outermost(mangled: bytes) -> bytes:
    """The qualified name that a mangled one begins with, up to the first template argument or parameter."""
    at = 2
    while mangled[at : at + 1] == b"Z":
        at += 1
    nested = mangled[at : at + 1] == b"N"
    if nested:
        at += 1
        while mangled[at : at + 1] in (b"r", b"V", b"K", b"R", b"O"):
            at += 1
    parts: list[bytes] = []
    while True:
        if mangled[at : at + 1] == b"L":
            at += 1
        start = at
        while mangled[at : at + 1].isdigit():
            at += 1
        if start == at:
            special = _special(mangled[at : at + 2], parts[-1] if parts else b"") if nested or not parts else None
            return b"::".join([*parts, special] if special else parts)
        length = int(mangled[start:at])
        part = mangled[at : at + length]
        at += length
        if not part.startswith(b"_GLOBAL__N") and part not in _PROCESSORS:
            parts.append(part)


@cache
def demangled(name: str) -> str:
    """A C++ name as one writes it; any other name as it is."""
    if not name.startswith("_Z"):
        return name
    import cxxfilt  # which looks for the C++ library when it is imported

    bare, dot, clone = name.partition(".")
    try:
        return str(cxxfilt.demangle(bare))
    except (cxxfilt.Error, OSError):
        return bare + dot + clone


def normal(name: str) -> str:
    """A qualified name without what the index leaves out: anonymous and processor namespaces."""
    return _CAPABILITY.sub("", name.replace(_ANONYMOUS, ""))


@cache
def plain(name: str) -> str:
    """A demangled name without its return type, parameters, template arguments and anonymous namespaces.

    ``void at::native::(anonymous namespace)::f<float>(int)::{lambda(int)#1}::operator()(int) const`` is
    ``at::native::f::{lambda#1}::operator()``.
    """
    name = name.replace(_ANONYMOUS, "").replace("decltype(auto) ", "")
    kept: list[str] = []
    depth = 0
    at = 0
    while at < len(name):
        if depth == 0 and name.startswith("operator", at) and not (kept and (kept[-1].isalnum() or kept[-1] == "_")):
            written = _OPERATOR.match(name, at)
            if written:
                kept.append(written[0].replace(" ", ""))
                at = written.end()
                continue
        character = name[at]
        if character in "<([":
            depth += 1
        elif character in ">)]":
            depth -= not (character == ">" and name[at - 1] == "-")
        elif depth == 0:
            if character == " ":
                rest = name[at:]
                last = "".join(kept).rpartition("::")[2]
                if rest.startswith((" const", " volatile", " &", " [")):  # of a member function, or a clone's mark
                    following = rest.find("::")
                    if following < 0:
                        break
                    at += following
                    continue
                if last == "operator":
                    kept.append(" ")  # a conversion, or `operator new`
                elif not last.startswith("operator"):
                    kept.clear()  # what stood before was a return type
            else:
                kept.append(character)
        at += 1
    return _CAPABILITY.sub("", re.sub(r"\{lambda[^#}]*#", "{lambda#", "".join(kept)))
