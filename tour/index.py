"""The SQLite file that holds what the parsers found, and every question anybody may ask it; the only SQL.

The index is a cache: a file of another format, or one cut short, is rebuilt, never migrated. It knows no trees; it
stores paths, and the facts a reader needs to judge whether they still hold (size, time, digest). A row's number is its
file's number and its place in the file, so that whoever parsed a file can number its rows alone, and "what is
mentioned between these lines" needs no index of its own.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from tour.errors import StaleIndex
from tour.model import At, Kind, Lang, Mention, Role, Symbol

FORMAT = 5
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
CREATE TABLE mention (
  id INTEGER PRIMARY KEY, role TEXT NOT NULL, before TEXT NOT NULL, name TEXT NOT NULL, target TEXT,
  line INTEGER NOT NULL, col INTEGER NOT NULL, end_line INTEGER NOT NULL, end_col INTEGER NOT NULL, scope INTEGER);
CREATE TABLE walk (key TEXT PRIMARY KEY, told TEXT NOT NULL) WITHOUT ROWID;
"""
_INDICES = """
CREATE INDEX IF NOT EXISTS symbol_qualname ON symbol (qualname);
CREATE INDEX IF NOT EXISTS symbol_name ON symbol (name);
CREATE INDEX IF NOT EXISTS mention_name ON mention (name);
CREATE INDEX IF NOT EXISTS mention_target ON mention (target) WHERE target IS NOT NULL;
CREATE INDEX IF NOT EXISTS problem_file ON problem (file);
"""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What the index knows of a file's state when it was read."""

    id: int
    path: str
    lang: Lang
    size: int
    mtime_ns: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class FileRows:
    """One file on its way into the index, its rows numbered and in plain tuples, which cross processes cheaply."""

    id: int
    path: str
    lang: str
    size: int
    mtime_ns: int
    digest: bytes
    symbols: list[tuple[Any, ...]]
    """As ``symbol_rows`` gives them."""
    mentions: list[tuple[Any, ...]]
    """As ``mention_rows`` gives them."""
    problems: list[tuple[int, str]]
    """Line and what."""


ROWS = 1 << 22
"""Numbers that each file has for its symbols, and again for its mentions; what is beyond is left out."""


def digest_of(source: bytes) -> bytes:
    """What tells whether a file's bytes are those that were read."""
    return hashlib.blake2b(source, digest_size=16).digest()


def symbol_rows(file: int, scheme: str, symbols: Sequence[Symbol]) -> list[tuple[Any, ...]]:
    """The rows of a file's symbols."""
    base = file * ROWS
    return [
        (
            base + at, scheme, symbol.kind._value_, last_part(symbol.qualname), symbol.qualname, symbol.signature,
            symbol.line, symbol.column, symbol.start_line, symbol.end_line,
            base + symbol.parent if symbol.parent >= 0 else None, symbol.is_definition,
        )
        for at, symbol in enumerate(symbols[:ROWS])
    ]  # fmt: skip


def mention_rows(file: int, mentions: Sequence[Mention]) -> list[tuple[Any, ...]]:
    """The rows of a file's mentions: names are cut in two, so that "who mentions X" is one look-up."""
    base = file * ROWS
    return [
        (
            base + at, mention.role._value_, *_cut(mention.name), mention.target, mention.line, mention.column,
            mention.end_line, mention.end_column, base + mention.scope if mention.scope >= 0 else None,
        )
        for at, mention in enumerate(mentions[:ROWS])
    ]  # fmt: skip


@lru_cache(maxsize=1 << 16)
def _cut(name: str) -> tuple[str, str]:
    """``a.b.`` and ``c`` of ``a.b.c``."""
    last = last_part(name)
    return name[: len(name) - len(last)], last


@dataclass(frozen=True, slots=True)
class StoredSymbol:
    """A symbol in the index."""

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


@dataclass(frozen=True, slots=True)
class StoredMention:
    """A mention in the index."""

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
    "SELECT s.id, s.scheme, s.kind, s.name, s.qualname, s.signature, f.path, s.line, s.col, s.start_line,"
    f" s.end_line, s.parent, s.defines FROM symbol s JOIN file f ON f.id = s.id / {ROWS}"
)
_MENTION = (
    "SELECT m.role, m.before || m.name, m.target, f.path, m.line, m.col, m.end_line, m.end_col, m.scope"
    f" FROM mention m JOIN file f ON f.id = m.id / {ROWS}"
)


