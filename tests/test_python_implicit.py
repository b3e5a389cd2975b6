"""What runs where no call is written, and what is handed over: a small package, one question a test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tour import build, route
from tour.index import Index
from tour.links import LINKERS, WRITTEN, Links, Node, node
from tour.tree import Tree, TreeKind

FILES = {
    "pkg/__init__.py": "",
    "pkg/nn.py": '''
class Weight:
    pass


class Box:
    """Keeps some of what is set on it apart."""

    def __init__(self):
        super().__setattr__("kept", {})
        self.size = 3
        self.register_thing("late", None)

    def __setattr__(self, name, value):
        super().__setattr__(name, value)

    def __getattr__(self, name):
        return self.kept[name]

    def __delattr__(self, name):
        super().__delattr__(name)

    def register_thing(self, name, value):
        self.kept[name] = value

    def plain(self):
        return self.size, self.kept

    def asked(self):
        return self.late

    def unknown(self):
        return self.nowhere

    def gone(self):
        del self.size

    def elements(self):
        yield self.late


class Table:
    shape: int

    def __init__(self):
        self.rows = []

    @property
    def width(self):
        return 2

    @width.setter
    def width(self, value):
        self.rows = [value]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, at):
        return self.rows[at]

    def __setitem__(self, at, value):
        self.rows[at] = value

    def __contains__(self, row):
        return row in self.rows

    def __iter__(self):
        return iter(self.rows)

    def __add__(self, other):
        return self

    def __radd__(self, other):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def __repr__(self):
        return "table"


class Wide(Table):
    def __len__(self):
        return 9


class Lazy:
    def __init__(self, wrapped):
        self.wrapped = wrapped

    def __get__(self, instance, owner):
        return self.wrapped(instance)


class Shape:
    def area(self):
        raise NotImplementedError


class Square(Shape):
    def area(self):
        return 4


class Owner:
    lazily = Lazy(len)

    @Lazy
    def made(self):
        return 1

    def reads(self):
        return self.lazily, self.made


def measured(table: Table, shape: Shape):
    shape.area()
    table.width
    table.width = 3
    table[0]
    table[0] = 1
    1 in table
    table + 1
    1 + table
    repr(table)
    f"{table!r}"
    if not table:
        pass


def looped(table: Table, box: Box):
    for row in table:
        pass
    [element for element in box.elements()]
    list(table)


def entered():
    with Table() as table:
        return table


def guessed(table, box, it):
    len(table)
    box.nothing
    it.register_thing("x", 1)
    getattr(it, "x")
    it[0]
''',
    "pkg/flow.py": """
import functools

from pkg import nn


def noisy(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)
    return wrapper


class quiet:
    def __call__(self, function):
        def inside(*args):
            return function(*args)
        return inside


@noisy
def first():
    pass


@quiet()
def second():
    pass


def calls():
    first()
    second()


def third(x):
    pass


def fourth(x):
    pass


def apply(function, x):
    return function(x)


def hands():
    apply(third, 1)
    apply(functools.partial(fourth, 2), 1)


TABLE = {"a": third}
TABLE["b"] = fourth


def looks_up(name):
    return TABLE[name](1)


class Kept:
    def __init__(self, hook=fourth):
        self.hook = hook

    def runs(self):
        return self.hook(1)


class Visitor:
    def visit(self, node):
        method = getattr(self, "visit_" + node.name)
        return method(node)


class Printer(Visitor):
    def visit_leaf(self, node):
        pass

    def visit_twig(self, node):
        pass


class Again:
    def copy(self):
        return type(self)()


class Other(Again):
    def __init__(self):
        pass


def children() -> "Iterator[nn.Table]":
    pass


def of_each():
    for table in children():
        len(table)


def made():
    table = nn.Table()
    return table


def of_result():
    len(made())
""",
    "pkg/front.py": """
import sys


class Front:
    def __getattr__(self, name):
        return name


sys.modules[__name__] = Front()
""",
    "pkg/uses.py": "from pkg import front\n\n\ndef asks():\n    return front.anything\n",
    "pkg/pickles.py": """
