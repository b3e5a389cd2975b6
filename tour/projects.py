"""Trees of projects that are built on PyTorch: named, told apart, and opened beside PyTorch's own.

A project is any folder whose files say that it is one: a ``pyproject.toml``, a ``setup.py``, a ``setup.cfg`` or a
``CMakeLists.txt`` at its top. Its name and version are read from them, and nothing of it is run. What a question is
asked of is one tree of PyTorch with all projects at hand beside it (``opened``). Left out: who brings a project
(``origins``), and what its index says (``shelf``).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tour import tree
from tour.errors import TreeError
from tour.model import PYTORCH
from tour.tree import RECORD, Tree, TreeKind, alone, cache_dir, trees_dir, write_json

MARKS = ("pyproject.toml", "setup.py", "setup.cfg", "CMakeLists.txt", ".tours")
"""One of them stands at the top of every project."""

_TAKEN = frozenset({PYTORCH, "torch"})
_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_DUNDER = re.compile(r"(?m)^__version__\b[^=\n]*= ?['\"]([^'\"]+)")
_MOST = 200_000
"""Characters of a file that are looked at."""

Said = dict[str, Any]
"""What the files at a project's top say: ``name``, ``version``, and the ``tour`` table of ``pyproject.toml``."""


def opened(spec: str | Path | None = None, version: str | None = None) -> Tree:
    """The tree that ``spec`` names, with the projects beside it; raises ``TreeError`` with what to do.

    ``spec`` is a version or folder of PyTorch, a project's name or folder, or several of them with commas between:
    one of PyTorch's and any number of projects. Left out, that is what we stand in, or the newest PyTorch. A project
    that is named is asked first, and alone where no PyTorch is at hand.
    """
    around = _around() if tree.around() is None else None
    here = [around] if around is not None else []
    if spec is None:
        return _with_pytorch(here) if here else _beside(tree.open_tree(None, version), [])
    words = _words(spec)
    found = [_open(word, version if len(words) == 1 else None) for word in words]
    pytorch = [each for each in found if each.name == PYTORCH]
    projects = [each for each in found if each.name != PYTORCH]
    if len(pytorch) > 1:
        raise TreeError(f"{spec} names {len(pytorch)} trees of PyTorch", hint="One of PyTorch's, and any projects.")
    projects += [each for each in here if each.name not in {project.name for project in projects}]
    return _beside(pytorch[0], projects) if pytorch else _with_pytorch(projects)


def alone_opened(spec: str | Path | None = None) -> Tree:
    """The one tree that ``spec`` names, PyTorch's or a project's, with none beside it."""
    if spec is None:
        project = _around() if tree.around() is None else None
        return project or replace(tree.open_tree(), beside=(), asked="")
    return _open(str(spec), None)


def at_hand() -> list[Tree]:
    """The projects that were got or named; of several versions of one all, the newest last."""
    found = [each for folder in _got_folders() if (each := recorded(folder))]
    found.sort(key=tree.age)
    for path, told in _named().items():
        if is_project(path):
            found.append(_project(Path(path), told.get("version")))
    return found


def add(path: Path, version: str | None = None) -> Tree:
    """Take a project's folder that the user has; it stays where it is. Raises ``TreeError`` where it is none."""
    told = tree.checked_version(version) if version is not None else None
    project = _open_folder(os.fspath(path), told)
    file = cache_dir() / "projects.json"
    with alone(file.with_name(".projects.lock"), lambda: None):
        named = _named()
        before = named.pop(str(project.root), {})  # what is named last is meant where two bear one name
        write_json(file, named | {str(project.root): {"version": told or before.get("version")}})
    return project


def is_project(root: str | Path) -> bool:
    """Whether a folder looks like a project's, and not like PyTorch's."""
    return any(os.access(f"{root}/{mark}", os.F_OK) for mark in MARKS) and not tree.is_part_of_pytorch(root)


