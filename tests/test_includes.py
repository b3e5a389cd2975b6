"""A stretch of another tour taken by name: its steps, prose, proofs and runs, under ids of their own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import tour
from tour import proof, repository, tours, views
from tour.errors import AnnotationError
from tour.index import Index
from tour.model import LANGS
from tour.prose import named
from tour.render import data, html
from tour.render.codetour import codetour
from tour.render.markdown import markdown
from tour.render.notebook import notebook
from tour.tree import Tree
from tour.witness import records

from . import annotations as written
from .conftest import real_tree

OWN = 'steps:\n  - {id: start, lane: python, anchor: {symbol: "py:torch"}}\n'
PROSE = written.prose("Ours", ("start",))


def team(folder: Path, yaml: str, name: str = "team", steps: tuple[str, ...] = ("start",)) -> Path:
    """A tour that takes from ``mini``, which stands beside it."""
    if not (folder / "mini").exists():
        written.write(folder)
        for lang in LANGS:
            linked = "What happens; see [it](#init-module), [far](#module-to) and [all](../mini/)."
            text = (folder / f"mini/{lang}.md").read_text().replace("What happens in pyinit.", linked)
            (folder / f"mini/{lang}.md").write_text(text)
    prose = written.prose("Ours", steps)
    return written.write(folder, name, yaml, en=prose, zh=prose)


def test_steps_are_taken_in_their_order_under_ids_of_their_own(tmp_path: Path) -> None:
    folder = team(tmp_path, OWN + "  - {include: mini#pyinit..manager, hop: {kind: then, from: mini.init-module}}\n"
                  '  - {id: end, lane: python, anchor: {symbol: "py:torch"}}\n', steps=("start", "end"))  # fmt: skip
    told = tours.load("team", folder)
    assert [step.id for step in told.steps] == ["start", "mini.pyinit", "mini.init-module", "mini.manager", "end"]
    taken = told.steps[1]
    assert taken.included == tours.Included("mini", "pyinit", tmp_path / "mini", "pyinit")
    assert {taken.line, *(anchor.line for anchor in taken.anchors)} == {3}
    hops = {step.id: (step.hop.kind.value, step.hop.origin) if step.hop else None for step in told.steps}
    assert hops["mini.pyinit"] == ("calls", "mini.pyinit")
    assert hops["mini.init-module"] is None  # its hop goes on from a step that is not in the stretch
    assert hops["mini.manager"] == ("then", "mini.init-module")
    for lang in LANGS:
        assert list(told.prose[lang].sections) == [*(step.id for step in told.steps), "onward"]
        text = told.prose[lang].sections["mini.pyinit"].text
        assert "[it](#mini.init-module), [far](../mini/#module-to) and [all](../mini/)" in text
    assert not any(one.step.startswith("mini.") for one in named(told))


@pytest.mark.parametrize(
    ("include", "steps"),
    [
        ("mini", len(written.STEPS)),
        ("mini#pyinit", 1),
        ("mini#manager..", 3),
        ("mini#..extension", 3),
        ("mini#deps..deps", 1),
    ],
)
def test_ways_to_name_a_stretch(tmp_path: Path, include: str, steps: int) -> None:
    folder = team(tmp_path, f"{OWN}  - include: {include}\n")
    assert len(tours.load("team", folder).steps) == 1 + steps


@pytest.mark.parametrize(
    ("entry", "said", "hint"),
    [
        ("include: minni", "there is no tour 'minni' to take steps from", "mini"),
        ("include: mini#pyinti..manager", "mini has no step 'pyinti'", "pyinit"),
        ("include: mini#pyinit..xyz", "mini has no step 'xyz'", "deps"),
        ("include: mini#manager..pyinit", "an empty stretch: in mini 'manager' comes after 'pyinit'", ""),
        ("include: team", "team takes steps from this tour", ""),
        ("{include: mini#deps, hop: {kind: then, from: later}}", "from is 'later', expected an earlier step", ""),
        ("{include: mini, id: x}", "unknown key 'id'", ""),
        ("include: MINI", "expected a tour's name, or TOUR#FIRST..LAST", ""),
        ("{include: mini, cells: maybe}", "expected true or false", ""),
        ("include: mini#a...b", "mini has no step", ""),
        ("{include: mini, hop: calls}", "is the last and cannot hop on", ""),
    ],
)
def test_what_cannot_be_taken_is_one_sentence_with_its_line(tmp_path: Path, entry: str, said: str, hint: str) -> None:
    folder = team(tmp_path, f"{OWN}\n  - {entry}\n")
    with pytest.raises(AnnotationError) as error:
        tours.load("team", folder)
    assert said in error.value.what and hint in (error.value.hint or "")
    assert error.value.at == f"{folder}/team/tour.yaml:4"


def test_tours_that_take_from_each_other_are_told(tmp_path: Path) -> None:
    folder = team(tmp_path, f"{OWN}  - include: other\n")
    team(tmp_path, f"{OWN}  - include: team\n", "other")
    with pytest.raises(AnnotationError, match="team takes steps from this tour") as error:
        tours.load("team", folder)
    assert str(error.value.at).endswith("other/tour.yaml:3")


def test_a_step_is_taken_once_and_what_is_taken_can_be_taken_on(tmp_path: Path) -> None:
    folder = team(tmp_path, f"{OWN}  - include: mini#deps..pyinit\n  - include: mini#pyinit\n")
    with pytest.raises(AnnotationError, match="'pyinit' of mini is taken twice"):
        tours.load("team", folder)
    team(tmp_path, f"{OWN}  - include: mini#deps..pyinit\n", "second")
    team(tmp_path, f"{OWN}  - include: second#mini.import-c..\n", "third")
    told = tours.load("third", folder)
    assert [step.id for step in told.steps][1:] == [f"second.mini.{one}" for one in ("import-c", "extension", "pyinit")]
    assert told.steps[-1].included == tours.Included("second", "mini.pyinit", folder / "mini", "pyinit")


def test_what_a_tour_takes_changes_what_it_depends_on(tmp_path: Path) -> None:
    folder = team(tmp_path, f"{OWN}  - include: mini\n")
    before = tours.load("team", folder).digest
    file = folder / "mini/tour.yaml"
    file.write_text(file.read_text() + "\n")
    assert tours.load("team", folder).digest != before


def test_a_program_that_goes_on_from_others_brings_them_with_it(tmp_path: Path) -> None:
    cells = written.YAML.replace(
        '"py:torch", statement: "_load_deps()", after: "else:"}', '"py:torch"}\n    cell: a = 1'
    )
    cells = cells.replace('symbol: "c:PyInit__C"}', 'symbol: "c:PyInit__C"}\n    cell: print(a)')
    folder = written.write(tmp_path, "mini", cells)
    team(tmp_path, f"{OWN}  - include: mini#pyinit..\n")
    cell = tours.load("team", folder).steps[1].cell
    assert cell is not None and cell.code == "a = 1\n\nprint(a)"


def test_programs_may_be_left_out(tmp_path: Path) -> None:
    written.write(tmp_path, "mini", written.YAML.replace('"c:PyInit__C"}', '"c:PyInit__C"}\n    cell: print(1)'))
    for words, cells in (("", 1), (", cells: false", 0), (", cells: true", 1)):
        team(tmp_path, f"{OWN}  - {{include: mini#pyinit{words}}}\n", f"t{len(words)}")
        assert sum(step.cell is not None for step in tours.load(f"t{len(words)}", tmp_path).steps) == cells


def test_what_is_taken_is_proven_and_seen_as_in_its_own_tour(
    tmp_path: Path, mini: tuple[Tree, Index], mini_index: Callable[[str], Path]
) -> None:
    tree, index = mini
    folder = team(tmp_path, f"{OWN}  - include: mini#pyinit..init-module\n")
    anchor = records.watched(tours.load("mini", folder).steps[3].anchors[0])
    sighting = records.Sighting(anchor, "seen", by="native", count=2)
    records.write(
        records.Record("mini", "9.1.0", "9.1.0", "3.11", "cpu", "2026-01-01", {"pyinit": sighting}), folder / "mini"
    )
    with_own = views.tour_views(tours.load("mini", folder), tree, index, LANGS)
    taken = views.tour_views(tours.load("team", folder), tree, index, LANGS)
    for lang in LANGS:
        first = taken[lang].steps[1]
        own = with_own[lang].steps[3]
        assert (first.file, first.line, first.located, first.title) == (own.file, own.line, own.located, own.title)
        assert first.witness == own.witness and first.witness is not None
        assert first.hop is not None and own.hop is not None
        assert (first.hop.grade, first.hop.at, first.hop.links) == (own.hop.grade, own.hop.at, own.hop.links)
        assert first.included == views.IncludedView("mini", f"The {lang} title", "pyinit")
    assert not [one for one in views.check(tours.load("team", folder), tree, index) if one.fatal]
    row = data.trace(taken["en"])["steps"][1]
    assert (row["id"], row["included"]) == ("mini.pyinit", {"tour": "mini", "step": "pyinit"})


def test_every_way_out_leads_back_to_the_whole_tour(tmp_path: Path, mini: tuple[Tree, Index]) -> None:
    tree, index = mini
    folder = team(tmp_path, f"{OWN}  - include: mini#pyinit..init-module\n")
    view = views.tour_view(tours.load("team", folder), tree, index, "en")
    whole = views.tour_view(tours.load("mini", folder), tree, index, "en")
    told = {"team": view, "mini": whole}
    page = html.tour_page(view, "../../", told)
    assert '<a href="../mini/#pyinit">Taken from The en title</a>' in page
    assert 'href="../mini/"' not in html.tour_page(view, "../../", {"team"})
    assert 'id="mini.pyinit"' in page and 'href="#mini.init-module"' in page
    assert "[The en title](mini.en.md#pyinit)" in markdown(view, told)
    assert "(mini.en.ipynb#pyinit)" in notebook(view, told)
    assert "[The en title][The en title#5]" in codetour(view, told)
    cells = [cell["id"] for cell in json.loads(notebook(view, told))["cells"]]
    assert len(set(cells)) == len(cells) and all(re.fullmatch(r"[\w-]{1,64}", cell) for cell in cells)


def test_a_lost_step_of_a_tour_that_is_taken_from_is_told_where_it_is_taken(
    tmp_path: Path, mini: tuple[Tree, Index]
) -> None:
    tree, index = mini
    folder = team(tmp_path, f"{OWN}\n  - include: mini#pyinit\n")
    file = folder / "mini/tour.yaml"
    file.write_text(file.read_text().replace("c:PyInit__C", "c:PyInit__D"))
    (found,) = [one for one in views.check(tours.load("team", folder), tree, index) if one.fatal]
    assert (found.step, found.file, found.line) == ("mini.pyinit", str(folder / "team/tour.yaml"), 4)


def test_a_team_takes_a_stretch_of_one_of_ours(tmp_path: Path) -> None:
    tree = real_tree("2.6.0")
    written.write(tmp_path, "team", f"{OWN}  - include: batch-norm-cpu#functional..kernel\n", en=PROSE, zh=PROSE)
    told = tours.load("team", tmp_path)
    assert told.steps[1].id == "batch-norm-cpu.functional" and told.steps[-1].id == "batch-norm-cpu.kernel"
    from tour import build
    from tour.tree import index_path

    build.update(tree, index_path(tree))
    with Index(index_path(tree)) as index:
        whole = {one.step.id: one for one in proof.walk(
            tours.load("batch-norm-cpu", repository.ours()), index, tree.read, tree.version)}  # fmt: skip
        for one in proof.walk(told, index, tree.read, tree.version)[1:-1]:
            same = whole[one.step.id.removeprefix("batch-norm-cpu.")]
            assert one.place == same.place
            assert one.step.hop is None or (one.proof is not None and one.proof.grade == same.proof.grade)  # type: ignore[union-attr]


def test_who_holds_steps_of_an_edited_tour(tmp_path: Path) -> None:
    folder = team(tmp_path, f"{OWN}  - include: mini#pyinit..manager\n")
    with repository.taken(folder):
        assert tour.including(["mini"]) == ["team"]
        assert tour.including(["team"]) == [] and tour.including([]) == []
        (folder / "team/tour.yaml").write_text("steps: [")
        assert tour.including(["mini"]) == [], "what cannot be read holds none"
