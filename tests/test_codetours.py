"""CodeTour files become tours of ours: places are anchored, words are kept, and what cannot be is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import tour
from tour import build, cli, codetours, tours
from tour.errors import TourError
from tour.resources import folder
from tour.tree import Tree, TreeKind, index_path

from .conftest import REAL_VERSIONS, real_tree

CODE = "import os\n\n\ndef first(x):\n    y = x + 1\n    return y\n\n\ndef second(x):\n    return first(x)\n"


@pytest.fixture
def tree(own_cache: Path, tmp_path: Path) -> Tree:
    """A tree of one module, indexed."""
    root = tmp_path / "tree"
    (root / "torch").mkdir(parents=True)
    (root / "torch/__init__.py").write_text("")
    (root / "torch/walk.py").write_text(CODE)
    made = Tree(root, "9.9.9", TreeKind.FOLDER)
    build.update(made, index_path(made))
    return made


def step(text: str, **keys: Any) -> dict[str, Any]:
    return {"description": text, **keys}


def file_of(tmp_path: Path, *steps: dict[str, Any], **keys: Any) -> Path:
    file = tmp_path / "a walk.tour"
    file.write_text(json.dumps({"title": "A walk", "steps": list(steps), **keys}))
    return file


def brought(tree: Tree, tmp_path: Path, *steps: dict[str, Any]) -> tuple[tours.Tour, list[str]]:
    _, lost = tour.bring({"en": file_of(tmp_path, *steps)}, "walk", tree, tmp_path / "tours")
    return tours.load("walk", tmp_path / "tours"), lost


def test_lines_patterns_and_selections_become_anchors(tree: Tree, tmp_path: Path) -> None:
    selection = {"start": {"line": 9, "character": 1}, "end": {"line": 10, "character": 5}}
    made, lost = brought(
        tree,
        tmp_path,
        step("By its line.", file="torch/walk.py", line=4),
        step("By a pattern.", file="torch/walk.py", pattern=r"^ +y = x \+ 1$", title="2. Add"),
        step("# Selected\nBy a selection.", file="torch/walk.py", selection=selection),
    )
    assert lost == []
    assert [(one.anchors[0].symbol, one.anchors[0].statement) for one in made.steps] == [
        ("py:torch.walk.first", None),
        ("py:torch.walk.first", "y = x + 1"),
        ("py:torch.walk.second", "return first(x)"),
    ]
    sections = [made.prose["en"].sections[one.id] for one in made.steps]
    assert [(one.title, one.text) for one in sections] == [
        ("Step 1", "By its line."),
        ("Add", "By a pattern."),
        ("Selected", "By a selection."),
    ]


def test_what_has_no_place_is_told_where_it_stood(tree: Tree, tmp_path: Path) -> None:
    made, lost = brought(
        tree,
        tmp_path,
        step("Welcome."),
        step("Here.", file="torch/walk.py", line=4, title="One"),
        step("Look around.", title="Aside"),
        step("Gone.", file="torch/other.py", line=1, title="Two"),
        step("There.", file="torch/walk.py", line=9, title="Three"),
        step("Read on."),
    )
    prose = made.prose["en"]
    assert prose.intro == "Welcome."
    assert prose.sections["first"].text == "Here.\n\n**Aside**\n\nLook around.\n\n**Two**\n\nGone."
    assert prose.sections[tours.ONWARD].text == "Read on."
    (sentence,) = lost
    assert "step 4 has no anchor" in sentence and "torch/other.py" in sentence


def test_headings_and_links_fit_our_form(tree: Tree, tmp_path: Path) -> None:
    text = "See [that][#2], [it][Other#3] and [all][Other].\n\n## More\n\n```\n# no heading\n```"
    made, _ = brought(tree, tmp_path, step(text, file="torch/walk.py", line=4), step("x", file="torch/walk.py", line=9))
    told = made.prose["en"].sections["first"].text
    assert told == "See [that](#second), it and all.\n\n### More\n\n```\n# no heading\n```"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "is not JSON"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"[]", "is no CodeTour"),
        (b'{"title": "x"}', "is no CodeTour"),
        (b'{"title": "x", "steps": [{"file": "a"}]}', "step 1 is no step"),
        (b'{"title": "x", "steps": [{"description": "", "file": "a", "line": "4"}]}', "line that is no number"),
        (b'{"title": "x", "steps": []}', "no step of it can be anchored"),
        (b'{"title": "x", "steps": [{"description": "", "file": "torch/walk.py"}]}', "no line in it"),
        (b'{"title": "x", "steps": [{"description": "", "file": "torch/walk.py", "line": 99}]}', "has 10 lines"),
        (
            b'{"title": "x", "steps": [{"description": "", "file": "torch/walk.py", "pattern": "(zz"}]}',
            "cannot be read",
        ),
        (b'{"title": "x", "steps": [{"description": "", "file": "torch/walk.py", "pattern": "zz"}]}', "matches"),
        (b'{"title": "x", "steps": [{"description": "", "file": "../../etc/passwd", "line": 1}]}', "has no file"),
    ],
)
def test_a_file_that_is_no_codetour_is_said_to_be_none(tree: Tree, tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "x.tour"
    file.write_bytes(content)
    with pytest.raises(TourError, match=said):
        tour.bring({"en": file}, "walk", tree, tmp_path / "tours")
    assert not (tmp_path / "tours/walk").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 200_000,
        b'{"title": "x", "steps": [{"description": "", "file": "a", "line": ' + b"9" * 5000 + b"}]}",
        b'{"title": "x", "steps": [{"description": "", "file": "a", "line": 1e999}]}',
        b'{"title": "x", "steps": [{"description": "", "file": "a", "line": NaN}]}',
        b'{"title": "x", "steps": [{"description": "", "file": "a", "line": true}]}',
        b'{"title": ["x"], "steps": []}',
        b'{"title": "x", "steps": {"0": 1}}',
        b'{"title": "x", "steps": [7]}',
        b'{"title": "x", "steps": [{"description": {"text": "x"}}]}',
        b'{"title": "x", "steps": [], "more": "' + b"x" * 6_000_000 + b'"}',
        '{"title": "导读", "steps": []}'.encode("utf-16"),
        b"\0" * 100,
        b"",
    ],
    ids=range(13),
)
def test_a_broken_file_is_one_sentence(tree: Tree, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.tour"
    file.write_bytes(content)
    with pytest.raises(TourError) as caught:
        tour.bring({"en": file}, "walk", tree, tmp_path / "tours")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
    assert not (tmp_path / "tours").exists() or not list((tmp_path / "tours").iterdir())


def test_places_that_are_a_folder_a_link_or_outside_have_no_anchor(tree: Tree, tmp_path: Path) -> None:
    secret = tmp_path / "secret.py"
    secret.write_text("TOKEN = 'hunter2'\n")
    (tree.root / "torch/linked.py").symlink_to(secret)
    up = "../" * 20
    places = ["torch", "", ".", "torch/linked.py", str(secret), f"{up}etc/passwd", "../secret.py", "torch/\0walk.py"]
    made, lost = brought(
        tree, tmp_path, step("Here.", file="torch/walk.py", line=4), *[step("Out.", file=at, line=1) for at in places]
    )
    assert len(made.steps) == 1 and len(lost) == len(places)
    assert "hunter2" not in (tmp_path / "tours/walk/en.md").read_text()


def test_what_tours_of_the_wild_have_is_understood(tree: Tree, tmp_path: Path) -> None:
    """Paths of Windows, patterns that are plain text or JavaScript's, blank lines, comments above a function."""
    (tree.root / "torch/walk.cpp").write_text(
        "#include <vector>\n\n// What this does,\n// at length.\n\nint first(int x) {\n  return x;\n}\n"
    )
    build.update(tree, index_path(tree))
    made, lost = brought(
        tree,
        tmp_path,
        step("A path.", file="torch\\\\walk.py".replace("\\\\", "\\"), line=4),
        step("Another.", file="/torch/walk.py", line=9.0),
        step("A text.", file="torch/walk.py", pattern="def second(x):"),
        step("Half a pattern.", file="torch/walk.py", pattern="return first(x"),
        step("A group.", file="torch/walk.py", pattern=r"(?<name>y) = x"),
        step("A comment.", file="torch/walk.cpp", line=3),
        step("Blank.", file="torch/walk.cpp", line=5),
        step("Moved.", file="old/walk.cpp", line=5),
        step("Above all.", file="torch/walk.cpp", line=1),
    )
    assert [(one.anchors[0].symbol, one.anchors[0].statement) for one in made.steps] == [
        ("py:torch.walk.first", None),
        ("py:torch.walk.second", None),
        ("py:torch.walk.second", None),
        ("py:torch.walk.second", "return first(x)"),
        ("py:torch.walk.first", "y = x + 1"),
        ("cpp:first", None),
        ("cpp:first", None),
    ]
    assert "torch/walk.cpp has that name now" in lost[0] and "no symbol holds this line" in lost[1]


