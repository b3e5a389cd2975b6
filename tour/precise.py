"""Reading single C++ and CUDA files with libclang on a tree that nobody built, and keeping what it says in the index.

What a build would have made is made here: the generated and configured headers by the tree's own code generation
(``codegen.py``), clang's own headers from the ``clang-tidy`` package, and those of bundled libraries (fmt, pybind11,
kineto, …) from an installed torch, which is found without being imported. CUDA is read for the host, with the toolkit's
headers where there are any, else with stand-ins for what PyTorch uses of them (``tour/cuda``). The result of a file is
kept until the file, a header of the tree that it includes, or libclang's arguments change. Left out: device code's own
overloads, and the branches that other ``USE_…`` macros of a full build would take.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from tour import codegen
from tour.errors import TourError
from tour.index import Index, PreciseRow, StoredReading, Writer, digest_of, last_part
from tour.model import Lang, Progress, Role, silent
from tour.tree import Tree, alone, cache_dir, index_path

if TYPE_CHECKING:
    from tour.parsers import clang

HEADERS = "TOUR_TORCH_INCLUDE"
"""The environment variable that names an ``include`` folder of torch, where none is installed beside tour."""

TOOLKIT = ("CUDA_HOME", "CUDA_PATH")
"""The environment variables that may name a CUDA toolkit; the first that holds its headers is taken."""

KINDS = (".cpp", ".cc", ".cxx", ".c", ".cu", ".cuh", ".h", ".hh", ".hpp")
"""How the files end that can be read."""

_BUNDLED = ("fmt", "pybind11", "kineto", "fbgemm", "oneapi", "dnnl.h", "dnnl.hpp", "sleef.h")
"""Of torch's ``include`` only what the tree does not have; its own headers there are those of another version."""

_OWN = Path(__file__).parent / "cuda"
_MEMORY = 1_000_000_000
"""Bytes that one reader may come to need; a file takes 0.3 to 0.8 GB."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of one file."""

    file: str
    calls: int
    """Calls and launches that are resolved."""
    written: int
    """How many there are in all; macros, and what stands behind an ``#if`` that is not taken, among them."""
    errors: int
    missing: tuple[str, ...]
    """Headers that were not found."""
    kept: bool
    """Whether it was known from before."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to read the files of one tree."""

    root: Path
    out: Path
    """Where the tree's generated and configured headers are."""
    common: tuple[str, ...]
    """A compiler's arguments for every file."""
    cuda: tuple[str, ...]
    """More of them for CUDA."""
    folders: tuple[Path, ...]
    """Where headers are looked for."""
    digest: bytes
    """Changes when what is read with it may change."""

    def arguments(self, file: str, lang: Lang) -> list[str]:
        """A compiler's arguments for one file of the tree."""
        # A header is read as what includes it, most often, would have it read.
        if lang is Lang.CUDA or (file.endswith((".h", ".hpp")) and "/cuda/" in file):
            own = ["-x", "cuda", "-std=c++17", *self.cuda]
        elif lang is Lang.C:
            own = ["-x", "c", "-std=c11"]
        else:
            own = ["-x", "c++", "-std=c++17"]
        cpu = "/cpu/" in file and file.startswith("aten/")
        capability = ["-DCPU_CAPABILITY=DEFAULT", "-DCPU_CAPABILITY_DEFAULT"] if cpu else []
        return [*own, *capability, *self.common]

    def place(self, file: str) -> Path:
        """Where a file of the index is, generated or not."""
        own = self.root / file
        return own if own.exists() else self.out / file.removeprefix("build/")

    def shown(self, path: str) -> str | None:
        """A file's path in the index; ``None`` outside the tree."""
        for folder, under in ((self.out / "aten", "build/aten/"), (self.out, ""), (self.root, "")):
            if path.startswith(f"{folder}{os.sep}"):
                return under + path[len(str(folder)) + 1 :].replace(os.sep, "/")
        return None


