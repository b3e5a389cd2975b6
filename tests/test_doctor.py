"""The doctor: invented machines with real programs on their path, and the torches of this one as the judge."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tour import cells, doctor
from tour.cli import publishing
from tour.doctor import State, machine, own
from tour.doctor.general import TreeState
from tour.doctor.machine import Machine
from tour.errors import TourError
from tour.render import checks as render
from tour.resources import folder

from .test_cli import Run, said, tour  # noqa: F401 – the fixture

SMI = "| NVIDIA-SMI 550.54.15   Driver Version: {driver}   CUDA Version: {cuda} |"
NVCC = "Cuda compilation tools, release {release}, V{release}.131"
HOST_CONFIG = (
    "#if __GNUC__ > {gcc}\n#error -- unsupported GNU version!\n#endif\n#if (__clang_major__ >= {clang}) || 0\n"
)
A100 = {"name": "A100", "capability": "8.0"}
TORCH: dict[str, Any] = {"version": "2.6.0", "cuda": "12.4", "hip": None, "available": True, "devices": [A100]}
EXTENSION: dict[str, Any] = {
    "cuda_home": "/toolkit",
    "reads_pytorch_nvcc": True,
    "excludes_upper_bound": True,
    "bounds": {"gcc": {"11.7": [[6, 0, 0], [12, 0]]}, "clang": {}},
    "arch_flags": ["-gencode=arch=compute_80,code=sm_80", "-gencode=arch=compute_80,code=compute_80"],
}
PROBED = {
    "python": "3.11", "executable": "/usr/bin/python3", "headers": "/usr/include", "include": "/usr/include",
    "setuptools": "70", "ipykernel": "6", "torch": TORCH, "extension": EXTENSION,
}  # fmt: skip


class Bench:
    """A machine that a test sets up: programs that print what they are given, a toolkit, a torch with CUDA."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "usr/local/cuda-12.4"
        self.environment = {"PATH": str(root / "bin"), "CUDA_HOME": str(self.home)}
        self.probed: dict[str, Any] = dict(PROBED)
        self.program("bin/nvidia-smi", SMI.format(driver="550.54.15", cuda="12.4"))
        self.program("bin/ninja", "1.11.1")
        self.compiler("gcc", "12.2.0")
        self.compiler("c++", "12.2.0")
        self.toolkit("12.4")

    def program(self, path: str, prints: str, code: int = 0) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/sh\n/bin/cat <<'EOT'\n{prints}\nEOT\nexit {code}\n")
        file.chmod(0o755)
        return file

    def compiler(self, name: str, version: str, kind: str = "gcc") -> None:
        told = {"gcc": f"{name} (Debian) {version}", "clang": f"Debian clang version {version}"}[kind]
        file = self.program(f"bin/{name}", told)
        plain = version if kind == "gcc" else "4.2.1"
        file.write_text(f"#!/bin/sh\n[ \"$1\" = -dumpfullversion ] && echo {plain} || echo '{told}'\n")

    def toolkit(self, release: str, gcc: int = 13, clang: int = 18, archs: str = "50 60 70 75 80 86 89 90") -> None:
        home = self.home.relative_to(self.root)
        file = self.program(f"{home}/bin/nvcc", NVCC.format(release=release))
        known = "\n".join(f"compute_{arch}" for arch in archs.split())
        listed = f'[ "$1" = --list-gpu-arch ] && /bin/cat <<EOT && exit 0\n{known}\nEOT\n'
        file.write_text(file.read_text().replace("#!/bin/sh\n", f"#!/bin/sh\n{listed}", 1))
        for name, text in {
            "include/cuda_runtime.h": "", "include/cub/cub.cuh": "", "lib64/libcudart.so": "",
            "include/crt/host_config.h": HOST_CONFIG.format(gcc=gcc, clang=clang),
        }.items():  # fmt: skip
            (self.home / name).parent.mkdir(parents=True, exist_ok=True)
            (self.home / name).write_text(text)

    def torch(self, **facts: Any) -> None:
        self.probed["torch"] = {**TORCH, **facts}

    def extension(self, **facts: Any) -> None:
        self.probed["extension"] = {**EXTENSION, **facts}

    def without_gpu(self) -> None:
        (self.root / "bin/nvidia-smi").unlink()
        self.torch(available=False, devices=[])
        self.extension(arch_flags=None, arch_error="IndexError: list index out of range")

    def look(self, purpose: str | None = "cuda-extension", trees: tuple[TreeState, ...] = ()) -> dict[str, State]:
        """Every check as ``subject/case``."""
        self.machine = Machine(self.environment, self.probed, self.root, cores=8, memory=64 << 30)
        checks = doctor.examine(self.machine, purpose, trees)
        for check in checks:
            for lang in ("en", "zh"):
                row = render.told(check, lang)
                assert row["found"] and row["why"]
                assert check.state is not State.FINDING or row["mend"], (check, "a finding says how to mend it")
        return {f"{check.subject}/{check.case}": check.state for check in checks}

    def found(self, purpose: str | None = "cuda-extension") -> set[str]:
        return {name for name, state in self.look(purpose).items() if state is State.FINDING}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_machine_that_can_build(bench: Bench) -> None:
    seen = bench.look()
    assert {name for name, state in seen.items() if state is not State.FINE} == {"python/isolation"}
    assert {
        "torch/cuda", "driver/works", "gpu/visible", "force-cuda/not-needed", "cuda-home/found", "nvcc/fits",
        "toolkit/whole", "arch-list/of-gpus", "compiler/cxx", "compiler/fits", "cub/in-toolkit", "python/headers",
        "ninja/there",
    } <= set(seen)  # fmt: skip


