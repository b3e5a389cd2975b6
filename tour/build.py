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
from dataclasses import dataclass
from itertools import count
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
from tour.model import Lang, Progress, silent
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
        with Writer(index, fresh=state != "ready") as writer:
            parsed, removed, changed = _bring_up(tree, writer, files, executor, progress)
            if changed or writer.meta("version") != tree.version or writer.meta("root") != str(tree.root):
                writer.set_meta(version=tree.version, root=str(tree.root), kind=tree.kind.value, parsers=_parsers())
                writer.commit()
        with Index(index) as done:
            problems = done.files_with_problems()
        generated = sum(file.generated for file in files)
        return Report(len(files), generated, parsed, removed, problems, time.monotonic() - start, rebuilt)


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
    removed = [path for path in stored if path not in present]
    for path in removed:
        writer.remove(path)
    with _workers(executor, sum(file.size for file in stale)) as pool:
        found = dict(_read_macros(tree, stale, pool))
        known = {path: text for path, text in writer.macros().items() if path in present} | found
        mask = macros.learn(macros.Macro(*macro) for path in sorted(known) for macro in known[path])
        mask_text = json.dumps([sorted(mask.plain), sorted(mask.with_arguments), mask.shared])
        remasked = writer.meta("mask") not in (None, mask_text)
        if remasked:
            # Another mask reads every C file differently, so an update must read them all to equal a cold build.
            again = {file.path for file in stale}
            stale += [file for file in files if file.lang in _C_FAMILY and file.path not in again]
        writer.set_meta(mask=mask_text)
        parsed = 0
        for rows in _parse(tree, _numbered(stale, stored), mask, pool, progress):
            old = stored.get(rows.path)
            reads_anew = remasked and rows.lang in _C_FAMILY
            if old is not None and old.digest == rows.digest and not reads_anew:
                writer.touch(rows.path, rows.size, rows.mtime_ns)
                continue
            writer.remove(rows.path)
            writer.add(rows, known.get(rows.path, ()))
            parsed += 1
    return parsed, len(removed), True


def _numbered(files: Sequence[SourceFile], stored: Mapping[str, StoredFile]) -> list[tuple[int, SourceFile]]:
    """Each file with its number in the index: the one that it has, else the next that is free.

    In the order in which ``_batches`` sends them out, so that rows come to the table nearly sorted.
    """
    free = count(max((file.id for file in stored.values()), default=0) + 1)
    ordered = sorted(files, key=lambda file: (-file.size, file.path))
    return [(stored[file.path].id if file.path in stored else next(free), file) for file in ordered]


class _InThisProcess:
    """What stands for a pool where the work is too little to pay for one."""

    def __enter__(self) -> _InThisProcess:
        return self

    def __exit__(self, *exc: object) -> None: ...

    def run(self, task: Callable[..., bytes], batches: Iterable[tuple[Any, ...]]) -> Iterator[bytes]:
        return (task(*batch) for batch in batches)


class _Pool:
    """An executor, ours or the caller's, whose results come as they are ready."""

    def __init__(self, executor: Executor | None) -> None:
        from concurrent.futures import ProcessPoolExecutor

        self._executor = executor or ProcessPoolExecutor(
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
        )
        self._ours = executor is None

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._ours:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def run(self, task: Callable[..., bytes], batches: Iterable[tuple[Any, ...]]) -> Iterator[bytes]:
        from concurrent.futures import as_completed

        futures: list[Future[bytes]] = [self._executor.submit(task, *batch) for batch in batches]
        for future in as_completed(futures):
            yield future.result()


def _workers(executor: Executor | None, size: int) -> _Pool | _InThisProcess:
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


def _read_macros(
    tree: Tree, files: Sequence[SourceFile], pool: _Pool | _InThisProcess
) -> Iterator[tuple[str, list[list[Any]]]]:
    sources = [(0, file) for file in files if file.lang in _C_FAMILY]
    tasks = ((tree, [file.path for _, file in batch]) for batch in _batches(sources))
    for result in pool.run(_macro_task, tasks):
        yield from marshal.loads(result)


def _macro_task(tree: Tree, paths: list[str]) -> bytes:
    """The ``#define``s of some files; runs in a worker."""
    from tour.parsers import macros

    found = []
    for path in paths:
        source, _ = _read(tree, path)
        made = macros.defined(source, shares=path.endswith((".h", ".hpp", ".cuh")))
        found.append((path, [[m.name, m.takes_arguments, m.needs, m.is_empty, m.text] for m in made]))
    return marshal.dumps(found)


def _parse(
    tree: Tree,
    files: Sequence[tuple[int, SourceFile]],
    mask: macros.Mask,
    pool: _Pool | _InThisProcess,
    progress: Progress,
) -> Iterator[FileRows]:
    total, done = sum(file.size for _, file in files), 0
    progress("Indexing", 0, total)
    for result in pool.run(_parse_task, ((tree, batch, mask) for batch in _batches(files))):
        for fields_ in marshal.loads(result):
            rows = FileRows(*fields_)
            yield rows
            done += rows.size
        progress("Indexing", done, total)


def _parse_task(tree: Tree, files: list[tuple[int, SourceFile]], mask: macros.Mask) -> bytes:
    """The rows of some files; runs in a worker. Marshal, for it is several times as fast as pickle here."""
    from tour.parsers import parse

    batch = []
    gc.disable()  # the records hold no cycles, and a collector that looks for some costs a tenth of the time
    for number, file in files:
        source, unread = _read(tree, file.path)
        parsed = parse(file.path, source, file.lang, mask)
        batch.append(
            (
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
        )
    packed = marshal.dumps(batch)
    del batch
    gc.enable()
    return packed


def _read(tree: Tree, path: str) -> tuple[bytes, str | None]:
    """A file's bytes, or nothing and the reason why it could not be read."""
    try:
        return tree.read(path, listed=True), None
    except TourError as error:
        return b"", error.what