def read(
    tree: Tree, files: Sequence[str], progress: Progress = silent, waiting: Callable[[], None] = lambda: None
) -> list[Reading]:
    """Resolve the calls of some files and keep that in the tree's index, which must be there.

    A file is named from the tree's root, or from the current folder where that is in the tree. Raises ``TourError``
    where libclang or clang's headers are not installed, where a file is outside the tree, not in the index, of a kind
    that is not read this way or cannot be read, and what ``codegen.generate`` raises.
    """
    _require()
    asked = list(dict.fromkeys(named(tree, file) for file in files))
    with Index(index_path(tree)) as index:
        langs = {file: _lang(index, file) for file in asked}
        recipe = recipe_of(tree, codegen.generate(tree, progress))
        keys = {file: _key(index, file, recipe) for file in asked}
        found = {file: _known(index, recipe, file, keys[file]) for file in asked}
    new = [file for file in asked if found[file] is None]
    progress("Reading with libclang", len(asked) - len(new), len(asked))
    for number, (file, understood) in enumerate(_understood(recipe, {file: langs[file] for file in new}), 1):
        found[file] = _keep(tree, recipe, file, keys[file], understood, waiting)
        progress("Reading with libclang", len(asked) - len(new) + number, len(asked))
    return [reading for file in asked if (reading := found[file])]


