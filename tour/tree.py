"""A PyTorch source tree: find it, tell its version, list its files, read one, know where its index is.

A tree is a git checkout, an unpacked source archive, or the installed ``torch`` package (Python and headers).
Nothing here touches the network (``origins`` does), and nothing of a tree is imported or parsed. Its
version is weighed from several clues, because the plain one lies: 1.13.1 has ``1.13.0a0`` in ``version.txt``.
Left out of a tree's files are those that are not its own: hidden folders, what a build wrote, environments,
and other projects' repositories inside it (bundled third-party code). What the tree's own code generation wrote
(``codegen.py``) lies in the cache and is laid over the tree, under the paths that a build gives it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from operator import attrgetter
from pathlib import Path
from typing import Any

from tour.digests import blake2b
from tour.errors import TreeError
from tour.model import PYTORCH, Lang, inside, told, tree_of

RECORD = ".tour-tree.json"
"""What ``tour get`` writes into a tree when it is whole."""

INDEXED = "indexed.json"
"""What says which of the folders in ``generated_home`` belongs to the index."""

LANGS = {
    ".py": Lang.PYTHON,
    ".pyi": Lang.PYTHON,
    ".c": Lang.C,
    ".h": Lang.CPP,
    ".hh": Lang.CPP,
    ".hpp": Lang.CPP,
    ".cc": Lang.CPP,
    ".cpp": Lang.CPP,
    ".cxx": Lang.CPP,
    ".inc": Lang.CPP,
    ".inl": Lang.CPP,
    ".mm": Lang.CPP,
    ".cu": Lang.CUDA,
    ".cuh": Lang.CUDA,
    ".hip": Lang.CUDA,
}
OPERATORS = "native_functions.yaml"
_NAMED = {OPERATORS: Lang.OPERATORS, "derivatives.yaml": Lang.DERIVATIVES}

SOURCE_MARKS = ("torch/__init__.py", "torch/csrc", f"aten/src/ATen/native/{OPERATORS}")
"""What every source tree has, from 1.0 to now."""

_INSTALLED_MARKS = ("torch/__init__.py", "torch/version.py")
_INSTALLED_PACKAGES = ("torch", "torchgen", "functorch")
"""What torch puts into ``site-packages``; walked from there, paths read as they do in a source tree."""

_NOT_OURS = frozenset((".git", "CMakeCache.txt", "pyvenv.cfg"))
"""A folder below the root that holds one of these is another repository, a build, or an environment."""

_BUILT = ("aten", "build/aten")
"""What code generation writes below the first, a build has below the second; all else is where it is written."""

_WHOLE = "Everything.cpp"
"""How the generated files end that hold once more what numbered ones beside them hold."""


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
    generated: bool = False
    """Whether it is not the tree's own, but written by its code generation."""


