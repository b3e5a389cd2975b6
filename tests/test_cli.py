"""The commands as a user runs them: a real process, its output, its exit code."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tour.resources import folder

from .conftest import MINI, SHAPES

PACKAGE = Path(__file__).parents[1]


class Run:
    """`tour` with a home and a cache of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {
            **{key: value for key, value in os.environ.items() if key not in {"COLUMNS", "FORCE_COLOR"}},
            "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "PYTHONPATH": str(PACKAGE), "NO_COLOR": "1",
        }  # fmt: skip

    def __call__(self, *words: str | Path, code: int = 0, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "tour", *map(str, words)],
            capture_output=True, text=True, env=self.environment, cwd=cwd or self.home, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    def json(self, *words: str | Path, code: int = 0) -> Any:
        told = json.loads(self(*words, "--json", code=code).stdout)
        assert told["schema"] == 1
        return told


@pytest.fixture
def tour(tmp_path: Path) -> Run:
    (tmp_path / "home").mkdir()
    return Run(tmp_path / "home")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder that a user has: minitorch under another name."""
    return Path(shutil.copytree(MINI / "9.1.0", tmp_path / "pytorch-9.1.0"))


def said(done: subprocess.CompletedProcess[str]) -> str:
    """What was said on standard error: at most a sentence and what to do."""
    lines = done.stderr.strip().splitlines()
    assert 1 <= len(lines) <= 2, done.stderr
    assert lines[0].startswith("tour: ")
    return done.stderr


def test_a_project_beside_pytorch(tour: Run, tree: Path) -> None:
    tour("get", tree)
    tour("index", "9.1.0")
    assert "minishapes 0.3.1 (folder) is at" in tour("get", SHAPES).stdout
    rows = {row["name"]: row for row in tour.json("trees")["trees"] if row["kind"] == "folder"}
    assert rows["minishapes"]["index"] == "absent" and rows["minishapes"]["path"] == str(SHAPES)
    missing = tour("where", "minishapes.paint", "--tree", "9.1.0", code=1)
    assert "was not asked, for it has no index: `tour index minishapes`" in missing.stderr
    assert "`tour index minishapes`" in said(tour("where", "minishapes.paint", "--tree", "9.1.0,minishapes", code=2))
    assert "minishapes 0.3.1: 8 of 8 files read" in tour("index", "minishapes").stdout
    assert "--generated and --precise are for PyTorch" in said(tour("index", "minishapes", "--generated", code=2))
    layers = tour.json("where", "minishapes.paint", "--tree", "9.1.0")["layers"]
    assert [layer.get("tree") for layer in layers] == ["minishapes"] * 7
    assert (layers[5]["symbol"], layers[5]["file"]) == ("cpp:PaintKernel", "minishapes/csrc/paint.cu")
    route = tour.json("path", "minishapes.Painter", "aten::mini_norm", "--tree", "9.1.0")["links"]
    assert route[-1]["to"] == "op:aten::mini_norm" and route[-1]["at"]["tree"] == "minishapes"
    text = tour("path", "minishapes.Painter", "PaintKernel", "--tree", "9.1.0,minishapes").stdout
    assert "launches PaintKernel  minishapes//minishapes/csrc/paint.cu:11" in text
    place = tour.json("anchor", "minishapes//setup.py:13", "--tree", "9.1.0")
    assert place["anchor"]["tree"] == place["at"]["tree"] == "minishapes" and place["at"]["file"] == "setup.py"
    assert tour("anchor", "setup.py:13", "--tree", "minishapes,9.1.0").stdout.count("tree: ") == 1
    assert "in PyTorch 9.1.0, minishapes 0.3.1" in tour("where", "no_such", "--tree", "9.1.0", code=1).stdout


def test_help_is_instant_and_complete(tour: Run) -> None:
    text = tour("--help").stdout
    commands = re.findall(r"(?m)^  (\w+)  ", text[text.index("Commands:") :])
    assert commands == [
        "get",
        "trees",
        "index",
        "where",
        "path",
        "list",
        "trace",
        "check",
        "run",
        "diff",
        "new",
        "anchor",
        "export",
        "import",
        "build",
        "serve",
        "mcp",
        "doctor",
    ]
    for command in commands:
        assert "Usage: " in tour(command, "--help").stdout
    parties = {"rich", "tree_sitter", "mkdocs", "jinja2", "yaml", "mcp", "google"}
    heavy = f"import sys, tour.cli; print({parties} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", heavy], capture_output=True, text=True, env=tour.environment, check=True
    )
    assert done.stdout.strip() == "set()"


def test_a_mistyped_command_gets_the_nearest(tour: Run) -> None:
    assert "Did you mean 'trace'?" in tour("tarce", code=2).stderr


def test_from_a_folder_to_a_view(tour: Run, tree: Path) -> None:
    assert "PyTorch 9.1.0" in tour("get", tree).stdout
    row = {"name": "pytorch", "version": "9.1.0", "kind": "folder", "path": str(tree), "index": "absent"}
    row["generated"] = {"state": "absent", "files": 0}
    assert tour.json("trees")["trees"][0] == row  # the torch that this Python has comes last
    assert "files read" in tour("index", "9.1.0").stdout
    assert "nothing changed" in tour("index", "9.1.0").stdout
    assert "ready" in tour("trees").stdout
    (tree / "torch/_early.py").write_text("changed = 1\n")
    (tree / "torch/new.py").write_text("")
    assert "2 files behind" in tour("trees").stdout
    tour("index", "9.1.0")
    assert "ready" in tour("trees").stdout
    assert tour.json("index", tree)["parsed"] == 0


def test_generated_code_comes_when_asked_for_and_goes_when_told(tour: Run, tree: Path) -> None:
    def listed() -> str:
        return next(line for line in tour("trees").stdout.splitlines() if " 9.1.0 " in line)

    tour("get", tree)
    assert "no code generation that can be run" in said(tour("index", tree, "--generated", code=2))
    shutil.copytree(Path(__file__).parent / "codegen", tree, dirs_exist_ok=True)
    tour("index", tree)
    assert "  no  " in listed()
    done = tour("index", tree, "--generated")
    assert "This runs Python code of the tree" in done.stderr and str(tree) in done.stderr
    assert "16 of them were written by the tree's own code generation" in done.stdout
    assert "runs" not in tour("index", tree, "--generated").stderr, "nothing ran"
    assert tour.json("index", tree)["generated"] == {"state": "current", "files": 16}
    assert "  ready  16 files  " in listed()
    generator = tree / "torchgen/gen.py"
    generator.write_text("raise SystemExit('a plain update runs nothing')\n" + generator.read_text())
    done = tour("index", tree)
    assert "before the tree changed: `tour index --generated`" in done.stdout and not done.stderr
    assert "  16 files, out of date  " in listed()
    assert "failed: a plain update runs nothing" in tour("index", tree, "--generated", code=2).stderr
    assert tour.json("index", tree, "--no-generated")["removed"] == 16
    assert "  no  " in listed()
    assert tour.json("index", tree)["generated"] == {"state": "absent", "files": 0}


def test_a_tree_by_path_and_from_inside(tour: Run, tree: Path) -> None:
    tour("index", tree)
    assert "nothing changed" in tour("index", cwd=tree / "torch").stdout


def test_without_a_tree_or_an_index_it_says_what_to_do(tour: Run, tree: Path) -> None:
    done = tour("trace", "import-torch", "--tree", "9.1.0", code=2)
    assert "not at hand" in said(done) and "tour get" in done.stderr
    done = tour("trace", "import-torch", "--tree", tree, code=2)
    assert "has no index yet" in said(done) and "tour index" in done.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("trace", "import-troch"), "there is no tour 'import-troch'"),
        (("trace", "import-torch", "--step", "pyinti"), "no step 'pyinti'"),
        (("index", "9.9"), "9.9 is not at hand"),
        (("index", "./nowhere"), "nowhere"),
        (("get", "./nowhere"), "nowhere"),
        (("get", "banana"), "banana"),
    ],
)
def test_mistakes_get_one_sentence_and_a_way_on(tour: Run, words: tuple[str, ...], expected: str) -> None:
    assert expected in said(tour(*words, code=2))


def test_nearest_names_are_offered(tour: Run) -> None:
    assert "import-torch" in said(tour("trace", "import-troch", code=2)).splitlines()[1]
    assert "pyinit" in said(tour("trace", "import-torch", "--step", "pyinti", code=2)).splitlines()[1]


def test_a_folder_without_pytorch(tour: Run, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/file.py").write_text("x = 1\n")
    assert "no PyTorch tree" in said(tour("index", tmp_path / "other", code=2))


def test_a_folder_that_may_not_be_read(tour: Run, tree: Path, tmp_path: Path) -> None:
    (tree / "torch").chmod(0)
    try:
        if os.geteuid() == 0:  # root reads everything: ask as nobody
            tmp_path.chmod(0o755)
            for parent in tmp_path.parents:
                if not parent.stat().st_mode & 0o001:
                    pytest.skip("nobody cannot reach this folder")
            tour.home.chmod(0o777)
            done = subprocess.run(
                [sys.executable, "-m", "tour", "index", str(tree)], capture_output=True, text=True, cwd="/",
                env=tour.environment, user=65534, group=65534, extra_groups=(),
            )  # fmt: skip
            if "No module named" in done.stderr or "Permission denied: '/root" in done.stderr:
                pytest.skip("nobody cannot reach this Python")
            assert done.returncode == 2, done.stderr
            assert "Traceback" not in done.stderr
        else:
            done = tour("index", tree, code=2)
        assert "tour: " in done.stderr
    finally:
        (tree / "torch").chmod(0o755)


def test_a_damaged_index_is_rebuilt_with_a_word(tour: Run, tree: Path) -> None:
    tour("index", tree)
    index = next((tour.home / "cache/tour/index").glob("*.sqlite"))
    index.write_bytes(index.read_bytes()[:5000])
    assert "of no use (damaged)" in said(tour("trace", "import-torch", "--tree", tree, code=2))
    assert "was damaged and was made anew" in tour("index", tree).stderr


def test_a_lost_step_is_a_finding(tour: Run, tree: Path) -> None:
    """minitorch has none of the real tour's bodies: `trace` and `check` say so by their exit code and name the line."""
    tour("index", tree)
    view = tour.json("trace", "import-torch", "--tree", tree, code=1)
    assert {step["located"] for step in view["steps"]} > {"lost"}
    done = tour("check", "import-torch", "--tree", tree, code=1)
    annotation = folder("annotations") / "import-torch" / "tour.yaml"
    assert re.search(rf"(?m)^{re.escape(str(annotation))}:\d+: import-torch / ", done.stdout)
    told = tour.json("check", "import-torch", "--tree", tree, code=1)
    assert any(finding["fatal"] for finding in told["findings"])


