"""What names in a source file mean: minitorch's names lead where its comments say, and guesses are guesses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tour import build
from tour.index import Index
from tour.links import Links
from tour.model import Grade, Lang
from tour.operators import operator_view
from tour.references import MOST_CANDIDATES, Occurrence, References, references
from tour.tree import Tree, TreeKind

from .conftest import mini_tree


class Read:
    """A file with its references, asked by what is written."""

    def __init__(self, path: str, index: Index, text: str) -> None:
        stored = index.file(path)
        assert stored is not None
        self.lines = text.split("\n")
        self.found: References = references(path, stored.lang, text, index, Links(index))

    def written(self, one: Occurrence) -> str:
        return self.lines[one.line - 1][one.column : one.column + one.length]

    def at(self, name: str, line_holds: str) -> Occurrence:
        (one,) = [
            one
            for one in self.found.occurrences
            if self.written(one) == name and line_holds in self.lines[one.line - 1]
        ]
        return one

    def meant(self, name: str, line_holds: str) -> tuple[list[str], Grade]:
        one = self.at(name, line_holds)
        return [self.found.targets[number].id for number in one.targets], one.grade

    def relations(self, symbol: str, heading: str) -> set[str]:
        found = [one for one in self.found.definitions if one.id == symbol]
        return {relation.id for one in found for relation in one.relations if relation.heading == heading}


@pytest.fixture
def read(mini_index: Callable[[str], Path]) -> Callable[[str], Read]:
    def one(path: str) -> Read:
        with Index(mini_index("9.1.0")) as index:
            return Read(path, index, mini_tree("9.1.0").read(path).decode())

    return one


def test_a_method_leads_to_the_class_s_own(read: Callable[[str], Read]) -> None:
    page = read("torch/nn/module.py")
    assert page.meant("_apply", "return self._apply(args)") == (["py:torch.nn.module.Module._apply"], Grade.EXACT)
    assert page.relations("py:torch.nn.module.Module._apply", "callers") == {"py:torch.nn.module.Module.to"}
    assert page.relations("py:torch.nn.module.Module.to", "callees") == {"py:torch.nn.module.Module._apply"}


def test_an_operator_s_entry_leads_to_its_kernels_and_back(read: Callable[[str], Read]) -> None:
    page = read("aten/src/ATen/native/native_functions.yaml")
    meant, grade = page.meant("mini_div_out", "CPU, CUDA: mini_div_out")
    assert meant == ["cpp:at::native::structured_mini_div_out::impl"] and grade is Grade.EXACT
    assert "cpp:at::native::mini_add_out_sparse" in page.relations("op:aten::mini_add.out", "dispatch")
    assert "py:torch.Tensor.mini_add" in page.relations("op:aten::mini_add", "bindings")


def files() -> list[str]:
    """The files of minitorch that are code."""
    return sorted(file.path for file in mini_tree("9.1.0").files())


@pytest.mark.parametrize("path", files())
def test_what_is_linked_is_a_name_and_no_two_links_overlap(path: str, read: Callable[[str], Read]) -> None:
    page = read(path)
    places = [(one.line, one.column, one.length) for one in page.found.occurrences]
    places += [(one.line, one.column, one.length) for one in page.found.definitions]
    last = (0, 0)
    for line, column, length in sorted(places):
        assert length and (line, column) >= last, (line, column)
        assert column + length <= len(page.lines[line - 1])
        last = (line, column + length)
    for one in page.found.occurrences:
        assert 0 < len(one.targets) <= MOST_CANDIDATES
        assert all(page.found.targets[number].at is not None for number in one.targets)
        assert one.grade is Grade.NAME or len(one.targets) == 1 or one.candidates == 1


def tree(root: Path, **texts: str) -> tuple[Tree, Path]:
    for name, text in texts.items():
        file = root / "tree" / name.replace("__", "/").replace("_DOT_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    made = Tree(root / "tree", "1.0.0", TreeKind.FOLDER)
    build.update(made, root / "i.sqlite")
    return made, root / "i.sqlite"


PYTHON = '''\
"""helper in a docstring is no name."""
from p.a import helper as other, Base

def local(items):
    for helper in items:  # this helper is the loop's
        helper.go()
    return other(items)  # helper

class Heir(Base):
    def __init__(self):
        super().__init__()
        self.kept = other(1)

    def use(self, thing):
        é = "helper"; other(é)
        thing.run_it()
        return self.kept
'''
OTHER = """\
def helper(x):
    return x

class Base:
    def __init__(self):
        pass

class Runner:
    def run_it(self):
        pass