def test_no_gpu_and_no_list_is_said_before_the_index_error(bench: Bench) -> None:
    bench.without_gpu()
    seen = bench.look()
    assert bench.found() == {"force-cuda/needed", "arch-list/index-error"}
    assert seen["driver/none"] is seen["gpu/none"] is State.NOTE
    check = next(check for check in doctor.examine(bench.machine, "cuda-extension") if check.subject == "arch-list")
    assert "IndexError" in render.told(check, "en")["why"] and '"8.0+PTX"' in render.told(check, "zh")["mend"]
    bench.environment |= {"FORCE_CUDA": "1", "TORCH_CUDA_ARCH_LIST": "8.0;9.0+PTX"}
    bench.extension(arch_flags=["-gencode=arch=compute_80,code=sm_80", "-gencode=arch=compute_90,code=sm_90"])
    assert bench.found() == set() and {"force-cuda/set", "arch-list/given"} <= set(bench.look())


@pytest.mark.parametrize(
    ("value", "gpu", "case"),
    [
        ("1", True, "changes-nothing"), ("1", False, "set"), ("0", False, "needed"), ("true", False, "not-one"),
        ("true", True, "not-one"), ("", False, "not-one"), (" 1", False, "not-one"),
    ],
)  # fmt: skip
def test_only_the_text_1_forces_cuda(bench: Bench, value: str, gpu: bool, case: str) -> None:
    bench.environment |= {"FORCE_CUDA": value, "TORCH_CUDA_ARCH_LIST": "8.0"}
    if not gpu:
        bench.torch(available=False, devices=[])
    state = bench.look()[f"force-cuda/{case}"]
    assert (state is State.FINDING) == (not gpu and case in {"needed", "not-one"})


@pytest.mark.parametrize(
    ("prints", "code", "case"),
    [
        (SMI.format(driver="470.10", cuda="11.4"), 0, "too-old"),
        (SMI.format(driver="525.60", cuda="12.0"), 0, "older"),
        (SMI.format(driver="580.65", cuda="13.0"), 0, "works"),
        (SMI.format(driver="580.65", cuda="N/A"), 0, "works"),
        ("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", 9, "silent"),
        ("", 0, "silent"),
    ],
)
def test_drivers(bench: Bench, prints: str, code: int, case: str) -> None:
    bench.program("bin/nvidia-smi", prints, code)
    assert f"driver/{case}" in bench.look()
    assert (f"driver/{case}" in bench.found()) == (case in {"too-old", "silent"})


