"""A PyTorch source tree: find it, tell its version, list its files, read one, know where its index is.

A tree is a git checkout, an unpacked source archive, or the installed ``torch`` package (Python and headers). Nothing
here touches the network (``origins.py`` does) and nothing is imported from the tree: its version is read off several
clues, for ``version.txt`` alone is often behind (1.13.1 says ``1.13.0a0``).
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from tour.errors import TreeError
from tour.model import Lang

RECORD = ".tour-tree.json"
"""What ``tour get`` writes into a tree when it is whole."""

LANGS = {
    ".py": Lang.PYTHON,
    ".pyi": Lang.PYTHON,
    ".c": Lang.C,
    ".h": Lang.CPP,
    ".hh": Lang.CPP,
    ".hpp": Lang.CPP,
    ".inc": Lang.CPP,
    ".cc": Lang.CPP,
    ".cpp": Lang.CPP,
    ".cxx": Lang.CPP,
    ".cu": Lang.CUDA,
    ".cuh": Lang.CUDA,
}
OPERATORS = "native_functions.yaml"

_LOOKED_FOR = ("torch/__init__.py", "torch/csrc", "torch/version.py")
_VERSION = r"(\d+\.\d+(?:\.\d+)?(?:(?:a|b|rc)\d+)?)"


class TreeKind(StrEnum):
    """How a tree came to hand."""

    GIT = "git"
    ARCHIVE = "source package"
    INSTALLED = "installed"
    FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that can be indexed."""

    path: str
    """Relative to the tree's root, with ``/``."""
    lang: Lang
    size: int
    """Bytes."""
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Tree:
    """One version of PyTorch's sources in a folder."""

    root: Path
    version: str
    kind: TreeKind

    def files(self) -> list[SourceFile]:
        """Every file that can be indexed, by path. Links are not followed. Raises ``TreeError`` where it cannot look."""
        start = "torch" if self.kind is TreeKind.INSTALLED else ""
        found: list[SourceFile] = []
        folders = [start]
        while folders:
            here = folders.pop()
            prefix = f"{here}/" if here else ""
            try:
                with os.scandir(self.root / here if here else self.root) as entries:
                    for entry in entries:
                        name = entry.name
                        if entry.is_dir(follow_symlinks=False):
                            if not name.startswith(".") and name != "__pycache__":
                                folders.append(prefix + name)
                            continue
                        lang = LANGS.get(name[name.rfind(".") :]) or (Lang.OPERATORS if name == OPERATORS else None)
                        if lang is None or not entry.is_file(follow_symlinks=False):
                            continue
                        status = entry.stat(follow_symlinks=False)
                        path = prefix + name
                        if path.isascii() or _is_text(path):
                            found.append(SourceFile(path, lang, status.st_size, status.st_mtime_ns))
            except OSError as error:
                raise TreeError(
                    f"cannot read the folder: {error.strerror}",
                    at=str(self.root / here),
                    hint="The tree may be gone, or not yours to read." if here == start else None,
                ) from error
        found.sort(key=lambda file: file.path)
        return found

    def read(self, path: str) -> bytes:
        """A file's bytes. Raises ``TreeError`` where it is gone, unreadable, or outside the tree."""
        if path.startswith("/") or ".." in path.split("/"):
            raise TreeError("the path leaves the tree", at=path)
        try:
            return (self.root / path).read_bytes()
        except OSError as error:
            raise TreeError(f"cannot read the file: {error.strerror}", at=str(self.root / path)) from error


def _is_text(path: str) -> bool:
    """Whether a name is valid UTF-8; another could stand in no index, JSON or page."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def cache_dir() -> Path:
    """``$XDG_CACHE_HOME/tour``, else the platform's own cache folder."""
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "tour"
    import platformdirs

    return Path(platformdirs.user_cache_dir("tour", appauthor=False))


def trees_dir() -> Path:
    """Where ``tour get`` keeps trees."""
    return cache_dir() / "trees"


def index_path(tree: Tree) -> Path:
    """Where the index of a tree is; one for each folder, named so that a person can tell them apart."""
    mark = hashlib.blake2b(str(tree.root.resolve()).encode(), digest_size=5).hexdigest()
    return cache_dir() / "index" / f"pytorch-{tree.version}-{mark}.sqlite"