def _run(file: int) -> tuple[int, int]:
    """The first and last row number of a file."""
    return file * ROWS, (file + 1) * ROWS - 1


def last_part(name: str) -> str:
    """``c`` of ``a.b.c``, ``a::b::c`` and ``.c``."""
    return name.rpartition(":")[2].rpartition(".")[2] or name


def split_id(symbol_id: str) -> tuple[str, str, str]:
    """``cpp:a::f(int)`` as scheme, qualified name and signature (``""`` where none is given)."""
    scheme, _, rest = symbol_id.partition(":")
    name, paren, parameters = rest.partition("(")
    if name.endswith("operator"):  # operator()
        return scheme, rest, ""
    return scheme, name, paren + parameters


class Index:
    """An index opened to be asked. Use as a context manager, or ``close`` it."""

    def __init__(self, path: Path) -> None:
        """Open ``path``; raises ``StaleIndex`` where there is none, or none that can be read."""
        self.path = path
        state = state_of(path)
        if state != "ready":
            raise StaleIndex(_UNREADABLE[state].format(path=path), hint="Run `tour index`.")
        self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        self._scopes: dict[int, StoredSymbol] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _symbols(self, where: str, *values: object) -> list[StoredSymbol]:
        return [
            StoredSymbol(
                row,
                scheme,
                Kind(kind),
                name,
                qualname,
                signature,
                file,
                line,
                column,
                start,
                end,
                parent,
                bool(defines),
            )
            for row, scheme, kind, name, qualname, signature, file, line, column, start, end, parent, defines in (
                self._db.execute(f"{_SYMBOL} WHERE {where} ORDER BY f.path, s.line, s.col", values)
            )
        ]

    def _mentions(self, where: str, *values: object) -> list[StoredMention]:
        return [StoredMention(Role(row[0]), *row[1:]) for row in self._db.execute(f"{_MENTION} WHERE {where}", values)]

    def files_with_problems(self) -> int:
        """How many files hold something that could not be read."""
        return int(self._db.execute("SELECT count(DISTINCT file) FROM problem").fetchone()[0])

    def file(self, path: str) -> StoredFile | None:
        """The file's state when it was read, or ``None`` where the index has no such file."""
        row = self._db.execute(
            "SELECT id, path, lang, size, mtime, digest FROM file WHERE path = ?", (path,)
        ).fetchone()
        return StoredFile(row[0], row[1], Lang(row[2]), *row[3:]) if row else None

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
        if scheme is None:
            return self._symbols("s.qualname = ?", qualname)
        return self._symbols("s.qualname = ? AND s.scheme = ?", qualname, scheme)

    def symbols_named(self, name: str, scheme: str | None = None) -> list[StoredSymbol]:
        """Every symbol whose qualified name ends in ``name``."""
        if scheme is None:
            return self._symbols("s.name = ?", name)
        return self._symbols("s.name = ? AND s.scheme = ?", name, scheme)

    def symbols_in(self, path: str) -> list[StoredSymbol]:
        """Every symbol of a file, in its order."""
        file = self.file(path)
        return self._symbols("s.id BETWEEN ? AND ?", *_run(file.id)) if file else []

    def symbol(self, row: int) -> StoredSymbol:
        """The symbol in that row."""
        if row not in self._scopes:
            self._scopes[row] = self._symbols("s.id = ?", row)[0]
        return self._scopes[row]

    def members(self, row: int) -> list[StoredSymbol]:
        """The symbols directly inside the symbol in that row."""
        return self._symbols("s.id BETWEEN ? AND ? AND s.parent = ?", *_run(row // ROWS), row)

    def mentions_between(self, path: str, first: int, last: int) -> list[StoredMention]:
        """What is mentioned in lines ``first`` to ``last`` of a file, in its order."""
        file = self.file(path)
        if file is None:
            return []
        within = "m.id BETWEEN ? AND ? AND m.line BETWEEN ? AND ? ORDER BY m.id"
        return self._mentions(within, *_run(file.id), first, last)

    def mentions_in(self, path: str, *roles: Role) -> list[StoredMention]:
        """Every mention of a file in one of the roles, in its order."""
        file = self.file(path)
        if file is None:
            return []
        marks = ", ".join("?" * len(roles))
        within = f"m.id BETWEEN ? AND ? AND m.role IN ({marks}) ORDER BY m.id"
        return self._mentions(within, *_run(file.id), *(role.value for role in roles))

    def mentions_of(self, name: str, *roles: Role) -> list[StoredMention]:
        """Every mention, in one of the roles, whose name ends in ``name``."""
        marks = ", ".join("?" * len(roles))
        return self._mentions(
            f"m.name = ? AND m.role IN ({marks}) ORDER BY f.path, m.id", name, *(role.value for role in roles)
        )

    def mentions_targeting(self, target: str, *roles: Role) -> list[StoredMention]:
        """Every mention, in one of the roles, that ties its name to ``target``, as written there."""
        marks = ", ".join("?" * len(roles))
        return self._mentions(
            f"m.target = ? AND m.role IN ({marks}) ORDER BY f.path, m.id", target, *(role.value for role in roles)
        )

    def recall(self, key: str) -> str | None:
        """What was remembered under a key since the facts last changed."""
        row = self._db.execute("SELECT told FROM walk WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def remember(self, key: str, told: str) -> None:
        """Keep what was worked out of the facts until they change; quietly not, where the file cannot be written."""
        try:
            with closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=rw", uri=True, timeout=0)) as db, db:
                db.execute("INSERT OR REPLACE INTO walk VALUES (?, ?)", (key, told))
        except sqlite3.OperationalError:
            return


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
        self._db = sqlite3.connect(self._working, isolation_level=None)
        if fresh:
            # Nobody else sees the file before the rename, and a torn one is thrown away: no journal is needed.
            self._db.execute("PRAGMA page_size = 16384")
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = OFF")
            self._db.execute("PRAGMA synchronous = OFF")
            self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._db.execute(f"PRAGMA user_version = {FORMAT}")
            self._db.executescript(_SCHEMA)
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
        for table in ("mention", "symbol"):
            self._db.execute(f"DELETE FROM {table} WHERE id BETWEEN ? AND ?", _run(row[0]))
        self._db.execute("DELETE FROM problem WHERE file = ?", row)
        self._db.execute("DELETE FROM file WHERE id = ?", row)

    def add(self, rows: FileRows, macros: Sequence[Sequence[Any]] = ()) -> None:
        """Store one file that the index does not hold."""
        macro_text = json.dumps(macros, separators=(",", ":"))
        self._db.execute(
            "INSERT INTO file VALUES (?, ?, ?, ?, ?, ?, ?)",
            (rows.id, rows.path, rows.lang, rows.size, rows.mtime_ns, rows.digest, macro_text),
        )
        self._db.executemany("INSERT INTO symbol VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows.symbols)
        self._db.executemany("INSERT INTO mention VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows.mentions)
        self._db.executemany("INSERT INTO problem VALUES (?, ?, ?)", ((rows.id, *problem) for problem in rows.problems))

    def commit(self) -> None:
        """Make all of it true at once; what was remembered of the old facts goes."""
        self._db.execute("DELETE FROM walk")
        self._db.execute("INSERT OR REPLACE INTO meta VALUES ('complete', '1')")
        for statement in filter(str.strip, _INDICES.split(";")):
            self._db.execute(statement)
        self._db.execute("COMMIT")
        if self._fresh:
            # Later changes go through a write-ahead log: readers go on with the old facts, however long it takes.
            self._db.execute("PRAGMA locking_mode = NORMAL")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.close()
            for log in _logs(self.path):  # of the old file; SQLite would apply it to the new one
                log.unlink(missing_ok=True)
            self._working.replace(self.path)


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
        yield from db.execute(
            "SELECT 'mention', f.path, m.role, m.before, m.name, m.target, m.line, m.col, m.end_line, m.end_col,"
            " s.qualname"
            " FROM mention m JOIN file f ON f.id = m.id / :rows"
            " LEFT JOIN symbol s ON s.id = m.scope ORDER BY f.path, m.line, m.col, m.role, m.before, m.name",
            {"rows": ROWS},
        )
        yield from db.execute(
            "SELECT 'problem', f.path, p.line, p.what FROM problem p JOIN file f ON f.id = p.file ORDER BY 2, 3, 4"
        )
        yield from db.execute("SELECT 'file', path, lang, digest FROM file ORDER BY path")
