"""Run any program with the reader's own torch and give the way that it took through PyTorch."""

from __future__ import annotations

import json
import os
import tempfile
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tour.errors import TourError
from tour.model import Lane
from tour.witness.calls import Call, Code, Span, folded, spans
from tour.witness.children import Ended, run
from tour.witness.runs import PROBE, environment
from tour.witness.runtimes import Runtime
from tour.witness.told import Imported


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
    main: int | None
    """The thread that the program began on."""
    imports: tuple[Imported, ...]
    ended: Ended
    wrong: str | None
    """What it ended with, where it was not meant to."""
    notes: tuple[str, ...]

    @property
    def tree(self) -> Call:
        """All of it, folded."""
        return folded(self.threads.values())


def passage(program: Program, runtime: Runtime, *, seconds: float) -> Passage:
    """Run a program to its end, or for so many seconds; raises ``TourError`` where it cannot be started at all."""
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
        return _read(folder, ended, runtime)


def _read(folder: Path, ended: Ended, runtime: Runtime) -> Passage:
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
                span = Span(told["start"], told["end"], told["name"], Lane.DISPATCHER, None)
                threads.setdefault(told["thread"], []).append(span)
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
    return Passage(runtime.torch, runtime.python, device, threads, main, tuple(imports), ended, wrong, tuple(notes))
