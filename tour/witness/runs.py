"""Run a tour's program in the reader's Python, twice, and say of each step whether it was passed.

The first run has the Python probe and the torch profiler in it, the second is under gdb. Python's steps are known by
file and definition in the files of the torch that runs, native ones by their names in its libraries; where its version
is not the tree's, both are matched by qualified name, as an anchor is in any tree.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from tour.anchors import Place, Reader, locate
from tour.errors import TourError
from tour.index import Index, split_id
from tour.links import Links
from tour.model import PYTORCH, Kind, LinkKind, Progress, silent
from tour.tours import Step, Tour, applies
from tour.witness import native, records
from tour.witness.binaries import Library, demangled, normal, plain
from tour.witness.children import run
from tour.witness.records import Frame, Record, Sighting
from tour.witness.runtimes import Runtime
from tour.witness.told import Imported, Told
from tour.witness.ways import How, Way, Ways

PROBE = Path(__file__).with_name("probe.py")
SITE = Path(__file__).parent / "site"

SECONDS = 120.0
"""How long the program may take under watch."""

_DEVICES = {"gpu": 1, "gpus": 2}
"""Accelerators that a step can need."""

_CUDA = re.compile(r"(^|/)cuda(/|$)|\.cuh?$|(^|/)nccl")
_LIBRARY = re.compile(r"\.so(\.\d+)*$")


@dataclass(frozen=True, slots=True)
class Stop:
    """A step, and where it is: in the tree, and for Python in the files of the torch that runs."""

    step: Step
    tree: Place
    here: Place | None
    same: bool
    """Whether the code there is the tree's."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A step that should have been seen and was not, or a program that did not do what it is meant to."""

    step: str | None
    what: str
    is_unseen: bool = False
    """Whether it is about a step that was not passed, rather than about the program."""


