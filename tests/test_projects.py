"""Projects beside PyTorch: told apart, named, opened, got from a repository, indexed under the names they import by."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tour import build, origins, projects
from tour.errors import FetchError, TreeError
from tour.index import Index, facts_of
from tour.tree import Tree, TreeKind, add_folder, index_path

from .conftest import MINI, SHAPES

PYPROJECT = '[project]\nname = "{name}"\nversion = "{version}"\n'


def plant(root: Path, files: dict[str, str]) -> Path:
    """A project's folder."""
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def git(root: Path, *words: str) -> None:
    who = (
        "-c",
        "user.name=A",
        "-c",
        "user.email=a@example.org",
        "-c",
        "commit.gpgsign=false",
        "-c",
        "tag.gpgsign=false",
    )
    subprocess.run(["git", *who, "-C", str(root), *words], check=True, capture_output=True)


@pytest.fixture
def pytorch(own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """A PyTorch at hand, and nothing else; we stand outside of it."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr("tour.tree._installed", lambda: None)
    return add_folder(Path(shutil.copytree(MINI / "9.1.0", tmp_path / "pytorch-9.1.0")))


def complaint(error: pytest.ExceptionInfo[TreeError]) -> str:
    return f"{error.value} | {error.value.hint}"


@pytest.mark.parametrize(
    ("files", "name", "version"),
    [
        ({"pyproject.toml": PYPROJECT.format(name="My_Ext", version="1.2")}, "my-ext", "1.2"),
        ({"pyproject.toml": PYPROJECT.format(name="a", version="1") + '[tool.tour]\nname = "ours"\n'}, "ours", "1"),
        ({"setup.cfg": "[metadata]\nname = ext.ops\nversion = 0.4\n"}, "ext-ops", "0.4"),
        ({"setup.py": 'N = "fused"\nfrom setuptools import setup\nsetup(name=N, version="3.1")'}, "fused", "3.1"),
        ({"setup.py": "import setuptools\nsetuptools.setup(name=f())", "fused/__init__.py": '__version__ = "2.0a1"'},
         "folder", "2.0a1"),
        ({"pyproject.toml": "[project]\nname = 'x'\ndynamic = ['version']",
          "src/x/version.py": "__version__: str = '7'"}, "x", "7"),
        ({"CMakeLists.txt": "project(x)", "version.txt": "5.5\n"}, "folder", "5.5"),
        ({"setup.py": "def broken(:"}, "folder", "0"),
        ({"pyproject.toml": "not toml ["}, "folder", "0"),
        ({"pyproject.toml": "project = 3\n[tool]\ntour = 4"}, "folder", "0"),
        ({"setup.cfg": "no section"}, "folder", "0"),
        ({"pyproject.toml": PYPROJECT.format(name="!!", version="one")}, "project", "0"),
    ],
)  # fmt: skip
def test_name_and_version_are_told_by_the_files(
    tmp_path: Path, own_cache: Path, files: dict[str, str], name: str, version: str
) -> None:
    found = projects.add(plant(tmp_path / "folder", files))
    assert (found.name, found.version, found.kind) == (name, version, TreeKind.FOLDER)
    assert found.title == (f"{name} {version}" if version != "0" else name)


def test_a_tag_tells_the_version(tmp_path: Path, own_cache: Path) -> None:
    root = plant(tmp_path / "ext", {"setup.py": "setup(name='ext')"})
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "all")
    git(root, "tag", "0.9.0")
    assert projects.add(root).version == "0.9.0"
    assert projects.add(root, "1.0").version == "1.0"
    assert [found.version for found in projects.at_hand()] == ["1.0"]


def test_what_is_no_project(pytorch: Tree, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(TreeError) as error:
        projects.add(tmp_path / "empty")
    assert "no PyTorch tree, and no project either" in complaint(error) and "setup.py" in complaint(error)
    with pytest.raises(TreeError) as error:
        projects.add(plant(tmp_path / "x", {"pyproject.toml": PYPROJECT.format(name="torch", version="1")}))
    assert "calls itself 'torch'" in complaint(error) and "[tool.tour]" in complaint(error)
    assert not projects.is_project(pytorch.root)
    inside = plant(pytorch.root / "test/ext", {"setup.py": "setup(name='ext')"})
    with pytest.raises(TreeError, match="a folder inside a PyTorch tree"):
        projects.add(inside)
    with pytest.raises(TreeError, match="no such folder"):
        projects.opened(str(tmp_path / "nothing"))


def test_what_a_question_is_asked_of(pytorch: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (projects.opened().root, projects.opened().beside) == (pytorch.root, ())
    shapes = projects.add(SHAPES)
    other = projects.add(plant(tmp_path / "other", {"pyproject.toml": PYPROJECT.format(name="other", version="1")}))
    found = projects.opened()
    assert (found.name, found.asked, [one.name for one in found.beside]) == ("pytorch", "", ["minishapes", "other"])
    assert found.titles == "PyTorch 9.1.0, minishapes 0.3.1, other 1"
    for spec in ("minishapes", str(SHAPES), "minishapes@0.3.1", "9.1.0,minishapes", "other,9.1.0,minishapes"):
        found = projects.opened(spec)
        assert found.root == pytorch.root and {one.name for one in found.beside} == {"minishapes", "other"}, spec
        assert found.asked == ("other" if spec.startswith("other") else "minishapes"), spec
    monkeypatch.chdir(SHAPES / "minishapes/csrc")
    assert projects.opened().asked == "minishapes" and projects.alone_opened().root == shapes.root
    monkeypatch.chdir(pytorch.root / "torch")
    assert projects.opened().asked == "" and projects.alone_opened().root == pytorch.root
    assert projects.alone_opened("other").root == other.root


def test_a_folder_that_says_it_has_tours_need_not_be_named(
    pytorch: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = plant(tmp_path / "ours", {"pyproject.toml": PYPROJECT.format(name="ours", version="1") + "[tool.tour]\n"})
    (ours / "deep").mkdir()
    monkeypatch.chdir(ours / "deep")
    assert projects.opened().asked == "ours"
    (ours / "pyproject.toml").write_text(PYPROJECT.format(name="ours", version="1"))
    assert projects.opened().asked == ""


def test_of_two_folders_of_one_name_the_last_named_is_meant(pytorch: Tree, tmp_path: Path) -> None:
    for folder, version in (("one", "1"), ("two", "2")):
        projects.add(plant(tmp_path / folder, {"pyproject.toml": PYPROJECT.format(name="ext", version=version)}))
    assert [one.version for one in projects.opened().beside] == ["2"]
    assert [one.version for one in projects.opened("ext@1").beside] == ["1"]
    assert [one.version for one in projects.opened(str(tmp_path / "one")).beside] == ["1"]
    projects.add(tmp_path / "one")
    assert [one.version for one in projects.opened("ext").beside] == ["1"]
    shutil.rmtree(tmp_path / "one")
    assert [one.version for one in projects.opened().beside] == ["2"]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("pytorch4d", "'pytorch4d' is neither a version nor a folder, and no project at hand is called so"),
        ("minishapes@9", "no project at hand is called so (projects at hand: minishapes)"),
        ("9.1.0,9.1.0", "names 2 trees of PyTorch"),
        ("9.1.0,", "names a tree too few"),
        ("9.1.0,./nothing", "no such folder"),
        ("8.0.0,minishapes", "PyTorch 8.0.0 is not at hand"),
    ],
)
def test_words_that_name_no_tree(pytorch: Tree, spec: str, said: str) -> None:
    projects.add(SHAPES)
    with pytest.raises(TreeError) as error:
        projects.opened(spec)
    assert said in complaint(error)


def test_a_project_alone_is_a_tree_of_its_own(own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tour.tree._installed", lambda: None)
    projects.add(SHAPES)
    assert (projects.opened("minishapes").name, projects.opened("minishapes").beside) == ("minishapes", ())
    with pytest.raises(TreeError, match="no PyTorch tree at hand"):
        projects.opened()


@pytest.mark.parametrize("text", ["", "[]", "3", '{"/nowhere": 3}', '{"/nowhere": {}}'])
def test_a_list_of_projects_that_cannot_be_read_is_none(own_cache: Path, text: str) -> None:
    own_cache.mkdir(parents=True)
    (own_cache / "projects.json").write_text(text)
    assert projects.at_hand() == []


def test_modules_bear_the_names_that_they_are_imported_by(tmp_path: Path, own_cache: Path) -> None:
    root = plant(
        tmp_path / "ext",
        {
            "setup.py": "setup(name='ext')",
            "src/ext/__init__.py": "from .ops import f",
            "src/ext/ops.py": "def f(): ...",
            "src/loose.py": "",
            "python/pkg/sub/m.py": "",
            "tests/test_ext.py": "import ext",
            "build/lib/ext/ops.py": "def f(): ...",
        },
    )
    tree = projects.add(root)
    build.update(tree, index_path(tree))
    with Index(index_path(tree)) as index:
        assert (index.name, index.version) == ("ext", "0")
        modules = {file: index.symbols_in(file)[0].qualname for file in (found.path for found in tree.files())}
    assert modules == {
        "setup.py": "setup", "src/ext/__init__.py": "ext", "src/ext/ops.py": "ext.ops", "src/loose.py": "loose",
        "python/pkg/sub/m.py": "python.pkg.sub.m", "tests/test_ext.py": "tests.test_ext",
    }  # fmt: skip
    plant(root, {"python/pkg/__init__.py": "", "python/pkg/sub/__init__.py": ""})
    report = build.update(tree, index_path(tree))
    assert report.parsed > 2
    build.update(tree, tmp_path / "cold.sqlite")
    assert list(facts_of(index_path(tree))) == list(facts_of(tmp_path / "cold.sqlite"))
    with Index(index_path(tree)) as index:
        assert index.symbols_in("python/pkg/sub/m.py")[0].qualname == "pkg.sub.m"


@pytest.fixture
def repository(tmp_path: Path) -> str:
    """A project's repository with releases and a candidate, as git serves it from a folder."""
    root = Path(shutil.copytree(SHAPES, tmp_path / "served/shapes"))
    git(root, "init", "--quiet", "--initial-branch=main")
    for version in ("0.2.0", "0.3.1", "0.4.0rc1"):
        setup = (SHAPES / "setup.py").read_text().replace("0.3.1", version)
        (root / "setup.py").write_text(setup)
        git(root, "add", "--all")
        git(root, "commit", "--quiet", "-m", version)
        git(root, "tag", f"v{version}")
    return f"file://{root}"


def test_a_project_is_got_from_its_repository(pytorch: Tree, repository: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(origins.PROJECTS, "shapes", repository)
    newest = origins.get_project("shapes")
    assert (newest.name, newest.version, newest.kind) == ("minishapes", "0.3.1", TreeKind.GIT)
    assert origins.get_project("shapes") == newest
    older = origins.get_project("shapes@0.2.0")
    assert older.version == "0.2.0" and older.root != newest.root
    assert origins.get_project(f"{repository}@main").version == "0.4.0rc1"
    assert [one.version for one in projects.opened().beside] == ["0.4.0rc1"]
    assert [one.version for one in projects.opened("minishapes@0.2.0").beside] == ["0.2.0"]
    (newest.root / "setup.py").unlink()
    assert projects.recorded(newest.root) is None
    assert origins.get_project("shapes").root == newest.root and (newest.root / "setup.py").exists()


def test_what_is_at_hand_serves_where_the_repository_is_gone(
    pytorch: Tree, repository: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(origins.PROJECTS, "minishapes", repository)
    got = origins.get_project("minishapes")
    shutil.rmtree(repository.removeprefix("file://"))
    said: list[str] = []
    assert origins.get_project("minishapes", lambda what, done, total: said.append(what)) == got
    assert "cannot be reached" in said[0]
    with pytest.raises(FetchError, match="cannot be reached"):
        origins.get_project("minishapes@0.2.0")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("file:///nowhere/at/all", "cannot be reached"),
        ("file:///nowhere/at/all@--upload-pack=touch", "is no version, tag or branch"),
        ("pytorch3d@", "is no version, tag or branch"),
    ],
)
def test_projects_that_cannot_be_got(own_cache: Path, word: str, said: str) -> None:
    assert origins.means_project(word)
    with pytest.raises(FetchError, match=said):
        origins.get_project(word)
    assert not [left for left in own_cache.glob("trees/*") if not left.name.endswith(".lock")]


def test_a_repository_of_something_else_is_no_project(own_cache: Path, tmp_path: Path) -> None:
    root = plant(tmp_path / "served/notes", {"README.md": "nothing"})
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "all")
    with pytest.raises(FetchError, match=r"none of pyproject\.toml"):
        origins.get_project(f"file://{root}")


@pytest.mark.parametrize("word", ["2.6.0", "torchvision", "./pytorch3d", "ext::sh -c x", "-x@y"])
def test_words_that_mean_no_project(word: str) -> None:
    assert not origins.means_project(word)
