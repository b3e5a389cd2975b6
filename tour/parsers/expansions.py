"""Functions that a macro of the same file writes: ``COALESCED_UNARY_UFUNC(abs)`` defines ``abs_sparse``.

A macro whose body holds a function, called where a declaration may stand, is expanded as the C preprocessor would
(parameters, ``##``, ``#``, macros within macros; [cpp.replace]), and what the expansion defines and calls is told at
the line of the call. Left out: macros of other files, those that take a macro's name (``AT_FORALL_…(DEFINE)``), and
conditionals inside a body.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import itemgetter

from tour.model import SymbolFields
from tour.parsers.macros import defines, directives
from tour.parsers.treesitter import Records

DEEPEST, LONGEST, MOST_CALLS = 6, 60_000, 3000
"""Macros within macros, bytes of one expansion, and calls in one file that are looked at."""

_DEFINE = re.compile(
    rb"^[ \t]*#[ \t]*define[ \t]+(\w+)\(([^)\n]*(?:\\\r?\n[^)\n]*)*)\)((?:\\\r?\n|[^\n])*)", re.MULTILINE
)
_COMMENT = re.compile(rb"//[^\n]*|/\*.*?\*/", re.DOTALL)
_WORD = re.compile(rb"[A-Za-z_]\w*")
_LAMBDA = re.compile(rb"\[[&=\w, ]*\]\s*(?:\([^()]*\)\s*)?\{")
"""What a macro that stands among statements is given to run."""
_WRITES = re.compile(rb"\)[\w\s]*\{")


@dataclass(frozen=True, slots=True)
class _Macro:
    parameters: tuple[bytes, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Call:
    name: bytes
    start: int
    end: int
    text: bytes
    """What it expands to."""


def united(source: bytes, read: Callable[[bytes], Records], parse: Callable[[bytes], Records]) -> Records:
    """What ``read`` makes of a file without such calls, and what the calls define.

    ``parse`` reads the text of an expansion. Without the calls the grammar has one thing less to stumble over: they
    stand where declarations do, and most have no semicolon.
    """
    calls = _calls(source, dict(_macros(source)))
    if not calls:
        return read(source)
    plain = bytearray(source)
    for call in calls:
        plain[call.start : call.end] = re.sub(rb"[^\r\n]", b" ", source[call.start : call.end])
    symbols, mentions, problems = read(bytes(plain))
    symbols, mentions = list(symbols), list(mentions)
    for call in calls:
        line = source.count(b"\n", 0, call.start) + 1
        column = call.start - (source.rfind(b"\n", 0, call.start) + 1)
        last_line = source.count(b"\n", 0, call.end) + 1
        found, said, _ = parse(call.text)
        parent = _around(symbols, line)
        space = f"{symbols[parent][1]}::" if parent >= 0 else ""
        base = len(symbols)
        for kind, qualname, signature, *_, inner, is_definition in found:
            above = base + inner if inner >= 0 else parent
            symbols.append((kind, space + qualname, signature, line, column, line, last_line, above, is_definition))
        name = call.name.decode("ascii", "replace")
        mentions.append(("call", name, None, line, column, line, column + len(name), parent))
        for role, name, target, *_, scope in said:
            above = base + scope if scope >= 0 else parent
            mentions.append((role, name, target, line, column, line, column, above))
    order = sorted(range(len(symbols)), key=lambda at: (symbols[at][5], at))
    place = {old: new for new, old in enumerate(order)} | {-1: -1}
    return (
        [(*symbols[at][:7], place[symbols[at][7]], symbols[at][8]) for at in order],
        sorted(((*mention[:7], place[mention[7]]) for mention in mentions), key=itemgetter(3, 4)),
        problems,
    )


def _macros(source: bytes) -> Iterator[tuple[bytes, _Macro]]:
    """The macros that take arguments, if one of them writes a function."""
    found = [
        (name, _Macro(tuple(part.strip() for part in _plain(parameters).split(b",")), _plain(body)))
        for name, parameters, body in (found.groups() for found in defines(source, _DEFINE))
    ]
    if any(_WRITES.search(macro.body) for _, macro in found):
        yield from found


def _plain(text: bytes) -> bytes:
    return _COMMENT.sub(b" ", text.replace(b"\\\r\n", b"\n").replace(b"\\\n", b"\n")).strip()


def _calls(source: bytes, made: dict[bytes, _Macro]) -> list[_Call]:
    """The calls at the start of a line, in no directive, that write functions."""
    if not made:
        return []
    names = b"|".join(re.escape(name) for name in sorted(made, key=len, reverse=True))
    under = [found.span() for found in directives(source)]
    found: list[_Call] = []
    at = 0
    for call in re.finditer(rb"^[ \t]*(?:static |inline )?(" + names + rb")[ \t\n]*\(", source, re.MULTILINE):
        while at < len(under) and under[at][1] <= call.start():
            at += 1
        if len(found) == MOST_CALLS or (at < len(under) and under[at][0] <= call.start()):
            continue
        arguments, end = _arguments(source, call.end())
        if arguments is None or any(_LAMBDA.search(argument) for argument in arguments):
            continue
        text = _expanded(made[call[1]], arguments, made, DEEPEST)
        if text is not None and _WRITES.search(text) and text.count(b"{") == text.count(b"}"):
            found.append(_Call(call[1], call.start(1), end, text))
    return found


def _arguments(source: bytes, start: int) -> tuple[list[bytes] | None, int]:
    """The arguments from behind a call's parenthesis on, and where it closes; ``None`` where it does not."""
    found: list[bytes] = []
    depth, begun = 0, start
    for at in range(start, min(len(source), start + 4000)):
        byte = source[at]
        if byte in b"([{":
            depth += 1
        elif byte in b")]}":
            if not depth:
                return [*found, source[begun:at].strip()], at + 1
            depth -= 1
        elif byte == 0x2C and not depth:
            found.append(source[begun:at].strip())
            begun = at + 1
    return None, start


