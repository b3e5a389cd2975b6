"""Functions and registrations that macros write: ``COALESCED_UNARY_UFUNC(abs)`` defines ``abs_sparse``.

A macro of the file whose body holds a function, called where a declaration may stand or handed to one that calls it for
a list (``AT_FORALL_SCALAR_TYPES…(DEFINE_CAST_OP)``), is expanded as the C preprocessor would (parameters, ``##``,
``#``, macros within macros; [cpp.replace]), and what the expansion defines and calls is told at the line of the call.
So is what macros register in a ``TORCH_LIBRARY`` block (functorch's ``VMAP_SUPPORT``, autocast's ``KERNEL_CPU``). Of
other files those macros are known that ``macros.py`` shares. Left out: functions that only a macro of another file
writes, a macro that several files define otherwise, and conditionals inside a body.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter

from tour.model import MentionFields, SymbolFields
from tour.parsers.c_family import without_template_arguments
from tour.parsers.macros import defines, directives
from tour.parsers.treesitter import Records

DEEPEST, LONGEST, MOST_CALLS = 12, 60_000, 3000
"""Macros within macros, bytes of one expansion, and calls in one file that are looked at."""

_DEFINE = re.compile(
    rb"^[ \t]*#[ \t]*define[ \t]+(\w+)\(([^)\n]*(?:\\\r?\n[^)\n]*)*)\)((?:\\\r?\n|[^\n])*)", re.MULTILINE
)
_COMMENT = re.compile(rb"//[^\n]*|/\*.*?\*/", re.DOTALL)
_TOKEN = re.compile(rb"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|\w+")
"""A word, or a literal, in which nothing is replaced."""
_STRINGED, _PASTED = re.compile(rb"(?<!#)#\s*(\w+)"), re.compile(rb"\s*##\s*")
_IN_WORDS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
_BLANKS = bytes(byte if byte in b"\r\n" else 0x20 for byte in range(256))
_WORD = re.compile(rb"\w+")
_OPENING = re.compile(rb"\s*\(")
_BLOCK = re.compile(rb"^[ \t]*TORCH_LIBRARY(?:_IMPL|_FRAGMENT)?\s*\([^()]*\)\s*\{", re.MULTILINE)
_CALL = re.compile(rb"^[ \t]*([A-Za-z_]\w*)[ \t]*\(", re.MULTILINE)
_DECLARED = re.compile(rb"\n[ \t]*(?:static |inline )?([A-Za-z_]\w*)[ \t\n]*\(")
"""Not on the first line, before which no macro can be."""
_BATCHED = re.compile(rb"\w+_generated_plumbing<decltype\(&(.+?)\), &\1>")
"""What functorch runs a batch rule through (``aten/src/ATen/functorch/BatchRulesHelper.h``)."""
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


def united(
    source: bytes,
    read: Callable[[bytes], Records],
    parse: Callable[[bytes], Records],
    shared: tuple[tuple[str, str], ...] = (),
) -> Records:
    """What ``read`` makes of a file without such calls, and what the calls define and register.

    ``parse`` reads the text of an expansion; ``shared`` are names and texts of other files' macros. Without the calls
    the grammar has one thing less to stumble over: they stand where declarations do, and most have no semicolon.
    """
    registers = b"TORCH_LIBRARY" in source
    own = dict(_macros(source, registers))
    made = {**_known(shared), **own} if own or registers else {}
    calls = _calls(source, made, own)
    records = _defining(source, calls, read, parse) if calls else read(source)
    return _registering(source, made, records, parse) if registers and made else records


def _defining(
    source: bytes, calls: list[_Call], read: Callable[[bytes], Records], parse: Callable[[bytes], Records]
) -> Records:
    plain = bytearray(source)
    for call in calls:
        plain[call.start : call.end] = source[call.start : call.end].translate(_BLANKS)
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


def _registering(
    source: bytes, made: dict[bytes, _Macro], records: Records, parse: Callable[[bytes], Records]
) -> Records:
    """``records`` with what macros register in the file's ``TORCH_LIBRARY`` blocks, at the lines of their calls."""
    symbols, mentions, problems = records
    said: list[MentionFields] = []
    blanked = bytearray(source)
    for directive in directives(source):
        blanked[directive.start() : directive.end()] = directive[0].translate(_BLANKS)
    plain = bytes(blanked)
    for block in _BLOCK.finditer(plain):
        end = plain.find(b"\n}", block.end())
        lines: list[int] = []
        texts: list[bytes] = []
        for call in _CALL.finditer(plain, block.end(), end if end > 0 else len(plain)):
            arguments, close = _arguments(plain, call.end()) if call[1] in made else (None, 0)
            text = _replaced(plain[call.start(1) : close], made) if arguments is not None else b""
            if b".impl(" in text:
                lines.append(source.count(b"\n", 0, call.start(1)) + 1)
                texts.append(_BATCHED.sub(_plain_name, b" ".join(text.split())))
        if not texts:
            continue
        found = parse(b"\n".join([block[0], *texts, b"}"]))[1]
        first = block[0].count(b"\n") + 2
        parent = _around(symbols, lines[0], {"function"})
        for role, name, target, line, *_ in found:
            if role == "impl" and 0 <= line - first < len(lines):
                at = lines[line - first]
                # what picks one of several by the policy (``aten/src/ATen/autocast_mode.h``)
                target = target and target.replace("autocast::WrapFunction::type::call", "autocast::WrapFunction")
                said.append((role, name, target, at, 0, at, 0, parent))
    return (symbols, sorted([*mentions, *said], key=itemgetter(3, 4)), problems) if said else records


