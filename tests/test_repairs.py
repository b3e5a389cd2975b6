"""A step that is not where its tour says: what is certain is rewritten in place, the rest is proposed as a change."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tour import cli, edits, tours
from tour.errors import TourError
from tour.tree import add_folder

from . import annotations as written
from .conftest import MINI, SHAPES

STROKE = """\
# how a stroke is drawn
tree: minishapes   # ours
steps:
  - id: stroke
    lane: python
    anchor: {symbol: "py:minishapes.ops.stroke"}   # the front
    hop: calls

  - id: operator
    lane: dispatcher
    anchor:
      symbol: op:minishapes::stroke
    hop: dispatches

  # the work is done here
  - id: cpu
    lane: cpp
    anchor:
      symbol: cpp:shapes::stroke_cpu   # not the GPU's
      file: minishapes/csrc/library.cpp

  - id: body
    lane: python
    anchor:
      symbol: py:minishapes.ops._Paint.backward
      statement: "return _C.paint_backward(g)"
"""
STEPS = ("stroke", "operator", "cpu", "body")


@pytest.fixture
def team(own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A team's repository under git, beside an invented PyTorch; we stand in it and its tour passes."""
    monkeypatch.setattr("tour.tree._installed", lambda: None)
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    add_folder(Path(shutil.copytree(MINI / "9.1.0", tmp_path / "pytorch-9.1.0")))
    root = Path(shutil.copytree(SHAPES, tmp_path / "shapes"))
    (root / "pyproject.toml").write_text('[project]\nname = "minishapes"\n[tool.tour]\nannotations = "tours"\n')
    prose = written.prose("A stroke", STEPS).replace("`", "")
    written.write(root / "tours", "stroke", STROKE, en=prose, zh=prose)
    monkeypatch.chdir(root)
    subprocess.run(["git", "init", "--quiet"], check=True)
    assert CliRunner().invoke(cli.main, ["index", "9.1.0"]).exit_code == 0
    done = check()
    assert done.exit_code == 0, done.output
    return root


def check(*words: str) -> Result:
    return CliRunner().invoke(cli.main, ["check", *words], catch_exceptions=False)


def change(file: str, old: str, new: str) -> None:
    text = Path(file).read_text()
    assert old in text
    Path(file).write_text(text.replace(old, new))


LIBRARY = "minishapes/csrc/library.cpp"
TOUR = "tours/stroke/tour.yaml"


def test_what_the_hops_lead_to_is_certain_and_rewritten_in_place(team: Path) -> None:
    change(LIBRARY, "stroke_cpu", "draw_line_of_the_cpu")
    done = check()
    assert done.exit_code == 1
    assert f"{TOUR}:18: stroke / cpu in 9.1.0: lost: no cpp:shapes::stroke_cpu" in done.output
    assert "the hops into it and out of it are proven there" in done.output
    assert "+      symbol: cpp:shapes::draw_line_of_the_cpu   # not the GPU's" in done.output
    assert Path(TOUR).read_text() == STROKE  # nothing is written that was not asked for
    done = check("--fix")
    assert done.exit_code == 0, done.output
    now = Path(TOUR).read_text()
    assert now == STROKE.replace("cpp:shapes::stroke_cpu", "cpp:shapes::draw_line_of_the_cpu").replace(
        "      file: minishapes/csrc/library.cpp\n", ""
    )
    assert "stroke / cpu: now minishapes//minishapes/csrc/library.cpp:5" in done.stderr
    assert check("--fix").exit_code == 0 and Path(TOUR).read_text() == now


def test_a_definition_that_went_to_another_file_is_certain(team: Path) -> None:
    moved = "namespace shapes {\nat::Tensor stroke_cpu(const at::Tensor& x) { return x; }\n}\n"
    change(LIBRARY, moved, "")
    Path("minishapes/csrc/stroke.cpp").write_text("#include <torch/library.h>\n" + moved)
    done = check()
    assert done.exit_code == 0 and "moved to minishapes//minishapes/csrc/stroke.cpp" in done.output
    assert check("--fix").exit_code == 0
    assert "library.cpp" not in Path(TOUR).read_text()
    done = check()
    assert done.exit_code == 0 and "moved" not in done.output


