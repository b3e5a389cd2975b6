"""Tours as files of other tools: what VS Code's CodeTour player, Jupyter and a forge make of them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest
from click.testing import CliRunner
from jsonschema import Draft4Validator, ValidationError
from markdown import Markdown
from markdown_it import MarkdownIt

import tour
from tour import build, cells, cli, tours
from tour.errors import TourError
from tour.render.codetour import codetour
from tour.render.exports import FORMATS
from tour.render.markdown import markdown
from tour.render.notebook import notebook
from tour.resources import folder
from tour.tree import Tree, index_path
from tour.views import TourView

from . import sample_views as sample
from .conftest import REAL_VERSIONS, real_tree

_TEXT = {"type": "string"}
_POSITION = {
    "type": "object",
    "required": ["line", "character"],
    "properties": {"line": {"type": "number"}, "character": {"type": "number"}},
}
CODETOUR = Draft4Validator(
    {
        "type": "object",
        "required": ["title", "steps"],
        "properties": {
            **dict.fromkeys(("title", "description", "ref", "stepMarker", "nextTour", "when"), _TEXT),
            "isPrimary": {"type": "boolean"},
            "steps": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["description"],
                    "properties": {
                        **dict.fromkeys(("file", "directory", "uri", "pattern", "title", "description"), _TEXT),
                        "view": {"type": "string", "minLength": 1},
                        "line": {"type": "number"},
                        "selection": {
                            "type": "object",
                            "required": ["start", "end"],
                            "properties": {"start": _POSITION, "end": _POSITION},
                        },
                        "commands": {"type": "array", "items": _TEXT},
                    },
                    "additionalProperties": False,
                },
            },
            "$schema": _TEXT,
        },
        "additionalProperties": False,
    }
)
"""What ``schema.json`` of github.com/microsoft/codetour asks of a file, and that it knows each key."""


def played(step: dict[str, Any], text: str) -> int | None:
    """The line at which CodeTour's player shows a step (``src/player/index.ts``: the line, else the pattern)."""
    if "line" in step:
        return int(step["line"])
    found = re.search(step["pattern"], text, re.MULTILINE)
    return text.count("\n", 0, found.start()) + 1 if found else None


def as_codetour(view: TourView, *others: TourView) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(codetour(view, {one.name: one for one in (view, *others)}))
    CODETOUR.validate(made)
    return made


def test_a_codetour_has_every_step_between_its_intro_and_its_end() -> None:
    view = sample.tour("en")
    made = as_codetour(view)
    assert made["$schema"] == "https://aka.ms/codetour-schema"
    assert [step["title"] for step in made["steps"][1:-1]] == [
        f"{step.number}. {step.title.replace('`', '')}" for step in view.steps
    ]
    assert made["steps"][0]["description"] == view.intro
    assert "Because of [the first][#2]." in made["steps"][-1]["description"]
    assert {key for step in made["steps"] for key in step} <= {"title", "description", "file", "line", "pattern"}


def test_a_step_that_the_tree_has_lost_is_told_without_a_place() -> None:
    made = as_codetour(sample.tour("en"))
    lost = next(step for step in made["steps"] if step["title"].startswith("5."))
    assert "file" not in lost and "lost in 9.1.0" in lost["description"]


def test_a_release_is_the_codetours_ref_and_another_tree_is_none() -> None:
    view = sample.tour("en")
    assert as_codetour(view)["ref"] == "v9.1.0"
    assert "ref" not in as_codetour(replace(view, tree=replace(view.tree, version="9.1.0a0")))


def test_a_pattern_survives_edits_before_the_step() -> None:
    view = sample.tour("en")
    first = view.steps[0]
    assert first.code is not None
    code = replace(first.code, line='auto x = [](int a) { return a ? "$^" : "{1|2}*\\\\"; }', is_first=True)
    (_, step, *_) = as_codetour(replace(view, steps=(replace(first, code=code), *view.steps[1:])))["steps"]
    assert "line" not in step
    assert played(step, f"new\nlines\n{code.line}\nmore\n") == 3


