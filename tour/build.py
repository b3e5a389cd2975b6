"""Bring an index up to date with a tree: find what changed, parse that on every core, store it in one transaction.

A file counts as unchanged when its size and time are; where only the time differs, its digest decides. One task is a
batch of files and its result depends on nothing but those bytes and the macro mask, so any executor will do. What is
left out: links. They are worked out of the stored facts when somebody asks (``tour/links``).
"""

from __future__ import annotations

import gc
import json
import marshal
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, count, starmap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tour.errors import TourError
from tour.index import (
    FileRows,
    Index,
    StoredFile,
    Writer,
    digest_of,
    pack,
    pack_text,
    read_by,
    state_of,
    symbol_rows,
)
from tour.model import PYTORCH, Lang, Progress, silent
from tour.tree import SourceFile, Tree, alone

if TYPE_CHECKING:  # at run time only where there is something to read: that nothing changed is known sooner without
    from concurrent.futures import Executor, Future

    from tour.parsers import macros

BATCH_BYTES = 400_000
"""Source bytes in one task: large enough to hide the hand-over, small enough to keep both cores busy to the end."""

_C_FAMILY = frozenset({Lang.C, Lang.CPP, Lang.CUDA})


@dataclass(frozen=True, slots=True)
class Report:
    """What an update did."""

    files: int
    generated: int
    """How many of them the tree's own code generation wrote."""
    parsed: int
    removed: int
    problems: int
    seconds: float
    rebuilt: str | None
    """Why the old index was thrown away, if there was one."""


def update(
    tree: Tree,
    index: Path,
    *,
    executor: Executor | None = None,
    progress: Progress = silent,
    waiting: Callable[[], None] = lambda: None,
) -> Report:
    """Make ``index`` say what ``tree`` holds now.

    ``waiting`` is called once if another process is at the same index. Raises ``TreeError`` where the tree cannot be
    read; the old index then stays as it was.
    """
    with alone(index.with_suffix(".lock"), waiting):
        start = time.monotonic()
        state = state_of(index)
        if state == "ready" and read_by(index) != _parsers():
            state = "other format"  # what is in it was read by other rules
        rebuilt = None if state in {"ready", "absent"} else state
        files = tree.files()
        with Writer(index, fresh=state != "ready") as writer, _uncollected():
            parsed, removed, changed = _bring_up(tree, writer, files, executor, progress)
            facts = {"name": tree.name, "version": tree.version, "root": str(tree.root)}
            if changed or any(writer.meta(key) != told for key, told in facts.items()):
                writer.set_meta(**facts, kind=tree.kind.value, parsers=_parsers())
                writer.commit()
        with Index(index) as done:
            problems = done.files_with_problems()
        generated = sum(file.generated for file in files)
        return Report(len(files), generated, parsed, removed, problems, time.monotonic() - start, rebuilt)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector of cycles: what comes from a worker holds none, and it would look through all of it."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _parsers() -> str:
    """What changes when files would be read otherwise: the parsers' own text."""
    package = Path(__file__).parent / "parsers"
    files = sorted([*package.glob("*.py"), *package.glob("queries/*.scm")])
    return digest_of(b"\0".join(file.read_bytes() for file in files)).hex()


