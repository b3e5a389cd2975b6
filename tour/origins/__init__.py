"""Where trees come from: public git repositories, or for PyTorch the distribution's source package.

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
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tour import projects
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
    public_version,
    trees_dir,
    write_json,
)

REPOSITORY = "https://github.com/pytorch/pytorch.git"
PROJECTS = {"pytorch3d": "https://github.com/facebookresearch/pytorch3d.git"}
"""Projects built on PyTorch that can be got by name: those that our tours walk through."""

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


_ADDRESS = re.compile(r"(?:https?|ssh|git|file)://\S+|[\w.-]+@[\w.-]+:\S+")
_REFERENCE = re.compile(r"[\w][\w./+-]*")


def means_project(word: str) -> bool:
    """Whether what somebody wants to get is a project: one that we know, or a git repository's address."""
    return bool(_ADDRESS.fullmatch(word)) or word.partition("@")[0] in PROJECTS


def get_project(word: str, progress: Progress = silent, *, waiting: Callable[[], None] = lambda: None) -> Tree:
    """The tree of a project, brought to the cache unless it is there already and whole.

    ``word`` is a name of ``PROJECTS`` or a repository's address; ``@`` and a version, tag or branch may follow, else
    it is the newest release, or where there is none the newest commit. Raises ``FetchError`` where it cannot be had.
    """
    called, repository, wanted = _asked(word)
    try:
        found = git.tags(repository)
    except CannotHelpError as error:
        have = [each for each in projects.at_hand() if each.name == called and each.root.parent == trees_dir()]
        have = [each for each in have if wanted is None or each.version == public_version(wanted)]
        if have:
            progress(f"{called} at hand is used ({error})", 0, None)
            return have[-1]
        raise _no_project(called, error) from None
    reference = _tag_of(wanted, found) if wanted else _newest(found)
    place = trees_dir() / f"{called}-{re.sub(r'[^A-Za-z0-9._+-]+', '-', (reference or 'main').removeprefix('v'))}"
    if projects.recorded(place) is None:
        with alone(_lock(place.name), waiting):
            _sweep(place.name)
            if projects.recorded(place) is None:
                _bring_project(called, reference, repository, place, progress)
    got = projects.recorded(place)
    assert got is not None
    return got


def _asked(word: str) -> tuple[str, str, str | None]:
    """What a project is called until its files say so, its repository, and the version, tag or branch wanted."""
    address, wanted = word, None
    at = word.rfind("@")
    if at > max(word.rfind("/"), word.rfind(":")):
        address, wanted = word[:at], word[at + 1 :]
        if not _REFERENCE.fullmatch(wanted):
            raise FetchError(f"{wanted!r} is no version, tag or branch", hint="Such as pytorch3d@0.7.8.")
    repository = PROJECTS.get(address, address)
    name = re.sub(r"[^a-z0-9]+", "-", repository.rstrip("/").removesuffix(".git").lower().rpartition("/")[2])
    return (address if address in PROJECTS else name.strip("-") or "project"), repository, wanted


def _tag_of(wanted: str, tags: Iterable[str]) -> str:
    """The tag of a version (``0.7.8`` is ``v0.7.8``); anything else is taken for a tag or branch as it is."""
    version = public_version(wanted)
    return next((tag for tag in tags if tag == wanted or (version and public_version(tag) == version)), wanted)


def _newest(tags: Iterable[str]) -> str | None:
    """The tag of the newest release, candidates and the like left out."""
    from packaging.version import Version

    told = [(Version(version), tag) for tag in tags if re.match(r"v?\d", tag) and (version := public_version(tag))]
    return max((pair for pair in told if not pair[0].is_prerelease), default=(None, None))[1]


def _bring_project(called: str, reference: str | None, repository: str, place: Path, progress: Progress) -> None:
    with _workshop(place.name) as folder:
        working = folder / "tree"
        try:
            how = git.clone(reference, working, progress, repository)
            if not projects.is_project(working):
                raise CannotHelpError(f"what came has none of {', '.join(projects.MARKS)}")
            number, expected = count_files(working), how.pop("expected")
            if number < expected * 0.99:
                raise CannotHelpError(f"of {expected} files only {number} came")
        except CannotHelpError as error:
            raise _no_project(called, error) from None
        said = projects.said_by(working)
        told = {"project": projects.name_of(working, said, called), "version": projects.version_of(working, said)}
        _write_record(working, {**told, **how}, number)
        if place.exists() or place.is_symlink():
            place.rename(folder / "incomplete")
        working.rename(place)
        _sync_folder(place.parent)


def _no_project(called: str, error: CannotHelpError) -> FetchError:
    return FetchError(
        f"{called} could not be got (git: {error})",
        hint="A checkout of your own works without a network: `tour get PATH`.",
    )


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
        "git": lambda into: git.clone(git.release_tag(version), into, progress, repository),
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
    _write_record(working, {"version": version, **how}, number)


def _write_record(working: Path, how: dict[str, Any], number: int) -> None:
    """Write a tree of so many files down as whole."""
    sizes = [file.lstat().st_size for file in working.rglob("*") if ".git" not in file.parts and file.is_file()]
    record = {
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
