"""Macros that hide C++ from a grammar, learnt from the tree's own ``#define``s and blanked at equal length.

``class TORCH_API Tensor {`` costs ``Tensor`` its members, and ``END_HANDLE_TH_ERRORS`` without a semicolon swallows
the declaration after it. A macro may be blanked when every definition of it in the tree is made of attributes and
specifiers alone (or of macros that are), and at least one is not empty; or when it is one of the brace pairs that
PyTorch puts around a function's body. Offsets hold, so lines and columns need no mapping. What is left out: macros
that make declarations, and preprocessor branches that cut a declaration in two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

_DEFINE = re.compile(rb"^[ \t]*#[ \t]*define[ \t]+(\w+)(\([^)\n]*\))?((?:\\\r?\n|[^\n])*)", re.MULTILINE)
_DIRECTIVE = re.compile(rb"^[ \t]*#(?:\\\r?\n|[^\n])*", re.MULTILINE)
_BEGINS_DEFINE, _BEGINS_DIRECTIVE = re.compile(rb"#[ \t]*define\b"), re.compile(rb"#")
_COMMENT = re.compile(rb"//[^\n]*|/\*.*?\*/", re.DOTALL)
_BLOCK_COMMENT = re.compile(rb"/\*(?:\\\r?\n|.)*?\*/")
_BLANKS = bytes(byte if byte in b"\\\r\n" else 0x20 for byte in range(256))
"""Line ends and what continues a line stay."""
_CAPITALS = bytes(byte if bytes([byte]).isupper() or byte in b"0123456789_" else 0x20 for byte in range(256))
"""Leaves what the names of most macros are made of; all at once, for ``re`` takes twice as long to find them."""
_WORD_BYTES = frozenset(bytes([byte]) for byte in range(256) if bytes([byte]).isalnum() or byte == 0x5F)
_SPECIFIERS = frozenset(
    b"inline static constexpr virtual noexcept extern __restrict__ __restrict restrict __host__ __device__ __global__ "
    b"__forceinline__ __forceinline __inline__ __inline __noinline__ __shared__ __constant__ __extension__".split()
)
_WITH_ARGUMENTS = frozenset(b"__attribute__ __declspec _Pragma alignas __launch_bounds__".split())
_FOREIGN = frozenset(
    {
        "CUTE_DEVICE", "CUTE_HOST", "CUTE_HOST_DEVICE", "CUTLASS_DEVICE", "CUTLASS_GLOBAL", "CUTLASS_HOST_DEVICE",
        "CUTLASS_PRAGMA_NO_UNROLL", "CUTLASS_PRAGMA_UNROLL", "PYBIND11_EXPORT", "PYBIND11_NOINLINE", "PyObject_HEAD",
        "PyObject_VAR_HEAD",
    }
)  # fmt: skip
"""What a tree uses and a library outside it defines: attributes, and members without a semicolon. One that the tree
defines is judged by that."""
_TOKEN = re.compile(rb'\s+|"C"|\[\[|[A-Za-z_]\w*')
_TYPE_IN_TWO = re.compile(rb"\bunsigned (char|int|long|short)\b(?=\s*[,)])")
_TYPE_ARGUMENTS = re.compile(rb"\b[A-Z][A-Z0-9_]+\([^()\n;{}]*\bunsigned (?:char|int|long|short)\b[^()\n;{}]*\)")
LONGEST_SHARED = 10_000
_WORD = re.compile(rb"\w+")
_GLUE = re.compile(rb"[\w:]+(?:\s*##\s*[\w:]+)*|\w+\([\w\s,]*\)")
_BRACE_PAIR = re.compile(rb"(END_)?HANDLE_\w+|\w+_(BEGIN|END)")


@dataclass(frozen=True, slots=True)
class Macro:
    """One ``#define``, as far as it decides whether the macro may be blanked."""

    name: str
    takes_arguments: bool
    needs: str | None
    """Space-separated macros that its body is made of besides attributes; ``None`` where it holds anything else."""
    is_empty: bool
    text: str = ""
    """Parameters and body of one that other files may need to expand: see ``shared``."""


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """The macros of a tree that are blanked before parsing; equal to itself only, for what is made of it is cached."""

    plain: frozenset[str] = frozenset()
    with_arguments: frozenset[str] = frozenset()
    """Those whose argument list is blanked too."""
    shared: tuple[tuple[str, str], ...] = ()
    """Names and texts of those that are expanded wherever they are used; see ``expansions.py``."""