import pickle


def loads(file):
    class Reader(pickle.Unpickler):
        def find_class(self, module, name):
            return super().find_class(module, name)

    def lasting(key):
        return key

    reader = Reader(file)
    reader.persistent_load = lasting
    return reader.load()
""",
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("implicit")
    for path, text in FILES.items():
        (folder / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "tree" / path).write_text(text)
    build.update(Tree(folder / "tree", "9.9.9", TreeKind.FOLDER), folder / "i.sqlite")
    return folder / "i.sqlite"


@pytest.fixture
def runs(index: Path) -> Callable[[str], dict[str, tuple[str, int]]]:
    """What a function runs implicitly: each target with its grade and number of candidates."""

    def ask(name: str) -> dict[str, tuple[str, int]]:
        with Index(index) as opened:
            found = Links(opened).leaving(Node(f"py:pkg.{name}"), None, ("python_implicit",))
        return {link.target.removeprefix("py:pkg."): (link.grade.value, link.candidates) for link in found}

    return ask


Runs = Callable[[str], dict[str, tuple[str, int]]]
SURE = ("exact", 1)


def test_setting_and_deleting_an_attribute_of_self(runs: Runs) -> None:
    assert runs("nn.Box.__init__") == {"nn.Box.__setattr__": SURE}
    assert runs("nn.Box.gone") == {"nn.Box.__delattr__": SURE}


def test_what_is_registered_by_name_is_found_by_getattr_for_certain(runs: Runs) -> None:
    assert runs("nn.Box.asked") == {"nn.Box.__getattr__": SURE}


def test_what_was_set_on_self_is_not_asked_of_getattr(runs: Runs) -> None:
    assert runs("nn.Box.plain") == {}


def test_what_nobody_sets_may_be_found_by_getattr(runs: Runs) -> None:
    assert runs("nn.Box.unknown") == {"nn.Box.__getattr__": ("name", 1)}


@pytest.mark.parametrize(
    "special",
    ["width", "__getitem__", "__setitem__", "__contains__", "__add__", "__repr__"],
)
def test_special_methods_of_a_known_class(special: str, runs: Runs) -> None:
    assert runs("nn.measured")[f"nn.Table.{special}"] == SURE


def test_the_right_operand_only_may_be_asked(runs: Runs) -> None:
    assert runs("nn.measured")["nn.Table.__radd__"][0] == "name"


def test_the_truth_of_an_object_may_be_that_of_a_subclass(runs: Runs) -> None:
    found = runs("nn.measured")
    assert (found["nn.Table.__len__"], found["nn.Wide.__len__"]) == (SURE, ("name", 2))


def test_setter_and_getter_of_a_property_are_told_apart(index: Path) -> None:
    with Index(index) as opened:
        links = Links(opened).leaving(Node("py:pkg.nn.measured"), None, ("python_implicit",))
        places = {link.target_at for link in links if link.target == "py:pkg.nn.Table.width"}
        lines = [symbol.at for symbol in opened.symbols("pkg.nn.Table.width", "py")]
    assert places == set(lines)
    assert len(lines) == 2


def test_descriptors_run_their_get(runs: Runs) -> None:
    assert runs("nn.Owner.reads")["nn.Lazy.__get__"] == SURE


def test_loops_run_iter_or_the_generator(runs: Runs) -> None:
    found = runs("nn.looped")
    assert (found["nn.Table.__iter__"], found["nn.Box.elements"]) == (SURE, SURE)


def test_with_enters_and_exits(runs: Runs) -> None:
    assert runs("nn.entered") == {"nn.Table.__enter__": SURE, "nn.Table.__exit__": SURE}


def test_guesses_by_the_name_of_the_variable_and_by_what_is_called_on_it(runs: Runs) -> None:
    found = runs("nn.guessed")
    assert found["nn.Table.__len__"][0] == "name"
    assert found["nn.Box.__getattr__"] == ("name", 1)
    assert "nn.Table.__getitem__" not in found


def test_a_module_that_is_an_object(runs: Runs) -> None:
    assert runs("uses.asks") == {"front.Front.__getattr__": ("name", 1)}


def test_what_a_decorator_put_in_place_runs(runs: Runs) -> None:
    found = runs("flow.calls")
    assert found == {"flow.noisy.wrapper": SURE, "flow.quiet.__call__.inside": SURE}


def test_a_wrapper_runs_what_it_decorates(runs: Runs) -> None:
    assert runs("flow.noisy.wrapper") == {"flow.first": ("name", 1)}
    assert runs("flow.quiet.__call__.inside") == {"flow.second": ("name", 1)}


def test_a_parameter_is_what_callers_hand_over(runs: Runs) -> None:
    assert runs("flow.apply") == {"flow.third": ("name", 2), "flow.fourth": ("name", 2)}


def test_a_dictionary_of_functions(runs: Runs) -> None:
    assert runs("flow.looks_up") == {"flow.third": ("name", 2), "flow.fourth": ("name", 2)}


def test_a_function_kept_as_an_attribute(runs: Runs) -> None:
    assert runs("flow.Kept.runs") == {"flow.fourth": ("name", 1)}


def test_methods_named_by_a_prefix(runs: Runs) -> None:
    assert set(runs("flow.Visitor.visit")) == {"flow.Printer.visit_leaf", "flow.Printer.visit_twig"}


def test_an_object_of_the_same_class_may_be_of_a_subclass(runs: Runs) -> None:
    assert runs("flow.Again.copy")["flow.Other.__init__"][0] == "name"


def test_elements_and_results_have_a_class(runs: Runs) -> None:
    assert "nn.Table.__len__" in runs("flow.of_each")
    assert "nn.Table.__len__" in runs("flow.of_result")


def test_the_standard_library_calls_back(runs: Runs) -> None:
    found = runs("pickles.loads")
    assert found["pickles.loads.Reader.find_class"][0] == "name"
    assert found["pickles.loads.lasting"][0] == "name"


def test_an_abstract_method_is_no_exact_target(index: Path) -> None:
    with Index(index) as opened:
        links = Links(opened).leaving(Node("py:pkg.nn.measured"), None, ("python_calls",))
    grades = {link.target: link.grade.value for link in links}
    assert (grades["py:pkg.nn.Shape.area"], grades["py:pkg.nn.Square.area"]) == ("name", "name")


def test_a_route_takes_a_written_call_before_any_other(index: Path) -> None:
    with Index(index) as opened:
        links = Links(opened)
        start, middle, goal = (
            [node(symbol) for symbol in opened.symbols(f"pkg.flow.{name}", "py")]
            for name in ("hands", "apply", "third")
        )
        written = route.between(opened, links, start, middle)
        only = route.between(opened, links, middle, goal)
    assert [link.rule for link in written[0]] == ["python_calls/scope"]
    assert [link.rule for link in only[0]] == ["python_implicit/passed"]


def test_the_answer_does_not_depend_on_what_was_asked_before(index: Path) -> None:
    with Index(index) as opened:
        functions = [symbol for path in FILES for symbol in opened.symbols_in(path) if symbol.kind != "class"]
        nodes = [node(symbol) for symbol in functions]
        together, backwards = Links(opened), Links(opened)
        first = [together.leaving(at) for at in nodes]
        last = [backwards.leaving(at) for at in reversed(nodes)]
    assert first == list(reversed(last))


def test_written_links_are_all_but_the_implicit_ones() -> None:
    assert set(LINKERS) - set(WRITTEN) == {"python_implicit"}


def test_a_text_that_no_parser_follows_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "old.py").write_text("def f(self):\n    print 'no'\n    self.x = 1\n")
    build.update(Tree(tmp_path / "tree", "9.9.9", TreeKind.FOLDER), tmp_path / "i.sqlite")
    with Index(tmp_path / "i.sqlite") as opened:
        assert Links(opened).leaving(Node("py:old.f"), None, ("python_implicit",)) == []
