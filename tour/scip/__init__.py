"""A tree's index as a file of SCIP, which code hosts read to show cross references (github.com/sourcegraph/scip).

The file is written one document after the other, as the format is made for: what is held in memory is the names of
symbols, not what is said of them. Generated code is left out, for it lies in no folder of the tree; a symbol that is
named and not defined in any document of the file is told at its end, as one from outside.
"""

from __future__ import annotations

import gc
import os
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tour.errors import TourError
from tour.index import Index
from tour.model import Progress, silent
from tour.scip import schema
from tour.scip.documents import Documents, Made
from tour.tree import Tree, index_path

_FEW = 200
"""Files that are no reason to start other processes."""
_TOGETHER = 8
"""Files that a process is given at a time."""
_AFRESH = 250
"""Files after which a process begins with an empty memory."""


@dataclass(frozen=True, slots=True)
class Written:
    """What is in a file that was written."""

    file: str
    documents: int
    symbols: int
    occurrences: int
    outside: int
    """Symbols that are named and defined elsewhere."""
    guesses: int
    """Names that were left out, for the index only guesses what they mean."""


def write(
    tree: Tree, file: Path, version: str, progress: Progress = silent, *, only: Collection[str] | None = None
) -> Written:
    """Write the index of a tree; the file is whole or is not there. ``version`` is that of this program.

    ``only`` narrows it to some files. References of every other name go to symbols that are told as from outside.
    Raises ``StaleIndex`` where the tree changed since it was indexed, ``TourError`` where the file cannot be written.
    """
    generated = {one.path for one in tree.files() if one.generated}
    with Index(index_path(tree)) as index:
        paths = [path for path in index.paths() if path not in generated and (only is None or path in only)]
    working = file.with_name(f".{file.name}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with working.open("wb") as out, tempfile.TemporaryFile(dir=file.parent) as spool:
            told = _Told(out, spool)
            with _documents(tree, paths) as made:
                for done, document in enumerate(made):
                    progress("Exporting", done, len(paths))
                    told.add(document)
            written = told.finish(tree, file, version)
        working.replace(file)
    except OSError as error:
        raise TourError(f"cannot write {file}: {error.strerror}", hint="Name a place in a folder of yours.") from error
    finally:
        with suppress(OSError):
            working.unlink(missing_ok=True)
    return written


class _Told:
    """A file on its way: documents wait in a spool, for what is said of a symbol may be learnt from a later one."""

    def __init__(self, out: BinaryIO, spool: BinaryIO) -> None:
        self._out = out
        self._spool = spool
        self._waiting: list[tuple[str, int]] = []
        self._defined: set[str] = set()
        self._asked: dict[str, str] = {}
        self._bound: dict[str, tuple[str, bytes]] = {}
        self._occurrences = self._guesses = 0

    def add(self, made: Made) -> None:
        self._waiting.append((made.path, len(made.packed)))
        self._spool.write(made.packed)
        self._defined |= made.defines
        self._asked |= made.asks
        self._bound |= made.bound
        self._occurrences += made.occurrences
        self._guesses += made.guesses

    def finish(self, tree: Tree, file: Path, version: str) -> Written:
        metadata = schema.Metadata(
            tool_info=schema.ToolInfo(name="tour", version=version),
            project_root=tree.root.absolute().as_uri(),
            text_document_encoding=schema.UTF8,
        )
        self._out.write(schema.Index(metadata=metadata).SerializeToString())
        exported = {path for path, _ in self._waiting}
        placed: defaultdict[str, list[bytes]] = defaultdict(list)
        for symbol, (path, information) in self._bound.items():
            if path in exported and symbol not in self._defined:
                placed[path].append(information)
                self._defined.add(symbol)
        self._spool.seek(0)
        for path, size in self._waiting:
            document = schema.Document.FromString(self._spool.read(size))
            document.symbols.extend(map(schema.SymbolInformation.FromString, placed.get(path, ())))
            self._out.write(schema.Index(documents=[document]).SerializeToString())
        outside = sorted(self._asked.keys() - self._defined)
        for symbol in outside:
            self._out.write(schema.Index(external_symbols=[self._external(symbol)]).SerializeToString())
        return Written(
            str(file), len(self._waiting), len(self._defined), self._occurrences, len(outside), self._guesses
        )

    def _external(self, symbol: str) -> object:
        made = schema.SymbolInformation(symbol=symbol, display_name=self._asked[symbol])
        if symbol in self._bound:
            made.MergeFromString(self._bound[symbol][1])
            made.ClearField("relationships")  # which lead to symbols of documents
        return made


@contextmanager
def _documents(tree: Tree, paths: Sequence[str]) -> Iterator[Iterable[Made]]:
    """The documents of some files, in their order; of many files made on all cores."""
    if len(paths) < _FEW:
        with Index(index_path(tree)) as index:
            yield map(Documents(tree, index).document, paths)
        return
    from concurrent.futures import ProcessPoolExecutor

    pool = ProcessPoolExecutor(os.cpu_count() or 1, initializer=_open, initargs=(tree,))
    try:
        yield pool.map(_document, paths, chunksize=_TOGETHER)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _Worker:
    """In a worker, what makes its documents, one after the other.

    An index and its links keep what they were asked, a third of a megabyte for each file; so both are opened anew now
    and then.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._left = 0
        self._index: Index | None = None

    def document(self, path: str) -> Made:
        if not self._left:
            if self._index is not None:
                self._index.close()
            self._index = Index(index_path(self._tree))
            self._documents = Documents(self._tree, self._index)
            gc.collect()  # what is left behind holds itself in circles
            self._left = _AFRESH
        self._left -= 1
        return self._documents.document(path)


_worker: _Worker
"""That of this process."""


def _open(tree: Tree) -> None:
    global _worker
    _worker = _Worker(tree)


def _document(path: str) -> Made:
    return _worker.document(path)
