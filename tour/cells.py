"""Run a tour's cells, in order, in one real kernel, and store what they show beside the tour.

The kernel is Jupyter's, in the reader's own Python: nothing of ours is installed there, only ``ipykernel``. What a cell
shows comes back as Jupyter's own outputs.
"""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from tour import recordings
from tour.errors import AnnotationError, TourError
from tour.model import Progress, silent
from tour.recordings import Output
from tour.resources import folder
from tour.tours import Cell, Tour

SECONDS = 60.0
"""How long one cell may take before it is ended."""

_ADDRESS = re.compile(r"\b0x[0-9a-f]{8,16}\b")
_LASTING = ("torch", "git", "python", "platform", "threads")
"""What is kept of what a kernel says of itself."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one cell."""

    step: str
    cell: Cell
    state: str
    """``ran``; ``failed`` with an exception, or without the one it is meant to end with; ``endless``; ``died``."""
    seconds: float
    outputs: tuple[Output, ...]
    why: str | None
    """What went wrong, in a line."""

    @property
    def text(self) -> str:
        """What it printed, showed or raised, as plain text."""
        return "".join(_text(output) for output in self.outputs)


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of a tour's cells."""

    facts: Mapping[str, Any]
    """What the kernel is: torch, Python, device, and paths that differ by machine."""
    outcomes: tuple[Outcome, ...]

    @property
    def well(self) -> bool:
        """Whether every cell ended as it is meant to."""
        return all(outcome.state == "ran" for outcome in self.outcomes)


@dataclass(frozen=True, slots=True)
class Runner:
    """The Python that runs cells."""

    python: str
    torch: str
    """torch's version there."""
    version: str
    """Python's."""


def lacks(python: str | None = None) -> tuple[str, list[str]]:
    """The program at ``python``, or this one, and what it lacks to run cells, without importing any of it.

    Raises ``TourError`` where it cannot be started.
    """
    program = _program(python)
    asked = "from importlib.util import find_spec as f; print(*[n for n in ('ipykernel', 'torch') if not f(n)])"
    try:
        said = subprocess.run([program, "-c", asked], capture_output=True, text=True, timeout=60, check=True, cwd="/")
    except (OSError, subprocess.SubprocessError) as error:
        raise TourError(f"cannot start {program}: {error}", hint="Give a Python with `--python PATH`.") from None
    return program, said.stdout.split()


def _program(python: str | None) -> str:
    named = python or sys.executable
    return str(Path.cwd() / Path(shutil.which(named) or named))  # not resolved: an environment's Python is a link


def runner(python: str | None = None) -> Runner:
    """The Python at ``python``, or this one; raises ``TourError`` where it lacks torch or a kernel."""
    program = _program(python)
    asked = "import json, sys, ipykernel, torch; print(json.dumps([sys.version.split()[0], str(torch.__version__)]))"
    try:
        said = subprocess.run([program, "-c", asked], capture_output=True, text=True, timeout=120, cwd="/")
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TourError(f"cannot start {program}: {error}", hint="Give a Python with `--python PATH`.") from None
    if said.returncode:
        last = (said.stderr.strip().splitlines() or ["no word of why"])[-1]
        missing = re.search(r"No module named '(\w+)'", last)
        hint = f"`{program} -m pip install {missing[1]}`, or another Python with `--python PATH`." if missing else None
        raise TourError(f"{program} cannot run cells: {last}", hint=hint)
    version, torch = json.loads(said.stdout.strip().splitlines()[-1])
    return Runner(program, torch, version)


def run(
    tour: Tour, where: Runner, *, device: str = "auto", seconds: float = SECONDS, progress: Progress = silent
) -> Ran:
    """Run all cells of a tour, in an empty folder that goes away afterwards; none may take longer than ``seconds``.

    ``device`` is ``cpu``, ``cuda``, or ``auto`` for a GPU where there is one. A cell that fails does not stop those
    after it; one that does not end, or ends its kernel, does. Raises ``TourError`` where no kernel can be started, or
    has no such device.
    """
    try:
        from tour import notebooks
    except ImportError as error:
        raise TourError(f"cells need nbclient: {error}", hint="`pip install 'tour-pytorch[cells]'`.") from None

    cells = [(step.id, step.cell) for step in tour.steps if step.cell is not None]
    notebook = notebooks.made([(step, cell.code, cell.raises is not None) for step, cell in cells])
    source = (folder("templates") / "assets/kernel.py").read_text(encoding="utf-8")
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="tour-") as made:
        try:
            with notebooks.kernel(where.python, notebook, Path(made), seconds) as client:
                facts = client.begin(source, device)
                if device == "cuda" and facts["device"]["kind"] != "cuda":
                    raise TourError(
                        f"torch {facts['torch']} of {where.python} sees no GPU", hint="`--device cpu` runs without."
                    )
                for number, (step, cell) in enumerate(cells):
                    progress(f"{tour.name}: {step}", number, len(cells))
                    start = time.perf_counter()
                    state = client.ran(number)
                    took = time.perf_counter() - start
                    outputs = tuple(notebook.cells[number].outputs)
                    outcomes.append(_outcome(step, cell, state, took, outputs, seconds))
                    if state != "ran":
                        break
        except RuntimeError as error:
            raise TourError(f"the kernel of {where.python} did not start: {error}") from error
    return Ran(facts, tuple(outcomes))


