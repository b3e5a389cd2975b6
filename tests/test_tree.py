"""Trees are found, told apart and listed; and what is no tree, or only half of one, is named as what it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tour import tree
from tour.errors import TourError, TreeError
from tour.model import Lang
from tour.tree import SOURCE_MARKS, Tree, TreeKind, add_folder, detect_version, open_tree, trees

from .conftest import real_tree


def plant(root: Path, **files: str) -> Path:
    """A source tree with no more than its marks; ``files`` are added, ``__`` in a name standing for ``/``."""
    for mark in SOURCE_MARKS:
        (root / mark).parent.mkdir(parents=True, exist_ok=True)
        (root / mark).mkdir() if mark == "torch/csrc" else (root / mark).write_text("")
    for name, text in files.items():
        file = root / name.replace("__", "/").replace("_txt", ".txt")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def record(root: Path, version: str = "9.1.0", **more: object) -> Path:
    what = {"version": version, "kind": "git", "files": tree.count_files(root), "top": ["torch", "aten"], **more}
    tree.write_json(root / tree.RECORD, what)
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


def commit(root: Path, *tags: str) -> Path:
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "all")
    for tag in tags:
        git(root, "tag", "-a", "-m", tag, tag)
    return root


@pytest.fixture(autouse=True)
def alone_in_the_world(own_cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No tree around the current folder, none in the cache, no torch installed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tree.importlib.util, "find_spec", lambda name: None)


@pytest.fixture
def got() -> Callable[[str], Path]:
    """A tree as ``tour get`` leaves it."""

    def make(version: str) -> Path:
        return record(plant(tree.trees_dir() / f"pytorch-{version}"), version)

    return make


def complaint(error: pytest.ExceptionInfo[TourError]) -> str:
    return f"{error.value} | {error.value.hint}"


# Each clue alone, in its ways of writing.
@pytest.mark.parametrize(
    ("name", "files", "told"),
    [
        ("x", {"torch__version.py": "__version__ = '2.6.0+cpu'\n"}, ("2.6.0", "torch/version.py")),
        ("x", {"torch__version.py": "a = 1\n__version__: str = '2.7.0.dev1+cpu'"}, ("2.7.0.dev1", "torch/version.py")),
        ("x", {"torch-2.6.0.dist-info__METADATA": "Name: torch\nVersion: 2.6.0+cpu\n"}, ("2.6.0", "dist-info")),
        ("x", {"debian__changelog": "pytorch (2.6.0+dfsg-7) unstable; urgency=low\n"}, ("2.6.0", "debian/changelog")),
        ("x", {"debian__changelog": "pytorch (1:2.7.0~rc1+dfsg-1) experimental\n"}, ("2.7.0rc1", "debian/changelog")),
        ("pytorch-v2.6.0", {}, ("2.6.0", "the folder's name")),
        ("pytorch-1.13.1", {}, ("1.13.1", "the folder's name")),
        ("pytorch_2.6.0+dfsg", {}, ("2.6.0", "the folder's name")),
        ("v2.6.0-rc9", {}, ("2.6.0", "the folder's name")),
        ("2.6.0", {}, ("2.6.0", "the folder's name")),
        ("x", {"version_txt": "2.6.0a0\n"}, ("2.6.0", "version.txt")),
    ],
)  # fmt: skip
def test_each_clue_tells(tmp_path: Path, name: str, files: dict[str, str], told: tuple[str, str]) -> None:
    assert detect_version(plant(tmp_path / name, **files)) == told


@pytest.mark.parametrize(
    ("name", "files", "told"),
    [
        # The folder of the 1.13.1 release: version.txt is behind, but of the same series.
        ("pytorch-1.13.1", {"version_txt": "1.13.0a0"}, ("1.13.1", "the folder's name")),
        # Renamed by hand, or switched to another branch since.
        ("pytorch-2.5.1", {"version_txt": "2.6.0a0"}, ("2.6.0", "version.txt")),
        # A build of an older checkout is still there.
        ("x", {"version_txt": "2.6.0a0", "torch__version.py": "__version__ = '2.5.0a0+x'"}, ("2.6.0", "version.txt")),
        ("x", {"version_txt": "2.6.0a0", "torch__version.py": "__version__ = '2.6.1'"}, ("2.6.1", "torch/version.py")),
        # What a build wrote is surer than a name.
        ("pytorch-2.6.0", {"torch__version.py": "__version__ = '2.6.1'"}, ("2.6.1", "torch/version.py")),
        # Two of them say nothing.
        ("2.6.1", {f"torch-{v}.dist-info__METADATA": f"Version: {v}" for v in ("2.6.0", "2.6.1")},
         ("2.6.1", "the folder's name")),
        # Another package's changelog, a version that is none, a table that is always one release behind.
        ("pytorch-2.6.0", {"debian__changelog": "apt (2.7.1)", "version_txt": "unknown", "RELEASE.md": "| 2.5 |"},
         ("2.6.0", "the folder's name")),
    ],
)  # fmt: skip
def test_clues_that_disagree(tmp_path: Path, name: str, files: dict[str, str], told: tuple[str, str]) -> None:
    assert detect_version(plant(tmp_path / name, **files)) == told


def test_a_git_tag_is_surer_than_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"version_txt": "9.1.0a0", "torch__version.py": "__version__ = '9.0.0'"}
    root = commit(plant(tmp_path / "pytorch-9.0.0", **files), "v9.1.1-rc2", "v9.1.1", "ciflow/v7.0", "nightly")
    assert detect_version(root) == ("9.1.1", "git tag")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))  # as inside a hook of another repository
    assert detect_version(root) == ("9.1.1", "git tag")


def test_a_checkout_between_releases_is_what_version_txt_says(tmp_path: Path) -> None:
    root = commit(plant(tmp_path / "pytorch", version_txt="9.2.0a0"), "viable")
    assert detect_version(root) == ("9.2.0a0", "version.txt")
    assert open_tree(root).kind is TreeKind.GIT


def test_our_record_is_surest(tmp_path: Path) -> None:
    root = record(commit(plant(tmp_path / "pytorch-9.0.0"), "v9.0.0"), "9.1.0")
    assert detect_version(root) == ("9.1.0", tree.RECORD)


def test_a_tree_that_tells_no_version_takes_one(tmp_path: Path) -> None:
    root = plant(tmp_path / "mine")
    with pytest.raises(TreeError, match="version of this tree cannot be told"):
        open_tree(root)
    assert open_tree(root, "v2.6.0+cpu").version == "2.6.0"
    with pytest.raises(TreeError, match="'two' is no version"):
        open_tree(root, "two")


def listed(root: Path, kind: TreeKind = TreeKind.FOLDER) -> list[str]:
    return [file.path for file in Tree(root, "9.1.0", kind).files()]


def test_files_are_those_of_the_tree_itself(tmp_path: Path) -> None:
    root = plant(tmp_path / "t")
    ours = ["a.cc", "b.cuh", "b.cu", "b.hip", "c.h", "d.hpp", "d.inc", "e.pyi", "torch/csrc/stub.c", "torch/x.py"]
    others = [
        "README.md", "noext", "py", ".hidden/x.py", ".git/hooks/x.py", "torch/__pycache__/x.py", "build/CMakeCache.txt",
        "build/lib/torch/x.py", "third_party/fmt/.git", "third_party/fmt/src/format.cc", "env/pyvenv.cfg",
        "env/lib/y.py", "torch/include/ATen/x.h",
    ]  # fmt: skip
    for name in ours + others:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("1")
    assert listed(root) == sorted([*ours, "torch/__init__.py", SOURCE_MARKS[2]])
    langs = {file.path: file.lang for file in Tree(root, "9.1.0", TreeKind.FOLDER).files()}
    assert (langs["c.h"], langs["torch/csrc/stub.c"], langs["b.cuh"]) == (Lang.CPP, Lang.C, Lang.CUDA)
    assert langs[SOURCE_MARKS[2]] is Lang.OPERATORS


def test_links_are_neither_followed_nor_listed(tmp_path: Path) -> None:
    root = plant(tmp_path / "t")
    (tmp_path / "out.py").write_text("")
    (root / "loop").symlink_to(root)
    (root / "torch/up").symlink_to("..")
    (root / "out.py").symlink_to(tmp_path / "out.py")
    (root / "nowhere.py").symlink_to("gone")
    os.mkfifo(root / "pipe.py")
    assert listed(root) == [SOURCE_MARKS[2], "torch/__init__.py"]


def test_a_name_that_is_not_utf8_is_passed_over(tmp_path: Path) -> None:
    root = plant(tmp_path / "t")
    (root / os.fsdecode(b"caf\xe9.py")).write_text("")
    (root / os.fsdecode(b"dir\xff")).mkdir()
    (root / os.fsdecode(b"dir\xff/x.py")).write_text("")
    (root / "汉字.py").write_text("")
    assert listed(root) == [SOURCE_MARKS[2], "torch/__init__.py", "汉字.py"]


def test_files_that_vanish_while_listing_are_as_good_as_never_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = plant(tmp_path / "t")
    (root / "gone").mkdir()
    (root / "gone/x.py").write_text("")
    scandir = os.scandir

    def slow(folder: str) -> Iterator[os.DirEntry[str]]:
        if folder.endswith("/gone"):
            (root / "gone/x.py").unlink()
            (root / "gone").rmdir()
        return scandir(folder)

    monkeypatch.setattr(tree.os, "scandir", slow)
    assert listed(root) == [SOURCE_MARKS[2], "torch/__init__.py"]


def test_a_tree_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(TreeError, match="no such folder"):
        listed(tmp_path / "t")


def test_read(tmp_path: Path) -> None:
    root = plant(tmp_path / "t", **{"torch__x.py": "a = 1"})
    (tmp_path / "secret").write_text("")
    (root / "out").symlink_to(tmp_path)
    (root / "inside.py").symlink_to("torch/x.py")
    mine = Tree(root, "9.1.0", TreeKind.FOLDER)
    assert mine.read("torch/x.py") == mine.read("inside.py") == b"a = 1"
    for path in ("../secret", "/etc/hostname", "torch/../../secret", "out/secret", "", "x\0"):
        with pytest.raises(TreeError, match="leaves the tree"):
            mine.read(path)
    with pytest.raises(TreeError, match="the file is gone"):
        mine.read("torch/y.py")
    with pytest.raises(TreeError, match="cannot read the file: Is a directory"):
        mine.read("torch")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user can reach, as pytest's own cannot be."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def as_nobody(do: Callable[[], object]) -> str:
    """What it says when it is run without root's eyes, for which no folder is shut."""
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            said = repr(do())
        except TourError as error:
            said = f"{error} | {error.hint}"
        except BaseException as error:
            said = f"crashed: {error!r}"
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said


