"""Run any program with the reader's own torch and give the way that it took through PyTorch."""

from __future__ import annotations

import json
import os
import re
import tempfile
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tour.errors import TourError
from tour.index import Index
from tour.model import Lane
from tour.witness.binaries import demangled, plain
from tour.witness.calls import Call, Code, Launch, Span, folded, spans
from tour.witness.children import Ended, run
from tour.witness.runs import PROBE, environment
from tour.witness.runtimes import Runtime
from tour.witness.told import Imported

_KERNELS = re.compile(r"\.cuh?$|/cuda/.*\.h$")
"""Files with code for accelerators."""

_COPIES = re.compile(r"Mem(cpy|set) ")
"""What the profiler calls copies, which are no functions."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to run: exactly one of the first three."""

    code: str | None = None
    script: Path | None = None
    module: str | None = None
    arguments: tuple[str, ...] = ()

    def fields(self) -> dict[str, Any]:
        """What the probe reads."""
        if self.module is not None:
            return {"module": self.module, "argv": [self.module, *self.arguments]}
        if self.script is not None:
            return {"script": str(self.script.resolve()), "argv": [str(self.script), *self.arguments]}
        return {"code": self.code, "argv": ["-c", *self.arguments]}


@dataclass(frozen=True, slots=True)
class Passage:
    """The way that a program took."""

    torch: str
    python: str
    device: str
    threads: Mapping[int, Sequence[Span]]
    devices: Mapping[str, Sequence[Span]]
    """What accelerators did, by device and stream."""
    main: int | None
    """The thread that the program began on."""
    imports: tuple[Imported, ...]
    ended: Ended
    wrong: str | None
    """What it ended with, where it was not meant to."""
    notes: tuple[str, ...]
    release: str
    """The torch's number, to whose files the places in Python are."""
    version: str | None = None
    """The tree's in which operators and kernels have their places."""

    @property
    def tree(self) -> Call:
        """All of it, folded."""
        return folded(self.threads.values())


def passage(program: Program, runtime: Runtime, *, seconds: float, index: Index | None = None) -> Passage:
    """Run a program to its end, or for so many seconds; raises ``TourError`` where it cannot be started at all.

    An ``index`` of PyTorch's sources gives operators and kernels their places.
    """
    with tempfile.TemporaryDirectory(prefix="tour-") as made:
        folder = Path(made)
        spec = {
            "folder": made,
            "root": runtime.root + os.sep,
            "watch": [],
            "slots": 0,
            "program": program.fields(),
            "imports": True,
            "operators": True,
            "calls": True,
        }
        written = folder / "probe.json"
        written.write_text(json.dumps(spec))
        ended = run(
            [runtime.program, str(PROBE), str(written)],
            seconds=seconds,
            environment=environment() | {"PYTHONPATH": os.environ.get("PYTHONPATH", "")},
            folder=Path.cwd(),
        )
        return read(folder, ended, runtime, index)


class _Places:
    """Where in the sources what the profiler names is."""

    def __init__(self, index: Index | None) -> None:
        self.index = index
        self.known: dict[str, str | None] = {}

    def operator(self, name: str) -> str | None:
        """The declaration of an operator; of overloads, which the profiler does not tell apart, the first."""
        space, _, base = name.partition("::")
        if name not in self.known:
            found = self.index.operators(space, base) if self.index and base else []
            self.known[name] = str(found[0].at) if found else None
        return self.known[name]

    def kernel(self, name: str) -> str | None:
        """The definition of a kernel, by its name without parameters, where the sources have one of that name."""
        key = f"kernel {name}"
        if key not in self.known:
            named = self.index.symbols(name, "cpp") if self.index else []
            found = [symbol for symbol in named if symbol.is_definition and _KERNELS.search(symbol.file)]
            self.known[key] = str(found[0].at) if len({symbol.file for symbol in found}) == 1 else None
        return self.known[key]


def read(folder: Path, ended: Ended, runtime: Runtime, index: Index | None = None) -> Passage:
    """What the probe wrote down of a program's calls, in ``folder``."""
    places = _Places(index)
    kernels: dict[int, str] = {}
    accelerators: dict[str, list[Span]] = {}
    threads: dict[int, list[Span]] = {}
    imports: list[Imported] = []
    notes: list[str] = []
    main = wrong = None
    devices: list[str] = []
    begun = over = False
    roots = (runtime.root + os.sep, os.path.realpath(runtime.root) + os.sep)
    for file in sorted(folder.glob("seen-*.jsonl")):
        codes: dict[int, Code] = {}
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                told = json.loads(line)
            except ValueError:
                continue
            kind = told["kind"]
            if kind == "code":
                shown = told["file"]
                for root in roots:
                    shown = shown.removeprefix(root)
                module = shown.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
                name = module if told["name"] == "<module>" else f"{module}.{told['name']}"
                codes[told["number"]] = Code(name, f"{shown}:{max(told['line'], 1)}")
            elif kind == "span":
                name = told["name"]
                launched = tuple(
                    Launch(kernels[number], took, places.kernel(kernels[number]))
                    for number, took in told.get("launched", ())
                )
                span = Span(told["start"], told["end"], name, Lane.DISPATCHER, places.operator(name), launched)
                threads.setdefault(told["thread"], []).append(span)
            elif kind == "kernel-name":
                name = told["name"]
                kernels[told["number"]] = name if _COPIES.match(name) else plain(demangled(name))
            elif kind == "device-span":
                name, (device, stream) = kernels[told["name"]], told["device"]
                span = Span(told["start"], told["end"], name, Lane.KERNEL, places.kernel(name))
                accelerators.setdefault(f"device {device}, stream {stream}", []).append(span)
            elif kind == "import":
                imports.append(Imported(told["name"], told["depth"], told["seconds"]))
            elif kind == "begin":
                begun, main = True, told["thread"]
            elif kind == "cell":
                wrong = told["wrong"]
            elif kind == "calls-cut":
                notes.append(f"after {told['events']:,} calls and returns no more were kept")
            elif kind == "no-profiler":
                notes.append(f"the torch profiler could not be used: {told['error']}")
            elif kind == "end":
                over, devices = True, told["devices"]
        calls = folder / file.name.replace("seen-", "calls-").replace(".jsonl", "")
        if calls.exists():
            events = array("q")
            data = calls.read_bytes()
            events.frombytes(data[: len(data) // 8 * 8])
            for thread, several in spans(events, codes).items():
                threads.setdefault(thread, []).extend(several)
    if not begun:
        last = (ended.output.strip().splitlines() or ["it said nothing"])[-1]
        raise TourError(f"{runtime.program} cannot run the program: {last}")
    if ended.code is None:
        wrong = "it did not end in time, and was ended; what was seen until then is shown"
    elif not over:
        how = f"signal {-ended.code}" if ended.code < 0 else f"exit code {ended.code}"
        wrong = f"it ended in the middle ({how}); what was seen until then is shown"
    device = ", ".join(dict.fromkeys(devices)) or "cpu"
    output = "".join(line for line in ended.output.splitlines(keepends=True) if not line.startswith("USDT:"))
    ended = replace(ended, output=output)  # the profiler's own words
    version = index.version if index else None
    return Passage(
        runtime.torch, runtime.python, device, threads, accelerators, main, tuple(imports), ended, wrong, tuple(notes),
        runtime.release, version,
    )  # fmt: skip
