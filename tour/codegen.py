"""Run a tree's own code generation, as its build does, and keep what it writes in the cache.

Half of what a call into PyTorch passes through is in no repository: ``torchgen`` and ``tools/autograd`` write it from
``native_functions.yaml``. Both are Python, need no compiler and no torch, and under a fixed hash seed (1.13.1 goes
through sets) write the same from run to run, so that a line of a generated file can be told of a tree. This is the only
module that runs code of a tree, which is why a user has to ask for it. The tree stays as it is: the work goes on in
child interpreters that write to a folder of the cache and nowhere else. What is left out: everything that a build's
configuration decides. ``configure`` writes the headers that CMake would, for one common configuration, so that a
compiler can read the sources; they are not indexed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tour.errors import TourError, TreeError
from tour.model import Progress, silent
from tour.tree import INDEXED, Tree, alone, count_files, generated_home, with_generated, write_json


@dataclass(frozen=True, slots=True)
class _Generator:
    """One program of a tree that writes code."""

    module: str
    """What ``python -m`` runs in the tree's root."""
    arguments: tuple[str, ...]
    """``{out}`` stands for the folder to write to."""
    options: tuple[tuple[str, ...], ...] = ()
    """Options by the spellings that they have had, a value behind an ``=``; the first that the program knows is taken,
    none where it knows none."""

    def file(self, tree: Tree) -> Path:
        return tree.root / (self.module.replace(".", "/") + ".py")

    def command(self, tree: Tree, out: Path) -> list[str]:
        known = self.file(tree).read_text(encoding="utf-8")
        chosen = [
            next((spelt for spelt in option if f'"{spelt.partition("=")[0]}"' in known), None)
            for option in self.options
        ]
        arguments = [argument.format(out=out) for argument in (*self.arguments, *filter(None, chosen))]
        return [sys.executable, "-m", self.module, *arguments]


_GENERATORS = (
    _Generator(
        "torchgen.gen",
        ("--source-path", "aten/src/ATen", "--install_dir", "{out}/aten/src/ATen", "--per-operator-headers"),
        (("--aoti-install-dir={out}/torch/csrc/inductor/aoti_torch/generated",),),  # else it writes into the tree
    ),
    _Generator(
        "tools.setup_helpers.generate_code",
        (
            "--native-functions-path", "aten/src/ATen/native/native_functions.yaml",
            "--tags-path", "aten/src/ATen/native/tags.yaml", "--gen-dir", "{out}",
        ),
        (
            ("--gen-lazy-ts-backend", "--gen_lazy_ts_backend"),
            ("--per-operator-headers", "--per_operator_headers"),
        ),
    ),
)  # fmt: skip
"""Neither reads what the other writes, so they run side by side."""

_INPUTS = (
    "torchgen",
    "tools/autograd",
    "tools/setup_helpers",
    "aten/src/ATen/templates",
    "aten/src/ATen/native/native_functions.yaml",
    "aten/src/ATen/native/tags.yaml",
    "aten/src/ATen/native/ts_native_functions.yaml",
    "torch/csrc/lazy/core/shape_inference.h",
    "torch/csrc/lazy/ts_backend/ts_native_functions.cpp",
)
"""The files and folders of a tree that decide what is written, besides the templates of ``configure``."""

_TEMPLATES = (
    "aten/src/ATen/Config.h.in",
    "aten/src/ATen/cuda/CUDAConfig.h.in",
    "c10/cuda/impl/cuda_cmake_macros.h.in",
    "c10/macros/cmake_macros.h.in",
    "c10/xpu/impl/xpu_cmake_macros.h.in",
    "caffe2/core/macros.h.in",
    "torch/csrc/api/include/torch/version.h.in",
)
"""Headers that CMake fills in; not every version has all of them."""

_ON = (
    "AT_BUILD_WITH_BLAS",
    "AT_BUILD_WITH_LAPACK",
    "AT_PARALLEL_OPENMP",
    "C10_BUILD_SHARED_LIBS",
    "C10_CUDA_BUILD_SHARED_LIBS",
    "CAFFE2_BUILD_SHARED_LIBS",
)
"""The options of a plain Linux build; all others are off, which spares the headers of as many libraries."""

_PACKAGES = {"yaml": "pyyaml"}
"""What installs a module, where it is not called the same."""

_SETTINGS = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
"""What the children run under: such that they write nothing into the tree, the same each time, and what they say in its
order, for the last line tells what went wrong."""

_LOOK = 0.2
"""Seconds between two looks at the running generators."""


def generated_folder(tree: Tree) -> Path:
    """Where ``generate`` puts what it makes of the tree as it is now: another folder for other inputs.

    So a folder that is there is whole and up to date. Raises ``TreeError`` where the tree has no code generation.
    """
    _require(tree)
    recipe = (_GENERATORS, _SETTINGS, _ON, tree.version, sys.version_info[:3])
    digest = hashlib.blake2b(repr(recipe).encode(), digest_size=8)
    for path in _inputs(tree):
        content = hashlib.blake2b((tree.root / path).read_bytes()).hexdigest()
        digest.update(f"{path} {content}\n".encode())
    return generated_home(tree) / digest.hexdigest()


