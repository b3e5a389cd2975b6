"""Each rung of the ladder, and that a doubt is never silent."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tour import anchors, build
from tour.errors import TourError
from tour.index import Index
from tour.model import Lane
from tour.tours import Anchor, Step
from tour.tree import Tree, TreeKind, index_path

from .conftest import REAL_VERSIONS, mini_tree, real_tree


def place(index: Index, tree: Tree, **keys: object) -> anchors.Place:
    fields = {"symbol": "", "file": None, "statement": None, "after": None, "through": None, "formerly": ()} | keys
    anchor = Anchor(**fields, versions=None, line=1)  # type: ignore[arg-type]
    return anchors.locate(Step("s", Lane.PYTHON, (anchor,), 1), index, tree.read, tree.version)


@pytest.fixture
def mini91(mini_index: Callable[[str], Path]) -> Iterator[tuple[Index, Tree]]:
    with Index(mini_index("9.1.0")) as index:
        yield index, mini_tree("9.1.0")


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Callable[[dict[str, str]], tuple[Index, Tree]]]:
    opened: list[Index] = []

    def make(files: dict[str, str]) -> tuple[Index, Tree]:
        for name, text in files.items():
            (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "tree" / name).write_text(text)
        tree = Tree(tmp_path / "tree", "9.9.0", TreeKind.FOLDER)
        build.update(tree, tmp_path / "i.sqlite")
        opened.append(Index(tmp_path / "i.sqlite"))
        return opened[-1], tree

    yield make
    for index in opened:
        index.close()


def test_exact(mini91: tuple[Index, Tree]) -> None:
    found = place(*mini91, symbol="cpp:initModule")
    assert (found.located, found.note) == ("exact", None)
    assert found.symbol is not None and found.symbol.is_definition
    assert found.line == found.symbol.line < found.end_line


def test_an_overload_stub_is_not_the_place(mini91: tuple[Index, Tree]) -> None:
    found = place(*mini91, symbol="py:torch.nn.module.Module.to")
    assert found.located == "exact" and found.symbol is not None
    assert "args" in found.symbol.signature


def test_former_name(mini91: tuple[Index, Tree]) -> None:
    found = place(*mini91, symbol="py:torch.nn.module.Module.convert", formerly=("py:torch.nn.module.Module.to",))
    assert (found.located, found.note) == ("former", "here it is py:torch.nn.module.Module.to")


def test_moved_symbol(mini91: tuple[Index, Tree]) -> None:
    found = place(*mini91, symbol="py:torch.old.place.einsum")
    assert found.located == "moved" and "torch/functional.py" in str(found.note)
    found = place(*mini91, symbol="cpp:initModule", file="torch/csrc/Elsewhere.cpp")
    assert (found.located, found.note) == ("moved", "moved to torch/csrc/Module.cpp")


def test_lost(mini91: tuple[Index, Tree]) -> None:
    assert place(*mini91, symbol="py:torch.nowhere").located == "lost"
    several = place(*mini91, symbol="cpp:three::helper")
    assert several.located == "lost" and "2 others" in str(several.note)
    assert place(*mini91, symbol="py:torch", statement="import nothing_like_it_at_all").located == "lost"


def test_overloads_are_told_apart_by_parameters(written: Callable[..., tuple[Index, Tree]]) -> None:
    index, tree = written({"a.cpp": "int f(int a) { return 1; }\nint f(float a) { return 2; }\n"})
    both = place(index, tree, symbol="cpp:f")
    assert both.located == "lost" and "tell them apart by parameters" in str(both.note) and "a.cpp:1" in str(both.note)
    assert place(index, tree, symbol="cpp:f(float a)").line == 2
    assert place(index, tree, symbol="cpp:f(float  a )").line == 2


def test_files_are_told_apart_by_file(written: Callable[..., tuple[Index, Tree]]) -> None:
    index, tree = written({"a.cpp": "int f() { return 1; }\n", "b.cpp": "int f() { return 2; }\n"})
    both = place(index, tree, symbol="cpp:f")
    assert both.located == "lost" and "`file:`" in str(both.note)
    found = place(index, tree, symbol="cpp:f", file="b.cpp")
    assert found.located == "exact" and found.symbol is not None and found.symbol.file == "b.cpp"


BODY = """def f(x):
    if x:
        run( x )  # first
    else:
        run(x)
        done = prepare(x, fast=True, careful=False)
    return [
        x,
    ]
