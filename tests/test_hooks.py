"""What a team hangs into its own workflow: the pre-commit hook and the GitHub action, run on a small repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from .test_repairs import LIBRARY, STROKE, TOUR, change, team

__all__ = ["team"]

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT), **more}


def git(*words: str) -> None:
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *words], check=True, capture_output=True)


@pytest.fixture
def hooked(team: Path, tmp_path: Path) -> Path:
    """The repository with our hook as pre-commit reads it, but for where the program is: it is installed already."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    config = {"repos": [{"repo": "local", "hooks": [hook | {"language": "system"}]}]}
    Path(".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    git("add", "--all")
    git("commit", "--quiet", "-m", "all")
    return team


def pre_commit(tmp_path: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "run", "--all-files", "--color=never"],
        capture_output=True,
        text=True,
        env=environment(PRE_COMMIT_HOME=str(tmp_path / "pre-commit")),
    )
    return done.returncode, done.stdout + done.stderr


def test_the_manifest_of_the_hook_is_valid(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "validate-manifest", str(ROOT / ".pre-commit-hooks.yaml")],
        capture_output=True, text=True, env=environment(PRE_COMMIT_HOME=str(tmp_path)),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    for name in (TOUR, "docs/path.yaml", "tours/stroke/zh.md", "csrc/x.cu", "a.py", "pyproject.toml"):
        assert re.search(hook["files"], name), name
    for name in ("README.md", "data.bin", "tour.yaml.orig"):
        assert not re.search(hook["files"], name), name


def test_the_hook_passes_mends_and_stops(hooked: Path, tmp_path: Path) -> None:
    code, said = pre_commit(tmp_path)
    assert code == 0 and "Passed" in said, said
    change(LIBRARY, "stroke_cpu", "stroke_on_cpu")
    code, said = pre_commit(tmp_path)
    assert code == 1 and "files were modified by this hook" in said, said
    assert "cpp:shapes::stroke_on_cpu" in Path(TOUR).read_text()
    code, said = pre_commit(tmp_path)
    assert code == 0, said
    change("minishapes/ops.py", "def stroke(x)", "def strokes(x)")
    code, said = pre_commit(tmp_path)
    assert code == 1 and "lost: no py:minishapes.ops.stroke" in said
    assert '+    anchor: {symbol: "py:minishapes.ops.strokes"}   # the front' in said


def action(**inputs: str) -> list[dict[str, Any]]:
    """The action's own commands, with what a workflow would fill in."""
    told = yaml.safe_load((ROOT / "action.yml").read_text())
    values = {name: str(one.get("default", "")) for name, one in told["inputs"].items()} | inputs
    assert not {name for name, one in told["inputs"].items() if one.get("required")} - inputs.keys()

    def filled(text: str) -> str:
        return re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: values[found[1]], text)

    steps = [step for step in told["runs"]["steps"] if "run" in step and "pip install" not in step["run"]]
    assert all(step["shell"] == "bash" and "${{" not in step["run"] for step in steps)
    return [{**step, "env": {key: filled(value) for key, value in step["env"].items()}} for step in steps]


def acted(tmp_path: Path, **inputs: str) -> tuple[int, str]:
    said = ""
    for step in action(**inputs):
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            capture_output=True,
            text=True,
            env=environment(**step["env"], GITHUB_STEP_SUMMARY=str(tmp_path / "summary.md")),
        )
        said += done.stdout + done.stderr
        if done.returncode:
            return done.returncode, said
    return 0, said


@pytest.mark.skipif(shutil.which("tour", path=str(BIN)) is None, reason="tour is not installed beside this Python")
def test_the_action_fails_when_a_step_is_lost_and_suggests_the_new_place(team: Path, tmp_path: Path) -> None:
    code, said = acted(tmp_path, torch=str(tmp_path / "pytorch-9.1.0"))
    assert code == 0 and "::error" not in said, said
    change(LIBRARY, "stroke_cpu", "stroke_on_cpu")
    code, said = acted(tmp_path, torch=str(tmp_path / "pytorch-9.1.0"), tours="stroke")
    assert code == 1
    assert f"::error file={TOUR},line=19,endLine=20,title=stroke / cpu in 9.1.0::lost" in said
    assert "cpp:shapes::stroke_on_cpu" in (tmp_path / "summary.md").read_text()
    assert Path(TOUR).read_text() == STROKE
    code, said = acted(tmp_path, torch=str(tmp_path / "pytorch-9.1.0"), annotations="nowhere")
    assert code == 2 and "there is no folder of annotations" in said


def test_the_example_uses_what_we_ship() -> None:
    example = ROOT / "examples/team-extension"
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    config = yaml.safe_load((example / ".pre-commit-config.yaml").read_text())
    assert [one["id"] for one in config["repos"][0]["hooks"]] == [hook["id"]]
    workflow = yaml.safe_load((example / ".github/workflows/ci.yml").read_text())
    (used,) = [step for step in workflow["jobs"]["tours"]["steps"] if "tour@" in step.get("uses", "")]
    assert used["with"].keys() <= yaml.safe_load((ROOT / "action.yml").read_text())["inputs"].keys()
