"""Reading single C++ files with libclang on a tree that nobody built, and keeping what it says in the index.

What a build would have made is made here: the generated and configured headers by the tree's own code generation
(``codegen.py``), clang's own headers from the ``clang-tidy`` package, and those of bundled libraries (fmt, pybind11,
kineto, …) from an installed torch, which is found without being imported. The result of a file is kept until the file,
what is beside it, or libclang changes. Left out: CUDA files, and the branches that ``USE_…`` macros of a full build
would take.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tour import codegen
from tour.errors import TourError
from tour.index import Index, PreciseRow, Writer, digest_of
from tour.model import Progress, silent
from tour.tree import Tree, alone, cache_dir, index_path

HEADERS = "TOUR_TORCH_INCLUDE"
"""The environment variable that names an ``include`` folder of torch, where none is installed beside tour."""

_BUNDLED = ("fmt", "pybind11", "kineto", "fbgemm", "oneapi", "dnnl.h", "dnnl.hpp", "sleef.h")
"""Of torch's ``include`` only what the tree does not have; its own headers there are those of another version."""

_KINDS = (".cpp", ".cc", ".cxx", ".c")


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of one file."""

    file: str
    calls: int
    """Calls that are resolved."""
    errors: int
    missing: tuple[str, ...]
    """Headers that were not found."""
    kept: bool
    """Whether it was known from before."""


def read(
    tree: Tree, files: Sequence[str], progress: Progress = silent, waiting: Callable[[], None] = lambda: None
) -> list[Reading]:
    """Resolve the calls of some files and keep that in the tree's index, which must be there.

    Raises ``TourError`` where libclang or clang's headers are not installed, where a file is not in the index or is
    of a kind that is not read this way, and what ``codegen.generate`` raises.
    """
    _require()
    out = codegen.generate(tree, progress)
    arguments, libraries = _arguments(tree, out)
    recipe = digest_of(repr((arguments, sorted(libraries))).encode())
    path = index_path(tree)
    with Index(path) as index:
        keys = {file: _key(index, file, recipe) for file in files}
        kept = {file: index.precise_key(file) for file in files}
    found: list[Reading] = []
    for number, file in enumerate(files):
        progress("Reading with libclang", number, len(files))
        if kept[file] == keys[file]:
            with Index(path) as index:
                rows = index.precise(file)
            found.append(Reading(file, len(rows), 0, (), True))
            continue
        reading, rows = _read(tree, out, file, arguments)
        with alone(path.with_suffix(".lock"), waiting), Writer(path, fresh=False) as writer:
            writer.set_precise(file, keys[file], rows)
        found.append(reading)
    progress("Reading with libclang", len(files), len(files))
    return found


def _require() -> None:
    for module, package in (("clang", "libclang==18.1.1"), ("clang_tidy", "clang-tidy==18.1.8")):
        if importlib.util.find_spec(module) is None:
            raise TourError(
                f"{package} is not installed", hint="`pip install 'tour-pytorch[precise]'` brings what libclang needs."
            )


def _key(index: Index, file: str, recipe: bytes) -> str:
    stored = index.file(file)
    if stored is None:
        raise TourError("the index has no such file", at=file, hint="Name it from the tree's root; `tour index` first.")
    if not file.endswith(_KINDS):
        raise TourError(
            "not a C or C++ source file", at=file, hint=f"Those that can be read end in {', '.join(_KINDS)}."
        )
    return hashlib.blake2b(stored.digest + recipe, digest_size=16).hexdigest()


def _arguments(tree: Tree, out: Path) -> tuple[list[str], list[str]]:
    """A compiler's arguments for the tree, and the bundled libraries whose headers are at hand."""
    import clang_tidy

    own = Path(clang_tidy.__file__).parent / "data/lib/clang"
    resources = next(iter(sorted(own.iterdir())), own)
    libraries = cache_dir() / "headers"
    present = list(_bundled(libraries))
    places = [out / "aten/src", tree.root / "aten/src", out, tree.root]
    places += [folder / "torch/csrc/api/include" for folder in (out, tree.root)]
    places += [tree.root / "torch/csrc", tree.root / "torch/lib/libshm", *sorted(tree.root.glob("third_party/miniz-*"))]
    system = [sysconfig.get_paths()["include"], str(libraries), str(libraries / "kineto")]
    flags = ["-resource-dir", str(resources), "-ferror-limit=0", "-w", "-DNDEBUG", "-DAT_PER_OPERATOR_HEADERS"]
    flags += ["-DFMT_HEADER_ONLY=1"]
    includes = [part for place in places for part in ("-I", str(place))]
    includes += [part for place in system for part in ("-isystem", place)]
    return [*flags, *includes], present


def _bundled(libraries: Path) -> Iterator[str]:
    """Links to the headers of bundled libraries, in a folder of their own; the names of those that there are."""
    libraries.mkdir(parents=True, exist_ok=True)
    source = _torch_include()
    for name in _BUNDLED:
        link = libraries / name
        if source is not None and (source / name).exists() and not link.exists():
            link.unlink(missing_ok=True)
            link.symlink_to(source / name)
        if link.exists():
            yield name


def _torch_include() -> Path | None:
    if told := os.environ.get(HEADERS):
        return Path(told)
    spec = importlib.util.find_spec("torch")
    places = [Path(place) / "include" for place in (spec.submodule_search_locations or ())] if spec else []
    return next((place for place in places if place.is_dir()), None)


def _read(tree: Tree, out: Path, file: str, arguments: list[str]) -> tuple[Reading, list[PreciseRow]]:
    from tour.parsers import clang

    standard = "-std=c11" if file.endswith(".c") else "-std=c++17"
    cpu = "/cpu/" in file and file.startswith("aten/")
    capability = ["-DCPU_CAPABILITY=DEFAULT", "-DCPU_CAPABILITY_DEFAULT"] if cpu else []
    understood = clang.understand(tree.root / file, [standard, *capability, *arguments])
    rows = [
        PreciseRow(
            call.line,
            call.column,
            call.qualname,
            _relative(call.file, tree.root, out),
            call.target_line,
            call.struct,
        )
        for call in understood.calls
    ]
    return Reading(file, len(rows), understood.errors, tuple(understood.missing), False), rows


def _relative(file: str, root: Path, out: Path) -> str | None:
    """A header's path in the tree; ``None`` outside of it."""
    for folder, under in ((out / "aten", "build/aten/"), (out, ""), (root, "")):
        if file.startswith(f"{folder}{os.sep}"):
            return under + file[len(str(folder)) + 1 :].replace(os.sep, "/")
    return None


def advice(reading: Reading) -> str | None:
    """What to do about headers that are missing."""
    if not reading.missing:
        return None
    python = Path(sys.executable).name
    return (
        f"missing: {', '.join(reading.missing[:6])}. Headers of bundled libraries come from an installed torch "
        f"(`{python} -m pip install torch`), or from the folder that {HEADERS} names."
    )
