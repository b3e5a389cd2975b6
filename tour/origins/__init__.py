"""Where trees come from: PyTorch's public git repository, or the distribution's source package.

A tree is made in a hidden folder beside its final place, checked, written down in a record, and renamed; a run
that is killed leaves nothing that looks whole, and the next one clears it away. Each source says in a few words
why it could not help, and only when all have failed is that an error. Left out: bundled third-party code, which
neither the index nor a tour needs; and a downloader of our own, for git and apt know proxies, mirrors and
signatures.
"""

from __future__ import annotations

import datetime
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tour.errors import FetchError, TreeError
from tour.model import Progress, silent
from tour.origins import debian, git
from tour.origins.children import CannotHelpError
from tour.origins.releases import release
from tour.tree import (
    RECORD,
    Tree,
    alone,
    count_files,
    detect_version,
    incomplete,
    missing,
    open_tree,
    trees_dir,
    write_json,
)

REPOSITORY = "https://github.com/pytorch/pytorch.git"
SOURCES = ("git", "debian")
"""Where trees come from, in the order in which they are asked."""


class _BusyError(Exception):
    """Another process holds the lock."""


def get(
    version: str,
    source: str | None = None,
    progress: Progress = silent,
    *,
    waiting: Callable[[], None] = lambda: None,
    repository: str = REPOSITORY,
) -> Tree:
    """The tree of a released version, brought to the cache unless it is there already and whole.

    ``source`` is one of ``SOURCES``; without it they are tried in turn. ``waiting`` is called if another
    process is bringing the same version. Raises ``FetchError`` where none has it.
    """
    version = release(version)
    if source is not None and source not in SOURCES:
        raise FetchError(f"{source!r} is no source of trees", hint=f"There are: {', '.join(SOURCES)}.")
    place = trees_dir() / f"pytorch-{version}"
    if not place.exists() or incomplete(place, count=True):
        with alone(_lock(version), waiting):
            _sweep(version)
            why = incomplete(place, count=True) if place.exists() else ""
            if why:
                progress(f"PyTorch {version} at hand is incomplete ({why}); bringing it anew", 0, None)
            if why is not None:  # else another process has brought it meanwhile
                _bring(version, [source] if source else list(SOURCES), place, progress, repository)
    return open_tree(place)


def _lock(version: str) -> Path:
    return trees_dir() / f".{version}.lock"


def _sweep(version: str) -> None:
    """Clear away what runs that were killed have left; what belongs to a living one is locked, and stays."""

    def busy() -> None:
        raise _BusyError

    for left in trees_dir().glob(".getting-*"):
        named = re.fullmatch(r"\.getting-(.+)-[^-]+", left.name)
        if named is None or named[1] == version:
            shutil.rmtree(left, ignore_errors=True)
            continue
        with suppress(_BusyError), alone(_lock(named[1]), busy):
            shutil.rmtree(left, ignore_errors=True)


def _bring(version: str, sources: list[str], place: Path, progress: Progress, repository: str) -> None:
    """Try the sources in turn; the first that gives a whole tree wins."""
    ways: dict[str, Callable[[Path], dict[str, Any]]] = {
        "git": lambda into: git.clone(version, into, progress, repository),
        "debian": lambda into: debian.source_package(version, into, progress),
    }
    failures: dict[str, CannotHelpError] = {}
    for source in sources:
        with _workshop(version) as folder:
            try:
                how = ways[source](folder / "tree")
                _accept(version, folder / "tree", how, progress)
            except CannotHelpError as error:
                failures[source] = error
                continue
            if place.exists() or place.is_symlink():
                place.rename(folder / "incomplete")
            (folder / "tree").rename(place)
            _sync_folder(place.parent)
            return
    raise _nobody_helped(version, failures)


@contextmanager
def _workshop(version: str) -> Iterator[Path]:
    """A folder to make a tree in, on the same disk as its final place; taken away however we leave."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".getting-{version}-", dir=trees_dir()))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise FetchError(
            f"cannot write to {trees_dir()}: {error.strerror}",
            hint="Make room there, or set XDG_CACHE_HOME to another folder.",
        ) from error


def _nobody_helped(version: str, failures: dict[str, CannotHelpError]) -> FetchError:
    said = "; ".join(f"{source}: {error}" for source, error in failures.items())
    if all(error.unknown for error in failures.values()):
        return FetchError(f"there is no PyTorch {version} ({said})", hint="Released versions look like 2.6.0.")
    return FetchError(
        f"PyTorch {version} could not be got ({said})",
        hint="A checkout of your own works without a network: `tour get PATH`.",
    )


def _accept(version: str, working: Path, how: dict[str, Any], progress: Progress) -> None:
    """Check that a tree is whole and of that version, and write it down as such."""
    progress("Checking", 0, None)
    if lacks := missing(working):
        raise CannotHelpError(f"what came lacks {lacks[0]}")
    number, expected = count_files(working), how.pop("expected")
    if number < expected * 0.99:  # a file system that tells no upper from lower case may lose a few
        raise CannotHelpError(f"of {expected} files only {number} came")
    try:
        told, clue = detect_version(working)
    except TreeError:  # a release so old that it says nowhere what it is
        told, clue = version, ""
    if told.split(".")[:2] != version.split(".")[:2]:
        raise CannotHelpError(f"what came says in its {clue} that it is {told}")
    sizes = [file.lstat().st_size for file in working.rglob("*") if ".git" not in file.parts and file.is_file()]
    record = {
        "version": version,
        **how,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "files": number,
        "bytes": sum(sizes),
        "top": sorted(path.name for path in working.iterdir() if not path.name.startswith(".")),
    }
    write_json(working / RECORD, record)
    if hasattr(os, "sync"):  # one for all files: a power cut must not leave a record without its tree
        os.sync()


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
