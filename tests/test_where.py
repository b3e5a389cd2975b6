"""Where things are implemented, and the ways between them, asked of the real trees."""

from __future__ import annotations

from itertools import pairwise

import pytest

import tour
from tour import answers, meaning
from tour.answers import Answer
from tour.errors import TourError, UnknownName
from tour.index import Index
from tour.links import Links
from tour.model import Grade, Lane
from tour.tree import Tree

pytestmark = pytest.mark.real


def layer(answer: Answer, symbol: str) -> tuple[Lane, str | None, str]:
    """The lane, dispatch key and file of a layer."""
    found = next(layer for layer in answer.layers if layer.symbol == symbol)
    assert found.at is not None
    return found.lane, found.dispatch_key, found.at.file


def test_a_function_of_python_down_to_its_kernels(real: tuple[Tree, Index]) -> None:
    answer = tour.where("F.batch_norm", real[0])
    native = "aten/src/ATen/native/"
    assert [found.lane for found in answer.layers[:4]] == [Lane.PYTHON, Lane.GENERATED, Lane.DISPATCHER, Lane.CPP]
    assert layer(answer, "py:torch.nn.functional.batch_norm")[2] == "torch/nn/functional.py"
    assert layer(answer, "cpp:at::native::batch_norm_cpu") == (Lane.CPP, "CPU", f"{native}Normalization.cpp")
    kernel = layer(answer, "cpp:at::native::batch_norm_cpu_kernel")
    assert kernel == (Lane.KERNEL, "CPU", f"{native}cpu/batch_norm_kernel.cpp")
    assert layer(answer, "cpp:at::native::batch_norm_cuda") == (Lane.CPP, "CUDA", f"{native}cuda/Normalization.cu")
    launched = layer(answer, "cpp:at::native::batch_norm_transform_input_kernel")
    assert launched == (Lane.KERNEL, None, f"{native}cuda/Normalization.cuh")
    assert all(found.grade is Grade.EXACT for found in answer.layers)


def test_the_lines_are_those_of_the_definitions(real: tuple[Tree, Index]) -> None:
    for query in ("F.batch_norm", "torch.div", "x.add_", "nn.LSTM"):
        for found in tour.where(query, real[0]).layers:
            assert found.at is not None
            line = real[0].read(found.at.file).decode().splitlines()[found.at.line - 1]
            name = found.symbol.rpartition(":")[2].rpartition(".")[2].removesuffix("_")
            if name not in {"impl", "meta", "out"} and found.at.file.endswith((".py", ".cpp", ".cu", ".cuh")):
                assert name.split("(")[0] in line or "(" in line, (query, found)


def test_structured_operators_go_through_their_stub(real: tuple[Tree, Index]) -> None:
    answer = tour.where("torch.div", real[0])
    kernels = {(found.symbol, found.dispatch_key) for found in answer.layers}
    assert ("cpp:at::native::structured_div_out::impl", "CPU") in kernels
    assert ("cpp:at::native::structured_div_out::impl", "CUDA") in kernels
    assert ("cpp:at::native::div_true_kernel", "CPU") in kernels
    assert any(symbol.endswith("div_true_kernel_cuda") and key == "CUDA" for symbol, key in kernels)
    assert ("cpp:at::meta::structured_div_Tensor::meta", "Meta") in kernels


def test_a_ufunc_has_no_entry_and_is_found(real: tuple[Tree, Index]) -> None:
    answer = tour.where("torch.Tensor.add_", real[0])
    assert layer(answer, "cpp:at::native::ufunc::add")[2] == "aten/src/ATen/native/ufunc/add.h"
    assert layer(answer, "op:aten::add.out")[0] is Lane.DISPATCHER


def test_a_method_bound_by_hand(real: tuple[Tree, Index]) -> None:
    answer = tour.where("x.to", real[0])
    bound = layer(answer, "cpp:torch::autograd::THPVariable_to")
    assert bound == (Lane.BINDING, None, "tools/autograd/templates/python_variable_methods.cpp")
    assert layer(answer, "cpp:at::native::to")[2] == "aten/src/ATen/native/TensorConversions.cpp"
    guesses = [found for found in answer.layers if found.symbol.startswith("op:aten::to.")]
    assert guesses and all(found.grade is Grade.NAME and found.candidates > 1 for found in guesses)


def test_from_a_kernel_up(real: tuple[Tree, Index]) -> None:
    name = (
        "void at::native::(anonymous namespace)::cunn_SoftMaxBackward<4, float, float, float, "
        "at::native::(anonymous namespace)::LogSoftMaxBackwardEpilogue>(float*, float const*, float const*, int)"
    )
    answer = tour.where(name, real[0])
    symbols = [found.symbol for found in answer.layers]
    assert symbols.index("cpp:at::native::cunn_SoftMaxBackward") > 0
    assert symbols[0].startswith("py:torch.") and symbols[1].startswith("op:aten::")
    assert "cpp:at::native::LogSoftMaxBackwardEpilogue" in symbols


def test_a_mangled_name(real: tuple[Tree, Index]) -> None:
    name = "_ZN2at6native14batch_norm_cpuERKNS_6TensorERKN3c108optionalIS1_EES8_S8_S8_bdd"
    with Index(real[1].path) as index:
        assert [node.id for node in meaning.kernel(name, index, Links(index)).nodes] == [
            "cpp:at::native::batch_norm_cpu"
        ]
        with pytest.raises(TourError, match="no mangled"):
            meaning.kernel("_ZN2at6nat", index, Links(index))


