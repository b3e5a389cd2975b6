"""What each name in a source file means, and what leads to and from each definition in it: the cross references.

A name that a mention stands for (a call, an import, a row of a table) means what its links say; any other is looked up
in the scope that it stands in. What scope does not decide is a guess and says so, with the number of candidates. Left
out: names in comments and strings, attributes of objects whose class is unknown, and what a local variable hides.
Columns here count characters of the decoded line, for names are cut out of text; the index counts bytes.
"""

from __future__ import annotations

import json
import re
import zlib
from base64 import b85decode, b85encode
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from keyword import iskeyword
from typing import Any, NamedTuple

from tour.answers import rules
from tour.index import Index, StoredMention, StoredSymbol, last_part
from tour.links import WRITTEN, Links, Node, inheritance, node, stored
from tour.links.cpp_scopes import cpp_targets
from tour.links.python_scopes import PythonScopes, Value
from tour.model import At, Grade, Kind, Lang, Link, LinkKind, Role

MOST_CANDIDATES = 12
"""A name that more symbols bear is not worth a link."""
MOST_GUESSES = 4
"""A call that may mean more than so many is left to the code to show."""
MOST_FILES = 40
"""Of a name that more files mention, callers are not looked for while a page is made: each of them is a question."""
MOST_RELATIONS = 200
"""Places listed under one heading of a definition."""

_CODE = {
    "python": re.compile(
        r"(?P<skip>\#[^\n]*|[rRbBuUfF]{0,2}(?:'''.*?(?:'''|\Z)|\"\"\".*?(?:\"\"\"|\Z)|'(?:\\.|[^'\\\n])*'?|\"(?:\\.|[^\"\\\n])*\"?))"
        r"|(?P<member>\.\s*)?(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)",
        re.DOTALL,
    ),
    "c": re.compile(
        r"(?P<include>^[ \t]*\#[ \t]*include[ \t]*[<\"](?P<file>[^>\"\n]+)[>\"])"
        r"|(?P<skip>//[^\n]*|/\*.*?(?:\*/|\Z)|R\"(?P<edge>[^()\\\s]{0,16})\(.*?\)(?P=edge)\""
        r"|\"(?:\\.|[^\"\\\n])*\"?|'(?:\\.|[^'\\\n])+')"
        r"|(?P<member>(?:\.|->)\s*(?:template\s+)?)?(?P<name>[A-Za-z_]\w*(?:::~?[A-Za-z_]\w*)*)",
        re.DOTALL | re.MULTILINE,
    ),
}
_UNSEEN = re.compile(
    r"\bfor\s+([\w\s,()*]+?)\s+in\b|\bas\s+\(?([\w,\s]+?)\)?\s*[:,)\n]|^\s*(\(?\w+(?:\s*,\s*\*?\w+)+\s*,?\)?)\s*=[^=]"
    r"|(\w+)\s*:=|\blambda\s+([\w\s,*=]+?):",
    re.MULTILINE,
)
"""What binds a name in a Python function and is not known to the index."""
_DECLARED = re.compile(r"(?<!return)(?<!else)(?<!throw)(?<!case)(?<=[\w>&*\]])\s+[&*]*([A-Za-z_]\w*)\s*(?=[=;,)\[{:(])")
"""A local variable or parameter of C++, as far as its looks tell."""
_ASSIGNED = re.compile(r"\bself\.(\w+)\s*(?::[^=]+)?=(?!=)")
_FUNCTIONS = frozenset({Kind.FUNCTION, Kind.METHOD, Kind.KERNEL})
_TYPES = frozenset({Kind.CLASS, Kind.ENUM, Kind.ALIAS, Kind.MACRO})
_SPECIAL = frozenset({"__init__", "__new__", "__call__", "forward"})


class Target(NamedTuple):
    """What a name may lead to."""

    id: str
    kind: str
    """A symbol's kind; ``binding`` where C++ or generated code gives the name to Python; ``file`` of an include."""
    signature: str
    at: At | None
    """Where it is defined; of a binding the line that makes it."""


class Occurrence(NamedTuple):
    """A name in the code and what it means."""

    line: int
    column: int
    """From 0, in characters."""
    length: int
    targets: tuple[int, ...]
    """The likeliest first, as places in the file's targets."""
    grade: Grade
    candidates: int


