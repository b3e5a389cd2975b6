"""An index follows its tree: only what changed is read, the result equals a cold build, and nothing is half-written."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tour import build
from tour import index as index_module
from tour.errors import StaleIndex, TreeError
from tour.index import FORMAT, Index, facts_of, state_of
from tour.links import Links, Node
from tour.model import Grade, LinkKind, Role
from tour.tree import Tree, TreeKind

from .conftest import MINI


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    shutil.copytree(MINI / "9.1.0", tmp_path / "tree")
    return Tree(tmp_path / "tree", "9.1.0", TreeKind.FOLDER)


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return tmp_path / "index" / "i.sqlite"


def test_only_what_changed_is_read(tree: Tree, index: Path) -> None:
    first = build.update(tree, index)
    assert first.parsed == first.files > 10
    assert build.update(tree, index).parsed == 0
    file = tree.root / "torch/functional.py"
    file.write_text(file.read_text() + "\n\ndef added():\n    pass\n")
    (tree.root / "torch/_early.py").unlink()
    report = build.update(tree, index)
    assert (report.parsed, report.removed) == (1, 1)
    with Index(index) as now:
        assert now.symbols("torch.functional.added")
        assert not now.symbols("torch._early")


def test_a_new_time_alone_changes_nothing(tree: Tree, index: Path) -> None:
    build.update(tree, index)
    os.utime(tree.root / "setup.py", (1, 1))
    assert build.update(tree, index).parsed == 0
    assert build.update(tree, index).parsed == 0


def test_updates_add_up_to_a_cold_build(tree: Tree, index: Path, tmp_path: Path) -> None:
    """Random edits, additions and removals, macros among them; every step equals an index made from nothing."""
    choose = random.Random(7)
    build.update(tree, index)
    spare = [path.read_bytes() for path in tree.root.rglob("*.py")] + [
        b"#define MINI_API int\n",
        b"class MINI_API X {};",
    ]
    for step in range(12):
        files = [tree.root / file.path for file in tree.files()]
        victim = choose.choice(files)
        match choose.randrange(4):
            case 0:
                victim.unlink()
            case 1:
                lines = victim.read_bytes().splitlines(keepends=True)
                del lines[choose.randrange(max(1, len(lines))) :][:3]
                victim.write_bytes(b"".join(lines))
            case 2:
                (victim.parent / f"new{step}{choose.choice(['.py', '.h', '.cpp', '.c', '.cu'])}").write_bytes(
                    choose.choice(spare)
                )
            case _:
                victim.write_bytes(victim.read_bytes() + b"\n#define MINI_EXPORT MINI_API\n")
        build.update(tree, index)
        cold = tmp_path / f"cold{step}.sqlite"
        build.update(tree, cold)
        assert list(facts_of(index)) == list(facts_of(cold))


def test_the_executor_does_not_matter(tree: Tree, index: Path, tmp_path: Path) -> None:
    build.update(tree, index)
    with ThreadPoolExecutor(3) as executor:
        build.update(tree, tmp_path / "other.sqlite", executor=executor)
    assert list(facts_of(index)) == list(facts_of(tmp_path / "other.sqlite"))


def test_unreadable_and_odd_files_are_problems_not_stops(tree: Tree, index: Path) -> None:
    (tree.root / "latin.py").write_bytes(b"# caf\xe9\ndef f(): pass\n")
    (tree.root / "nul.cpp").write_bytes(b"int a;\0\nint b() { return 1; }\n")
    (tree.root / "braces.cpp").write_bytes(b"void f() { {{{ \n" * 50)
    (tree.root / "line.py").write_bytes(b"x = [" + b"f(1), " * 20_000 + b"]\n")
    (tree.root / "empty.h").write_bytes(b"")
    build.update(tree, index)
    with Index(index) as now:
        said = {(at.file, what) for at, what in now.problems()}
        assert {("latin.py", "not UTF-8: byte 0xe9"), ("nul.cpp", "holds a NUL byte")} <= said
        assert now.symbols("latin.f") and now.symbols("torch.functional.einsum")


def test_a_file_that_vanishes_meanwhile_is_a_problem(tree: Tree, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = tree.files()
    monkeypatch.setattr(Tree, "files", lambda self: listed)
    (tree.root / "torch/functional.py").unlink()
    build.update(tree, index)
    with Index(index) as now:
        assert [at.file for at, what in now.problems() if "grammar" not in what] == ["torch/functional.py"]


def test_a_tree_that_vanishes_leaves_the_index_whole(tree: Tree, index: Path) -> None:
    build.update(tree, index)
    before = list(facts_of(index))
    shutil.rmtree(tree.root)
    with pytest.raises(TreeError):
        build.update(tree, index)
    assert list(facts_of(index)) == before


def damage(index: Path, how: str) -> None:
    match how:
        case "cut short":
            index.write_bytes(index.read_bytes()[: index.stat().st_size // 2])
        case "empty":
            index.write_bytes(b"")
        case "text":
            index.write_bytes(b"this is no database\n" * 300)
        case "other format":
            with sqlite3.connect(index) as db:
                db.execute(f"PRAGMA user_version = {FORMAT + 1}")
            db.close()
        case "foreign":
            index.unlink()
            with sqlite3.connect(index) as db:
                db.execute("CREATE TABLE other (x)")
            db.close()


@pytest.mark.parametrize("how", ["cut short", "empty", "text", "other format", "foreign"])
def test_an_index_of_no_use_is_rebuilt_with_a_word(tree: Tree, index: Path, how: str) -> None:
    build.update(tree, index)
    whole = list(facts_of(index))
    with Index(index) as now:
        now.remember("key", "leaves a write-ahead log behind" * 1000)
    damage(index, how)
    assert state_of(index) in {"damaged", "other format"}
    with pytest.raises(StaleIndex, match="index"):
        Index(index)
    assert build.update(tree, index).rebuilt in {"damaged", "other format"}
    assert list(facts_of(index)) == whole


RUN = """
import sys
from pathlib import Path
from tour import build
from tour.tree import Tree, TreeKind
if __name__ == "__main__":
    build.update(Tree(Path(sys.argv[1]), "9.1.0", TreeKind.FOLDER), Path(sys.argv[2]),
                 waiting=lambda: print("waiting", flush=True))
    print("done", flush=True)