def said_by(root: Path) -> Said:
    """What the files at a project's top say of it."""
    declared = _pyproject(root)
    project, ours = declared.get("project", {}), declared.get("tool", {}).get("tour", {})
    found: Said = {"tour": ours if isinstance(ours, dict) else {}}
    setup, config = _setup_py(root), _setup_cfg(root)
    for key in ("name", "version"):
        stated = (project.get(key) if isinstance(project, dict) else None, config.get(key), setup.get(key))
        found[key] = next((text for text in stated if isinstance(text, str)), None)
    return found


def name_of(root: Path, said: Said, otherwise: str) -> str:
    """What a project is called: as ``[tool.tour]`` has it, else its package's name, else ``otherwise``.

    In lower case, words joined by ``-`` (PEP 503). Raises ``TreeError`` for a name that is PyTorch's.
    """
    stated = said["tour"].get("name") or said.get("name") or otherwise
    name = re.sub(r"[^a-z0-9]+", "-", str(stated).lower()).strip("-") or "project"
    if name in _TAKEN:
        raise TreeError(
            f"this project calls itself {name!r}, which is what PyTorch's own tree is called",
            at=str(root),
            hint='Give it another name: `[tool.tour] name = "…"` in its pyproject.toml.',
        )
    return name


def version_of(root: Path, said: Said) -> str:
    """A project's version as its files or its tag tell it; ``0`` where nothing does."""
    if stated := tree.public_version(str(said.get("version") or "")):
        return stated
    for file in _version_files(root):
        found = _DUNDER.search(_text(file))
        if found and (told := tree.public_version(found[1])):
            return told
    if tagged := tree.tagged_version(root, r"v?\d+\.\d"):
        return tagged
    return tree.public_version(_text(root / "version.txt").strip()[:40]) or "0"


def _version_files(root: Path) -> Iterator[Path]:
    """Where packages state their version, those at the top and one folder down."""
    for folder in (root, root / "src"):
        for name in ("__init__.py", "version.py", "_version.py", "__about__.py"):
            try:
                yield from sorted(folder.glob(f"[!.]*/{name}"))[:20]
            except OSError:
                return


def _words(spec: str | Path) -> list[str]:
    text = os.fspath(spec)
    if isinstance(spec, Path) or "," not in text or os.path.exists(text):  # noqa: PTH110 – a folder may have one
        return [text]
    words = [word.strip() for word in text.split(",")]
    if not all(words):
        raise TreeError(f"{text!r} names a tree too few", hint="Such as 2.6.0,pytorch3d.")
    return words


def _open(word: str, version: str | None) -> Tree:
    if not tree.means_folder(word):
        if (project := _of_name(word)) is not None:
            return project
        if _NAME.fullmatch(word.partition("@")[0]) and tree.public_version(word) is None:
            raise _not_at_hand(word)
    elif is_project(Path(word).expanduser()):
        return _open_folder(word, version)
    return replace(tree.open_tree(word, version), beside=())


def _of_name(word: str) -> Tree | None:
    """The project of a name: the one that was named last, else the newest; ``pytorch3d@0.7.8`` is that version."""
    name, _, wanted = word.partition("@")
    found = [each for each in at_hand() if each.name == name]
    if wanted:
        version = tree.public_version(wanted) or wanted
        found = [each for each in found if each.version == version]
    return found[-1] if found else None


def _not_at_hand(word: str) -> TreeError:
    names = ", ".join(dict.fromkeys(each.name for each in at_hand()))
    have = f" (projects at hand: {names})" if names else ""
    return TreeError(
        f"{word!r} is neither a version nor a folder, and no project at hand is called so{have}",
        hint="Such as 2.6.0, ./pytorch or pytorch3d; `tour trees` lists them.",
    )