def test_a_folder_that_may_not_be_read(open_folder: Path) -> None:
    from packaging.version import Version  # nobody could not load it any more

    assert Version
    root = plant(open_folder / "pytorch-9.1.0")
    shut = root / "torch/csrc"
    shut.chmod(0)
    said = as_nobody(Tree(root, "9.1.0", TreeKind.FOLDER).files)
    assert said.startswith(f"{shut}: you may not read this folder | ")
    assert f"chmod u+rx {shut}" in said
    root.chmod(0)
    said = as_nobody(lambda: open_tree(root))
    assert said.startswith(f"{root}: you may not read this folder | ")
    assert as_nobody(lambda: tree._named(str(root), None)) == "None"
    root.chmod(0o755)
    shut.chmod(0o755)


def test_what_is_no_tree(tmp_path: Path) -> None:
    (tmp_path / "a.tar.xz").write_text("")
    (tmp_path / "empty").mkdir()
    for path, said in {
        "./nowhere": "no such folder",
        "./a.tar.xz": "this is no folder | Unpack an archive first",
        "./empty": f"this is no PyTorch tree, and no project either | Looked for {', '.join(SOURCE_MARKS)};",
        "~nobody-of-that-name/x": "no such folder",
        "word": "'word' is neither a version nor a folder",
    }.items():
        with pytest.raises(TreeError) as error:
            open_tree(path)
        assert said in complaint(error)