def test_a_line_that_stands_in_the_file_before_is_named_by_its_number() -> None:
    view = sample.tour("en")
    assert as_codetour(view)["steps"][1]["line"] == 3


def test_links_lead_to_the_tours_that_are_exported_together_and_only_there() -> None:
    view = sample.tour("en")
    text = "See [that](../other/#s2), [all of it](../other/), [here](#s3) and [`x[0]`](../third/#s1)."
    view = replace(view, intro=text)
    other = replace(sample.tour("en"), name="other", title="The `other`", follows=(("sample", "A sample"),))
    made = as_codetour(view, other)
    assert made["steps"][0]["description"] == "See [that][The other#3], [all of it][The other], [here][#4] and `x[0]`."
    assert made["nextTour"] == "The other"
    told = {"sample": view, "other": other}
    assert "[that](other.en.md#s2), [all of it](other.en.md), [here](#s3) and `x[0]`." in markdown(view, told)
    assert "[that](other.en.ipynb#s2)" in "".join(json.loads(notebook(view, told))["cells"][0]["source"])


def test_markdown_has_each_link_where_it_leads() -> None:
    view = sample.tour("en")
    text = markdown(view, {view.name: view})
    page = Markdown(extensions=["fenced_code"]).convert(text)
    leads = set(re.findall(r'href="#([^"]+)"', page))
    assert leads and leads <= set(re.findall(r'<a id="([^"]+)">', text))


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_markdown_is_read_as_it_is_meant_by_commonmark(lang: str) -> None:
    """What forges speak: each step is a heading, its code a fence of its language, and nothing runs into the next."""
    view = sample.tour(lang)
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown(view, {}))
    headings = [tokens[at + 1].content for at, token in enumerate(tokens) if token.type == "heading_open"]
    assert headings[0] == view.title
    told = [title for title in headings if re.match(r"\d+\. ", title)]
    assert len(told) == len(view.steps) and all(
        step.title in title for step, title in zip(view.steps, told, strict=True)
    )
    fences = [token for token in tokens if token.type == "fence"]
    assert "mermaid" in {fence.info for fence in fences}
    for step in view.steps:
        if step.code is not None:
            assert any(step.code.line.strip() in fence.content for fence in fences), step.id


def test_the_schema_says_no_to_what_is_no_codetour() -> None:
    good = as_codetour(sample.tour("en"))
    for change in ({"title": 1}, {"steps": [{"title": "x"}]}, {"steps": [{"description": "x", "line": "3"}]}, {"x": 1}):
        with pytest.raises(ValidationError):
            CODETOUR.validate({**good, **change})


def test_what_stands_in_a_tree_stays_in_its_fence() -> None:
    view = sample.tour("en")
    first = view.steps[0]
    assert first.code is not None
    code = replace(first.code, lines=("", "", "```", ""))
    text = markdown(replace(view, steps=(replace(first, code=code), *view.steps[1:])), {})
    assert "````cpp\n```\n````" in text


def test_the_lanes_are_a_sequence_diagram_whose_labels_end_nothing() -> None:
    view = sample.tour("en")
    steps = (replace(view.steps[0], title="a; b # `c<d>`"), *view.steps[1:])
    text = markdown(replace(view, steps=steps), {})
    diagram = re.findall(r"```mermaid\n(.*?)\n```", text, re.DOTALL)[0].splitlines()
    assert diagram[0] == "sequenceDiagram"
    assert "    Note over python: 1. a#59; b #35; c#60;d#62;" in diagram
    arrows = [line.split(":")[0].strip() for line in diagram if ">>" in line]
    assert arrows[:2] == ["python->>binding", "binding-->>generated"]


