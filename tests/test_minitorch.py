"""The expectations that stand beside minitorch's code, read and held against what the parsers and linkers say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tour.index import Index
from tour.links import Links, Node, node

from . import expectations
from .conftest import MINI, MINI_VERSIONS

ALL = [(version, expected) for version in MINI_VERSIONS for expected in expectations.read(MINI / version)]


def test_each_version_states_enough() -> None:
    for version in MINI_VERSIONS:
        assert sum(row[0] == version for row in ALL) > 45


@pytest.mark.parametrize(("version", "expected"), ALL, ids=[f"{row[0]}-{row[1].file}:{row[1].line}" for row in ALL])
def test_expectation(version: str, expected: expectations.Expected, mini_index: Callable[[str], Path]) -> None:
    with Index(mini_index(version)) as index:
        expectations.hold(expected, index)


def test_nothing_leads_through_an_overload_stub(mini: tuple[object, Index]) -> None:
    _, index = mini
    linear = index.symbols("torch.nn.linear.Linear.__init__")[0]
    to = [link for link in Links(index).leaving(node(linear)) if link.target.endswith("Module.to")]
    assert [link.target_at.line for link in to if link.target_at] == [
        symbol.line for symbol in index.symbols("torch.nn.module.Module.to") if symbol.is_definition
    ]


def test_a_guess_says_how_many_it_could_have_been(mini: tuple[object, Index]) -> None:
    _, index = mini
    init = next(symbol for symbol in index.symbols("initModule", "cpp") if symbol.is_definition)
    guesses = [link for link in Links(index).leaving(node(init)) if link.target.endswith("::helper")]
    assert [(link.target, link.grade.value, link.candidates) for link in guesses] == [
        ("cpp:one::helper", "name", 2),
        ("cpp:two::helper", "name", 2),
    ]


def test_an_import_that_never_runs_is_no_link(mini: tuple[object, Index]) -> None:
    _, index = mini
    module = index.symbols("torch.functional")[0]
    imported = {link.target for link in Links(index).leaving(node(module), None, ("imports",))}
    assert "py:torch.nn.linear.Linear" in imported and "py:torch.nn.module.Module" not in imported


def test_who_leads_to_a_symbol(mini: tuple[object, Index]) -> None:
    _, index = mini
    links = Links(index)

    def arriving(target: str) -> set[tuple[str, str]]:
        return {(link.kind.value, link.source) for link in links.arriving(Node(target)) if link.grade == "exact"}

    assert ("calls", "py:torch.engine.use") in arriving("py:torch.engine.Both.__init__")
    assert ("calls", "py:torch.engine.use") in arriving("py:torch.engine.Both.go")
    assert ("calls", "py:torch.functional.einsum") in arriving("py:torch.nn.linear.Linear.__init__")  # as Layer
    assert {("inherits", "py:torch.engine.Left"), ("inherits", "py:torch.engine.Right")} <= arriving(
        "py:torch.engine.Base"
    )
    assert ("hands", "py:torch.data.loader.Loader.give") in arriving("py:torch.data.worker.work.one")
    assert ("starts", "py:torch.data.loader.Loader.__init__") in arriving("py:torch.data.worker.work")
    assert ("calls", "py:torch.autograd.function.cube") in arriving("py:torch.autograd.function.Cube.forward")
    assert ("differentiates", "py:torch.autograd.function.Cube.forward") in arriving(
        "py:torch.autograd.function.Cube.backward"
    )
    assert ("imports", "py:torch") in arriving("py:torch._early")
    assert arriving("py:torch.engine.nothing") == set()