def _plain_name(found: re.Match[bytes]) -> bytes:
    return without_template_arguments(found[1].decode("ascii", "replace")).encode()


@lru_cache(maxsize=4)
def _known(shared: tuple[tuple[str, str], ...]) -> dict[bytes, _Macro]:
    """Macros of other files by name."""
    found = {}
    for name, text in shared:
        parameters, _, body = text.encode().partition(b")")
        found[name.encode()] = _Macro(_parameters(parameters.lstrip(b"(")), _plain(body))
    return found


def _parameters(text: bytes) -> tuple[bytes, ...]:
    return tuple(part.strip() for part in _plain(text).split(b","))


def _macros(source: bytes, all_of_them: bool) -> Iterator[tuple[bytes, _Macro]]:
    """The macros that take arguments; of a file that registers nothing only if one of them writes a function."""
    found = [
        (name, _Macro(_parameters(parameters), _plain(body)))
        for name, parameters, body in (found.groups() for found in defines(source, _DEFINE))
    ]
    if all_of_them or any(_writes(macro) for _, macro in found):
        yield from found


def _plain(text: bytes) -> bytes:
    text = text.replace(b"\\\r\n", b"\n").replace(b"\\\n", b"\n")
    return (_COMMENT.sub(b" ", text) if b"/" in text else text).strip()


def _calls(source: bytes, made: dict[bytes, _Macro], own: dict[bytes, _Macro]) -> list[_Call]:
    """The calls at the start of a line, in no directive, that write functions."""
    if not own:
        return []
    under = [found.span() for found in directives(source)]
    found: list[_Call] = []
    at = 0
    for call in _DECLARED.finditer(source):
        if call[1] not in made:
            continue
        while at < len(under) and under[at][1] <= call.start():
            at += 1
        if len(found) == MOST_CALLS or (at < len(under) and under[at][0] <= call.start()):
            continue
        arguments, end = _arguments(source, call.end())
        if arguments is None or any(_LAMBDA.search(argument) for argument in arguments):
            continue
        if call[1] not in own and not any(argument in own and _writes(own[argument]) for argument in arguments):
            continue
        text = _replaced(source[call.start(1) : end], made)
        if len(text) <= LONGEST and _WRITES.search(text) and text.count(b"{") == text.count(b"}"):
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


def _writes(macro: _Macro) -> bool:
    return _WRITES.search(macro.body) is not None


def _replaced(text: bytes, made: dict[bytes, _Macro], hidden: frozenset[bytes] = frozenset()) -> bytes:
    """``text`` with the calls of known macros replaced; one that is being replaced, or does not fit, stays."""
    if made.keys().isdisjoint(_WORD.findall(text)):
        return text
    parts: list[bytes] = []
    done = at = 0
    while word := _TOKEN.search(text, at):
        at = word.end()
        macro = made.get(word[0])
        opening = _OPENING.match(text, at) if macro and word[0] not in hidden else None
        arguments, end = _arguments(text, opening.end()) if opening else (None, 0)
        body = None
        if macro is not None and arguments is not None and len(hidden) < DEEPEST:
            body = _substituted(macro, arguments, made, hidden)
        if body is None or len(body) > LONGEST:
            continue
        body = _replaced(body, made, hidden | {word[0]})
        parts.append(text[done : word.start()])
        done = at = end
        last = body[len(body.rstrip(_IN_WORDS)) :]
        if last in made and last not in hidden and _OPENING.match(text, end):
            body, text, done, at = body.removesuffix(last), last + text[end:], 0, 0  # what was pasted is called
        parts.append(body)
    return b"".join([*parts, text[done:]])


def _substituted(
    macro: _Macro, arguments: list[bytes], made: dict[bytes, _Macro], hidden: frozenset[bytes]
) -> bytes | None:
    """A macro's body with its parameters replaced; ``None`` where the number of arguments does not fit."""
    values = dict(zip(macro.parameters, arguments, strict=False))
    if macro.parameters[-1] == b"...":
        values[b"__VA_ARGS__"] = b", ".join(arguments[len(macro.parameters) - 1 :])
    elif len(macro.parameters) != len(arguments):
        return None
    whole = {name: _replaced(value, made, hidden) for name, value in values.items()}
    text = macro.body
    if b"#" in text:
        text = _STRINGED.sub(lambda found: b'"' + values.get(found[1], found[1]) + b'"', text)
        text = _PASTED.sub(b"##", text)

    def value(found: re.Match[bytes]) -> bytes:
        if found[0] not in values:
            return found[0]
        pasted = text.endswith(b"##", 0, found.start()) or text.startswith(b"##", found.end())
        return (values if pasted else whole)[found[0]]

    return _TOKEN.sub(value, text).replace(b"##", b"")


def _around(symbols: list[SymbolFields], line: int, kinds: Collection[str] = ("namespace", "class")) -> int:
    """The innermost symbol of some kinds around a line; -1 where there is none."""
    best = -1
    for at, (kind, _, _, _, _, first, last, _, _) in enumerate(symbols):
        if kind in kinds and first <= line <= last:
            best = at
    return best