@dataclass(slots=True)
class Observation:
    """What a run under watch gave."""

    record: Record
    folder: Path
    """The tour's, where the record is kept."""
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What to know of the run: what could not be watched, and why."""
    imports: list[Imported] = field(default_factory=list)
    crash: tuple[str, tuple[Frame, ...]] | None = None
    """The signal and the stack of a program that crashed."""
    seconds: dict[str, float] = field(default_factory=dict)
    """What each run took: ``python`` and ``native``."""


class Watch:
    """One tour under watch, with one Python."""

    def __init__(self, tour: Tour, stops: Sequence[Stop], runtime: Runtime, release: str, version: str) -> None:
        """``release`` is the running torch's number, ``version`` the tree's."""
        self.tour, self.stops, self.runtime = tour, stops, runtime
        self.release, self.version = release, version

    def run(
        self, index: Index, read: Reader, *, seconds: float, debugger: bool, date: str, progress: Progress = silent
    ) -> Observation:
        """Run it; raises ``TourError`` where no run can be had at all."""
        with tempfile.TemporaryDirectory(prefix="tour-") as made:
            folder = Path(made)
            progress("Running", 0, 2)
            told = self._told(folder, seconds)
            observed = Observation(self._record({}, told, date), self.tour.file.parent)
            observed.seconds["python"] = told.ended.seconds
            self._wrongs(told, observed, seconds)
            ways = Ways(index, Links(index), read)
            progress("Running under gdb", 1, 2)
            natives = self._natives(ways, told, folder, seconds, debugger, observed)
            observed.record = self._record(self._sightings(told, natives, index, observed), told, date)
            return observed

    # the first run

    def _told(self, folder: Path, seconds: float) -> Told:
        """What the probe saw, with the profiler in the same run where that does not change what the program does."""
        told = self.probe(folder, seconds, profiler=True)
        if not told.wrong or told.end is None:
            return told
        # the profiler holds weak references to tensors, which some of torch's functions refuse
        alone = self.probe(folder / "alone", seconds, profiler=False)
        if len(alone.wrong) >= len(told.wrong):
            return told
        alone.operators, alone.kernels = told.operators, told.kernels
        alone.notes = [f"under the torch profiler the cell of {cell} fails: {wrong}" for cell, wrong in told.wrong[:1]]
        return alone

    def probe(self, folder: Path, seconds: float, *, profiler: bool) -> Told:
        """The first run: the program with the Python probe in it, and the torch profiler if asked for."""
        (folder / "empty").mkdir(parents=True, exist_ok=True)
        slots: dict[str, list[tuple[int, int]]] = {}
        watch: list[dict[str, Any]] = []
        size = 0
        for stop in self.stops:
            for place in _watched(stop, self.runtime.root):
                lines = place["lines"]
                width = 1 if lines is None else 2 + lines[1] - lines[0]
                watch.append({**place, "slot": size})
                slots.setdefault(stop.step.id, []).append((size, width))
                size += width
        spec = {
            "folder": str(folder),
            "root": self.runtime.root + os.sep,
            "watch": watch,
            "slots": size,
            "program": self.program(),
            "imports": True,
            "operators": profiler,
            "site": str(SITE),
        }
        written = folder / "probe.json"
        written.write_text(json.dumps(spec))
        ended = run(
            [self.runtime.program, str(PROBE), str(written)],
            seconds=seconds,
            environment=environment(),
            folder=folder / "empty",
        )
        return Told(folder, ended, slots, size, self.runtime.root)

    def program(self) -> dict[str, Any]:
        """What is run: the cells of the steps that the running torch has, in order."""
        cells = [
            {"name": step.id, "code": step.cell.code, "raises": step.cell.raises}
            for step in self.tour.steps
            if step.cell is not None and applies(step.versions, self.release)
        ]
        if not cells:
            raise TourError(f"{self.tour.name} has no cells, so there is nothing to run", at=str(self.tour.file))
        return {"cells": cells}

    def _wrongs(self, told: Told, observed: Observation, seconds: float) -> None:
        """What went wrong with the program itself."""
        ended = told.ended
        if ended.code is None:
            where = f" in the cell of {told.last_cell}" if told.last_cell else ""
            observed.findings.append(Finding(told.last_cell, f"the program did not end within {seconds:g} s{where}"))
        elif told.end is None:
            how = f"signal {-ended.code}" if ended.code < 0 else f"exit code {ended.code}"
            where = f" in the cell of {told.last_cell}" if told.last_cell else ""
            observed.findings.append(Finding(told.last_cell, f"the program ended in the middle{where}: {how}"))
            if not told.begun:
                last = (ended.output.strip().splitlines() or ["it said nothing"])[-1]
                raise TourError(f"{self.runtime.program} cannot run the program: {last}")
        for cell, wrong in told.wrong:
            observed.findings.append(Finding(cell, f"its cell fails: {wrong}"))
        if ended.left:
            observed.notes.append(f"{ended.left} processes were left behind, and were ended")
        if told.trouble:
            observed.notes.append(f"the torch profiler could not be used: {told.trouble}")
        observed.notes += told.notes
        observed.imports = told.imports

    # the second run

    def _natives(
        self, ways: Ways, told: Told, folder: Path, seconds: float, debugger: bool, observed: Observation
    ) -> _Natives:
        steps = {
            stop.step.id: ways.of(stop.tree, self._following(stop))
            for stop in self.stops
            if _is_native(stop) and not (_is_namesake(stop, ways.index) and not told.devices)
        }
        steps = {step: several for step, several in steps.items() if several}
        if not steps:
            return _Natives({}, [], None)
        why = native.available() if debugger else "gdb was not asked for"
        if why is not None:
            observed.notes.append(f"native steps were not watched: {why}")
            return _Natives(steps, [], why)
        libraries = [library for path in told.libraries if (library := _library(path)) is not None]
        if not libraries:
            why = "the program loaded none of torch's libraries"
            observed.notes.append(f"native steps were not watched: {why}")
            return _Natives(steps, [], why)
        chosen, _ = native.targets(steps, libraries)
        natives = _Natives(steps, chosen, None)
        stripped = [name for one in libraries if one.is_stripped and "torch_" in (name := Path(one.path).name)]
        natives.is_stripped = bool(stripped)
        if stripped:
            observed.notes.append(f"only exported functions have names in {', '.join(stripped)}")
        spec = json.loads((folder / "probe.json").read_text())
        spec |= {"watch": [], "slots": 0, "imports": False, "operators": False, "site": None}
        spec |= {
            "folder": str(folder / "native"),
            "traceback": str(folder / "traceback"),
            "descriptor": native.DESCRIPTOR,
            "signal": native.SIGNAL,
        }
        (folder / "native").mkdir()
        written = folder / "native-probe.json"
        written.write_text(json.dumps(spec))
        command = [self.runtime.executable, str(PROBE), str(written)]
        options: dict[str, Any] = {"folder": folder, "seconds": seconds, "environment": environment()}
        options["bare"] = folder / "empty"  # the same, so that what the program builds there is the same
        first = native.watch(chosen, command, **options)
        natives.add(first)
        observed.seconds["native"] = first.ended.seconds
        if not _has_begun(folder / "native") and first.crash is None and first.ended.code is not None:
            lines = [line.strip() for line in first.ended.output.splitlines() if line.strip()]
            errors = [line for line in lines if "Error: " in line]
            why = f"{self.runtime.executable} does not start under gdb: {(errors or lines or ['it said nothing'])[-1]}"
            observed.notes.append(f"native steps were not watched: {why}")
            return _Natives(steps, [], why)
        unseen = natives.unseen()
        if unseen and told.forked and first.crash is None:
            left = [target for target in chosen if target.step in unseen]
            second = native.watch(left, command, workers=True, **options)
            observed.seconds["workers"] = second.ended.seconds
            natives.add(second)
        for seen in natives.runs:
            if not seen.whole:
                how = f"within {seconds:g} s" if seen.ended.code is None else "to its end"
                last = f": {seen.trouble}" if seen.trouble else ""
                observed.notes.append(f"the debugger did not come {how}; what it saw until then is kept{last}")
            if seen.crash is not None:
                stack = told.frames(seen.crash.native, seen.crash.python)
                observed.crash = (seen.crash.signal, stack)
        return natives

    def _following(self, stop: Stop) -> list[Place]:
        """The steps that a step calls, as the tour says."""
        calling = {LinkKind.CALLS, LinkKind.STUBS, LinkKind.DISPATCHES, LinkKind.LAUNCHES}
        return [
            after.tree
            for before, after in pairwise(self.stops)
            if before.step.hop and before.step.hop.origin == stop.step.id and before.step.hop.kind in calling
        ]

    # what became of each step

    def _sightings(self, told: Told, natives: _Natives, index: Index, observed: Observation) -> dict[str, Sighting]:
        sightings = {}
        for stop in self.stops:
            step = stop.step
            anchor = next((one for one in step.anchors if applies(one.versions, self.release)), step.anchors[0])
            kept = records.watched(anchor)
            if not applies(step.versions, self.release):
                continue
            if anchor.tree != PYTORCH:
                sightings[step.id] = Sighting(kept, "not-run", why="project")
                continue
            found = self._native(stop, told, natives, index) if _is_native(stop) else self._python(stop, told)
            sighting = replace(found, anchor=kept)
            if sighting.state != "seen" and step.witness is not None:
                needs = step.witness.needs
                if needs is None:
                    sighting = Sighting(kept, sighting.state, why="author")
                elif needs not in _DEVICES or len(told.devices) < _DEVICES[needs]:
                    sighting = Sighting(kept, "not-run", why=needs)
            sightings[step.id] = sighting
            if sighting.state == "not-seen" and sighting.why != "author":
                observed.findings.append(Finding(step.id, self._verdict(stop), is_unseen=True))
        return sightings

    def _verdict(self, stop: Stop) -> str:
        """Whether the tour or the build is to blame."""
        if stop.same:
            blame = "the code there is the tree's, so the tour's program or the tour is to blame"
        else:
            blame = f"its code differs from the tree's {self.version}, so it may be the build"
        return f"{stop.tree.asked} should have run and was not seen in torch {self.runtime.torch}; {blame}"

    def _python(self, stop: Stop, told: Told) -> Sighting:
        if stop.here is None or stop.here.symbol is None:
            in_package = stop.tree.symbol is None or stop.tree.symbol.file.startswith("torch/")
            return Sighting("", "not-visible" if in_package else "not-run", why="lost" if in_package else "build")
        seen = [told.seen(slot, width) for slot, width in told.slots[stop.step.id]]
        if not any(one.count for one in seen):
            return Sighting("", "not-seen", "python", why="same-code" if stop.same else "other-code")
        first = next(one for one in seen if one.count)
        why, detail = None, None
        if stop.here.statement and stop.here.end_line > stop.here.line:
            why, detail = "lines", str(first.lines)
        elif stop.here.symbol.kind is Kind.CLASS and seen[-1].count:
            why, detail = "members", str(seen[-1].count)
            first = seen[-1].after(first)
        return Sighting("", "seen", "python", first.count, detail, why, first.cell, first.stack)

    def _native(self, stop: Stop, told: Told, natives: _Natives, index: Index) -> Sighting:
        step = stop.step
        if not told.devices and _is_namesake(stop, index):
            return Sighting("", "not-run", why="gpu")
        operator = self._operator(stop, told, index)
        if step.id not in natives.steps or natives.why is not None:
            return operator or Sighting("", "not-run", why="gdb")
        hit = natives.first(step.id)
        if hit is not None and _is_passed(*hit):
            target, seen = hit
            stack = told.frames(seen.native, seen.python, index)
            if target.way.how is How.KERNEL and stop.tree.symbol and stack[0].name.startswith("?"):
                stack = (Frame(stop.tree.symbol.qualname, "native"), *stack[1:])  # hidden, but we know what it is
            sighting = Sighting("", "seen", "native", seen.count, *_manner(target, seen, stop), told.cell(seen), stack)
            if operator is not None and operator.state == "seen":
                sighting = replace(sighting, by="operator", detail=operator.detail, why=operator.why)
            return sighting
        if kernel := self._kernel(stop, told):
            return kernel
        visible = natives.visible(step.id)
        if operator is not None and (operator.state == "seen" or not visible):
            return operator
        file = stop.tree.symbol.file if stop.tree.symbol else ""
        entries = [target for target in visible if target.way.how is How.ENTRY and not target.way.is_around]
        if not entries and hit is None and _CUDA.search(file) and not told.devices:
            return Sighting("", "not-run", why="gpu")
        if hit is not None:
            return Sighting("", "not-visible", "native", detail=hit[0].way.name, why="statement")
        if not any(target.is_telling for target in visible):
            return Sighting("", "not-visible", "native", why="stripped" if natives.is_stripped else "inlined")
        return Sighting("", "not-seen", "native", why="same-code" if stop.same else "other-code")

    def _operator(self, stop: Stop, told: Told, index: Index) -> Sighting | None:
        """What the profiler says of an operator; it knows no overloads."""
        symbol = stop.tree.symbol
        if symbol is None or symbol.scheme != "op" or told.trouble is not None:
            return None
        base = symbol.qualname.partition(".")[0]
        ways = [one for one in told.operators if one["way"][0] == base]
        if not ways:
            return Sighting("", "not-seen", "operator", why="same-code" if stop.same else "other-code")
        told_of = {one.tree.symbol.qualname.partition(".")[0] for one in self.stops if one.tree.symbol}
        way = min(ways, key=lambda one: (-len(told_of & set(one["way"])), len(one["way"]), one["order"]))
        shown = " ← ".join(way["way"])
        space, _, name = base.partition("::")
        several = len(index.operators(space, name)) > 1
        stack = tuple(Frame(name, "operator") for name in way["way"])
        count = sum(one["count"] for one in ways)
        return Sighting("", "seen", "operator", count, shown, "overloads" if several else "operators", stack=stack)

    @staticmethod
    def _kernel(stop: Stop, told: Told) -> Sighting | None:
        """A kernel that ran on an accelerator, by its demangled name; a lambda's has its function's in it."""
        symbol = stop.tree.symbol
        if symbol is None or not told.kernels or not _CUDA.search(symbol.file):
            return None
        word = re.compile(rf"\b{re.escape(symbol.qualname)}\b")
        names = [(normal(demangled(one["name"])), one) for one in told.kernels]
        found = [one for name, one in names if plain(name) == symbol.qualname]
        found = found or [one for name, one in names if word.search(name)]
        if not found:
            return None
        name = plain(demangled(found[0]["name"]))
        stack = (Frame(name, "native"), Frame(found[0]["operator"], "operator"))
        count = sum(one["count"] for one in found)
        return Sighting("", "seen", "profiler", count, name, "kernel", stack=stack)

    def _record(self, sightings: Mapping[str, Sighting], told: Told, date: str) -> Record:
        device = ", ".join(dict.fromkeys(told.devices)) or "cpu"
        return Record(self.tour.name, self.runtime.torch, self.release, self.runtime.python, device, date, sightings)


@dataclass(slots=True)
class _Natives:
    """What the debugger was asked, and what it saw."""

    steps: Mapping[str, list[Way]]
    targets: list[native.Target]
    why: str | None
    """Why it was not asked."""
    is_stripped: bool = False
    """Whether torch's libraries keep the names of what they export alone."""
    runs: list[native.Run] = field(default_factory=list)
    hits: dict[int, native.Hit] = field(default_factory=dict)

    def add(self, seen: native.Run) -> None:
        self.runs.append(seen)
        for slot, hit in seen.hits.items():
            self.hits.setdefault(slot, hit)

    def visible(self, step: str) -> list[native.Target]:
        return [target for target in self.targets if target.step == step and target.kernel is None]

    def first(self, step: str) -> tuple[native.Target, native.Hit] | None:
        """The best way in which a step was seen."""
        found = [(target, self.hits[target.slot]) for target in self.visible(step) if target.slot in self.hits]
        return next((one for one in found if _is_passed(*one)), found[0] if found else None)

    def unseen(self) -> set[str]:
        return {target.step for target in self.targets} - {
            target.step for target in self.targets if target.slot in self.hits
        }


