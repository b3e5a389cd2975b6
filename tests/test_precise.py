"""Calls as libclang resolves them, and what becomes of that in the index."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tour import build, codegen, precise
from tour.errors import TourError
from tour.index import Index
from tour.links import Links, Node
from tour.model import LinkKind
from tour.parsers import clang
from tour.tree import Tree, TreeKind, index_path

from .conftest import real_tree

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
    assert understood is not None
    told = {(call.line, call.column, call.qualname, call.target_line) for call in understood.calls}
    assert {
        (9, 7, "one", 5),
        (10, 9, "one", 4),
        (10, 18, "twice", 6),
        (10, 29, "Shape::area", 2),
    } <= told
    assert understood.missing == ["not_there.h"] and understood.errors == 1


@pytest.fixture
def read(tree: Tree, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[precise.Reading]]:
    """Index the tree and read some of its files; there is no code to generate."""
    monkeypatch.setattr(codegen, "generate", lambda tree, progress: tree.root / "generated")
    monkeypatch.setenv(precise.HEADERS, "/nowhere")
    for variable in precise.TOOLKIT:
        monkeypatch.delenv(variable, raising=False)

    def run(*files: str, of: Tree = tree) -> list[precise.Reading]:
        build.update(of, index_path(of))
        return precise.read(of, files)

    return run


def leaving(tree: Tree, name: str, kind: LinkKind = LinkKind.CALLS) -> set[tuple[int, str, int, str]]:
    with Index(index_path(tree)) as index:
        return {
            (link.at.line, link.target, link.target_at.line if link.target_at else 0, link.grade.value)
            for link in Links(index).leaving(Node(f"cpp:{name}"))
            if link.kind is kind
        }


def test_what_libclang_says_takes_the_place_of_a_guess(tree: Tree, read: Callable[..., object]) -> None:
    path = index_path(tree)
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
    read("all.cpp")
    libclang = "precise/libclang"
    after = calls()
    assert {
        (9, "cpp:one", 5, "exact", libclang),
        (10, "cpp:one", 4, "exact", libclang),
        (10, "cpp:twice", 6, "exact", libclang),
        (10, "cpp:Shape::area", 2, "exact", libclang),
    } <= after
    assert not [row for row in after if row[1] == "cpp:one" and row[3] == "name"]


def test_it_is_kept_until_the_file_or_a_header_of_it_changes(
    tree: Tree, read: Callable[..., list[precise.Reading]]
) -> None:
    (tree.root / "other.h").write_text("int other();\n")
    first = read("all.cpp")[0]
    assert (first.calls, first.errors, first.missing, first.kept) == (4, 1, ("not_there.h",), False)
    again = read("all.cpp")[0]
    assert again == replace(first, kept=True)
    (tree.root / "other.h").write_text("int other(int);\n")
    assert read("all.cpp")[0].kept
    (tree.root / "shapes.h").write_text("\n" + HEADER)
    build.update(tree, index_path(tree))
    assert {grade for line, target, _, grade in leaving(tree, "all") if target == "cpp:one"} == {"name"}
    assert not read("all.cpp")[0].kept
    assert (10, "cpp:Shape::area", 3, "exact") in leaving(tree, "all")
    (tree.root / "all.cpp").write_text(SOURCE + "\nint more() { return one(1); }\n")
    assert read("all.cpp")[0].calls == 5
    (tree.root / "not_there.h").write_text("")
    assert read("all.cpp")[0].missing == ()


def test_what_cannot_be_read_is_said(tree: Tree, read: Callable[..., object], tmp_path: Path) -> None:
    (tree.root / "a.py").write_text("")
    outside = tmp_path.parent / "outside.cpp"
    outside.write_text("")
    with pytest.raises(TourError, match="no such file"):
        read("none.cpp")
    with pytest.raises(TourError, match="not a C, C"):
        read("a.py")
    for name in (str(outside), "../outside.cpp"):
        with pytest.raises(TourError, match="outside the tree"):
            read(name)
    build.update(tree, index_path(tree))
    (tree.root / "all.cpp").unlink()  # since the index was made
    with pytest.raises(TourError, match="cannot read the file"):
        precise.read(tree, ["all.cpp"])


def test_a_tree_reached_through_a_link_with_blanks_in_its_path(
    tmp_path: Path, read: Callable[..., list[precise.Reading]], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tmp_path / "a folder"
    (real / "sub dir").mkdir(parents=True)
    (real / "over.h").write_text("struct Shape { int area() { return 4; } };\n")
    (real / "sub dir/a.cpp").write_text('#include "../over.h"\nint f(Shape s) { return s.area(); }\n')
    link = tmp_path / "link"
    link.symlink_to(real)
    tree = Tree(link, "9.9.9", TreeKind.FOLDER)
    monkeypatch.chdir(link / "sub dir")
    for name in ("sub dir/a.cpp", "a.cpp", str(real / "sub dir/a.cpp"), str(link / "sub dir/a.cpp"), "./a.cpp"):
        assert [(found.file, found.calls) for found in read(name, of=tree)] == [("sub dir/a.cpp", 1)]
    assert leaving(tree, "f") == {(2, "cpp:Shape::area", 1, "exact")}


def test_several_files_are_read_side_by_side(tree: Tree, read: Callable[..., list[precise.Reading]]) -> None:
    for number in range(4):
        (tree.root / f"{number}.cpp").write_text(f"int f(int); int f(double); int g{number}() {{ return f(1); }}\n")
    found = read("3.cpp", "1.cpp", "2.cpp", "1.cpp", "shapes.h")
    assert [(reading.file, reading.calls) for reading in found] == [
        ("3.cpp", 1), ("1.cpp", 1), ("2.cpp", 1), ("shapes.h", 0),
    ]  # fmt: skip


KINDS_OF_CALLS = """struct Shape {
  Shape(int);
  Shape& add(int);
  Shape& add(double);
  operator bool() const;
  int operator()(int a) { return a; }
};
struct Plain { int a; };
int one(int a) { return 1; }
int one(double a) { return 2; }
int far(int a, double b);
int far(int a, int b);
template <typename T> int twice(T a) { return one(a) + far(1, 2); }
template <typename T> struct Box { int open(T a) { return shut(); } int shut() { return 1; } };
#define EACH(...) [&] { { using type = int; __VA_ARGS__(); } { using type = double; __VA_ARGS__(); } }()
int all(int (*pointer)(int)) {
  Shape s = Shape(1);
  s.add(1).add(2.0);
  if (s) s(2);
  Plain p = Plain();
  EACH([&] { one(type(1)); });
  auto inner = [](int a) { return one(2.0); };
  pointer(3);
  return Box<int>().open(1) + inner(1) + far(1, 2);
}
Shape::Shape(int a) {}
Shape& Shape::add(int a) { return *this; }
Shape& Shape::add(double b) { return *this; }
int far(int a, double b) { return 1; }
int far(int a, int b) { return 2; }
"""


def test_each_kind_of_call_leads_to_its_definition(tree: Tree, read: Callable[..., object]) -> None:
    (tree.root / "all.cpp").write_text(KINDS_OF_CALLS)
    read("all.cpp")
    assert leaving(tree, "all") == {
        (17, "cpp:Shape::Shape", 26, "exact"),
        (18, "cpp:Shape::add", 27, "exact"),
        (18, "cpp:Shape::add", 28, "exact"),
        (20, "cpp:Plain", 8, "exact"),  # nobody wrote its constructor
        (21, "cpp:one", 9, "exact"),
        (21, "cpp:one", 10, "exact"),
        (22, "cpp:one", 10, "exact"),
        (24, "cpp:Box", 14, "exact"),
        (24, "cpp:Box::open", 14, "exact"),
        (24, "cpp:far", 30, "exact"),
    }
    assert (13, "cpp:far", 30, "exact") in leaving(tree, "twice")
    assert {grade for line, target, _, grade in leaving(tree, "twice") if target == "cpp:one"} == {"name"}


def test_an_overload_without_a_body_is_not_taken_for_another(tree: Tree, read: Callable[..., object]) -> None:
    """The tree may hold the body of another overload only."""
    (tree.root / "all.cpp").write_text('#include "f.h"\nint all() { return f(1, 2) + g(1.0); }\n')
    (tree.root / "f.h").write_text("int f(int a, int b = 2);\nint f(int a);\nint g(int a);\nint g(const double& b);\n")
    (tree.root / "f.cpp").write_text(
        "int f(int a) { return 1; }\nint g(int z) { return 1; }\nint g(double const & z);\n"
    )
    read("all.cpp")
    assert leaving(tree, "all") == {(2, "cpp:f", 1, "exact"), (2, "cpp:g", 4, "exact")}


KERNELS = """#include <cuda_runtime.h>
#include <c10/cuda/OfNoMachine.h>
template <typename T> __global__ void fill(T* p, T v) { p[threadIdx.x] = v; }
template <typename T> __global__ void fill(T* p) { p[blockIdx.x * blockDim.x] = T(0); }
template <typename F> void gpu_kernel(int iter, F f) {}
struct Functor { __device__ float operator()(float a) const { return rsqrt(a); } };
void all(float* p, cudaStream_t stream) {
  dim3 grid(2);
  fill<float><<<grid, 32, 0, stream>>>(p);
  fill<<<grid, 32>>>(p, 1.0f);
  gpu_kernel(1, Functor());
}
"""


@pytest.mark.parametrize("name", ["all.cu", "all.cuh"])
def test_launches_in_cuda_without_a_toolkit(tree: Tree, read: Callable[..., list[precise.Reading]], name: str) -> None:
    (tree.root / name).write_text(KERNELS)
    reading = read(name)[0]
    assert (reading.errors, reading.missing) == (1, ("c10/cuda/OfNoMachine.h",))
    assert leaving(tree, "all", LinkKind.LAUNCHES) == {
        (9, "cpp:fill", 4, "exact"),
        (10, "cpp:fill", 3, "exact"),
        (11, "cpp:gpu_kernel", 5, "exact"),
    }


def test_a_toolkit_is_taken_where_one_is_named(
    tree: Tree, read: Callable[..., list[precise.Reading]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree.root / "all.cu").write_text("#include <only_there.cuh>\nint all() { return only_there(); }\n")
    assert read("all.cu")[0].missing == ("only_there.cuh",)
    own = Path(precise.__file__).parent / "cuda/runtime"
    toolkit = tmp_path / "toolkit/include"
    shutil.copytree(own, toolkit)
    (toolkit / "only_there.cuh").write_text("inline int only_there() { return 1; }\n")
    monkeypatch.setenv("CUDA_HOME", str(toolkit.parent))
    assert read("all.cu")[0].missing == ("only_there.cuh",)  # half a toolkit is worse than none
    (toolkit / "crt").mkdir()
    (toolkit / "crt/host_config.h").write_text("")
    reading = read("all.cu")[0]
    assert "only_there.cuh" not in reading.missing and reading.calls == 1


@pytest.mark.real
def test_launches_of_a_real_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each launch of ``Normalization.cuh``, where no CUDA is installed, and what runs an element's functor."""
    found, own = real_copy(tmp_path, monkeypatch)
    for variable in precise.TOOLKIT:
        monkeypatch.delenv(variable, raising=False)
    folder = "aten/src/ATen/native/cuda/"
    by_file = {
        reading.file: reading for reading in precise.read(found, [f"{folder}Normalization.cuh", f"{folder}Copy.cu"])
    }
    assert by_file[f"{folder}Copy.cu"].errors == 0
    with Index(own) as index:
        links = Links(index)
        launched = list(links.leaving(Node("cpp:at::native::batch_norm_stats_cuda_template")))
        copied = list(links.leaving(Node("cpp:at::native::direct_copy_kernel_cuda")))
    launches = {(link.target, link.rule, link.grade.value) for link in launched if link.kind is LinkKind.LAUNCHES}
    assert launches == {("cpp:at::native::batch_norm_collect_statistics_kernel", "precise/libclang", "exact")}
    loops = [link for link in copied if link.target.endswith("gpu_kernel") and link.kind is LinkKind.LAUNCHES]
    assert loops and {(link.rule, link.grade.value) for link in loops} == {("precise/libclang", "exact")}


def real_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Tree, Path]:
    """The 2.6.0 tree, and a copy of its index: other tests ask the one that all share."""
    if precise._torch_include() is None and not Path("/usr/include/fmt").is_dir():
        pytest.skip("needs the headers of fmt: an installed torch, or TOUR_TORCH_INCLUDE")
    found = real_tree("2.6.0")
    build.update(found, index_path(found))
    own = Path(shutil.copy(index_path(found), tmp_path / "index.sqlite"))
    monkeypatch.setattr(precise, "index_path", lambda tree: own)
    return found, own


@pytest.mark.real
def test_operators_behind_the_wrappers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call of ``batch_norm_cpu`` that goes through the dispatcher, with its overload."""
    found, own = real_copy(tmp_path, monkeypatch)
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
