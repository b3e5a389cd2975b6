"""One source file as a document of SCIP: what it defines, and each name in it of which the index is sure.

Names by guess are left out, for the format has no word for a guess; so are C++ namespaces, of which thousands of places
are as good a definition as any. A name that C++ or generated code gives to Python is defined by the operator or
function behind it. Columns count characters.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tour.errors import StaleIndex
from tour.index import Index, StoredSymbol, digest_of, last_part
from tour.links import Links, Node, inheritance, node, stored
from tour.model import Grade, Kind, Lang, LinkKind
from tour.model import Role as Mentioned
from tour.references import Definition, Target, references
from tour.scip import schema
from tour.scip.schema import Role, SymbolKind
from tour.scip.symbols import Names
from tour.tree import Tree

_LANGUAGES = {
    Lang.PYTHON: "Python",
    Lang.C: "C",
    Lang.CPP: "CPP",
    Lang.CUDA: "CUDA",
    Lang.OPERATORS: "YAML",
    Lang.DERIVATIVES: "YAML",
}
_KINDS = {
    Kind.MODULE: SymbolKind.MODULE,
    Kind.CLASS: SymbolKind.CLASS,
    Kind.FUNCTION: SymbolKind.FUNCTION,
    Kind.METHOD: SymbolKind.METHOD,
    Kind.KERNEL: SymbolKind.FUNCTION,
    Kind.VARIABLE: SymbolKind.VARIABLE,
    Kind.ENUM: SymbolKind.ENUM,
    Kind.ALIAS: SymbolKind.TYPE_ALIAS,
    Kind.MACRO: SymbolKind.MACRO,
    Kind.OPERATOR: SymbolKind.OPERATOR,
}
_IMPORTS = (Mentioned.IMPORT, Mentioned.FROM, Mentioned.TYPING)
_CONSTRUCTORS = frozenset({"__init__", "__new__"})
_MOST_TEXT = 2000
"""Characters of documentation or of a signature."""
_MOST_BASES = 50
_C_COMMENT = re.compile(r"\s*(?://[/!]?|/\*+!?|\*/?)?\s?(.*?)\s*(?:\*/)?\s*")


@dataclass(slots=True)
class Made:
    """A document and what others must know of it."""

    path: str
    packed: bytes
    defines: set[str] = field(default_factory=set)
    """Symbols of which it has the information."""
    asks: dict[str, str] = field(default_factory=dict)
    """Symbols that it names, and what a reader calls them."""
    bound: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """Of symbols that no file defines: where the line is that makes them, and their information."""
    occurrences: int = 0
    guesses: int = 0
    """Names that were left out."""


class Documents:
    """The documents of one tree."""

    def __init__(self, tree: Tree, index: Index) -> None:
        self._tree = tree
        self._index = index
        self._links = Links(index)
        self._names = Names(index, tree.name, tree.version)

    def document(self, path: str) -> Made:
        """The document of a file of the index; raises ``StaleIndex`` where it changed since."""
        stored_file = self._index.file(path)
        assert stored_file is not None
        source = self._tree.read(path)
        if digest_of(source) != stored_file.digest:
            raise StaleIndex("the file changed since it was indexed", at=path, hint="Run `tour index`.")
        text = source.decode("utf-8", "replace")
        found = references(path, stored_file.lang, text, self._index, self._links, deep=False, keep=False)
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        document = schema.Document(
            relative_path=path, language=_LANGUAGES[stored_file.lang], position_encoding=schema.UTF32_OFFSETS
        )
        made = Made(path, b"")
        tests = Role.TEST if path.startswith("test/") or "/test/" in path or "/tests/" in path else Role.REFERENCE
        put = self._define(document, made, found.definitions, lines, tests, stored_file.lang)
        imports = self._imports(path)
        known: dict[int, str] = {}
        for name in found.occurrences:
            if name.grade is not Grade.EXACT:
                made.guesses += 1
                continue
            meant: dict[str, None] = {}  # a declaration and its definition are two targets and one symbol
            for number in name.targets:
                target = found.targets[number]
                if target.kind != Kind.NAMESPACE:
                    if number not in known:
                        known[number] = self._named(target, made)
                    meant[known[number]] = None
                    constructed = self._class_of(target, lines[name.line - 1][name.column :])
                    if constructed is not None:
                        made.asks[constructed] = target.id.rpartition(".")[0].rpartition(".")[2]
                        meant[constructed] = None
            is_import = name.line in imports or any(found.targets[number].kind == "file" for number in name.targets)
            for symbol in meant:
                if (symbol, name.line, name.column) in put:
                    continue  # ``f`` of ``C::f``, which is defined here
                document.occurrences.add(
                    range=[name.line - 1, name.column, name.column + name.length],
                    symbol=symbol,
                    symbol_roles=tests | (Role.IMPORT if is_import else Role.REFERENCE),
                )
        document.occurrences.sort(key=lambda one: (list(one.range), one.symbol))
        made.occurrences = len(document.occurrences)
        made.packed = document.SerializeToString()
        return made

    def _class_of(self, target: Target, text: str) -> str | None:
        """Of ``C(…)``, which calls ``C.__init__``, the class as well, for the text says its name."""
        scheme, _, qualname = target.id.partition(":")
        owner, _, last = qualname.rpartition(".")
        if scheme != "py" or last not in _CONSTRUCTORS or text.startswith(last) or target.at is None:
            return None
        classes = [symbol for symbol in self._index.symbols(owner, "py") if symbol.kind is Kind.CLASS]
        return next((self._names.of(symbol) for symbol in classes if symbol.file == target.at.file), None)

    def _imports(self, path: str) -> set[int]:
        """The lines that import something."""
        mentions = self._index.mentions_in(path, *_IMPORTS)
        return {line for one in mentions for line in range(one.line, one.end_line + 1)}

    def _named(self, target: Target, made: Made) -> str:
        """The symbol of what a name means; of one that no file defines with what is known of it."""
        symbol = self._names.of_target(target)
        made.asks[symbol] = target.id if target.kind == "file" else last_part(target.id.partition(":")[2])
        if target.kind == "binding" and symbol not in made.bound and target.at is not None:
            told = schema.SymbolInformation(symbol=symbol, display_name=target.id.rpartition(".")[2])
            told.documentation.append(f"Given to Python at {target.at}.")
            for behind, name in self._behind(target):
                made.asks[behind] = name
                told.relationships.add(symbol=behind, is_definition=True, is_reference=True)
            made.bound[symbol] = (target.at.file, told.SerializeToString())
        return symbol

    def _behind(self, target: Target) -> Iterator[tuple[str, str]]:
        """The operators or functions that a name of Python stands for, and their names."""
        ends = {
            (link.target, link.target_at): None
            for link in self._links.leaving(Node(target.id))
            if link.grade is Grade.EXACT and link.kind in {LinkKind.BINDS, LinkKind.GENERATES}
        }
        found = (symbol for id_, at in ends for symbol in stored(self._index, Node(id_, at))[:1])
        yield from {self._names.of(symbol): symbol.name for symbol in found}.items()

    # definitions

    def _define(
        self, document: Any, made: Made, defined: tuple[Definition, ...], lines: list[str], role: Role, lang: Lang
    ) -> set[tuple[str, int, int]]:
        """Add what a file defines; give the symbols with the places of their names."""
        path = made.path
        places = {(place.id, place.line): place for place in defined}
        told = _docstrings(lines) if lang is Lang.PYTHON else {}
        if lang in {Lang.C, Lang.CPP, Lang.CUDA}:
            symbol = self._names.of_file(path)
            made.defines.add(symbol)
            document.symbols.add(symbol=symbol, kind=SymbolKind.FILE, display_name=path)
            document.occurrences.add(range=[0, 0, 0], symbol=symbol, symbol_roles=Role.DEFINITION | role)
        put: set[tuple[str, int, int]] = set()
        for one in self._index.symbols_in(path):
            is_module = one.kind is Kind.MODULE
            place = places.get((one.id, one.line))
            if one.kind is Kind.NAMESPACE or (place is None and not is_module):
                continue
            symbol = self._names.of(one)
            column, end = _spelt(place, one, lines) if place else (0, 0)
            if (symbol, one.line, column) in put:
                continue
            put.add((symbol, one.line, column))
            forward = not one.is_definition and self._is_defined(one)
            document.occurrences.add(
                range=[place.line - 1 if place else 0, column, end],
                symbol=symbol,
                symbol_roles=(Role.FORWARD_DEFINITION if forward else Role.DEFINITION) | role,
                enclosing_range=_whole(one, lines) if place else (),
            )
            made.asks[symbol] = one.name
            if not forward and symbol not in made.defines:
                made.defines.add(symbol)
                document.symbols.append(self._information(one, symbol, made, lines, told, lang))
        return put

    def _is_defined(self, symbol: StoredSymbol) -> bool:
        """Whether something else in the tree is what a declaration declares."""
        own = self._names.of(symbol)
        return any(
            other.is_definition and self._names.of(other) == own
            for other in self._index.symbols(symbol.qualname, symbol.scheme)
        )

    def _information(
        self, symbol: StoredSymbol, named: str, made: Made, lines: list[str], told: dict[int, str], lang: Lang
    ) -> Any:
        information = schema.SymbolInformation(symbol=named, kind=_KINDS[symbol.kind], display_name=symbol.name)
        text = told.get(0 if symbol.kind is Kind.MODULE else symbol.line) or _comment_above(symbol, lines, lang)
        if text:
            information.documentation.append(text[:_MOST_TEXT])
        if symbol.signature:
            information.signature_documentation.language = _LANGUAGES[lang]
            information.signature_documentation.text = f"{symbol.name}{symbol.signature}"[:_MOST_TEXT]
        for above, is_reference in self._implemented(symbol):
            other = self._names.of(above)
            if other != named and other not in {relation.symbol for relation in information.relationships}:
                made.asks[other] = above.name
                information.relationships.add(symbol=other, is_implementation=True, is_reference=is_reference)
        return information

    def _implemented(self, symbol: StoredSymbol) -> Iterator[tuple[StoredSymbol, bool]]:
        """The bases of a class; of a method those that it overrides, of which a mention may mean it."""
        if symbol.kind is Kind.CLASS:
            for base in self._bases(symbol):
                yield base, False
        elif symbol.kind is Kind.METHOD and symbol.parent is not None:
            for base in self._ancestors(self._index.symbol(symbol.parent)):
                overridden = [member for member in self._index.members(base.row) if member.name == symbol.name]
                for member in overridden[:1]:
                    yield member, True

    def _bases(self, symbol: StoredSymbol) -> list[StoredSymbol]:
        """The classes that a class names as its bases, of which the index is sure."""
        if symbol.kind is not Kind.CLASS:
            return []
        here = node(symbol)
        scopes = self._links.scopes(self._index)
        found: dict[int, StoredSymbol] = {}
        for link in inheritance.links_from(self._index, here, None, scopes):
            if link.grade is Grade.EXACT:
                ends = stored(self._index, Node(link.target, link.target_at))
                found |= {end.row: end for end in ends if end.kind is Kind.CLASS}
        return list(found.values())

    def _ancestors(self, symbol: StoredSymbol) -> Iterator[StoredSymbol]:
        """The bases of a class and theirs."""
        seen = {symbol.row}
        waiting = self._bases(symbol)
        while waiting and len(seen) < _MOST_BASES:
            base = waiting.pop(0)
            if base.row not in seen:
                seen.add(base.row)
                yield base
                waiting += self._bases(base)


def _spelt(place: Definition, symbol: StoredSymbol, lines: list[str]) -> tuple[int, int]:
    """Where the name itself stands: behind its class, or in a macro's parentheses; else what the index points at."""
    name = symbol.name
    text = lines[place.line - 1]
    if text.startswith(name, place.column):
        return place.column, place.column + len(name)
    found = re.compile(rf"(?<![\w~]){re.escape(name)}(?!\w)").search(text, place.column)
    return found.span() if found else (place.column, place.column + place.length)


