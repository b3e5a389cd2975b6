"""The expectations that stand beside minitorch's code, read and held against what the parsers and linkers say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tour.index import Index
from tour.links import Links, Node, node

from .conftest import MINI, MINI_VERSIONS

EXPECTED = re.compile(r"(?:#|//): ((?:not )?\w+) (\S+)(?: -> (\S+))?(?: (exact|name))?\s*$")


def expectations(version: str) -> Iterator[tuple[str, int, str, str, str | None, str | None]]:
    for file in sorted((MINI / version).rglob("*")):
        if not file.is_file():
            continue
        for number, line in enumerate(file.read_text().splitlines(), start=1):
            if found := EXPECTED.search(line):
                yield file.relative_to(MINI / version).as_posix(), number, *found.groups()  # type: ignore[misc]


ALL = [(version, *expected) for version in MINI_VERSIONS for expected in expectations(version)]


def test_each_version_states_enough() -> None:
    for version in MINI_VERSIONS:
        assert sum(row[0] == version for row in ALL) > 45


@pytest.mark.parametrize(
    ("version", "file", "line", "what", "one", "other", "grade"),
    ALL,
    ids=[f"{row[0]}-{row[1]}:{row[2]}" for row in ALL],
)
def test_expectation(
    version: str,
    file: str,
    line: int,
    what: str,
    one: str,
    other: str | None,
    grade: str | None,
    mini_index: Callable[[str], Path],
) -> None:
    with Index(mini_index(version)) as index:
        symbols = index.symbols_in(file)
        if what in {"defines", "declares"}:
            here = {(symbol.id, symbol.is_definition) for symbol in symbols if symbol.line == line}
            assert (one, what == "defines") in here
            return
        links = Links(index)
        if other is not None:
            found = links.leaving(Node(one))
            target = other
        else:
            inside = [symbol for symbol in symbols if symbol.start_line <= line <= symbol.end_line]
            around = [symbol for symbol in inside if symbol.kind != "variable" or symbol.line == line]
            found = [link for symbol in around for link in links.leaving(node(symbol))]
            target = one
        seen = {(link.kind.value, link.target, link.grade.value) for link in found if str(link.at) == f"{file}:{line}"}
        if what.startswith("not "):
            assert not [row for row in seen if row[:2] == (what[4:], target)]
            return
        assert (what, target, grade) in seen
        assert not [row for row in seen if row[0] == what and row[2] == "exact" and grade == "name"]


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