def test_a_gpu_that_torch_does_not_see(bench: Bench) -> None:
    bench.torch(available=False, devices=[], cuda_warning="CUDA initialization: The NVIDIA driver is too old")
    bench.program("bin/nvidia-smi", SMI.format(driver="5", cuda="12.4") + "\nGPU 0: A100 (UUID: GPU-1)")
    assert "gpu/unseen" in bench.found()
    for hidden in ("", "-1", "NoDevFiles"):
        bench.environment["CUDA_VISIBLE_DEVICES"] = hidden
        assert "gpu/hidden" in bench.look() and "gpu/unseen" not in bench.found()
    (bench.root / "bin/nvidia-smi").unlink()
    (bench.root / "proc/driver/nvidia").mkdir(parents=True)
    (bench.root / "proc/driver/nvidia/version").write_text("NVRM version")
    assert "driver/no-tool" in bench.look()


@pytest.mark.parametrize(
    ("torch", "case"),
    [
        (None, "torch/missing"),
        ({"error": "OSError: libcudart.so.12: cannot open shared object file"}, "torch/broken"),
        ({**TORCH, "cuda": None, "available": False, "devices": []}, "torch/cpu-only"),
        ({**TORCH, "cuda": None, "hip": "6.1"}, "torch/rocm"),
    ],
)
def test_torches(bench: Bench, torch: Mapping[str, Any] | None, case: str) -> None:
    bench.probed |= {"torch": torch, "extension": {**EXTENSION, "cuda_home": None}}
    assert case in bench.look()
    assert (case in bench.found()) == (case != "torch/rocm")
    if case == "torch/rocm":
        assert list(bench.look()) == [case]
    if case == "torch/cpu-only":
        assert "cuda-home/torch-says-none" in bench.look()


# CUDA_HOME and the toolkit


def test_where_the_toolkit_is_looked_for(bench: Bench) -> None:
    def how(**environment: str) -> tuple[str | None, str]:
        found = Machine({"PATH": "/nowhere", **environment}, {}, bench.root)
        home = doctor.extension.cuda_home(found)
        return home.path, home.how

    assert how(CUDA_HOME="/a", CUDA_PATH="/b") == ("/a", "CUDA_HOME")
    assert how(CUDA_HOME="", CUDA_PATH="/b") == ("/b", "CUDA_PATH")
    assert how(PATH=f"{bench.home}/bin") == (str(bench.home), "PATH")
    assert how() == (None, "none")
    (bench.root / "usr/local/cuda").symlink_to(bench.home)
    assert how() == (str(bench.root / "usr/local/cuda"), "default")


def test_a_wrapper_on_the_path_leads_to_a_home_without_headers(bench: Bench) -> None:
    del bench.environment["CUDA_HOME"]
    wrapper = bench.program("usr/local/bin/nvcc", "")
    wrapper.write_text(f'#!/bin/sh\nexec {bench.home}/bin/nvcc "$@"\n')
    bench.environment["PATH"] += f":{wrapper.parent}"
    assert bench.found() == {"cuda-home/wrapper"} and "nvcc/fits" in bench.look()
    check = next(check for check in doctor.examine(bench.machine, "cuda-extension") if check.case == "wrapper")
    assert check.facts["path"] == str(bench.root / "usr/local") and check.facts["others"] == str(bench.home)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"CUDA_HOME": "/no/such"}, "cuda-home/no-folder"),
        ({"CUDA_HOME": "/tmp"}, "cuda-home/no-nvcc"),
        ({"CUDA_HOME": ""}, "cuda-home/none"),
        ({"CUDA_PATH": "/other"}, None),
    ],
)
def test_homes_that_are_wrong(bench: Bench, change: dict[str, str], finding: str | None) -> None:
    bench.environment |= change
    assert bench.found() & {"cuda-home/no-folder", "cuda-home/no-nvcc", "cuda-home/none"} == (
        {finding} if finding else set()
    )
    if finding is None:
        assert "cuda-home/two" in bench.look()


def test_a_toolkit_that_only_runs(bench: Bench) -> None:
    (bench.home / "include/cuda_runtime.h").unlink()
    (bench.home / "lib64/libcudart.so").unlink()
    assert bench.found() == {"toolkit/lacks"}


