"""Python steps, as the probe sees them in a real interpreter of each version at hand; and programs that go wrong."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import tour
from tour.errors import TourError
from tour.tree import Tree
from tour.witness.children import descendants, run
from tour.witness.records import Sighting
from tour.witness.runs import Observation
from tour.witness.runtimes import runtime

from . import fake_torch

OTHERS = ("3.8", "3.9", "3.10", "3.12", "3.13", "3.14")


def pythons() -> dict[str, str]:
    """This Python, and the others that the machine has."""
    found = {"this": sys.executable}
    for version in OTHERS:
        named = [
            shutil.which(f"python{version}"),
            *map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python")),
        ]
        for program in filter(None, named):
            done = subprocess.run([program, "-c", "import mmap, ctypes"], capture_output=True)
            if done.returncode == 0:
                found[version] = program
    return found


PYTHONS = pythons()


class Machine:
    """A Python with the fake torch, and a tree of its sources."""

    def __init__(self, folder: Path, tree: Tree, python: Path) -> None:
        self.folder, self.tree, self.python = folder, tree, python

    def watch(self, cell: str = fake_torch.CELL, seconds: float = 60, **options: Any) -> Observation:
        notes = fake_torch.tell(self.folder / "annotations", cell, raises=options.pop("raises", None))
        options = {"debugger": False, **options}
        return tour.watch(str(notes / "mini"), self.tree, python=str(self.python), seconds=seconds, **options)


@pytest.fixture
def machine(tmp_path: Path, own_cache: Path) -> Callable[..., Machine]:
    def make(program: str = sys.executable, **options: Any) -> Machine:
        package = fake_torch.make(tmp_path / "site", **{"native": False, **options})
        return Machine(tmp_path, fake_torch.tree(package), fake_torch.python(tmp_path, program, package))

    return make


def states(observed: Observation) -> dict[str, str]:
    return {step: sighting.state for step, sighting in observed.record.steps.items()}


@pytest.mark.parametrize("version", PYTHONS)
def test_python_steps_are_seen_on_each_python(machine: Callable[..., Machine], version: str) -> None:
    observed = machine(PYTHONS[version]).watch()
    seen = observed.record.steps
    python = {step: (one.state, one.count) for step, one in seen.items() if one.anchor.startswith("py:")}
    assert python == {
        "program": ("seen", 1),
        "body": ("seen", 3),  # twice in the loop, and once at its end
        "relu": ("seen", 1),
        "module": ("seen", 1),
        "call": ("seen", 2),
        "hooked": ("seen", 1),
        "helper": ("seen", 2),
        "loop": ("seen", 1),
        "never": ("not-seen", 0),
    }
    assert (seen["module"].why, seen["module"].detail) == ("members", "5")
    assert seen["hooked"].cell == "program"
    here = [(frame.name.rpartition(".")[2], frame.at) for frame in seen["hooked"].stack]
    assert here == [("__call__", "torch/nn.py:14"), ("<module>", "<cell program>:6")]
    assert str(seen["loop"].stack[0].at).startswith("torch/nn.py:")
    assert [finding.step for finding in observed.findings] == ["never"]
    assert "the code there is the tree's" in observed.findings[0].what
    assert [(module.name, module.depth) for module in observed.imports] == [
        ("torch.nn", 1), ("torch.late", 1), ("torch", 0),
    ]  # fmt: skip
    late, whole = observed.imports[1].seconds, observed.imports[2].seconds
    assert 0.05 <= late <= whole


def test_without_a_debugger_native_steps_were_not_run(machine: Callable[..., Machine]) -> None:
    observed = machine().watch()
    native = {step: (one.state, one.why) for step, one in observed.record.steps.items() if "cpp:" in one.anchor}
    assert set(native.values()) == {("not-run", "gdb")}
    assert len(native) == 8


FORKS = """\
import os, torch
if os.fork() == 0:
    torch.nn.Module()(1)
    torch.nn.helper(1)
    os._exit(0)
