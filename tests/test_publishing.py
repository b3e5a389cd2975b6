"""Which versions a site shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tour import index, tree
from tour.cli import publishing
from tour.errors import TourError
from tour.tree import Tree, TreeKind

TREES = {
    version: Tree(Path("/nowhere") / version, version, TreeKind.FOLDER) for version in ("9.0.0", "9.1.0", "9.10.0")
}


@pytest.fixture
def at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three versions; the newest has no index unless it is asked for."""
    monkeypatch.setattr(publishing, "ready", lambda spec: TREES[spec or "9.1.0"])
    monkeypatch.setattr(tree, "trees", lambda: list(TREES.values()))
    monkeypatch.setattr(tree, "index_path", lambda one: one.root)
    monkeypatch.setattr(index, "state_of", lambda place: "absent" if place.name == "9.10.0" else "ready")


@pytest.mark.parametrize(
    "asked, shown",
    [
        ((), ["9.1.0", "9.0.0"]),
        (("9.0.0",), ["9.0.0"]),
        (("9.0.0", "9.10.0", "9.1.0"), ["9.0.0", "9.10.0", "9.1.0"]),
    ],
)
def test_the_versions_asked_for_are_shown_else_the_two_newest_with_an_index(
    at_hand: None, asked: tuple[str, ...], shown: list[str]
) -> None:
    assert [one.version for one in publishing._editions(asked)] == shown


def test_one_version_twice_is_a_mistake(at_hand: None) -> None:
    with pytest.raises(TourError, match="twice"):
        publishing._editions(("9.0.0", "9.0.0"))
