"""A tour begun: it passes the check, and nothing is written where it cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

import tour
from tour import tours, views
from tour.errors import TourError
from tour.index import Index
from tour.model import Lane
from tour.tree import Tree, index_path

from .conftest import mini_tree


@pytest.fixture
def tree(own_cache: Path) -> Tree:
    tree = mini_tree("9.1.0")
    tour.update(tree)
    return tree


def findings(name: str, folder: Path, tree: Tree) -> list[views.Finding]:
    with Index(index_path(tree)) as index:
        return views.check(tours.load(name, folder), tree, index)


def test_a_route_becomes_a_tour_that_passes(tree: Tree, tmp_path: Path) -> None:
    made = tour.draft("mini-norm", tree, tmp_path, route=("torch.native_mini_norm", "mini_norm_kernel"))
    told = tours.load("mini-norm", tmp_path)
    assert made == tmp_path / "mini-norm/tour.yaml"
    assert told.steps[0].lane is Lane.DISPATCHER and told.steps[-1].anchors[0].symbol.endswith("mini_norm_kernel")
    assert sum(step.hop is not None for step in told.steps) == len(told.steps) - 1 > 1
    assert findings("mini-norm", tmp_path, tree) == []


def test_places_become_a_tour_that_passes(tree: Tree, tmp_path: Path) -> None:
    into = tmp_path / "not/there/yet"
    tour.draft("two", tree, into, places=("setup.py:7-9", "torch/__init__.py:1"), title="Two places")
    told = tours.named(str(into / "two"))
    assert told.prose["en"].title == "Two places" and len(told.steps) == 2
    assert findings("two", into, tree) == [] == tour.check(str(into / "two"), tree)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("Two", {"places": ("setup.py:7",)}),
        ("../two", {"places": ("setup.py:7",)}),
        ("two", {}),
        ("two", {"places": ("setup.py:70000",)}),
        ("two", {"places": ("setup.py",)}),
        ("two", {"route": ("torch.native_mini_norm", "no_such_thing")}),
        ("two", {"route": ("mini_norm_kernel", "torch.native_mini_norm")}),
    ],
)
def test_what_is_no_tour_leaves_nothing(
    tree: Tree, tmp_path: Path, name: str, what: dict[str, tuple[str, ...]]
) -> None:
    with pytest.raises(TourError) as caught:
        tour.draft(name, tree, tmp_path, **what)  # type: ignore[arg-type]
    assert caught.value.hint or caught.value.at or "nothing named" in caught.value.what
    assert list(tmp_path.glob("**/*.yaml")) == [] and list(tmp_path.glob(".new*")) == []


def test_a_tour_that_is_there_stays(tree: Tree, tmp_path: Path) -> None:
    tour.draft("two", tree, tmp_path, places=("setup.py:7",))
    before = (tmp_path / "two/tour.yaml").read_text()
    with pytest.raises(TourError, match="already"):
        tour.draft("two", tree, tmp_path, places=("setup.py:8",))
    assert (tmp_path / "two/tour.yaml").read_text() == before
