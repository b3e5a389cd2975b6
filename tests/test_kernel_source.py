"""What a kernel is told, with GPUs that are pretended: no GPU is at hand where these tests run."""

from __future__ import annotations

import os
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tour import notebooks
from tour.resources import folder

from .live_site import PYTHON

LISTED = """\
GPU 0: NVIDIA H200 (UUID: GPU-aaa)
  MIG 1g.18gb     Device  0: (UUID: MIG-ccc)
GPU 1: NVIDIA A100-SXM4-80GB (UUID: GPU-bbb)
"""
Begun = Callable[..., types.ModuleType]


class Profiler:
    """What torch's profiler would have seen."""

    def __init__(self, activities: Any) -> None:
        self.state = "made"

    def start(self) -> None:
        self.state = "started"

    def stop(self) -> None:
        TORCH.cuda.synchronize()
        self.state = "stopped"

    def events(self) -> list[Any]:
        def event(name: str, kind: str, us: float) -> Any:
            spent = types.SimpleNamespace(elapsed_us=lambda: us)
            return types.SimpleNamespace(name=name, device_type=f"DeviceType.{kind}", time_range=spent)

        return [event("add", "CPU", 9.0), event("k1", "CUDA", 2.0), event("k2", "CUDA", 30.0), event("k1", "CUDA", 3.0)]


TORCH = types.SimpleNamespace()


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Begun:
    """The module as a kernel has it, with a torch that sees two GPUs and an `nvidia-smi` that lists them."""
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{LISTED}END\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)
    woken: list[str] = []
    cuda = types.SimpleNamespace(
        is_available=lambda: os.environ.get("CUDA_VISIBLE_DEVICES") != "", device_count=lambda: 2,
        is_initialized=lambda: bool(woken), synchronize=lambda *a: woken.append("synchronize"), woken=woken,
        reset_peak_memory_stats=lambda: None, mem_get_info=lambda: (70, 80), memory_allocated=lambda: 5,
        max_memory_allocated=lambda: 6,
    )  # fmt: skip
    TORCH.__dict__.update(
        cuda=cuda, __version__="9.9+cu", __file__="/site/torch/__init__.py", manual_seed=lambda seed: None,
        get_num_threads=lambda: 1, version=types.SimpleNamespace(git_version="abc"),
        profiler=types.SimpleNamespace(ProfilerActivity=types.SimpleNamespace(CUDA=1), profile=Profiler),
    )  # fmt: skip

    def begin(device: str) -> types.ModuleType:
        module = types.ModuleType("_tour")
        shell: dict[str, Callable[[Any], None]] = {}
        ipython = types.SimpleNamespace(events=types.SimpleNamespace(register=shell.__setitem__))
        monkeypatch.setattr("IPython.get_ipython", lambda: ipython)
        monkeypatch.setitem(__import__("sys").modules, "torch", TORCH)
        monkeypatch.setitem(__import__("sys").modules, "torch.profiler", TORCH.profiler)
        exec((folder("templates") / "assets/kernel.py").read_text(), module.__dict__)
        module.__dict__.update(shell=shell, told=module.begin(device))
        return module

    return begin


def run(module: types.ModuleType, code: str) -> Any:
    module.shell["pre_run_cell"](types.SimpleNamespace(raw_cell=code))
    module.shell["post_run_cell"](None)
    return module.report()


def test_the_gpus_are_listed_and_the_first_is_taken(begun: Begun) -> None:
    told = begun("auto").told
    assert told["device"] == {"id": "GPU-aaa", "kind": "cuda", "name": "NVIDIA H200"}
    assert [device["name"] for device in told["devices"]][1:] == ["NVIDIA A100-SXM4-80GB", "NVIDIA H200"]
    assert told["devices"][0]["kind"] == "cpu"
    assert TORCH.cuda.woken == [], "listing starts no CUDA: a cell may be about to show when that happens"


def test_another_gpu_or_none_is_taken_by_what_is_hidden(begun: Begun) -> None:
    assert begun("GPU-bbb").told["device"]["name"] == "NVIDIA A100-SXM4-80GB"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == os.environ["HIP_VISIBLE_DEVICES"] == "GPU-bbb"


def test_the_cpu_hides_them_all(begun: Begun) -> None:
    told = begun("cpu").told
    assert told["device"]["kind"] == "cpu" and len(told["devices"]) == 3
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""


@pytest.mark.parametrize(("allowed", "names"), [("1", ["NVIDIA A100-SXM4-80GB"]), ("GPU-aaa", ["NVIDIA H200"])])
def test_what_the_machine_allows_is_kept(
    begun: Begun, monkeypatch: pytest.MonkeyPatch, allowed: str, names: list[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
    assert [device["name"] for device in begun("auto").told["devices"]][1:] == names


def test_a_driver_without_nvidia_smi_is_counted(begun: Begun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert [device["name"] for device in begun("auto").told["devices"]][1:] == ["GPU 0", "GPU 1"]


def test_a_run_tells_its_kernels_and_starts_no_cuda(begun: Begun) -> None:
    module = begun("auto")
    assert run(module, "x = 1") == {} and TORCH.cuda.woken == []
    TORCH.cuda.woken.append("a cell did")
    told = run(module, "y = x.cuda()")
    assert told == {
        "allocated": 5, "peak": 6, "free": 70, "total": 80,
        "kernels": [{"name": "k2", "count": 1, "us": 30.0}, {"name": "k1", "count": 2, "us": 5.0}],
    }  # fmt: skip
    assert run(module, "with torch.profiler.profile(): pass")["kernels"] is None, "there is one profiler only"


def test_a_real_kernel_on_a_gpu_begins_and_runs(tmp_path: Path) -> None:
    """Where the GPU is pretended and all else is real: the kernel, its IPython, torch and its profiler."""
    source = (folder("templates") / "assets/kernel.py").read_text()
    source += "\n_gpus = lambda: [{'id': 'GPU-aaa', 'kind': 'cuda', 'name': 'NVIDIA H200'}]\n"
    notebook = notebooks.made([("first", "x = 1\nprint(x + 1)", False)])
    with notebooks.kernel(PYTHON, notebook, tmp_path, 60.0) as client:
        told = client.begin(source, "auto")
        assert told["device"]["name"] == "NVIDIA H200"
        assert client.ran(0) == "ran"
    assert [output["text"] for output in notebook.cells[0].outputs] == ["2\n"], "the profiler's own words are no output"
