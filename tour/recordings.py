"""What a tour's cells showed when they were run: one Jupyter notebook a recording, beside the tour.

``recordings/cpu.ipynb`` in a tour's folder holds the programs as they ran, their outputs, and where and when that was.
A cell's id is its step's, with `_` for the `.` of one that is taken from another tour, which nbformat does not allow.
Several may stand side by side. Read as plain JSON, so that the site needs no Jupyter; written by ``cells``. An output
is stale where its program, or one that ran before it, is not the tour's any more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tour.errors import AnnotationError
from tour.tours import Tour

FOLDER = "recordings"
"""In a tour's folder."""

NAME = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")
"""What recordings are called."""

Output = Mapping[str, Any]
"""One of Jupyter's outputs (nbformat 4): ``stream``, ``display_data``, ``execute_result`` or ``error``."""

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
FRAME = re.compile(
    r'(?m)^\s*File "?(?:.*-packages/|.*?/|)(?P<file>torch/[^\s":]+\.py)(?P<plain>", line )?:?(?P<line>\d+)'
)
"""A frame's first line, as IPython writes it or (``plain``) as Python does."""
_ARROW = re.compile(r"(?m)^-+> *(?P<line>\d+) (?P<text>.*)$")


@dataclass(frozen=True, slots=True)
class Frame:
    """A line of a torch file that a traceback passes."""

    file: str
    """``torch/nn/modules/module.py``."""
    line: int
    text: str | None
    """The line's code, where the traceback quotes it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A program as it ran, and what it showed."""

    code: str
    outputs: tuple[Output, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Recording:
    """One run of all cells of a tour."""

    name: str
    """The file's: ``cpu``, ``nvidia-h200``."""
    device: str
    """As its maker calls it."""
    kind: str
    """``cpu`` or ``cuda``."""
    torch: str
    python: str
    date: str
    """ISO 8601."""
    cells: Mapping[str, Shown]
    """By step, in the order of the run."""

    def stale(self, tour: Tour, step: str) -> bool:
        """Whether a step's output was made by other programs than the tour's own up to there."""
        now = [(each.id, each.cell.code) for each in tour.steps if each.cell]
        then = [(name, shown.code) for name, shown in self.cells.items()]
        return _until(step, now) != _until(step, then)


def _until(step: str, cells: list[tuple[str, str]]) -> list[str]:
    codes = []
    for name, code in cells:
        codes.append(code)
        if name == step:
            break
    return codes


def load(tour: Tour) -> tuple[Recording, ...]:
    """A tour's recordings, those on a CPU first. Raises ``AnnotationError`` for a file that is none."""
    files = sorted((tour.file.parent / FOLDER).glob("*.ipynb"))
    return tuple(sorted((read(file) for file in files), key=lambda found: (found.kind != "cpu", found.name)))


def read(file: Path) -> Recording:
    """One recording. Raises ``AnnotationError`` where the file does not hold one."""
    try:
        notebook = json.loads(file.read_text(encoding="utf-8"))
        told = notebook["metadata"]["tour"]
        cells = {
            str(cell["id"]).replace("_", "."): Shown(
                _text(cell["source"]), tuple(map(_output, cell["outputs"])), float(cell["metadata"]["seconds"])
            )
            for cell in notebook["cells"]
        }
        device = told["device"]
        return Recording(
            file.stem, device["name"], device["kind"], told["torch"], told["python"], told["date"], cells
        )  # fmt: skip
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        hint = f"`tour run {file.parents[1].name}` makes it anew."
        raise AnnotationError(f"no recording: {error!r}", at=str(file), hint=hint) from None


def _output(stored: Mapping[str, Any]) -> Output:
    """An output with its texts in one piece each; a notebook's file holds them by line."""
    output = dict(stored)
    kind = output["output_type"]
    if kind == "stream":
        output["text"] = _text(output["text"])
    elif kind == "error":
        output["traceback"] = [str(line) for line in output["traceback"]]
    else:
        output["data"] = {
            mime: _text(value) if isinstance(value, str | list) and "json" not in mime else value
            for mime, value in output["data"].items()
        }
    return output


def _text(stored: str | list[str]) -> str:
    return stored if isinstance(stored, str) else "".join(stored)


def joined(outputs: Iterable[Output]) -> list[dict[str, Any]]:
    """The outputs with neighbouring streams of one name as one: how they were cut is an accident of the run."""
    whole: list[dict[str, Any]] = []
    for output in outputs:
        last = whole[-1] if whole else None
        if last and output["output_type"] == last["output_type"] == "stream" and output["name"] == last["name"]:
            last["text"] += output["text"]
        else:
            whole.append(dict(output))
    return whole


def frames(output: Output) -> tuple[Frame, ...]:
    """The lines of torch files that an error's traceback passes, outermost first."""
    if output["output_type"] != "error":
        return ()
    text = _COLOUR.sub("", "\n".join(output["traceback"]))
    starts = list(FRAME.finditer(text))
    found = []
    for start, following in zip(starts, [*starts[1:], None], strict=False):
        quoted = text[start.end() : following.start() if following else len(text)]
        code = next((match["text"] for match in _ARROW.finditer(quoted) if match["line"] == start["line"]), None)
        if start["plain"]:
            code = next(iter(quoted.splitlines()[1:2]), None)
        found.append(Frame(start["file"], int(start["line"]), code.strip() if code else None))
    return tuple(found)


def line_in(source: str, frame: Frame, same_version: bool) -> int | None:
    """The line of a frame in a tree's own text of the file: by its number in the same version, else by its code."""
    lines = source.split("\n")
    if same_version:
        return frame.line if frame.line <= len(lines) else None
    alike = [number for number, line in enumerate(lines, start=1) if frame.text and line.strip() == frame.text]
    return min(alike, key=lambda number: abs(number - frame.line), default=None)