def trees() -> list[Tree]:
    """Every tree at hand: got, named, installed; in this order, each by version."""
    got = [tree for folder in sorted(trees_dir().glob("[!.]*")) if (tree := _got(folder))]
    named = [
        tree
        for path, version in _folders().items()
        if _is_pytorch(Path(path)) and (tree := _folder(Path(path), version)) is not None
    ]
    installed = _installed()
    return [*sorted(got, key=_age), *sorted(named, key=_age), *([installed] if installed else [])]


def open_tree(spec: str | Path | None = None, version: str | None = None) -> Tree:
    """The tree of a version at hand or in a folder; without ``spec`` the one around the current folder, else the newest.

    ``version`` overrides what the folder's files say. Raises ``TreeError`` with what to do.
    """
    if spec is None:
        around = next((folder for folder in [Path.cwd(), *Path.cwd().parents] if _is_pytorch(folder)), None)
        if around is not None:
            return _open_folder(around, version)
        at_hand = trees()
        sources = [tree for tree in at_hand if tree.kind is not TreeKind.INSTALLED] or at_hand
        if not sources:
            raise TreeError("there is no PyTorch tree at hand", hint="`tour get 2.6.0` brings one.")
        return max(sources, key=_age)
    text = str(spec)
    if "/" in text or text in {".", ".."} or Path(text).is_dir():
        return _open_folder(Path(text).expanduser(), version)
    wanted = text.removeprefix("v")
    at_hand = trees()
    found = [tree for tree in at_hand if tree.version == wanted] or [
        tree for tree in at_hand if tree.version.startswith(f"{wanted}.")
    ]
    if not found:
        have = ", ".join(dict.fromkeys(tree.version for tree in at_hand)) or "none"
        raise TreeError(
            f"PyTorch {wanted} is not at hand (at hand: {have})", hint=f"`tour get {wanted}` brings it, if there is one."
        )
    if len({tree.version for tree in found}) > 1:
        raise TreeError(f"{text} could be {' or '.join(sorted({tree.version for tree in found}))}")
    return found[0]


def add_folder(path: Path, version: str | None = None) -> Tree:
    """Take a folder that the user has; it stays where it is. Raises ``TreeError`` where it holds no PyTorch."""
    tree = _open_folder(path.expanduser(), version)
    folders = _folders() | {str(tree.root): version}
    write_json(cache_dir() / "folders.json", folders)
    return tree


def _open_folder(path: Path, version: str | None) -> Tree:
    root = path.resolve()
    try:
        is_tree = _is_pytorch(root)
    except OSError as error:
        raise TreeError(f"cannot read the folder: {error.strerror}", at=str(path)) from error
    if not root.is_dir():
        raise TreeError("there is no such folder", at=str(path))
    if not os.access(root, os.R_OK | os.X_OK):
        raise TreeError("cannot read the folder: Permission denied", at=str(path), hint="Give yourself leave to read it.")
    if not is_tree:
        raise TreeError(
            "this is no PyTorch tree", at=str(path), hint=f"Looked for {_LOOKED_FOR[0]} and {_LOOKED_FOR[1]}."
        )
    tree = _folder(root, version or _folders().get(str(root)))
    if tree is None:
        raise TreeError("its version cannot be told", at=str(path), hint="Say it: `tour get PATH --version 2.6.0`.")
    return tree


def _folder(root: Path, version: str | None) -> Tree | None:
    if version is not None:
        from packaging.version import InvalidVersion, Version

        try:
            version = str(Version(version))
        except InvalidVersion:
            raise TreeError(f"{version!r} is no version", hint="Such as 2.6.0.") from None
    told = version or (detect_version(root) or ("", ""))[0]
    if not told:
        return None
    if (record := _record(root)) is not None:
        kind = TreeKind(record["kind"])
    elif (root / ".git").exists():
        kind = TreeKind.GIT
    else:
        kind = TreeKind.FOLDER if (root / "torch/csrc").is_dir() else TreeKind.INSTALLED
    return Tree(root, told, kind)


