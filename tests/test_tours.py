"""Tours as written: what is read, and how an author's mistakes are told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tour
from tour import build, proof, tours
from tour.errors import AnnotationError, TourError, UnknownName
from tour.index import Index
from tour.resources import folder
from tour.tree import Tree, index_path

from . import annotations
from .annotations import STEPS, YAML, prose
from .conftest import REAL_VERSIONS, real_tree


def test_a_tour_is_read(tmp_path: Path) -> None:
    tour = tours.load("mini", annotations.write(tmp_path))
    assert [step.id for step in tour.steps] == list(STEPS)
    assert tour.prose["zh"].title == "The zh title"
    assert tour.prose["en"].sections["pyinit"].title == "Step `pyinit`"
    hop = tour.steps[4].hop
    assert hop is not None and (hop.kind.value, hop.origin) == ("then", "import-c")


def test_an_unknown_tour_gets_the_nearest(tmp_path: Path) -> None:
    annotations.write(tmp_path, "import-torch")
    with pytest.raises(UnknownName) as caught:
        tours.load("import-troch", tmp_path)
    assert caught.value.nearest == ("import-torch",) and "import-torch" in str(caught.value.hint)
    with pytest.raises(UnknownName):
        tours.load("../import-torch", tmp_path)


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        (("lane: python", "lane: snake"), 3, "lane is 'snake', expected one of python"),
        (("  - id: deps\n", "  -\n"), 3, "id is missing"),
        (("id: import-c", "id: deps"), 7, "'deps' is taken"),
        (("id: deps", "id: Deps!"), 2, "expected lower-case"),
        (("id: deps", "id: onward"), 2, "'onward' is taken"),
        (("hop: then\n", "hop: jumps\n"), 5, "hop is 'jumps', expected one of contains"),
        (("from: import-c", "from: manager"), 25, "from is 'manager', expected an earlier step"),
        (("symbol: \"c:PyInit__C\"", "symbol: \"PyInit__C\""), 19, "expected py:, c:, cpp: or op:"),
        (("{symbol: \"c:PyInit__C\"}", "{file: x.c}"), 19, "symbol is missing"),
        (("{symbol: \"c:PyInit__C\"}", "{symbol: \"c:a\", line: 3}"), 19, "unknown key 'line'"),
        (("{symbol: \"c:PyInit__C\"}", "{symbol: \"c:a\", after: b}"), 19, "go with a statement"),
        (("versions: \">=9.1\"", "versions: \"new\""), 30, "such as \">=2.1"),
        (("because: {en: ", "because: {eng: "), 37, "unknown key 'eng'"),
        (("lane: cpp\n    anchor: {symbol: \"cpp:initModule\"}", "lane: cpp"), 22, "anchor is missing"),
        (("Module.to\"}", "Module.to\"}\n    hop: then"), 42, "is the last and cannot hop on"),
        (("    lane: cpp\n", "    lane: cpp\n    lane: cpp\n"), 24, "stands here twice"),
        (("steps:\n", "stops:\n"), 1, "unknown key 'stops'"),
        (("    anchor: {symbol: \"c:PyInit__C\"}\n", "    anchor: []\n"), 19, "anchor of 'pyinit': expected"),
        (("steps:\n", "follows: [mini]\nsteps:\n"), 1, "follows itself"),
        (("steps:\n", "follows: [nowhere]\nsteps:\n"), 1, "'nowhere', which is no tour here"),
        (("steps:\n", "follows: nowhere\nsteps:\n"), 1, "follows: expected"),
        (("    lane: cpp\n", "    lane: cpp\n    cell: {code: 'x', raise: E}\n"), 24, "unknown key 'raise'"),
        (("    lane: cpp\n", "    lane: cpp\n    cell: ' '\n"), 24, "cell of 'init-module': expected text"),
        (("    lane: cpp\n", "    lane: cpp\n    cell: 3\n"), 24, "cell of 'init-module': expected"),
        (("    lane: cpp\n", "    lane: cpp\n    cell: &a [*a]\n"), 24, "nested too deep"),
        (("steps:\n", "steps: [\n"), None, "not valid YAML"),
    ],
)  # fmt: skip
def test_mistakes_in_yaml_are_told_with_their_line(
    tmp_path: Path, change: tuple[str, str], line: int | None, said: str
) -> None:
    assert change[0] in YAML
    annotations.write(tmp_path, yaml=YAML.replace(*change, 1))
    with pytest.raises(AnnotationError) as caught:
        tours.load("mini", tmp_path)
    assert said in caught.value.what
    assert str(caught.value.at).startswith(f"{tmp_path}/mini/tour.yaml:")
    if line is not None:
        assert abs(int(str(caught.value.at).rpartition(":")[2]) - line) <= 1


@pytest.mark.parametrize("text", ["", "- a\n", "steps: {}\n", "steps: []\n", "steps: 3\n", "steps:\n  - 3\n"])
def test_other_shapes_are_refused(tmp_path: Path, text: str) -> None:
    annotations.write(tmp_path, yaml=text)
    with pytest.raises(AnnotationError):
        tours.load("mini", tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (prose("t", STEPS[:-1]), "no prose for 'module-to'"),
        (prose("t", (*STEPS, "pyinti")), "'pyinti' that tour.yaml lacks"),
        (prose("t", (*STEPS, "pyinit")), "twice"),
        (prose("t", (STEPS[1], STEPS[0], *STEPS[2:])), "out of order"),
        (prose("t").replace("{#pyinit}", ""), "lacks its id"),
        (prose("t").replace("# t\n", "t\n", 1), "expected the tour's title"),
        ("", "expected the tour's title"),
    ],
)
def test_mistakes_in_prose_are_told(tmp_path: Path, text: str, said: str) -> None:
    annotations.write(tmp_path, zh=text)
    with pytest.raises(AnnotationError) as caught:
        tours.load("mini", tmp_path)
    assert said in caught.value.what and "zh.md" in str(caught.value.at)


def test_a_missing_language_and_bad_bytes_are_told(tmp_path: Path) -> None:
    annotations.write(tmp_path)
    (tmp_path / "mini/zh.md").write_bytes(b"# \xff\n")
    with pytest.raises(AnnotationError, match="not UTF-8"):
        tours.load("mini", tmp_path)
    (tmp_path / "mini/zh.md").unlink()
    with pytest.raises(AnnotationError, match="missing"):
        tours.load("mini", tmp_path)


def test_headings_in_code_are_no_headings(tmp_path: Path) -> None:
    text = prose("t").replace("What happens in pyinit.", "```python\n# a comment\n## another\n```")
    tour = tours.load("mini", annotations.write(tmp_path, en=text))
    assert "## another" in tour.prose["en"].sections["pyinit"].text


def test_cells_and_questions_are_read(tmp_path: Path) -> None:
    yaml = YAML.replace("    lane: cpp\n", "    lane: cpp\n    cell: |\n      import torch\n      torch.add(1, 2)\n", 1)
    yaml = yaml.replace(
        "    lane: cpp\n    anchor", "    lane: cpp\n    cell: {code: 1/0, raises: ZeroDivisionError}\n    anchor", 1
    )
    asked = "## Questions {#questions}\n\n### Why `a`?\n\nFor this.\n\nAnd that.\n\n### And b?\n\nSo.\n\n## Onward"
    text = prose("t").replace("## Onward", asked)
    tour = tours.load("mini", annotations.write(tmp_path, yaml=yaml, en=text, zh=text))
    first, second = [step.cell for step in tour.steps if step.cell]
    assert (first.code, first.raises) == ("import torch\ntorch.add(1, 2)", None)
    assert (second.code, second.raises) == ("1/0", "ZeroDivisionError")
    assert [(asked.text, asked.answer) for asked in tour.prose["zh"].questions] == [
        ("Why `a`?", "For this.\n\nAnd that."),
        ("And b?", "So."),
    ]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("## Questions {#questions}\n\n### Why?\n\n", "lacks its heading or its answer"),
        ("## Questions {#questions}\n\nWhy?\n\n", "lacks its heading or its answer"),
        ("## Questions {#questions}\n\n### Why?\n\nSo.\n\n", "en has 1, zh has 0"),
    ],
)
def test_mistakes_in_questions_are_told(tmp_path: Path, asked: str, said: str) -> None:
    annotations.write(tmp_path, en=prose("t").replace("## Onward", asked + "## Onward"))
    with pytest.raises(AnnotationError, match=said):
        tours.load("mini", tmp_path)


def test_versions() -> None:
    assert tours.applies(None, "2.6.0") and tours.applies(">=2", "2.6.0") and not tours.applies("<2", "2.6.0")
    assert tours.applies(">=2.6", "2.6.0a0")


def test_a_tour_is_named_by_its_folder_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    yaml = YAML.replace("steps:", "follows: [import-torch]\nsteps:", 1)
    annotations.write(tmp_path / "ours", yaml=yaml)
    assert tours.named(str(tmp_path / "ours/mini")).name == "mini"
    assert tours.named(str(tmp_path / "ours/mini/tour.yaml")).follows == ("import-torch",)
    monkeypatch.chdir(tmp_path / "ours")
    assert tours.named("mini").file == tours.named("./mini").file == tmp_path / "ours/mini/tour.yaml"
    assert tours.title("import-torch", tmp_path / "ours", "en") == tours.named("import-torch").prose["en"].title
    annotations.write(tmp_path / "ours", "import-torch")
    assert tours.named("import-torch").file.is_relative_to(folder("annotations"))
    for spec in ("./nothing", "../ours", str(tmp_path)):
        with pytest.raises(UnknownName) as caught:
            tours.named(spec)
        assert spec in caught.value.what and "tour.yaml" in str(caught.value.hint)


LINK, SPAN, SET_OFF = re.compile(r"\]\(([^)]+)\)"), re.compile(r"`([^`\n]+)`"), re.compile(r"(?m)^> \*\*")


@pytest.mark.parametrize("name", tours.names(folder("annotations")))
def test_our_tours_say_the_same_in_english_and_chinese(name: str) -> None:
    """The same steps, in the order of ``tour.yaml``; in each the same names, links and mistakes set right."""
    tour = tours.load(name, folder("annotations"))
    english, chinese = tour.prose["en"], tour.prose["zh"]
    assert list(english.sections) == list(chinese.sections) == [*(step.id for step in tour.steps), tours.ONWARD]
    for step, section in english.sections.items():
        other = chinese.sections[step].text
        assert set(SPAN.findall(section.text)) == set(SPAN.findall(other)), f"{name}/{step}: names"
        assert sorted(LINK.findall(section.text)) == sorted(LINK.findall(other)), f"{name}/{step}: links"
        assert len(SET_OFF.findall(section.text)) == len(SET_OFF.findall(other)), f"{name}/{step}: mistakes"
    for asked, other_asked in zip(english.questions, chinese.questions, strict=True):
        assert set(SPAN.findall(asked.text + asked.answer)) == set(SPAN.findall(other_asked.text + other_asked.answer))


@pytest.mark.parametrize("name", tours.names(folder("annotations")))
def test_links_between_our_steps_lead_somewhere(name: str) -> None:
    known = {other: tours.load(other, folder("annotations")) for other in tours.names(folder("annotations"))}
    for section in known[name].prose["en"].sections.values():
        for link in LINK.findall(section.text):
            other, _, step = link.partition("#")
            told = known[other.strip("./") or name]
            assert not step or step in told.prose["en"].sections, f"{name}: {link}"


@pytest.mark.real
def test_our_prose_names_nothing_that_neither_tree_has() -> None:
    trees = [real_tree(version) for version in REAL_VERSIONS]
    for tree in trees:
        build.update(tree, index_path(tree))
    assert tour.check_prose(tour.names(), trees) == []


@pytest.mark.parametrize("name", tours.names(folder("annotations")))
def test_our_tours_keep_to_their_form(name: str) -> None:
    """60 to 150 words of English a step; Chinese of like substance; no line numbers."""
    try:
        tour = tours.load(name, folder("annotations"))
    except TourError as error:
        pytest.fail(str(error))
    for step in tour.steps:
        english = tour.prose["en"].sections[step.id].text
        assert 60 <= len(english.split()) <= 150, f"{name}/{step.id}"
        assert 100 <= len(tour.prose["zh"].sections[step.id].text) <= 500, f"{name}/{step.id}"
        for lang in tours.LANGS:
            assert ".py:" not in tour.prose[lang].sections[step.id].text
    assert any(step.cell for step in tour.steps), f"{name} has no cell"
    assert 2 <= len(tour.prose["en"].questions) <= 3, f"{name}: two or three questions"


@pytest.mark.real
@pytest.mark.parametrize("name", tours.names(folder("annotations")))
def test_our_tours_are_located_and_proven(name: str, real: tuple[Tree, Index]) -> None:
    """Each step exactly where its anchor says, and nine hops of ten facts of the source."""
    tree, index = real
    passages = proof.walk(tours.load(name, folder("annotations")), index, tree.read, tree.version)
    assert {passage.place.located for passage in passages} <= {"exact", "absent"}
    grades = [passage.proof.grade for passage in passages if passage.proof]
    assert "none" not in grades
    assert grades.count("exact") + grades.count("name") >= 0.9 * len(grades), f"{grades.count('asserted')} asserted"
