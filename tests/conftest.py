"""Trees and indexes that tests share. The invented ones are in ``minitorch/``; the real ones in the user's cache."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tour import build, cells
from tour.errors import TourError
from tour.index import Index
from tour.shelf import Shelf
from tour.tree import Tree, TreeKind, cache_dir, index_path, open_tree


def hears_interrupts() -> None:
    """For ``preexec_fn``: a shell's background job passes on that SIGINT is ignored, and a test sends one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


MINI = Path(__file__).parent / "minitorch"
MINI_VERSIONS = ("9.0.0", "9.1.0")
SHAPES = Path(__file__).parent / "minishapes"
"""A project that is built on minitorch: a pybind11 module, a kernel, operators of its own."""
REAL_VERSIONS = ("1.13.1", "2.6.0")


def mini_tree(version: str) -> Tree:
    return Tree(MINI / version, version, TreeKind.FOLDER)


@pytest.fixture(scope="session")
def mini_index(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The index of a minitorch version, built once."""
    made: dict[str, Path] = {}
    folder = tmp_path_factory.mktemp("mini")

    def get(version: str) -> Path:
        if version not in made:
            made[version] = folder / f"{version}.sqlite"
            build.update(mini_tree(version), made[version])
        return made[version]

    return get


@pytest.fixture(params=MINI_VERSIONS)
def mini(request: pytest.FixtureRequest, mini_index: Callable[[str], Path]) -> Iterator[tuple[Tree, Index]]:
    """Each minitorch with its index."""
    with Index(mini_index(request.param)) as index:
        yield mini_tree(request.param), index


@pytest.fixture(params=MINI_VERSIONS)
def shelf(
    request: pytest.FixtureRequest, mini_index: Callable[[str], Path], tmp_path: Path
) -> Iterator[tuple[Tree, Index]]:
    """Each minitorch with the project beside it, asked together."""
    project = Tree(SHAPES, "0.3.1", TreeKind.FOLDER, name="minishapes")
    build.update(project, tmp_path / "shapes.sqlite")
    with Index(mini_index(request.param)) as first, Index(tmp_path / "shapes.sqlite") as beside:
        yield replace(mini_tree(request.param), beside=(project,)), Shelf(first, [beside])


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return cache_dir()


def real_tree(version: str) -> Tree:
    """A real tree; on a developer's machine a missing one skips the test, in CI it fails it."""
    try:
        return open_tree(version)
    except TourError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"{error}: tour get {version}")


@pytest.fixture(params=REAL_VERSIONS)
def real(request: pytest.FixtureRequest) -> Iterator[tuple[Tree, Index]]:
    """Each real tree with its index, brought up to date."""
    tree = real_tree(request.param)
    build.update(tree, index_path(tree))
    with Index(index_path(tree)) as index:
        yield tree, index


def torch_pythons() -> dict[str, str]:
    """The Pythons that the tours' cells are for, by their torch: the newest, and the one that Debian carries."""
    return {"2.13.0": str(Path(__file__).parents[1] / ".venv-torch/bin/python"), "1.13.1": "/usr/bin/python3"}


@pytest.fixture(params=torch_pythons(), scope="session")
def torch_python(request: pytest.FixtureRequest) -> cells.Runner:
    """A Python that has torch; on a developer's machine a missing one skips the test, in CI it fails it."""
    try:
        return cells.runner(torch_pythons()[request.param])
    except TourError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"{error}: scripts/torches")
