"""The example repository as a team would have it: built, its own tests, indexed, checked, run and shown."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

import tour
from tour import build, cli, paths, projects, repository, tours
from tour.model import LANGS
from tour.tree import index_path

from .conftest import real_tree, torch_pythons

EXAMPLE = Path(__file__).parents[1] / "examples/team-extension"


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy far from our checkout, as a clone would be, indexed like PyTorch beside it."""
    root = Path(shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("team") / "rmsnorm"))
    project = projects.alone_opened(root)
    for tree in (real_tree("2.6.0"), project):
        build.update(tree, index_path(tree))
    yield root
    index = index_path(project)
    for file in index.parent.glob(f"{index.stem}.*"):
        file.unlink()


@pytest.fixture
def example(copied: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """We stand in it."""
    monkeypatch.delenv(repository.VARIABLE, raising=False)
    monkeypatch.chdir(copied)
    return copied


@pytest.fixture(scope="module")
def installed(copied: Path) -> tuple[str, dict[str, str]]:
    """The extension built for the CPU with the newest torch, and the Python that can import it."""
    python = torch_pythons()["2.13.0"]
    if not Path(python).exists():
        if os.environ.get("CI"):
            raise AssertionError("scripts/torches did not make .venv-torch")
        pytest.skip("no torch: scripts/torches")
    environment = os.environ | {"PYTHONPATH": str(copied), "FORCE_CUDA": "0", "MAX_JOBS": "2"}
    done = subprocess.run(
        [python, "setup.py", "build_ext", "--inplace"], cwd=copied, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return python, environment


def test_its_tour_is_located_and_proven_in_both_trees(example: Path) -> None:
    done = CliRunner().invoke(cli.main, ["check", "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["findings"] == []
    (row,) = told["checked"]
    assert (row["tour"], row["tree"], row["located"], row["none"]) == ("rms-norm", "2.6.0", row["steps"], 0)
    view = tour.trace("rms-norm", projects.opened())
    assert {step.tree for step in view.steps} == {"", "rmsnorm"}
    taken = [step for step in view.steps if step.included]
    steps = ("cpu", "rows-and-columns", "with-mean", "stub", "cpu-kernel")
    assert [step.id for step in taken] == [f"layer-norm.{step}" for step in steps]
    assert any(step.witness is not None and step.witness.state == "seen" for step in taken)
    hops = {step.id: step.hop for step in view.steps}
    assert [hops[step].grade for step in ("cpu", "empty-like", "cuda", "layer-norm.stub")] == ["exact"] * 4  # type: ignore[union-attr]


def test_questions_go_from_its_python_to_both_kernels(example: Path) -> None:
    for goal in ("rmsnorm::normalize_row", "rmsnorm::rms_norm_kernel"):
        (way,) = tour.path("rmsnorm.RMSNorm.forward", goal, projects.opened())
        assert way[-1].target == f"cpp:{goal}"


def test_a_step_that_is_renamed_fails_the_check_and_is_mended(example: Path) -> None:
    source, annotation = example / "rmsnorm/csrc/rms_norm.cpp", example / "docs/tours/rms-norm/tour.yaml"
    before, text = source.read_text(), annotation.read_text()
    try:
        source.write_text(before.replace("normalize_row", "scale_row"))
        done = CliRunner().invoke(cli.main, ["check"])
        assert done.exit_code == 1 and "+      symbol: cpp:rmsnorm::scale_row" in done.output
        done = CliRunner().invoke(cli.main, ["check", "--fix"])
        assert annotation.read_text() == text.replace("normalize_row", "scale_row")
    finally:
        source.write_text(before)
        annotation.write_text(text)
    assert CliRunner().invoke(cli.main, ["check"]).exit_code == 0


def test_it_builds_and_its_own_tests_pass(example: Path, installed: tuple[str, dict[str, str]]) -> None:
    python, environment = installed
    asked = "import pytest, sys; sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', 'tests']))"
    if subprocess.run([python, "-c", "import pytest"], capture_output=True).returncode:  # that Python is for torch
        asked = "import torch, rmsnorm as r; x, w = torch.randn(2, 5, 33), torch.rand(33)\n" + (
            "torch.testing.assert_close(r.rms_norm(x, w), torch.nn.functional.rms_norm(x, w.shape, w, 1e-6))"
        )
    done = subprocess.run([python, "-c", asked], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_programs_show_what_is_recorded(example: Path, installed: tuple[str, dict[str, str]]) -> None:
    python, environment = installed
    file = example / "docs/tours/rms-norm/recordings/cpu.ipynb"
    stored = file.read_text()
    done = CliRunner(env={"PYTHONPATH": environment["PYTHONPATH"]}).invoke(
        cli.main, ["run", "rms-norm", "--device", "cpu", "--python", python], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    assert file.read_text() == stored


def test_it_is_shown_as_a_site_beside_ours_and_exported(example: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(
        cli.main, ["build", "rms-norm", "layer-norm", "--tree", "2.6.0", "--out", str(tmp_path / "site")]
    )
    assert done.exit_code == 0, done.output
    for lang in LANGS:
        root = tmp_path / "site" / ("" if lang == "en" else "zh")
        page = (root / "tours/rms-norm/index.html").read_text()
        assert 'data-step="layer-norm.cpu-kernel"' in page and 'href="../layer-norm/#cpu-kernel"' in page
        assert "import-torch/" not in page.partition("tour-head")[2].partition("<article")[0]
        assert 'id="path-start"' in (root / "index.html").read_text()
    assert (tmp_path / "site/source/2.6.0/rmsnorm/rmsnorm/csrc/rms_norm.cpp.html").is_file() or list(
        (tmp_path / "site/source").rglob("rms_norm.cpp.html")
    )
    words = ["rms-norm", "import-torch", "layer-norm", "--lang", "en", "--out", str(tmp_path)]
    for form in ("markdown", "notebook", "codetour"):
        assert CliRunner().invoke(cli.main, ["export", *words, "--to", form]).exit_code == 0
    assert json.loads((tmp_path / "rms-norm.tour").read_text())["nextTour"].startswith("nn.LayerNorm")
    assert json.loads((tmp_path / "import-torch.tour").read_text())["isPrimary"]
    nbformat.validate(nbformat.read(tmp_path / "rms-norm.en.ipynb", as_version=4))  # type: ignore[no-untyped-call]
    text = (tmp_path / "rms-norm.en.md").read_text()
    assert "On the path “Your first week”: 2 of 3" in text and "(layer-norm.en.md#cpu-kernel)" in text


def test_its_path_leads_through_ours_and_back(example: Path) -> None:
    path = paths.at_hand()[0]
    assert [leg.tour for leg in path.legs] == ["import-torch", "rms-norm", "layer-norm"]
    assert tours.named("rms-norm").follows == ("layer-norm",)