@pytest.mark.parametrize(
    ("prints", "code", "case", "is_finding"),
    [
        (NVCC.format(release="12.4"), 0, "fits", False),
        (NVCC.format(release="12.1"), 0, "minor", False),
        (NVCC.format(release="11.8"), 0, "major", True),
        (NVCC.format(release="13.0"), 0, "major", True),
        ("nvcc: NVIDIA (R) Cuda compiler driver, version twelve", 0, "odd", False),
        ("", 0, "odd", False),
        ("nvcc fatal: cannot find cicc", 1, "broken", True),
        ("\udce9\udcff", 0, "odd", False),
    ],
)
def test_versions_of_nvcc(bench: Bench, prints: str, code: int, case: str, is_finding: bool) -> None:
    file = bench.program("usr/local/cuda-12.4/bin/nvcc", "X", code)
    file.write_bytes(file.read_bytes().replace(b"X", prints.encode("utf-8", "surrogateescape")))
    assert f"nvcc/{case}" in bench.look()
    assert (f"nvcc/{case}" in bench.found()) == is_finding


def test_programs_that_hang_or_are_none(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "SECONDS", 0.3)
    monkeypatch.setattr(machine.run, "__defaults__", (0.3,))
    for path in ("usr/local/cuda-12.4/bin/nvcc", "bin/nvidia-smi", "bin/gcc", "bin/ninja"):
        (bench.root / path).write_text("#!/bin/sh\nexec /bin/sleep 30\n")
    seen = bench.look()
    assert {"nvcc/broken", "driver/silent"} <= bench.found()
    assert {"compiler/odd", "ninja/broken"} <= set(seen)
    (bench.root / "bin/nvidia-smi").write_bytes(b"\x7fELF nonsense")
    assert "driver/silent" in bench.found()


def test_another_nvcc_by_variable(bench: Bench) -> None:
    other = bench.program("bin/nvcc-11", NVCC.format(release="11.8"))
    bench.environment["PYTORCH_NVCC"] = f"{other} --quiet"
    assert "nvcc/major" in bench.found()
    bench.extension(reads_pytorch_nvcc=False)
    assert "nvcc/fits" in bench.look()
    bench.extension()
    bench.environment["PYTORCH_NVCC"] = "unbalanced 'quote"
    assert "nvcc/broken" in bench.found()


@pytest.mark.parametrize(
    ("given", "flags", "error", "case"),
    [
        ("8.0;8.6+PTX", ["-gencode=arch=compute_86,code=sm_86"], None, "given"),
        ("Kepler", ["-gencode=arch=compute_35,code=sm_35"], None, "nvcc-refuses"),
        ("10.0", ["-gencode=arch=compute_100,code=sm_100"], None, "nvcc-refuses"),
        ("9.0a", ["-gencode=arch=compute_90a,code=sm_90a"], None, "given"),
        ("foo", None, "ValueError: Unknown CUDA arch (foo) or GPU not supported", "unknown"),
        ("8.0;", None, "ValueError: Unknown CUDA arch () or GPU not supported", "unknown"),
    ],
)
def test_lists_of_gpus(bench: Bench, given: str, flags: list[str] | None, error: str | None, case: str) -> None:
    bench.environment["TORCH_CUDA_ARCH_LIST"] = given
    bench.extension(arch_flags=flags, arch_error=error)
    assert f"arch-list/{case}" in bench.look()
    assert (f"arch-list/{case}" in bench.found()) == (case != "given")


# Compilers


@pytest.mark.parametrize(
    ("name", "version", "kind", "release", "findings"),
    [
        ("gcc", "13.2.0", "gcc", "12.4", set()),
        ("gcc", "14.1.0", "gcc", "12.4", {"compiler/nvcc-refuses"}),
        ("gcc", "12.0.0", "gcc", "11.7", {"compiler/torch-refuses"}),
        ("gcc", "11.4.0", "gcc", "11.7", set()),
        ("gcc", "5.4.0", "gcc", "11.7", {"compiler/torch-refuses"}),
        ("clang", "17.0.1", "clang", "12.4", set()),
        ("clang", "18.1.0", "clang", "12.4", {"compiler/nvcc-refuses"}),
    ],
)
def test_the_compiler_that_nvcc_calls(
    bench: Bench, name: str, version: str, kind: str, release: str, findings: set[str]
) -> None:
    bench.compiler(name, version, kind)
    bench.environment["CC"] = name
    bench.toolkit(release)
    bench.torch(cuda=release)
    assert bench.found() - {"cub/needed"} == findings