def test_the_gradient(real: tuple[Tree, Index]) -> None:
    answer = tour.where("torch.mul", real[0], backward=True)
    symbols = [found.symbol for found in answer.layers]
    assert symbols[:2] == ["op:aten::mul.Tensor", "cpp:torch::autograd::generated::MulBackward0"]
    assert layer(answer, "cpp:torch::autograd::generated::details::mul_tensor_backward")[2].endswith(
        "FunctionsManual.cpp"
    )
    node = tour.where("MulBackward0", real[0])
    assert [found.symbol for found in node.layers][:2] == symbols[:2]


def test_callers_and_callees(real: tuple[Tree, Index]) -> None:
    callers = tour.around("batch_norm_cpu_kernel", real[0], "callers")
    assert [found.symbol for found in callers.layers][1:] == ["cpp:at::native::batch_norm_cpu_stub"]
    callees = tour.around("aten::batch_norm", real[0], "callees")
    assert "cpp:at::native::batch_norm" in [found.symbol for found in callees.layers]


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("torch.dvi", "torch.div"), ("F.batchnorm", "torch.nn.functional.batch_norm"), ("nn.Batchnorm2d", "BatchNorm2d")],
)
def test_a_wrong_name_gets_the_nearest(real: tuple[Tree, Index], wrong: str, right: str) -> None:
    answer = tour.where(wrong, real[0])
    assert not answer.layers
    assert any(name.endswith(right) for name in answer.nearest[:3]), answer.nearest


@pytest.mark.parametrize("query", ["", "   ", "()", "…"])
def test_what_is_no_name(real: tuple[Tree, Index], query: str) -> None:
    with pytest.raises(TourError, match="no name"):
        tour.where(query, real[0])


def test_the_way_from_python_to_a_cuda_kernel(real: tuple[Tree, Index]) -> None:
    route = tour.path("F.batch_norm", "batch_norm_transform_input_kernel", real[0])[0]
    assert all(link.grade is Grade.EXACT for link in route)
    assert [link.kind.value for link in route][-1] == "launches"
    passed = [link.target for link in route]
    assert "op:aten::native_batch_norm" in passed and "cpp:at::native::batch_norm_cuda" in passed
    for link, further in pairwise(route):
        assert link.target == further.source


def test_a_way_through_a_pybind11_lambda(real: tuple[Tree, Index]) -> None:
    route = tour.path("torch.nn.parallel.comm.broadcast_coalesced", "torch::cuda::broadcast_coalesced", real[0])[0]
    assert [link.kind.value for link in route] == ["calls", "binds", "calls"]


@pytest.mark.parametrize(
    ("origin", "goal", "passes"),
    [
        ("torch.div", "div_true_kernel", "cpp:at::native::structured_div_out::impl"),  # one of 600 named ``impl``
        ("F.softmax", "softmax_lastdim_kernel_impl", "op:aten::_softmax.out"),
        ("nn.LSTM", "at::native::lstm", "py:torch.lstm"),  # a class begins at its ``forward``
        ("nn.Linear", "at::native::linear", "op:aten::linear"),
        ("torch.relu", "ReluBackward0", "op:aten::relu"),
    ],
)
def test_ways_past_names_that_many_files_mention(real: tuple[Tree, Index], origin: str, goal: str, passes: str) -> None:
    route = tour.path(origin, goal, real[0])[0]
    assert passes in [link.target for link in route]
    assert all(link.grade is Grade.EXACT for link in route)


def test_no_way_leads_through_tests_that_does_not_begin_there(real: tuple[Tree, Index]) -> None:
    assert tour.path("torch.add", "add_cuda", real[0]) == []


def test_no_way_and_no_such_end(real: tuple[Tree, Index]) -> None:
    assert tour.path("at::native::batch_norm_cpu_kernel", "torch.nn.functional.batch_norm", real[0]) == []
    with pytest.raises(UnknownName) as raised:
        tour.path("F.batchnorm", "torch.add", real[0])
    assert "torch.nn.functional.batch_norm" in raised.value.nearest


def test_what_is_remembered_is_what_was_found(real: tuple[Tree, Index]) -> None:
    for query in ("F.layer_norm", "torch.Tensor.to"):
        answer = tour.where(query, real[0])
        assert answers.restored(query, answers.kept(answer)) == answers.told(answer, {})
        assert tour.where(query, real[0]) == answer
    for callers in ("batch_norm_cpu_kernel", "F.celu"):
        answer = tour.around(callers, real[0], "callers")
        assert tour.around(callers, real[0], "callers") == answer
    wrong = tour.where("torch.dvi", real[0])
    assert wrong.nearest and tour.where("torch.dvi", real[0]) == wrong
    for ends in (("F.softmax", "at::native::softmax"), ("at::native::batch_norm_cpu_kernel", "torch.add")):
        for alternatives in (0, 2):
            routes = tour.path(*ends, real[0], alternatives=alternatives)
            assert answers.restored_routes(answers.kept_routes(routes)) == routes
            assert tour.path(*ends, real[0], alternatives=alternatives) == routes


def test_nothing_is_remembered_of_other_rules(real: tuple[Tree, Index], monkeypatch: pytest.MonkeyPatch) -> None:
    ends = ("torch.div", "at::native::div")
    monkeypatch.setattr(answers, "rules", lambda: "some rules")
    with Index(real[1].path) as index:
        index.remember(f'path some rules 0 ["{ends[0]}", "{ends[1]}"]', "[]")
    assert tour.path(*ends, real[0]) == []
    monkeypatch.setattr(answers, "rules", lambda: "other rules")
    assert tour.path(*ends, real[0]) != []