def _bring_up(
    tree: Tree, writer: Writer, files: Sequence[SourceFile], executor: Executor | None, progress: Progress
) -> tuple[int, int, bool]:
    """Store what is new; give how many files were parsed, how many removed, and whether anything was written."""
    if writer.states() == {(file.path, file.size, file.mtime_ns) for file in files}:
        return 0, 0, False
    from tour.parsers import macros

    stored = writer.files()
    present = {file.path for file in files}
    stale = [
        file
        for file in files
        if (old := stored.get(file.path)) is None or (old.size, old.mtime_ns) != (file.size, file.mtime_ns)
    ]
    imports = _imports(tree, files)
    renamed = writer.meta("imports") not in (None, imports)
    if renamed:
        # A package that came or went gives other names to modules that did not change.
        stale += [file for file in files if file.lang is Lang.PYTHON and file not in stale]
    writer.set_meta(imports=imports)
    removed = [path for path in stored if path not in present]
    for path in removed:
        writer.remove(path)
    numbered = _numbered(stale, stored)
    with _workers(executor, numbered) as pool:
        macros_read = pool.start(_macro_task, _macro_tasks(tree, stale))
        first = list(_batches([item for item in numbered if item[1].lang is Lang.PYTHON]))[: pool.spare]
        early = pool.start(_parse_task, [(tree, batch, _mask_text(macros.Mask())) for batch in first])
        pool.prepare()
        found = {path: text for result in macros_read for path, text in marshal.loads(result)}
        ready = [*early]
    known = {path: text for path, text in writer.macros().items() if path in present} | found
    mask = macros.learn(macros.Macro(*macro) for path in sorted(known) for macro in known[path])
    mask_text = _mask_text(mask)
    remasked = writer.meta("mask") not in (None, mask_text)
    if remasked:
        # Another mask reads every C file differently, so an update must read them all to equal a cold build.
        again = {file.path for file in stale}
        stale += [file for file in files if file.lang in _C_FAMILY and file.path not in again]
        numbered = _numbered(stale, stored)
    writer.set_meta(mask=mask_text)
    started = {file.path for batch in first for _, file in batch}
    rest = [item for item in numbered if item[1].path not in started]
    parsed = done = 0
    total = sum(file.size for file in stale)
    progress("Indexing", 0, total)
    with _workers(executor, rest) as pool:  # forked anew, from a process that has read the queries
        for result in chain(ready, pool.start(_parse_task, [(tree, batch, mask_text) for batch in _batches(rest)])):
            for rows in starmap(FileRows, marshal.loads(result)):
                done += rows.size
                old = stored.get(rows.path)
                reads_anew = (remasked and rows.lang in _C_FAMILY) or (renamed and rows.lang == Lang.PYTHON)
                if old is not None and old.digest == rows.digest and not reads_anew:
                    writer.touch(rows.path, rows.size, rows.mtime_ns)
                    continue
                if old is not None:
                    writer.remove(rows.path)
                writer.add(rows, known.get(rows.path, ()))
                parsed += 1
            progress("Indexing", done, total)
    return parsed, len(removed), True


def _imports(tree: Tree, files: Sequence[SourceFile]) -> str:
    """Where Python files are imported from, of those for which that is not the tree's root."""
    if tree.name == PYTORCH:
        return ""
    paths = [(file.path, tree.import_path(file.path)) for file in files if file.lang is Lang.PYTHON]
    return json.dumps([pair for pair in paths if pair[0] != pair[1]])


def _numbered(files: Sequence[SourceFile], stored: Mapping[str, StoredFile]) -> list[tuple[int, SourceFile]]:
    """Each file with its number in the index: the one that it has, else the next that is free.

    In the order in which ``_batches`` sends them out, so that rows come to the table nearly sorted.
    """
    free = count(max((file.id for file in stored.values()), default=0) + 1)
    ordered = sorted(files, key=lambda file: (-file.size, file.path))
    return [(stored[file.path].id if file.path in stored else next(free), file) for file in ordered]


class _InThisProcess:
    """What stands for a pool where the work is too little to pay for one."""

    spare = 0

    def __enter__(self) -> _InThisProcess:
        return self

    def __exit__(self, *exc: object) -> None: ...

    def prepare(self) -> None: ...

    def start(self, task: Callable[..., bytes], batches: Iterable[tuple[Any, ...]]) -> Iterator[bytes]:
        return (task(*batch) for batch in batches)