def directives(
    source: bytes, whole: re.Pattern[bytes] = _DIRECTIVE, head: re.Pattern[bytes] = _BEGINS_DIRECTIVE
) -> Iterator[re.Match[bytes]]:
    """The preprocessor lines that ``whole`` describes from a line's start on, and ``head`` from the ``#`` on.

    The same as ``whole.finditer``, which tries every line of the source.
    """
    end = 0
    for begun in head.finditer(source):
        start = source.rfind(b"\n", 0, begun.start()) + 1
        if start >= end and (found := whole.match(source, start)):
            end = found.end()
            yield found


def defines(source: bytes, whole: re.Pattern[bytes]) -> Iterator[re.Match[bytes]]:
    """The same of ``#define``s."""
    return directives(source, whole, _BEGINS_DEFINE)


def defined(source: bytes, shares: bool = False) -> list[Macro]:
    """The ``#define``s of one file; ``shares`` says that others may include it."""
    macros = []
    found = [define.groups() for define in defines(source, _DEFINE)]
    registers = b".impl(" in source and any(b".impl(" in body for _, _, body in found)
    for name, parameters, body in found:
        body = body.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ")
        body = (_COMMENT.sub(b" ", body) if b"/" in body else body).strip()
        needs = _needs(body)
        if needs is None and _BRACE_PAIR.fullmatch(name) and body.count(b"{") != body.count(b"}"):
            needs = ""
        text = (
            f"{parameters.decode()} {body.decode()}"
            if shares and parameters and _is_shared(parameters, body, registers)
            else ""
        )
        macros.append(Macro(name.decode("ascii", "replace"), bool(parameters), needs, not body, text))
    return macros


def _is_shared(parameters: bytes, body: bytes, registers: bool) -> bool:
    """Whether a macro registers operators or stands beside one that does, hands a list to a macro, or only pastes."""
    if len(body) > LONGEST_SHARED or not (parameters + body).isascii():
        return False
    lists = any((b" " + body).count(b" %s(" % name) > 1 for name in _WORD.findall(parameters))
    return registers or lists or _GLUE.fullmatch(body) is not None


def _needs(body: bytes) -> str | None:
    """The macros that ``body`` leans on if it is made of attributes and specifiers alone, else ``None``."""
    needed: list[str] = []
    at = 0
    while at < len(body):
        token = _TOKEN.match(body, at)
        if token is None:
            return None
        word, at = token[0], token.end()
        if word == b"[[":
            at = body.find(b"]]", at) + 2
            if at == 1:
                return None
        elif word in _WITH_ARGUMENTS:
            at = _after_arguments(body, at)
        elif not word.isspace() and word != b'"C"' and word not in _SPECIFIERS:
            needed.append(word.decode("ascii", "replace"))
            at = _after_arguments(body, at)
    return " ".join(sorted(set(needed)))


def _after_arguments(source: bytes, at: int) -> int:
    """The offset behind the balanced parentheses that open at ``at`` (blanks allowed); ``at`` where none do."""
    start = at
    while start < len(source) and source[start] in b" \t\r\n":
        start += 1
    if source[start : start + 1] != b"(":
        return at
    depth = 0
    for offset in range(start, min(len(source), start + 2000)):
        depth += (source[offset] == 0x28) - (source[offset] == 0x29)
        if not depth:
            return offset + 1
    return at