def _with_pytorch(projects: list[Tree]) -> Tree:
    """Projects beside PyTorch, to be asked first; the first of them alone where there is none.

    That is the version which the first of them to name one says under ``[tool.tour]`` it is read with, else the newest.
    """
    named = (str(said_by(project.root)["tour"].get("torch") or "") for project in projects)
    if wanted := next(filter(None, named), None):
        return _beside(replace(tree.open_tree(wanted), beside=()), projects)
    try:
        pytorch = tree.newest()
    except TreeError:
        return projects[0]
    return _beside(pytorch, projects)


def _beside(pytorch: Tree, projects: list[Tree]) -> Tree:
    """PyTorch with the projects that were named and all others at hand, one of each name."""
    each = {project.name: project for project in [*at_hand(), *reversed(projects)]}
    asked = projects[0].name if projects else ""
    return replace(pytorch, beside=tuple(each.values()), asked=asked)


def _around() -> Tree | None:
    """The project that the current folder lies in, if it was named or says in ``[tool.tour]`` that it is one."""
    try:
        here = Path.cwd()
    except OSError:
        return None
    named = _named()
    for folder in (here, *here.parents):
        says_so = "[tool.tour" in _text(folder / "pyproject.toml")
        if str(folder) in named or says_so:
            return _project(folder, named.get(str(folder), {}).get("version")) if is_project(folder) else None
    return None


def _open_folder(path: str, version: str | None) -> Tree:
    root = tree.real_folder(path)
    if not is_project(root):
        raise tree.no_tree(root, path)
    return _project(Path(root), version or _named().get(root, {}).get("version"))


def _project(root: Path, version: str | None) -> Tree:
    if (got := recorded(root)) is not None:
        return got
    said = said_by(root)
    kind = TreeKind.GIT if (root / ".git").exists() else TreeKind.FOLDER
    return Tree(root, version or version_of(root, said), kind, name=name_of(root, said, root.name))


def recorded(root: Path) -> Tree | None:
    """The project in a folder of the cache, if it was got whole; the surest word on its name and version."""
    try:
        told = json.loads((root / RECORD).read_text(encoding="utf-8"))
        whole = all(os.path.lexists(root / name) for name in told["top"])
        found = Tree(root, str(told["version"]), TreeKind(told["kind"]), name=str(told["project"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return found if whole else None


def _got_folders() -> list[Path]:
    try:
        return sorted(folder for folder in trees_dir().iterdir() if not folder.name.startswith("."))
    except OSError:
        return []


def _named() -> dict[str, dict[str, str | None]]:
    """The folders that the user named, in that order, and what was said of each."""
    try:
        named = json.loads((cache_dir() / "projects.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(named, dict):
        return {}
    return {path: told for path, told in named.items() if isinstance(told, dict)}


def _text(file: Path) -> str:
    try:
        with file.open(encoding="utf-8", errors="replace") as text:
            return text.read(_MOST)
    except OSError:
        return ""


def _pyproject(root: Path) -> Said:
    if not (text := _text(root / "pyproject.toml")):
        return {}
    import tomllib

    try:
        told: Said = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}
    return told if isinstance(told.get("tool", {}), dict) else {}


def _setup_cfg(root: Path) -> Said:
    if not (text := _text(root / "setup.cfg")):
        return {}
    import configparser

    config = configparser.ConfigParser(interpolation=None)
    try:
        config.read_string(text)
    except configparser.Error:
        return {}
    return dict(config["metadata"]) if config.has_section("metadata") else {}


def _setup_py(root: Path) -> Said:
    """The keywords of the call ``setup(…)`` that are plain text, or a name that is bound to some at the top."""
    if not (text := _text(root / "setup.py")):
        return {}
    import ast

    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    bound = {
        target.id: statement.value.value
        for statement in module.body
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    found: Said = {}
    for call in ast.walk(module):
        if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] == "setup":
            for keyword in call.keywords:
                value = keyword.value
                if isinstance(value, ast.Constant):
                    found[keyword.arg or ""] = value.value
                elif isinstance(value, ast.Name):
                    found[keyword.arg or ""] = bound.get(value.id)
    return found