def test_problems_are_listed_to_jump_to(tour: Run, tree: Path) -> None:
    (tree / "broken.py").write_text("def f(:\n")
    assert re.search(r"(?m)^broken\.py:1: ", tour("index", tree, "--problems").stdout)


@pytest.mark.real
@pytest.mark.parametrize("version", ["1.13.1", "2.6.0"])
def test_the_real_walk(version: str) -> None:
    """Every step of import-torch in a real tree: located exactly, each hop proven, by the contract of the JSON."""
    from .conftest import real_tree

    real_tree(version)
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    run = [sys.executable, "-m", "tour"]
    subprocess.run([*run, "index", version], check=True, env=environment, stdout=subprocess.DEVNULL)
    done = subprocess.run(
        [*run, "trace", "import-torch", "--tree", version, "--json"],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    told = json.loads(done.stdout)
    assert (told["tour"], told["lang"], told["tree"]["version"]) == ("import-torch", "en", version)
    steps = told["steps"]
    assert len(steps) >= 20
    assert {step["located"] for step in steps} == {"exact"}
    assert [step["hop"]["grade"] for step in steps[:-1]] == ["exact"] * (len(steps) - 1) and steps[-1]["hop"] is None
    assert [step["hop"]["to"] for step in steps[:-1]] == [step["id"] for step in steps[1:]]
    seen = [step for step in steps if step["witness"] and step["witness"]["state"] == "seen"]
    assert len(seen) >= 20 and all(step["witness"]["device"] and step["witness"]["torch"] for step in seen)


CHECKS = Path(__file__).parent / "checks" / "walks.txt"
"""One line a step: version, tour, step, and its place, read by eye in that tree."""


@pytest.mark.real
@pytest.mark.parametrize("version", ["1.13.1", "2.6.0"])
def test_the_lines_that_were_read_by_eye(version: str) -> None:
    from tour import tours, views
    from tour.index import Index
    from tour.tree import index_path

    from .conftest import real_tree

    tree = real_tree(version)
    rows = [line.split() for line in CHECKS.read_text().splitlines() if line and not line.startswith("#")]
    expected = {(tour, step): place for told, tour, step, place in rows if told == version}
    found = {}
    with Index(index_path(tree)) as index:
        for name in tours.names(folder("annotations")):
            view = views.tour_view(tours.load(name, folder("annotations")), tree, index, "zh")
            found |= {(name, step.id): f"{step.file}:{step.line}" for step in view.steps if step.file}
    assert found == expected


@pytest.mark.real
def test_the_walk_on_paper_is_readable_without_colours() -> None:
    from .conftest import real_tree

    real_tree("2.6.0")
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE), "NO_COLOR": "1"}
    for lang, hop, back in (("en", "calls", "back in step 6:"), ("zh", "调用", "回到第 6 步：")):
        done = subprocess.run(
            [sys.executable, "-m", "tour", "trace", "import-torch", "--tree", "2.6.0", "--lang", lang],
            capture_output=True, text=True, env=environment, check=True,
        )  # fmt: skip
        assert "\x1b" not in done.stdout
        assert max(len(line) for line in done.stdout.splitlines()) <= 100
        assert f"↓ {hop}  torch/csrc/stub.c:14" in done.stdout
        assert "return initModule();" in done.stdout
        assert f"↑ {back} " in done.stdout