class Relation(NamedTuple):
    """One thing that leads to a definition, or that it leads to."""

    heading: str
    """``callers``, ``callees``, ``references``, ``bases``, ``subclasses``, ``bindings``, ``dispatch``, ``gradient``."""
    id: str
    at: At
    """Where one can see it."""
    to: At | None
    """Where the other end is defined."""
    grade: Grade
    candidates: int
    key: str | None


class Definition(NamedTuple):
    """A symbol that a file defines, with what is known of it."""

    line: int
    column: int
    length: int
    id: str
    kind: str
    signature: str
    end_line: int
    relations: tuple[Relation, ...]
    common: bool
    """Whether so many files mention its name that not all callers were looked for."""


@dataclass(frozen=True, slots=True)
class References:
    """All that a source page knows of its names."""

    occurrences: tuple[Occurrence, ...] = ()
    """By place."""
    targets: tuple[Target, ...] = ()
    definitions: tuple[Definition, ...] = ()


NOTHING = References()


class _Token(NamedTuple):
    """A name as written, one part or several."""

    name: str
    line: int
    column: int
    is_member: bool
    is_bound: bool
    """Whether ``=`` follows: a keyword argument, or an assignment."""


def references(
    path: str, lang: Lang, text: str, index: Index, links: Links, *, deep: bool = True, keep: bool = True
) -> References:
    """The cross references of a file; without ``deep`` only what its names mean, not what leads to its definitions.

    ``text`` is what was indexed. The index remembers them until its facts change, or the rules that find them, unless
    without ``keep``: whoever asks for those of every file once would fill it with what nobody asks for again.
    """
    key = f"references {rules()} {'deep' if deep else 'flat'} {path}"
    if kept := index.recall(key):
        return _restored(json.loads(zlib.decompress(b85decode(kept))))
    found = _File(path, lang, text, index, links).references(deep)
    if not keep:
        return found
    packed = zlib.compress(json.dumps([found.occurrences, found.targets, found.definitions]).encode("ascii"), 3)
    index.remember(key, b85encode(packed).decode("ascii"))
    return found


def _restored(told: list[list[Any]]) -> References:
    """What ``references`` wrote down."""
    return References(
        tuple(
            Occurrence(line, column, length, tuple(ends), Grade(grade), count)
            for line, column, length, ends, grade, count in told[0]
        ),
        tuple(Target(id_, kind, signature, _at(at)) for id_, kind, signature, at in told[1]),
        tuple(
            Definition(line, column, length, id_, kind, signature, end_line, tuple(map(_relation, relations)), common)
            for line, column, length, id_, kind, signature, end_line, relations, common in told[2]
        ),
    )


def _relation(fields: Sequence[Any]) -> Relation:
    heading, id_, at, to, grade, candidates, key = fields
    return Relation(heading, id_, At(*at), _at(to), Grade(grade), candidates, key)


def _at(place: Sequence[Any] | None) -> At | None:
    return At(*place) if place else None


