"""Several trees' indexes asked as one: PyTorch's, and those of the projects that are built on it.

A project's files stand under its name (``pytorch3d//setup.py``) and its rows above PyTorch's, so that a symbol, a
mention and a link say which tree they are in without a word more. What a name means depends on where it stands: PyTorch
sees itself alone, and answers as it does without any project; a project sees its own symbols first, then PyTorch's,
then the Python of other projects. So the linkers, each of which reads an index, cross from one tree to the other
without knowing of it. Left out: C++ of one project in the eyes of another, and kernels that a project registers for
operators of PyTorch.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence

from tour.index import Index, PreciseRow, StoredFile, StoredMention, StoredReading, StoredSymbol
from tour.model import At, Role, in_tree, inside, tree_of

_ROWS = 1 << 48
"""Row numbers that each tree has; more than any uses."""
_STAMP = "stamp"


class _Book(Index):
    """One tree's index, its files and rows as the shelf has them; the first tree's are as they are."""

    def __init__(self, tree: str, number: int, index: Index) -> None:
        self.tree = tree
        self.path = index.path
        self._index = index
        self._base = number * _ROWS
        self._known: dict[int, StoredSymbol] = {}
        self._told: dict[tuple[str, tuple[Role, ...]], list[StoredMention]] = {}

    def close(self) -> None:
        self._index.close()

    def _meta(self, key: str) -> str | None:
        return self._index._meta(key)

    def holds(self, row: int) -> bool:
        """Whether a row is one of this tree's."""
        return 0 <= row - self._base < _ROWS

    def stamp(self) -> str:
        """A word that is another one after every change of this tree's facts; ``""`` where none can be kept.

        The index forgets it with all else that was remembered of the old facts.
        """
        if self.recall(_STAMP) is None:
            self.remember(_STAMP, secrets.token_hex(8))
        return self.recall(_STAMP) or ""

    def _symbols_of(self, symbols: list[StoredSymbol]) -> list[StoredSymbol]:
        if not self.tree:
            return symbols
        known, base = self._known, self._base
        for symbol in symbols:
            if symbol.row not in known:
                parent = None if symbol.parent is None else symbol.parent + base
                file = in_tree(self.tree, symbol.file)
                known[symbol.row] = symbol._replace(row=symbol.row + base, file=file, parent=parent)
        return [known[symbol.row] for symbol in symbols]

    def _mentions_of(self, mentions: list[StoredMention]) -> list[StoredMention]:
        if not self.tree:
            return mentions
        base = self._base
        return [
            mention._replace(
                file=in_tree(self.tree, mention.file), scope=None if mention.scope is None else mention.scope + base
            )
            for mention in mentions
        ]

    def _own(self, path: str) -> str:
        """A path as this tree has it; of another tree's file one that no tree has."""
        return inside(path) if tree_of(path) == self.tree else ""

    def text(self, path: str, first: int, last: int) -> bytes:
        return self._index.text(self._own(path), first, last)

    def all_symbols(self) -> Iterator[tuple[str, str, str, str, int, bool]]:
        for path, *told in self._index.all_symbols():
            yield (in_tree(self.tree, path) if self.tree else path, *told)  # type: ignore[misc]

    def files_with_problems(self) -> int:
        return self._index.files_with_problems()

    def file(self, path: str) -> StoredFile | None:
        found = self._index.file(self._own(path))
        return found._replace(path=path) if found else None

    def paths(self) -> list[str]:
        return [in_tree(self.tree, path) for path in self._index.paths()]

    def behind(self, files: Iterable[tuple[str, int, int]]) -> int:
        return self._index.behind(files)

    def problems(self) -> Iterator[tuple[At, str]]:
        for at, what in self._index.problems():
            yield At(in_tree(self.tree, at.file), at.line), what

    def symbols(self, qualname: str, scheme: str | None = None) -> list[StoredSymbol]:
        return self._symbols_of(self._index.symbols(qualname, scheme))

    def symbols_at(self, qualname: str, scheme: str, at: At) -> list[StoredSymbol]:
        return self._symbols_of(self._index.symbols_at(qualname, scheme, At(self._own(at.file), at.line)))

    def symbols_named(self, name: str, scheme: str | None = None) -> list[StoredSymbol]:
        return self._symbols_of(self._index.symbols_named(name, scheme))

    def symbols_ending(self, name: str) -> list[StoredSymbol]:
        return self._symbols_of(self._index.symbols_ending(name))

    def definitions_named(self, name: str, most: int) -> list[StoredSymbol] | None:
        found = self._index.definitions_named(name, most)
        return None if found is None else self._symbols_of(found)

    def count_named(self, name: str, scheme: str) -> int:
        return self._index.count_named(name, scheme)

    def operators(self, space: str, base: str) -> list[StoredSymbol]:
        return self._symbols_of(self._index.operators(space, base))

    def symbols_in(self, path: str) -> list[StoredSymbol]:
        return self._symbols_of(self._index.symbols_in(self._own(path)))

    def symbols_between(self, path: str, first: int, last: int) -> list[StoredSymbol]:
        return self._symbols_of(self._index.symbols_between(self._own(path), first, last))

    def symbol(self, row: int) -> StoredSymbol:
        return self._symbols_of([self._index.symbol(row - self._base)])[0]

    def members(self, row: int) -> list[StoredSymbol]:
        return self._symbols_of(self._index.members(row - self._base))

    def mentions_between(
        self, path: str, first: int, last: int, *roles: Role, scope: int | None = None
    ) -> list[StoredMention]:
        around = None if scope is None else scope - self._base
        return self._mentions_of(self._index.mentions_between(self._own(path), first, last, *roles, scope=around))

    def mentions_of(self, name: str, *roles: Role) -> list[StoredMention]:
        if (name, roles) not in self._told:
            self._told[name, roles] = self._mentions_of(self._index.mentions_of(name, *roles))
        return self._told[name, roles]

    def mentions_in(self, path: str, *roles: Role) -> list[StoredMention]:
        return self._mentions_of(self._index.mentions_in(self._own(path), *roles))

    def mentions_to(self, qualname: str, *roles: Role) -> list[StoredMention]:
        return self._mentions_of(self._index.mentions_to(qualname, *roles))

    def files_mentioning(self, name: str) -> int:
        return self._index.files_mentioning(name)

    def files_ending(self, path: str) -> list[str]:
        if tree_of(path) not in {"", self.tree}:
            return []
        return [in_tree(self.tree, found) for found in self._index.files_ending(inside(path))]

    def names_like(self, name: str) -> list[str]:
        return self._index.names_like(name)

    def bound_names(self, name: str) -> list[str]:
        return self._index.bound_names(name)

    def precise_reading(self, path: str) -> StoredReading | None:
        return self._index.precise_reading(self._own(path))

    def precise(self, path: str) -> list[PreciseRow]:
        return list(map(self._precisely, self._index.precise(self._own(path))))

    def precise_at(self, path: str, line: int, column: int) -> list[PreciseRow]:
        return list(map(self._precisely, self._index.precise_at(self._own(path), line, column)))

    def _precisely(self, row: PreciseRow) -> PreciseRow:
        return row._replace(file=in_tree(self.tree, row.file)) if row.file else row

    def recall(self, key: str) -> str | None:
        return self._index.recall(key)

    def remember(self, key: str, told: str) -> None:
        self._index.remember(key, told)


