"""Places and old links: what is asked, and where the text is had."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tour
from tour import revisions
from tour.errors import FetchError, TourError
from tour.revisions import Asked
from tour.tree import Tree, TreeKind, add_folder

LINK = "https://github.com/pytorch/pytorch/blob/"
OLD = """\
class Engine:
    def start(self):
        prepare(self.parts)
        return self.run()
"""
NEW = """\
import sys


class Motor:
    def stop(self):
        pass


class Engine:
    def restart(self):
        return self.start()

    def start(self):
        check(self)
        prepare(self.parts)
        return self.run()
"""


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("a/b.py:12", Asked("a/b.py", 12, 12)),
        ("a/b.py:12-20", Asked("a/b.py", 12, 20)),
        ("a/b.py:12:4", Asked("a/b.py", 12, 12)),
        ("a/b.py#L12-L20", Asked("a/b.py", 12, 20)),
        (LINK + "v1.7.0/torch/x.py#L3", Asked("x.py", 3, 3, "pytorch/pytorch", "v1.7.0/torch/x.py")),
        (LINK + "ab12/torch/x.py#L3-L9", Asked("x.py", 3, 9, "pytorch/pytorch", "ab12/torch/x.py")),
        (LINK + "ab12/t/a%20b.py?plain=1#L3C1-L9C4", Asked("a b.py", 3, 9, "pytorch/pytorch", "ab12/t/a b.py")),
    ],
)
def test_places_and_links_are_read(text: str, asked: Asked) -> None:
    assert revisions.asked(text) == asked


@pytest.mark.parametrize("text", ["a/b.py", "a/b.py:x", "", LINK + "v1.7.0/torch/x.py", "https://example.org/x#L3"])
def test_what_is_no_place_is_refused_with_what_one_is(text: str) -> None:
    with pytest.raises(TourError) as caught:
        revisions.asked(text)
    assert caught.value.hint and "reads" in caught.value.hint


def git(folder: Path, *words: str) -> str:
    name = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    done = subprocess.run(["git", *name, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(own_cache: Path, tmp_path: Path) -> tuple[Tree, str]:
    """A tree in a git repository, and the commit before its code moved and changed."""
    root = tmp_path / "repo"
    for folder in ("torch/csrc", "aten/src/ATen/native"):
        (root / folder).mkdir(parents=True)
    for file in ("torch/__init__.py", "torch/csrc/stub.c", "aten/src/ATen/native/native_functions.yaml"):
        (root / file).write_text("")
    (root / "version.txt").write_text("9.2.0a0\n")
    (root / "torch/engine.py").write_text(OLD)
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "one")
    commit = git(root, "rev-parse", "HEAD")
    (root / "torch/engine.py").unlink()
    (root / "torch/motors.py").write_text(NEW)
    git(root, "add", ".")
    git(root, "commit", "-qm", "two")
    tree = add_folder(root, "9.2.0")
    tour.update(tree)
    return tree, commit


def test_an_old_link_leads_to_where_the_code_is_today(repository: tuple[Tree, str]) -> None:
    _, commit = repository
    view = tour.anchor(f"{LINK}{commit}/torch/engine.py#L3")
    assert view.anchor.symbol == "py:torch.engine.Engine.start" and view.anchor.statement == "prepare(self.parts)"
    (place,) = [place for version, place in view.found if version == "9.2.0"]
    assert place.symbol is not None
    assert (place.located, place.symbol.file, place.line) == ("moved", "torch/motors.py", 15)


def test_a_branch_with_a_slash_is_understood(repository: tuple[Tree, str]) -> None:
    tree, commit = repository
    git(tree.root, "branch", "release/9.1", commit)
    view = tour.anchor(f"{LINK}release/9.1/torch/engine.py#L3-L4")
    assert (view.anchor.statement, view.anchor.through) == ("prepare(self.parts)", "return self.run()")


@pytest.mark.parametrize("revision", ["--output=x", "../../etc", "-p"])
def test_a_revision_is_never_taken_for_an_option(repository: tuple[Tree, str], revision: str) -> None:
    with pytest.raises(TourError):
        tour.anchor(f"{LINK}{revision}/torch/engine.py#L3")
    assert not (repository[0].root / "x").exists()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[str]:
    """A code host's raw text, on this machine."""
    there = tmp_path / "host/pytorch/pytorch/abc123/torch"
    there.mkdir(parents=True)
    (there / "engine.py").write_text(OLD)
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "-d", str(tmp_path / "host")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        port = server.stdout.readline().split("port ")[1].split()[0]
        yield f"http://127.0.0.1:{port}/"
        server.terminate()


def test_what_nobody_here_has_comes_from_the_host(
    repository: tuple[Tree, str], host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revisions, "RAW", host)
    view = tour.anchor(f"{LINK}abc123/torch/engine.py#L2")
    assert view.anchor.symbol == "py:torch.engine.Engine.start" and view.anchor.statement is None
    assert [place.located for version, place in view.found if version == "9.2.0"] == ["moved"]
    with pytest.raises(FetchError) as caught:
        tour.anchor(f"{LINK}abc124/torch/engine.py#L2")
    assert "not found" in caught.value.what and host in caught.value.what


def test_a_file_is_named_from_the_tree_or_from_here(
    repository: tuple[Tree, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, _ = repository
    assert revisions.within("torch/motors.py", tree) == "torch/motors.py"
    assert revisions.within(str(tree.root / "torch/motors.py"), tree) == "torch/motors.py"
    monkeypatch.chdir(tree.root / "torch")
    assert revisions.within("motors.py", tree) == "torch/motors.py"
    with pytest.raises(TourError) as caught:
        revisions.within("torch/motor.py", tree)
    assert "The nearest: motors.py." in str(caught.value.hint)
    for other in ("motor.py", str(tmp_path), "/etc/hostname"):
        with pytest.raises(TourError):
            revisions.within(other, tree)
    assert tree.kind is not TreeKind.INSTALLED
