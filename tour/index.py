"""The SQLite file that holds what the parsers found, and every question anybody may ask it; the only SQL.

The index is a cache: a file of another format, or one cut short, is rebuilt, never migrated. It knows no trees; it
stores paths, and the facts a reader needs to judge whether they still hold (size, time, digest). A symbol's row number
is its file's number and its place in the file, so that whoever parsed a file can number its rows alone. A file's
mentions, a hundred for every one that is ever asked for, are packed into one row: columns of numbers, in the order of
the lines. Beside them stands which files mention a name at all, and which tie something to it: for each name and role
the numbers of the files.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from io import BytesIO
from itertools import count
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any, NamedTuple, Self

from tour.digests import blake2b
from tour.errors import StaleIndex
from tour.model import PYTORCH, At, Kind, Lang, MentionFields, Role, SymbolFields

FORMAT = 15
"""Raised with every change of the schema or of what parsers store; another number means: rebuild."""

APPLICATION_ID = 0x746F7572  # "tour"

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE file (
  id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, lang TEXT NOT NULL, size INTEGER NOT NULL, mtime INTEGER NOT NULL,
  digest BLOB NOT NULL, macros TEXT NOT NULL);
CREATE TABLE problem (file INTEGER NOT NULL, line INTEGER NOT NULL, what TEXT NOT NULL);
CREATE TABLE symbol (
  id INTEGER PRIMARY KEY, scheme TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
  qualname TEXT NOT NULL, signature TEXT NOT NULL, line INTEGER NOT NULL, col INTEGER NOT NULL,
  start_line INTEGER NOT NULL, end_line INTEGER NOT NULL, parent INTEGER, defines INTEGER NOT NULL);
CREATE TABLE mentions (file INTEGER PRIMARY KEY, strings TEXT NOT NULL, places BLOB NOT NULL);
CREATE TABLE text (file INTEGER PRIMARY KEY, packed BLOB NOT NULL);
CREATE TABLE mentioned (role TEXT, name TEXT, files BLOB NOT NULL, PRIMARY KEY (role, name)) WITHOUT ROWID;
CREATE TABLE tied (role TEXT, name TEXT, files BLOB NOT NULL, PRIMARY KEY (role, name)) WITHOUT ROWID;
CREATE TABLE precise (
  file INTEGER PRIMARY KEY, key TEXT NOT NULL, errors INTEGER NOT NULL, missing TEXT NOT NULL, headers TEXT NOT NULL,
  told TEXT NOT NULL);
CREATE TABLE walk (key TEXT PRIMARY KEY, told TEXT NOT NULL) WITHOUT ROWID;
"""
_INDICES = (
    "CREATE INDEX symbol_name ON symbol (name, qualname)",
    "CREATE INDEX problem_file ON problem (file)",
)
"""Made once all rows are there, which takes less time than keeping them up."""


class StoredFile(NamedTuple):
    """What the index knows of a file's state when it was read."""

    id: int
    path: str
    lang: Lang
    size: int
    mtime_ns: int
    digest: bytes


Told = dict[str, list[str]]
"""By role the last parts of the names that a file mentions in it, or that it ties something to in it."""
PackedMentions = tuple[str, bytes, Told, Told]


class FileRows(NamedTuple):
    """One file on its way into the index, its rows numbered and in plain tuples, which cross processes cheaply."""

    id: int
    path: str
    lang: str
    size: int
    mtime_ns: int
    digest: bytes
    symbols: list[tuple[Any, ...]]
    """As ``symbol_rows`` gives them."""
    mentions: PackedMentions
    """As ``pack`` gives them."""
    problems: list[tuple[int, str]]
    """Line and what."""
    text: bytes | None = None
    """As ``pack_text`` gives it, of a file whose bodies are read when somebody asks."""


class PreciseRow(NamedTuple):
    """What libclang says of one written call."""

    line: int
    column: int
    """From 0 in bytes, as a mention's."""
    qualname: str
    file: str | None
    """Where the declaration stands that the call names; ``None`` outside the tree."""
    target_line: int
    struct: str | None
    """Of a wrapper that torchgen writes the ``at::_ops`` struct that it asks."""


class StoredReading(NamedTuple):
    """What came of reading one file with libclang, besides its calls."""

    key: str
    """What the file, and what it was read with, were."""
    errors: int
    missing: tuple[str, ...]
    """Headers that were not found."""


ROWS = 1 << 22
"""Numbers that each file has for its symbols; what is beyond is left out."""


def digest_of(source: bytes) -> bytes:
    """What tells whether a file's bytes are those that were read."""
    return blake2b(source, digest_size=16).digest()


def symbol_rows(file: int, scheme: str, symbols: Sequence[SymbolFields]) -> list[tuple[Any, ...]]:
    """The rows of a file's symbols."""
    base = file * ROWS
    return [
        (
            base + at, "op" if kind == "operator" else scheme, kind, last_part(qualname), qualname, signature, line,
            column, start, end, base + parent if parent >= 0 else None, defines,
        )
        for at, (kind, qualname, signature, line, column, start, end, parent, defines) in enumerate(symbols[:ROWS])
    ]  # fmt: skip


_TIES = frozenset(role.value for role in (Role.ENTRY, Role.IMPL, Role.REGISTER, Role.GENERATE))
"""Roles whose target is asked for: which Python names is this C function bound to, which stub is this kernel's."""


