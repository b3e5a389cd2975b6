"""What is kept of runs: which record speaks for a tree, and for which steps it still holds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tour import tours, views
from tour.errors import AnnotationError
from tour.model import Lane
from tour.render import data
from tour.resources import folder
from tour.witness import records
from tour.witness.records import Frame, Record, Sighting

SEEN = Sighting(
    "cpp:at::native::f", "seen", "native", 3, stack=(Frame("at::native::f", "native"), Frame("g", "python", "a.py:3"))
)
RUN = Record("sample", "2.13.0+cpu", "2.13.0", "3.11.7", "cpu", "2026-11-27", {"one": SEEN})


def test_a_record_is_read_as_it_was_kept(tmp_path: Path) -> None:
    (tmp_path / "witness").mkdir()
    (tmp_path / "witness/2.13.0-cpu.json").write_text(json.dumps(records.fields(RUN)))
    assert records.read(tmp_path) == [RUN]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"steps": []}', '{"steps": {"one": {"state": "seen", "nobody": 1}}}', "\x00"]
)
def test_what_is_no_record_is_said_with_its_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "witness").mkdir()
    (tmp_path / "witness/2.13.0-cpu.json").write_text(text)
    with pytest.raises(AnnotationError, match="no record of a run") as raised:
        records.read(tmp_path)
    assert str(raised.value.at).endswith("2.13.0-cpu.json")


@pytest.mark.parametrize(
    ("tree", "chosen"),
    [("1.13.0a0", "2.0.1"), ("1.13.1", "2.0.1"), ("2.0.1", "2.0.1"), ("2.6.0a0+git1", "2.13.0"), ("2.14.0", "2.13.0")],
)
def test_the_nearest_torch_speaks_for_a_tree(tree: str, chosen: str) -> None:
    older = replace(RUN, release="2.0.1", torch="2.0.1")
    accelerated = replace(RUN, device="NVIDIA H100")
    found = records.nearest([accelerated, older, RUN], tree)
    assert {run.release for run in found} == {chosen}
    assert [run.device for run in found] == (["cpu"] if chosen == "2.0.1" else ["cpu", "NVIDIA H100"])
    assert records.nearest([], tree) == []


def _step(symbol: str, statement: str | None = None) -> tours.Step:
    anchor = tours.Anchor(symbol, None, statement, None, None, (), None, 1)
    return tours.Step("one", Lane.CPP, (anchor,), 1)


def test_a_record_holds_for_a_step_as_long_as_its_anchor_does() -> None:
    shown = views.witness_view(_step("cpp:at::native::f"), [RUN])
    assert shown is not None
    assert (shown.state, shown.by, shown.count, shown.torch, shown.date) == (
        "seen", "native", 3, "2.13.0+cpu", "2026-11-27",
    )  # fmt: skip
    assert shown.stack[1].at == "a.py:3"
    assert views.witness_view(_step("cpp:at::native::g"), [RUN]) is None
    assert views.witness_view(_step("cpp:at::native::f", "return 1;"), [RUN]) is None


def test_a_step_seen_on_any_device_is_seen() -> None:
    unseen = replace(RUN, steps={"one": replace(SEEN, state="not-run", by=None, count=0, why="gpu", stack=())})
    shown = views.witness_view(_step("cpp:at::native::f"), [unseen, replace(RUN, device="NVIDIA H100")])
    assert shown is not None
    assert (shown.state, shown.device) == ("seen", "NVIDIA H100")
    alone = views.witness_view(_step("cpp:at::native::f"), [unseen])
    assert alone is not None
    assert (alone.state, alone.why, alone.by) == ("not-run", "gpu", None)


def test_what_is_printed_for_programs_has_the_keys_of_the_contract() -> None:
    from .sample_views import tour

    view = tour("en")
    shown = views.witness_view(_step("cpp:at::native::f"), [RUN])
    told = data.trace(replace(view, steps=(replace(view.steps[0], witness=shown), *view.steps[1:])))
    witness = told["steps"][0]["witness"]
    assert {"state", "by", "count", "detail", "torch", "python", "device", "date", "why", "cell"} < set(witness)
    assert json.loads(data.dumps(told))["steps"][0]["witness"]["stack"][0] == {
        "name": "at::native::f", "layer": "native", "at": None,
    }  # fmt: skip
    assert told["steps"][1]["witness"] is None


def test_what_differs_in_counts_alone_is_not_written_anew(tmp_path: Path) -> None:
    file, changed = records.write(RUN, tmp_path)
    assert (file.name, changed) == ("2.13.0-cpu.json", True)
    first = file.read_bytes()
    later = replace(RUN, date="2027-01-01", steps={"one": replace(SEEN, count=4)})
    assert records.write(later, tmp_path) == (file, False)
    assert file.read_bytes() == first
    unseen = replace(later, steps={"one": replace(SEEN, state="not-seen", count=0, stack=())})
    assert records.write(unseen, tmp_path) == (file, True)
    assert records.read(tmp_path) == [unseen]
    assert records.write(replace(RUN, device="NVIDIA H100 80GB HBM3"), tmp_path)[0].name == (
        "2.13.0-nvidia-h100-80gb-hbm3.json"
    )


def test_a_record_that_cannot_be_read_is_replaced(tmp_path: Path) -> None:
    file, _ = records.write(RUN, tmp_path)
    file.write_text("{")
    assert records.write(RUN, tmp_path) == (file, True)
    assert records.read(tmp_path) == [RUN]


TOURS = tours.names(folder("annotations"))
NEEDS = {"gpu", "gpus", "build", "project"}


@pytest.mark.parametrize("release", ["2.13.0", "1.13.1"])
@pytest.mark.parametrize("name", TOURS)
def test_what_is_recorded_of_a_tour_holds(name: str, release: str) -> None:
    told = tours.load(name, folder("annotations"))
    found = [run for run in records.read(told.file.parent) if run.release == release and run.device == "cpu"]
    if not found and (told.file.parent / "witness").exists() is False:
        pytest.skip("not recorded yet")
    (run,) = found
    assert (run.tour, run.date >= "2026") == (name, True)
    for step in told.steps:
        if not tours.applies(step.versions, release):
            continue
        anchor = next(one for one in step.anchors if tours.applies(one.versions, release))
        sighting = run.steps[step.id]
        assert sighting.anchor == records.watched(anchor), f"{step.id} was recorded for another anchor"
        assert sighting.state in records.STATES
        if sighting.state == "not-seen":
            assert sighting.why == "author", step.id
    reachable = [one for one in run.steps.values() if one.why not in NEEDS]
    seen = [one for one in reachable if one.state == "seen" or one.why == "author"]
    if release == "2.13.0":  # Debian's build of 1.13.1 has the names of exported functions only
        assert len(seen) >= 0.95 * len(reachable), [step for step, one in run.steps.items() if one.state != "seen"]
    for sighting in run.steps.values():
        assert sighting.state != "seen" or (sighting.by and sighting.count)
        assert not any((frame.at or "").startswith("/") for frame in sighting.stack)