def _has_begun(folder: Path) -> bool:
    """Whether the probe there came to run the program."""
    return any('"begin"' in file.read_text(encoding="utf-8", errors="replace") for file in folder.glob("seen-*.jsonl"))


def _is_passed(target: native.Target, hit: native.Hit) -> bool:
    """Whether what was seen shows the step: of a function around it that it returned, and that nothing leads around."""
    return not target.way.is_around or (target.way.is_always and hit.has_returned)


def _manner(target: native.Target, hit: native.Hit, stop: Stop) -> tuple[str | None, str | None]:
    """Detail and word for how a native step was seen, where not by itself."""
    way = target.way
    least = f"≥ {hit.count}" if hit.at_least else None
    if way.how is How.ROW:
        return hit.detail, "row"
    if way.how is How.KERNEL:
        return way.through, "hidden"
    if way.is_always:
        return way.through or way.name, "always"
    if way.how is How.LAMBDA:
        return None, "statement-lambda" if stop.tree.statement else "inlined-lambda"
    if way.how in {How.CALL, How.STUB} and way.through:
        return way.through, "call" if stop.tree.statement else "inlined-call"
    return least, "at-least" if least else None


def _watched(stop: Stop, root: str) -> Iterator[dict[str, Any]]:
    """What the probe has to watch for a step."""
    place = stop.here
    if place is None or place.symbol is None:
        return
    symbol = place.symbol
    base = {
        "file": str(Path(root) / symbol.file),
        "name": symbol.name,
        "start": symbol.start_line,
        "line": symbol.line,
        "end": symbol.end_line,
        "lines": None,
    }
    if place.statement:
        yield {**base, "what": "lines", "lines": [place.line, place.end_line]}
    elif symbol.kind is Kind.MODULE:
        yield {**base, "what": "module", "start": 0}
    elif symbol.kind is Kind.CLASS:
        yield {**base, "what": "class"}
        yield {**base, "what": "member", "start": symbol.line + 1}
    else:
        yield {**base, "what": "function"}