def pack(mentions: Sequence[MentionFields]) -> PackedMentions:
    """A file's mentions as the strings in them, eight columns of numbers, and what it mentions and ties.

    The columns are ``Mention``'s fields by line; a string stands as its place in the strings, counted from 1 in the
    target, and a scope counts from 1 too, for 0 is none.
    """
    columns = list(zip(*sorted(mentions, key=_line_of), strict=True)) or [()] * 8
    roles, names, targets = columns[:3]
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    role_numbers, name_numbers = [numbers[role] for role in roles], [numbers[name] for name in names]
    of_targets = {target: 0 if target is None else numbers[target] + 1 for target in dict.fromkeys(targets)}
    target_numbers = [of_targets[target] for target in targets]
    scopes = [scope + 1 for scope in columns[7]]
    packed = [array("I", column) for column in (role_numbers, name_numbers, target_numbers, *columns[3:7], scopes)]
    told = _last_parts(zip(roles, names, strict=True))
    ties = () if _TIES.isdisjoint(roles) else zip(roles, targets, strict=True)
    tied = _last_parts((role, target) for role, target in ties if role in _TIES)
    return json.dumps(list(numbers)), b"".join(packed), told, tied


def _last_parts(roles_and_names: Iterable[tuple[str, str | None]]) -> Told:
    by_role: defaultdict[str, set[str]] = defaultdict(set)
    for role, name in set(roles_and_names):
        if name is not None:
            by_role[role].add(last_part(name) if "." in name or ":" in name else name)
    return {role: list(names) for role, names in by_role.items()}


_line_of = itemgetter(3)


def pack_text(source: bytes) -> bytes:
    """A file's text as the index keeps it; the fastest level takes a hundredth of the time that parsing does."""
    return zlib.compress(source, 1)


class StoredSymbol(NamedTuple):
    """A symbol in the index; a tuple, for a question may look at ten thousand."""

    row: int
    scheme: str
    kind: Kind
    name: str
    qualname: str
    signature: str
    file: str
    line: int
    column: int
    start_line: int
    end_line: int
    parent: int | None
    """Row of the symbol around it."""
    is_definition: bool

    @property
    def id(self) -> str:
        """``scheme:qualname``, without the parameters that tell overloads apart."""
        return f"{self.scheme}:{self.qualname}"

    @property
    def at(self) -> At:
        """The line that holds its name."""
        return At(self.file, self.line)


class StoredMention(NamedTuple):
    """A mention in the index; a tuple, for a question may look at ten thousand."""

    role: Role
    name: str
    target: str | None
    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    scope: int | None
    """Row of the innermost symbol around it."""

    @property
    def at(self) -> At:
        """The line it stands on."""
        return At(self.file, self.line)


_SYMBOL = (
    "SELECT id, scheme, kind, name, qualname, signature, line, col, start_line, end_line, parent, defines FROM symbol"
)
_LISTED = "IN (SELECT value FROM json_each(?))"
"""One statement for lists of every length, so that SQLite reads it once."""
_KINDS = {kind.value: kind for kind in Kind}
_ROLES = {role.value: role for role in Role}


