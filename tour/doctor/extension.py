"""What the build of a CUDA extension asks of a machine, in the order in which a build meets it.

The rules are those of ``torch/utils/cpp_extension.py`` (1.13.1 and 2.6.0, and what the reader's own torch says of
itself), of nvcc's ``crt/host_config.h``, and of ``setup.py`` files such as PyTorch3D's. Nothing is built here. Left
out: Windows, and ROCm, where ``hipcc`` takes nvcc's place and none of this holds.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tour.doctor.checks import Check, finding, fine, note
from tour.doctor.machine import Machine

_ON = ("ON", "1", "YES", "TRUE", "Y")
"""What switches ``TORCH_DONT_CHECK_COMPILER_ABI`` on (``torch/utils/cpp_extension.py``)."""
_OLDEST_GCC = (5, 0, 0)
"""``MINIMUM_GCC_VERSION`` (``torch/utils/cpp_extension.py``)."""
_CUB_IN_TOOLKIT = (11, 7)
"""PyTorch3D asks for CUB where CUDA is older (its ``INSTALL.md``, "Requirements")."""
_JOB_MEMORY = 2 << 30
"""Bytes that one compiler of the C++ headers of torch takes, or more."""
_JOBS_BESIDE = 2
"""What ninja starts beyond the number of cores (``BuildExtension``'s docstring)."""

Version = tuple[int, ...]


def checks(machine: Machine) -> Iterator[Check]:
    """Every check."""
    yield from _torch(machine)
    if machine.torch.get("hip"):
        return
    yield from _driver(machine)
    yield from _gpu(machine)
    yield from _force_cuda(machine)
    home = cuda_home(machine)
    yield from _cuda_home(machine, home)
    nvcc = _nvcc_path(machine, home)
    release = _release(machine, nvcc)
    yield from _nvcc(machine, nvcc, release)
    yield from _toolkit(machine, home)
    yield from _arch_list(machine, nvcc)
    yield from _compiler(machine, home, release)
    yield from _cub(machine, home, release)
    yield from _python(machine)
    yield from _ninja(machine)
    yield from _switches(machine)


# torch, driver, GPU


def _torch(machine: Machine) -> Iterator[Check]:
    """``setup.py`` imports torch before it builds anything, and nvcc must fit the CUDA that torch was built with."""
    python = str(machine.probed.get("executable", ""))
    torch = machine.probed.get("torch")
    if torch is None:
        yield finding("torch", "missing", python=python)
    elif "error" in torch:
        yield finding("torch", "broken", python=python, error=torch["error"])
    elif torch.get("hip"):
        yield note("torch", "rocm", version=torch["version"], hip=torch["hip"])
    elif torch.get("cuda") is None:
        yield finding("torch", "cpu-only", version=torch["version"], python=python)
    else:
        yield fine("torch", "cuda", version=torch["version"], cuda=torch["cuda"])


def _driver(machine: Machine) -> Iterator[Check]:
    """The driver is the host's; the toolkit is not needed to run, nor the driver to build.

    Too old a driver shows in ``device_count_impl`` (``c10/cuda/CUDAFunctions.cpp``): ``cudaErrorInsufficientDriver``.
    """
    smi = machine.which("nvidia-smi")
    loaded = machine.root / "proc/driver/nvidia/version"
    if smi is None:
        yield note("driver", "no-tool" if loaded.exists() else "none")
        return
    ran = machine.run(smi)
    told = re.search(r"Driver Version:\s*([\w.]+)", ran.output)
    if ran.error or told is None:
        yield finding("driver", "silent", error=ran.error or "no version in what it printed", program=smi)
        return
    knows = re.search(r"CUDA Version:\s*(\d+\.\d+)", ran.output)
    wants = machine.torch.get("cuda")
    facts = {"driver": told[1], "cuda": knows[1] if knows else "?", "torch": wants or "-"}
    if knows and wants and version(knows[1])[:1] < version(wants)[:1]:
        yield finding("driver", "too-old", **facts)
    elif knows and wants and version(knows[1]) < version(wants):
        yield note("driver", "older", **facts)
    else:
        yield fine("driver", "works", **facts)


def _gpu(machine: Machine) -> Iterator[Check]:
    """``torch.cuda.is_available`` decides in most ``setup.py`` files whether CUDA sources are compiled at all."""
    torch = machine.torch
    if not torch.get("cuda"):
        return
    devices = torch.get("devices") or []
    if devices:
        names = ", ".join(f"{device['name']} ({device['capability']})" for device in devices)
        yield fine("gpu", "visible", count=len(devices), names=names)
    elif (hidden := machine.set("CUDA_VISIBLE_DEVICES")) is not None and not re.match(r"\s*(\d|GPU-|MIG-)", hidden):
        yield note("gpu", "hidden", value=hidden)
    else:
        why = torch.get("cuda_error") or torch.get("cuda_warning") or ""
        listed = machine.run(smi, "-L") if (smi := machine.which("nvidia-smi")) else None
        if listed and not listed.error and "GPU 0" in listed.output:
            yield finding("gpu", "unseen", why=why or "-", listed=listed.output.strip().splitlines()[0][:120])
        else:
            yield note("gpu", "none", why=why or "-")


def _force_cuda(machine: Machine) -> Iterator[Check]:
    """``FORCE_CUDA`` (``setup.py`` of PyTorch3D, ``get_extensions``): CUDA is built if a GPU is visible and there is a
    ``CUDA_HOME``, or if the variable is exactly ``1``."""
    value = machine.set("FORCE_CUDA")
    visible = bool(machine.torch.get("devices"))
    if value is None or value == "0":
        yield fine("force-cuda", "not-needed") if visible else finding("force-cuda", "needed")
    elif value == "1":
        yield fine("force-cuda", "changes-nothing" if visible else "set")
    else:
        yield (note if visible else finding)("force-cuda", "not-one", value=value)


# The toolkit


@dataclass(frozen=True, slots=True)
class Home:
    """Where the toolkit is taken to be, and why."""

    path: str | None
    how: str
    """``CUDA_HOME``, ``CUDA_PATH``, ``PATH``, ``default``, or ``none``."""


def cuda_home(machine: Machine) -> Home:
    """What ``_find_cuda_home`` of ``torch/utils/cpp_extension.py`` finds: the variable, else the folder above the nvcc
    that is on the path (links not followed), else ``/usr/local/cuda``. Empty variables count as not set."""
    for name in ("CUDA_HOME", "CUDA_PATH"):
        if value := machine.set(name):
            return Home(value, name)
    if nvcc := machine.which("nvcc"):
        return Home(str(Path(nvcc).parent.parent), "PATH")
    default = machine.root / "usr/local/cuda"
    return Home(str(default), "default") if default.exists() else Home(None, "none")


def _cuda_home(machine: Machine, home: Home) -> Iterator[Check]:
    """Its ``bin/nvcc`` compiles and its ``include`` is searched: ``_join_cuda_home``, ``include_paths``.

    With a torch that has no CUDA, 2.6.0 leaves ``CUDA_HOME`` at ``None``, whatever is installed; 1.13.1 does not.
    """
    others = ", ".join(_toolkits(machine)) or "-"
    if home.path is None:
        yield finding("cuda-home", "none", others=others)
        return
    root = Path(home.path)
    facts = {"path": home.path, "how": home.how, "others": others}
    told = [machine.set(name) for name in ("CUDA_HOME", "CUDA_PATH")]
    if not root.is_dir():
        yield finding("cuda-home", "no-folder", **facts)
    elif not os.access(root / "bin/nvcc", os.X_OK):
        yield finding("cuda-home", "no-nvcc", **facts)
    elif home.how == "PATH" and not (root / "include/cuda_runtime.h").exists():
        yield finding("cuda-home", "wrapper", **facts)
    elif all(told) and os.path.realpath(told[0] or "") != os.path.realpath(told[1] or ""):
        yield note("cuda-home", "two", first=told[0] or "", second=told[1] or "", **facts)
    else:
        yield fine("cuda-home", "found", **facts)
    torch, extension = machine.torch, machine.extension
    if torch and extension and extension.get("cuda_home") is None and not torch.get("cuda"):
        yield note("cuda-home", "torch-says-none", version=str(torch["version"]))


def _toolkits(machine: Machine) -> list[str]:
    """Folders that hold a whole toolkit."""
    places = [*sorted((machine.root / "usr/local").glob("cuda*"), reverse=True), machine.root / "opt/cuda"]
    whole = [place for place in places if (place / "bin/nvcc").exists() and (place / "include/cuda_runtime.h").exists()]
    return [str(place) for place in {os.path.realpath(place): place for place in whole}.values()]


def _nvcc_path(machine: Machine, home: Home) -> str | None:
    """The nvcc of a build: ``PYTORCH_NVCC`` where torch reads it (2.6.0; not 1.13.1), else ``$CUDA_HOME/bin/nvcc``."""
    if (named := machine.set("PYTORCH_NVCC")) and machine.extension.get("reads_pytorch_nvcc", True):
        return named
    return f"{home.path}/bin/nvcc" if home.path and os.path.exists(f"{home.path}/bin/nvcc") else None  # noqa: PTH110


def _release(machine: Machine, nvcc: str | None) -> str | None:
    """``12.4`` of ``nvcc --version``, read as ``_check_cuda_version`` reads it."""
    if nvcc is None:
        return None
    told = re.search(r"release (\d+[.]\d+)", machine.run(*_words(nvcc), "--version").output)
    return told[1] if told else None


def _words(command: str) -> list[str]:
    """A command as a shell would read it: ``PYTORCH_NVCC`` may be ``ccache nvcc``."""
    try:
        return shlex.split(command) or [command]
    except ValueError:
        return [command]


def _nvcc(machine: Machine, nvcc: str | None, release: str | None) -> Iterator[Check]:
    """``_check_cuda_version``: another major version than torch's is an error, another minor one a warning."""
    if nvcc is None:
        return  # that there is none was said of its home
    ran = machine.run(*_words(nvcc), "--version")
    wants = machine.torch.get("cuda")
    if ran.error:
        yield finding("nvcc", "broken", nvcc=nvcc, error=ran.error)
    elif release is None:
        yield note("nvcc", "odd", nvcc=nvcc, said=(ran.output.strip().splitlines() or ["nothing"])[-1][:120])
    elif not wants:
        yield fine("nvcc", "alone", nvcc=nvcc, release=release)
    elif version(release)[0] != version(wants)[0]:
        yield finding("nvcc", "major", nvcc=nvcc, release=release, cuda=wants)
    elif version(release) != version(wants)[:2]:
        yield note("nvcc", "minor", nvcc=nvcc, release=release, cuda=wants)
    else:
        yield fine("nvcc", "fits", nvcc=nvcc, release=release, cuda=wants)


def _toolkit(machine: Machine, home: Home) -> Iterator[Check]:
    """``CUDAExtension`` includes ``cuda_runtime.h`` through torch's headers and links against ``cudart``."""
    if home.path is None or not os.access(f"{home.path}/bin/nvcc", os.X_OK):
        return
    root = Path(home.path)
    if home.how == "PATH" and not (root / "include/cuda_runtime.h").exists():
        return  # that was said of the home
    lacks = [] if (root / "include/cuda_runtime.h").exists() else ["include/cuda_runtime.h"]
    folders = [root / name for name in ("lib64", "lib", "lib/x64", "lib/x86_64-linux-gnu")]
    if not any(any(folder.glob("libcudart.so*")) for folder in folders):
        lacks.append("lib64/libcudart.so")
    if lacks:
        yield finding("toolkit", "lacks", path=home.path, lacks=", ".join(lacks))
    else:
        yield fine("toolkit", "whole", path=home.path)


# What to compile for


def _arch_list(machine: Machine, nvcc: str | None) -> Iterator[Check]:
    """``_get_cuda_arch_flags``: the list, else the visible GPUs; with neither ``arch_list[-1]`` is an ``IndexError``.

    A name that torch does not know is a ``ValueError``; one that nvcc does not know ends in nvcc's own error.
    """
    given = machine.set("TORCH_CUDA_ARCH_LIST") or ""
    visible = machine.torch.get("devices") or []
    error = str(machine.extension.get("arch_error") or "")
    if not given and not visible:
        yield finding("arch-list", "index-error", example=_example(machine, nvcc))
        return
    if error.startswith("ValueError"):
        yield finding("arch-list", "unknown", value=given, error=error)
        return
    wanted = list(
        dict.fromkeys(re.findall(r"compute_(\d+[a-z]?)", " ".join(machine.extension.get("arch_flags") or ())))
    )
    if not wanted:
        named = re.findall(r"\d+\.\d+[a-z]?", given) or [str(device["capability"]) for device in visible]
        wanted = [name.replace(".", "") for name in dict.fromkeys(named)]
    knows = _known_archs(machine, nvcc)
    strange = [arch for arch in wanted if knows and arch.rstrip("abcdef") not in knows]
    facts = {"value": given or "-", "archs": ", ".join(map(_dotted, wanted))}
    if strange:
        yield finding(
            "arch-list", "nvcc-refuses", strange=", ".join(map(_dotted, strange)),
            knows=", ".join(map(_dotted, knows)), **facts,
        )  # fmt: skip
    elif given:
        yield fine("arch-list", "given", **facts)
    else:
        yield fine("arch-list", "of-gpus", **facts)


def _known_archs(machine: Machine, nvcc: str | None) -> list[str]:
    """What nvcc can compile for; nothing where it does not say (before 11.2)."""
    if nvcc is None:
        return []
    ran = machine.run(*_words(nvcc), "--list-gpu-arch")
    return [] if ran.error else re.findall(r"compute_(\d+)", ran.output)


def _example(machine: Machine, nvcc: str | None) -> str:
    """A list that nvcc would take: the newest that most GPUs of today have."""
    knows = _known_archs(machine, nvcc)
    return next((f"{_dotted(arch)}+PTX" for arch in ("80", "75", "70") if arch in knows), "8.0+PTX")


def _dotted(arch: str) -> str:
    """``8.0`` of ``80``, ``10.0`` of ``100``, ``9.0a`` of ``90a``."""
    number = arch.rstrip("abcdef")
    return f"{number[:-1]}.{number[-1]}{arch[len(number) :]}"


# The host compiler


def _compiler(machine: Machine, home: Home, release: str | None) -> Iterator[Check]:
    """C++ is compiled by ``$CXX`` or ``c++`` (``get_cxx_compiler``); nvcc calls ``$CC`` (``unix_cuda_flags`` passes it
    as ``-ccbin``), else ``$NVCC_CCBIN``, else the gcc on the path. Each nvcc refuses compilers that are too new
    (``crt/host_config.h``), and ``_check_cuda_version`` those outside its table."""
    cxx = machine.set("CXX") or "c++"
    if machine.which(_words(cxx)[0]) is None:
        yield finding("compiler", "missing", compiler=cxx)
        return
    host, how = next(((value, name) for name in ("CC", "NVCC_CCBIN") if (value := machine.set(name))), ("gcc", "PATH"))
    for role, command, whence in (("cxx", cxx, "CXX"), ("host", host, how)):
        if machine.which(_words(command)[0]) is None:
            yield finding("compiler", "no-host", compiler=command, how=whence)
            continue
        kind, found = _compiler_version(machine, command)
        if not found:
            yield note("compiler", "odd", compiler=command)
        elif role == "cxx":
            state = finding if kind == "gcc" and found < _OLDEST_GCC else fine
            case = "old" if state is finding else "cxx"
            yield state("compiler", case, compiler=command, kind=kind, version=_text(found))
        else:
            yield from _host(machine, home, release, command, kind, found)
    if machine.set("TORCH_DONT_CHECK_COMPILER_ABI") in _ON:
        yield note("compiler", "unchecked", value=machine.set("TORCH_DONT_CHECK_COMPILER_ABI") or "")


def _host(
    machine: Machine, home: Home, release: str | None, compiler: str, kind: str, found: Version
) -> Iterator[Check]:
    """The compiler that nvcc hands C++ to, against nvcc's limit and against torch's table."""
    facts = {"compiler": compiler, "kind": kind, "version": _text(found), "release": release or "?"}
    limit, header = _nvcc_limit(home, kind)
    refused = limit is not None and found[0] > limit
    if refused:
        yield finding("compiler", "nvcc-refuses", limit=limit or 0, header=header, **facts)
    low, high = (machine.extension.get("bounds", {}).get(kind) or {}).get(release or "", (None, None))
    if low is not None and high is not None and machine.set("TORCH_DONT_CHECK_COMPILER_ABI") not in _ON:
        beyond = found >= tuple(high) if machine.extension.get("excludes_upper_bound") else found > tuple(high)
        if found < tuple(low) or beyond:
            yield finding("compiler", "torch-refuses", low=_text(low), high=_text(high), **facts)
            return
    if not refused:
        case = "fits" if limit is not None else "no-limit"
        yield fine("compiler", case, limit=limit or 0, header=header, **facts)


def _compiler_version(machine: Machine, command: str) -> tuple[str, Version]:
    """``gcc`` or ``clang`` and its version, asked for as ``get_compiler_abi_compatibility_and_version`` does."""
    words = _words(command)
    told = machine.run(*words, "--version").output
    kind = "clang" if "clang" in told else "gcc"
    ran = machine.run(*words, "-dumpfullversion", "-dumpversion")
    numbers = re.match(r"\s*(\d+(?:\.\d+)*)\s*$", ran.output) if not ran.error else None
    if numbers is None or kind == "clang":  # clang says 4.2.1 there, for old programs' sake
        numbers = re.search(r"(?:version |\) )(\d+(?:\.\d+)+)", told)
    return kind, version(numbers[1]) if numbers else ()


def _nvcc_limit(home: Home, kind: str) -> tuple[int | None, str]:
    """The newest major version that nvcc takes, and the header that says so."""
    header = Path(home.path or "") / "include/crt/host_config.h"
    try:
        text = header.read_text(encoding="utf-8", errors="replace") if home.path else ""
    except OSError:
        return None, str(header)
    if kind == "gcc":
        told = re.search(r"#if\s+__GNUC__\s*>\s*(\d+)", text)
        return (int(told[1]) if told else None), str(header)
    told = re.search(r"#if\s+\(__clang_major__\s*(>=|>)\s*(\d+)\)", text)
    return (int(told[2]) - (told[1] == ">=") if told else None), str(header)


# The rest


def _cub(machine: Machine, home: Home, release: str | None) -> Iterator[Check]:
    """``CUB_HOME`` (``setup.py`` and ``INSTALL.md`` of PyTorch3D): headers that a toolkit brings along, new enough from
    11.7 on; ``setup.py`` only warns where the variable is not set."""
    value = machine.set("CUB_HOME")
    places = ("include/cub/cub.cuh", "include/cccl/cub/cub.cuh")
    within = [place for place in places if home.path and (Path(home.path) / place).exists()]
    if value is not None:
        has = (Path(value) / "cub/cub.cuh").exists()
        yield fine("cub", "given", value=value) if has else finding("cub", "wrong", value=value)
    elif release is not None and version(release) < _CUB_IN_TOOLKIT:
        yield finding("cub", "needed", release=release)
    elif within:
        yield fine("cub", "in-toolkit", path=f"{home.path}/{within[0]}")
    elif home.path:
        yield note("cub", "not-found", path=home.path)


def _python(machine: Machine) -> Iterator[Check]:
    """Every extension includes ``Python.h``; ``cpp_extension`` imports setuptools."""
    python = str(machine.probed.get("executable", ""))
    if machine.probed.get("headers"):
        yield fine("python", "headers", python=python, include=str(machine.probed["headers"]))
    else:
        yield finding("python", "no-headers", python=python, include=str(machine.probed.get("include", "")))
    broken = (machine.probed.get("extension") or {}).get("error")
    if machine.probed.get("setuptools") is None:
        yield finding("python", "no-setuptools", python=python)
    elif broken:
        yield finding("python", "cpp-extension", error=broken, setuptools=str(machine.probed["setuptools"]))
    yield note("python", "isolation")


def _ninja(machine: Machine) -> Iterator[Check]:
    """Without ninja ``BuildExtension`` compiles one file after the other, and ``load`` refuses."""
    ninja = machine.which("ninja")
    ran = machine.run(ninja, "--version") if ninja else None
    if ran is None or ran.error:
        yield note("ninja", "missing" if ran is None else "broken", error=(ran and ran.error) or "-")
        return
    yield fine("ninja", "there", version=ran.output.strip()[:40], path=ninja or "")
    jobs = machine.cores + _JOBS_BESIDE
    if machine.set("MAX_JOBS") is None and machine.memory and machine.memory < jobs * _JOB_MEMORY:
        fits = max(1, machine.memory // _JOB_MEMORY)
        yield note("ninja", "memory", jobs=jobs, memory=f"{machine.memory / (1 << 30):.0f}", fits=fits)


def _switches(machine: Machine) -> Iterator[Check]:
    """Variables of PyTorch3D's ``setup.py`` that leave something out."""
    for name in ("PYTORCH3D_NO_EXTENSION", "PYTORCH3D_FORCE_NO_CUDA"):
        if machine.set(name) == "1":
            yield finding("switches", name.lower().replace("_", "-"), name=name)
    if machine.set("PYTORCH3D_NO_NINJA") == "1":
        yield note("switches", "pytorch3d-no-ninja", name="PYTORCH3D_NO_NINJA")


def version(text: str) -> Version:
    """``12.4`` as numbers; what is no number ends it, and nothing is ``0``."""
    numbers = re.match(r"\d+(?:\.\d+)*", str(text).strip())
    return tuple(int(part) for part in numbers[0].split(".")) if numbers else (0,)


def _text(numbers: Version | list[int]) -> str:
    return ".".join(map(str, numbers))