class _View(Index):
    """Some trees as one: a name in each of them, the first before the next; of ``python`` only the Python.

    Mentions of a name are those in ``naming``, where that is given.
    """

    def __init__(
        self, shelf: Shelf, books: Sequence[_Book], python: Sequence[_Book] = (), naming: Sequence[_Book] | None = None
    ) -> None:
        self.path = books[0].path
        self._shelf = shelf
        self._whole = tuple(books)
        self._python = tuple(python)
        self._books = (*books, *python)
        self._naming = self._books if naming is None else tuple(naming)
        self._bearers: dict[str, list[StoredSymbol]] = {}
        self._places: dict[tuple[str, tuple[Role, ...]], list[StoredMention]] = {}

    def close(self) -> None:
        for book in self._books:
            book.close()

    def _meta(self, key: str) -> str | None:
        return self._books[0]._meta(key)

    def of(self, tree: str) -> Index | None:
        return self._shelf.of(tree)

    def standing(self, file: str) -> Index:
        return self._shelf.standing(file)

    def home(self, symbol_id: str) -> Index:
        return self._shelf.home(symbol_id)

    def standpoints(self, first: str = "") -> Sequence[Index]:
        return self._shelf.standpoints(first)

    def naming(self, file: str | None) -> Sequence[Index]:
        return self._shelf.naming(file)

    # By path and by row: one tree has it.

    def _with(self, path: str) -> _Book:
        tree = tree_of(path)
        return next((book for book in self._books if book.tree == tree), self._books[0])

    def _holding(self, row: int) -> _Book:
        return next(book for book in self._books if book.holds(row))

    def text(self, path: str, first: int, last: int) -> bytes:
        return self._with(path).text(path, first, last)

    def file(self, path: str) -> StoredFile | None:
        return self._with(path).file(path)

    def symbols_at(self, qualname: str, scheme: str, at: At) -> list[StoredSymbol]:
        return self._with(at.file).symbols_at(qualname, scheme, at)

    def symbols_in(self, path: str) -> list[StoredSymbol]:
        return self._with(path).symbols_in(path)

    def symbols_between(self, path: str, first: int, last: int) -> list[StoredSymbol]:
        return self._with(path).symbols_between(path, first, last)

    def symbol(self, row: int) -> StoredSymbol:
        return self._holding(row).symbol(row)

    def members(self, row: int) -> list[StoredSymbol]:
        return self._holding(row).members(row)

    def mentions_between(
        self, path: str, first: int, last: int, *roles: Role, scope: int | None = None
    ) -> list[StoredMention]:
        return self._with(path).mentions_between(path, first, last, *roles, scope=scope)

    def mentions_in(self, path: str, *roles: Role) -> list[StoredMention]:
        return self._with(path).mentions_in(path, *roles)

    def precise_reading(self, path: str) -> StoredReading | None:
        return self._with(path).precise_reading(path)

    def precise(self, path: str) -> list[PreciseRow]:
        return self._with(path).precise(path)

    def precise_at(self, path: str, line: int, column: int) -> list[PreciseRow]:
        return self._with(path).precise_at(path, line, column)

    # By name: any tree may bear it.

    def _bearing(self, asked: Callable[[_Book], list[StoredSymbol]]) -> list[StoredSymbol]:
        found = [symbol for book in self._whole for symbol in asked(book)]
        return found + [symbol for book in self._python for symbol in asked(book) if symbol.scheme == "py"]

    def symbols(self, qualname: str, scheme: str | None = None) -> list[StoredSymbol]:
        if qualname not in self._bearers:
            self._bearers[qualname] = self._bearing(lambda book: book.symbols(qualname))
        return [symbol for symbol in self._bearers[qualname] if scheme in {None, symbol.scheme}]

    def symbols_named(self, name: str, scheme: str | None = None) -> list[StoredSymbol]:
        return self._bearing(lambda book: book.symbols_named(name, scheme))

    def symbols_ending(self, name: str) -> list[StoredSymbol]:
        return self._bearing(lambda book: book.symbols_ending(name))

    def definitions_named(self, name: str, most: int) -> list[StoredSymbol] | None:
        found: list[StoredSymbol] = []
        for book in self._whole:
            here = book.definitions_named(name, most)
            if here is None:
                return None
            found += here
        return found if len(found) <= most else None

    def count_named(self, name: str, scheme: str) -> int:
        return sum(book.count_named(name, scheme) for book in (self._books if scheme == "py" else self._whole))

    def operators(self, space: str, base: str) -> list[StoredSymbol]:
        return [operator for book in self._books for operator in book.operators(space, base)]

    def mentions_of(self, name: str, *roles: Role) -> list[StoredMention]:
        if (name, roles) not in self._places:
            self._places[name, roles] = self._naming_it(lambda book: book.mentions_of(name, *roles))
        return self._places[name, roles]

    def mentions_to(self, qualname: str, *roles: Role) -> list[StoredMention]:
        return self._naming_it(lambda book: book.mentions_to(qualname, *roles))

    def _naming_it(self, asked: Callable[[_Book], list[StoredMention]]) -> list[StoredMention]:
        return [
            mention
            for book in self._naming
            for mention in asked(book)
            if book not in self._python or mention.file.endswith((".py", ".pyi"))
        ]

    def files_mentioning(self, name: str) -> int:
        return sum(book.files_mentioning(name) for book in self._naming)

    def files_ending(self, path: str) -> list[str]:
        return [found for book in self._books for found in book.files_ending(path)]

    def names_like(self, name: str) -> list[str]:
        return list(dict.fromkeys(found for book in self._books for found in book.names_like(name)))

    def bound_names(self, name: str) -> list[str]:
        return list(dict.fromkeys(found for book in self._books for found in book.bound_names(name)))

    def all_symbols(self) -> Iterator[tuple[str, str, str, str, int, bool]]:
        for book in self._books:
            yield from book.all_symbols()

    def paths(self) -> list[str]:
        return [path for book in self._books for path in book.paths()]

    def files_with_problems(self) -> int:
        return sum(book.files_with_problems() for book in self._books)

    def problems(self) -> Iterator[tuple[At, str]]:
        for book in self._books:
            yield from book.problems()

    def behind(self, files: Iterable[tuple[str, int, int]]) -> int:
        raise NotImplementedError("a tree is held against its own index")

    # What was asked before lies with the last project, and holds as long as no tree's facts change.

    def recall(self, key: str) -> str | None:
        stamp = self._shelf.stamp()
        return self._shelf.projects[-1].recall(f"{stamp} {key}") if stamp else None

    def remember(self, key: str, told: str) -> None:
        if stamp := self._shelf.stamp():
            self._shelf.projects[-1].remember(f"{stamp} {key}", told)