def _is_native(stop: Stop) -> bool:
    return split_id(stop.tree.asked)[0] != "py"


def _is_namesake(stop: Stop, index: Index) -> bool:
    """Whether it is a GPU's function that bears the name of a CPU's: by name, the one is taken for the other."""
    symbol = stop.tree.symbol
    if symbol is None or not _CUDA.search(symbol.file):
        return False
    return any(not _CUDA.search(one.file) for one in index.symbols(symbol.qualname, symbol.scheme))


def _library(path: str) -> Library | None:
    try:
        return Library(path)
    except (TourError, OSError):
        return None


def environment() -> dict[str, str]:
    """The reader's own, without what would change what Python does."""
    left_out = {"PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME", "PYTHONINSPECT", "PYTHONPROFILEIMPORTTIME"}
    return {key: value for key, value in os.environ.items() if key not in left_out} | {"PYTHONUNBUFFERED": "1"}


def stops(
    tour: Tour, index: Index, read: Reader, version: str, release: str, here: Mapping[str, Place], texts: _Texts
) -> list[Stop]:
    """Each step that the running torch has, with its places."""
    found = []
    for step in tour.steps:
        tree = locate(step, index, read, release)
        if tree.symbol is None:
            tree = locate(step, index, read, version)
        place = here.get(step.id)
        found.append(Stop(step, tree, place, texts.same(tree, place) if place else release == version))
    return found


class _Texts:
    """The code of a step in the tree and in the running torch."""

    def __init__(self, tree: Reader, here: Reader) -> None:
        self.tree, self.here = tree, here

    def same(self, one: Place, other: Place) -> bool:
        """Whether both places hold the same text; they need not be on the same lines."""
        if one.symbol is None or other.symbol is None:
            return False
        return self._text(one, self.tree) == self._text(other, self.here)

    @staticmethod
    def _text(place: Place, read: Reader) -> list[str]:
        assert place.symbol is not None
        lines = read(place.symbol.file).decode("utf-8", "replace").splitlines()
        first, last = (place.line, place.end_line) if place.statement else (place.symbol.start_line, place.end_line)
        if place.symbol.kind is Kind.MODULE and not place.statement:
            first = 2  # an interpreter line is the distribution's
        return [line.rstrip() for line in lines[first - 1 : last]]


Texts = _Texts


def today() -> str:
    """The date, as records have it."""
    return time.strftime("%Y-%m-%d")
