"""Native steps, as gdb sees them in a library that g++ has just made; and what gdb meets when a program goes wrong."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import tour
from tour.errors import TourError
from tour.witness import native
from tour.witness.binaries import Library, Symbol, demangled, normal, plain
from tour.witness.ways import How, Way

from . import fake_torch
from .test_probe import Machine, left_of, machine, states

__all__ = ["machine"]

CELL = """\
import torch

torch.relu(3)
torch.native.statements(2)
torch.native.statements(2)
"""


@pytest.fixture
def debugger() -> None:
    """gdb that may run programs; on a developer's machine a missing one skips the test, in CI it fails it."""
    if why := native.available():
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    if shutil.which("g++") is None:
        pytest.skip("no g++")


def test_native_steps_are_seen_with_their_stacks(machine: Callable[..., Machine], debugger: None) -> None:
    observed = machine(native=True).watch(CELL, debugger=True)
    seen = observed.record.steps
    told = {step: (one.state, one.count, one.why) for step, one in seen.items() if "cpp:" in one.anchor}
    assert told == {
        "native": ("seen", 1, None),
        "inlined": ("seen", 1, "inlined-call"),  # its call of leaf comes from where it was inlined
        "leaf": ("seen", 1, None),
        "overload": ("not-seen", 0, "same-code"),
        "hidden": ("seen", 2, None),
        "call-hidden": ("seen", 2, "call"),
        "call-other": ("seen", 2, "call"),
        "native-never": ("not-seen", 0, "same-code"),
    }
    names = [frame.name for frame in seen["leaf"].stack]
    assert names[:2] == ["at::native::leaf", "at::native::relu"]
    assert (seen["leaf"].stack[-1].at, seen["leaf"].cell) == ("<cell program>:3", "program")
    assert [frame.at for frame in seen["leaf"].stack if frame.name == "relu" and frame.layer == "python"] == [
        "torch/__init__.py:13"
    ]
    assert seen["inlined"].detail == "at::native::leaf"


PASSED = """\
  - {id: straight, lane: cpp, anchor: {symbol: "cpp:at::native::straight", statement: "x *= 7;"}}
  - {id: around, lane: cpp, anchor: {symbol: "cpp:at::native::around", statement: "x *= 5;"}}
  - {id: throws, lane: cpp, anchor: {symbol: "cpp:at::native::throws", statement: "x *= 3;"}}
  - {id: silent, lane: cpp, anchor: {symbol: "cpp:at::native::silent"}}
  - {id: secret, lane: cpp, anchor: {symbol: "cpp:at::native::secret"}}
  - {id: own, lane: cpp, anchor: {symbol: "cpp:at::native::own"}}
"""


def test_what_no_way_leads_around_is_passed_where_its_function_returns(
    machine: Callable[..., Machine], debugger: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_torch, "tell", partial(fake_torch.tell, steps=fake_torch.STEPS + PASSED))
    seen = machine(native=True).watch("import torch\ntorch.native.straight(5)\n", debugger=True).record.steps
    told = {step: (seen[step].state, seen[step].why, seen[step].detail) for step in ("straight", "around", "silent")}
    assert told == {
        "straight": ("seen", "always", "at::native::straight"),
        "around": ("not-visible", "statement", "at::native::around"),
        "silent": ("seen", "always", "at::native::loud"),
    }
    assert seen["throws"].state == "not-visible", "it threw, so nobody knows how far it came"


def test_a_caller_that_did_not_run_says_nothing_of_what_was_inlined_into_it(
    machine: Callable[..., Machine], debugger: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_torch, "tell", partial(fake_torch.tell, steps=fake_torch.STEPS + PASSED))
    seen = machine(native=True).watch("import torch\ntorch.relu(3)\n", debugger=True).record.steps
    assert (seen["silent"].state, seen["silent"].why) == ("not-visible", "inlined")
    assert seen["straight"].state == "not-seen", "its own function did not run"


OWN = """\
import ctypes, subprocess, torch
open("own.cpp", "w").write("namespace at { namespace native { template <class T> T own(T x) { return x + 1; } } }\\n"
                           'extern "C" int call(int x) { return at::native::own(x); }')
subprocess.run(["g++", "-shared", "-fPIC", "-O0", "-o", "own.so", "own.cpp"], check=True)
ctypes.CDLL("./own.so").call(1)
"""