def _expanded(macro: _Macro, arguments: list[bytes], made: dict[bytes, _Macro], deepest: int) -> bytes | None:
    """A call's replacement, the calls in it replaced in turn; ``None`` where it does not fit or grows too long."""
    values = dict(zip(macro.parameters, arguments, strict=False))
    if macro.parameters[-1] == b"...":
        values[b"__VA_ARGS__"] = b", ".join(arguments[len(macro.parameters) - 1 :])
    elif len(macro.parameters) != len(arguments):
        return None
    text = re.sub(rb"(?<!#)#\s*(\w+)", lambda found: b'"' + values.get(found[1], found[1]) + b'"', macro.body)
    text = _WORD.sub(lambda found: values.get(found[0], found[0]), text)
    text = re.sub(rb"\s*##\s*", b"", text)
    if len(text) > LONGEST:
        return None
    return _replaced(text, made, deepest - 1) if deepest else text


def _replaced(text: bytes, made: dict[bytes, _Macro], deepest: int) -> bytes:
    """``text`` with the calls of known macros replaced."""
    parts: list[bytes] = []
    at = 0
    for word in _WORD.finditer(text):
        macro = made.get(word[0])
        if macro is None or word.start() < at or text[word.end() : word.end() + 1] != b"(":
            continue
        arguments, end = _arguments(text, word.end() + 1)
        inner = _expanded(macro, arguments, made, deepest) if arguments is not None and deepest else None
        if inner is not None:
            parts += [text[at : word.start()], inner]
            at = end
    return b"".join([*parts, text[at:]]) if parts else text


def _around(symbols: list[SymbolFields], line: int) -> int:
    """The innermost namespace or class around a line; -1 where there is none."""
    best = -1
    for at, (kind, _, _, _, _, first, last, _, _) in enumerate(symbols):
        if kind in {"namespace", "class"} and first <= line <= last:
            best = at
    return best