"""


def big(tree: Tree) -> None:
    source = "".join(f"def f{n}():\n    g{n}(1)\n" for n in range(20_000))
    for name in range(4):
        (tree.root / f"big{name}.py").write_text(source)


@pytest.mark.parametrize("fresh", [True, False], ids=["cold", "update"])
def test_a_killed_update_leaves_the_old_index(tree: Tree, index: Path, tmp_path: Path, fresh: bool) -> None:
    script = tmp_path / "run.py"
    script.write_text(RUN)
    if not fresh:
        build.update(tree, index)
    big(tree)
    for delay in (0.3, 0.8, 1.3):
        process = subprocess.Popen([sys.executable, script, tree.root, index], start_new_session=True)
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if state_of(index) == "ready":
            with Index(index) as now:
                assert bool(now.symbols("big0.f1")) == bool(now.symbols("big3.f19999"))
        else:
            assert fresh and state_of(index) == "absent"
    assert build.update(tree, index).rebuilt is None
    build.update(tree, tmp_path / "cold.sqlite")
    assert list(facts_of(index)) == list(facts_of(tmp_path / "cold.sqlite"))


def test_two_at_once_wait_for_each_other(tree: Tree, index: Path, tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(RUN)
    big(tree)
    command = [sys.executable, script, tree.root, index]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted(process.communicate()[0].split() for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert said in ([["done"], ["waiting", "done"]], [["done"], ["done"]])
    build.update(tree, tmp_path / "cold.sqlite")
    assert list(facts_of(index)) == list(facts_of(tmp_path / "cold.sqlite"))


def test_reading_goes_on_while_another_writes(tree: Tree, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while the change is larger than SQLite's cache, which a rollback journal would lock readers out for."""
    build.update(tree, index)
    big(tree)
    opening = index_module.Writer.__init__

    def small_cache(self: index_module.Writer, path: Path, *, fresh: bool) -> None:
        opening(self, path, fresh=fresh)
        self._db.execute("PRAGMA cache_size = 10")

    monkeypatch.setattr(index_module.Writer, "__init__", small_cache)
    connect = sqlite3.connect

    def impatient(place: str, **named: object) -> sqlite3.Connection:
        reads = "mode=ro" in str(place)
        return connect(place, **{"timeout": 0.3 if reads else 5} | named)  # type: ignore[call-overload]

    monkeypatch.setattr(index_module.sqlite3, "connect", impatient)
    seen = []
    writing = threading.Thread(target=build.update, args=(tree, index))
    writing.start()
    while writing.is_alive():
        with Index(index) as now:
            seen.append(bool(now.symbols("big0.f1")) == bool(now.symbols("big3.f1")))
    writing.join()
    assert seen and all(seen)


def test_other_parsers_read_everything_anew(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "index.sqlite"
    build.update(tree, index)
    monkeypatch.setattr(build, "_parsers", lambda: "another text")
    report = build.update(tree, index)
    assert report.rebuilt == "other format" and report.parsed == report.files
    assert build.update(tree, index).parsed == 0


def test_a_changed_macro_of_a_header_reads_anew_who_uses_it(tmp_path: Path) -> None:
    """As a cold build would read it: what a macro registers stands where it is used."""
    header, path = tmp_path / "a.h", tmp_path / "index.sqlite"
    (tmp_path / "a.cpp").write_text("TORCH_LIBRARY_IMPL(aten, CPU, m) {\n  PUT(add, one)\n}\n")
    tree = Tree(tmp_path, "9.9.9", TreeKind.FOLDER)

    def registered() -> list[tuple[str, str | None]]:
        build.update(tree, path)
        with Index(path) as index:
            return [(found.name, found.target) for found in index.mentions_in("a.cpp", Role.IMPL)]

    header.write_text("#define PUT(op, f) m.impl(#op, f);\n")
    assert registered() == [("aten::add", "one")]
    header.write_text('#define PUT(op, f) m.impl(#op ".out", f##_out);\n')
    assert registered() == [("aten::add.out", "one_out")]
    header.unlink()
    assert registered() == []


def test_specialisations_that_a_registration_may_mean_are_no_certainty(tmp_path: Path) -> None:
    source = """namespace at {
template <class T, class F> struct Wrap {};
template <class F> struct Wrap<int, F> { static int call() { return 1; } };
template <class F> struct Wrap<float, F> { static int call() { return 2; } };
TORCH_LIBRARY(mine, m) { m.def("one() -> int", &Wrap<int, float>::call); }
}
"""
    (tmp_path / "a.cpp").write_text(source)
    path = tmp_path / "index.sqlite"
    build.update(Tree(tmp_path, "9.9.9", TreeKind.FOLDER), path)
    with Index(path) as index:
        links = [link for link in Links(index).leaving(Node("op:mine::one")) if link.kind is LinkKind.DISPATCHES]
    assert {(link.target_at.line, link.grade, link.candidates) for link in links if link.target_at} == {
        (3, Grade.NAME, 2),
        (4, Grade.NAME, 2),
    }