def test_a_pattern_that_never_ends_is_ended(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codetours, "_PATTERN_SECONDS", 2.0)
    (tree.root / "torch/walk.py").write_text(f"{CODE}# {'a' * 60}!\n")
    build.update(tree, index_path(tree))
    made, lost = brought(
        tree,
        tmp_path,
        step("Never.", file="torch/walk.py", pattern=r"(a+)+$"),
        step("Ends.", file="torch/walk.py", pattern=r"^ +y\s*=.*$"),
    )
    assert [one.anchors[0].statement for one in made.steps] == ["y = x + 1"]
    assert "step 1 has no anchor" in lost[0] and "takes too long" in lost[0]


def test_titles_and_texts_cannot_speak_in_the_place_of_ours(tree: Tree, tmp_path: Path) -> None:
    place = {"file": "torch/walk.py", "line": 4}
    title = "A\n\n## Onward {#onward}\n\u202e <script>alert(1)</script> \ud800\0" + "long " * 100
    text = "```\nnever closed\n\n## Second {#second}\r\n\ud83d <!-- tour: onward -->"
    file = file_of(
        tmp_path, step(text, title=title, **place), step("Next.", title="# {#x}", file="torch/walk.py", line=9)
    )
    file.write_text(file.read_text().replace('"A walk"', json.dumps(title)))
    tour.bring({"en": file}, "walk", tree, tmp_path / "tours")
    made = tours.load("walk", tmp_path / "tours")
    assert [one.id for one in made.steps] == ["onward-step", "second"]
    prose = made.prose["en"]
    assert prose.title.startswith("A ## Onward ") and len(prose.title) <= 200
    assert set(prose.sections) == {"onward-step", "second", tours.ONWARD}
    assert (
        "\u202e" not in prose.title
        and prose.sections["onward-step"].text.endswith("```")
        and prose.sections["second"].text == "Next."
    )
    view = tour.trace(str(tmp_path / "tours/walk"), tree)
    assert [one.located for one in view.steps] == ["exact", "exact"]


