"""The one tree-sitter engine: runs a language's query file and turns its captures into nested records.

A query file (``queries/*.scm``) says what to look for; a ``Dialect`` says how the language spells names. What is
left out: resolution of any kind, and the insides of stretches that the grammar does not understand, which come back
as one ``Problem`` a file.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from io import BytesIO
from itertools import accumulate, chain
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from tree_sitter import Language, Node, Parser, Query, QueryCursor, Tree

from tour.model import Lang, MentionFields, Role, SymbolFields
from tour.parsers.facts import Problem

_JOINTS = (
    (b"PyMethodDef", "c_method_tables.scm"),
    (b"PyGetSetDef", "c_method_tables.scm"),
    (b"PyModule_Add", "c_objects.scm"),
    (b"py::", "c_pybind.scm"),
    (b"pybind11::", "c_pybind.scm"),
    (b"TORCH_LIBRARY", "c_registrations.scm"),
    (b"_DISPATCH(", "c_stubs.scm"),
    (b"cudaLaunchKernel", "c_launch_calls.scm"),
)
"""Where C++ meets Python, the dispatcher and devices: the bytes that give such a file away, and what to look for."""

GRAMMARS: dict[Lang, tuple[str, tuple[str, ...], tuple[tuple[bytes, str], ...]]] = {
    Lang.PYTHON: (
        "tree_sitter_python",
        ("python.scm", "python_module.scm"),
        (
            (b"xtension(", "python_extensions.scm"),
            (b"SKIP_PYTHON_BINDINGS", "python_codegen.scm"),
            (b"with_metaclass(", "python_metaclasses.scm"),
            (b"add_docstr(", "python_wrapped.scm"),
            (b"boolean_dispatch(", "python_wrapped.scm"),
            (b"partial(", "python_wrapped.scm"),
            (b"type_error_to_not_implemented(", "python_wrapped.scm"),
            (b"Thread(", "python_threads.scm"),
            (b"Process(", "python_threads.scm"),
            (b"spawn(", "python_threads.scm"),
            (b"start_processes(", "python_threads.scm"),
            (b".submit(", "python_threads.scm"),
            (b"Queue(", "python_queues.scm"),
        ),
    ),
    Lang.C: ("tree_sitter_c", ("c.scm",), ()),
    Lang.CPP: ("tree_sitter_cpp", ("c_family.scm",), _JOINTS),
    Lang.CUDA: ("tree_sitter_cuda", ("c_family.scm",), (*_JOINTS, (b"<<<", "c_launches.scm"))),
}
"""For each language its grammar's package, its query files, and what is added to it for files that hold some bytes: a
pattern with a text predicate costs time in every file, and few files have what it looks for."""

_FROM_ROOT = frozenset({"python_module.scm"})
"""Files whose patterns all begin at the root of the syntax tree: run so that no other node is looked at."""

_NEAR = frozenset({"python_wrapped.scm", "python_threads.scm", "c_stubs.scm"})
"""Files whose patterns all find what the bytes stand in: run where these are, so that no other node is looked at.