def test_an_older_torch_includes_the_upper_bound(bench: Bench) -> None:
    bench.toolkit("11.7")
    bench.torch(cuda="11.7", version="1.13.1")
    bench.extension(excludes_upper_bound=False, bounds={"gcc": {"11.7": [[6, 0, 0], [11, 5, 0]]}, "clang": {}})
    for version, refused in (("11.5.0", False), ("11.5.1", True)):
        bench.compiler("gcc", version)
        assert ("compiler/torch-refuses" in bench.found()) == refused
    bench.environment["TORCH_DONT_CHECK_COMPILER_ABI"] = "1"
    assert "compiler/torch-refuses" not in bench.found() and "compiler/unchecked" in bench.look()


def test_compilers_that_are_missing_old_or_odd(bench: Bench) -> None:
    bench.environment["CC"] = "gcc-9000"
    assert bench.found() == {"compiler/no-host"}
    del bench.environment["CC"]
    bench.compiler("c++", "4.9.2")
    assert bench.found() == {"compiler/old"}
    bench.environment["CXX"] = "no-such-compiler -O2"
    assert bench.found() == {"compiler/missing"}
    bench.environment["CXX"] = "ccache"
    bench.program("bin/ccache", "ccache: who knows")
    assert "compiler/odd" in bench.look()
    (bench.home / "include/crt/host_config.h").unlink()
    assert "compiler/no-limit" in bench.look()


def test_cub_python_ninja_and_switches(bench: Bench) -> None:
    bench.toolkit("11.3")
    bench.torch(cuda="11.3")
    assert "cub/needed" in bench.found()
    bench.environment["CUB_HOME"] = str(bench.root / "cub")
    assert "cub/wrong" in bench.found()
    bench.program("cub/cub/cub.cuh", "")
    assert "cub/given" in bench.look()
    bench.probed |= {"headers": None, "setuptools": None}
    assert {"python/no-headers", "python/no-setuptools"} <= bench.found()
    bench.probed |= {"setuptools": "82", "extension": {"error": "ImportError: cannot import name 'packaging'"}}
    assert "python/cpp-extension" in bench.found()
    (bench.root / "bin/ninja").unlink()
    bench.environment |= {"PYTORCH3D_NO_EXTENSION": "1", "PYTORCH3D_FORCE_NO_CUDA": "1", "PYTORCH3D_NO_NINJA": "1"}
    assert "ninja/missing" in bench.look()
    assert {"switches/pytorch3d-no-extension", "switches/pytorch3d-force-no-cuda"} <= bench.found()
    small = Machine(bench.environment | {"PATH": os.environ["PATH"]}, bench.probed, bench.root, 64, 16 << 30)
    (memory,) = [check for check in doctor.examine(small, "cuda-extension") if check.case == "memory"] or [None]
    assert memory is None or memory.facts["fits"] == 8


# In brief


def tree(index: str, name: str = "pytorch") -> TreeState:
    return TreeState(f"{name} 1", name, "1", "git", "/somewhere", index)


def test_in_brief(bench: Bench) -> None:
    bench.program("bin/gdb", "tourist")
    seen = bench.look(None, (tree("ready"), tree("3 files behind"), tree("absent"), tree("ready", "pytorch3d")))
    assert not bench.found(None) - {"trees/none"}
    assert {
        "trees/ready", "trees/behind", "trees/no-index", "torch/with-cuda", "gpu/usable", "compiler/runs",
        "gdb/with-python", "kernels/kernel",
    } <= set(seen)  # fmt: skip
    bare = Machine({"PATH": "/nowhere"}, {"torch": None, "executable": "python"}, bench.root)
    found = {f"{check.subject}/{check.case}": check.state for check in doctor.examine(bare)}
    assert {name for name, state in found.items() if state is State.FINDING} == {"trees/none"}
    assert {"torch/none-here", "nvcc/no-toolkit", "compiler/for-cells", "gdb/none", "kernels/no-kernel"} <= set(found)
    assert "trees/no-index-at-all" in {
        f"{check.subject}/{check.case}" for check in doctor.examine(bare, None, (tree("absent"),))
    }
    assert "trees/bad-index" in {
        f"{check.subject}/{check.case}" for check in doctor.examine(bare, None, (tree("damaged"),))
    }


