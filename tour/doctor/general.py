"""What a machine can do for a reader: trees and their indexes, torch and a GPU, compilers, a debugger, kernels.

In brief: what is missing is told with what it would bring; only what is broken, or what nothing works without, is a
finding. Building extensions has checks of its own (``extension``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tour.doctor.checks import Check, finding, fine, note
from tour.doctor.extension import cuda_home
from tour.doctor.machine import Machine


@dataclass(frozen=True, slots=True)
class TreeState:
    """A tree at hand."""

    title: str
    """``PyTorch 2.6.0``."""
    name: str
    """``pytorch``, or the project's."""
    word: str
    """What names it on a command line."""
    kind: str
    path: str
    index: str
    """``ready``, ``absent``, ``damaged``, ``other format``, or how many files it is behind."""


def checks(machine: Machine, trees: Sequence[TreeState]) -> Iterator[Check]:
    """Every check."""
    yield from _trees(trees)
    yield from _torch(machine)
    yield from _gpu(machine)
    yield from _toolkit(machine)
    yield from _programs(machine)
    yield from _kernels(machine)


def _trees(trees: Sequence[TreeState]) -> Iterator[Check]:
    sources = [tree for tree in trees if tree.name == "pytorch"]
    if not sources:
        yield finding("trees", "none")
    for tree in trees:
        facts = {"title": tree.title, "kind": tree.kind, "path": tree.path, "word": tree.word, "index": tree.index}
        if tree.index == "ready":
            yield fine("trees", "ready", **facts)
        elif tree.index == "absent":
            yield note("trees", "no-index", **facts)
        elif tree.index.endswith("behind"):
            yield note("trees", "behind", **facts)
        else:
            yield finding("trees", "bad-index", **facts)
    if sources and all(tree.index == "absent" for tree in trees):
        yield finding("trees", "no-index-at-all", word=sources[-1].word)
    if not any(tree.name == "pytorch3d" for tree in trees):
        yield note("trees", "no-pytorch3d")


def _torch(machine: Machine) -> Iterator[Check]:
    python = str(machine.probed.get("executable", ""))
    torch = machine.probed.get("torch")
    if torch is None:
        yield note("torch", "none-here", python=python)
    elif "error" in torch:
        yield finding("torch", "broken", python=python, error=torch["error"])
    else:
        built = torch.get("cuda") or (f"ROCm {torch['hip']}" if torch.get("hip") else None)
        case = "with-cuda" if built else "without-cuda"
        yield fine("torch", case, version=torch["version"], cuda=built or "-", python=python)


def _gpu(machine: Machine) -> Iterator[Check]:
    devices = machine.torch.get("devices") or []
    smi = machine.which("nvidia-smi")
    if devices:
        names = ", ".join(str(device["name"]) for device in devices)
        yield fine("gpu", "usable", count=len(devices), names=names)
    elif smi is not None and (ran := machine.run(smi, "-L")).error:
        yield finding("driver", "silent", error=ran.error or "", program=smi)
    elif smi is not None and machine.torch:
        yield note("gpu", "not-for-torch", version=str(machine.torch["version"]))
    else:
        yield note("gpu", "no-gpu")


def _toolkit(machine: Machine) -> Iterator[Check]:
    home = cuda_home(machine)
    nvcc = machine.which("nvcc") or (f"{home.path}/bin/nvcc" if home.path else None)
    if nvcc is None:
        yield note("nvcc", "no-toolkit")
        return
    ran = machine.run(nvcc, "--version")
    if ran.error:
        yield finding("nvcc", "broken", nvcc=nvcc, error=ran.error)
    else:
        lines = [line for line in ran.output.splitlines() if "release" in line] or ran.output.strip().splitlines()
        yield fine("nvcc", "runs", nvcc=nvcc, said=(lines or ["?"])[-1].strip()[:120])


def _programs(machine: Machine) -> Iterator[Check]:
    compiler = machine.set("CXX") or next((name for name in ("c++", "g++", "clang++") if machine.which(name)), None)
    if compiler is None:
        yield note("compiler", "for-cells")
    else:
        ran = machine.run(*compiler.split(), "--version")
        said = (ran.output.strip().splitlines() or ["?"])[0][:120]
        yield (
            finding("compiler", "broken", compiler=compiler, error=ran.error)
            if ran.error
            else fine("compiler", "runs", compiler=compiler, said=said)
        )
    gdb = machine.which("gdb")
    if gdb is None:
        yield note("gdb", "none")
    else:
        ran = machine.run(gdb, "-nx", "-batch", "-ex", "python print('tour' + 'ist')")
        case = "with-python" if "tourist" in ran.output else "without-python"
        yield (fine if case == "with-python" else note)("gdb", case, path=gdb)


def _kernels(machine: Machine) -> Iterator[Check]:
    python = str(machine.probed.get("executable", ""))
    if machine.probed.get("ipykernel"):
        yield fine("kernels", "kernel", version=str(machine.probed["ipykernel"]), python=python)
    else:
        yield note("kernels", "no-kernel", python=python)