def _understood(recipe: Recipe, files: dict[str, Lang]) -> Iterator[tuple[str, clang.Understood | None]]:
    """What libclang makes of each file, on as many cores as there are and memory allows."""
    tasks = {file: (recipe.place(file), recipe.arguments(file, lang)) for file, lang in files.items()}
    if len(tasks) < 2:
        yield from ((file, _task(*task)) for file, task in tasks.items())
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with ProcessPoolExecutor(max(1, min(cores, len(tasks), _memory() // _MEMORY))) as pool:
        running = {file: pool.submit(_task, *task) for file, task in tasks.items()}
        try:
            for file, future in running.items():
                yield file, future.result()
        except BrokenProcessPool as error:
            raise TourError(
                "a reader was ended from outside", hint="Is there memory left? Name fewer files."
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _memory() -> int:
    """Half of the memory, where the system tells how much there is."""
    try:
        return os.sysconf("SC_PHYS_PAGES") // 2 * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 4 * _MEMORY


def _task(path: Path, arguments: list[str]) -> clang.Understood | None:
    from tour.parsers import clang

    return clang.understand(path, arguments)


def _keep(
    tree: Tree, recipe: Recipe, file: str, key: str, understood: clang.Understood | None, waiting: Callable[[], None]
) -> Reading:
    if understood is None:
        raise TourError("libclang cannot read the file", at=file)
    path = index_path(tree)
    with Index(path) as index:
        places = _written(index, file)
    rows = [
        PreciseRow(call.line, call.column, call.qualname, recipe.shown(call.file), call.target_line, call.struct)
        for call in understood.calls
        if (call.line, call.column, last_part(call.qualname)) in places
    ]
    headers = [shown for header in understood.headers if (shown := recipe.shown(header))]
    reading = StoredReading(key, understood.errors, tuple(understood.missing))
    with alone(path.with_suffix(".lock"), waiting), Writer(path, fresh=False) as writer:
        writer.set_precise(file, reading, headers, rows)
    return _reading(file, reading, rows, len(places), kept=False)


def _known(index: Index, recipe: Recipe, file: str, key: str) -> Reading | None:
    stored = index.precise_reading(file)
    if stored is None or stored.key != key:
        return None
    folders = (recipe.place(file).parent, *recipe.folders)
    if any((folder / header).exists() for header in stored.missing for folder in folders):
        return None  # found by now
    return _reading(file, stored, index.precise(file), len(_written(index, file)), kept=True)


def _reading(file: str, stored: StoredReading, rows: Iterable[PreciseRow], written: int, *, kept: bool) -> Reading:
    resolved = {(row.line, row.column, last_part(row.qualname)) for row in rows}
    return Reading(file, len(resolved), written, stored.errors, stored.missing, kept)


def _written(index: Index, file: str) -> set[tuple[int, int, str]]:
    """Where calls and launches are written, and of what."""
    found = index.mentions_in(file, Role.CALL, Role.LAUNCH)
    return {(mention.line, mention.column, last_part(mention.name)) for mention in found}


def named(tree: Tree, file: str) -> str:
    """A file's path from the tree's root. Raises ``TourError`` where it is outside the tree."""
    root = os.path.realpath(tree.root)
    for start in (Path.cwd(), root):
        place = os.path.realpath(Path(start, file))
        if place.startswith(f"{root}{os.sep}") and (start == root or Path(place).exists()):
            return place[len(root) + 1 :].replace(os.sep, "/")
    raise TourError("the file is outside the tree", at=file, hint=f"The tree is {tree.root}.")


def _require() -> None:
    for module, package in (("clang", "libclang==18.1.1"), ("clang_tidy", "clang-tidy==18.1.8")):
        if importlib.util.find_spec(module) is None:
            raise TourError(
                f"{package} is not installed", hint="`pip install 'tour-pytorch[precise]'` brings what libclang needs."
            )


def _lang(index: Index, file: str) -> Lang:
    stored = index.file(file)
    if stored is None:
        raise TourError("the index has no such file", at=file, hint="Name it from the tree's root; `tour index` first.")
    if not file.endswith(KINDS):
        raise TourError("not a C, C++ or CUDA file", at=file, hint=f"Those that can be read end in {', '.join(KINDS)}.")
    return stored.lang


def _key(index: Index, file: str, recipe: Recipe) -> str:
    stored = index.file(file)
    digest = stored.digest if stored is not None else b""
    return hashlib.blake2b(digest + recipe.digest, digest_size=16).hexdigest()


def recipe_of(tree: Tree, out: Path) -> Recipe:
    """How to read the files of a tree whose generated headers are in ``out``."""
    import clang_tidy

    own = Path(clang_tidy.__file__).parent / "data/lib/clang"
    resources = next(iter(sorted(own.iterdir())), own)
    libraries = cache_dir() / "headers"
    present = list(_bundled(libraries))
    places = [out / "aten/src", tree.root / "aten/src", out, tree.root]
    places += [folder / "torch/csrc/api/include" for folder in (out, tree.root)]
    places += [tree.root / "torch/csrc", tree.root / "torch/lib/libshm", *sorted(tree.root.glob("third_party/miniz-*"))]
    toolkit = _toolkit()
    system = [Path(sysconfig.get_paths()["include"]), libraries, libraries / "kineto"]
    system += [*(toolkit or [_OWN / "runtime"]), _OWN / "libraries"]
    flags = ["-resource-dir", str(resources), "-ferror-limit=0", "-w", "-DNDEBUG", "-DAT_PER_OPERATOR_HEADERS"]
    flags += ["-DFMT_HEADER_ONLY=1"]
    includes = [part for place in places for part in ("-I", str(place))]
    includes += [part for place in system for part in ("-isystem", str(place))]
    # What clang's driver includes first if it finds the toolkit itself, which it knows in one folder only.
    first = "__clang_cuda_runtime_wrapper.h" if toolkit else "cuda_runtime.h"
    cuda = ("--cuda-host-only", "-nocudainc", "-nocudalib", "-DUSE_CUDA", "-include", first)
    common = (*flags, *includes)
    ours = [file.read_bytes() for file in sorted(_OWN.rglob("*.h"))]
    ours += [(Path(__file__).parent / "parsers/clang.py").read_bytes()]
    told = repr((common, cuda, sorted(present), version("libclang"))).encode()
    return Recipe(tree.root, out, common, cuda, (*places, *system), digest_of(b"\0".join([told, *ours])))


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


def _toolkit() -> list[Path]:
    """The folders that hold a CUDA toolkit's headers; none where it is not there or not whole.

    Of NVIDIA's packages for Python each holds a part, and torch brings too few of them.
    """
    for variable in TOOLKIT:
        if told := os.environ.get(variable):
            folders = [Path(told) / "include", Path(told) / "include/cccl"]
            if _is_whole(folders):
                return folders
    spec = importlib.util.find_spec("nvidia")
    parts = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    folders = [folder for part in parts for folder in sorted(part.glob("*/include"))]
    folders += [folder / "cccl" for folder in folders]
    return folders if _is_whole(folders) else []


def _is_whole(folders: Iterable[Path]) -> bool:
    wanted = ("cuda_runtime.h", "crt/host_config.h", "thrust/complex.h")
    return all(any((folder / name).is_file() for folder in folders) for name in wanted)


def advice(reading: Reading) -> str | None:
    """What to do about headers that are missing."""
    if not reading.missing:
        return None
    python = Path(sys.executable).name
    cuda = any(name.startswith(("cu", "nv", "thrust/")) for name in reading.missing)
    toolkit = f" CUDA's come from the toolkit that {TOOLKIT[0]} names." if cuda else ""
    return (
        f"missing: {', '.join(reading.missing[:6])}. Headers of bundled libraries come from an installed torch "
        f"(`{python} -m pip install torch`), or from the folder that {HEADERS} names.{toolkit}"
    )
