"""Native steps: what of the ways to see them the binaries allow, and gdb's run of the program.

Where none of the ways to see a step (``ways``) is in this binary, the step is ``not-visible``, never ``not-seen``.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tour.errors import TourError
from tour.witness.binaries import Library, Named, Symbol, demangled, normal, plain
from tour.witness.children import Ended, run
from tour.witness.ways import How, Way

SCRIPT = Path(__file__).with_name("debugger.py")
DESCRIPTOR = 243
"""Where the program opens the file that CPython's traceback goes to: out of the way of the program's own."""

SIGNAL = 50
"""A real-time signal that the probe has CPython answer with its traceback; neither torch nor Python uses it."""

POINTS = 160
"""Addresses of one name that are looked at."""


_GETTERS = "at::native::DispatchStubImpl::get_call_ptr"

SETTINGS = (
    "set confirm off",
    "set pagination off",
    "set debuginfod enabled off",
    "set demangle-style none",
    "set print thread-events off",
    "set print inferior-events off",
    "set auto-solib-add off",
    "set stop-on-solib-events 1",
    "set follow-fork-mode parent",
    "handle all nostop noprint pass",
    "handle SIGSEGV SIGBUS SIGFPE SIGILL SIGABRT stop print pass",
)
FOLLOWING = ("set detach-on-fork off", "set schedule-multiple on")
"""For the workers that the program forks; slower, so only where something was not seen without."""


@dataclass(slots=True)
class Target:
    """A way that this binary allows."""

    slot: int
    step: str
    way: Way
    points: list[tuple[str, int]] = field(default_factory=list)
    """Library and address."""
    within: list[tuple[str, int, int]] = field(default_factory=list)
    object: tuple[str, int] | tuple[str, int, int] | None = None
    kernel: int | None = None
    """Slot of the target that the kernel of this stub is for."""
    library: str = ""
    is_inlined: bool = False
    """Of a function: none of the callers in its file calls it, so that they must have it inlined."""

    @property
    def is_telling(self) -> bool:
        """Whether it would have been hit if the step had been passed: a call may also be inlined, or be a jump."""
        is_caller = self.way.is_around and self.way.through is not None  # one of those that may lead there
        by_itself = self.way.how is How.ENTRY and not (self.is_inlined or self.way.is_in_header or is_caller)
        return by_itself or self.way.how in {How.ROW, How.KERNEL} or (self.way.how is How.STUB and not self.way.within)

    def fields(self) -> dict[str, Any]:
        """What the script in the debugger reads."""
        kinds = {How.ROW: "row", How.KERNEL: "kernel"}
        told: dict[str, Any] = {"slot": self.slot, "kind": kinds.get(self.way.how, "point"), "points": self.points}
        if self.way.within:
            told |= {"within": self.within, "depth": 3 if self.way.how is How.STUB else 1}
        if self.object is not None and self.way.how is not How.KERNEL:
            told["object"] = self.object
        if self.kernel is not None:
            told["kernel"] = self.kernel
        if self.way.rows:
            told["rows"] = self.way.rows
        if self.way.is_always:
            told["returns"] = True
        return told


@dataclass(frozen=True, slots=True)
class Hit:
    """What the debugger saw of a target."""

    count: int
    at_least: bool
    native: tuple[tuple[str | None, str | None], ...]
    """Mangled name, or the library of a function without one; innermost first."""
    python: tuple[tuple[str, int, str], ...]
    cell: int
    detail: str | None = None
    has_returned: bool = False
    """Of a function that was watched until then: whether it was seen to return, rather than to throw."""


@dataclass(frozen=True, slots=True)
class Crash:
    """Where the program crashed."""

    signal: str
    native: tuple[tuple[str | None, str | None], ...]
    python: tuple[tuple[str, int, str], ...]
    cell: int


@dataclass(frozen=True, slots=True)
class Run:
    """What one run under the debugger gave."""

    hits: Mapping[int, Hit]
    crash: Crash | None
    ended: Ended
    whole: bool
    """Whether the debugger reached the program's end; else its counts are missing."""
    trouble: str | None


