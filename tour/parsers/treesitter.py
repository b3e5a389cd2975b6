"""The one tree-sitter engine: runs a language's query file and turns its captures into nested records.

A query file (``queries/*.scm``) says what to look for; a ``Dialect`` says how the language spells names. What is
left out: resolution of any kind, and the insides of stretches that the grammar does not understand, which come back
as one ``Problem`` a file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

from tree_sitter import Language, Node, Parser, Query, QueryCursor

from tour.model import Kind, Lang, Mention, Problem, Role, Symbol

GRAMMARS = {
    Lang.PYTHON: ("tree_sitter_python", "python.scm"),
    Lang.C: ("tree_sitter_c", "c.scm"),
    Lang.CPP: ("tree_sitter_cpp", "c_family.scm"),
    Lang.CUDA: ("tree_sitter_cuda", "c_family.scm"),
}
"""For each language its grammar's package and its query file: a new language is one line here and one file there."""

LONGEST_NAME = 300
"""Bytes of a name or signature that are kept: template arguments in a generated file can run to kilobytes."""

_BODIES = frozenset({Kind.FUNCTION, Kind.METHOD})
_CONTAINERS = frozenset({Kind.CLASS, Kind.FUNCTION, Kind.METHOD, Kind.NAMESPACE, Kind.ENUM})
_NO_LOCALS = frozenset({Kind.VARIABLE, Kind.MACRO, Kind.ALIAS})

Captures = dict[str, list[Node]]
NameReader = Callable[[Node, Captures, bytes], str | None]
TargetReader = Callable[[Node, Captures, bytes], str | None]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one language spells what its query file captures."""

    separator: str
    """Between the parts of a qualified name: ``.`` or ``::``."""
    definition_name: NameReader
    """The last part or parts of a definition's name; ``None`` drops the symbol."""
    mention_names: dict[Role, NameReader]
    """How a mention's name reads, by role; ``None`` from a reader drops the mention."""
    mention_target: TargetReader
    """What a mention's ``@target`` reads as."""
    whole: Callable[[Node], Node]
    """The node that spans a definition with what precedes it: decorators, ``template <…>``."""
    is_definition: Callable[[Node], bool]
    """False for a definition that only declares, such as a Python ``@overload``."""


@cache
def _language(lang: Lang) -> tuple[Parser, Query]:
    package, query_file = GRAMMARS[lang]
    language = Language(import_module(package).language())
    query = (Path(__file__).parent / "queries" / query_file).read_text()
    return Parser(language), Query(language, query + "\n(ERROR) @error\n")


def text(node: Node, source: bytes) -> str:
    """The node's source text with runs of blanks folded, cut at ``LONGEST_NAME`` bytes."""
    raw = source[node.start_byte : min(node.end_byte, node.start_byte + LONGEST_NAME)]
    return " ".join(raw.decode("utf-8", "replace").split())


def records(
    lang: Lang, path: str, source: bytes, dialect: Dialect, module: str | None = None
) -> tuple[list[Symbol], list[Mention], list[Problem]]:
    """Parse ``source`` and give its symbols, mentions and problems, each in the order of the file.

    ``module`` is the qualified name of a symbol that stands for the whole file (a Python module), if there is one.
    """
    parser, query = _language(lang)
    root = parser.parse(source).root_node
    found: list[tuple[int, int, str, Node, Captures]] = []
    named: list[tuple[int, str, Node, Captures]] = []
    errors: list[Node] = []
    for _, captures in QueryCursor(query).matches(root):
        for label, nodes in captures.items():
            if label.startswith("mention."):
                named.append((nodes[0].start_byte, label[8:], nodes[0], captures))
                break
            if label.startswith("symbol."):
                found.append((nodes[0].start_byte, -nodes[0].end_byte, label[7:], nodes[0], captures))
                break
            if label == "error":
                errors.append(nodes[0])
    found.sort(key=lambda item: item[:3])
    named.sort(key=lambda item: item[:2])
    symbols, spans = _nest(found, source, dialect, module, root)
    return symbols, _place(named, source, dialect, spans), _problems(errors, path)


def _nest(
    found: list[tuple[int, int, str, Node, Captures]],
    source: bytes,
    dialect: Dialect,
    module: str | None,
    root: Node,
) -> tuple[list[Symbol], list[tuple[int, int, int]]]:
    """Symbols with their qualified names and parents, and the byte spans of those that can hold others."""
    symbols: list[Symbol] = []
    spans: list[tuple[int, int, int]] = []
    stack: list[tuple[int, int]] = []
    if module is not None:
        symbols.append(Symbol(Kind.MODULE, module, "", 1, 0, 1, root.end_point[0] + 1, -1))
        spans.append((0, len(source) + 1, 0))
        stack.append((len(source) + 1, 0))
    for start, minus_end, label, node, captures in found:
        while stack and stack[-1][0] <= start:
            stack.pop()
        kind = Kind(label.removesuffix(".declaration"))
        declares = label.endswith(".declaration")
        parent = stack[-1][1] if stack else -1
        around = symbols[parent].kind if parent >= 0 else None
        if around in _BODIES and (declares or kind in _NO_LOCALS):
            continue
        name_node = captures["name"][0]
        name = dialect.definition_name(name_node, captures, source)
        if not name:
            continue
        if kind is Kind.MODULE or parent < 0:
            qualname = name
        else:
            qualname = f"{symbols[parent].qualname}{dialect.separator}{name}"
        if kind is Kind.FUNCTION and around is Kind.CLASS:
            kind = Kind.METHOD
        signature = captures.get("signature")
        line, column = name_node.start_point
        symbols.append(
            Symbol(
                kind,
                qualname,
                text(signature[0], source) if signature else "",
                line + 1,
                column,
                dialect.whole(node).start_point[0] + 1,
                node.end_point[0] + 1,
                parent,
                not declares and dialect.is_definition(node),
            )
        )
        if kind in _CONTAINERS:
            stack.append((-minus_end, len(symbols) - 1))
            spans.append((start, -minus_end, len(symbols) - 1))
    return symbols, spans


def _place(
    named: list[tuple[int, str, Node, Captures]],
    source: bytes,
    dialect: Dialect,
    spans: list[tuple[int, int, int]],
) -> list[Mention]:
    """Mentions with the innermost symbol around each; both lists are sorted by where they start."""
    mentions: list[Mention] = []
    stack: list[tuple[int, int]] = []
    upcoming = 0
    for start, label, _, captures in named:
        while upcoming < len(spans) and spans[upcoming][0] <= start:
            while stack and stack[-1][0] <= spans[upcoming][0]:
                stack.pop()
            stack.append(spans[upcoming][1:])
            upcoming += 1
        while stack and stack[-1][0] <= start:
            stack.pop()
        role = Role(label)
        name_node = captures["name"][0]
        name = dialect.mention_names[role](name_node, captures, source)
        if not name:
            continue
        first, last = name_node.start_point, name_node.end_point
        mentions.append(
            Mention(
                role,
                name,
                dialect.mention_target(name_node, captures, source),
                first[0] + 1,
                first[1],
                last[0] + 1,
                last[1],
                stack[-1][1] if stack else -1,
            )
        )
    return mentions


def _problems(errors: list[Node], path: str) -> list[Problem]:
    if not errors:
        return []
    line = min(node.start_point[0] for node in errors) + 1
    stretches = "one stretch" if len(errors) == 1 else f"{len(errors)} stretches"
    return [Problem(path, line, f"{stretches} that the grammar does not understand, the first here")]