@dataclass(frozen=True, slots=True)
class Tree:
    """One version of the sources of PyTorch, or of a project that is built on it, in a folder."""

    root: Path
    """For the installed package the folder that holds ``torch/``, so that paths read as in a source tree."""
    version: str
    kind: TreeKind
    generated: Path | None = None
    """Where the code is that the tree's own code generation wrote, if ``tour index --generated`` asked for it."""
    name: str = PYTORCH
    """What tours and paths call it."""
    beside: tuple[Tree, ...] = ()
    """Trees of projects that are asked along with it, each of another name."""
    asked: str = ""
    """The name of the one among them that a question is meant for first; ``""`` where it is this one."""

    @property
    def title(self) -> str:
        """What a reader is told: ``PyTorch 2.6.0``, ``pytorch3d 0.7.9``."""
        return told(self.name, self.version)

    @property
    def titles(self) -> str:
        """The titles of all trees that are asked together."""
        return ", ".join(tree.title for tree in (self, *self.beside))

    def files(self) -> list[SourceFile]:
        """Every file that can be indexed, by path; with the generated ones where the tree has them.

        Links are not followed, and a name that is not UTF-8 is passed over: no index, JSON or page could hold
        it. Raises ``TreeError`` where it cannot look.
        """
        root = os.fspath(self.root)
        installed = self.kind is TreeKind.INSTALLED
        folders = [name for name in _INSTALLED_PACKAGES if _there(f"{root}/{name}")] if installed else [""]
        # where a build puts copies of the tree's own files
        copies = {""} if installed else {"torch/include"} if self.name == PYTORCH else {"build", "dist"}
        found: list[SourceFile] = []
        while folders:
            here = folders.pop()
            if here and here in copies:
                continue
            files, below = _scan(root, here)
            found += files
            folders += below
        if self.generated is not None:
            own = {file.path for file in found}
            found += [file for file in _overlay(root, os.fspath(self.generated)) if file.path not in own]
        found.sort(key=attrgetter("path"))
        return found

    def read(self, path: str, *, listed: bool = False) -> bytes:
        """A file's bytes, its own before a generated one's.

        ``listed`` says that ``files``, which follows no links, gave the path just now; it is not looked at again.
        Raises ``TreeError`` where it is gone, unreadable, or outside the tree.
        """
        if tree := tree_of(path):
            return self._other(tree, path).read(inside(path), listed=listed)
        root = os.fspath(self.root)
        if not listed and _leaves(root, path):
            raise TreeError("the path leaves the tree", at=path, hint=f"The tree is {root}.")
        place = f"{root}/{path}"
        if self.generated is not None and not _there(place):
            place = f"{os.fspath(self.generated)}/{_moved(path, *reversed(_BUILT))}"
        try:
            # Half as dear as ``Path``, and an index reads 13,000 files.
            with open(place, "rb", buffering=0) as file:  # noqa: PTH123
                return file.read()
        except FileNotFoundError as error:
            raise TreeError(
                "the file is gone", at=f"{root}/{path}", hint=f"`tour index {root}` takes in what changed."
            ) from error
        except OSError as error:
            raise TreeError(f"cannot read the file: {error.strerror}", at=f"{root}/{path}") from error

    def place(self, path: str) -> Path:
        """Where a file is, this tree's or one's beside it; raises ``TreeError`` where no such tree is."""
        tree = tree_of(path)
        return (self._other(tree, path) if tree else self).root / inside(path)

    def _other(self, name: str, path: str) -> Tree:
        found = next((tree for tree in self.beside if tree.name == name), None)
        if found is None:
            raise TreeError(f"no tree {name} stands beside {self.title}", at=path, hint="`tour trees` lists them.")
        return found

    def import_path(self, path: str) -> str:
        """A Python file's path from the folder that is on ``sys.path``: of PyTorch as it is, for that is its root.

        In a project it is the folder that holds the outermost package around the file, or ``src``.
        """
        if self.name == PYTORCH:
            return path
        folder, above = path.rpartition("/")[0], ""
        while folder and _there(self.root / folder / "__init__.py"):
            above = folder = folder.rpartition("/")[0]
            if not folder:
                return path
        outside = above or ("src" if path.startswith("src/") else "")
        return path.removeprefix(f"{outside}/") if outside else path


def _scan(root: str, here: str) -> tuple[list[SourceFile], list[str]]:
    """One folder's files, and the folders below it that are the tree's own.

    "Nothing changed" is measured against a bare walk, so: plain strings, and one ``stat`` a file.
    """
    prefix = f"{here}/" if here else ""
    files: list[SourceFile] = []
    folders: list[str] = []
    try:
        with os.scandir(f"{root}/{here}") as entries:
            for entry in entries:
                name = entry.name
                if here and name in _NOT_OURS:
                    return [], []
                if entry.is_dir(follow_symlinks=False):
                    if name[0] != "." and name != "__pycache__":
                        folders.append(prefix + name)
                    continue
                lang = LANGS.get(name[name.rfind(".") :]) or _NAMED.get(name)
                if lang is None or not entry.is_file(follow_symlinks=False):
                    continue
                path = prefix + name
                if not path.isascii() and not _is_text(path):
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # gone since the folder was opened: as good as never there
                files.append(SourceFile(path, lang, status.st_size, status.st_mtime_ns))
    except OSError as error:
        if here and isinstance(error, FileNotFoundError):
            return [], []
        raise _cannot_read(f"{root}/{here}".rstrip("/"), error) from error
    return files, folders