def test_a_library_that_the_program_builds_is_watched_too(
    machine: Callable[..., Machine], debugger: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_torch, "tell", partial(fake_torch.tell, steps=fake_torch.STEPS + PASSED))
    made = machine(native=True)
    header = made.tree.root / "aten/src/ATen/native/Own.h"
    header.write_text("namespace at { namespace native {\ntemplate <class T>\nT own(T x) {\n  return x + 1;\n}\n} }\n")
    tour.update(made.tree)
    assert made.watch(OWN, debugger=True).record.steps["own"].state == "seen"


def test_what_stands_in_a_header_may_be_inlined_anywhere() -> None:
    for is_in_header in (False, True):
        way = Way(How.ENTRY, "at::f", is_in_header=is_in_header)
        assert native.Target(0, "step", way).is_telling is not is_in_header


def test_each_run_begins_in_an_empty_folder(machine: Callable[..., Machine], debugger: None) -> None:
    cell = 'import os, torch\nif not os.path.exists("made"):\n    torch.relu(3)\nopen("made", "w").close()\n'
    seen = machine(native=True).watch(cell, debugger=True).record.steps
    assert (seen["relu"].state, seen["native"].state) == ("seen", "seen")


def test_in_a_stripped_library_what_is_hidden_is_not_visible(
    machine: Callable[..., Machine], debugger: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_torch, "tell", partial(fake_torch.tell, steps=fake_torch.STEPS + PASSED))
    observed = machine(native=True, strip=True).watch(f"{CELL}torch.native.straight(-5)\n", debugger=True)
    told = {step: (one.state, one.why) for step, one in observed.record.steps.items()}
    assert (told["native"], told["leaf"]) == (("seen", None), ("seen", None))
    assert told["secret"] == ("not-visible", "stripped"), "whether it was inlined cannot be told there"
    assert told["hidden"] == told["call-hidden"] == ("seen", "always"), "its caller returned, and always calls it"
    assert any("only exported functions have names" in note for note in observed.notes)


FORKS = """\
import os, torch
if os.fork() == 0:
    torch.native.statements(2)
    os._exit(0)
os.wait()
"""


