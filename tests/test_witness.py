"""Real tours with a real torch, each kind of build that we know: the wheel, and a distribution's stripped one."""

from __future__ import annotations

import pytest

import tour
from tour import cells, tours, views
from tour.index import Index
from tour.render import data, terminal
from tour.resources import folder
from tour.tree import index_path
from tour.witness import records
from tour.witness.runs import Observation

from .conftest import real_tree
from .test_native import debugger

__all__ = ["debugger"]

TOURS = ("import-torch", "batch-norm-cpu", "module-to", "dataloader-workers")
TREES = {"2.13.0": "2.6.0", "1.13.0a0": "1.13.1"}
"""The tree for each torch: the newest, and the one whose code it is."""


@pytest.fixture
def watched(request: pytest.FixtureRequest, torch_python: cells.Runner, debugger: None) -> Observation:
    tree = real_tree(TREES[torch_python.torch.partition("+")[0]])
    tour.update(tree)
    return tour.watch(request.param, tree, python=torch_python.python, seconds=900)


@pytest.mark.real
@pytest.mark.parametrize("watched", TOURS, indirect=True)
def test_a_tour_is_passed_as_it_is_told(watched: Observation) -> None:
    run = watched.record
    assert watched.findings == []
    assert watched.crash is None
    assert run.release in {"2.13.0", "1.13.1"}
    recorded = [one for one in records.read(folder("annotations") / run.tour) if one.release == run.release]
    told = {step: sighting.state for step, sighting in run.steps.items()}
    assert [{step: sighting.state for step, sighting in one.steps.items()} for one in recorded] == [told]
    reachable = [one for one in run.steps.values() if one.why not in {"gpu", "gpus", "build"}]
    seen = sum(one.state == "seen" for one in reachable)
    assert seen >= (0.9 if run.release == "2.13.0" else 0.6) * len(reachable)
    if run.tour == "batch-norm-cpu":
        names = [frame.name for frame in run.steps["kernel"].stack]
        assert "aten::native_batch_norm" in names
        assert names.index("at::native::batch_norm_cpu") < names.index("aten::batch_norm")
        assert run.steps["kernel"].stack[-1].at == "<cell forward>:3"
        assert run.steps["operator"].by == "operator"
    if run.tour == "import-torch":
        assert [module.name for module in watched.imports if module.depth == 0] == ["torch"]
        assert run.steps["methods-table"].why in {"row", "stripped"}


@pytest.mark.real
def test_the_walk_is_printed_with_marks(torch_python: cells.Runner, capsys: pytest.CaptureFixture[str]) -> None:
    tree = real_tree(TREES[torch_python.torch.partition("+")[0]])
    observed = tour.watch("module-traverse", tree, python=torch_python.python, debugger=False, seconds=900)
    told = tours.load("module-traverse", folder("annotations"))
    with Index(index_path(tree)) as index:
        view = views.tour_view(told, tree, index, "en", observed.record)
    terminal.show(view, quiet=True, pager=False, observed=observed)
    printed = capsys.readouterr().out
    assert "12 of 13 steps seen: 12 Python; 1 need gdb" in printed
    assert "note: native steps were not watched: gdb was not asked for" in printed
    assert printed.count("● seen") == 12
    run = data.run(view, observed)["run"]
    assert (run["counts"]["seen"], run["findings"]) == (12, [])
