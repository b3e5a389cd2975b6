"""Calls as libclang resolves them, and what becomes of that in the index."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tour import build
from tour.errors import TourError
from tour.index import Index, PreciseRow, Writer
from tour.links import Links, Node
from tour.parsers import clang
from tour.tree import Tree, TreeKind

SOURCE = """#include "shapes.h"
#define CALL(x) x
struct Square : Shape {};
int one(int a) { return a; }
int one(double a) { return 2; }
template <typename T> T twice(T a) { return a + a; }
int all() {
  Square s;
  CALL(one(2.5));
  return one(1) + twice(3) + s.area();
}
"""
HEADER = '#include "not_there.h"\nstruct Shape { int area() { return 4; } };\n'


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    (tmp_path / "shapes.h").write_text(HEADER)
    (tmp_path / "all.cpp").write_text(SOURCE)
    return Tree(tmp_path, "9.9.9", TreeKind.FOLDER)


def test_overloads_templates_macros_and_what_is_inherited(tree: Tree) -> None:
    understood = clang.understand(tree.root / "all.cpp", ["-std=c++17"])
    told = {(call.line, call.column, call.qualname, call.target_line) for call in understood.calls}
    assert {
        (9, 7, "one", 5),
        (10, 9, "one", 4),
        (10, 18, "twice", 6),
        (10, 29, "Shape::area", 2),
    } <= told
    assert understood.missing == ["not_there.h"] and understood.errors == 1


def rows(tree: Tree) -> list[PreciseRow]:
    understood = clang.understand(tree.root / "all.cpp", ["-std=c++17"])
    return [
        PreciseRow(c.line, c.column, c.qualname, Path(c.file).name, c.target_line, c.struct) for c in understood.calls
    ]


def test_what_libclang_says_takes_the_place_of_a_guess(tree: Tree, tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    build.update(tree, path)

    def calls() -> set[tuple[int, str, int, str, str]]:
        with Index(path) as index:
            return {
                (link.at.line, link.target, link.target_at.line, link.grade.value, link.rule)
                for link in Links(index).leaving(Node("cpp:all"))
                if link.target_at
            }

    before = calls()
    assert {(grade, rule) for line, target, _, grade, rule in before if target == "cpp:one"} == {
        ("name", "cpp_calls/name")
    }
    with Writer(path, fresh=False) as writer:
        writer.set_precise("all.cpp", "key", rows(tree))
    precise = "precise/libclang"
    after = calls()
    assert {
        (9, "cpp:one", 5, "exact", precise),
        (10, "cpp:one", 4, "exact", precise),
        (10, "cpp:twice", 6, "exact", precise),
        (10, "cpp:Shape::area", 2, "exact", precise),
    } <= after
    assert not [row for row in after if row[1] == "cpp:one" and row[3] == "name"]


def test_a_changed_file_is_read_anew(tree: Tree, tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    build.update(tree, path)
    with Writer(path, fresh=False) as writer:
        writer.set_precise("all.cpp", "key", rows(tree))
    (tree.root / "shapes.h").write_text(HEADER + "\n// another word\n")
    build.update(tree, path)
    with Index(path) as index:
        assert index.precise_key("all.cpp") == "key" and index.precise("all.cpp")
    (tree.root / "all.cpp").write_text(SOURCE + "\nint more() { return one(1); }\n")
    build.update(tree, path)
    with Index(path) as index:
        assert index.precise_key("all.cpp") is None and not index.precise("all.cpp")


def test_what_cannot_be_read_is_said(tree: Tree, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tour import codegen, precise
    from tour.tree import index_path

    monkeypatch.setattr(codegen, "generate", lambda tree, progress: tree.root)
    build.update(tree, index_path(tree))
    with pytest.raises(TourError, match="no such file"):
        precise.read(tree, ["none.cpp"])
    with pytest.raises(TourError, match="not a C or C"):
        precise.read(tree, ["shapes.h"])
    monkeypatch.setenv(precise.HEADERS, "/nowhere")
    reading = precise.read(tree, ["all.cpp"])[0]
    assert reading.calls >= 4 and reading.missing == ("not_there.h",) and not reading.kept
    assert "not_there.h" in (precise.advice(reading) or "")
    assert precise.read(tree, ["all.cpp"])[0].kept


@pytest.mark.real
def test_operators_behind_the_wrappers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call of ``batch_norm_cpu`` that goes through the dispatcher, with its overload."""
    from collections import Counter

    from tour import precise
    from tour.tree import index_path

    from .conftest import real_tree

    if precise._torch_include() is None and not Path("/usr/include/fmt").is_dir():
        pytest.skip("needs the headers of fmt: an installed torch, or TOUR_TORCH_INCLUDE")
    found = real_tree("2.6.0")
    build.update(found, index_path(found))
    # a copy: other tests ask the index that all share, and expect what tree-sitter says
    own = Path(shutil.copy(index_path(found), tmp_path / "index.sqlite"))
    monkeypatch.setattr(precise, "index_path", lambda tree: own)
    file = "aten/src/ATen/native/Normalization.cpp"
    reading = precise.read(found, [file])[0]
    assert reading.kept or (reading.errors == 0 and reading.missing == ())
    with Index(own) as index:
        links = Links(index).leaving(Node("cpp:at::native::batch_norm_cpu"))
    called = Counter(link.target for link in links if link.target.startswith("op:"))
    assert called == {"op:aten::empty.memory_format": 8, "op:aten::mean.dim": 2, "op:aten::empty_like": 1}
    assert all(link.grade.value == "exact" for link in links if link.target.startswith("op:"))


def test_the_command_names_what_it_needs(tmp_path: Path) -> None:
    done = subprocess.run(["tour", "index", "--precise", "a.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "--precise needs files" in done.stderr
