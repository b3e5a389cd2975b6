"""Run a tour's cells, in order, in one real kernel.

The kernel is Jupyter's, in the reader's own Python: nothing of ours is installed there, only ``ipykernel``. What a cell
shows comes back as Jupyter's own outputs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tour.errors import TourError
from tour.model import Progress, silent
from tour.tours import Cell, Tour

if TYPE_CHECKING:
    from nbclient import NotebookClient

SECONDS = 60.0
"""How long one cell may take before it is ended."""

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")

Output = Mapping[str, Any]
"""One of Jupyter's outputs (nbformat 4): ``stream``, ``display_data``, ``execute_result`` or ``error``."""


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
class Runner:
    """The Python that runs cells."""

    python: str
    torch: str
    """torch's version there."""
    version: str
    """Python's."""


def runner(python: str | None = None) -> Runner:
    """The Python at ``python``, or this one; raises ``TourError`` where it lacks torch or a kernel."""
    named = python or sys.executable
    program = str(Path.cwd() / Path(shutil.which(named) or named))  # not resolved: an environment's Python is a link
    asked = "import json, sys, ipykernel, torch; print(json.dumps([sys.version.split()[0], str(torch.__version__)]))"
    try:
        said = subprocess.run([program, "-c", asked], capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TourError(f"cannot start {program}: {error}", hint="Give a Python with `--python PATH`.") from None
    if said.returncode:
        last = (said.stderr.strip().splitlines() or ["no word of why"])[-1]
        missing = re.search(r"No module named '(\w+)'", last)
        hint = f"`{program} -m pip install {missing[1]}`, or another Python with `--python PATH`." if missing else None
        raise TourError(f"{program} cannot run cells: {last}", hint=hint)
    version, torch = json.loads(said.stdout.strip().splitlines()[-1])
    return Runner(program, torch, version)


def run(tour: Tour, where: Runner, *, seconds: float = SECONDS, progress: Progress = silent) -> list[Outcome]:
    """Run all cells of a tour, in an empty folder that goes away afterwards; none may take longer than ``seconds``.

    A cell that fails does not stop those after it; one that does not end, or ends its kernel, does. Raises
    ``TourError`` where no kernel can be started.
    """
    try:
        import nbformat
        from jupyter_client.manager import AsyncKernelManager
        from nbclient import NotebookClient
    except ImportError as error:
        raise TourError(f"cells need nbclient: {error}", hint="`pip install 'tour-pytorch[cells]'`.") from None

    cells = [(step.id, step.cell) for step in tour.steps if step.cell is not None]
    v4: Any = nbformat.v4
    notebook = v4.new_notebook(cells=[v4.new_code_cell(cell.code) for _, cell in cells])
    with tempfile.TemporaryDirectory(prefix="tour-") as made:
        # sockets in a folder of ours: no other user of the machine reaches the kernel
        manager = AsyncKernelManager(transport="ipc", ip=f"{made}/kernel", connection_file=f"{made}/kernel.json")
        assert manager.kernel_spec is not None
        manager.kernel_spec.argv = [where.python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        client = NotebookClient(notebook, km=manager, timeout=seconds, allow_errors=True, store_widget_state=False)
        # neither the debugger's advice nor the profiler's log is what a cell shows
        quiet = os.environ | {"PYDEVD_DISABLE_FILE_VALIDATION": "1", "KINETO_LOG_LEVEL": "5"}
        outcomes: list[Outcome] = []
        empty = Path(made) / "cells"
        empty.mkdir()
        try:
            with client.setup_kernel(cleanup_kc=True, cwd=str(empty), env=quiet, stderr=subprocess.DEVNULL):
                for number, (step, cell) in enumerate(cells):
                    progress(f"{tour.name}: {step}", number, len(cells))
                    outcomes.append(_run(client, notebook.cells[number], number, step, cell))
                    if outcomes[-1].state in {"endless", "died"}:
                        break
        except RuntimeError as error:
            raise TourError(f"the kernel of {where.python} did not start: {error}") from error
    return outcomes


def _run(client: NotebookClient, written: Any, number: int, step: str, cell: Cell) -> Outcome:
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    start, state, why = time.perf_counter(), "ran", None
    try:
        client.execute_cell(written, number)
    except CellTimeoutError:
        state, why = "endless", f"it did not end within {client.timeout:g} s"
    except DeadKernelError:
        state, why = "died", "the kernel died"
    outputs = tuple(written.outputs)
    if state == "ran" and (why := _wrong(cell, outputs)):
        state = "failed"
    return Outcome(step, cell, state, time.perf_counter() - start, outputs, why)


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
