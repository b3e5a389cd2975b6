"""A team's own tours: found from its repository, beside ours, and never in place of a clear word."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

import tour
from tour import cli, projects, repository, tours
from tour.errors import AnnotationError, TreeError, UnknownName
from tour.tree import add_folder

from . import annotations as written
from .conftest import MINI

ONE = 'steps:\n  - {id: only, lane: python, anchor: {symbol: "py:torch"}}\n'
PROSE = written.prose("One", ("only",))


@pytest.fixture(autouse=True)
def nobodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """We stand in a folder without a table, and nothing is named."""
    monkeypatch.delenv(repository.VARIABLE, raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def team(root: Path, table: str = 'annotations = "docs/tours"\n', *names: str) -> Path:
    written.repository(root, table)
    for name in names:
        written.write(root / "docs/tours", name, ONE, en=PROSE, zh=PROSE)
    return root


def test_without_a_team_there_are_ours() -> None:
    assert repository.folders() == (repository.ours(),)
    assert (repository.own(), repository.place()) == (None, repository.ours())
    assert tour.names() == tour.own_names() == tours.names(repository.ours())


def test_a_teams_tours_are_found_from_anywhere_in_its_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = team(tmp_path / "ext", 'annotations = "docs/tours"\n', "our-walk", "a-walk")
    (root / "src/deep").mkdir(parents=True)
    monkeypatch.chdir(root / "src/deep")
    assert repository.folders() == (root / "docs/tours", repository.ours())
    assert tour.own_names() == ["a-walk", "our-walk"]
    assert tour.names() == ["a-walk", "our-walk", *tours.names(repository.ours())]
    assert tours.named("our-walk").file.is_relative_to(root)
    assert tours.named("import-torch").file.is_relative_to(repository.ours())


def test_the_nearest_table_counts_and_others_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = team(tmp_path / "ext", 'annotations = "docs/tours"\n', "our-walk")
    inner = root / "tools"
    inner.mkdir()
    (inner / "pyproject.toml").write_text('[tool.black]\nline-length = 99  # tour\n[project]\nname = "tour"\n')
    monkeypatch.chdir(inner)
    assert tour.own_names() == ["our-walk"]
    (inner / "pyproject.toml").write_text('[tool.tour]\nname = "tools"\n')
    assert repository.own() is None


def test_a_folder_that_is_named_comes_before_what_the_repository_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = team(tmp_path / "ext", 'annotations = "docs/tours"\n', "our-walk")
    written.write(tmp_path / "other", "other-walk", ONE, en=PROSE, zh=PROSE)
    monkeypatch.chdir(root)
    monkeypatch.setenv(repository.VARIABLE, str(tmp_path / "other"))
    assert tour.own_names() == ["other-walk"]
    with repository.taken(root / "docs/tours"):
        assert tour.own_names() == ["our-walk"]
    assert tour.own_names() == ["other-walk"]
    monkeypatch.setenv(repository.VARIABLE, str(repository.ours()))
    assert repository.folders() == (repository.ours(),)


def test_of_two_tours_of_one_name_the_teams_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(team(tmp_path / "ext", 'annotations = "docs/tours"\n', "import-torch"))
    assert tour.names().count("import-torch") == 1
    assert tours.named("import-torch").file.is_relative_to(tmp_path)
    assert {tour for tour, _ in tours.passing()["py:torch"] if tour == "import-torch"} == {"import-torch"}


@pytest.mark.parametrize(
    ("table", "line", "said"),
    [
        ('annotation = "docs"\n', 6, "unknown key 'annotation'"),
        ('name = "x"\nannotations = 3\n', 7, "annotations is 3, expected a text"),
        ('annotations = " "\n', 6, "expected a text"),
        ('annotations = "nowhere"\n', 6, "there is no folder of annotations"),
        ("torch = [2]\n", 6, r"torch is \[2\]"),
    ],
)
def test_a_table_that_cannot_be_read_is_said_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, line: int, said: str
) -> None:
    root = written.repository(tmp_path / "ext", table)
    monkeypatch.chdir(root)
    with pytest.raises(AnnotationError, match=said) as error:
        repository.folders()
    assert error.value.at == f"{root / 'pyproject.toml'}:{line}"


@pytest.mark.parametrize("text", ["[tool.tour\n", "tool = {tour = 3}\n"])
def test_what_is_no_toml_or_no_table_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / "here/pyproject.toml").write_text(text)
    done = CliRunner().invoke(cli.main, ["check"])
    assert done.exit_code == 2 and "pyproject.toml" in done.output and "Traceback" not in done.output


def test_a_name_that_no_tour_bears_gets_the_nearest_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(team(tmp_path / "ext", 'annotations = "docs/tours"\n', "our-walk"))
    with pytest.raises(UnknownName) as error:
        tours.named("our-wlak")
    assert error.value.nearest[0] == "our-walk"


def test_the_option_holds_for_one_command(own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_folder(Path(shutil.copytree(MINI / "9.1.0", tmp_path / "pytorch-9.1.0")))
    monkeypatch.setattr("tour.tree._installed", lambda: None)
    written.write(tmp_path / "tours", "our-walk", ONE, en=PROSE, zh=PROSE)
    assert CliRunner().invoke(cli.main, ["index", "9.1.0"]).exit_code == 0
    words = ["--annotations", str(tmp_path / "tours"), "--json"]
    done = CliRunner().invoke(cli.main, ["check", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert [row["tour"] for row in json.loads(done.output)["checked"]] == ["our-walk"]
    done = CliRunner().invoke(cli.main, ["trace", "our-walk", *words], catch_exceptions=False)
    assert json.loads(done.output)["tour"] == "our-walk"
    assert CliRunner().invoke(cli.main, ["trace", "our-walk"]).exit_code == 2
    done = CliRunner().invoke(cli.main, ["check", "--annotations", str(tmp_path / "nowhere")])
    assert done.exit_code == 2 and "there is no folder of annotations" in done.output


def test_a_new_tour_goes_where_the_repository_says(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_folder(Path(shutil.copytree(MINI / "9.1.0", tmp_path / "pytorch-9.1.0")))
    monkeypatch.setattr("tour.tree._installed", lambda: None)
    root = written.repository(tmp_path / "ext", 'annotations = "docs/tours"\ntorch = "9.1.0"\n')
    (root / "ext.py").write_text("import torch\n\n\ndef f(x):\n    return torch.nn.functional.norm(x)\n")
    monkeypatch.chdir(root)
    assert CliRunner().invoke(cli.main, ["index", "9.1.0"]).exit_code == 0
    assert CliRunner().invoke(cli.main, ["index"]).exit_code == 0
    done = CliRunner().invoke(cli.main, ["new", "our-walk", "--at", "ext.py:4"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    text = (root / "docs/tours/our-walk/tour.yaml").read_text()
    assert 'tree: "ext"' in text and str(repository.ours()) not in text and ".." not in text
    (root / "ext.py").write_text("import torch\n\n\ndef g(x): ...\n\n\ndef f(x): ...\n")
    done = CliRunner().invoke(cli.main, ["check"], catch_exceptions=False)  # the project's index follows by itself
    assert done.exit_code == 0, done.output


def test_a_repository_says_which_pytorch_it_is_read_with(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tour.tree._installed", lambda: None)
    for version in ("9.0.0", "9.1.0"):
        add_folder(Path(shutil.copytree(MINI / version, tmp_path / f"pytorch-{version}")))
    root = written.repository(tmp_path / "ext", 'torch = "9.0.0"\n')
    monkeypatch.chdir(root)
    found = projects.opened()
    assert (found.version, found.asked, [one.name for one in found.beside]) == ("9.0.0", "ext", ["ext"])
    found = projects.opened("9.1.0")
    assert (found.version, [one.name for one in found.beside]) == ("9.1.0", ["ext"])
    assert projects.alone_opened().root == root
    written.repository(root, 'torch = "8.0.0"\n')
    with pytest.raises(TreeError, match=r"8\.0\.0 is not at hand"):
        projects.opened()
    assert projects.alone_opened().root == root


def test_a_tour_without_a_name_is_asked_for_one_only_on_a_terminal() -> None:
    done = CliRunner().invoke(cli.main, ["new"])
    assert done.exit_code == 2 and "A tour needs a name" in done.output


def test_a_shell_completes_names_and_says_nothing_of_a_broken_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.shell_completion import ShellComplete

    def completed() -> list[str]:
        shell = ShellComplete(cli.main, {}, "tour", "_TOUR_COMPLETE")
        return [item.value for item in shell.get_completions(["trace"], "our")]

    root = team(tmp_path / "ext", 'annotations = "docs/tours"\n', "our-walk")
    monkeypatch.chdir(root)
    assert completed() == ["our-walk"]
    written.repository(root, "annotations = 3\n")
    assert completed() == []


def test_programs_that_list_tours_get_a_teams_first(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(team(tmp_path / "ext", 'annotations = "docs/tours"\n', "our-walk"))
    assert tours.passing()["py:torch"][0] == ("our-walk", "only")
    import tour.cli.publishing as publishing

    edited = publishing._edited(repository.folders())
    assert {"our-walk", "import-torch"} <= edited.keys()