@cache
def available() -> str | None:
    """Why native steps cannot be watched here, in a sentence; ``None`` where they can."""
    if not Path("/proc/self/maps").exists():
        return "native steps need Linux"
    if machine() is None:
        return f"native steps are not watched on {platform.machine()}"
    gdb = shutil.which("gdb")
    if gdb is None:
        return "gdb is not installed"
    asked = "import sys, gdb; print('tour', sys.version_info[0], gdb.VERSION)"
    try:
        said = subprocess.run(
            [gdb, "-nx", "-batch", "-ex", f"python {asked}", "-ex", "run", "--args", "/bin/true"],
            capture_output=True,
            text=True,
            timeout=30,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"gdb does not start: {error}"
    if "tour 3 " not in said.stdout:
        return "this gdb has no Python 3 in it"
    if "exited normally" not in said.stdout:
        last = (said.stderr.strip().splitlines() or ["no word of why"])[-1]
        return f"gdb may not run a program here: {last}"
    return None


def version() -> str:
    """The debugger's version."""
    said = subprocess.run(["gdb", "--version"], capture_output=True, text=True, check=True, timeout=30)
    found = re.search(r"(\d+(?:\.\d+)+)", said.stdout.splitlines()[0])
    return found[1] if found else "unknown"


def machine() -> str | None:
    """The processor, in the debugger's words."""
    return {"x86_64": "x86-64", "aarch64": "aarch64"}.get(platform.machine())


# what there is


def targets(ways: Mapping[str, Sequence[Way]], libraries: Iterable[Library]) -> tuple[list[Target], int]:
    """What of the ways to see each step these binaries allow, and how many names they were asked for."""
    libraries = list(libraries)
    names: set[str] = set()
    mentioned: set[str] = set()
    for several in ways.values():
        for way in several:
            names |= {way.name.removesuffix("::*"), *way.within, *way.callers}
            if way.how is How.LAMBDA:
                mentioned.add(way.name)
            mentioned |= set(way.wrapped)
            if way.how in {How.STUB, How.KERNEL}:
                names.add(_GETTERS)
    found = {name: Named([], []) for name in names}
    for library in libraries:
        for name, named in library.find(names, mentioned).items():
            found[name].own.extend(named.own)
            found[name].mentioning.extend(named.mentioning)
    made: list[Target] = []
    for step, several in ways.items():
        entered = False
        for way in several:
            if entered and way.how in {How.LAMBDA, How.KERNEL}:
                continue  # they stand in for a function that cannot be stopped at
            target = Target(len(made), step, way)
            if _fill(target, found):
                made.append(target)
                target.is_inlined = bool(way.callers) and not _called(way, found, libraries)
                entered = entered or (way.how is How.ENTRY and not way.is_around)
    stubs = {target.way.name: target for target in made if target.way.how is How.KERNEL}
    for target in list(made):
        # a kernel is found by asking for it at its stub
        if target.way.how is How.KERNEL and stubs[target.way.name] is target:
            asking = Target(len(made), target.step, Way(How.STUB, target.way.name), kernel=target.slot)
            if _fill(asking, found):
                made.append(asking)
    return made, len(names)


def _fill(target: Target, found: Mapping[str, Named]) -> bool:
    """Find a target's addresses; whether there are any."""
    way = target.way
    named = found[way.name.removesuffix("::*")]
    symbols = named.own
    if way.within:
        target.within = _ranges(way, found)
        if not target.within:
            return False
    if way.how in {How.STUB, How.KERNEL, How.ROW}:
        sought = normal(way.name)
        held = [symbol for symbol in symbols if not symbol.is_function and symbol.plain == sought]
        if not held:
            return False
        target.library = held[0].library
        target.object = (held[0].library, held[0].address)
        if way.how is How.ROW:
            target.object = (*target.object, held[0].size)
            return True
        if way.how is How.KERNEL:
            return True
        symbols = found[_GETTERS].own
        chosen = [symbol for symbol in symbols if symbol.is_entry and symbol.plain == _GETTERS]
    else:
        chosen = _chosen(way, [symbol for symbol in symbols if symbol.is_entry])
        if way.how is How.LAMBDA:  # what runs it may be all that is left of it
            chosen += [
                symbol
                for symbol in named.mentioning
                if symbol.is_entry and "{lambda" in demangled(symbol.mangled) and not _only_binds(symbol)
            ]
    target.points = [(symbol.library, symbol.address) for symbol in chosen[:POINTS]]
    target.library = target.library or (chosen[0].library if chosen else "")
    return bool(target.points)


def _only_binds(symbol: Symbol) -> bool:
    """Whether it is pybind11's own code that hands a lambda over to Python, which runs where the binding is made."""
    return symbol.plain.startswith("pybind11::") and not symbol.plain.endswith("::_FUN")


def _called(way: Way, found: Mapping[str, Named], libraries: Sequence[Library]) -> bool:
    """Whether any of the callers that a function has in its own file calls it, as far as can be told."""
    by_path = {library.path: library for library in libraries}
    entries = [symbol for symbol in found[way.name].own if symbol.is_entry and symbol.plain == normal(way.name)]
    callers = [symbol for name in way.callers for symbol in found[name].own if symbol.is_function]
    return not callers or any(
        by_path[caller.library].calls(caller.address, caller.address + caller.size, entry) is not False
        for caller in callers
        for entry in entries
    )


def _chosen(way: Way, symbols: list[Symbol]) -> list[Symbol]:
    sought = normal(way.name)
    if sought.endswith("::*"):
        inside = sought.removesuffix("*")
        return [one for one in symbols if one.plain.startswith(inside) and "::" not in one.plain[len(inside) :]]
    if way.how is How.LAMBDA:
        return [one for one in symbols if one.plain.startswith(f"{sought}::{{lambda")]
    return overload(way.signature, way.rivals, [one for one in symbols if one.plain == sought])


def overload(signature: str, rivals: Iterable[str], symbols: list[Symbol]) -> list[Symbol]:
    """Of several overloads the one that the source's parameters are of, rather than any other's that the tree has."""
    if not signature:
        return symbols
    sources = [_types(one) for one in dict.fromkeys([signature, *rivals])]
    likeness: dict[str, float] = {}
    for symbol in symbols:
        shown = demangled(symbol.mangled)
        if shown not in likeness:
            scores = [_alike(source, _types(_parameters(shown))) for source in sources]
            likeness[shown] = scores[0] if scores[0] >= max(scores) or "(" not in shown else float("-inf")
    best = max(likeness.values(), default=0.0)
    return [one for one in symbols if likeness[demangled(one.mangled)] == best > float("-inf")]


_QUALIFIED = re.compile(r"[A-Za-z_][\w:]*")
_NO_TYPES = frozenset({"const", "volatile", "struct", "class", "typename", "std", "unsigned", "long"})
_SPELT = {
    "string": "basic_string",
    "string_view": "basic_string_view",
    "IntArrayRef": "ArrayRef",
    "TensorList": "ArrayRef",
    "ITensorListRef": "IListRef",
    "size_t": "",
    "int64_t": "",
    "uint64_t": "",
    "PyObject": "_object",
}
"""Types that a compiler writes by other names; of the whole numbers one is like another."""


def _types(parameters: str) -> list[tuple[str, str]]:
    """For each parameter the name of its type, without scopes, and of the first type in its angle brackets."""
    types = []
    for parameter in _split(parameters.strip()[1:-1]):
        words = [word.rpartition("::")[2] for word in _QUALIFIED.findall(parameter.partition("=")[0])]
        names = [_SPELT.get(word, word) for word in words if word not in _NO_TYPES]
        inner = names[1] if len(names) > 1 and "<" in parameter else ""
        types.append((names[0] if names else "", inner))
    return types


def _split(inside: str) -> Iterator[str]:
    """The parts of a parameter list."""
    depth, start = 0, 0
    for at, character in enumerate(inside):
        depth += (character in "<({") - (character in ">)}")
        if character == "," and depth == 0:
            yield inside[start:at]
            start = at + 1
    if inside[start:].strip():
        yield inside[start:]


def _alike(source: list[tuple[str, str]], binary: list[tuple[str, str]]) -> float:
    """How well parameters match, those that a version added or took away counting less than any that differs."""
    same = sum(
        1 if one[0] == other[0] and (one[1] == other[1] or not one[1] or not other[1]) else -1
        for one, other in zip(source, binary, strict=False)
    )
    return same - 0.25 * abs(len(source) - len(binary))


def _parameters(shown: str) -> str:
    """The outermost last parentheses of a demangled function."""
    end = shown.rfind(")")
    depth = 0
    for at in range(end, -1, -1):
        depth += (shown[at] == ")") - (shown[at] == "(")
        if depth == 0:
            return shown[at : end + 1]
    return ""


def _ranges(way: Way, found: Mapping[str, Named]) -> list[tuple[str, int, int]]:
    """Where the code of some functions lies: their own, what was put aside as cold, their lambdas, and wrappers."""
    symbols = [symbol for name in way.within[1:] for symbol in found[name].own]
    for name in way.within[:1]:
        whole = [symbol for symbol in found[name].own if symbol.plain == normal(name)]
        symbols += overload(way.overload, way.rivals, whole)
        symbols += [symbol for symbol in found[name].own if symbol not in whole]
    symbols += [symbol for name in way.wrapped for symbol in found[name].mentioning]
    code = [symbol for symbol in symbols if symbol.is_function]
    return sorted({(symbol.library, symbol.address, symbol.address + symbol.size) for symbol in code})


# the run


def watch(
    chosen: Sequence[Target],
    command: Sequence[str],
    *,
    folder: Path,
    seconds: float,
    environment: Mapping[str, str],
    bare: Path,
    workers: bool = False,
) -> Run:
    """Run a command under gdb and see its targets; with ``workers`` in the processes that it forks too.

    It runs in ``bare``, which is emptied first of what other runs left. What was seen is kept in ``folder``.

    Raises ``TourError`` where gdb cannot be used here.
    """
    if why := available():
        raise TourError(why, hint="Install gdb, or ask your system's administrator for the right to trace processes.")
    out = folder / ("native-workers.jsonl" if workers else "native.jsonl")
    used = {point[0] for target in chosen for point in target.points}
    used |= {stretch[0] for target in chosen for stretch in target.within}
    used |= {target.object[0] for target in chosen if target.object is not None}
    spec = {
        "out": str(out),
        "cell": str(folder / "native" / "cell"),
        "traceback": str(folder / "traceback"),
        "signal": SIGNAL,
        "machine": machine(),
        "settings": [*SETTINGS, *(FOLLOWING if workers else ())],
        "libraries": {os.path.realpath(library): library for library in used},
        "targets": [target.fields() for target in chosen],
    }
    written = folder / "native.json"
    written.write_text(json.dumps(spec))
    (folder / "traceback").write_text("")
    shutil.rmtree(bare, ignore_errors=True)
    bare.mkdir()
    gdb = ["gdb", "-nx", "-batch", "-iex", "set auto-load no", "-iex", "set demangle-style none", "-x", str(SCRIPT)]
    ended = run(
        [*gdb, "--args", *command],
        seconds=seconds,
        environment={**environment, "TOUR_WITNESS_NATIVE": str(written)},
        folder=bare,
    )
    return read(out, ended)


def read(out: Path, ended: Ended) -> Run:
    """What the debugger wrote down; a line that was cut off in the middle is passed over."""
    hits: dict[int, dict[str, Any]] = {}
    counts: dict[int, int] = {}
    capped: set[int] = set()
    rows: dict[int, list[list[str | None]]] = {}
    returned: set[int] = set()
    crash, whole, trouble = None, False, None
    text = out.read_text(encoding="utf-8", errors="replace") if out.exists() else ""
    for line in text.splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if told["kind"] == "hit":
            hits.setdefault(told["slot"], told)
        elif told["kind"] == "counts":
            counts, capped, whole = (
                {int(slot): count for slot, count in told["counts"].items()},
                set(told["capped"]),
                True,
            )
        elif told["kind"] == "returned":
            returned.add(told["slot"])
        elif told["kind"] == "row":
            rows[told["slot"]] = told["rows"]
        elif told["kind"] == "crash":
            crash = Crash(told["signal"], _stack(told["native"]), _python(told["python"]), told["cell"])
        elif told["kind"] in {"error", "no-python-stack", "no-kernel"}:
            trouble = trouble or told["error"]
    seen = {
        slot: Hit(
            max(counts.get(slot, 1), 1),
            slot in capped or not whole,
            _stack(told["native"]),
            _python(told["python"]),
            told["cell"],
            has_returned=slot in returned,
        )
        for slot, told in hits.items()
    }
    for slot, held in rows.items():
        if held:
            detail = ", ".join(f"{name} → {_shown(function, library)}" for name, function, library in held)
            seen[slot] = Hit(len(held), False, (), (), -1, detail)
    return Run(seen, crash, ended, whole, trouble)


def _shown(function: str | None, library: str | None) -> str:
    return plain(demangled(function)) if function else f"a function in {library}"


def _stack(frames: Iterable[Sequence[str | None]]) -> tuple[tuple[str | None, str | None], ...]:
    return tuple((name, library) for name, library in frames)


def _python(frames: Iterable[Sequence[Any]]) -> tuple[tuple[str, int, str], ...]:
    return tuple((file, line, name) for file, line, name in frames)