def test_a_gpus_function_is_not_taken_for_its_namesake(
    machine: Callable[..., Machine], debugger: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "aten/src/ATen/native/cuda/Relu.cu"
    there = f'anchor: {{symbol: "cpp:at::native::other", file: {source}}}'
    here = 'anchor: {symbol: "cpp:at::native::other", file: aten/src/ATen/native/Relu.cpp}'
    steps = f"  - {{id: on-gpu, lane: kernel, {there}}}\n  - {{id: on-cpu, lane: kernel, {here}}}\n"
    monkeypatch.setattr(fake_torch, "tell", partial(fake_torch.tell, steps=fake_torch.STEPS + steps))
    made = machine(native=True)
    file = made.tree.root / source
    file.parent.mkdir(parents=True)
    file.write_text("namespace at { namespace native {\nint other(int x) {\n  return x;\n}\n} }\n")
    tour.update(made.tree)
    seen = made.watch("import torch\ntorch.native.statements(2)\n", debugger=True).record.steps
    assert seen["on-cpu"].state == "seen"
    assert (seen["on-gpu"].state, seen["on-gpu"].why) == ("not-run", "gpu")


def test_what_only_a_forked_worker_does_is_seen(machine: Callable[..., Machine], debugger: None) -> None:
    observed = machine(native=True).watch(FORKS, debugger=True)
    assert states(observed)["hidden"] == "seen"
    assert "workers" in observed.seconds


def test_a_crash_is_shown_with_its_native_stack(machine: Callable[..., Machine], debugger: None) -> None:
    observed = machine(native=True).watch("import torch\ntorch.relu(1)\ntorch.native.crash(1)\n", debugger=True)
    assert states(observed)["leaf"] == "seen"
    assert observed.crash is not None
    signal, stack = observed.crash
    assert signal == "SIGSEGV"
    assert stack[0].name == "at::native::crash"
    assert stack[-1].at == "<cell program>:3"
    assert "signal 11" in observed.findings[0].what


KILLS = """\
import os, signal, torch
torch.relu(1)
tracer = int([line for line in open("/proc/self/status") if line.startswith("TracerPid")][0].split()[1])
if tracer:
    os.kill(tracer, signal.SIGKILL)
torch.native.statements(2)
"""


def test_of_a_debugger_that_is_killed_what_it_saw_is_kept(machine: Callable[..., Machine], debugger: None) -> None:
    observed = machine(native=True).watch(KILLS, debugger=True, seconds=40)
    assert states(observed)["leaf"] == "seen"
    assert observed.record.steps["leaf"].detail == "≥ 1"
    assert any("the debugger did not come" in note for note in observed.notes)


def test_a_program_that_hangs_under_gdb_is_ended(
    machine: Callable[..., Machine], debugger: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    cell = "import time, torch\ntorch.relu(1)\n"
    cell += "while 'TracerPid:\\t0\\n' not in open('/proc/self/status').read():\n    time.sleep(0.1)\n"
    observed = machine(native=True).watch(cell, debugger=True, seconds=20)
    assert states(observed)["leaf"] == "seen"
    assert any("within 20 s" in note for note in observed.notes)
    assert not left_of(tmp_path)


def test_a_program_that_gdb_cannot_start_says_so_and_nothing_of_the_steps(
    machine: Callable[..., Machine], debugger: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gdb in a wrapper that hands the program an environment in which no Python starts."""
    wrapper = tmp_path / "gdb"
    wrapper.write_text(f"#!/bin/sh\nexec {shutil.which('gdb')} -iex 'set environment PYTHONHOME /nowhere' \"$@\"\n")
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    observed = machine(native=True).watch(CELL, debugger=True)
    told = {(one.state, one.why) for one in observed.record.steps.values() if "cpp:" in one.anchor}
    assert told == {("not-run", "gdb")}
    assert not [finding for finding in observed.findings if "cpp:" in finding.what]
    assert any("does not start under gdb" in note and "encodings" in note for note in observed.notes)


def test_without_gdb_it_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    native.available.cache_clear()
    assert native.available() == "gdb is not installed"
    for script, said in [
        ("#!/bin/sh\necho 'Python scripting is not supported' >&2\nexit 1\n", "this gdb has no Python 3 in it"),
        ("#!/bin/sh\necho 'tour 3 13.1'\necho 'ptrace: Operation not permitted.' >&2\n", "Operation not permitted"),
    ]:
        (tmp_path / "gdb").write_text(script)
        (tmp_path / "gdb").chmod(0o755)
        native.available.cache_clear()
        assert said in str(native.available())
    native.available.cache_clear()


# names


@pytest.mark.parametrize(
    ("shown", "name"),
    [
        ("at::native::relu(at::Tensor const&, std::optional<at::Tensor> const&)", "at::native::relu"),
        ("void at::native::(anonymous namespace)::f<float>(int)::{lambda(int)#1}::operator()(int) const",
         "at::native::f::{lambda#1}::operator()"),
        ("at::native::AVX2::vectorized<float>::operator+(int) const", "at::native::vectorized::operator+"),
        ("std::ostream& operator<< <char>(std::ostream&, int)", "operator<<"),
        ("at::Tensor::operator=(at::Tensor&&) &", "at::Tensor::operator="),
        ("X::operator bool() const", "X::operator bool"),
        ("operator new(unsigned long)", "operator new"),
        ("c10::impl::wrap_kernel_functor_unboxed_<X<std::tuple<A> (B)>, C>::call(c10::OperatorKernel*)",
         "c10::impl::wrap_kernel_functor_unboxed_::call"),
        ("pybind11::cpp_function::initialize<jit::f(_object*)::{lambda(int)#3}, int>(x&&)::{lambda(y&)#3}::_FUN(y&)",
         "pybind11::cpp_function::initialize::{lambda#3}::_FUN"),
        ("at::f[abi:cxx11](int)", "at::f"),
        ("initModule", "initModule"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_demangled_name_is_made_plain(shown: str, name: str) -> None:
    assert plain(shown) == name


def test_names_that_cannot_be_demangled_stay() -> None:
    assert demangled("PyInit__C") == "PyInit__C"
    assert demangled("_Znonsense") == "_Znonsense"
    assert normal("at::native::CPU_CAPABILITY::copy_kernel") == "at::native::copy_kernel"


@pytest.mark.parametrize(
    ("declared", "name"),
    [
        ("struct S { S(int); }; S::S(int) {}", "a::S::S"),
        ("struct S { ~S(); }; S::~S() {}", "a::S::~S"),
        ("struct S {}; S& operator>>(S& s, long) { return s; }", "a::operator>>"),
        ("struct S { bool operator==(const S&) const; }; bool S::operator==(const S&) const { return true; }",
         "a::S::operator=="),
        ("void f(long, short) {}", "a::f"),
    ],
)  # fmt: skip
def test_what_has_no_name_of_its_own_is_found(tmp_path: Path, debugger: None, declared: str, name: str) -> None:
    """Constructors, destructors and operators, which a mangled name has as codes."""
    source = tmp_path / "a.cpp"
    source.write_text(f"namespace a {{ {declared} }}\n")
    subprocess.run(["g++", "-shared", "-fPIC", "-o", tmp_path / "a.so", source], check=True)
    found = Library(str(tmp_path / "a.so")).find([name])[name].own
    assert {symbol.plain for symbol in found} == {name}


def test_a_function_of_no_namespace_but_a_file_s_own_is_found(tmp_path: Path, debugger: None) -> None:
    source = tmp_path / "a.cpp"
    source.write_text("namespace { __attribute__((noipa)) int f() { return 1; } }\nint g() { return f(); }\n")
    subprocess.run(["g++", "-shared", "-fPIC", "-o", tmp_path / "a.so", source], check=True)
    assert [symbol.plain for symbol in Library(str(tmp_path / "a.so")).find(["f"])["f"].own] == ["f"]


def test_symbols_of_a_library(tmp_path: Path, debugger: None) -> None:
    package = fake_torch.make(tmp_path / "site")
    library = Library(str(package / "torch/lib/libtorch_cpu.so"))
    found = library.find(["at::native::relu", "at::native::hidden", "relu", "at::native::inlined", "nothing"])
    assert [len(found[name].own) for name in found] == [2, 1, 1, 0, 0]
    statements = library.find(["at::native::statements", "at::native::other", "at::native::leaf"])
    (caller,) = statements["at::native::statements"].own
    callees = [statements[f"at::native::{name}"].own[0] for name in ("other", "leaf")]
    assert [library.calls(caller.address, caller.address + caller.size, one) for one in callees] == [True, False]


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"#!/bin/sh\n", b"\x7fELF\x02\x01" + b"\0" * 30, b"\0" * 5000])
def test_what_is_no_library_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "libtorch.so"
    file.write_bytes(content)
    with pytest.raises(TourError):
        Library(str(file))


def test_a_line_that_was_cut_off_is_passed_over(tmp_path: Path) -> None:
    out = tmp_path / "native.jsonl"
    hit = {"kind": "hit", "slot": 3, "native": [["_Z1fv", None]], "python": [["a.py", 3, "g"]], "cell": 0, "process": 1}
    out.write_text(json.dumps(hit) + "\n" + json.dumps(hit)[:20])
    ended = native.Ended(None, 1.0, "", 0, 0)
    read = native.read(out, ended)
    assert (read.whole, read.hits[3].count, read.hits[3].at_least) == (False, 1, True)


def test_the_debuggers_script_is_for_any_python_3() -> None:
    import ast

    source = (Path(tour.__file__).parent / "witness/debugger.py").read_text()
    ast.parse(source, feature_version=(3, 6))
    assert sys.version_info >= (3, 11)


def _symbols(*mangled: str) -> list[Symbol]:
    return [Symbol("lib.so", number, 1, name, "f", True) for number, name in enumerate(mangled)]


DEVICE = "_Z1fRKN2at6TensorEN3c106DeviceEb"
DTYPE = "_Z1fRKN2at6TensorEN3c1010ScalarTypeEb"
PLAIN = "_Z1fRKN2at6TensorE"
OPTIONAL = "_Z1fRKN2at6TensorESt8optionalIPN3c109AllocatorEE"


@pytest.mark.parametrize(
    ("signature", "rivals", "there", "chosen"),
    [
        ("", (), [DEVICE, DTYPE], [DEVICE, DTYPE]),
        ("(const Tensor & self, ScalarType dtype, bool copy)", ("(const Tensor & self, Device device, bool copy)",),
         [DEVICE, DTYPE], [DTYPE]),
        # the one that is asked for was inlined everywhere: another is not taken for it
        ("(const Tensor & self, ScalarType dtype, bool copy)", ("(const Tensor & self, Device device, bool copy)",),
         [DEVICE], []),
        # another version gave it a parameter more
        ("(const Tensor & self)", ("(const Tensor & self, Device device, bool copy)",), [DEVICE, OPTIONAL], [OPTIONAL]),
        ("(const Tensor & self)", (), [PLAIN], [PLAIN]),
    ],
)  # fmt: skip
def test_an_overload_is_told_from_those_that_the_tree_has(
    signature: str, rivals: tuple[str, ...], there: list[str], chosen: list[str]
) -> None:
    assert [one.mangled for one in native.overload(signature, rivals, _symbols(*there))] == chosen