def _whole(symbol: StoredSymbol, lines: list[str]) -> list[int]:
    """The range of a whole definition."""
    last = min(symbol.end_line, len(lines))
    return [symbol.start_line - 1, 0, last - 1, len(lines[last - 1])]


def _docstrings(lines: list[str]) -> dict[int, str]:
    """What Python's definitions say of themselves, by the line of their name; that of the module by 0."""
    try:
        module = ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    found: dict[int, str] = {}
    for at in ast.walk(module):
        if isinstance(at, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(at)
            if text:
                found[getattr(at, "lineno", 0)] = text
    return found


def _comment_above(symbol: StoredSymbol, lines: list[str], lang: Lang) -> str:
    """The comment that ends in the line before a definition of C or C++."""
    if lang not in {Lang.C, Lang.CPP, Lang.CUDA}:
        return ""
    above: list[str] = []
    at = symbol.start_line - 2
    inside = False
    while at >= 0 and len(above) < 40:
        line = lines[at].strip()
        inside = inside or line.endswith("*/")
        if not inside and not line.startswith("//"):
            break
        above.append(line)
        if line.startswith("/*"):
            break
        at -= 1
    told = [found[1] for line in reversed(above) if (found := _C_COMMENT.fullmatch(line))]
    return "\n".join(told).strip()