@pytest.mark.parametrize("mark", SOURCE_MARKS)
def test_a_tree_unpacked_by_half(tmp_path: Path, mark: str) -> None:
    root = plant(tmp_path / "pytorch-9.1.0")
    (root / mark).rename(tmp_path / "away")
    with pytest.raises(TreeError) as error:
        add_folder(root)
    assert f"incomplete: it lacks {mark}" in complaint(error)
    assert trees() == []


def test_a_folder_inside_a_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = plant(tmp_path / "pytorch-9.1.0")
    with pytest.raises(TreeError) as error:
        open_tree(root / "torch")
    assert f"The tree is {root}" in complaint(error)
    monkeypatch.chdir(root / "torch/csrc")
    assert open_tree() == Tree(root, "9.1.0", TreeKind.FOLDER)


def test_versions_at_hand(got: Callable[[str], Path], tmp_path: Path) -> None:
    for version in ("9.1.0", "9.10.0", "10.0.0", "10.0.1"):
        got(version)
    assert [each.version for each in trees()] == ["9.1.0", "9.10.0", "10.0.0", "10.0.1"]
    assert open_tree().version == "10.0.1"
    assert (
        open_tree("9.1.0")
        == open_tree("v9.1.0")
        == open_tree("9.1")
        == Tree(tree.trees_dir() / "pytorch-9.1.0", "9.1.0", TreeKind.GIT)
    )
    with pytest.raises(TreeError, match=r"10.0 could be 10.0.0 or 10.0.1"):
        open_tree("10.0")
    with pytest.raises(TreeError) as error:
        open_tree("2.6.0")
    assert "at hand: 9.1.0, 9.10.0, 10.0.0, 10.0.1" in complaint(error)
    assert "`tour get 2.6.0`" in complaint(error)
    plant(tmp_path / "9.1.0", version_txt="9.1.0a0")
    assert open_tree("9.1.0").kind is TreeKind.GIT
    assert open_tree("./9.1.0").kind is TreeKind.FOLDER