class Shelf(_View):
    """All trees that are asked together; the first is the one whose files bear no tree's name."""

    def __init__(self, first: Index, projects: Sequence[Index]) -> None:
        """``projects`` are known by the names that their indexes have (``Index.name``), each another one."""
        self._first = first
        base = _Book("", 0, first)
        self.projects = [_Book(index.name, number, index) for number, index in enumerate(projects, start=1)]
        super().__init__(self, [base, *self.projects])
        self._standing: dict[str, Index] = {"": first}
        self._callers: dict[str, Index] = {"": first}
        for book in self.projects:
            others = [other for other in self.projects if other is not book]
            self._standing[book.tree] = _View(self, [book, base], others)
            self._callers[book.tree] = _View(self, [book, base], others, naming=[book])
        self._stamp: str | None = None

    def stamp(self) -> str:
        """A word that is another one after every change of what any tree holds; ``""`` where none can be kept."""
        if self._stamp is None:
            stamps = [book.stamp() for book in self._books]
            self._stamp = "/".join(stamps) if all(stamps) else ""
        return self._stamp

    def of(self, tree: str) -> Index | None:
        """The index of the tree of that name alone; ``None`` where it is not among those asked."""
        if tree == self._first.name:
            return self._first
        return next((book for book in self.projects if book.tree == tree), None)

    def standing(self, file: str) -> Index:
        """What code in a file can mean: its own tree and those that it is built on."""
        return self._standing[tree_of(file)]

    def home(self, symbol_id: str) -> Index:
        """The same for a symbol that no file defines, such as a name that C++ gives to Python."""
        return next((self._standing[book.tree] for book in self.projects if _would_bear(book, symbol_id)), self._first)

    def naming(self, file: str | None) -> Sequence[Index]:
        """Where what a file defines may be mentioned: its own tree, then those that are built on it, each alone."""
        tree = tree_of(file or "")
        return [view for name, view in self._callers.items() if name == tree or name]

    def standpoints(self, first: str = "") -> Sequence[Index]:
        """Where to ask what a name means: in PyTorch, then in each project; in the project ``first`` before all."""
        return [self._standing[name] for name in sorted(self._standing, key=lambda name: name != first)]


def _would_bear(book: _Book, symbol_id: str) -> bool:
    """Whether a symbol that no file defines is a project's: in one of its packages, or an operator of its own."""
    scheme, _, qualname = symbol_id.partition(":")
    if scheme != "py":
        return bool(book.symbols(qualname, scheme))
    top = qualname.partition(".")[0]
    return top != "torch" and bool(book.symbols(top, "py"))
