"""A tour's cells as a Jupyter notebook in one real kernel, with what they may show kept within bounds.

The door to nbclient and nbformat, imported only where cells run. The kernel's sockets are files in a folder of ours,
so no other user of the machine reaches it.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

TEXT = 20_000
"""Characters of text that a cell may show; of a stream the rest is left out, of anything else the whole."""

PICTURES = 300_000
"""Characters of data that is no text, such as pictures, that a cell may show."""

_BEGIN = (
    "(lambda module: (exec({source}, module.__dict__), __import__('sys').modules.__setitem__('_tour', module)))"
    "(__import__('types').ModuleType('_tour'))"
)
"""The page begins a kernel with the same line (``kernel.js``)."""


class Bounded(NotebookClient):
    """A client that stops keeping what a cell shows when it is too much, while the cell runs on."""

    def __init__(self, *words: Any, **named: Any) -> None:
        super().__init__(*words, **named)
        self._room: dict[int, tuple[int, int]] = {}

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """As Jupyter's, with the message cut to what there is room for."""
        kind, content = msg["msg_type"], msg["content"]
        text, data = self._room.get(cell_index, (TEXT, PICTURES))
        if kind == "stream":
            said = content["text"]
            if text <= 0:
                return None
            if len(said) > text:
                content["text"] = f"{said[:text]}\n[cut here: {TEXT:,} characters of a cell are kept]\n"
            text -= len(said)
        elif kind in {"display_data", "execute_result", "update_display_data"}:
            for mime, value in list(content["data"].items()):
                size = len(value) if isinstance(value, str) else len(json.dumps(value))
                written = mime.startswith("text/")
                if size > (text if written else data):
                    del content["data"][mime]
                    continue
                text, data = (text - size, data) if written else (text, data - size)
            if not content["data"]:
                content["data"] = {"text/plain": "[left out: it is larger than what is kept of a cell]"}
        elif kind == "error":
            lines = content["traceback"]
            if len("".join(lines)) > TEXT:
                content["traceback"] = [line[:200] for line in lines[:1] + lines[-2:]]
                content["evalue"] = content["evalue"][:200]
        self._room[cell_index] = (text, data)
        return super().process_message(msg, cell, cell_index)

    def begin(self, source: str, device: str) -> Mapping[str, Any]:
        """Give the kernel the module ``_tour``, take the device, and get what the kernel is."""
        client: Any = self.kc
        told: dict[str, Any] = run_sync(client.execute_interactive)(
            _BEGIN.format(source=json.dumps(source)),
            silent=True,
            store_history=False,
            user_expressions={"told": f"__import__('_tour').begin({device!r})"},
            allow_stdin=False,
            timeout=self.timeout,
            output_hook=lambda message: None,
        )["content"]
        answer = told.get("user_expressions", {}).get("told", told)
        if answer["status"] != "ok":
            raise RuntimeError(f"{answer['ename']}: {answer['evalue']}")
        facts: Mapping[str, Any] = answer["data"]["application/json"]
        return facts

    def ran(self, number: int) -> str:
        """Run the cell of that number; say how it ended: ``ran`` (also with an exception), ``endless`` or ``died``."""
        try:
            self.execute_cell(self.nb.cells[number], number)
        except CellTimeoutError:
            return "endless"
        except DeadKernelError:
            return "died"
        return "ran"


@contextmanager
def kernel(python: str, notebook: Any, folder: Path, seconds: float) -> Iterator[Bounded]:
    """A kernel of that Python, in the empty ``folder/cells``; raises ``RuntimeError`` where it does not start."""
    manager = AsyncKernelManager(transport="ipc", ip=f"{folder}/kernel", connection_file=f"{folder}/kernel.json")
    assert manager.kernel_spec is not None
    manager.kernel_spec.argv = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    client = Bounded(notebook, km=manager, timeout=seconds, allow_errors=True, store_widget_state=False)
    empty = folder / "cells"
    empty.mkdir()
    quiet = os.environ | {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    with client.setup_kernel(cleanup_kc=True, cwd=str(empty), env=quiet, stderr=subprocess.DEVNULL):
        yield client


def made(cells: Sequence[tuple[str, str, bool]]) -> Any:
    """A notebook of code cells: id, program, and whether it is meant to raise. A cell's id has `_` for `.`."""
    v4: Any = nbformat.v4
    return v4.new_notebook(
        cells=[
            v4.new_code_cell(code, id=name.replace(".", "_"), metadata={"tags": ["raises-exception"]} if raises else {})
            for name, code, raises in cells
        ]
    )


def output(said: Mapping[str, Any]) -> Any:
    """An output as nbformat's own kind of record."""
    return nbformat.from_dict(said)  # type: ignore[no-untyped-call]


def text(notebook: Any) -> str:
    """A notebook's file, validated; keys in order and texts by line, so that a change is easy to review."""
    nbformat.validate(notebook)
    written: Any = nbformat.writes  # untyped
    return str(written(notebook, indent=1)).rstrip() + "\n"
