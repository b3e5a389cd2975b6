"""Where tours are: ours, which come with the program, and those that a team keeps in a repository of its own.

A team's folder of annotations is the one that ``TOUR_ANNOTATIONS`` names (``--annotations`` sets it), else the one that
``[tool.tour]`` names in the nearest ``pyproject.toml`` with such a table, from where we stand upwards. Its tours stand
before ours, so that a name that both have means the team's. Left out: what is in such a folder (``tours``, ``paths``).
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tour import resources
from tour.errors import AnnotationError

VARIABLE = "TOUR_ANNOTATIONS"
"""Names a team's folder, whatever ``pyproject.toml`` says."""

KEYS = ("annotations", "name", "torch")
"""What ``[tool.tour]`` may hold, each a text: the folder, the project's name, the PyTorch that it is read with."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository that says under ``[tool.tour]`` what is in it for us."""

    root: Path
    annotations: Path | None
    """Its folder of tours, which need not be there yet."""
    name: str | None
    """What its tree is called, where that is not its package's name."""
    torch: str | None
    """The version of PyTorch that it is read with; ``None`` for the newest at hand."""


def ours() -> Path:
    """The folder of the tours that come with the program."""
    return resources.folder("annotations")


def folders() -> tuple[Path, ...]:
    """Every folder of tours at hand, in the order in which a name is looked for: a team's own, then ours.

    Raises ``AnnotationError`` where a team's folder is named and not there.
    """
    own, whence = _own()
    if own is None:
        return (ours(),)
    if not own.is_dir():
        hint = "`tour new NAME` makes it with a first tour." if whence != VARIABLE else "Name a folder of tours."
        raise AnnotationError(f"there is no folder of annotations {str(own)!r}", at=whence, hint=hint)
    return (ours(),) if own.resolve() == ours().resolve() else (own, ours())


def own() -> Path | None:
    """The team's folder of tours, which need not be there yet; ``None`` where none is named."""
    return _own()[0]


def place() -> Path:
    """Where a new tour goes: the team's folder, else ours."""
    return own() or ours()


def home(name: str) -> Path | None:
    """The folder in which a tour of that name is, if there is one."""
    return next((folder for folder in folders() if (folder / name / "tour.yaml").is_file()), None)


def beside(folder: Path) -> tuple[Path, ...]:
    """Where what a tour in ``folder`` names is looked for: beside it, then among ours."""
    return (folder,) if folder.resolve() == ours().resolve() else (folder, ours())


@contextmanager
def taken(folder: Path) -> Iterator[None]:
    """A team's folder for as long as this lasts, as if ``TOUR_ANNOTATIONS`` named it."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(folder.expanduser().absolute())
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


def around(start: Path | None = None) -> Repository | None:
    """The repository that ``start`` lies in, by default where we stand, if it has a table ``[tool.tour]``.

    Raises ``AnnotationError`` where that table holds what it may not.
    """
    try:
        here = (start or Path.cwd()).resolve()
    except OSError:
        return None  # where we stood was taken away
    for folder in (here, *here.parents):
        if (found := _declared(folder / "pyproject.toml")) is not None:
            return found
    return None


def _own() -> tuple[Path | None, str]:
    """The team's folder, and who names it."""
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser(), VARIABLE
    repository = around()
    if repository is None or repository.annotations is None:
        return None, ""
    file = repository.root / "pyproject.toml"
    return repository.annotations, f"{file}:{_line(file, 'annotations')}"


def _declared(file: Path) -> Repository | None:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    if "tour" not in text:
        return None
    try:
        table: Any = tomllib.loads(text).get("tool", {}).get("tour")
    except (tomllib.TOMLDecodeError, AttributeError) as error:
        raise AnnotationError(f"cannot be read: {error}", at=str(file)) from None
    if table is None:
        return None
    if not isinstance(table, dict):
        raise AnnotationError("`tool.tour` is no table", at=str(file), hint=f"Its keys are {', '.join(KEYS)}.")
    for key, value in table.items():
        at = f"{file}:{_line(file, key)}"
        if key not in KEYS:
            raise AnnotationError(f"[tool.tour]: unknown key {key!r}", at=at, hint=f"Its keys are {', '.join(KEYS)}.")
        if not isinstance(value, str) or not value.strip():
            raise AnnotationError(f"[tool.tour]: {key} is {value!r}, expected a text", at=at)
    folder = table.get("annotations")
    return Repository(
        file.parent, file.parent / folder if folder else None, table.get("name"), table.get("torch")
    )  # fmt: skip


def _line(file: Path, key: str) -> int:
    """The line in ``pyproject.toml`` that holds a key of the table, else the table's."""
    lines = file.read_text(encoding="utf-8").splitlines()
    start = next((number for number, line in enumerate(lines, 1) if re.match(r"\s*\[\s*tool\.tour\s*\]", line)), 1)
    below = enumerate(lines[start:], start + 1)
    return next((number for number, line in below if re.match(rf"\s*['\"]?{re.escape(key)}['\"]?\s*=", line)), start)
