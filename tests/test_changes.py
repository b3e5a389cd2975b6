"""What changed under a step: both texts can be read out of it again, and each state is told."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tour import build, changes, tours
from tour.changes import Change, Side
from tour.index import Index
from tour.tree import Tree, TreeKind

from . import annotations
from .conftest import mini_tree

WORDS = ("a", "be", "f(x)", "return", "(", ")", "  ", "é", "0x1")


def side_of(hunks: tuple[tuple[changes.Line, ...], ...], kinds: str) -> list[tuple[int, str]]:
    """One of the two texts as the hunks tell it: each of its lines with its number."""
    number_of = {" -": lambda line: line.before, " +": lambda line: line.after}[kinds]
    told: dict[int, str] = {}
    for line in (line for hunk in hunks for line in hunk):
        if (number := number_of(line)) is not None:
            told[number] = told.get(number, "") + "".join(text for kind, text in line.pieces if kind in kinds)
    return sorted(told.items())


@pytest.mark.parametrize("seed", range(60))
def test_both_texts_stand_in_the_hunks(seed: int) -> None:
    chance = random.Random(seed)
    old = ["".join(chance.choices(WORDS, k=chance.randint(0, 6))).rstrip() for _ in range(chance.randint(0, 30))]
    new = list(old)
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, len(new))
        new[at : at + chance.randint(0, 3)] = ["".join(chance.choices(WORDS, k=4)).rstrip()] * chance.randint(0, 3)
    hunks = tuple(changes._hunks(old, new, 10, 200))
    for text, first, kinds in ((old, 10, " -"), (new, 200, " +")):
        for number, line in side_of(hunks, kinds):
            assert line == text[number - first]
    kept = {line.before for hunk in hunks for line in hunk}
    changed = [n for n, line in enumerate(old, 10) if line not in new]
    assert set(changed) <= kept and bool(hunks) == (old != new)


def test_only_the_words_that_changed_are_marked() -> None:
    (hunk,) = changes._hunks(["x = first(a, b)"], ["x = second(a, b)"], 1, 1)
    assert hunk[0].pieces == ((" ", "x = "), ("-", "first"), ("+", "second"), (" ", "(a, b)"))


@pytest.fixture
def changed(mini_index: Callable[[str], Path], tmp_path: Path) -> dict[str, Change]:
    told = tours.load("mini", annotations.write(tmp_path))
    with Index(mini_index("9.0.0")) as old, Index(mini_index("9.1.0")) as new:
        before = Side("9.0.0", old, mini_tree("9.0.0").read)
        after = Side("9.1.0", new, mini_tree("9.1.0").read)
        return {change.step: change for change in changes.changes(told, before, after, "en")}


def test_a_statement_that_is_spelt_anew_is_edited(changed: dict[str, Change]) -> None:
    manager = changed["manager"]
    assert manager.states == ("edited",) and manager.title == "Step `manager`"
    pieces = [piece for line in manager.hunks[0] for piece in line.pieces]
    assert ("+", "_") in pieces or ("+", "_manager") in pieces
    assert changed["deps"].states == ("same",) and changed["deps"].hunks == ()


@pytest.mark.parametrize(
    ("before", "after", "states"),
    [
        ({"a.py": "def f():\n    return 1\n"}, {"a.py": "\ndef f():\n    return 1\n"}, ("same",)),
        ({"a.py": "def f():\n    return 1\n"}, {"a.py": "def f():\n    return 2\n"}, ("edited",)),
        ({"a.py": "def f():\n    return 1\n"}, {"b.py": "def f():\n    return 1\n"}, ("renamed", "moved")),
        ({"a.py": "def f():\n    return 1\n"}, {"b.py": "def f():\n    return 2\n"}, ("renamed", "moved", "edited")),
        ({"a.py": "def f():\n    return 1\n"}, {"b.py": "x = 1\n"}, ("lost",)),
    ],
)
def test_each_state_is_told(
    tmp_path: Path, before: dict[str, str], after: dict[str, str], states: tuple[str, ...]
) -> None:
    yaml = "steps:\n  - {id: f, lane: python, anchor: {symbol: 'py:a.f'}}\n"
    text = annotations.prose("t", ("f",))
    told = tours.load("mini", annotations.write(tmp_path / "told", yaml=yaml, en=text, zh=text))
    sides = []
    for name, files in (("before", before), ("after", after)):
        for file, source in files.items():
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / file).write_text(source)
        tree = Tree(tmp_path / name, "1.0", TreeKind.FOLDER)
        build.update(tree, tmp_path / f"{name}.sqlite")
        sides.append((Index(tmp_path / f"{name}.sqlite"), tree))
    (old, old_tree), (new, new_tree) = sides
    with old, new:
        (change,) = changes.changes(told, Side("1", old, old_tree.read), Side("2", new, new_tree.read), "en")
    assert change.states == states and change.number == 1
    assert bool(change.notes) == (states[0] in {"renamed", "lost"}) and all(n.startswith("2: ") for n in change.notes)