class _Mentions:
    """One file's mentions, unpacked as far as somebody asks."""

    def __init__(self, file: int, path: str, strings: str, places: bytes) -> None:
        self._first_row = file * ROWS
        self._path = path
        self._strings: list[str] = json.loads(strings)
        numbers = memoryview(places).cast("I")
        self._count = count = len(numbers) // 8
        self._columns = [numbers[at * count : (at + 1) * count] for at in range(8)]
        self._bytes = [places[at * count * 4 : (at + 1) * count * 4] for at in range(3)]
        self._found: dict[tuple[int, int], list[int]] = {}
        self._roles = {text: number for number, text in enumerate(self._strings[: len(_ROLES)])}  # which come first
        self._text = ""

    def between(
        self, first: int, last: int, roles: frozenset[str] | None = None, scope: int | None = None
    ) -> list[StoredMention]:
        lines = self._columns[3]
        start = bisect_left(lines, first)
        within: Iterable[int] = range(start, bisect_right(lines, last, start))
        if roles is not None:
            wanted, of = self._numbers(roles), self._columns[0]
            within = [number for number in within if of[number] in wanted]
        if scope is not None:
            around, of = scope - self._first_row + 1, self._columns[7]
            within = [number for number in within if of[number] == around]
        return self._made(within)

    def all(self) -> list[StoredMention]:
        return self._made(range(self._count))

    def names(self) -> Told:
        """The last parts of names, by the roles that they have."""
        pairs = set(zip(*self._columns[:2], strict=True))
        return _last_parts((self._strings[role], self._strings[name]) for role, name in pairs)

    def of(self, name: str, roles: frozenset[str]) -> list[StoredMention]:
        """Those of a name's last part in some roles."""
        texts = [text for mark in "\0.:" for text in self._texts(f"{mark}{name}\0")]
        return self._in(roles, 1, [text for text in texts if last_part(self._strings[text]) == name])

    def _texts(self, ending: str) -> Iterator[int]:
        """Which strings hold what ends in their end, ``\0``."""
        if not self._text:
            self._text = "\0".join(("", *self._strings, ""))
            if self._text.count("\0") > len(self._strings) + 1:  # source with a NUL in a name
                self._text = "\0".join(("", *(text.replace("\0", "\ufffd") for text in self._strings), ""))
        at = self._text.find(ending)
        while at >= 0:
            yield self._text.count("\0", 0, at + 1) - 1
            at = self._text.find(ending, at + 1)

    def _in(self, roles: frozenset[str], column: int, values: Iterable[int]) -> list[StoredMention]:
        """Those in some roles of which a column holds one of some numbers."""
        wanted, of = self._numbers(roles), self._columns[0]
        found = (number for value in values for number in self._holding(column, value))
        return self._made(sorted(number for number in found if of[number] in wanted))

    def ties(self) -> Told:
        """The last parts of targets, by the roles in which they are asked for."""
        triples = set(zip(*self._columns[:3], strict=True))
        return _last_parts(
            (self._strings[role], self._strings[target - 1])
            for role, _, target in triples
            if target and self._strings[role] in _TIES
        )

    def to(self, targets: frozenset[str], roles: frozenset[str]) -> list[StoredMention]:
        """Those whose target is one of ``targets``, in some roles."""
        return self._in(roles, 2, [text + 1 for target in targets for text in self._texts(f"\0{target}\0")])

    def in_roles(self, roles: frozenset[str]) -> list[StoredMention]:
        """Those in some roles."""
        return self._made(sorted(number for role in self._numbers(roles) for number in self._holding(0, role)))

    def _numbers(self, roles: frozenset[str]) -> list[int]:
        return [number for role in roles if (number := self._roles.get(role)) is not None]

    def _holding(self, column: int, value: int) -> list[int]:
        """Where a column holds a number; looked for in its bytes, of which few are ever read one by one."""
        if (column, value) not in self._found:
            packed, held = self._bytes[column], value.to_bytes(4, sys.byteorder)
            found = self._found[column, value] = []
            at = packed.find(held)
            while at >= 0:
                if at % 4:
                    at = packed.find(held, at + 1)
                    continue
                found.append(at // 4)
                at = packed.find(held, at + 4)
        return self._found[column, value]

    def _made(self, numbers: Iterable[int]) -> list[StoredMention]:
        strings, path, before = self._strings, self._path, self._first_row - 1
        roles, names, targets, lines, columns, end_lines, end_columns, scopes = self._columns
        return [
            StoredMention(
                _ROLES[strings[roles[number]]],
                strings[names[number]],
                strings[targets[number] - 1] if targets[number] else None,
                path,
                lines[number],
                columns[number],
                end_lines[number],
                end_columns[number],
                before + scopes[number] if scopes[number] else None,
            )
            for number in numbers
        ]


def _numbers(files: bytes) -> Sequence[int]:
    """The numbers of files, as ``mentioned`` and ``tied`` keep them."""
    return memoryview(files).cast("I")


def _run(file: int) -> tuple[int, int]:
    """The first and last row number of a file."""
    return file * ROWS, (file + 1) * ROWS - 1


def last_part(name: str) -> str:
    """``c`` of ``a.b.c``, ``a::b::c`` and ``.c``; ``add.out`` of the operator ``aten::add.out``."""
    _, colons, last = name.rpartition("::")
    return last if colons else name.rpartition(".")[2] or name


def split_id(symbol_id: str) -> tuple[str, str, str]:
    """``cpp:a::f(int)`` as scheme, qualified name and signature (``""`` where none is given)."""
    scheme, _, rest = symbol_id.partition(":")
    name, paren, parameters = rest.partition("(")
    if name.endswith("operator"):  # operator()
        return scheme, rest, ""
    return scheme, name, paren + parameters


class Index:
    """An index opened to be asked. Use as a context manager, or ``close`` it."""

    tree: str = ""
    """What the paths of its files begin with (``model.in_tree``); ``""`` of a tree that is asked alone or first."""

    def __init__(self, path: Path) -> None:
        """Open ``path``; raises ``StaleIndex`` where there is none, or none that can be read."""
        self.path = path
        state = state_of(path)
        if state != "ready":
            raise StaleIndex(_UNREADABLE[state].format(path=path), hint="Run `tour index`.")
        self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        self._rows: dict[int, StoredSymbol] = {}
        self._by_name: dict[str, dict[str, list[int]] | None] = {}
        self._defined: dict[tuple[str, int], list[StoredSymbol]] = {}
        self._files_of_name: dict[str, int] = {}
        self._counted: dict[tuple[str, str], int] = {}
        self._by_qualname: dict[str, list[StoredSymbol]] = {}
        self._placed: dict[tuple[str, str, At], list[StoredSymbol]] = {}
        self._mentioned: dict[tuple[str, frozenset[str]], list[StoredMention]] = {}
        self._precise: dict[str, dict[tuple[int, int], list[PreciseRow]]] = {}
        self._paths: dict[int, str] = {}
        self._files: dict[str, int | None] = {}
        self._mentions: OrderedDict[int, _Mentions] = OrderedDict()
        self._texts: OrderedDict[str, list[bytes]] = OrderedDict()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @property
    def name(self) -> str:
        """What the tree is called."""
        return self._meta("name") or PYTORCH

    @property
    def version(self) -> str:
        """The tree's version when it was read."""
        return self._meta("version") or "0"

    def _meta(self, key: str) -> str | None:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    # Of several trees that are asked together (``shelf.py``); of one alone each answer is itself.

    def of(self, tree: str) -> Index | None:
        """The index of the tree of that name alone; ``None`` where it is not among those asked."""
        return self if tree == self.name else None

    def standpoints(self, first: str = "") -> Sequence[Index]:
        """Where to ask what a name means, one after the other; in the project ``first`` before all."""
        return (self,)

    def standing(self, file: str) -> Index:
        """What code in a file can mean: its own tree and those that it is built on."""
        return self

    def home(self, symbol_id: str) -> Index:
        """The same for a symbol that no file defines, such as a name that C++ gives to Python."""
        return self

    def naming(self, file: str | None) -> Sequence[Index]:
        """Where what a file defines may be mentioned: its own tree, then those that are built on it, each alone."""
        return (self,)

    def _symbols(self, where: str, *values: object) -> list[StoredSymbol]:
        """Symbols by path and line."""
        rows = self._db.execute(f"{_SYMBOL} WHERE {where}", values).fetchall()
        self._look_up_paths({row[0] // ROWS for row in rows})
        found = [
            StoredSymbol(
                row,
                scheme,
                _KINDS[kind],
                name,
                qualname,
                signature,
                self._paths[row // ROWS],
                line,
                column,
                start,
                end,
                parent,
                bool(defines),
            )
            for row, scheme, kind, name, qualname, signature, line, column, start, end, parent, defines in rows
        ]
        found.sort(key=_PLACE)
        return found

    def _look_up_paths(self, numbers: set[int]) -> None:
        """Have the paths of some files at hand; one question for all of them."""
        # not by a difference of sets: that with a dictionary's keys goes through all of them
        if unknown := [number for number in numbers if number not in self._paths]:
            self._paths.update(
                self._db.execute(f"SELECT id, path FROM file WHERE id {_LISTED}", (json.dumps(unknown),))
            )

    def _path(self, number: int) -> str:
        if number not in self._paths:
            self._look_up_paths({number})
        return self._paths[number]

    def _number(self, path: str) -> int | None:
        if path not in self._files:
            row = self._db.execute("SELECT id FROM file WHERE path = ?", (path,)).fetchone()
            self._files[path] = row[0] if row else None
        return self._files[path]

    def _mentions_in(self, file: int) -> _Mentions:
        """The mentions of a file; those of the last few hundred files asked for are at hand."""
        if file in self._mentions:
            self._mentions.move_to_end(file)
        else:
            row = self._db.execute("SELECT strings, places FROM mentions WHERE file = ?", (file,)).fetchone()
            self._mentions[file] = _Mentions(file, self._path(file), *row)
            if len(self._mentions) > _FILES_AT_HAND:
                self._mentions.popitem(last=False)
        return self._mentions[file]

    def text(self, path: str, first: int, last: int) -> bytes:
        """Lines ``first`` to ``last`` of a file; nothing where the index keeps no text of it."""
        if path in self._texts:
            self._texts.move_to_end(path)
        else:
            row = self._db.execute("SELECT packed FROM text WHERE file = ?", (self._number(path),)).fetchone()
            self._texts[path] = BytesIO(zlib.decompress(row[0])).readlines() if row else []
            if len(self._texts) > _TEXTS_AT_HAND:
                self._texts.popitem(last=False)
        return b"".join(self._texts[path][first - 1 : last])

    def files_with_problems(self) -> int:
        """How many files hold something that could not be read."""
        return int(self._db.execute("SELECT count(DISTINCT file) FROM problem").fetchone()[0])

    def file(self, path: str) -> StoredFile | None:
        """The file's state when it was read, or ``None`` where the index has no such file."""
        row = self._db.execute(
            "SELECT id, path, lang, size, mtime, digest FROM file WHERE path = ?", (path,)
        ).fetchone()
        return StoredFile(row[0], row[1], Lang(row[2]), *row[3:]) if row else None

    def paths(self) -> list[str]:
        """Every file that was read."""
        return [row[0] for row in self._db.execute("SELECT path FROM file ORDER BY path")]

    def behind(self, files: Iterable[tuple[str, int, int]]) -> int:
        """How many files came, went or changed since: ``files`` are what a tree has now, by path, size and time."""
        stored = set(self._db.execute("SELECT path, size, mtime FROM file"))
        differ = stored ^ set(files)
        return len({path for path, _, _ in differ})

    def problems(self) -> Iterator[tuple[At, str]]:
        """Everything that could not be read, by path and line."""
        rows = "SELECT f.path, p.line, p.what FROM problem p JOIN file f ON f.id = p.file ORDER BY f.path, p.line"
        for path, line, what in self._db.execute(rows):
            yield At(path, line), what

    def symbols(self, qualname: str, scheme: str | None = None) -> list[StoredSymbol]:
        """Every symbol of that qualified name, definitions and declarations."""
        if qualname not in self._by_qualname:
            name = last_part(qualname)
            named = self._named(name)
            if named is None:
                self._by_qualname[qualname] = self._symbols("name = ? AND qualname = ?", name, qualname)
            else:
                self._by_qualname[qualname] = self._in_rows(named.get(qualname, ()))
        return self._of_scheme(self._by_qualname[qualname], scheme)

    def symbols_at(self, qualname: str, scheme: str, at: At) -> list[StoredSymbol]:
        """The symbols of that qualified name whose name stands in that line."""
        key = (qualname, scheme, at)
        if key not in self._placed:
            file = self._number(at.file)
            if self._named(last_part(qualname)) is not None:
                found = self.symbols(qualname)
            elif file is None:
                found = []
            else:
                found = self._symbols("id BETWEEN ? AND ? AND line = ?", *_run(file), at.line)
            self._placed[key] = [
                symbol for symbol in found if symbol.at == at and (symbol.qualname, symbol.scheme) == key[:2]
            ]
        return self._placed[key]

    def symbols_named(self, name: str, scheme: str | None = None) -> list[StoredSymbol]:
        """Every symbol whose qualified name ends in ``name``, by path and line."""
        named = self._named(name)
        if named is None:
            return self._of_scheme(self._symbols("name = ?", name), scheme)
        return self._of_scheme(self._in_rows([row for rows in named.values() for row in rows]), scheme)

    def symbols_ending(self, name: str) -> list[StoredSymbol]:
        """Every symbol whose qualified name is ``name`` or ends in it, as whole parts of C++."""
        last = last_part(name)
        named = self._named(last)
        if named is None:
            inside = f"::{name}"
            told = "name = ? AND (qualname = ? OR substr(qualname, ?) = ?)"
            return self._symbols(told, last, name, -len(inside), inside)
        ends = [rows for qualname, rows in named.items() if f"::{qualname}".endswith(f"::{name}")]
        return self._in_rows([row for rows in ends for row in rows])

    def _named(self, name: str) -> dict[str, list[int]] | None:
        """The rows of a name's symbols by qualified name, which one index holds; ``None`` where there are too many."""
        if name not in self._by_name:
            told = "SELECT qualname, id FROM symbol WHERE name = ? LIMIT ?"
            found = self._db.execute(told, (name, _AT_HAND + 1)).fetchall()
            by_qualname: dict[str, list[int]] = {}
            for qualname, row in found:
                by_qualname.setdefault(qualname, []).append(row)
            self._by_name[name] = by_qualname if len(found) <= _AT_HAND else None
        return self._by_name[name]

    def _in_rows(self, rows: Sequence[int]) -> list[StoredSymbol]:
        """The symbols of some rows, by path and line; each read once."""
        if unknown := [row for row in rows if row not in self._rows]:
            found = self._symbols(f"id {_LISTED}", json.dumps(unknown))
            self._rows.update((symbol.row, symbol) for symbol in found)
        return sorted((self._rows[row] for row in rows), key=_PLACE)

    def _of_scheme(self, symbols: list[StoredSymbol], scheme: str | None) -> list[StoredSymbol]:
        return [symbol for symbol in symbols if scheme in {None, symbol.scheme}]

    def definitions_named(self, name: str, most: int) -> list[StoredSymbol] | None:
        """What C and C++ define under a name, by path and line; ``None`` where that is more than ``most``."""
        if (name, most) not in self._defined:
            told = "name = ? AND scheme IN ('c', 'cpp') AND defines AND kind NOT IN ('module', 'namespace') LIMIT ?"
            self._defined[name, most] = self._symbols(told, name, most + 1)
        found = self._defined[name, most]
        return found if len(found) <= most else None

    def count_named(self, name: str, scheme: str) -> int:
        """How many symbols of a scheme have a qualified name that ends in ``name``."""
        if (name, scheme) not in self._counted:
            told = "SELECT count(*) FROM symbol WHERE name = ? AND scheme = ?"
            self._counted[name, scheme] = int(self._db.execute(told, (name, scheme)).fetchone()[0])
        return self._counted[name, scheme]

    def operators(self, space: str, base: str) -> list[StoredSymbol]:
        """Every overload of an operator: of ``aten`` and ``add`` ``aten::add.Tensor``, ``aten::add.out``, ….

        Each once, from the file that declares it if another registers it again.
        """
        found = self._symbols(
            "(name = ? OR name BETWEEN ? AND ?) AND scheme = 'op' AND qualname = ? || name",
            base, f"{base}.", f"{base}.~", f"{space}::",
        )  # fmt: skip
        once: dict[str, StoredSymbol] = {}
        for symbol in sorted(found, key=lambda symbol: not symbol.file.endswith(".yaml")):
            once.setdefault(symbol.qualname, symbol)
        return sorted(once.values(), key=_PLACE)

    def symbols_in(self, path: str) -> list[StoredSymbol]:
        """Every symbol of a file, in its order."""
        file = self._number(path)
        return self._symbols("id BETWEEN ? AND ?", *_run(file)) if file is not None else []

    def symbols_between(self, path: str, first: int, last: int) -> list[StoredSymbol]:
        """The symbols of a file that begin in lines ``first`` to ``last``."""
        file = self._number(path)
        told = "id BETWEEN ? AND ? AND start_line BETWEEN ? AND ?"
        return self._symbols(told, *_run(file), first, last) if file is not None else []

    def symbol(self, row: int) -> StoredSymbol:
        """The symbol in that row."""
        return self._in_rows((row,))[0]

    def members(self, row: int) -> list[StoredSymbol]:
        """The symbols directly inside the symbol in that row."""
        return self._symbols("id BETWEEN ? AND ? AND parent = ?", *_run(row // ROWS), row)

    def mentions_between(
        self, path: str, first: int, last: int, *roles: Role, scope: int | None = None
    ) -> list[StoredMention]:
        """What is mentioned in lines ``first`` to ``last`` of a file, in its order.

        Of some roles only, where any are given; and only what stands directly in the symbol of row ``scope``.
        """
        file = self._number(path)
        wanted = frozenset(role.value for role in roles) if roles else None
        return self._mentions_in(file).between(first, last, wanted, scope) if file is not None else []

    def mentions_of(self, name: str, *roles: Role) -> list[StoredMention]:
        """Every mention, in one of the roles, whose name ends in ``name``, by path and line."""
        wanted = frozenset(role.value for role in roles)
        if (name, wanted) not in self._mentioned:
            files = self._files_of("mentioned", name, wanted)
            self._mentioned[name, wanted] = [at for file in files for at in self._mentions_in(file).of(name, wanted)]
        return self._mentioned[name, wanted]

    def mentions_in(self, path: str, *roles: Role) -> list[StoredMention]:
        """Every mention of a file in one of the roles, in its order."""
        file = self._number(path)
        return self._mentions_in(file).in_roles(frozenset(role.value for role in roles)) if file is not None else []

    def mentions_to(self, qualname: str, *roles: Role) -> list[StoredMention]:
        """Every mention, in one of the roles, whose target is a name or the end of it: ``f`` of ``a::f``.

        Of the roles only those that tie a name to something else can be asked for (``_TIES``).
        """
        parts = qualname.split("::")
        written = frozenset("::".join(parts[start:]) for start in range(len(parts)))
        wanted = frozenset(role.value for role in roles)
        files = self._files_of("tied", last_part(qualname), wanted)
        return [mention for file in files for mention in self._mentions_in(file).to(written, wanted)]

    def _files_of(self, table: str, name: str, roles: Iterable[str]) -> list[int]:
        """The files that a table has for a name in one of the roles, by path."""
        files = self._numbers_of(table, name, roles)
        self._look_up_paths(files)
        return sorted(files, key=self._path)

    def _numbers_of(self, table: str, name: str, roles: Iterable[str]) -> set[int]:
        wanted = tuple(roles)
        marks = ", ".join("?" * len(wanted))
        told = f"SELECT files FROM {table} WHERE name = ? AND role IN ({marks})"
        return {file for (files,) in self._db.execute(told, (name, *wanted)) for file in _numbers(files)}

    def files_mentioning(self, name: str) -> int:
        """How many files mention a name, in any role."""
        if name not in self._files_of_name:
            self._files_of_name[name] = len(self._numbers_of("mentioned", name, _ROLES))
        return self._files_of_name[name]

    def files_ending(self, path: str) -> list[str]:
        """The files whose path is ``path`` or ends in it, as whole parts."""
        rows = self._db.execute(
            "SELECT path FROM file WHERE path = ? OR path LIKE ? ORDER BY path", (path, f"%/{path}")
        )
        return [row[0] for row in rows]

    def names_like(self, name: str) -> list[str]:
        """Last parts of names that begin with the same letter as ``name`` and are about as long."""
        head = name[:1]
        rows = self._db.execute(
            "SELECT DISTINCT name FROM symbol WHERE name BETWEEN ? AND ? AND length(name) BETWEEN ? AND ?"
            " AND kind NOT IN ('variable', 'macro')",
            (head, f"{head}\U0010ffff", len(name) - 3, len(name) + 3),
        )
        return [row[0] for row in rows]

    def all_symbols(self) -> Iterator[tuple[str, str, str, str, int, bool]]:
        """Path, scheme, kind, qualified name, line, and whether it is a definition, of every symbol; file by file."""
        rows = "SELECT id, scheme, kind, qualname, line, defines FROM symbol WHERE kind <> 'namespace' ORDER BY id"
        paths = dict(self._db.execute("SELECT id, path FROM file"))
        for row, scheme, kind, qualname, line, defines in self._db.execute(rows):
            yield paths[row // ROWS], scheme, kind, qualname, line, bool(defines)

    def bound_names(self, name: str) -> list[str]:
        """The Python names, ending in ``name``, that code generation binds operators to."""
        return list(dict.fromkeys(mention.name for mention in self.mentions_of(name, Role.GENERATE)))

    def precise_reading(self, path: str) -> StoredReading | None:
        """How libclang read a file; ``None`` where it did not, or where a header has changed since."""
        row = self._db.execute(
            "SELECT key, errors, missing FROM precise WHERE file = ?", (self._number(path),)
        ).fetchone()
        return StoredReading(row[0], row[1], tuple(json.loads(row[2]))) if row else None

    def precise(self, path: str) -> list[PreciseRow]:
        """What libclang says of a file's calls, in their order; nothing where it was not asked."""
        return [row for rows in self._precise_of(path).values() for row in rows]

    def precise_at(self, path: str, line: int, column: int) -> list[PreciseRow]:
        """What libclang says of the calls that begin at a place."""
        return self._precise_of(path).get((line, column), [])

    def _precise_of(self, path: str) -> dict[tuple[int, int], list[PreciseRow]]:
        if path not in self._precise:
            row = self._db.execute("SELECT told FROM precise WHERE file = ?", (self._number(path),)).fetchone()
            placed: dict[tuple[int, int], list[PreciseRow]] = {}
            for fields in json.loads(row[0]) if row else ():
                placed.setdefault((fields[0], fields[1]), []).append(PreciseRow(*fields))
            self._precise[path] = placed
        return self._precise[path]

    def recall(self, key: str) -> str | None:
        """What was remembered under a key since the facts last changed."""
        row = self._db.execute("SELECT told FROM walk WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def remember(self, key: str, told: str) -> None:
        """Keep what was worked out of the facts until they change; quietly not, where the file cannot be written."""
        try:
            with closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=rw", uri=True, timeout=0)) as db, db:
                db.execute("PRAGMA synchronous = NORMAL")  # an answer that a crash takes is found again
                db.execute("INSERT OR REPLACE INTO walk VALUES (?, ?)", (key, told))
        except sqlite3.OperationalError:
            return


_AT_HAND, _FILES_AT_HAND = 2000, 300
"""Symbols of one name, and files with their mentions, that are kept once they were asked for."""
_TEXTS_AT_HAND = 50
_OFTEN = 4
_PLACE = attrgetter("file", "line", "column")

_UNREADABLE = {
    "absent": "there is no index at {path}",
    "other format": "the index at {path} has another format",
    "damaged": "the index at {path} is damaged",
}


def state_of(path: Path) -> str:
    """``ready``, ``absent``, ``other format`` or ``damaged``; reads a few pages only."""
    if not path.exists():
        return "absent"
    if _is_cut(path):
        return "damaged"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            marks = [db.execute(f"PRAGMA {pragma}").fetchone()[0] for pragma in ("application_id", "user_version")]
            if marks != [APPLICATION_ID, FORMAT]:
                return "other format"
            whole = db.execute("SELECT value FROM meta WHERE key = 'complete'").fetchone()
            if whole is None:
                return "damaged"
    except sqlite3.DatabaseError:
        return "damaged"
    return "ready"


def read_by(path: Path) -> str | None:
    """What a ready index says of the parsers that read its files."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        row = db.execute("SELECT value FROM meta WHERE key = 'parsers'").fetchone()
    return row[0] if row else None


def _is_cut(path: Path) -> bool:
    """Whether a database file is shorter than its header says by more than its write-ahead log could still add.

    SQLite file format, 1.3 and 4.1: while a log is written back, the header comes before the pages at the end.
    """
    with path.open("rb") as file:
        header = file.read(32)
    if len(header) < 32:
        return True
    told = int.from_bytes(header[16:18])
    page_size = 65536 if told == 1 else told
    missing = int.from_bytes(header[28:32]) * page_size - path.stat().st_size
    if missing <= 0:
        return False
    log = _logs(path)[0]
    frames = log.stat().st_size // (page_size + 24) if log.exists() else 0
    return missing > frames * page_size


def _logs(path: Path) -> list[Path]:
    """What SQLite keeps beside a database with a write-ahead log."""
    return [path.with_name(f"{path.name}{ending}") for ending in ("-wal", "-shm")]


class _Files:
    """Which files a name and role came to and went from, on its way into ``mentioned`` or ``tied``."""

    def __init__(self) -> None:
        self._come: defaultdict[str, defaultdict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        self._gone: defaultdict[str, defaultdict[str, list[int]]] = defaultdict(lambda: defaultdict(list))

    def add(self, file: int, told: Told) -> None:
        self._note(self._come, file, told)

    def remove(self, file: int, told: Told) -> None:
        self._note(self._gone, file, told)

    @staticmethod
    def _note(noted: defaultdict[str, defaultdict[str, list[int]]], file: int, told: Told) -> None:
        for role, names in told.items():
            files_of = noted[role]
            for name in names:
                files_of[name].append(file)

    def rows(self) -> Iterator[tuple[str, str, list[int], list[int]]]:
        """Role and name, in the table's own order, with the files that came and those that went."""
        for role in sorted(self._come.keys() | self._gone.keys()):
            come, gone = self._come[role], self._gone[role]
            for name in sorted(come.keys() | gone.keys()):
                yield role, name, come.get(name, []), gone.get(name, [])


class Writer:
    """An index opened to be written: everything between opening and ``commit`` happens or does not.

    A new index is made beside its final place and renamed there by ``commit``; an existing one is changed in one
    transaction. Either way an interrupt leaves the old one whole.
    """

    def __init__(self, path: Path, *, fresh: bool) -> None:
        self.path = path
        self._fresh = fresh
        self._working = path.with_name(f".{path.name}.new") if fresh else path
        if fresh:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._working.unlink(missing_ok=True)
        # `_fill` lends the connection to a second thread.
        self._db = sqlite3.connect(self._working, isolation_level=None, check_same_thread=not fresh)
        if fresh:
            # Nobody else sees the file before the rename, and a torn one is thrown away: no journal is needed.
            self._db.execute("PRAGMA page_size = 16384")
            self._db.execute("PRAGMA threads = 2")  # for sorting an index
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = OFF")
            self._db.execute("PRAGMA synchronous = OFF")
            self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._db.execute(f"PRAGMA user_version = {FORMAT}")
            self._db.executescript(_SCHEMA)
        self._told = {table: _Files() for table in ("mentioned", "tied")}
        self._readers: dict[int, set[int]] | None = None
        self._db.execute("PRAGMA cache_size = -65536")
        self._db.execute("BEGIN IMMEDIATE")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._db.close()  # which takes back what was not committed
        if self._fresh:
            self._working.unlink(missing_ok=True)

    def files(self) -> dict[str, StoredFile]:
        """Every file in the index by path."""
        rows = self._db.execute("SELECT id, path, lang, size, mtime, digest FROM file")
        return {row[1]: StoredFile(row[0], row[1], Lang(row[2]), *row[3:]) for row in rows}

    def states(self) -> set[tuple[str, int, int]]:
        """Path, size and time of every file in the index."""
        return set(self._db.execute("SELECT path, size, mtime FROM file"))

    def macros(self) -> dict[str, list[list[Any]]]:
        """The ``#define``s of every file by path, as ``add`` got them."""
        return {path: json.loads(text) for path, text in self._db.execute("SELECT path, macros FROM file")}

    def meta(self, key: str) -> str | None:
        """One fact about the tree."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def set_meta(self, **facts: str) -> None:
        """Write facts about the tree."""
        self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", facts.items())

    def touch(self, path: str, size: int, mtime_ns: int) -> None:
        """Note that a file has another time but the same content."""
        self._db.execute("UPDATE file SET size = ?, mtime = ? WHERE path = ?", (size, mtime_ns, path))

    def remove(self, path: str) -> None:
        """Forget a file and all it holds."""
        row = self._db.execute("SELECT id FROM file WHERE path = ?", (path,)).fetchone()
        if row is None:
            return
        self._db.execute("DELETE FROM symbol WHERE id BETWEEN ? AND ?", _run(row[0]))
        strings, places = self._db.execute("SELECT strings, places FROM mentions WHERE file = ?", row).fetchone()
        mentions = _Mentions(row[0], path, strings, places)
        self._told["mentioned"].remove(row[0], mentions.names())
        self._told["tied"].remove(row[0], mentions.ties())
        self._db.execute("DELETE FROM mentions WHERE file = ?", row)
        self._db.execute("DELETE FROM text WHERE file = ?", row)
        for reader in {row[0]} | self._readers_of(row[0]):
            self._db.execute("DELETE FROM precise WHERE file = ?", (reader,))
        self._db.execute("DELETE FROM problem WHERE file = ?", row)
        self._db.execute("DELETE FROM file WHERE id = ?", row)

    def _readers_of(self, file: int) -> set[int]:
        """The files that libclang read and that include a file."""
        if self._readers is None:
            self._readers = {}
            for reader, headers in self._db.execute("SELECT file, headers FROM precise"):
                for header in json.loads(headers):
                    self._readers.setdefault(header, set()).add(reader)
        return self._readers.get(file, set())

    def add(self, rows: FileRows, macros: Sequence[Sequence[Any]] = ()) -> None:
        """Store one file that the index does not hold."""
        macro_text = json.dumps(macros, separators=(",", ":"))
        self._db.execute(
            "INSERT INTO file VALUES (?, ?, ?, ?, ?, ?, ?)",
            (rows.id, rows.path, rows.lang, rows.size, rows.mtime_ns, rows.digest, macro_text),
        )
        self._db.executemany("INSERT INTO symbol VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows.symbols)
        strings, places, told, tied = rows.mentions
        self._db.execute("INSERT INTO mentions VALUES (?, ?, ?)", (rows.id, strings, places))
        if rows.text is not None:
            self._db.execute("INSERT INTO text VALUES (?, ?)", (rows.id, rows.text))
        self._told["mentioned"].add(rows.id, told)
        self._told["tied"].add(rows.id, tied)
        self._db.executemany("INSERT INTO problem VALUES (?, ?, ?)", ((rows.id, *problem) for problem in rows.problems))

    def set_precise(
        self, path: str, reading: StoredReading, headers: Iterable[str], rows: Iterable[PreciseRow]
    ) -> None:
        """Keep what libclang says of a file until one of ``headers`` changes; what was remembered of old facts goes."""
        numbers = dict(self._db.execute("SELECT path, id FROM file"))
        included = json.dumps(sorted({numbers[header] for header in headers if header in numbers}))
        told = json.dumps([*rows], separators=(",", ":"))
        self._db.execute(
            "INSERT OR REPLACE INTO precise VALUES (?, ?, ?, ?, ?, ?)",
            (numbers[path], reading.key, reading.errors, json.dumps(reading.missing), included, told),
        )
        self._db.execute("DELETE FROM walk")
        self._db.execute("COMMIT")

    def commit(self) -> None:
        """Make all of it true at once; what was remembered of the old facts goes."""
        if self._fresh:
            self._fill()
        else:
            self._amend()
        self._db.execute("DELETE FROM walk")
        self._db.execute("INSERT OR REPLACE INTO meta VALUES ('complete', '1')")
        self._db.execute("COMMIT")
        if self._fresh:
            # Later changes go through a write-ahead log: readers go on with the old facts, however long it takes.
            self._db.execute("PRAGMA locking_mode = NORMAL")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.close()
            for log in _logs(self.path):  # of the old file; SQLite would apply it to the new one
                log.unlink(missing_ok=True)
            self._working.replace(self.path)

    def _fill(self) -> None:
        """Write what is told of names and what finds symbols by theirs: the rows are made while SQLite sorts."""
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as beside:
            sorting = beside.submit(lambda: [self._db.execute(index) for index in _INDICES])
            rows = {
                table: [(role, name, array("I", files).tobytes()) for role, name, files, _ in told.rows()]
                for table, told in self._told.items()
            }
            sorting.result()
        for table, told_of in rows.items():
            self._db.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", told_of)

    def _amend(self) -> None:
        for table, told in self._told.items():
            for role, name, come, gone in told.rows():
                row = self._db.execute(
                    f"SELECT files FROM {table} WHERE role = ? AND name = ?", (role, name)
                ).fetchone()
                files = [*(set(_numbers(row[0]) if row else ()) - set(gone)), *come]
                self._db.execute(f"DELETE FROM {table} WHERE role = ? AND name = ?", (role, name))
                if files:
                    packed = array("I", files).tobytes()
                    self._db.execute(f"INSERT INTO {table} VALUES (?, ?, ?)", (role, name, packed))


def facts_of(index: Path) -> Iterable[tuple[Any, ...]]:
    """All that an index says, without row numbers, sorted: two indexes of the same tree give the same.

    For tests and ``scripts/bench``; reads the whole index.
    """
    with closing(sqlite3.connect(f"{index.absolute().as_uri()}?mode=ro", uri=True)) as db:
        yield from db.execute(
            "SELECT 'symbol', f.path, s.scheme, s.kind, s.qualname, s.signature, s.line, s.col, s.start_line,"
            " s.end_line, p.qualname, s.defines FROM symbol s JOIN file f ON f.id = s.id / :rows"
            " LEFT JOIN symbol p ON p.id = s.parent ORDER BY f.path, s.line, s.col, s.qualname, s.kind, s.end_line",
            {"rows": ROWS},
        )
        named = dict(db.execute("SELECT id, qualname FROM symbol"))
        paths = dict(db.execute("SELECT id, path FROM file"))
        packed = "SELECT f.id, f.path, m.strings, m.places FROM mentions m JOIN file f ON f.id = m.file ORDER BY f.path"
        for row in db.execute(packed):
            mentions = _Mentions(*row).all()
            yield from sorted(
                (("mention", *mention[:-1], named.get(mention.scope or -1)) for mention in mentions), key=repr
            )
        for table in ("mentioned", "tied"):
            rows = db.execute(f"SELECT name, role, files FROM {table}")
            told = ((table, paths[file], name, role) for name, role, files in rows for file in _numbers(files))
            yield from sorted(told)
        yield from db.execute(
            "SELECT 'problem', f.path, p.line, p.what FROM problem p JOIN file f ON f.id = p.file ORDER BY 2, 3, 4"
        )
        yield from db.execute("SELECT 'text', f.path, t.packed FROM text t JOIN file f ON f.id = t.file ORDER BY 2")
        yield from db.execute("SELECT 'file', path, lang, digest FROM file ORDER BY path")
