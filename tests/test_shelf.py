"""Two trees asked together: what crosses from one to the other, and what does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tour import proof, questions, tours, views
from tour.index import Index
from tour.links import Links, Node, node
from tour.model import Grade, Lane, Role, tree_of
from tour.render import data
from tour.shelf import Shelf, _Book, _View
from tour.tree import Tree

from . import annotations, expectations
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


CROSSING = """\
tree: minishapes
steps:
  - id: start
    lane: python
    anchor: {tree: pytorch, symbol: "py:torch.functional.einsum"}

  - id: painter
    lane: python
    anchor: {symbol: "py:minishapes.ops.Painter.forward", statement: "return paint(x)"}
    hop: calls

  - id: paint
    lane: python
    anchor: {symbol: "py:minishapes.ops.paint"}
    hop: calls

  - id: forward
    lane: python
    anchor: {symbol: "py:minishapes.ops._Paint.forward"}
    hop: binds

  - id: row
    lane: binding
    anchor: {symbol: "cpp:PYBIND11_MODULE", file: minishapes/csrc/ext.cpp, statement: 'm.def("paint", &Paint);'}
    hop: init

  - id: work
    lane: cpp
    anchor: {symbol: "cpp:Paint"}
    hop: calls

  - id: cuda
    lane: cpp
    anchor: {symbol: "cpp:PaintCuda"}
    hop: launches

  - id: kernel
    lane: kernel
    anchor: {symbol: "cpp:PaintKernel"}
    hop: {kind: calls, from: cuda}

  - id: norm
    lane: dispatcher
    anchor: {tree: pytorch, symbol: "op:aten::mini_norm"}
    hop: {kind: then, from: start}

  - id: end
    lane: python
    anchor:
      - {tree: pytorch, versions: "<9", symbol: "py:torch.functional.nothing"}
      - {tree: pytorch, symbol: "py:torch.functional.einsum", statement: "return inner()"}

  - id: later
    lane: python
    anchor: {versions: ">=0.4", symbol: "py:minishapes.ops.paint"}
"""


@pytest.fixture
def crossing(tmp_path: Path) -> tours.Tour:
    steps = ("start", "painter", "paint", "forward", "row", "work", "cuda", "kernel", "norm", "end", "later")
    prose = annotations.prose("Across", steps)
    return tours.load("across", annotations.write(tmp_path, "across", CROSSING, en=prose, zh=prose))


def test_a_tour_steps_into_pytorch_and_back(shelf: Both, crossing: tours.Tour) -> None:
    tree, index = shelf
    told = {passage.step.id: passage for passage in proof.walk(crossing, index, tree.read, tree.version)}
    assert proof.walk(crossing, index, tree.read, tree.version) == list(told.values())  # as remembered
    located = {step: passage.place.located for step, passage in told.items()}
    assert located == dict.fromkeys(told, "exact") | {"later": "absent"}
    assert told["later"].place.note == "not in 0.3.1" and told["later"].place.has_tree
    grades = {step: passage.proof.grade for step, passage in told.items() if passage.proof}
    assert grades == dict.fromkeys(["painter", "paint", "forward", "row", "work", "cuda", "kernel", "norm"], "exact")
    view = views.tour_view(crossing, tree, index, "en")
    assert view.trees == f"PyTorch {tree.version}, minishapes 0.3.1"
    steps = {step["id"]: step for step in data.trace(view)["steps"]}
    assert (steps["kernel"]["file"], steps["kernel"]["tree"]) == ("minishapes/csrc/paint.cu", "minishapes")
    assert steps["kernel"]["hop"]["at"] == {"file": "minishapes/csrc/paint.cu", "line": 10, "tree": "minishapes"}
    assert steps["norm"]["file"].endswith("native_functions.yaml") and "tree" not in steps["norm"]
    assert [code.code.lines[0] for code in view.steps if code.code and code.id == "work"] == [
        "  int dip() { return 1; }"
    ]


def test_without_the_project_the_rest_is_walked_and_what_is_missing_is_said(shelf: Both, crossing: tours.Tour) -> None:
    tree, index = shelf
    alone, tree = index.standing(""), replace(tree, beside=())
    told = {passage.step.id: passage for passage in proof.walk(crossing, alone, tree.read, tree.version)}
    assert {step for step, passage in told.items() if passage.place.located == "exact"} == {"start", "norm", "end"}
    for step in ("painter", "kernel", "later"):
        assert told[step].place.note == "minishapes is not at hand: tour get minishapes, tour index minishapes"
    assert {step for step, passage in told.items() if passage.proof} == {"norm"}
    view = views.tour_view(crossing, tree, alone, "zh")
    row = data.trace(view, "kernel")["steps"][0]
    assert (row["located"], row["file"], row["tree"], row["hop"]) == ("absent", None, "minishapes", None)
    assert views.check(crossing, tree, alone) == []


def test_a_step_that_the_project_lost_is_found_out(shelf: Both, crossing: tours.Tour) -> None:
    tree, index = shelf
    lost = replace(crossing.steps[3], anchors=(replace(crossing.steps[3].anchors[0], symbol="py:minishapes.gone"),))
    changed = replace(crossing, steps=(*crossing.steps[:3], lost, *crossing.steps[4:]), digest="another")
    found = views.check(changed, tree, index)
    assert [finding.step for finding in found if "no py:minishapes.gone" in finding.what] == ["forward"]
