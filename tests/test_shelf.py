"""Two trees asked together: what crosses from one to the other, and what does not."""

from __future__ import annotations

import pytest

from tour import questions
from tour.index import Index
from tour.links import Links, Node, node
from tour.model import Grade, Lane, Role, tree_of
from tour.shelf import Shelf, _Book, _View
from tour.tree import Tree

from . import expectations
from .conftest import SHAPES

Both = tuple[Tree, Index]

EXPECTED = list(expectations.read(SHAPES))


@pytest.mark.parametrize("expected", EXPECTED, ids=[f"{row.file}:{row.line}" for row in EXPECTED])
def test_expectation(expected: expectations.Expected, shelf: Both) -> None:
    expectations.hold(expected, shelf[1], "minishapes")


def test_every_question_that_an_index_answers_is_put_to_every_tree() -> None:
    asked = {name for name, what in vars(Index).items() if callable(what) and not name.startswith("_")}
    assert asked - {"of", "standing", "home", "naming", "standpoints"} <= set(vars(_Book))
    assert asked <= set(vars(_View))


def test_a_file_of_a_project_begins_with_its_name(shelf: Both) -> None:
    tree, index = shelf
    ours = [symbol.file for symbol in index.symbols("setup", "py")]
    assert ours == ["setup.py", "minishapes//setup.py"]
    assert index.file("minishapes//setup.py") and index.file("setup.py") and not index.file("minishapes//nothing.py")
    assert tree.read("minishapes//setup.py") == (SHAPES / "setup.py").read_bytes()
    for symbol in index.symbols_in("minishapes//minishapes/ops.py"):
        assert index.symbol(symbol.row) == symbol
        assert symbol.parent is None or symbol in index.members(symbol.parent)
    for mention in index.mentions_of("paint", Role.CALL, Role.ENTRY):
        assert mention.scope is not None and index.symbol(mention.scope).file == mention.file


def test_pytorch_answers_as_if_nothing_stood_beside_it(shelf: Both) -> None:
    _, index = shelf
    alone = index.standing("torch/functional.py")
    assert not isinstance(alone, Shelf) and index.of("pytorch") is alone
    for name in ("initModule", "to", "forward", "setup"):
        for symbol in alone.symbols_named(name):
            assert Links(index).leaving(node(symbol)) == Links(alone).leaving(node(symbol))
    asked = questions.where("torch.functional.einsum", index, "forward")
    assert asked == questions.where("torch.functional.einsum", alone, "forward") and asked.layers


def test_a_project_sees_its_own_before_pytorchs(shelf: Both) -> None:
    _, index = shelf
    setup = index.symbols_at("setup", "py", index.symbols("setup", "py")[1].at)[0]
    seen = index.standing(setup.file)
    assert [symbol.file for symbol in seen.symbols("setup", "py")] == ["minishapes//setup.py", "setup.py"]


def test_who_leads_from_the_project_into_pytorch(shelf: Both) -> None:
    _, index = shelf
    to = next(symbol for symbol in index.symbols("torch.nn.module.Module.to") if symbol.is_definition)
    found = {(link.source, str(link.at)) for link in Links(index).arriving(node(to))}
    assert ("py:minishapes.ops.Painter.forward", "minishapes//minishapes/ops.py:25") in found
    answer = questions.where("Module.to", index, "callers")
    assert "py:minishapes.ops.Painter.forward" in [layer.symbol for layer in answer.layers]
    norm = index.symbols("aten::mini_norm", "op")[0]
    callers = {link.source for link in Links(index).arriving(node(norm))}
    assert {"cpp:PaintCuda", "cpp:PaintCpu"} <= callers


def test_where_a_project_s_function_is_really_implemented(shelf: Both) -> None:
    _, index = shelf
    answer = questions.where("minishapes.paint", index, "forward")
    assert [(layer.lane, layer.symbol, layer.depth) for layer in answer.layers] == [
        (Lane.PYTHON, "py:minishapes.ops.paint", 0),
        (Lane.PYTHON, "py:minishapes.ops._Paint.forward", 1),
        (Lane.BINDING, "py:minishapes._C.paint", 2),
        (Lane.CPP, "cpp:Paint", 3),
        (Lane.CPP, "cpp:PaintCuda", 4),
        (Lane.KERNEL, "cpp:PaintKernel", 5),
        (Lane.CPP, "cpp:PaintCpu", 4),
    ]
    assert str(answer.layers[2].at) == "minishapes//minishapes/csrc/ext.cpp:4"
    backward = questions.where("minishapes.ops._Paint", index, "backward")
    assert "cpp:PaintBackward" in [layer.symbol for layer in backward.layers]


def test_a_kernel_leads_up_to_the_name_in_python(shelf: Both) -> None:
    answer = questions.where("PaintKernel", shelf[1], "forward")
    assert [layer.symbol for layer in answer.layers] == [
        "py:minishapes._C.paint", "cpp:Paint", "cpp:PaintCuda", "cpp:PaintKernel",
    ]  # fmt: skip


def test_one_route_goes_through_both_trees(shelf: Both) -> None:
    _, index = shelf
    (route,) = questions.path("minishapes.Painter", "PaintKernel", index)
    assert [link.target for link in route] == [
        "py:minishapes.ops.paint", "py:minishapes.ops._Paint.forward", "py:minishapes._C.paint", "cpp:Paint",
        "cpp:PaintCuda", "cpp:PaintKernel",
    ]  # fmt: skip
    assert all(link.grade is Grade.EXACT and link.at.file.startswith("minishapes//") for link in route)
    (route,) = questions.path("minishapes.Painter", "aten::mini_norm", index)
    assert route[-1].target_at is not None and tree_of(route[-1].target_at.file) == ""
    assert route[-1].source in {"cpp:PaintCuda", "cpp:PaintCpu"} and route[0].source.startswith("py:minishapes.")
    assert questions.path("torch.functional.einsum", "PaintKernel", index) == []


def test_an_operator_of_the_project(shelf: Both) -> None:
    answer = questions.where("minishapes.ops.stroke", shelf[1], "forward")
    assert [layer.symbol for layer in answer.layers] == [
        "py:minishapes.ops.stroke", "op:minishapes::stroke", "cpp:shapes::stroke_cpu",
    ]  # fmt: skip
    callers = questions.where("minishapes::stroke", shelf[1], "callers")
    assert "py:minishapes.ops.stroke" in [layer.symbol for layer in callers.layers]
    assert Links(shelf[1]).leaving(Node("py:minishapes.ops.nothing")) == []


def test_what_was_asked_is_remembered_until_one_of_the_trees_changes(shelf: Both) -> None:
    _, index = shelf
    index.remember("asked", "told")
    assert index.recall("asked") == "told"
    first = index.of("pytorch")
    assert first is not None and first.recall("asked") is None