In ``GRAMMARS`` such bytes may be a part of what is meant (``partial(`` of ``functools.partial(``), never more."""

_SELDOM_IN_CUDA = frozenset({"c_method_tables.scm", "c_objects.scm", "c_pybind.scm", "c_launch_calls.scm"})
"""What ties C++ to Python stands beside the kernels, not among them; it is read where it does."""

LONGEST_NAME, LONGEST_SIGNATURE = 300, 3000
"""Bytes of a name and of a signature that are kept: template arguments in a generated file can run to kilobytes, and
overloads are told apart by the last parameter of twenty."""

LONGEST_QUALNAME = 3000
"""Characters of a qualified name; what is nested so deep that its name is longer is left out."""

_BODIES = frozenset({"function", "method", "kernel"})
_CONTAINERS = _BODIES | {"class", "namespace", "enum"}
_ROLES = {f"mention.{role.value}": role.value for role in Role}
_CAPTURE, _QUERY_COMMENT = re.compile(r"@([\w.]+)"), re.compile(r"^\s*;.*", re.MULTILINE)
_NO_LOCALS = frozenset({"variable", "alias"})
_UNSCOPED = frozenset({"module", "macro", "operator"})
"""What is called the same wherever it stands: an extension module in a ``setup.py``, a macro in a namespace."""

Records = tuple[list[SymbolFields], list[MentionFields], list[Problem]]
"""What one file holds, before anybody makes records of it."""

Captures = dict[str, list[Node]]
NameReader = Callable[[Node, Captures, bytes], str | None]
TargetReader = Callable[[Node, Captures, bytes], str | None]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one language spells what its query file captures."""

    separator: str
    """Between the parts of a qualified name: ``.`` or ``::``."""
    plain_name: re.Pattern[bytes]
    """What the name of a call looks like where it can be taken as it stands."""
    definition_name: NameReader
    """The last part or parts of a definition's name; ``None`` drops the symbol."""
    mention_names: dict[Role, NameReader]
    """How a mention's name reads, by role; ``None`` from a reader drops the mention."""
    by_text: frozenset[Role]
    """The roles whose names are told by their text alone, where a pattern captures nothing else."""
    ties_plainly: bool
    """Whether such a mention's ``@target`` reads as it stands."""
    mention_target: TargetReader
    """What a mention's ``@target`` reads as."""
    role: Callable[[str, Node, bytes], str]
    """The role that a mention has where it stands."""
    function_kind: Callable[[Node, Node, bytes], str]
    """``function``, or what kind of function a definition is, given it and its name."""
    whole: Callable[[Node], Node]
    """The node that spans a definition with what precedes it: decorators, ``template <…>``."""
    is_definition: Callable[[Node], bool]
    """False for a definition, given whole, that only declares, such as a Python ``@overload``."""
    functions_nest: bool = True
    """Whether a function can stand in another. Where it cannot, one that seems to does so because the grammar lost a
    brace, and is named by the class or namespace around both; or it is a macro's call with a block behind it."""
    needs_no_type: Callable[[str], bool] = lambda name: False
    """Whether a function of that name is one although no type stands before it: some macros make functions."""


@cache
def _grammar(lang: Lang) -> tuple[Language, Parser]:
    language = Language(import_module(GRAMMARS[lang][0]).language())
    return language, Parser(language)


class _Pattern(NamedTuple):
    """What one pattern of a query file finds, as its captures say."""

    label: str
    """The capture of the whole: ``mention.call``, ``symbol.function.declaration``."""
    role: str | None
    """Of a mention."""
    is_plain: bool
    """Whether it captures nothing but the whole, a name, and what that is tied to."""
    is_tied: bool
    """Whether it captures what the name is tied to."""


@cache
def _query(lang: Lang, file: str) -> tuple[Query, list[_Pattern]]:
    """The query of a file, and what each of its patterns finds."""
    written = (Path(__file__).parent / "queries" / file).read_bytes()
    query = Query(_grammar(lang)[0], written.decode())
    patterns = []
    for number in range(query.pattern_count):
        pattern = written[query.start_byte_for_pattern(number) : query.end_byte_for_pattern(number)]
        captured = set(_CAPTURE.findall(_QUERY_COMMENT.sub("", pattern.decode())))
        label = next(name for name in captured if name.startswith(("mention.", "symbol.")))
        is_plain = captured <= {label, "name", "target"}
        patterns.append(_Pattern(label, _ROLES.get(label), is_plain, "target" in captured))
    return query, patterns


def prepare() -> None:
    """Read every query now that most trees need: a third of a second, which a process that forks others spends once
    for all of them."""
    for lang, (_, always, extra) in GRAMMARS.items():
        for file in dict.fromkeys([*always, *(added for _, added in extra)]):
            if lang is not Lang.CUDA or file not in _SELDOM_IN_CUDA:
                _query(lang, file)


def text(node: Node, source: bytes, most: int = LONGEST_NAME) -> str:
    """The node's source text with runs of blanks folded, cut at ``most`` bytes."""
    start, end = node.start_byte, node.end_byte
    raw = source[start : end if end - start <= most else start + most]
    written = raw.decode("utf-8", "replace")
    return written if written.isidentifier() else " ".join(written.split())


@dataclass(frozen=True, slots=True)
class Syntax:
    """One file's syntax tree."""

    lang: Lang
    source: bytes
    tree: Tree

    @property
    def is_broken(self) -> bool:
        """Whether there are stretches in it that the grammar does not understand."""
        return any(node.is_error for node in self.doubts())

    def doubts(self) -> Iterator[Node]:
        """The nodes that are errors or missing, in no order; others that hold none are not looked into."""
        doubtful = [self.tree.root_node]
        while doubtful:
            node = doubtful.pop()
            if node.is_error or node.is_missing:
                yield node
            if node.has_error:
                doubtful += node.children


def syntax(lang: Lang, source: bytes, known: Syntax | None = None) -> Syntax:
    """Parse ``source``; sooner, where the tree of a text is ``known`` of which a few lines hold other bytes.

    All lines of the two must be as long as each other.
    """
    if known is None:
        return Syntax(lang, source, _grammar(lang)[1].parse(source))
    tree = known.tree.copy()
    start = 0
    for row, (old, new) in enumerate(zip(known.source.split(b"\n"), source.split(b"\n"), strict=True)):
        end = start + len(new)
        if old != new:
            tree.edit(start, end, end, (row, 0), (row, len(new)), (row, len(new)))
        start = end + 1
    return Syntax(lang, source, _grammar(lang)[1].parse(source, tree))


def records(parsed: Syntax, path: str, dialect: Dialect, module: str | None = None) -> Records:
    """The symbols, mentions and problems of a file, each in its order.

    ``module`` is the qualified name of a symbol that stands for the whole file (a Python module), if there is one.
    """
    lang, source, root = parsed.lang, parsed.source, parsed.tree.root_node
    always = GRAMMARS[lang][1]
    found: list[_Found] = []
    mentions: list[_Placeless] = []
    read: dict[str, dict[bytes, str | None]] = {role._value_: {} for role in dialect.by_text}
    """How names read, by their text. One file's, for a cache of all is too large for the processor's."""
    readers = {role._value_: reader for role, reader in dialect.mention_names.items()}
    called, read_call, is_plain = read["call"], readers["call"], dialect.plain_name.fullmatch
    for file, needles in chain(((file, ()) for file in always), _added(lang, source, called)):
        query, patterns = _query(lang, file)
        for number, captures in _matches(query, file, root, source, needles):
            label, role, by_text, is_tied = patterns[number]
            node = captures[label][0]
            start = node.start_byte
            if role == "call":
                # Nine mentions in ten are calls, of the same few thousand names over and over.
                stop = node.end_byte
                if stop - start > LONGEST_NAME:
                    called[source[stop - LONGEST_NAME - 1 : stop]] = None  # by its end, for ``_added``
                    if name := read_call(node, captures, source):
                        mentions.append((start, start, stop, role, name, None))
                    continue
                raw = source[start:stop]
                if raw not in called:
                    called[raw] = raw.decode() if is_plain(raw) else read_call(node, captures, source) or None
                if (name := called[raw]) is not None:
                    mentions.append((start, start, stop, role, name, None))
            elif role is None:
                # Of a definition in pieces the name is where it begins; what is before it may be anything.
                place = captures["name"][0].start_byte if node.is_error else start
                found.append((place, -node.end_byte, label, node, captures))
            else:
                named = captures["name"][0]
                begin, stop = named.start_byte, named.end_byte
                known = read.get(role) if by_text and stop - begin <= LONGEST_NAME else None
                if known is None:
                    name = readers[role](named, captures, source)
                elif (raw := source[begin:stop]) in known:
                    name = known[raw]
                else:
                    name = known[raw] = readers[role](named, captures, source) or None
                if not name:
                    continue
                target: str | None
                if is_tied and known is not None and dialect.ties_plainly:
                    target = text(captures["target"][0], source)
                else:
                    target = dialect.mention_target(named, captures, source)
                    role = dialect.role(role, named, source)
                mentions.append((start, begin, stop, role, name, target))
    found.sort(key=itemgetter(0, 1))
    mentions.sort(key=itemgetter(0))
    lines = _lines(source)
    symbols, spans = _nest(found, source, dialect, module, root, lines)
    # In C++ a missing node is most often the semicolon that a macro brings along, and costs nothing.
    errors = [node for node in parsed.doubts() if node.is_error or lang is Lang.PYTHON]
    return symbols, _place(mentions, spans, lines), _problems(errors, path)


def _added(lang: Lang, source: bytes, called: Iterable[bytes]) -> Iterator[tuple[str, Sequence[bytes]]]:
    """The query files that a source asks for beside those always run, with the bytes that ask.

    What Python's files ask for is called, and what is called, once each, is a tenth of the source: so look there.
    """
    added: dict[str, list[bytes]] = {}
    calls = b"(\n".join([*called, b""]) if lang is Lang.PYTHON else b""
    for needle, file in GRAMMARS[lang][2]:
        if needle in (calls if calls and needle.endswith(b"(") else source):
            added.setdefault(file, []).append(needle)
    yield from added.items()


def _matches(
    query: Query, file: str, root: Node, source: bytes, needles: Sequence[bytes]
) -> Iterable[tuple[int, Captures]]:
    """What the query of a file finds; of ``_NEAR`` around each of ``needles``."""
    cursor = QueryCursor(query)
    if file in _FROM_ROOT:
        cursor.set_max_start_depth(0)
    if file not in _NEAR:
        return cursor.matches(root)
    found: dict[tuple[int, ...], tuple[int, Captures]] = {}
    for place in re.finditer(b"|".join(map(re.escape, needles)), source):
        cursor.set_byte_range(*place.span())
        for pattern, captures in cursor.matches(root):
            nodes = (node.id for captured in captures.values() for node in captured)
            found[pattern, *nodes] = pattern, captures
    return found.values()


_Found = tuple[int, int, str, Node, Captures]
"""Of a definition its start, minus its end, the label, the node, its captures."""
_Placeless = tuple[int, int, int, str, str, str | None]
"""Where a mention begins, where what it names begins and ends, and its role, name and target."""


def _lines(source: bytes) -> list[int]:
    """Where each line begins, and a place behind all: a node's own ``start_point`` is made anew for each who asks."""
    starts = [*accumulate(map(len, BytesIO(source)), initial=0)]
    if source.endswith(b"\n") or not source:
        return [*starts, sys.maxsize]
    starts[-1] = sys.maxsize
    return starts


def _nest(
    found: list[_Found],
    source: bytes,
    dialect: Dialect,
    module: str | None,
    root: Node,
    lines: list[int],
) -> tuple[list[SymbolFields], list[tuple[int, int, int]]]:
    """Symbols with their qualified names and parents, and the byte spans of those that can hold others."""
    symbols: list[SymbolFields] = []
    spans: list[tuple[int, int, int]] = []
    stack: list[tuple[int, int]] = []
    if module is not None:
        symbols.append(("module", module, "", 1, 0, 1, bisect_right(lines, root.end_byte), -1, True))
        spans.append((0, len(source) + 1, 0))
        stack.append((len(source) + 1, 0))
    for start, minus_end, label, node, captures in found:
        while stack and stack[-1][0] <= start:
            stack.pop()
        kind, is_declaration = _kind(label)
        parent = stack[-1][1] if stack else -1
        around = symbols[parent][0] if parent >= 0 else None
        if around in _BODIES and (is_declaration or kind in _NO_LOCALS):
            continue
        if kind in _NO_LOCALS and not dialect.functions_nest and _in_block(node):
            continue
        name_node = captures["name"][0]
        name = dialect.definition_name(name_node, captures, source)
        if not name:
            continue
        namer = parent
        if kind == "macro":
            parent = -1
        elif kind == "function":
            nests = dialect.functions_nest or node.type == "lambda_expression"
            if around in _BODIES and not nests:
                if node.child_by_field_name("type") is None and not dialect.needs_no_type(name):
                    continue
                while namer >= 0 and symbols[namer][0] in _BODIES:
                    namer = symbols[namer][7]
            kind = "method" if around == "class" else dialect.function_kind(node, name_node, source)
        outermost = kind in _UNSCOPED or namer < 0
        qualname = name if outermost else f"{symbols[namer][1]}{dialect.separator}{name}"
        if len(qualname) > LONGEST_QUALNAME:
            continue
        signature = captures.get("signature")
        line = bisect_right(lines, name_node.start_byte)
        while name_node.end_byte >= lines[line] and (last := name_node.child_by_field_name("name")):
            name_node = last  # of `A::` and `f` on two lines the second says where it is
            line = bisect_right(lines, name_node.start_byte)
        whole = dialect.whole(node)
        symbols.append(
            (
                kind,
                qualname,
                text(signature[0], source, LONGEST_SIGNATURE) if signature else "",
                line,
                name_node.start_byte - lines[line - 1],
                bisect_right(lines, whole.start_byte),
                bisect_right(lines, node.end_byte),
                parent,
                not is_declaration and dialect.is_definition(whole),
            )
        )
        if kind in _CONTAINERS:
            stack.append((-minus_end, len(symbols) - 1))
            spans.append((start, -minus_end, len(symbols) - 1))
    return symbols, spans


@cache
def _kind(label: str) -> tuple[str, bool]:
    """``function`` of ``symbol.function.declaration``, and whether it only declares."""
    _, kind, *declaration = label.split(".")
    return kind, bool(declaration)


def _in_block(node: Node) -> bool:
    """Whether a definition stands among statements: in the body of a lambda outside any function."""
    return (around := node.parent) is not None and around.type == "compound_statement"


def _place(mentions: list[_Placeless], spans: list[tuple[int, int, int]], lines: list[int]) -> list[MentionFields]:
    """Mentions with the innermost symbol around each; both lists are sorted by where they start."""
    placed: list[MentionFields] = []
    stack: list[tuple[int, int]] = []
    upcoming = iter(spans)
    following = next(upcoming, _NOWHERE)
    scope, turn = -1, following[0]
    line = 1
    for start, begin, stop, role, name, target in mentions:
        if start >= turn:
            while following[0] <= start:
                while stack and stack[-1][0] <= following[0]:
                    stack.pop()
                stack.append(following[1:])
                following = next(upcoming, _NOWHERE)
            while stack and stack[-1][0] <= start:
                stack.pop()
            end, scope = stack[-1] if stack else (_NOWHERE[0], -1)
            turn = min(end, following[0])
        if not lines[line - 1] <= begin < lines[line]:
            line = bisect_right(lines, begin, line) if begin >= lines[line] else bisect_right(lines, begin)
        last = line if stop < lines[line] else bisect_right(lines, stop, line)
        placed.append((role, name, target, line, begin - lines[line - 1], last, stop - lines[last - 1], scope))
    return placed


_NOWHERE = (sys.maxsize, sys.maxsize, -1)


def _problems(errors: list[Node], path: str) -> list[Problem]:
    if not errors:
        return []
    line = min(node.start_point[0] for node in errors) + 1
    stretches = "one stretch" if len(errors) == 1 else f"{len(errors)} stretches"
    return [Problem(path, line, f"{stretches} that the grammar does not understand, the first here")]