os.wait()
"""


def test_forks_are_watched_to_their_last_line(machine: Callable[..., Machine]) -> None:
    seen = machine().watch(FORKS).record.steps
    assert (seen["call"].count, seen["helper"].count) == (1, 1)


SPAWNS = """\
import subprocess, sys
subprocess.run([sys.executable, "-c", "import torch, multiprocessing; torch.nn.helper(2)"], check=True)
"""


def test_python_children_are_watched_too(machine: Callable[..., Machine]) -> None:
    seen = machine().watch(SPAWNS).record.steps
    assert (seen["helper"].count, seen["body"].count) == (1, 3)


def test_another_version_is_matched_by_name_and_said_to_differ(machine: Callable[..., Machine]) -> None:
    made = machine()
    nn = made.folder / "site/torch/nn.py"
    nn.write_text("# a line more\n\n" + nn.read_text().replace("return None", "return 0"))
    (made.folder / "site/torch/version.py").write_text("__version__ = '9.2.0+cpu'\n")
    observed = made.watch()
    assert (observed.record.torch, observed.record.release) == ("9.2.0+cpu", "9.2.0")
    assert observed.record.steps["hooked"].stack[0].at == "torch/nn.py:16"
    assert observed.record.steps["never"].why == "other-code"
    assert "may be the build" in observed.findings[0].what


def test_the_same_code_is_the_trees_release_whatever_it_calls_itself(machine: Callable[..., Machine]) -> None:
    made = machine()
    init = made.folder / "site/torch/__init__.py"
    init.write_text("#!/usr/bin/python3\n" + init.read_text())
    tree_init = made.tree.root / "torch/__init__.py"
    assert tree_init.read_text() != init.read_text()
    (made.folder / "site/torch/version.py").write_text("__version__ = '9.1.0a0'\n")
    observed = made.watch()
    assert (observed.record.torch, observed.record.release) == ("9.1.0a0", "9.1.0")


# programs that go wrong


def test_a_cell_that_fails_does_not_stop_what_was_seen(machine: Callable[..., Machine]) -> None:
    observed = machine().watch("import torch\ntorch.nn.helper(1)\nraise ValueError('no\\nway')\n")
    assert states(observed)["helper"] == "seen"
    assert observed.findings[0].step == "program"
    assert observed.findings[0].what == "its cell fails: ValueError: no"


def test_an_exception_that_is_meant_is_no_finding(machine: Callable[..., Machine]) -> None:
    observed = machine().watch("import torch\ntorch.nn.helper(1)\nraise ValueError\n", raises="ValueError")
    assert not any("its cell" in finding.what for finding in observed.findings)
    assert states(observed)["helper"] == "seen"


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        ("os._exit(3)", "ended in the middle in the cell of program: exit code 3"),
        ("os.kill(os.getpid(), 11)", "ended in the middle in the cell of program: signal 11"),
        ("os.abort()", "ended in the middle in the cell of program: signal 6"),
        ("sys.exit(3)", "its cell fails: it exits with 3"),
    ],
)
def test_a_program_that_ends_in_the_middle_keeps_what_was_seen(
    machine: Callable[..., Machine], ending: str, said: str
) -> None:
    observed = machine().watch(f"import os, sys, torch\ntorch.nn.helper(1)\ntorch.nn.helper(1)\n{ending}\n")
    assert (states(observed)["helper"], observed.record.steps["helper"].count) == ("seen", 2)
    assert said in observed.findings[0].what
    assert states(observed)["call"] == "not-seen"


HANGS = """\
import os, subprocess, sys, threading, time, torch
torch.nn.helper(1)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:
            time.sleep(1)
subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(999)"])
while True:
    time.sleep(1)
"""


def test_a_program_that_hangs_is_ended_with_all_that_it_started(
    machine: Callable[..., Machine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    observed = machine().watch(HANGS, seconds=15)
    assert "did not end within 15 s in the cell of program" in observed.findings[0].what
    assert states(observed)["helper"] == "seen"
    assert "left behind" in " ".join(observed.notes)
    assert not left_of(tmp_path)


def left_of(folder: Path) -> list[int]:
    """The processes whose environment names a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_a_program_that_prints_megabytes_is_cut_not_kept(tmp_path: Path) -> None:
    code = "import sys\nfor _ in range(400): sys.stdout.write('x' * 99_999 + '\\n')\nprint('the end')"
    ended = run([sys.executable, "-c", code], seconds=60, environment=dict(os.environ), folder=tmp_path)
    assert (ended.code, ended.written) == (0, 400 * 100_000 + 8)
    assert len(ended.output) < 100_000
    assert "bytes …" in ended.output
    assert ended.output.endswith("the end\n")


def test_a_child_that_holds_the_pipe_open_does_not_hold_us(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\nprint('done')"
    )
    start = time.monotonic()
    ended = run([sys.executable, "-c", code], seconds=50, environment=dict(os.environ), folder=tmp_path)
    assert (ended.code, ended.output, ended.left) == (0, "done\n", 1)
    assert time.monotonic() - start < 40
    assert descendants("nobody") == set()