def _overlay(root: str, generated: str) -> Iterator[SourceFile]:
    """The generated files of a tree, each as the tree's own folder has it where it does.

    That is so in a tree that was built, even in its ``build``, which is no part of the tree otherwise. Passed over are
    headers configured from a template, which hold not what the tree says but what we made of its options.
    """
    folders = [""]
    while folders:
        here = folders.pop()
        files, below = _scan(generated, here)
        folders += [folder for folder in below if not folder.endswith("/generated/templates")]
        shown = _moved(here, *_BUILT)
        built, templates = _names(f"{root}/{shown}"), _names(f"{root}/{here}")
        for file in files:
            name = file.path.rpartition("/")[2]
            if name.endswith(_WHOLE) or f"{name}.in" in templates:
                continue
            path = f"{shown}/{name}"
            if name in built:
                status = (Path(root) / path).stat()
                yield SourceFile(path, file.lang, status.st_size, status.st_mtime_ns, generated=True)
            else:
                yield replace(file, path=path, generated=True)


def _moved(path: str, old: str, new: str) -> str:
    """``path`` with the folder ``old`` at its beginning turned into ``new``."""
    return new + path[len(old) :] if path == old or path.startswith(f"{old}/") else path


def _names(folder: str) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))  # noqa: PTH208 – names are all that is wanted
    except OSError:
        return frozenset()


def _cannot_read(folder: str, error: OSError) -> TreeError:
    if isinstance(error, PermissionError):
        return TreeError(
            "you may not read this folder",
            at=folder,
            hint=f"Give yourself leave (`chmod u+rx {folder}`), or ask its owner to.",
        )
    if isinstance(error, FileNotFoundError):
        return TreeError("there is no such folder", at=folder, hint="`tour trees` lists what is at hand.")
    if isinstance(error, NotADirectoryError):
        return TreeError("this is no folder", at=folder, hint="Unpack an archive first, and name the folder.")
    return TreeError(f"cannot read the folder: {error.strerror}", at=folder)


def _leaves(root: str, path: str) -> bool:
    parts = path.split("/")
    if not path or "\0" in path or ".." in parts or Path(path).anchor:
        return True
    step = root
    for part in parts:
        step = f"{step}/{part}"
        if os.path.islink(step):  # noqa: PTH114 – a ``Path`` for each part costs as much as reading the file
            real = os.path.realpath(root)
            return os.path.commonpath([real, os.path.realpath(f"{root}/{path}")]) != real
    return False


def _there(path: str | Path) -> bool:
    """Whether something can be seen there; unlike ``Path.exists`` it takes a forbidden folder for a no."""
    return os.access(path, os.F_OK)


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def cache_dir() -> Path:
    """``$XDG_CACHE_HOME/tour`` wherever that is set, else the platform's own cache folder.

    Where that is ``~/.cache`` (XDG Base Directory Specification) it is not worth the import of a library.
    """
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base).absolute() / "tour"
    if sys.platform not in {"win32", "darwin"}:
        return Path.home() / ".cache" / "tour"
    import platformdirs

    return Path(platformdirs.user_cache_dir("tour", appauthor=False))


def trees_dir() -> Path:
    """Where ``tour get`` keeps trees."""
    return cache_dir() / "trees"


def index_path(tree: Tree) -> Path:
    """Where the index of a tree is."""
    return cache_dir() / "index" / f"{_cache_name(tree)}.sqlite"


def generated_home(tree: Tree) -> Path:
    """Where all is that code generation made of a tree."""
    return cache_dir() / "generated" / _cache_name(tree)


def _cache_name(tree: Tree) -> str:
    """One for each folder, such that a person can tell them apart."""
    mark = blake2b(os.fsencode(os.path.realpath(tree.root)), digest_size=5).hexdigest()
    # a project's version changes as people work on it, and its index goes on
    return f"pytorch-{tree.version}-{mark}" if tree.name == PYTORCH else f"{tree.name}-{mark}"