def learn(macros: Iterable[Macro]) -> Mask:
    """The mask that all the ``#define``s of a tree add up to; the order they come in does not matter."""
    bodies: dict[str, list[Macro]] = {}
    for macro in macros:
        bodies.setdefault(macro.name, []).append(macro)
    blankable = {
        name
        for name, found in bodies.items()
        if all(macro.needs is not None for macro in found) and not all(macro.is_empty for macro in found)
    }
    empty = {name for name, found in bodies.items() if all(macro.is_empty for macro in found)}
    while True:
        kept = {
            name
            for name in blankable
            if all(need in blankable or need in empty for macro in bodies[name] for need in (macro.needs or "").split())
        }
        if kept == blankable:
            break
        blankable = kept
    called = {name for name in blankable if any(macro.takes_arguments for macro in bodies[name])}
    texts = {name: {macro.text for macro in found if macro.text} for name, found in bodies.items()}
    shared = sorted((name, text) for name, found in texts.items() if len(found) == 1 for text in found if text)
    return Mask(frozenset(blankable - called) | (_FOREIGN - bodies.keys()), frozenset(called), tuple(shared))


def blank(source: bytes, mask: Mask) -> bytes:
    """``source`` with the masked macros turned into blanks outside preprocessor lines, byte for byte as long.

    In a ``#define`` that runs over several lines comments are blanked too, for the grammar ends it at the first.
    """
    takes_arguments = _by_bytes(mask)
    names = takes_arguments.keys() & source.translate(_CAPITALS).split()
    names.update(name for name in _with_small_letters(mask) if name in source)
    if not names and b"\\\n" not in source:
        return _with_types_in_one_word(source)
    masked = bytearray(source)
    places = [(*place, takes_arguments[name]) for name in names for place in _words(name, source)]
    places.sort(reverse=True)
    at = 0
    for directive in [*directives(source), None]:
        end = directive.start() if directive else len(source)
        while places and places[-1][0] < end:
            start, stop, with_arguments = places.pop()
            if start >= at:
                stop = min(_after_arguments(source, stop), end) if with_arguments else stop
                masked[start:stop] = source[start:stop].translate(_BLANKS)
        if directive:
            at = directive.end()
            text = directive[0]
            if b"/*" in text and b"\\\n" in text:
                masked[end:at] = _BLOCK_COMMENT.sub(lambda comment: comment[0].translate(_BLANKS), text)
    return _with_types_in_one_word(bytes(masked))


def _words(name: bytes, source: bytes) -> Iterator[tuple[int, int]]:
    """Where ``name`` stands as a whole word; ``find`` is several times as fast here as ``re``."""
    end = 0
    while (start := source.find(name, end)) >= 0:
        end = start + len(name)
        if source[start - 1 : start] not in _WORD_BYTES and source[end : end + 1] not in _WORD_BYTES:
            yield start, end


def _with_types_in_one_word(source: bytes) -> bytes:
    at = source.find(b"unsigned ")
    if at < 0:
        return source
    parts: list[bytes] = []
    done = 0
    while at >= 0:
        start, end = source.rfind(b"\n", 0, at) + 1, source.find(b"\n", at)
        end = end if end >= 0 else len(source)
        parts += (source[done:start], _TYPE_ARGUMENTS.sub(_as_one_word, source[start:end]))
        done = end
        at = source.find(b"unsigned ", end)
    return b"".join([*parts, source[done:]])


def _as_one_word(call: re.Match[bytes]) -> bytes:
    """``F(unsigned int, 1)`` as ``F(unsigned_int, 1)``: at an argument in two words the grammar loses the function."""
    return _TYPE_IN_TWO.sub(rb"unsigned_\1", call[0])


@lru_cache(maxsize=8)
def _by_bytes(mask: Mask) -> dict[bytes, bool]:
    """The masked macros, and whether their argument lists are blanked too."""
    return {name.encode(): name in mask.with_arguments for name in mask.plain | mask.with_arguments}


@lru_cache(maxsize=8)
def _with_small_letters(mask: Mask) -> list[bytes]:
    """The masked macros that are not made of capitals alone."""
    return [name for name in _by_bytes(mask) if name.translate(_CAPITALS) != name]