# Pythons that will not do


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (None, "cannot start"),
        ("#!/bin/sh\necho hello\n", "is no Python that can be asked"),
        ("#!/bin/sh\nexit 3\n", "is no Python that can be asked"),
        ("#!/bin/sh\necho 'Traceback' >&2; echo 'ImportError: broken' >&2; exit 1\n", "ImportError: broken"),
        ("\x7fELF nonsense", "cannot start"),
    ],
)
def test_what_is_no_python_is_said_in_a_sentence(tmp_path: Path, script: str | None, said: str) -> None:
    program = tmp_path / "python"
    if script is not None:
        program.write_text(script)
        program.chmod(0o755)
    with pytest.raises(TourError, match=said) as raised:
        runtime(str(program))
    assert raised.value.hint == "Give a Python with `--python PATH`."


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"version": "3.7.16"}, "CPython 3.7.16; the witness needs CPython 3.8 or newer"),
        ({"implementation": "PyPy"}, "is PyPy 3.11.0"),
        ({"file": None}, "has no torch"),
    ],
)
def test_a_python_too_old_or_without_torch(tmp_path: Path, told: dict[str, str | None], said: str) -> None:
    full = {"version": "3.11.0", "implementation": "CPython", "file": "/x/torch/__init__.py", "torch": "2.0"}
    full |= {"executable": "/usr/bin/python3", **told}
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\necho '{json.dumps(full)}'\n")
    program.chmod(0o755)
    with pytest.raises(TourError, match=said):
        runtime(str(program))


def test_a_torch_that_cannot_be_imported_is_a_finding(machine: Callable[..., Machine]) -> None:
    made = machine()
    (made.folder / "site/torch/late.py").write_text("raise ImportError('libcudart.so.12: cannot open')\n")
    observed = made.watch()
    assert observed.findings[0].what == "its cell fails: ImportError: libcudart.so.12: cannot open"


def test_a_tour_without_cells_has_nothing_to_run(machine: Callable[..., Machine], tmp_path: Path) -> None:
    made = machine()
    notes = fake_torch.tell(tmp_path / "annotations")
    text = (notes / "mini/tour.yaml").read_text()
    start, end = text.index("    cell:"), text.index("  - {id: body")
    (notes / "mini/tour.yaml").write_text(text[:start] + text[end:])
    with pytest.raises(TourError, match="has no cells"):
        tour.watch(str(notes / "mini"), made.tree, python=str(made.python))


def test_the_probe_is_written_for_the_oldest_python() -> None:
    for name in ("probe.py", "site/sitecustomize.py"):
        source = (Path(tour.__file__).parent / "witness" / name).read_text()
        compile(source, name, "exec", dont_inherit=True)
        import ast

        ast.parse(source, feature_version=(3, 8))


def test_a_sighting_says_nothing_that_it_does_not_know() -> None:
    assert Sighting("py:f", "not-run").stack == ()


GPU = """\
import torch
from types import SimpleNamespace
names = {devices}
torch.cuda = SimpleNamespace(
    is_available=lambda: bool(names), device_count=lambda: len(names), get_device_name=names.__getitem__
)
"""


@pytest.mark.parametrize(
    ("devices", "states"),
    [
        ([], [("not-run", "gpu"), ("not-run", "gpus"), ("not-run", "build")]),
        (["H100"], [("not-seen", "same-code"), ("not-run", "gpus"), ("not-run", "build")]),
        (["H100", "H100"], [("not-seen", "same-code"), ("not-seen", "same-code"), ("not-run", "build")]),
    ],
)
def test_what_needs_a_gpu_is_a_finding_where_there_is_one(
    machine: Callable[..., Machine], monkeypatch: pytest.MonkeyPatch, devices: list[str], states: list[tuple[str, str]]
) -> None:
    never = 'lane: python, anchor: {symbol: "py:torch.nn.Module.never"}'
    needing = "".join(
        f"  - {{id: on-{needs}, witness: {{needs: {needs}}}, {never}}}\n" for needs in ("gpu", "gpus", "build")
    )
    monkeypatch.setattr(fake_torch, "tell", partial(fake_torch.tell, steps=fake_torch.STEPS + needing))
    observed = machine(native=False).watch(GPU.format(devices=devices))
    seen = [observed.record.steps[f"on-{needs}"] for needs in ("gpu", "gpus", "build")]
    assert [(one.state, one.why) for one in seen] == states
    found = {finding.step for finding in observed.findings} & {"on-gpu", "on-gpus", "on-build"}
    assert found == {
        f"on-{needs}" for needs, state in zip(("gpu", "gpus"), states, strict=False) if state[0] == "not-seen"
    }