def test_what_tour_itself_has(bench: Bench, own_cache: Path) -> None:
    bench.program("bin/git", "git version 2")
    good = own.look([folder("annotations")])
    assert good.annotations[0].tours == len(list(folder("annotations").glob("*/tour.yaml")))
    assert good.annotations[0].broken == () and good.cache == str(own_cache) and good.cache_error is None

    def cases(mine: own.Own) -> dict[str, State]:
        found = doctor.examine(Machine(bench.environment, bench.probed, bench.root), None, (tree("ready"),), mine)
        return {f"{check.subject}/{check.case}": check.state for check in found}

    whole = replace(good, room=3 << 30, port_error=None, editor=True, encoding="UTF-8")
    whole = replace(whole, modules=dict.fromkeys(whole.modules, True))
    seen = cases(whole)
    assert {name for name, state in seen.items() if state is not State.FINE} == {"trees/no-pytorch3d", "gdb/none"}
    bench.environment |= {"TOUR_TORCH_INCLUDE": "/no/such/folder"}
    assert cases(whole)["packages/precise-no-include"] is State.FINDING
    (bench.root / "bin/git").unlink()
    broken = own.Annotations("/tours", 2, ("x.yaml:3: no such step",))
    bare = own.Own((broken,), "/nowhere", "no room", 0, "in use", False, "ascii", dict.fromkeys(whole.modules, False))
    lacks = cases(bare)
    findings = {name for name, state in lacks.items() if state is State.FINDING}
    assert findings == {"cache/not-writable", "annotations/broken"}
    assert {
        "fetching/nothing", "port/taken", "editor/no-npm", "languages/other-encoding", "packages/no-cells",
        "packages/no-live", "packages/no-generated", "packages/no-precise", "packages/no-mcp", "packages/no-scip",
    } <= set(lacks)  # fmt: skip
    bench.program("bin/npm", "10")
    bench.program("bin/apt-get", "apt")
    bench.program("bin/gpgv", "gpgv")
    empty = replace(bare, annotations=(own.Annotations("/tours", 0, ()),), cache_error=None, room=1 << 20)
    assert {"editor/not-bundled", "fetching/debian-only", "annotations/none", "cache/little-room"} <= set(cases(empty))


def test_the_command_looks_at_all_of_it(tour: Run) -> None:  # noqa: F811
    rows = tour.json("doctor", code=1)["checks"]  # no tree is at hand
    assert {"trees", "torch", "nvcc", "compiler", "gdb", "kernels", "cache", "annotations", "port", "packages"} <= {
        row["subject"] for row in rows
    }
    for row in rows:
        assert row["found"] and row["why"] and (row["mend"] or row["state"] != "finding")
    assert "导读" in tour("doctor", "--lang", "zh", code=1).stdout


def test_tours_that_cannot_be_read_and_a_cache_that_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_cache: Path
) -> None:
    for name, text in (("no-steps", "steps: 3\n"), ("no-yaml", "{"), ("no-prose", "steps: []\n")):
        (tmp_path / "tours" / name).mkdir(parents=True)
        (tmp_path / "tours" / name / "tour.yaml").write_text(text)
    (found,) = own.look([tmp_path / "tours"]).annotations
    assert found.tours == 3 and len(found.broken) == 3 and all("tour.yaml" in told for told in found.broken[:2])
    assert own.look([tmp_path / "absent"]).annotations[0].tours == 0
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file/below"))
    assert "is no folder" in str(own.look([]).cache_error)


def test_the_port_that_is_looked_at_is_the_site_s(own_cache: Path) -> None:
    (option,) = [option for option in publishing.serve.params if option.name == "port"]
    assert option.default == own.PORT
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # somebody else's is as good
            taken.bind(("127.0.0.1", own.PORT))
            taken.listen()
        assert own.look([]).port_error


def test_every_case_has_its_sentences_in_both_languages() -> None:
    with (folder("templates") / "doctor.toml").open("rb") as file:
        told = tomllib.load(file)
    package = Path(doctor.__file__).parent
    source = "".join(file.read_text() for file in package.glob("*.py"))
    written = set(re.findall(r"(?:fine|note|finding|state)\)?\(\s*\"([\w-]+)\",\s*\"([\w-]+)\"", source))
    assert len(written) > 50
    for lang in ("en", "zh"):
        for subject, case in written:
            assert case in told[lang][subject], (lang, subject, case)
    shape = {
        lang: {
            (subject, case, key, *sorted(re.findall(r"\{(\w+)", text)))
            for subject, cases in told[lang].items()
            for case, sentences in cases.items()
            if isinstance(sentences, dict)
            for key, text in sentences.items()
        }
        for lang in told
    }
    assert shape["en"] == shape["zh"]