"""


@pytest.mark.parametrize(
    ("keys", "located", "lines"),
    [
        ({"statement": "if x:"}, "exact", (2, 2)),
        ({"statement": "run(x)"}, "exact", (5, 5)),
        ({"statement": "run(…", "after": "else:"}, "exact", (5, 5)),
        ({"statement": "return [", "after": "else:", "through": "]"}, "exact", (7, 9)),
        ({"statement": "done = prepare(x, fast=True, careful=True)"}, "changed", (6, 6)),
        ({"statement": "run(…"}, "lost", (0, 0)),
        ({"statement": "run(x)", "after": "elif:"}, "lost", (0, 0)),
        ({"statement": "return [", "through": "}"}, "changed", (7, 7)),
    ],
)
def test_statements(
    written: Callable[..., tuple[Index, Tree]], keys: dict[str, str], located: str, lines: tuple[int, int]
) -> None:
    index, tree = written({"m.py": BODY, "other.py": "def g():\n    if x:\n        pass\n"})
    found = place(index, tree, symbol="py:m.f", **keys)
    assert (found.located, (found.line, found.end_line)) == (located, lines)
    assert (found.note is None) == (located == "exact")


def test_an_ambiguous_statement_says_how_to_tell_apart(written: Callable[..., tuple[Index, Tree]]) -> None:
    index, tree = written({"m.py": BODY})
    note = str(place(index, tree, symbol="py:m.f", statement="run(…").note)
    assert "2 lines fit 'run(…' (3, 5); tell them apart by `after:`" in note and "py:m.f (m.py:1)" in note


def test_statements_stay_inside_their_symbol(written: Callable[..., tuple[Index, Tree]]) -> None:
    index, tree = written({"m.py": "def f():\n    pass\n\ndef g():\n    call_me()\n"})
    assert place(index, tree, symbol="py:m.f", statement="call_me()").located == "lost"


def test_versions_of_a_step(mini91: tuple[Index, Tree]) -> None:
    index, tree = mini91
    anchor = Anchor("cpp:initModule", None, None, None, None, (), None, 1)
    step = Step("s", Lane.CPP, (anchor,), 1, versions=">=99")
    assert anchors.locate(step, index, tree.read, tree.version).located == "absent"


def test_an_anchor_made_for_a_line_leads_back_to_it(mini: tuple[Tree, Index]) -> None:
    """For each line of each file: either an anchor that finds it, or a word of why there is none."""
    tree, index = mini
    made = 0
    for file in tree.files():
        for number, text in enumerate(tree.read(file.path).decode().splitlines(), start=1):
            try:
                anchor = anchors.anchor_at(file.path, number, number, index, tree.read)
            except TourError as error:
                assert error.hint
                continue
            found = anchors.find(anchor, index, tree.read)
            assert found.located == "exact" and found.symbol is not None
            assert found.symbol.file == file.path
            assert found.line == number or found.symbol.start_line <= number <= found.line, (file.path, number, text)
            made += 1
    assert made > 300


def test_an_anchor_for_several_lines_holds_them_all(mini: tuple[Tree, Index]) -> None:
    tree, index = mini
    text = tree.read("setup.py").decode().splitlines()
    first = next(number for number, line in enumerate(text, start=1) if "core = Extension(" in line)
    anchor = anchors.anchor_at("setup.py", first, first + 2, index, tree.read)
    found = anchors.find(anchor, index, tree.read)
    assert (found.line, found.end_line) == (first, first + 2)
    blank = next(number for number, line in enumerate(text, start=1) if not line.strip() and text[number - 2].strip())
    around = anchors.anchor_at("setup.py", blank - 1, blank, index, tree.read)
    assert around.through is None and anchors.find(around, index, tree.read).line == blank - 1


@pytest.mark.parametrize(("file", "line"), [("nowhere.py", 1), ("setup.py", 0), ("setup.py", 10**6)])
def test_a_place_that_is_not_there_gets_no_anchor(mini: tuple[Tree, Index], file: str, line: int) -> None:
    tree, index = mini
    with pytest.raises(TourError) as caught:
        anchors.anchor_at(file, line, line, index, tree.read)
    assert file in str(caught.value)


def test_an_overload_whose_parameters_changed_is_found_and_said_to_have_changed(
    written: Callable[[dict[str, str]], tuple[Index, Tree]],
) -> None:
    now = "namespace at {\nTensor to(const Tensor& self, std::optional<Device> device, bool copy) { return self; }\n"
    now += "Tensor to(const Tensor& self, const Tensor& other) { return self; }\n}\n"
    index, tree = written({"a.cpp": now})
    found = place(index, tree, symbol="cpp:at::to(const Tensor&, c10::optional<Device>, bool)")
    assert (found.located, found.line) == ("changed", 2) and "parameters" in str(found.note)
    lost = place(index, tree, symbol="cpp:at::to(int64_t, int64_t)")
    assert lost.located == "lost"


def test_of_several_of_a_name_the_one_in_a_class_of_the_same_name_is_taken(
    written: Callable[[dict[str, str]], tuple[Index, Tree]],
) -> None:
    index, tree = written(
        {
            "b/engine.py": "class Engine:\n    def start(self):\n        pass\n",
            "b/motor.py": "class Motor:\n    def start(self):\n        pass\n",
        }
    )
    found = place(index, tree, symbol="py:a.engine.Engine.start")
    assert found.located == "moved" and found.symbol is not None and found.symbol.file == "b/engine.py"
    assert place(index, tree, symbol="py:a.engine.Pump.start").located == "lost"


def test_a_stub_beside_a_module_is_not_the_place(written: Callable[[dict[str, str]], tuple[Index, Tree]]) -> None:
    index, tree = written(
        {"a.py": "def f(x):\n    return x\n", "a.pyi": "def f(x: int) -> int: ...\n", "b.pyi": "def g(): ...\n"}
    )
    found = place(index, tree, symbol="py:a.f")
    assert found.located == "exact" and found.symbol is not None and found.symbol.file == "a.py"
    only = place(index, tree, symbol="py:b.g")
    assert (only.located, only.note) == ("changed", "only declared here, in b.pyi")
    assert place(index, tree, symbol="py:b.g", file="b.pyi").located == "exact"


OVERLOADS = """\
struct Writer {
  void write(const Name& name, const char* data) {
    put(name, data);
  }
  void write(const Name& name, long data) {
    put(name, address(data));
  }
%s};
"""


def test_of_several_that_bear_a_name_a_text_tells_which_only_where_there_are_as_many_as_were_counted(
    written: Callable[[dict[str, str]], tuple[Index, Tree]],
) -> None:
    """What a call reached may be another overload once there are more, though the old one still stands there."""
    index, tree = written({"a.cpp": OVERLOADS % ""})
    keys = {"symbol": "cpp:Writer::write", "statement": "put(name, address(data));"}
    assert place(index, tree, **keys, among=2).located == "exact"
    alone = place(index, tree, **keys)
    assert (alone.located, alone.line) == ("changed", 6) and "`among: 2`" in str(alone.note)
    index, tree = written({"a.cpp": OVERLOADS % "  void write(const Name& name, Storage data) {}\n"})
    more = place(index, tree, **keys, among=2)
    assert (more.located, more.line) == ("changed", 6) and "3 bear this name here, and the tour counts 2" in str(
        more.note
    )


def test_what_is_only_declared_is_not_taken_for_the_code(
    written: Callable[[dict[str, str]], tuple[Index, Tree]],
) -> None:
    """An installed package has the headers alone; whoever means the declaration names its file."""
    index, tree = written({"include/copy.h": "namespace at {\nTensor& copy_(Tensor& self, const Tensor& src);\n}\n"})
    found = place(index, tree, symbol="cpp:at::copy_")
    assert (found.located, found.note) == ("changed", "only declared here, in include/copy.h")
    assert place(index, tree, symbol="cpp:at::copy_", file="include/copy.h").located == "exact"


@pytest.mark.parametrize(
    ("asked", "source"),
    [
        ("cpp:at::native::to_impl", "struct Module { void to_impl() { f(); } };\n"),
        ("cpp:Meta::check", "struct OtherMeta { void check() { f(); } };\n"),
        ("cpp:a::collate::collate", "namespace a { namespace collate { void f() {} } }\n"),
        ("cpp:at::ones", "#define ones(x) f(x)\n"),
    ],
)
def test_a_name_alone_makes_no_member_of_another_class_the_same(
    written: Callable[[dict[str, str]], tuple[Index, Tree]], asked: str, source: str
) -> None:
    index, tree = written({"a.cpp": source})
    assert place(index, tree, symbol=asked).located == "lost"


BRANCHES = """\
if fast:
    def run(x):
        return x + 1