class _File:
    """One file under way."""

    def __init__(self, path: str, lang: Lang, text: str, index: Index, links: Links) -> None:
        self._path = path
        self._lang = lang
        self._text = text.replace("\r\n", "\n").replace("\r", "\n")
        self._lines = self._text.split("\n")
        self._index = index.standing(path)
        self._links = links
        self._symbols = self._index.symbols_in(path)
        self._targets: dict[Target, int] = {}
        self._found: dict[tuple[int, int], Occurrence] = {}
        self._cpp: dict[tuple[str, str], tuple[list[StoredSymbol], bool]] = {}
        self._hidden: dict[int, frozenset[str]] = {}
        self._bindings: dict[str, Target] = {}
        self._types: dict[tuple[int, str], str] = {}
        self._given: dict[int, dict[str, int]] = {}

    def references(self, deep: bool) -> References:
        defined = {(place.line, place.column): place for place in self._definitions(deep)}
        self._by_mentions()
        if self._lang is Lang.PYTHON:
            self._by_python_scopes()
        elif self._lang in {Lang.C, Lang.CPP, Lang.CUDA}:
            self._by_cpp_scopes()
        kept = [self._found[place] for place in sorted(self._found) if place not in defined]
        if deep:
            self._refer(kept, defined)
        return References(tuple(kept), tuple(self._targets), tuple(defined[place] for place in sorted(defined)))

    def _refer(self, names: Sequence[Occurrence], defined: dict[tuple[int, int], Definition]) -> None:
        """Note with each definition where else its own file names it."""
        targets = list(self._targets)
        named: defaultdict[tuple[str, At | None], dict[At, Occurrence]] = defaultdict(dict)
        for name in names:
            for number in name.targets:
                named[targets[number].id, targets[number].at].setdefault(At(self._path, name.line), name)
        for place, one in defined.items():
            told = {relation.at for relation in one.relations}
            more = [
                Relation("references", around.id, at, around.at, name.grade, name.candidates, None)
                for at, name in named.get((one.id, At(self._path, one.line)), {}).items()
                if at not in told and (around := self._around[at.line]) is not None
            ]
            if more:
                defined[place] = one._replace(relations=(*one.relations, *more[:MOST_RELATIONS]))

    # where things stand

    def _characters(self, line: int, column: int) -> int:
        """A column in characters."""
        text = self._lines[line - 1] if line <= len(self._lines) else ""
        return column if text.isascii() else len(text.encode("utf-8", "replace")[:column].decode("utf-8", "replace"))

    @cached_property
    def _around(self) -> list[StoredSymbol | None]:
        """For each line the innermost symbol around it."""
        around: list[StoredSymbol | None] = [None] * (len(self._lines) + 2)
        for symbol in sorted(self._symbols, key=lambda symbol: (symbol.start_line, -symbol.end_line)):
            if symbol.kind in _FUNCTIONS | {Kind.MODULE, Kind.NAMESPACE, Kind.CLASS, Kind.OPERATOR}:
                last = min(symbol.end_line, len(self._lines))
                around[symbol.start_line : last + 1] = [symbol] * (last + 1 - symbol.start_line)
        return around

    def _tokens(self) -> Iterator[_Token]:
        """The names in the code, in their order."""
        pattern = _CODE["python" if self._lang is Lang.PYTHON else "c"]
        line, start = 1, 0
        for found in pattern.finditer(self._text):
            line += self._text.count("\n", start, found.start())
            start = found.start()
            if found["name"] and not (self._lang is Lang.PYTHON and iskeyword(found["name"])):
                at = found.start("name")
                line += self._text.count("\n", start, at)
                start = at
                before = self._text.rfind("\n", 0, at) + 1
                follows = self._text[found.end() : found.end() + 3].lstrip(" ")
                bound = follows[:1] == "=" and follows[1:2] != "="
                yield _Token(found["name"], line, at - before, bool(found["member"]), bound)

    # what they lead to

    def _target(self, target: Target) -> int:
        return self._targets.setdefault(target, len(self._targets))

    def _of_symbol(self, symbol: StoredSymbol) -> Target:
        return Target(symbol.id, symbol.kind.value, symbol.signature, symbol.at)

    def _of_node(self, meant: Node) -> Target:
        """A link's end; of what no file defines the line that gives Python its name."""
        if symbols := stored(self._index, meant):
            first = next((symbol for symbol in symbols if symbol.is_definition), symbols[0])
            return self._of_symbol(first)
        if meant.id not in self._bindings:
            made = next(iter(self._links.leaving(Node(meant.id))), None)
            self._bindings[meant.id] = Target(meant.id, "binding", "", made.at if made else meant.at)
        return self._bindings[meant.id]

    def _put(self, line: int, column: int, length: int, ends: Sequence[Target], grade: Grade, candidates: int) -> None:
        """Note what a name means, unless that is known by now."""
        ends = [end for end in dict.fromkeys(ends) if end.at is not None]
        if ends and candidates <= MOST_CANDIDATES and (line, column) not in self._found and length:
            numbers = tuple(self._target(end) for end in ends[:MOST_CANDIDATES])
            self._found[line, column] = Occurrence(line, column, length, numbers, grade, candidates)

    @cached_property
    def _own(self) -> dict[str, list[StoredSymbol]]:
        """What the file defines at the top, by name."""
        own: defaultdict[str, list[StoredSymbol]] = defaultdict(list)
        for symbol in self._symbols:
            if symbol.parent is None and symbol.kind is not Kind.NAMESPACE:
                own[symbol.qualname].append(symbol)
        return own

    # mentions

    def _by_mentions(self) -> None:
        """What the links say that leave this file's symbols, each at the mention that it comes from."""
        leaving: defaultdict[int, list[Link]] = defaultdict(list)
        for symbol in self._symbols:
            for link in self._links.leaving(node(symbol), None, WRITTEN):
                if link.at.file == self._path:
                    leaving[link.at.line].append(link)
        for mention in self._index.mentions_between(self._path, 1, len(self._lines) + 1):
            name = self._written(mention)
            place = self._place(mention, name)
            if place is None:
                continue
            here = dict.fromkeys(leaving.get(mention.line, ()))
            told = [link for link in here if self._speaks_of(link, mention, name)]
            best = [link for link in told if link.grade is Grade.EXACT] or told
            if best:
                count = max(link.candidates for link in best)
                grade = best[0].grade
                ends = [self._of_node(Node(link.target, link.target_at)) for link in best]
                if grade is not Grade.EXACT and mention.name.startswith("."):
                    ends = self._likeliest(ends, mention)
                self._put(mention.end_line if place[1] else mention.line, place[0], len(name), ends, grade, count)

    def _likeliest(self, ends: list[Target], mention: StoredMention) -> list[Target]:
        """Methods in the order in which the looks of their receiver speak for them: ``const Tensor& input`` before
        ``input.defined()``. They stay guesses, for a variable of that name may have been declared further in."""
        scope = self._around[mention.line] if mention.line < len(self._around) else None
        start = self._characters(mention.line, mention.column)
        receiver = re.compile(r"[A-Za-z_]\w*").match(self._lines[mention.line - 1], start)
        if scope is None or receiver is None:
            return ends
        key = (scope.row, receiver[0])
        if key not in self._types:
            body = "\n".join(self._lines[scope.start_line - 1 : scope.end_line])
            found = re.search(rf"(\w+)(?:<[^<>;]*>)?\s*[&*]*\s+[&*]*{receiver[0]}\b", body)
            self._types[key] = found[1] if found else ""
        declared = self._types[key]
        classes = {declared, f"{declared}Base"} if declared else set()
        return sorted(ends, key=lambda end: end.id.rpartition("::")[0].rpartition("::")[2] not in classes)

    def _written(self, mention: StoredMention) -> str:
        """The part of a mention that is written where it ends."""
        name = last_part(mention.name) if mention.role is not Role.DELEGATE else mention.name.rpartition("::")[2]
        return name.rstrip("()[]")

    def _place(self, mention: StoredMention, name: str) -> tuple[int, bool] | None:
        """Where that part stands: the column, and whether in the mention's last line."""
        for line, is_last in ((mention.end_line, True), (mention.line, False)):
            text = self._lines[line - 1] if line <= len(self._lines) else ""
            end = self._characters(line, mention.end_column) if is_last else len(text)
            if is_last and name and text[:end].endswith(name):
                return end - len(name), is_last
            start = self._characters(line, mention.column) if line == mention.line else 0
            found = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)").search(text, start, end)
            if found and name:
                return found.start(), is_last
        return None

    def _speaks_of(self, link: Link, mention: StoredMention, name: str) -> bool:
        """Whether a link comes from that mention, and not from another one in the line."""
        if mention.role in {Role.GENERATE, Role.SKIP, Role.OWNER}:
            return False
        target = link.target.partition(":")[2]
        last = last_part(target)
        if mention.role in {Role.IMPORT, Role.FROM, Role.TYPING}:
            return target.endswith(mention.name) or last == name
        bare = last.partition(".")[0]
        fits = name in {last, bare, f"{bare}_out", f"{bare}_symint"} or last.rpartition(".")[2] == name
        if mention.role in {Role.DISPATCH, Role.STRUCTURED, Role.UFUNC}:
            return fits or (last == "impl" and target.endswith(f"::structured_{name}::impl"))
        if mention.role is Role.ENTRY:
            return link.kind is LinkKind.BINDS
        return fits or (last in _SPECIAL and link.kind is LinkKind.CALLS and f"{name}." in f"{target}.")

    # scopes

    def _by_python_scopes(self) -> None:
        scopes = self._links.scopes(self._index)
        for token in self._tokens():
            if token.is_member or (token.is_bound and "." not in token.name) or token.line >= len(self._around):
                continue
            scope = self._around[token.line]
            if scope is None:
                continue
            parts = token.name.split(".")
            if parts[0] not in {"self", "cls"} and self._hides(scope, parts[0]):
                continue
            column = token.column
            for number, part in enumerate(parts):
                if (token.line, column) not in self._found and part not in {"self", "cls", "super"}:
                    values = scopes.values(".".join(parts[: number + 1]), scope)
                    ends = [self._of_value(value) for value in values if not value.is_foreign]
                    known = [end for end in ends if end is not None]
                    if not known and number == 1 and parts[0] in {"self", "cls"}:
                        known = self._of_attribute(scope, part, scopes)
                    sure = len(known) == 1 and all(value.is_sure for value in values)
                    grade = Grade.EXACT if sure else Grade.NAME
                    self._put(token.line, column, len(part), known, grade, max(1, len(known)))
                column += len(part) + 1

    def _of_value(self, value: Value) -> Target | None:
        """What the name of a value leads to: of an object the variable that holds it, if the tree has that."""
        if value.is_instance:
            return self._of_symbol(value.via) if value.via else None
        return self._of_symbol(value.symbol) if value.symbol else self._of_node(value.node)

    def _of_attribute(self, scope: StoredSymbol, name: str, scopes: PythonScopes) -> list[Target]:
        """The line that first binds an attribute of ``self``."""
        owner = scopes.class_of(scope)
        for at in scopes.ancestry(owner) if owner else ():
            if ties := scopes.names(at.file).ties.get((at.row, f"self.{name}")):
                return [Target(f"{at.id}.{name}", "variable", "", ties[0].at)]
            if at.file == self._path and (line := self._assigned(at).get(name)):
                return [Target(f"{at.id}.{name}", "variable", "", At(self._path, line))]
        return []

    def _assigned(self, owner: StoredSymbol) -> dict[str, int]:
        """The lines in which a class of this file first gives its objects an attribute."""
        if owner.row not in self._given:
            given: dict[str, int] = {}
            for line in range(owner.start_line, min(owner.end_line, len(self._lines)) + 1):
                for found in _ASSIGNED.finditer(self._lines[line - 1]):
                    given.setdefault(found[1], line)
            self._given[owner.row] = given
        return self._given[owner.row]

    def _hides(self, scope: StoredSymbol, name: str) -> bool:
        """Whether a function binds a name to something that the index does not see."""
        if scope.kind not in _FUNCTIONS:
            return False
        if scope.row not in self._hidden:
            body = "\n".join(self._lines[scope.start_line - 1 : scope.end_line])
            names: set[str] = set()
            if self._lang is Lang.PYTHON:
                for found in _UNSEEN.finditer(body):
                    names.update(re.findall(r"[A-Za-z_]\w*", " ".join(part or "" for part in found.groups())))
            else:
                names.update(_DECLARED.findall(body))
                names.discard(scope.name)
            self._hidden[scope.row] = frozenset(names)
        return name in self._hidden[scope.row]

    def _by_cpp_scopes(self) -> None:
        self._includes()
        for token in self._tokens():
            if token.is_member or token.line >= len(self._around):
                continue
            scope = self._around[token.line]
            parts = token.name.split("::")
            column = token.column
            for number, part in enumerate(parts):
                if (token.line, column) not in self._found:
                    self._look_up("::".join(parts[: number + 1]), token.line, column, len(part), scope)
                column += len(part) + 2

    def _look_up(self, name: str, line: int, column: int, length: int, scope: StoredSymbol | None) -> None:
        """A C or C++ name that no mention speaks of: what scope decides, and of a qualified one a near guess."""
        key = (name, scope.qualname if scope else "")
        if key not in self._cpp:
            self._cpp[key] = cpp_targets(self._index, name, scope, 3)
        found, by_scope = self._cpp[key]
        qualified = "::" in name
        if not found or (not by_scope and (not qualified or len(found) > 3)):
            return
        kinds = {symbol.kind for symbol in found}
        if not qualified and self._own.get(name):
            found = self._own[name]  # one of another source file is not seen from here
        if not qualified and not kinds <= _TYPES and scope is not None and self._hides(scope, name):
            return
        ends = [self._of_symbol(symbol) for symbol in found]
        self._put(line, column, length, ends, Grade.EXACT if by_scope else Grade.NAME, 1 if by_scope else len(found))

    def _includes(self) -> None:
        """The files that ``#include`` names."""
        for found in _CODE["c"].finditer(self._text):
            if not found["include"]:
                continue
            paths = self._index.files_ending(found["file"])
            beside = f"{self._path.rpartition('/')[0]}/{found['file']}"
            best = [path for path in paths if path == beside] or paths
            line = self._text.count("\n", 0, found.start("file")) + 1
            column = found.start("file") - self._text.rfind("\n", 0, found.start("file")) - 1
            ends = [Target(path, "file", "", At(path, 1)) for path in best[:MOST_CANDIDATES]]
            grade = Grade.EXACT if len(best) == 1 else Grade.NAME
            self._put(line, column, len(found["file"]), ends, grade, max(1, len(best)))

    # definitions

    def _definitions(self, deep: bool) -> Iterator[Definition]:
        """The symbols of the file, each at the place of its name."""
        for symbol in self._symbols:
            name = symbol.name.rpartition("::")[2]
            column = self._characters(symbol.line, symbol.column)
            text = self._lines[symbol.line - 1] if symbol.line <= len(self._lines) else ""
            if symbol.kind in {Kind.MODULE, Kind.NAMESPACE} or not name:
                continue
            length = len(name)
            if not text.startswith(name, column):
                word = re.compile(r"[\w.]+|\S").match(text, column)
                length = len(word[0]) if word else 0
            if not length:
                continue
            told = _relations(symbol, self._index, self._links) if deep else ((), False)
            yield Definition(
                symbol.line, column, length, symbol.id, symbol.kind.value, symbol.signature, symbol.end_line, *told
            )