def test_what_is_only_alike_is_proposed_and_not_written(team: Path) -> None:
    change("minishapes/ops.py", "def stroke(x)", "def strokes(x)")
    done = check("--fix")
    assert done.exit_code == 1 and "the name most like it there" in done.output
    assert Path(TOUR).read_text() == STROKE
    diff = check("--format", "diff")
    assert diff.exit_code == 1
    subprocess.run(["git", "apply"], input=diff.output, text=True, check=True)
    assert Path(TOUR).read_text() == STROKE.replace('minishapes.ops.stroke"', 'minishapes.ops.strokes"')
    assert check().exit_code == 0


def test_a_statement_that_changed_is_proposed_with_its_new_text(team: Path) -> None:
    change("minishapes/ops.py", "return _C.paint_backward(g)", "return _C.paint_backward(g, None)")
    done = check("--json", "--fix")
    (found,) = json.loads(done.stdout)["findings"]
    assert found["step"] == "body"
    (repair,) = found["repairs"]
    assert not repair["certain"]
    assert repair["suggestion"] == '      statement: "return _C.paint_backward(g, None)"\n'
    assert STROKE.splitlines()[repair["line"] - 1 : repair["end_line"]] == [
        '      statement: "return _C.paint_backward(g)"'
    ]
    assert Path(TOUR).read_text() == STROKE


def test_a_statement_that_another_function_took_over_is_proposed(team: Path) -> None:
    change(
        "minishapes/ops.py",
        "return _C.paint_backward(g)",
        "return other(g)\n\n\ndef other(g):\n    return _C.paint_backward(g)",
    )
    done = check("--json")
    (found,) = [one for one in json.loads(done.stdout)["findings"] if one["step"] == "body"]
    assert "py:minishapes.ops.other" in {one["anchor"]["symbol"] for one in found["repairs"]}


def test_where_nothing_is_like_it_nothing_is_proposed(team: Path) -> None:
    change("minishapes/ops.py", "def stroke(x)", "def zzz(x)")
    change("minishapes/ops.py", "minishapes.stroke(x)", "minishapes.other(x)")
    done = check("--json")
    (found,) = [one for one in json.loads(done.stdout)["findings"] if one["step"] == "stroke" and "lost" in one["what"]]
    assert done.exit_code == 1 and found["repairs"] == []