def generate(tree: Tree, progress: Progress = silent, waiting: Callable[[], None] = lambda: None) -> Path:
    """Run the tree's own code generation, unless its inputs are those of the last time, and give the folder it is in.

    In it are torchgen's files below ``aten/src/ATen``, those of ``tools/autograd`` below ``torch``, and the configured
    headers under their own paths. This runs Python code of the tree. The folder appears whole or not at all; an
    interrupt ends the running generators and leaves an older folder as it was. ``waiting`` is called once if another
    process is at it. Raises ``TourError`` where the tree cannot do it, this Python lacks a module, or a generator
    fails.
    """
    folder = generated_folder(tree)
    if folder.is_dir():
        return folder
    home = generated_home(tree)
    with alone(home / ".lock", waiting):
        if folder.is_dir():  # made while we waited
            return folder
        _sweep(home, keep=with_generated(tree).generated)
        working = home / f".{folder.name}"
        try:
            working.mkdir()
            _run(tree, working, home, progress)
            configure(tree, working)
            working.rename(folder)
        except OSError as error:
            raise TourError(f"cannot write generated code: {error.strerror}", at=str(home)) from error
        finally:
            shutil.rmtree(working, ignore_errors=True)
    return folder


def include(tree: Tree, folder: Path) -> Tree:
    """From now on the tree has the code in ``folder``, which ``generate`` made of it."""
    home = generated_home(tree)
    write_json(home / INDEXED, {"folder": folder.name})
    _sweep(home, keep=folder)
    return with_generated(tree)


def exclude(tree: Tree) -> Tree:
    """From now on the tree has no generated code; what was made of it goes."""
    home = generated_home(tree)
    (home / INDEXED).unlink(missing_ok=True)
    _sweep(home, keep=None)
    return with_generated(tree)


def is_current(tree: Tree) -> bool:
    """Whether the generated code that the tree has is what its generation would write today."""
    try:
        return tree.generated == generated_folder(tree)
    except TreeError:
        return False


def configure(tree: Tree, folder: Path) -> None:
    """Write the tree's configured headers below ``folder``, as CMake does for a plain build without CUDA."""
    major, minor, patch, *_ = [*re.findall(r"\d+", tree.version), "0", "0", "0"]
    values = dict.fromkeys(_ON, "1")
    values |= {"TORCH_VERSION_MAJOR": major, "TORCH_VERSION_MINOR": minor, "TORCH_VERSION_PATCH": patch}

    def define(found: re.Match[str]) -> str:
        return f"#define {found[1]}" if found[1] in _ON else f"/* #undef {found[1]} */"

    for template in _TEMPLATES:
        if not (tree.root / template).is_file():
            continue
        text = (tree.root / template).read_text(encoding="utf-8")
        text = re.sub(r"(?m)^#cmakedefine (\w+).*$", define, text)
        text = re.sub(r'"@\w+@"|"\$\{\w+\}"', '""', text)
        text = re.sub(r"@(\w+)@", lambda found: values.get(found[1], "0"), text)
        header = folder / template.removesuffix(".in")
        header.parent.mkdir(parents=True, exist_ok=True)
        header.write_text(text, encoding="utf-8")


def _require(tree: Tree) -> None:
    lacks = [generator.file(tree) for generator in _GENERATORS if not generator.file(tree).is_file()]
    if lacks:
        raise TreeError(
            f"this tree has no code generation that can be run: it lacks {lacks[0].relative_to(tree.root).as_posix()}",
            at=str(tree.root),
            hint="Source trees from 1.13 on have it; older ones and installed packages do not.",
        )


def _inputs(tree: Tree) -> Iterator[str]:
    """The files that decide what is written, in a lasting order."""
    for name in (*_INPUTS, *_TEMPLATES):
        place = tree.root / name
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        for file in files:
            if file.is_file() and file.suffix != ".pyc":
                yield file.relative_to(tree.root).as_posix()


def _sweep(home: Path, keep: Path | None) -> None:
    """Remove what older runs left, finished or not."""
    for entry in home.iterdir() if home.is_dir() else ():
        if entry.is_dir() and entry != keep:
            shutil.rmtree(entry, ignore_errors=True)


def _run(tree: Tree, out: Path, logs: Path, progress: Progress) -> None:
    """Run every generator to its end, or none: the first that fails ends the others."""
    running: list[tuple[subprocess.Popen[bytes], Path]] = []
    try:
        for generator in _GENERATORS:
            log = logs / f"{generator.module}.log"
            with log.open("wb") as said:
                process = subprocess.Popen(
                    generator.command(tree, out),
                    cwd=tree.root,
                    env=_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=subprocess.STDOUT,
                )
            running.append((process, log))
        while any(process.poll() is None for process, _ in running):
            progress("Generating code", count_files(out), None)
            for process, log in running:
                if process.poll():
                    raise _failed(tree, log)
            time.sleep(_LOOK)
        for process, log in running:
            if process.returncode:
                raise _failed(tree, log)
        for _, log in running:
            log.unlink()
    finally:
        for process, _ in running:
            process.kill()
            process.wait()


def _environment() -> dict[str, str]:
    """Ours, but such that a child finds the tree's modules in the folder that it runs in."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"} | _SETTINGS


def _failed(tree: Tree, log: Path) -> TourError:
    said = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    last = said[-1].strip() if said else "it said nothing"
    absent = re.fullmatch(r"ModuleNotFoundError: No module named '(\w+)[\w.]*'", last)
    if absent and not any((tree.root / name).exists() for name in (absent[1], f"{absent[1]}.py")):
        package = _PACKAGES.get(absent[1], absent[1])
        return TourError(
            f"the code generation of PyTorch {tree.version} needs {package}, which this Python does not have",
            hint=f"`{sys.executable} -m pip install {package}` (or 'tour-pytorch[generated]') brings it.",
        )
    return TourError(
        f"the code generation of PyTorch {tree.version} failed: {last}",
        hint=f"All that it said is in {log}.",
    )