# The torches of this machine


def test_what_a_real_torch_says(tour: Run, torch_python: cells.Runner) -> None:  # noqa: F811
    tour.environment |= {"CUDA_VISIBLE_DEVICES": "", "TORCH_CUDA_ARCH_LIST": ""}
    told = tour.json("doctor", "--for", "cuda-extension", "--python", torch_python.python, code=1)
    cases = {f"{row['subject']}/{row['case']}": row for row in told["checks"]}
    assert cases["arch-list/index-error"]["state"] == "finding" and told["for"] == "cuda-extension"
    assert "IndexError" in cases["arch-list/index-error"]["why"]
    tour.environment["TORCH_CUDA_ARCH_LIST"] = "8.0;nonsense"
    text = tour("doctor", "--for", "cuda-extension", "--python", torch_python.python, "--lang", "zh", code=1).stdout
    assert "Unknown CUDA arch (nonsense)" in text and "→ " in text and "有碍" in text


CHECK = """
import json, sys, warnings
import torch, torch.utils.cpp_extension as extension
from torch.torch_version import TorchVersion
warnings.simplefilter("ignore")
for home, cuda, compiler in json.loads(sys.argv[1]):
    torch.version.cuda, extension.CUDA_HOME = cuda, home
    try:
        extension._check_cuda_version("g++", TorchVersion(compiler))
        print("judged: fine")
    except RuntimeError as error:
        print("judged: refused")
"""
RULES = [
    ("11.7", "11.7", "11.5.0"), ("11.7", "11.7", "13.1.0"), ("11.7", "11.7", "5.1.0"), ("12.4", "11.7", "10.1.0"),
    ("11.3", "11.7", "9.1.0"), ("12.9", "12.4", "13.1.0"), ("twelve", "12.4", "13.1.0"),
]  # fmt: skip
"""nvcc's release, torch's CUDA, the compiler."""


def test_the_rules_are_torch_s_own(tmp_path: Path, torch_python: cells.Runner) -> None:
    """What ``_check_cuda_version`` of a real torch refuses the doctor refuses, and nothing else."""
    extension = machine.look(torch_python.python, "cuda-extension").probed["extension"]
    benches = [Bench(tmp_path / str(number)) for number in range(len(RULES))]
    for bench, (release, cuda, compiler) in zip(benches, RULES, strict=True):
        bench.toolkit(release, gcc=99)
        bench.compiler("gcc", compiler)
        bench.torch(cuda=cuda, version=torch_python.torch)
        bench.probed["extension"] = extension
    asked = [(str(bench.home), *rule[1:]) for bench, rule in zip(benches, RULES, strict=True)]
    command = [torch_python.python, "-c", CHECK, json.dumps(asked)]
    judged = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True).stdout
    refused = [word == "refused" for word in re.findall(r"judged: (\w+)", judged)]
    assert [bool(bench.found() & {"nvcc/major", "compiler/torch-refuses"}) for bench in benches] == refused
    assert True in refused and False in refused


def test_a_torch_that_breaks_is_a_finding(tour: Run, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "lib/torch").mkdir(parents=True)
    (tmp_path / "lib/torch/__init__.py").write_text("raise OSError('libtorch.so: wrong\\nELF class')")
    tour.environment["PYTHONPATH"] += f":{tmp_path / 'lib'}"
    told = tour.json("doctor", "--for", "cuda-extension", code=1)
    row = next(row for row in told["checks"] if row["subject"] == "torch")
    assert row["case"] == "broken" and "OSError: libtorch.so: wrong" in row["found"]


@pytest.mark.parametrize("python", ["/bin/false", "/no/such/python", "/etc/passwd", sys.executable + "x"])
def test_what_is_no_python_is_told_in_a_sentence(tour: Run, python: str) -> None:  # noqa: F811
    assert "cannot be asked what it can do" in said(tour("doctor", "--python", python, code=2))


def test_looking_at_what_is_no_python() -> None:
    with pytest.raises(TourError, match="cannot be asked"):
        doctor.look("/bin/echo")