def test_nothing_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TreeError) as error:
        open_tree()
    assert complaint(error) == "there is no PyTorch tree at hand | `tour get 2.6.0` brings one."
    (tmp_path / "taken").mkdir()
    monkeypatch.chdir(tmp_path / "taken")
    (tmp_path / "taken").rmdir()
    with pytest.raises(TreeError, match="no PyTorch tree at hand"):
        open_tree()


def test_a_got_tree_that_is_no_longer_whole(got: Callable[[str], Path]) -> None:
    root = got("9.1.0")
    (root / "torch/csrc").rmdir()
    assert trees() == []
    for spec in ("9.1.0", root):
        with pytest.raises(TreeError) as error:
            open_tree(spec)
        assert "torch/csrc is missing" in complaint(error)
        assert "`tour get 9.1.0` brings it anew" in complaint(error)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 1}', '{"version": "9.1.0", "kind": "?", "files": 1, "top": []}']
)
def test_a_record_cut_short_is_none(got: Callable[[str], Path], text: str) -> None:
    root = got("9.1.0")
    (root / tree.RECORD).write_text(text)
    assert trees() == []
    with pytest.raises(TreeError, match="no record of being complete"):
        open_tree("9.1.0")


def test_folders_are_remembered_with_their_version(tmp_path: Path, got: Callable[[str], Path]) -> None:
    odd, plain = plant(tmp_path / "odd"), plant(tmp_path / "pytorch-9.0.0")
    assert add_folder(odd, "9.3.0") == Tree(odd, "9.3.0", TreeKind.FOLDER)
    add_folder(plain)
    add_folder(odd)  # named again without a version: the one given before holds
    got("9.1.0")
    assert [(each.version, each.root) for each in trees()] == [
        ("9.1.0", tree.trees_dir() / "pytorch-9.1.0"), ("9.0.0", plain), ("9.3.0", odd),
    ]  # fmt: skip
    assert open_tree(odd).version == open_tree("9.3.0").version == "9.3.0"
    odd.rename(tmp_path / "moved")
    assert [each.version for each in trees()] == ["9.1.0", "9.0.0"]
    (tree.cache_dir() / "folders.json").write_text("[broken")
    assert [each.version for each in trees()] == ["9.1.0"]
    add_folder(plain)
    assert json.loads((tree.cache_dir() / "folders.json").read_text()) == {str(plain): None}