def _outcome(
    step: str, cell: Cell, state: str, took: float, outputs: tuple[Output, ...], seconds: float
) -> Outcome:  # fmt: skip
    why = {"endless": f"it did not end within {seconds:g} s", "died": "the kernel died"}.get(state)
    if state == "ran" and (why := _wrong(cell, outputs)):
        state = "failed"
    return Outcome(step, cell, state, took, outputs, why)


def _wrong(cell: Cell, outputs: tuple[Output, ...]) -> str | None:
    """What is wrong with how a cell ended."""
    raised = next((output for output in outputs if output["output_type"] == "error"), None)
    if raised is None:
        return f"it is meant to end with {cell.raises}, and did not" if cell.raises else None
    if raised["ename"] == cell.raises:
        return None
    return f"{raised['ename']}: {raised['evalue'].splitlines()[0] if raised['evalue'] else ''}"


def _text(output: Output) -> str:
    kind = output["output_type"]
    if kind == "stream":
        return str(output["text"])
    if kind == "error":
        return f"{output['ename']}: {output['evalue']}\n"
    return str(output.get("data", {}).get("text/plain", "")) + "\n"


def record(tour: Tour, ran: Ran, name: str | None = None) -> Path | None:
    """Store a run beside its tour, as ``name`` or by its device; ``None`` where it says what the stored one says.

    A recording keeps its date and durations as long as nothing else differs. Raises ``TourError`` where a cell did
    not end as it is meant to, and where nothing can be written there.
    """
    if not ran.well:
        raise TourError(f"{tour.name}: a cell did not end as it is meant to, so nothing was stored")
    kind, device = ran.facts["device"]["kind"], ran.facts["device"]["name"]
    name = name or ("cpu" if kind == "cpu" else re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-"))
    if not recordings.NAME.fullmatch(name):
        raise TourError(f"a recording cannot be called {name!r}", hint="Take small letters, digits, `-` and `.`.")
    file = tour.file.parent / recordings.FOLDER / f"{name}.ipynb"
    stored = _notebook(ran)
    if file.is_file() and _same(file, stored):
        return None
    from tour import notebooks

    try:
        file.parent.mkdir(exist_ok=True)
        new = file.with_name(f".{file.name}.new")
        new.write_text(notebooks.text(stored), encoding="utf-8")
        new.replace(file)
    except OSError as error:
        raise TourError(
            f"cannot store the recording: {error}", at=str(file), hint="`--no-record` runs without storing."
        ) from None
    return file


def _notebook(ran: Ran) -> Any:
    from tour import notebooks

    notebook = notebooks.made([(o.step, o.cell.code, o.cell.raises is not None) for o in ran.outcomes])
    paths = ran.facts["paths"]
    for number, (cell, outcome) in enumerate(zip(notebook.cells, ran.outcomes, strict=True), start=1):
        cell.execution_count = number
        cell.metadata["seconds"] = round(outcome.seconds, 2)
        cell.outputs = [
            notebooks.output(_without(copy.deepcopy(output), paths)) for output in recordings.joined(outcome.outputs)
        ]
    device = {key: ran.facts["device"][key] for key in ("kind", "name")}
    lasting = {key: ran.facts[key] for key in _LASTING}
    notebook.metadata["tour"] = {"device": device, **lasting, "date": date.today().isoformat()}
    return notebook


def _without(value: Any, paths: Mapping[str, str]) -> Any:
    """What a cell showed, without the folders of this machine and the addresses of this run."""
    if isinstance(value, str):
        for path, instead in paths.items():
            value = value.replace(path, instead)
        return _ADDRESS.sub("0x…", value)
    if isinstance(value, dict):
        for key in value:
            value[key] = _without(value[key], paths)
        return value
    return [_without(each, paths) for each in value] if isinstance(value, list) else value


def _same(file: Path, new: Any) -> bool:
    """Whether a recording says what is stored already, but for its date and durations."""
    try:
        recordings.read(file)
        old = json.loads(file.read_text(encoding="utf-8"))
    except AnnotationError:
        return False
    from tour import notebooks

    def said(notebook: Any) -> Any:
        notebook["metadata"]["tour"].pop("date")
        for cell in notebook["cells"]:
            cell["metadata"].pop("seconds")
        return notebook

    return bool(said(old) == said(json.loads(notebooks.text(new))))
