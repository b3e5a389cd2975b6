"""The way that any program takes: calls folded into a tree, kernels under the operators that launched them."""

from __future__ import annotations

import json
from array import array
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import tour
from tour import cells
from tour.index import Index
from tour.model import Lane
from tour.render import data, flames
from tour.tree import index_path
from tour.witness.calls import Launch, Span, chrome, folded, kernels
from tour.witness.children import Ended
from tour.witness.programs import Passage, Program, read

SUM = (
    "void at::native::reduce_kernel<512, 1, at::native::ReduceOp<float, at::native::func_wrapper_t<float, "
    "at::native::sum_functor<float, float, float>::operator()(at::TensorIterator&)::{lambda(float, float)#1}>, "
    "unsigned int, float, 4, 4> >(at::native::ReduceOp<float, unsigned int, float, 4, 4>)"
)
"""A kernel's name, as the profiler of torch 2.11 gave it on a GPU."""


def operator(name: str, start: int, end: int, *launched: Launch) -> Span:
    return Span(start, end, name, Lane.DISPATCHER, None, launched)


def test_kernels_stand_under_their_operator_and_take_none_of_its_time() -> None:
    adds = [Launch("add_kernel", 900, None)]
    tree = folded(
        [[operator("aten::sum", 0, 100), operator("aten::add", 10, 40, *adds), operator("aten::add", 50, 60, *adds)]]
    )
    (outer,) = tree.largest()
    (inner,) = outer.largest()
    (kernel,) = inner.largest()
    assert (inner.count, inner.nanoseconds, inner.own) == (2, 40, 40)
    assert (kernel.name, kernel.lane, kernel.count, kernel.nanoseconds) == ("add_kernel", Lane.KERNEL, 2, 1800)
    assert tree.nanoseconds == 100
    assert [(one.name, operators) for one, operators in kernels(tree)] == [("add_kernel", ["aten::add"])]


def test_a_trace_has_a_track_for_each_stream() -> None:
    ran = Span(120, 130, "add_kernel", Lane.KERNEL, None)
    events: Any = chrome({7: [operator("aten::add", 100, 110)]}, 7, {"device 0, stream 7": [ran]})["traceEvents"]
    tracks = {event["tid"]: event["args"]["name"] for event in events if event["ph"] == "M"}
    assert tracks == {0: "main", 1: "device 0, stream 7"}
    assert [(event["name"], event["tid"], event["ts"]) for event in events if event["ph"] == "X"] == [
        ("aten::add", 0, 0.0),
        ("add_kernel", 1, 0.02),
    ]


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """What the probe writes of a program that adds up a tensor on a GPU."""
    notes: list[dict[str, Any]] = [
        {"kind": "begin", "thread": 1},
        {"kind": "kernel-name", "number": 0, "name": SUM},
        {"kind": "kernel-name", "number": 1, "name": "Memcpy DtoH (Device -> Pageable)"},
        {"kind": "span", "thread": 1, "name": "aten::sum", "start": 100, "end": 900, "launched": [[0, 50]]},
        {"kind": "span", "thread": 1, "name": "aten::item", "start": 1000, "end": 1500, "launched": [[1, 20]]},
        {"kind": "device-span", "name": 0, "start": 700, "end": 750, "device": [0, 7]},
        {"kind": "end", "devices": ["NVIDIA H100 80GB HBM3"]},
    ]  # fmt: skip
    (tmp_path / "seen-1.jsonl").write_text("".join(json.dumps(note) + "\n" for note in notes))
    (tmp_path / "calls-1").write_bytes(array("q").tobytes())
    return tmp_path


RUNTIME: Any = SimpleNamespace(root="/site", torch="2.11.0+cu130", python="3.12.3", release="2.11.0", program="python")


def passed(folder: Path, index: Index | None) -> Passage:
    return read(folder, Ended(0, 1.0, "", 0, 0), RUNTIME, index)


@pytest.mark.real
def test_operators_and_kernels_have_their_places_in_the_tree(told: Path) -> None:
    with Index(index_path(tour.open_tree("2.6.0"))) as index:
        ran = passed(told, index)
        (declared, *_) = index.operators("aten", "sum")
        (defined,) = index.symbols("at::native::reduce_kernel", "cpp")
    found = kernels(ran.tree)
    assert [(one.name, one.at) for one, _ in found] == [
        ("at::native::reduce_kernel", str(defined.at)),
        ("Memcpy DtoH (Device -> Pageable)", None),
    ]
    assert defined.file == "aten/src/ATen/native/cuda/Reduce.cuh"
    shown = data.passage(ran)
    assert shown["places"] == {"python": "2.11.0", "tree": "2.6.0"}
    assert {call["name"]: call["at"] for call in shown["calls"]["calls"]}["aten::sum"] == str(declared.at)
    assert [kernel["operators"] for kernel in shown["kernels"]] == [["aten::sum"], ["aten::item"]]
    page = flames.html(ran, "a program")
    assert f"blob/v2.6.0/aten/src/ATen/native/cuda/Reduce.cuh#L{defined.line}" in page
    assert f"blob/v2.6.0/aten/src/ATen/native/native_functions.yaml#L{declared.line}" in page
    assert "NVIDIA H100 80GB HBM3" in page


def test_without_a_tree_there_are_names_and_no_places(told: Path) -> None:
    ran = passed(told, None)
    assert ran.version is None
    assert next((one.name, one.at) for one, _ in kernels(ran.tree)) == ("at::native::reduce_kernel", None)
    assert "<a " not in flames.html(ran, "a program")


@pytest.mark.real
def test_a_real_program_is_linked_and_shown_beside_a_long_import(
    torch_python: cells.Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    from tour.render import terminal

    program = Program(code="import torch\ntorch.nn.BatchNorm2d(3)(torch.randn(2, 3, 4, 4))")
    ran = tour.follow(program, tour.open_tree("2.6.0"), python=torch_python.python)
    terminal.show_passage(ran, "en", pager=False)
    shown = capsys.readouterr().out
    assert "torch.nn.modules.batchnorm._BatchNorm.forward" in shown, "a call is not held against what an import takes"
    line = next(line for line in shown.splitlines() if " aten::native_batch_norm" in line)
    assert "aten/src/ATen/native/native_functions.yaml:" in line
    page = flames.html(ran, "a program")
    assert f"blob/v{ran.release}/torch/nn/functional.py#L" in page