"""


@pytest.fixture
def small(tmp_path: Path) -> Read:
    made, file = tree(tmp_path, p__a_DOT_py=OTHER, p__b_DOT_py=PYTHON)
    with Index(file) as index:
        return Read("p/b.py", index, made.read("p/b.py").decode())


def test_names_in_comments_strings_and_loops_are_left_alone(small: Read) -> None:
    named = [one.line for one in small.found.occurrences if small.written(one) == "helper"]
    assert named == [2]


def test_an_alias_a_base_and_an_attribute_lead_to_what_made_them(small: Read) -> None:
    assert small.meant("other", "return other") == (["py:p.a.helper"], Grade.EXACT)
    assert small.meant("Base", "class Heir") == (["py:p.a.Base"], Grade.EXACT)
    kept = small.at("kept", "return self.kept")
    place = small.found.targets[kept.targets[0]].at
    assert place is not None and (place.file, place.line) == ("p/b.py", 12)


def test_a_class_knows_its_subclasses_however_common_its_name(tmp_path: Path) -> None:
    heirs = {f"p__h{number}_DOT_py": "from p.a import Base\n\nclass Heir(Base):\n    pass\n" for number in range(60)}
    made, file = tree(tmp_path, p__a_DOT_py=OTHER, **heirs)
    with Index(file) as index:
        page = Read("p/a.py", index, made.read("p/a.py").decode())
    assert page.relations("py:p.a.Base", "subclasses") == {f"py:p.h{number}.Heir" for number in range(60)}
    (base,) = [one for one in page.found.definitions if one.id == "py:p.a.Base"]
    assert base.common


def test_columns_count_characters(small: Read) -> None:
    assert small.written(small.at("other", "é = ")) == "other"


def test_a_method_of_an_unknown_object_is_a_guess(small: Read) -> None:
    assert small.meant("run_it", "thing.run_it()") == (["py:p.a.Runner.run_it"], Grade.NAME)


CPP = """\
#include "b.h"
namespace at {
int twice(int x);
struct Tensor { bool defined() const { return true; } };
struct Other { bool defined() const { return false; } };
int twice(int x) { return x + x; }
int f(const Tensor& input, int twice_of) {
  const char* s = "twice"; // twice
  int twice_it = twice(twice_of);
  if (input.defined()) return twice_it;
  Shape shape;
  return twice(1);
}
}
"""


def test_cpp_names_mean_what_scope_says_and_the_likeliest_guess_comes_first(tmp_path: Path) -> None:
    made, file = tree(tmp_path, a_DOT_cpp=CPP, b_DOT_h="#define WIDE 1\nnamespace at { struct Shape {}; }\n")
    with Index(file) as index:
        page = Read("a.cpp", index, made.read("a.cpp").decode())
    assert page.meant("twice", "return twice(1)") == (["cpp:at::twice"], Grade.EXACT)
    assert page.meant("Shape", "Shape shape") == (["cpp:at::Shape"], Grade.EXACT)
    assert page.meant("b.h", "#include") == (["b.h"], Grade.EXACT)
    meant, grade = page.meant("defined", "input.defined")
    assert meant == ["cpp:at::Tensor::defined", "cpp:at::Other::defined"] and grade is Grade.NAME
    assert not [one for one in page.found.occurrences if one.line == 8]
    (twice,) = [one for one in page.found.definitions if one.id == "cpp:at::twice" and one.line == 6]
    assert {relation.at.line for relation in twice.relations if relation.heading == "callers"} == {9, 12}


def test_what_was_found_is_remembered_and_the_same(mini_index: Callable[[str], Path]) -> None:
    path = "torch/nn/module.py"
    text = mini_tree("9.1.0").read(path).decode()
    with Index(mini_index("9.1.0")) as index:
        first = references(path, Lang.PYTHON, text, index, Links(index))
        again = references(path, Lang.PYTHON, text, index, Links(index))
    assert first == again and first.definitions


@pytest.mark.parametrize(
    "text", ["", "\n", "'''", '"""never ends', "def f(:\n  x = (((", "#include <", "\0", "f(\r\n)\rg()"]
)
def test_broken_text_is_read_as_far_as_it_goes(text: str, tmp_path: Path) -> None:
    for name in ("a_DOT_py", "a_DOT_cpp"):
        made, file = tree(tmp_path / name, **{name: text})
        with Index(file) as index:
            path = name.replace("_DOT_", ".")
            stored = index.file(path)
            assert stored is not None
            assert references(path, stored.lang, made.read(path).decode(), index, Links(index)) is not None


def test_an_operator_is_called_by_who_calls_its_python_name_too(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    for file, text in {
        "aten/src/ATen/native/native_functions.yaml": "- func: tiny(Tensor self) -> Tensor\n  variants: function\n",
        "torch/__init__.py": "",
        "torch/functional.py": "import torch\n\n\ndef wrap(x):\n    return torch.tiny(x)\n",
        "test/test_tiny.py": "import torch\n\n\ndef test_tiny():\n    torch.tiny(1)\n",
    }.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(text)
    build.update(Tree(root, "9.1.0", TreeKind.FOLDER), tmp_path / "index.sqlite")
    with Index(tmp_path / "index.sqlite") as index:
        view = operator_view("aten::tiny", index, Links(index))
        assert view is not None
        (overload,) = view.overloads
        assert [one.id for one in overload.callers] == ["py:torch.functional.wrap", "py:test.test_tiny.test_tiny"]