def test_a_tree_named_twice_is_listed_once(tmp_path: Path, got: Callable[[str], Path]) -> None:
    root = got("9.1.0")
    (tmp_path / "link").symlink_to(root)
    add_folder(tmp_path / "link")
    add_folder(root)
    assert [each.root for each in trees()] == [root]


def test_the_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site-packages"
    for name in (
        "torch/__init__.py", "torch/nn/functional.py", "torch/include/ATen/ATen.h", "numpy/__init__.py", "six.py",
        "torchgen/packaged/ATen/native/native_functions.yaml",
    ):  # fmt: skip
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text("raise ImportError('imported')")
    (site / "torch/version.py").write_text("__version__ = '9.1.0+cpu'\nraise ImportError('imported')")
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(site)])
    (found,) = trees()
    assert found == Tree(site, "9.1.0", TreeKind.INSTALLED)
    assert [file.path for file in found.files()] == [
        "torch/__init__.py", "torch/include/ATen/ATen.h", "torch/nn/functional.py", "torch/version.py",
        "torchgen/packaged/ATen/native/native_functions.yaml",
    ]  # fmt: skip
    assert "torch" not in sys.modules
    assert open_tree() == open_tree("9.1") == found
    # Started inside a checkout, Python finds that instead: then it is what it is.
    checkout = plant(tmp_path / "pytorch", version_txt="9.2.0a0")
    monkeypatch.setattr(sys, "path", [str(checkout)])
    assert trees() == [Tree(checkout, "9.2.0", TreeKind.FOLDER)]


def test_each_folder_has_an_index_of_its_own(tmp_path: Path) -> None:
    first, second = plant(tmp_path / "a"), plant(tmp_path / "b")
    (tmp_path / "link").symlink_to(first)
    paths = [tree.index_path(Tree(root, "9.1.0", TreeKind.FOLDER)) for root in (first, tmp_path / "link", second)]
    assert paths[0] == paths[1] != paths[2]
    assert paths[0].parent == tree.cache_dir() / "index"
    assert paths[0].name.startswith("pytorch-9.1.0-")
    assert paths[0].suffix == ".sqlite"


def test_the_cache_is_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    assert tree.cache_dir() == tmp_path / "here" / "tour"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert tree.cache_dir().is_relative_to(tmp_path / "home")


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(TreeError, match="cannot write"):
        add_folder(plant(tmp_path / "pytorch-9.1.0"))


@pytest.mark.real
@pytest.mark.parametrize(("version", "at_least"), [("1.13.1", 5000), ("2.6.0", 8300)])
def test_a_real_tree(version: str, at_least: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    mine = real_tree(version)
    files = mine.files()
    assert len(files) > at_least
    assert [file.path for file in files] == sorted({file.path for file in files})
    assert {file.lang for file in files} == set(Lang)
    assert detect_version(mine.root)[0] == version
    for file in files[:: len(files) // 50]:
        assert len(mine.read(file.path)) == file.size