def test_github_is_told_with_the_line_and_the_suggested_edit(
    team: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    change(LIBRARY, "stroke_cpu", "stroke_on_cpu")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    done = check("--format", "github")
    assert done.exit_code == 1
    (line,) = [line for line in done.stdout.splitlines() if "stroke / cpu" in line]
    assert line.startswith(f"::error file={TOUR},line=19,endLine=20,title=stroke / cpu in 9.1.0::lost%3A") or (
        f"::error file={TOUR},line=19,endLine=20,title=stroke / cpu in 9.1.0::lost:" in line
    )
    message = line.partition("::lost")[2].replace("%0A", "\n").replace("%25", "%")
    assert "```suggestion\n      symbol: cpp:shapes::stroke_on_cpu   # not the GPU's\n```" in message
    summary = (tmp_path / "summary.md").read_text()
    assert "| `stroke` | 9.1.0 | 3 of 4 |" in summary and "```diff\n--- a/tours/stroke/tour.yaml" in summary
    check("--format", "github")
    assert len((tmp_path / "summary.md").read_text()) == 2 * len(summary)
    monkeypatch.setenv("GITHUB_WORKSPACE", str(team.parent))
    assert f"::error file={team.name}/{TOUR},line=19," in check("--format", "github").stdout
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    done = check("--format", "github")
    assert done.exit_code == 2 and "cannot write the summary" in done.output


def test_an_anchor_that_is_right_in_another_version_keeps_its_former_name(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tour.tree._installed", lambda: None)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for version in ("9.0.0", "9.1.0"):
        root = add_folder(Path(shutil.copytree(MINI / version, tmp_path / f"pytorch-{version}"))).root
        if version == "9.1.0":
            stub = root / "torch/csrc/Module.cpp"
            stub.write_text(stub.read_text().replace("THPModule_initExtension", "THPModule_initAll"))
        assert CliRunner().invoke(cli.main, ["index", version]).exit_code == 0
    folder = written.write(tmp_path / "tours")
    words = ["--annotations", str(folder), "--tree", "9.1.0", "--tree", "9.0.0", "--fix"]
    check(*words)
    (step,) = [step for step in tours.load("mini", folder).steps if step.id == "init-extension"]
    assert step.anchors[0].symbol == "cpp:THPModule_initAll"
    assert step.anchors[0].formerly == ("cpp:THPModule_initExtension",)
    (line,) = [line for line in check(*words).output.splitlines() if "/ init-extension" in line]
    assert "note: mini / init-extension in 9.0.0: former" in line


@pytest.mark.parametrize(
    ("text", "values", "then"),
    [
        ("a:\n  symbol: py:x  # c\n  file: f\n", {"symbol": "py:y"}, "a:\n  symbol: py:y  # c\n  file: f\n"),
        ("a:\n  symbol: py:x\n  file: f # g\n  among: 2\n", {"file": None}, "a:\n  symbol: py:x\n  among: 2\n"),
        ("a: {symbol: 'py:x', file: f}\n", {"file": None}, "a: {symbol: 'py:x'}\n"),
        ("a: {file: f, symbol: 'py:x'}\n", {"file": None}, "a: {symbol: 'py:x'}\n"),
        ("a: {symbol: 'py:x'} # c\n", {"after": 'b: "c"'}, "a: {symbol: 'py:x', after: \"b: \\\"c\\\"\"} # c\n"),
        ("a:\n  symbol: py:x # c\n# d\nb: 1\n", {"among": 3}, "a:\n  symbol: py:x # c\n  among: 3\n# d\nb: 1\n"),
        ("a:\n  symbol: py:x", {"file": "f.py"}, 'a:\n  symbol: py:x\n  file: "f.py"\n'),
        ("a:\n  statement: |\n    x = 1\n  symbol: py:x\n", {"statement": "y"},
         'a:\n  statement: "y"\n  symbol: py:x\n'),
        ("a:\n  symbol: py:x\n  formerly:\n    - py:w\n", {"formerly": ["py:v", "py:w"]},
         'a:\n  symbol: py:x\n  formerly:\n    - "py:v"\n    - py:w\n'),
        ("a:\n  symbol: py:x\n  formerly: [py:w]\n", {"formerly": ["py:v", "py:w"]},
         'a:\n  symbol: py:x\n  formerly: ["py:v", "py:w"]\n'),
        ("a:\n  symbol: py:ü # 中文\n", {"symbol": "py:一"}, 'a:\n  symbol: py:一 # 中文\n'),
    ],
)  # fmt: skip
def test_a_key_is_changed_where_it_stands(text: str, values: dict[str, edits.Value | None], then: str) -> None:
    assert edits.changed(text, ("a",), values, "symbol") == then


def test_an_entry_of_a_list_keeps_its_dash() -> None:
    text = "a:\n  - file: f\n    symbol: py:x\n  - symbol: py:y\n"
    assert edits.changed(text, ("a", 0), {"file": None}, "symbol") == "a:\n  - symbol: py:x\n  - symbol: py:y\n"
    with pytest.raises(TourError, match="in place"):
        edits.changed("b: &x {symbol: s}\na: *x\n", ("a",), {"symbol": "t"}, "symbol")