else:
    def run(x):
        return slowly(x)


class Box:
    @property
    def size(self):
        return self._size

    @size.setter
    def size(self, value):
        self._size = value

    @overload
    def put(self, x: int): ...

    @overload
    def put(self, x: str): ...

    def put(self, x):
        self.x = x
"""


def test_of_several_python_functions_of_a_name_none_is_taken_silently(
    written: Callable[[dict[str, str]], tuple[Index, Tree]],
) -> None:
    index, tree = written({"m.py": BRANCHES})
    assert place(index, tree, symbol="py:m.Box.put").line == BRANCHES.splitlines().index("    def put(self, x):") + 1
    branches = place(index, tree, symbol="py:m.run")
    assert (
        branches.located == "lost" and "m.py:2, m.py:5" in str(branches.note) and "`statement:`" in str(branches.note)
    )
    assert place(index, tree, symbol="py:m.run", statement="return slowly(x)", among=2).line == 6
    pair = place(index, tree, symbol="py:m.Box.size")
    assert pair.located == "lost" and "parameters, such as py:m.Box.size(self)" in str(pair.note)
    assert place(index, tree, symbol="py:m.Box.size(self, value)").line == 15


def test_the_statement_of_a_module_that_went_into_a_function_has_changed(
    written: Callable[[dict[str, str]], tuple[Index, Tree]],
) -> None:
    moved = "def _fill():\n    for name in dir(_C):\n        take(name)\n"
    index, tree = written({"m.py": moved})
    found = place(index, tree, symbol="py:m", statement="for name in dir(_C):")
    assert (found.located, found.line, found.note) == ("changed", 2, "in a function here")
    index, tree = written({"m.py": moved + "\nfor name in dir(_C):\n    take(name)\n"})
    found = place(index, tree, symbol="py:m", statement="for name in dir(_C):")
    assert (found.located, found.line) == ("exact", 5)


def test_a_line_of_a_namespace_that_stands_in_many_files_is_named_by_its_file(
    written: Callable[[dict[str, str]], tuple[Index, Tree]],
) -> None:
    text = "namespace n {\nusing Number = %s;\n;\n;\n}\n"
    index, tree = written({f"f{number}.cpp": text % number for number in range(anchors.MOST + 1)})

    def read(path: str) -> bytes:
        assert path == "f3.cpp", "a namespace's other files say nothing"
        return tree.read(path)

    anchor = anchors.anchor_at("f3.cpp", 2, 2, index, read)
    assert anchors.find(anchor, index, read).line == 2
    with pytest.raises(TourError, match="nothing tells this line"):
        anchors.anchor_at("f3.cpp", 4, 4, index, read)
    nowhere = place(index, tree, symbol="cpp:n", statement="using Number = 3;")
    assert nowhere.located == "lost" and "tell them apart by `file:`" in str(nowhere.note)


@pytest.mark.real
def test_our_anchors_survive_a_version_and_none_leads_silently_astray() -> None:
    """What BENCHMARKS.md says of them: 19 of 20 found without a hint in the other version, and a doubt is said."""
    for version in REAL_VERSIONS:
        tree = real_tree(version)
        build.update(tree, index_path(tree))
    sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
    try:
        from anchors import measured, share_right
    finally:
        sys.path.pop(0)
    rows, misses = measured()
    assert [miss for miss in misses if "said to be right" in miss] == []
    assert share_right(sum(rows.values(), Counter())) >= 0.95