_LEAVING = {
    LinkKind.CALLS: "callees",
    LinkKind.INIT: "callees",
    LinkKind.STARTS: "callees",
    LinkKind.HANDS: "callees",
    LinkKind.THEN: "callees",
    LinkKind.LAUNCHES: "callees",
    LinkKind.INHERITS: "bases",
    LinkKind.BINDS: "bindings",
    LinkKind.GENERATES: "bindings",
    LinkKind.DISPATCHES: "dispatch",
    LinkKind.STUBS: "dispatch",
    LinkKind.DIFFERENTIATES: "gradient",
}
_ARRIVING = {
    **_LEAVING,
    **dict.fromkeys((kind for kind, heading in _LEAVING.items() if heading == "callees"), "callers"),
    LinkKind.INHERITS: "subclasses",
    LinkKind.IMPORTS: "references",
}
HEADINGS = ("definition", "bindings", "dispatch", "gradient", "callers", "subclasses", "bases", "callees", "references")
"""Of a definition's relations, in the order in which they are shown."""


def _relations(symbol: StoredSymbol, index: Index, links: Links) -> tuple[tuple[Relation, ...], bool]:
    """What leads to a symbol and what it leads to, and whether its name is too common to say all of the first."""
    if symbol.kind in {Kind.MACRO, Kind.ALIAS, Kind.ENUM}:
        return (), False
    here = node(symbol)
    found: dict[tuple[str, str, At], Relation] = {}
    for other in index.symbols(symbol.qualname, symbol.scheme) if not symbol.is_definition else ():
        if other.is_definition:
            made = Relation("definition", other.id, other.at, other.at, Grade.EXACT, 1, None)
            found["definition", other.id, other.at] = made
    for link in links.leaving(here, None, WRITTEN):
        heading = _LEAVING.get(link.kind)
        if heading and (link.grade is Grade.EXACT or link.candidates <= MOST_GUESSES):
            made = Relation(heading, link.target, link.at, link.target_at, link.grade, link.candidates, link.key)
            found.setdefault((heading, link.target, link.at), made)
    if symbol.kind is Kind.CLASS:
        for link in inheritance.subclasses(index, here, links.scopes(index)):
            made = Relation(
                "subclasses", link.source, link.at, links.placed(link).at, link.grade, link.candidates, None
            )
            found.setdefault(("subclasses", link.source, link.at), made)
    common = index.files_mentioning(last_part(symbol.qualname)) > MOST_FILES
    for link in links.arriving(here, MOST_FILES):
        source = links.placed(link)
        heading = _ARRIVING.get(link.kind, "references")
        made = Relation(heading, link.source, link.at, source.at, link.grade, link.candidates, link.key)
        found.setdefault((heading, link.source, link.at), made)
    counted: defaultdict[str, int] = defaultdict(int)
    kept = []
    for one in sorted(found.values(), key=_rank):
        counted[one.heading] += 1
        if counted[one.heading] <= MOST_RELATIONS:
            kept.append(one)
    return tuple(kept), common


def _rank(one: Relation) -> tuple[int, bool, bool]:
    """By heading; what is sure before guesses, and of both what tests do last."""
    file = one.at.file
    return HEADINGS.index(one.heading), one.grade is not Grade.EXACT, file.startswith("test/") or "/test/" in file