class _Pool:
    """An executor, ours or the caller's, whose results come as they are ready."""

    def __init__(self, executor: Executor | None) -> None:
        from concurrent.futures import ProcessPoolExecutor

        workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._executor = executor or ProcessPoolExecutor(workers)
        self._ours = executor is None
        self.spare = 2 * workers if self._ours else 0
        """Batches that keep the workers busy while this process prepares for those that follow."""

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._ours:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def prepare(self) -> None:
        """Do here once what each worker of the next pool would do; of use where they are forked."""
        from multiprocessing import get_start_method

        from tour.parsers.treesitter import prepare

        if self._ours and get_start_method() == "fork":
            prepare()

    def start(self, task: Callable[..., bytes], batches: Iterable[tuple[Any, ...]]) -> Iterator[bytes]:
        """Hand the batches out now; their results come in no order."""
        from concurrent.futures import as_completed

        futures: list[Future[bytes]] = [self._executor.submit(task, *batch) for batch in batches]
        return (future.result() for future in as_completed(futures))


def _workers(executor: Executor | None, files: Sequence[tuple[int, SourceFile]]) -> _Pool | _InThisProcess:
    size = sum(file.size for _, file in files)
    return _InThisProcess() if executor is None and size < 2 * BATCH_BYTES else _Pool(executor)


def _batches(files: Sequence[tuple[int, SourceFile]]) -> Iterator[list[tuple[int, SourceFile]]]:
    """Numbered files in tasks of about ``BATCH_BYTES``, the largest first so that no giant is left for the end."""
    batch: list[tuple[int, SourceFile]] = []
    size = 0
    for number, file in sorted(files, key=lambda item: (-item[1].size, item[1].path)):
        batch.append((number, file))
        size += file.size
        if size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _macro_tasks(tree: Tree, files: Sequence[SourceFile]) -> list[tuple[Tree, list[str]]]:
    sources = [(0, file) for file in files if file.lang in _C_FAMILY]
    return [(tree, [file.path for _, file in batch]) for batch in _batches(sources)]


def _macro_task(tree: Tree, paths: list[str]) -> bytes:
    """The ``#define``s of some files; runs in a worker."""
    from tour.parsers import macros

    found = []
    for path in paths:
        source, _ = _read(tree, path)
        made = macros.defined(source, shares=path.endswith((".h", ".hpp", ".cuh")))
        found.append((path, [[m.name, m.takes_arguments, m.needs, m.is_empty, m.text] for m in made]))
    return marshal.dumps(found)


def _mask_text(mask: macros.Mask) -> str:
    return json.dumps([sorted(mask.plain), sorted(mask.with_arguments), mask.shared])


@lru_cache(maxsize=2)
def _mask(mask_text: str) -> macros.Mask:
    """One object for all files of a worker, so that what is made of it is made once."""
    from tour.parsers import macros

    plain, with_arguments, shared = json.loads(mask_text)
    return macros.Mask(frozenset(plain), frozenset(with_arguments), tuple(map(tuple, shared)))


def _parse_task(tree: Tree, files: list[tuple[int, SourceFile]], mask_text: str) -> bytes:
    """The rows of some files; runs in a worker. Marshal, for it is several times as fast as pickle here."""
    mask = _mask(mask_text)
    with _uncollected():
        return marshal.dumps([_parsed(tree, number, file, mask) for number, file in files])


def _parsed(tree: Tree, number: int, file: SourceFile, mask: macros.Mask) -> tuple[Any, ...]:
    """The fields of a file's ``FileRows``."""
    from tour.parsers import parse

    source, unread = _read(tree, file.path)
    parsed = parse(file.path, source, file.lang, mask, tree.import_path(file.path))
    return (
        number,
        file.path,
        file.lang.value,
        file.size,
        file.mtime_ns,
        digest_of(source),
        symbol_rows(number, file.lang.scheme, parsed.symbol_fields),
        pack(parsed.mention_fields),
        [(1, unread)] if unread else [(problem.line, problem.what) for problem in parsed.problems],
        pack_text(source) if file.lang is Lang.PYTHON else None,
    )


def _read(tree: Tree, path: str) -> tuple[bytes, str | None]:
    """A file's bytes, or nothing and the reason why it could not be read."""
    try:
        return tree.read(path, listed=True), None
    except TourError as error:
        return b"", error.what
