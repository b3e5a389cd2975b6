"""What the probe wrote down of a run, from all its processes, and stacks with names as one writes them."""

from __future__ import annotations

import json
import os
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tour.index import Index
from tour.witness import native
from tour.witness.binaries import demangled, plain
from tour.witness.children import Ended
from tour.witness.records import Frame

DEEPEST = 40
"""Frames kept of a stack."""

_OURS = re.compile(r"<frozen |/witness/probe\.py$|/runpy\.py$")


@dataclass(frozen=True, slots=True)
class Imported:
    """One module of torch that was imported."""

    name: str
    depth: int
    seconds: float
    """With all that it imports."""


@dataclass(slots=True)
class Seen:
    """What the probe saw of one place, in all processes."""

    count: int = 0
    lines: int = 0
    cell: str | None = None
    stack: tuple[Frame, ...] = ()

    def after(self, body: Seen) -> Seen:
        """Of a class: its body's counts, and where its methods were called from, which tells more."""
        return Seen(body.count, body.lines, self.cell or body.cell, self.stack or body.stack)


class Told:
    """What the probe wrote down."""

    def __init__(
        self, folder: Path, ended: Ended, slots: Mapping[str, list[tuple[int, int]]], size: int, root: str
    ) -> None:
        self.ended, self.slots = ended, slots
        self.roots = [root + os.sep, os.path.realpath(root) + os.sep]  # gdb starts a program by its real folder
        self.end: dict[str, Any] | None = None
        self.begun = False
        self.wrong: list[tuple[str | None, str]] = []
        self.operators: list[dict[str, Any]] = []
        self.kernels: list[dict[str, Any]] = []
        self.imports: list[Imported] = []
        self.trouble: str | None = None
        self.notes: list[str] = []
        self.forked = False
        self.devices: list[str] = []
        self.libraries: list[str] = []
        self.last_cell: str | None = None
        self.first: dict[int, dict[str, Any]] = {}
        self.counts = [0] * size
        program = json.loads((folder / "probe.json").read_text())["program"]
        self.cells: list[str] = [cell["name"] for cell in program.get("cells", ())]
        for file in sorted(folder.glob("counts-*")):
            data = file.read_bytes()
            numbers = struct.unpack(f"={len(data) // 8}Q", data[: len(data) // 8 * 8])
            for slot, number in enumerate(numbers[:size]):
                self.counts[slot] += number
        for file in sorted(folder.glob("seen-*.jsonl")):
            for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    self._take(json.loads(line))
                except ValueError:
                    continue  # cut off when the process was ended
        cell = folder / "cell"
        if self.end is None and cell.exists():
            (number,) = struct.unpack("=q", cell.read_bytes()[:8])
            self.last_cell = self.cells[number] if 0 <= number < len(self.cells) else None

    def _take(self, told: dict[str, Any]) -> None:
        kind = told["kind"]
        if kind == "seen":
            known = self.first.get(told["slot"])
            if known is None or told["at"] < known["at"]:
                self.first[told["slot"]] = told
        elif kind == "cell" and told["wrong"]:
            self.wrong.append((told["cell"], told["wrong"]))
        elif kind == "operator":
            self.operators.append(told)
        elif kind == "kernel":
            self.kernels.append(told)
        elif kind == "import":
            self.imports.append(Imported(told["name"], told["depth"], told["seconds"]))
        elif kind == "libraries":
            self.libraries = list(dict.fromkeys([*self.libraries, *told["paths"]]))
        elif kind == "no-profiler":
            self.trouble = told["error"]
        elif kind in {"fork", "child"}:
            self.forked = self.forked or kind == "fork"
        elif kind == "begin":
            self.begun = True
        elif kind == "end":
            self.end, self.devices = told, told["devices"]

    def seen(self, slot: int, width: int) -> Seen:
        """What there is of a place: how often its first line ran, and how many of its lines."""
        first = self.first.get(slot)
        lines = self.counts[slot + 1 : slot + width]
        ran = [number for number in lines if number]
        count = self.counts[slot] if width == 1 else next(iter(ran), 0)
        if first is None and not count:
            return Seen()
        stack = self.python_frames(first["stack"]) if first else ()
        return Seen(max(count, 1), len(ran), first["cell"] if first else None, stack)

    def cell(self, hit: native.Hit) -> str | None:
        """The cell under way when a native step was seen."""
        return self.cells[hit.cell] if 0 <= hit.cell < len(self.cells) else None

    def python_frames(self, stack: Iterable[Sequence[Any]]) -> tuple[Frame, ...]:
        """Frames of torch and of the program, with files as they are named from torch's folder."""
        found = []
        for file, line, name in stack:
            if _OURS.search(file):
                continue
            root = next((root for root in self.roots if file.startswith(root)), None)
            shown = file.removeprefix(root) if root else file if file.startswith("<") else Path(file).name
            found.append(Frame(name, "python", f"{shown}:{line}"))
        return tuple(found[:DEEPEST])

    def frames(
        self,
        stack: Iterable[tuple[str | None, str | None]],
        python: Iterable[tuple[str, int, str]],
        index: Index | None = None,
    ) -> tuple[Frame, ...]:
        """A native stack with names as one writes them, and the Python stack above it."""
        found: list[Frame] = []
        for mangled, library in stack:
            name = plain(demangled(mangled)) if mangled else f"? ({library or 'unknown'})"
            operator = re.fullmatch(r"at::_ops::(\w+)::(call|redispatch)", name)
            if operator:
                frame = Frame(_operator_name(operator[1], index), "operator", operator[2])
            else:
                frame = Frame(name, "native")
            if not found or found[-1] != frame:
                found.append(frame)
        above = self.python_frames(python)
        return (*found[: DEEPEST - min(len(above), DEEPEST // 2)], *above)[:DEEPEST]


def _operator_name(shown: str, index: Index | None) -> str:
    """``to_dtype_layout`` → ``aten::to.dtype_layout``, by the operators that there are."""
    if index is not None:
        for at in [len(shown), *[match.start() for match in re.finditer("_", shown)]]:
            base, overload = shown[:at], shown[at + 1 :]
            name = f"aten::{base}.{overload}" if overload else f"aten::{base}"
            if base and index.symbols(name, "op"):
                return name
    return f"aten::{shown}"