def test_a_notebook_is_valid_and_holds_what_was_recorded() -> None:
    view = sample.tour("en")
    made = nbformat.reads(notebook(view, {}), as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(made)
    programs = [cell for cell in made.cells if cell.cell_type == "code"]
    assert [cell.id for cell in programs] == ["s1", "s2"]
    assert [output.output_type for output in programs[0].outputs] == [
        "stream", "stream", "display_data", "display_data", "display_data", "execute_result", "error",
    ]  # fmt: skip
    assert programs[1].metadata.tags == ["raises-exception"]
    assert "<details>" in made.cells[-1].source


def test_the_command_writes_a_file_for_each_tour_and_language(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    view = sample.tour("en")
    monkeypatch.setattr(
        tour, "export", lambda names, tree, to, langs, steps: {f"{names[0]}.{to}": view.title for _ in langs}
    )
    monkeypatch.setattr("tour.cli.exports.ready", lambda spec: spec)
    done = CliRunner().invoke(cli.main, ["export", "import-torch", "--to", "codetour"])
    assert (done.exit_code, done.output.split()) == (0, [".tours/import-torch.codetour"])
    assert Path(".tours/import-torch.codetour").read_text() == view.title
    Path("taken").write_text("")
    done = CliRunner().invoke(cli.main, ["export", "import-torch", "--to", "markdown", "--out", "taken/below"])
    assert done.exit_code == 2 and "cannot write" in done.output and "Traceback" not in done.output
    for words in (
        ["export", "--to", "codetour"],
        ["export", "import-torch", "--to", "pdf"],
        ["export", "import-torch", "--to", "markdown", "--step", "pyinit"],
        ["export", "--all", "--to", "embed", "--step", "pyinit"],
    ):
        assert CliRunner().invoke(cli.main, words).exit_code == 2


def test_an_unknown_format_is_named_with_those_that_there_are() -> None:
    with pytest.raises(TourError) as caught:
        tour.export(["import-torch"], Tree(Path("/nowhere"), "1", None), "pdf")  # type: ignore[arg-type]
    assert "codetour" in str(caught.value.hint)


@pytest.mark.real
@pytest.mark.parametrize("version", REAL_VERSIONS)
def test_every_step_of_ours_is_played_at_its_line(version: str) -> None:
    tree = real_tree(version)
    build.update(tree, index_path(tree))
    names = tours.names(folder("annotations"))
    files = tour.export(names, tree, "codetour", ["en"])
    for name in names:
        view = tour.trace(name, tree)
        made = json.loads(files[f"{name}.tour"])
        CODETOUR.validate(made)
        assert len(made["steps"]) == len(view.steps) + 2
        for step, shown in zip(view.steps, made["steps"][1:-1], strict=True):
            if step.file is None or step.tree:
                assert "file" not in shown
                continue
            text = tree.read(step.file).decode("utf-8", "replace")
            assert (shown["file"], played(shown, text)) == (step.file, step.line), f"{name}: {step.id}"
        assert not re.search(r"\]\((?:\.\./|#)", files[f"{name}.tour"]), f"{name} links to nowhere"


@pytest.mark.real
@pytest.mark.parametrize("name", ["module-call", "dataloader-single"])
def test_a_notebook_runs_from_top_to_bottom(name: str, torch_python: cells.Runner, tmp_path: Path) -> None:
    from tour.notebooks import kernel

    tree = real_tree("2.6.0")
    build.update(tree, index_path(tree))
    made = nbformat.reads(tour.export([name], tree, "notebook", ["en"])[f"{name}.en.ipynb"], as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(made)
    with kernel(torch_python.python, made, tmp_path, 60.0) as client:
        ends = [client.ran(number) for number, cell in enumerate(made.cells) if cell.cell_type == "code"]
    assert ends and set(ends) == {"ran"}
    for cell in made.cells:
        for output in cell.get("outputs", ()):
            assert output.output_type != "error" or "raises-exception" in cell.metadata.get("tags", ())


def test_each_format_is_in_the_commands_help() -> None:
    told = CliRunner().invoke(cli.main, ["export", "--help"]).output
    assert all(name in told for name in FORMATS)
