"""Where C++ meets the dispatcher, devices and Python: what minitorch's comments cannot say, and what is no link."""

from __future__ import annotations

from pathlib import Path

from tour import build, layers, meaning
from tour.index import Index
from tour.links import Links, Node, node
from tour.links.cpp_scopes import cpp_targets
from tour.model import Grade, Lane
from tour.tree import Tree, TreeKind

Mini = tuple[Tree, Index]


def targets(index: Index, source: str, *linkers: str) -> set[tuple[str, str | None]]:
    """What links lead to, with the dispatch key or device of each."""
    return {(link.target, link.key) for link in Links(index).leaving(Node(source), None, linkers)}


def test_a_lambda_that_is_registered_is_a_kernel(mini: Mini) -> None:
    assert targets(mini[1], "op:mini::twice", "dispatcher") == {
        ("cpp:TORCH_LIBRARY_IMPL(mini, CPU)::twice", "CPU"),
        ("cpp:at::native::mini_twice_cuda", "CUDA"),
    }


def test_a_stub_has_a_kernel_for_each_device(mini: Mini) -> None:
    assert targets(mini[1], "cpp:at::native::mini_div_stub", "stubs") == {
        ("cpp:at::native::mini_div_kernel", "CPU"),
        ("cpp:at::native::mini_div_kernel_cuda", "CUDA"),
    }


def test_a_ufunc_runs_on_both_devices_and_other_keys_have_their_own_kernel(mini: Mini) -> None:
    assert targets(mini[1], "op:aten::mini_add.out", "dispatcher") == {
        ("cpp:at::native::ufunc::mini_add", "CPU"),
        ("cpp:at::native::ufunc::mini_add", "CUDA"),
        ("cpp:at::native::mini_add_out_sparse", "SparseCPU"),
    }


def test_every_variant_of_a_structured_operator_has_its_shape_check(mini: Mini) -> None:
    for operator in ("op:aten::mini_div", "op:aten::mini_div.out"):
        assert ("cpp:at::meta::structured_mini_div::meta", "Meta") in targets(mini[1], operator, "dispatcher")


def test_overloads_are_told_apart_by_the_schema(mini: Mini) -> None:
    _, index = mini
    lines = []
    for operator in ("aten::mini_sum", "aten::mini_sum.dim"):
        links = Links(index).leaving(node(index.symbols(operator, "op")[0]), None, ("dispatcher",))
        lines += [link.target_at.line for link in links if link.target_at]
    defined = [symbol.line for symbol in index.symbols("at::native::mini_sum") if symbol.is_definition]
    assert lines == defined and len(defined) == 2


def test_of_two_branches_both_are_found_and_the_one_that_only_raises_comes_last(mini: Mini) -> None:
    _, index = mini
    defined = {symbol.line for symbol in index.symbols("at::native::mini_vendor") if symbol.is_definition}
    links = Links(index).leaving(Node("op:aten::mini_vendor"), None, ("dispatcher",))
    lines = [link.target_at.line for link in links if link.target_at]
    assert lines == sorted(defined, reverse=True) and len(lines) == 2
    assert {link.grade for link in links} == {Grade.EXACT}


def test_an_operator_without_a_kernel_gets_none(mini: Mini) -> None:
    assert targets(mini[1], "op:aten::mini_gone", "dispatcher") == set()


def test_a_kernel_kept_in_a_variable_may_be_any_that_was_put_there(mini: Mini) -> None:
    assert {target for target, _ in targets(mini[1], "cpp:at::native::mini_held", "launches")} == {
        "cpp:at::native::mini_small_kernel",
        "cpp:at::native::mini_large_kernel",
    }


def test_of_methods_that_many_classes_have_the_likely_ones_are_tried(mini: Mini) -> None:
    _, index = mini

    def meant(function: str, most: int) -> list[str]:
        (scope,) = [symbol for symbol in index.symbols(f"at::native::{function}") if symbol.is_definition]
        return [symbol.qualname.split("::")[-2] for symbol in cpp_targets(index, ".put", scope, most)[0]]

    every = ["MiniArchive", "MiniDrawer"]
    assert meant("mini_store", 2) == every, "few enough to name them all"
    assert meant("mini_store", 0) == ["MiniArchive"], "the class that a parameter names"
    assert meant("mini_checked", 0) == every, "else what the same file defines"
    assert meant("mini_div_kernel_cuda", 0) == [], "else none"


def test_a_body_of_one_macro_is_a_definition(mini: Mini) -> None:
    assert [symbol.is_definition for symbol in mini[1].symbols("at::native::mini_checked")] == [True]


def test_what_stands_on_a_class_or_a_submodule_is_not_on_the_module(mini: Mini) -> None:
    for name in ("wait", "inner"):
        assert targets(mini[1], f"py:torch._C.{name}", "bindings") == set()
        assert targets(mini[1], f"py:torch.{name}", "bindings") == set()
    assert targets(mini[1], "py:torch.mini_free", "bindings") == {
        ("cpp:mini_free", None)
    }  # torch takes all of torch._C


def test_a_generated_binding_comes_before_a_row_of_that_name_elsewhere(mini: Mini) -> None:
    _, index = mini
    links = Links(index)
    answer = layers.implemented(meaning.meaning("torch.mini_add", index, links), "torch.mini_add", index, links)
    assert [layer.lane for layer in answer.layers[:3]] == [Lane.GENERATED, Lane.DISPATCHER, Lane.DISPATCHER]


def test_names_of_torch_ops(mini: Mini) -> None:
    _, index = mini
    links = Links(index)

    def meant(name: str) -> list[str]:
        return [found.id for found in meaning.meaning(name, index, links).nodes]

    assert meant("torch.ops.aten.mini_add.out") == ["op:aten::mini_add.out"]
    assert meant("torch.ops.aten.mini_add.default") == ["op:aten::mini_add"]
    assert meant("torch.ops.aten.mini_add") == ["op:aten::mini_add", "op:aten::mini_add.out"]
    assert meant("torch.ops.aten.mini_nothing") == []


CALLS = """\
namespace at { namespace native {
void whole(int self) { at::pin_(self); at::sized(self); }
} }
"""
REGISTERED = """\
namespace at { namespace {
int pin_(int self) { return self; }
TORCH_LIBRARY_IMPL(aten, BackendSelect, m) { m.impl("aten::pin_", TORCH_FN(pin_)); }
} }
"""


def test_a_kernel_of_the_operators_name_is_not_what_a_call_of_that_name_means(tmp_path: Path) -> None:
    """``at::_pin_memory(…)`` goes to the dispatcher, whatever a file calls the function that it registers there."""
    declared = "- func: pin_(int self) -> int\n- func: sized(int self) -> int\n"
    for file, text in {
        "aten/src/ATen/native/native_functions.yaml": declared,
        "aten/src/ATen/native/Memory.cpp": CALLS,
        "aten/src/ATen/templates/RegisterBackendSelect.cpp": REGISTERED,
        "aten/src/ATen/Sized.cpp": "namespace at { int sized(int self) { return self; } }\n",
    }.items():
        (tmp_path / "tree" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / file).write_text(text)
    build.update(Tree(tmp_path / "tree", "9.9", TreeKind.FOLDER), tmp_path / "i.sqlite")
    with Index(tmp_path / "i.sqlite") as index:
        assert targets(index, "cpp:at::native::whole", "operators") == {("op:aten::pin_", None)}