def _is_pytorch(root: Path) -> bool:
    return (root / _LOOKED_FOR[0]).is_file() and any((root / mark).exists() for mark in _LOOKED_FOR[1:])


def whole(root: Path) -> str | None:
    """Why a tree that ``tour get`` made is no longer whole, or ``None`` where it is; a cheap look, no hashing."""
    record = _record(root)
    if record is None:
        return "it has no record of being complete"
    missing = [name for name in record["top"] if not (root / name).exists()]
    return f"{missing[0]} is missing" if missing else None


def _got(root: Path) -> Tree | None:
    record = _record(root)
    if record is None or whole(root) is not None:
        return None
    return Tree(root, record["version"], TreeKind(record["kind"]))


def _record(root: Path) -> dict[str, Any] | None:
    try:
        record = json.loads((root / RECORD).read_text())
        return record if {"version", "kind", "top"} <= record.keys() else None
    except (OSError, ValueError, AttributeError):
        return None


def _installed() -> Tree | None:
    """The ``torch`` of this Python, found without importing it."""
    try:
        spec = importlib.util.find_spec("torch")
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.origin:
        return None
    root = Path(spec.origin).parents[1]
    told = detect_version(root)
    return Tree(root, told[0], TreeKind.INSTALLED) if told and _is_pytorch(root) else None


def _folders() -> dict[str, str | None]:
    """The folders that the user named, with the version given for each."""
    try:
        folders = json.loads((cache_dir() / "folders.json").read_text())
    except (OSError, ValueError):
        return {}
    return folders if isinstance(folders, dict) else {}


@contextmanager
def alone(file: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold a lock file while at work on what it stands for; ``waiting`` is called once if another process has it.

    The system lets go of the lock when its holder dies, however it dies. Raises ``TreeError`` where it cannot be made.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            waiting()
            lock.acquire()
    except OSError as error:
        raise TreeError(f"cannot write: {error.strerror}", at=str(file.parent), hint="Set XDG_CACHE_HOME.") from error
    try:
        yield
    finally:
        lock.release()


def write_json(file: Path, value: object) -> None:
    """Write a small file whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    working = file.with_name(f".{file.name}.{os.getpid()}")
    working.write_text(json.dumps(value, indent=1))
    working.replace(file)


def _age(tree: Tree) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", tree.version)]


def detect_version(root: Path) -> tuple[str, str] | None:
    """A tree's version and the clue that told it, or ``None``.

    Clues, surest first: our record, a git tag, ``torch/version.py`` and the like that a build wrote, a changelog, the
    folder's name, ``version.txt``. The name is believed only where ``version.txt`` does not speak against it.
    """
    hint = _first(root / "version.txt", _VERSION)
    for version, clue in _clues(root):
        if not version:
            continue
        if clue == "the folder's name" and hint and _series(version) != _series(hint):
            continue
        return version, clue
    return (re.sub(r"(a|b|rc)\d+$", "", hint), "version.txt") if hint else None


def _clues(root: Path) -> Iterator[tuple[str | None, str]]:
    record = _record(root)
    yield record["version"] if record else None, RECORD
    yield _tag(root), "git tag"
    yield _first(root / "torch/version.py", rf"__version__ = ['\"]{_VERSION}"), "torch/version.py"
    yield _first(root / "debian/changelog", rf"\A\S+ \({_VERSION}"), "debian/changelog"
    named = re.search(rf"torch[-_.]?v?{_VERSION}", root.name)
    yield named[1] if named else None, "the folder's name"


def _first(file: Path, pattern: str) -> str | None:
    try:
        found = re.search(pattern, file.read_text(errors="replace")[:20_000])
    except OSError:
        return None
    return found[1] if found else None


def _series(version: str) -> list[str]:
    return version.split(".")[:2]


def _tag(root: Path) -> str | None:
    """The release tag that a git checkout is at, if it is at one."""
    if not (root / ".git").exists():
        return None
    try:
        told = subprocess.run(
            ["git", "-C", str(root), "tag", "--points-at", "HEAD"], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    tags = (re.fullmatch(rf"v{_VERSION}", line) for line in told.stdout.splitlines())
    return next((tag[1] for tag in tags if tag), None)