def with_generated(tree: Tree) -> Tree:
    """The tree with the generated code that ``tour index --generated`` asked for, or without where nobody did."""
    home = generated_home(tree)
    try:
        name = json.loads((home / INDEXED).read_text(encoding="utf-8"))["folder"]
    except (OSError, ValueError, TypeError, KeyError):
        return replace(tree, generated=None)
    folder = home / str(name)
    return replace(tree, generated=folder if folder.is_dir() else None)


def trees() -> list[Tree]:
    """Every tree at hand: got, named, installed; in this order, each by version. Vanished ones are not."""
    return list(_at_hand())


def _at_hand() -> Iterator[Tree]:
    """``trees()`` one by one: who finds a got tree pays for no git and no search of Python's packages."""
    seen: set[str] = set()

    def new(found: list[Tree]) -> Iterator[Tree]:
        for tree in sorted(found, key=age) if len(found) > 1 else found:
            if (real := os.path.realpath(tree.root)) not in seen:
                seen.add(real)
                yield tree

    yield from new([tree for folder in _got_folders() if (tree := _got(folder))])
    yield from new([tree for path, version in _folders().items() if (tree := _named(path, version))])
    yield from new([tree] if (tree := _installed()) else [])


def open_tree(spec: str | Path | None = None, version: str | None = None) -> Tree:
    """The tree of a version at hand or in a folder; without ``spec`` the one around us, else the newest.

    A name that is both a version at hand and a folder here means the version; ``./2.6.0`` is the folder.
    ``version`` overrides what the folder's files say. Raises ``TreeError`` with what to do.
    """
    told = checked_version(version) if version is not None else None
    if spec is None:
        tree = around() or newest()
        return with_generated(replace(tree, version=told)) if told else tree
    text = str(spec)
    if isinstance(spec, str) and not _is_path(text):
        tree_of = _of_version(text)
        if tree_of is not None:
            return with_generated(replace(tree_of, version=told)) if told else tree_of
        if not _there(text):
            raise _not_at_hand(text)
    return _open_folder(text, told)


def add_folder(path: Path, version: str | None = None) -> Tree:
    """Take a folder that the user has; it stays where it is.

    A version given here is remembered for that folder. Raises ``TreeError`` where it holds no PyTorch.
    """
    told = checked_version(version) if version is not None else None
    tree = _open_folder(os.fspath(path), told)
    file = cache_dir() / "folders.json"
    with alone(file.with_name(".folders.lock"), lambda: None):
        folders = _folders()
        write_json(file, folders | {str(tree.root): told or folders.get(str(tree.root))})
    return tree


def missing(root: str | Path) -> list[str]:
    """Which of the marks of a source tree a folder lacks."""
    return [mark for mark in SOURCE_MARKS if not _there(f"{root}/{mark}")]


def incomplete(root: Path, *, count: bool = False) -> str | None:
    """Why a tree that ``tour get`` made is no longer whole, or ``None`` where it is.

    A glance at what should stand at its top; with ``count`` also its files, in a walk without ``stat``.
    """
    record = _record(root)
    if record is None:
        return "it has no record of being complete"
    gone = [name for name in [*SOURCE_MARKS, *record["top"]] if not os.path.lexists(root / name)]
    if gone:
        return f"{gone[0]} is missing"
    if count and (left := count_files(root)) < record["files"] * 0.99:
        return f"only {left} of its {record['files']} files are left"
    return None