def test_two_languages_have_the_same_steps(tree: Tree, tmp_path: Path) -> None:
    one, other = tmp_path / "one.tour", tmp_path / "zh.tour"
    place = step("Here.", file="torch/walk.py", line=4, title="One")
    one.write_text(json.dumps({"title": "A walk", "steps": [place]}))
    other.write_text(json.dumps({"title": "一程", "steps": [place, place]}))
    with pytest.raises(TourError, match="has 2 steps"):
        tour.bring({"en": one, "zh": other}, "walk", tree, tmp_path / "tours")
    other.write_text(json.dumps({"title": "一程", "steps": [{**place, "description": "这里。"}]}))
    tour.bring({"en": one, "zh": other}, "walk", tree, tmp_path / "tours")
    made = tours.load("walk", tmp_path / "tours")
    assert (made.prose["zh"].title, made.prose["zh"].sections["first"].text) == ("一程", "这里。")


def test_the_command_says_what_it_could_not_anchor(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tour.cli.exports.ready", lambda spec: tree)
    place = step("Here.", file="torch/walk.py", line=4)
    file = file_of(tmp_path, place, step("Gone.", file="torch/no.py", line=1), ref="v1.2.3")
    words = ["import", str(file), "--into", str(tmp_path / "tours")]
    done = CliRunner().invoke(cli.main, words)
    assert done.exit_code == 1 and "step 2 has no anchor" in done.output
    assert (tmp_path / "tours/a-walk/tour.yaml").is_file()
    monkeypatch.setattr("tour.cli.walks.ready", lambda spec, **options: tree)
    done = CliRunner().invoke(cli.main, ["check", str(tmp_path / "tours/a-walk")])
    assert done.exit_code == 0, done.output
    done = CliRunner().invoke(cli.main, words)
    assert done.exit_code == 2 and "there is a tour 'a-walk' already" in done.output


def test_a_ref_that_is_a_release_is_known() -> None:
    refs = {"v2.6.0": "2.6.0", "1.13.1": "1.13.1", "main": None, None: None}
    assert {ref: codetours.CodeTour(Path("x"), "x", ref, ()).release for ref in refs} == refs


@pytest.mark.real
@pytest.mark.parametrize("version", REAL_VERSIONS)
@pytest.mark.parametrize("name", ["import-torch", "batch-norm-cpu"])
def test_a_round_trip_keeps_steps_text_and_places(version: str, name: str, tmp_path: Path) -> None:
    tree = real_tree(version)
    build.update(tree, index_path(tree))
    files = {}
    for lang, file in (("en", f"{name}.tour"), ("zh", f"{name}.zh.tour")):
        files[lang] = tmp_path / file
        files[lang].write_text(tour.export([name], tree, "codetour")[file], encoding="utf-8")
    _, lost = tour.bring(files, "again", tree, tmp_path / "tours")
    assert lost == []
    ours, again = tours.load(name, folder("annotations")), tours.load("again", tmp_path / "tours")
    there = {one.id: one for one in tour.trace(name, tree).steps if one.file}
    assert [one.id for one in again.steps] == list(there)
    for lang in ("en", "zh"):
        for id in there:
            # what the version lacks is told with the step before
            assert again.prose[lang].sections[id].text.startswith(unlinked(ours.prose[lang].sections[id].text))
            assert again.prose[lang].sections[id].title == ours.prose[lang].sections[id].title.replace("`", "")
    traced = tour.trace(str(tmp_path / "tours/again"), tree)
    assert [(one.file, one.line) for one in traced.steps] == [(one.file, one.line) for one in there.values()]


def unlinked(text: str) -> str:
    """Prose without its links to other tours, which were not exported with it."""
    from tour.crosslinks import relinked

    return relinked(text, lambda words, name, step: words if name else f"[{words}](#{step})")
