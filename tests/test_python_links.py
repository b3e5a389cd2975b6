"""Python's joints in the real trees: one-line questions with answers read in the source, and how fast they come."""

from __future__ import annotations

import pytest

from tour.index import Index
from tour.links import Links, Node, node
from tour.tree import Tree

pytestmark = pytest.mark.real

LOADER = "torch.utils.data.dataloader"
MULTI = f"{LOADER}._MultiProcessingDataLoaderIter"
WORKER = "torch.utils.data._utils.worker._worker_loop"
PIN = "torch.utils.data._utils.pin_memory._pin_memory_loop"
DECODER = "torch.nn.modules.transformer.TransformerDecoderLayer"
MODULE = "torch.nn.modules.module.Module"
PARALLEL = "torch.nn.parallel"

FACTS = [
    (f"{MULTI}.__init__", "starts", WORKER),
    (f"{MULTI}.__init__", "starts", PIN),
    (f"{MULTI}._try_put_index", "hands", WORKER),
    (WORKER, "hands", f"{PIN}.do_one_step"),
    (WORKER, "hands", PIN),
    (WORKER, "hands", f"{MULTI}._try_get_data"),
    (PIN, "hands", f"{MULTI}._try_get_data"),
    (f"{PARALLEL}.parallel_apply.parallel_apply", "starts", f"{PARALLEL}.parallel_apply.parallel_apply._worker"),
    (f"{LOADER}.DataLoader._get_iterator", "calls", f"{MULTI}.__init__"),
    (f"{LOADER}.DataLoader.__iter__", "calls", f"{LOADER}._BaseDataLoaderIter._reset"),
    (f"{PARALLEL}.scatter_gather.scatter", "calls", f"{PARALLEL}._functions.Scatter.forward"),
    (f"{PARALLEL}.replicate._broadcast_coalesced_reshape", "calls", f"{PARALLEL}._functions.Broadcast.forward"),
    (f"{PARALLEL}._functions.Scatter.forward", "differentiates", f"{PARALLEL}._functions.Scatter.backward"),
    (f"{PARALLEL}.data_parallel.DataParallel", "inherits", MODULE),
    ("torch.nn.modules.conv.Conv2d", "inherits", "torch.nn.modules.conv._ConvNd"),
    ("torch.nn.modules.conv.Conv2d._conv_forward", "calls", "torch.conv2d"),
    ("torch.nn.functional.conv1d", "calls", "torch.conv1d"),
    ("torch.nn.functional.max_pool2d", "calls", "torch.nn.functional.max_pool2d_with_indices"),
    ("torch.nn.functional.batch_norm", "calls", "torch.batch_norm"),
    ("torch.nn.modules.conv.Conv2d.__init__", "calls", "torch.nn.modules.utils._ntuple.parse"),
    (f"{MODULE}._call_impl", "calls", f"{MODULE}.forward"),
    (f"{MODULE}.to", "calls", f"{MODULE}._apply"),
    (f"{MODULE}.to", "calls", "torch._C._nn._parse_to"),
    ("torch._tensor.Tensor.backward", "calls", "torch.autograd.backward"),
    (f"{DECODER}._ff_block", "calls", "torch.nn.modules.linear.Linear.forward"),
    ("torch.nn.modules.linear.Linear.forward", "calls", f"{MODULE}.__getattr__"),
    ("torch.nn.modules.linear.Linear.__init__", "calls", f"{MODULE}.__setattr__"),
    (f"{MODULE}.zero_grad", "calls", f"{MODULE}.parameters"),
    (f"{MODULE}._apply", "calls", "torch.autograd.grad_mode.no_grad.__enter__"),
]  # fmt: skip
"""From, how, to: exact in both trees."""


@pytest.mark.parametrize(("source", "kind", "target"), FACTS, ids=[f"{row[0]}-{row[1]}" for row in FACTS])
def test_a_fact_of_the_source(source: str, kind: str, target: str, real: tuple[Tree, Index]) -> None:
    found = Links(real[1]).leaving(Node(f"py:{source}"))
    assert (kind, f"py:{target}", "exact") in {(link.kind.value, link.target, link.grade.value) for link in found}


def test_the_engine_of_autograd_is_found_through_a_class_attribute(real: tuple[Tree, Index]) -> None:
    links = Links(real[1])
    found = links.leaving(Node("py:torch.autograd.backward")) + links.leaving(
        Node("py:torch.autograd.graph._engine_run_backward")
    )
    assert "py:torch._C._ImperativeEngine.run_backward" in {link.target for link in found}


def test_the_function_that_a_module_applies_is_what_callers_hand_over(real: tuple[Tree, Index]) -> None:
    found = Links(real[1]).leaving(Node(f"py:{MODULE}._apply"))
    assert f"py:{MODULE}.to.convert" in {link.target for link in found if link.grade.value == "name"}


def test_what_no_grad_wraps_runs_in_its_wrapper(real: tuple[Tree, Index]) -> None:
    [wrapper] = [
        symbol for symbol in real[1].symbols_named("decorate_context", "py") if symbol.file.startswith("torch/")
    ][-1:]
    links = Links(real[1])
    assert "py:torch.optim.lbfgs.LBFGS.step" in {link.target for link in links.leaving(node(wrapper))}


def test_a_queue_is_not_another(real: tuple[Tree, Index]) -> None:
    links = Links(real[1])
    to = {link.target for link in links.leaving(Node(f"py:{MULTI}._try_put_index")) if link.kind == "hands"}
    assert to == {f"py:{WORKER}"}


@pytest.mark.parametrize(
    ("target", "source"),
    [
        (f"{MODULE}._apply", f"{MODULE}.to"),
        (WORKER, f"{MULTI}.__init__"),
        (f"{PARALLEL}._functions.Scatter.forward", f"{PARALLEL}.scatter_gather.scatter.scatter_map"),
        (f"{PARALLEL}.scatter_gather.scatter_kwargs", f"{PARALLEL}.data_parallel.DataParallel.scatter"),
        ("torch.nn.modules.conv._ConvNd", "torch.nn.modules.conv.Conv2d"),
        (f"{MULTI}.__init__", f"{LOADER}.DataLoader._get_iterator"),
    ],
)
def test_who_leads_to_a_symbol(target: str, source: str, real: tuple[Tree, Index]) -> None:
    links = Links(real[1])
    assert f"py:{source}" in {link.source for link in links.arriving(Node(f"py:{target}"))}