def count_files(root: Path) -> int:
    """How many files are in a tree, links and git's own aside."""
    number = 0
    folders = [os.fspath(root)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != ".git":
                        folders.append(entry.path)
                elif entry.is_file(follow_symlinks=False) and entry.name != RECORD:
                    number += 1
    return number


def around() -> Tree | None:
    """The tree that the current folder lies in."""
    try:
        here = Path.cwd()
    except OSError:  # somebody took it away under us
        return None
    for folder in (here, *here.parents):
        if _is_pytorch(folder):
            return _open_folder(str(folder), None)
    return None


def newest() -> Tree:
    """The newest tree at hand, one with C++ before one without; raises ``TreeError`` where there is none."""
    at_hand = trees()
    whole = [tree for tree in at_hand if tree.kind is not TreeKind.INSTALLED] or at_hand
    if not whole:
        raise TreeError("there is no PyTorch tree at hand", hint="`tour get 2.6.0` brings one.")
    newest = max(age(tree) for tree in whole)
    return next(tree for tree in whole if age(tree) == newest)


def means_folder(text: str) -> bool:
    """Whether a word for a tree to bring means a folder; a version that is also a folder here means the version."""
    return _is_path(text) or (public_version(text) is None and os.path.isdir(text))  # noqa: PTH112


def _is_path(text: str) -> bool:
    return "/" in text or os.sep in text or text in {".", "..", "~"}


def _of_version(text: str) -> Tree | None:
    """The tree at hand of a version, or the only one that ``2.6`` or ``2`` could mean."""
    wanted = public_version(text)
    if wanted is None:
        return None
    series: list[Tree] = []
    for tree in _at_hand():
        if tree.version == wanted:
            return tree
        if tree.version.startswith(f"{wanted}."):
            series.append(tree)
    if len({tree.version for tree in series}) > 1:
        could = " or ".join(dict.fromkeys(tree.version for tree in series))
        raise TreeError(f"{text} could be {could}", hint="Say which.")
    return series[0] if series else None


def _not_at_hand(text: str) -> TreeError:
    wanted = public_version(text)
    if wanted is None:
        return TreeError(
            f"{text!r} is neither a version nor a folder",
            hint="Such as 2.6.0, or ./pytorch; `tour trees` lists them.",
        )
    broken = trees_dir() / f"pytorch-{wanted}"
    if broken.is_dir() and (why := incomplete(broken)):
        return TreeError(
            f"the tree of PyTorch {wanted} is incomplete: {why}", hint=f"`tour get {wanted}` brings it anew."
        )
    have = ", ".join(dict.fromkeys(tree.version for tree in trees())) or "none"
    return TreeError(f"PyTorch {wanted} is not at hand (at hand: {have})", hint=f"`tour get {wanted}` brings it.")


def real_folder(path: str) -> str:
    """Where a folder really is; raises ``TreeError`` where there is none that we may read."""
    try:
        root = os.path.realpath(Path(path).expanduser())
        with os.scandir(root):
            pass
    except OSError as error:
        raise _cannot_read(path, error) from error
    except (RuntimeError, ValueError) as error:  # ``~nobody``, a NUL
        raise TreeError("there is no such folder", at=repr(path)) from error
    if not _is_text(root):
        raise TreeError("the folder's name is not UTF-8", at=repr(path), hint="Rename it, or move the tree.")
    return root


def _open_folder(path: str, version: str | None) -> Tree:
    """The tree in a folder, or an error that says what is wrong with it."""
    root = real_folder(path)
    record = _record(Path(root))
    if record is not None and (why := incomplete(Path(root))):
        raise TreeError(
            f"this tree is incomplete: {why}", at=path, hint=f"`tour get {record['version']}` brings it anew."
        )
    if not _is_pytorch(root):
        raise no_tree(root, path)
    told = version or _folders().get(root) or detect_version(Path(root))[0]
    return with_generated(Tree(Path(root), told, _kind(Path(root))))


def is_part_of_pytorch(root: str | Path) -> bool:
    """Whether a folder is a tree of PyTorch, whole or by half, or lies in one."""
    return len(missing(root)) < len(SOURCE_MARKS) or any(_is_pytorch(up) for up in Path(root).absolute().parents)


def no_tree(root: str, path: str) -> TreeError:
    """What is wrong with a folder that holds neither PyTorch nor a project."""
    inside = next((up for up in Path(root).parents if _is_pytorch(up)), None)
    if inside is not None:
        return TreeError("this is a folder inside a PyTorch tree", at=path, hint=f"The tree is {inside}.")
    lacks = missing(root)
    if len(lacks) < len(SOURCE_MARKS):
        what = f"this PyTorch tree is incomplete: it lacks {' and '.join(lacks)}"
        return TreeError(what, at=path, hint="Unpack or clone it again.")
    return TreeError(
        "this is no PyTorch tree, and no project either",
        at=path,
        hint=f"Looked for {', '.join(SOURCE_MARKS)}; of a project for setup.py or pyproject.toml.",
    )


def _kind(root: Path) -> TreeKind:
    if (record := _record(root)) is not None:
        return TreeKind(record["kind"])
    if missing(root):
        return TreeKind.INSTALLED
    return TreeKind.GIT if _there(root / ".git") else TreeKind.FOLDER


def _is_pytorch(root: str | Path) -> bool:
    return not missing(root) or all(_there(f"{root}/{mark}") for mark in _INSTALLED_MARKS)


def _got_folders() -> list[Path]:
    """Finished ones only: what is being made has a name that begins with a dot."""
    try:
        return sorted(folder for folder in trees_dir().iterdir() if not folder.name.startswith("."))
    except OSError:
        return []


def _got(root: Path) -> Tree | None:
    record = _record(root)
    if record is None or incomplete(root) is not None:
        return None
    return with_generated(Tree(root, record["version"], TreeKind(record["kind"])))


def _named(path: str, version: str | None) -> Tree | None:
    if not _is_pytorch(path):
        return None
    try:
        return _open_folder(path, version)
    except TreeError:  # a list is no place to complain; naming the folder is
        return None


def _installed() -> Tree | None:
    """The ``torch`` of this Python, found without importing it."""
    try:
        spec = importlib.util.find_spec("torch")
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.origin or not _there(spec.origin):
        return None
    # Not always INSTALLED: an editable install, or a Python started inside a checkout, finds a source tree.
    return _named(os.fspath(Path(spec.origin).parents[1]), None)


def _record(root: Path) -> dict[str, Any] | None:
    try:
        record = json.loads((root / RECORD).read_text(encoding="utf-8"))
        TreeKind(record["kind"])
        is_one = isinstance(record["version"], str) and isinstance(record["files"], int)
        return record if is_one and isinstance(record["top"], list) else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _folders() -> dict[str, str | None]:
    """The folders that the user named, with the version given for each."""
    try:
        folders = json.loads((cache_dir() / "folders.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(folders, dict):
        return {}
    return {path: public_version(version) if isinstance(version, str) else None for path, version in folders.items()}


@contextmanager
def alone(file: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold a lock file while at work on what it stands for.

    ``waiting`` is called once if another process has it. The system lets go of the lock when its holder dies,
    however it dies. Raises ``TreeError`` where it cannot be made.
    """
    from filelock import FileLock, Timeout  # half of this module's time to load, and readers need no lock

    lock = FileLock(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            waiting()
            lock.acquire()
    except OSError as error:
        raise TreeError(
            f"cannot write: {error.strerror}",
            at=str(file.parent),
            hint="Set XDG_CACHE_HOME to a folder of yours.",
        ) from error
    try:
        yield
    finally:
        lock.release()


def write_json(file: Path, value: object) -> None:
    """Write a small file whole or not at all. Raises ``OSError``."""
    file.parent.mkdir(parents=True, exist_ok=True)
    working = file.with_name(f".{file.name}.{os.getpid()}")
    with working.open("w", encoding="utf-8") as out:
        json.dump(value, out, indent=1)
        out.flush()
        os.fsync(out.fileno())
    working.replace(file)


def age(tree: Tree) -> tuple[tuple[int, ...], Any]:
    """Sorts by version; those of releases, which most are, without what reads every other spelling."""
    told = public_version(tree.version) or "0"
    release = _PLAIN.fullmatch(told)
    if release:
        return _numbers(told), ((1,),)
    from packaging.version import Version

    version = Version(told)
    return _numbers(version.base_version), ((0,) if version.is_prerelease else (2,), version)


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.rpartition("!")[2].split("."))


_PLAIN = re.compile(r"(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*))+")
"""A version that is written as all of us write it, which most are."""


def public_version(text: str) -> str | None:
    """A version as all of us write it: ``v2.6.0`` and ``2.6.0+cpu`` are ``2.6.0``; ``None`` if it is none."""
    if _PLAIN.fullmatch(text):
        return text
    from packaging.version import InvalidVersion, Version

    try:
        return Version(text).public
    except InvalidVersion:
        return None


def checked_version(version: str) -> str:
    """A version as all of us write it; raises ``TreeError`` for what is none."""
    told = public_version(version)
    if told is None:
        raise TreeError(f"{version!r} is no version", hint="Such as 2.6.0 or 2.7.0a0.")
    return told


def detect_version(root: Path) -> tuple[str, str]:
    """A tree's version and the clue that told it. Raises ``TreeError`` where nothing tells.

    Surest first: our own record, a release tag at ``HEAD``, what a build wrote, the package's metadata,
    Debian's changelog, the folder's name. ``version.txt`` counts last, yet judges the others: its series
    (``2.6``) is always right, so a clue of another series is stale (a build of an older checkout, a folder
    renamed by hand). Not asked: the table in ``RELEASE.md``, whose top row is the release before.
    """
    hint = _found_in(root / "version.txt", r"\A\s*(\S+)")
    for version, clue in _clues(root):
        if version is None:
            continue
        if clue in {RECORD, "git tag"} or hint is None or _series(version) == _series(hint):
            return version, clue
    if hint is None:
        raise TreeError(
            "the version of this tree cannot be told",
            at=str(root),
            hint="Say it: `tour get PATH --version 2.6.0`.",
        )
    if _there(root / ".git"):
        return hint, "version.txt"  # between releases: 2.7.0a0 is what it is
    return re.sub(r"(a|b|rc|\.dev)\d+$", "", hint), "version.txt"  # archives are made of releases


def _clues(root: Path) -> Iterator[tuple[str | None, str]]:
    record = _record(root)
    yield record["version"] if record else None, RECORD
    yield tagged_version(root), "git tag"
    yield (
        _found_in(root / "torch/version.py", r"(?m)^__version__\b[^=]*= ?['\"]([^'\"]+)"),
        "torch/version.py",
    )
    metadata = [_found_in(file, r"(?m)^Version: (\S+)") for file in sorted(root.glob("torch-*.dist-info/METADATA"))]
    yield metadata[0] if len(metadata) == 1 else None, "dist-info"
    changelog = root / "debian/changelog"
    yield _found_in(changelog, r"\A\S*torch\S* \((?:\d+:)?([\d.]+(?:~?(?:a|b|rc)\d+)?)"), "debian/changelog"
    named = re.fullmatch(r"(?:(?:py)?torch[-_ ]?)?v?(\d+\.\d+[\w.]*)(?:[-+~].*)?", root.name)
    yield public_version(named[1]) if named else None, "the folder's name"


def _found_in(file: Path, pattern: str) -> str | None:
    """The version that a file states near its top."""
    try:
        with file.open(encoding="utf-8", errors="replace") as text:
            found = re.search(pattern, text.read(20_000))
    except OSError:
        return None
    return public_version(found[1].replace("~", "")) if found else None


def _series(version: str) -> list[str]:
    return version.split(".")[:2]


GIT_PLACES = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
)
"""What a hook or alias of another repository sets, and what would send git to that repository."""


def tagged_version(root: Path, pattern: str = r"v\d+\.\d") -> str | None:
    """The release tag that a git checkout is at; the release itself where a candidate is the same commit."""
    if not _there(root / ".git"):
        return None
    import subprocess

    from packaging.version import Version

    try:
        told = subprocess.run(
            ["git", "-C", str(root), "tag", "--points-at", "HEAD"],
            capture_output=True,
            text=True,
            timeout=10,
            env={name: value for name, value in os.environ.items() if name not in GIT_PLACES},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    tags = [public_version(tag) for tag in told.stdout.splitlines() if re.match(pattern, tag)]
    return max((tag for tag in tags if tag), key=Version, default=None)
