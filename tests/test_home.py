"""The first page: where the tours cross, in which order they stand, and where three readers start."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

from tour import home
from tour.model import Lane
from tour.render import home_map
from tour.render.words import words
from tour.views import TourView

from . import sample_views as sample


def told(name: str, *places: tuple[str, str]) -> TourView:
    """A tour whose steps are at symbols and files."""
    steps = [
        replace(sample.step(1, Lane.PYTHON, "en"), id=f"s{number}", number=number, symbol=symbol, file=file)
        for number, (symbol, file) in enumerate(places, start=1)
    ]
    return replace(sample.tour("en"), name=name, title=f"About `{name}`", steps=tuple(steps))


A = told("a", ("py:one", "x.py"), ("cpp:f::two", "y.cpp"), ("op:aten::z", "ops.yaml"))
B = told("b", ("py:one", "x.py"), ("cpp:f::two", "y.cpp"))
C = told("c", ("py:three", "y.cpp"), ("op:aten::w", "ops.yaml"))
D = told("d", ("py:four", "z.py"))


def test_tours_cross_at_symbols_and_else_in_files() -> None:
    found = home.crossings([A, B, C, D])
    assert [(one.names, one.is_file, sorted(one.passes)) for one in found] == [
        (("y.cpp",), True, ["a", "b", "c"]),
        (("one", "f::two"), False, ["a", "b"]),
    ]
    assert [view.name for view in home.neighbours([D, C, A, B], found)] in (["a", "b", "c", "d"], ["b", "a", "c", "d"])


def test_the_map_leads_to_each_tour_and_to_each_step_where_they_cross() -> None:
    views = [A, B, C, D]
    picture = ElementTree.fromstring(home_map.svg(views, home.crossings(views), words("en"), ""))
    links = [link.get("href") for link in picture.iter("a")]
    assert {"tours/a/", "tours/b/", "tours/c/", "tours/d/"} <= set(links)
    assert {"tours/a/#s1", "tours/a/#s2", "tours/c/#s1"} <= set(links)
    assert all(link.get("aria-label") and link.find("title") is not None for link in picture.iter("a"))


def test_a_name_on_the_map_ends_where_its_title_begins_to_explain() -> None:
    long = "a module becomes a script without methods"
    titles = {
        f"torch::save in C++: {long}": "torch::save in C++",
        f"C++ 里的 torch::save：{long}": "C++ 里的 torch::save",
        "short: whole": "short: whole",
    }
    for title, name in titles.items():
        view = replace(sample.tour("en"), title=title)
        picture = ElementTree.fromstring(home_map.svg([view], [], words("en"), ""))
        assert [text.text for text in picture.iter("text")] == [name]
