"""Learning paths: tours that somebody put in an order, for whom, with a sentence why for each.

They stand in ``path.yaml`` of a folder of annotations, in both languages. What a path names is a tour beside it or one
of ours. A path of a team hides one of ours of the same id, as its tours do.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tour import form, repository
from tour.errors import AnnotationError, nearest

FILE = "path.yaml"
"""In a folder of annotations."""

_HINT = "annotations/README.md has the format."


@dataclass(frozen=True, slots=True)
class Leg:
    """A tour on a path."""

    tour: str
    why: dict[str, str]
    """By language, Markdown."""


@dataclass(frozen=True, slots=True)
class LearningPath:
    """Tours in an order."""

    id: str
    title: dict[str, str]
    """By language."""
    reader: dict[str, str]
    """Whom it is for, by language, Markdown."""
    legs: tuple[Leg, ...]
    file: Path


def schema() -> Path:
    """The form of a ``path.yaml``, as JSON Schema."""
    return repository.ours() / "path.schema.json"


def load(folder: Path) -> tuple[LearningPath, ...]:
    """The paths of a folder, none where it has no ``path.yaml``; raises ``AnnotationError`` with file and line."""
    file = folder / FILE
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError(f"cannot be read: {error}", at=str(file)) from None
    written = form.read(file, text, schema(), _HINT)
    there = {found.parent.name for home in repository.beside(folder) for found in home.glob("*/tour.yaml")}
    paths: list[LearningPath] = []
    for number, path in enumerate(written.data["paths"]):
        where = ("paths", number)
        if path["id"] in {other.id for other in paths}:
            raise written.wrong(f"path id {path['id']!r} is taken", *where, "id")
        names: list[str] = []
        for place, leg in enumerate(path["tours"]):
            name = leg["tour"]
            if name not in there:
                near = nearest(name, sorted(there), 1)
                hint = f"The nearest is {near[0]}." if near else None
                raise written.wrong(
                    f"path {path['id']!r}: there is no tour {name!r}", *where, "tours", place, hint=hint
                )
            if name in names:
                raise written.wrong(f"path {path['id']!r}: {name} stands here twice", *where, "tours", place)
            names.append(name)
        legs = tuple(Leg(leg["tour"], leg["why"]) for leg in path["tours"])
        paths.append(LearningPath(path["id"], path["title"], path["for"], legs, file))
    return tuple(paths)


def at_hand() -> tuple[LearningPath, ...]:
    """Every path at hand: a team's own, then ours."""
    found: dict[str, LearningPath] = {}
    for folder in repository.folders():
        for path in load(folder):
            found.setdefault(path.id, path)
    return tuple(found.values())
