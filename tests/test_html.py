"""Views as HTML: every state has its word in both languages, guesses look like guesses, hostile text stays text."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import pytest

from tour.model import Lang
from tour.render import html, lanes, places, source
from tour.render import source_page as pages
from tour.render.words import words

from . import sample_views as sample

LANGS = ("en", "zh")
Elements = list[tuple[str, dict[str, str]]]


class Page(HTMLParser):
    """Its elements, and its text as a reader sees it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: Elements = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, class_: str) -> Elements:
        return [found for found in self.elements if class_ in found[1].get("class", "").split()]


def tour_page(lang: str = "en") -> Page:
    return Page(html.tour_page(sample.tour(lang), "../../"))


def source_page() -> Page:
    titles = {lang: {("sample", step.id): step.title for step in sample.tour(lang).steps} for lang in LANGS}
    return Page(pages.source_page(sample.source(), titles, places.Addresses("9.1.0")))


@pytest.mark.parametrize("page", [tour_page(), tour_page("zh"), source_page()], ids=["en", "zh", "source"])
def test_hostile_text_stays_text(page: Page) -> None:
    assert not [attrs for tag, attrs in page.elements if tag == "img" and attrs.get("class") != "out-image"]
    scripts = [attrs for tag, attrs in page.elements if tag == "script" and attrs.get("type") != "application/json"]
    assert all(set(attrs) <= {"src", "type"} and attrs["src"].startswith("../../../assets/tour/") for attrs in scripts)
    assert not [key for _, attrs in page.elements for key in attrs if key.startswith("on")]
    assert sample.HOSTILE in page.text


@pytest.mark.parametrize("lang", LANGS)
def test_each_state_has_its_mark_with_the_version(lang: str) -> None:
    page, said = tour_page(lang), words(lang)
    for state in ("exact", "former", "moved", "changed", "lost", "absent"):
        assert page.of(f"mark-{state}")
        assert said.mark(state, "9.1.0") in page.text and "9.1.0" in said.mark(state, "9.1.0")
    assert len(page.of("tour-code")) == sum(step.code is not None for step in sample.tour(lang).steps)


def test_a_guess_looks_like_a_guess() -> None:
    page, said = tour_page(), words("en")
    for grade in ("exact", "name", "asserted", "none"):
        assert page.of(f"grade-{grade}")
    assert said.say("candidates", count=3) in page.text
    assert said.say("because", reason=f"because {sample.HOSTILE}") in page.text


@pytest.mark.parametrize("lang", LANGS)
def test_a_hop_from_an_earlier_step_says_so(lang: str) -> None:
    page = tour_page(lang)
    backs = page.of("back")
    assert [attrs["href"] for _, attrs in backs] == ["#s2"]
    assert words(lang).say("hop_back", number=2) in page.text


@pytest.mark.parametrize("lang", LANGS)
def test_the_picture_draws_each_fact_from_its_own_step(lang: str) -> None:
    view = sample.tour(lang)
    picture = ElementTree.fromstring(lanes.svg(view, words(lang)))
    at = {
        stop.get("data-stop"): f"{circle.get('cx')} {circle.get('cy')}"
        for stop in picture.iter("a")
        if (circle := stop.find("circle")) is not None
    }
    ways = list(picture.iter("path"))
    hops = [step.hop for step in view.steps if step.hop]
    assert len(ways) == len(hops)
    for way, hop in zip(ways, hops, strict=True):
        drawn = way.get("d", "")
        assert drawn.startswith(f"M{at[hop.origin]}L") and drawn.endswith(f"L{at[hop.to]}")
        assert ("guess" in way.get("class", "")) == (hop.grade != "exact")
    names = {text.text for text in picture.iter("text") if text.get("class") == "lane-name"}
    assert names == {words(lang).lane(step.lane) for step in view.steps}
    ElementTree.fromstring(lanes.sketch(view))


def test_a_link_to_a_file_of_any_name_leads_there() -> None:
    file = places.source_address("9.1.0", sample.FILE)
    links = [attrs["href"] for tag, attrs in tour_page().elements if "source/" in attrs.get("href", "")]
    assert links
    for link in links:
        parts = urlsplit(link)
        assert unquote(parts.path) == f"../../{file}" and parts.fragment == "L3" and not parts.query


def test_a_source_page_leads_to_its_file_and_who_wrote_it_in_the_public_repository() -> None:
    there = [attrs["href"] for _, attrs in source_page().of("source-public")]
    (_, file) = places.source_address("9.1.0", sample.FILE).removesuffix(".html").split("9.1.0/", 1)
    kinds = dict.fromkeys(address.split("/")[5] for address in there)
    assert list(kinds) == ["blob", "blame"]
    assert {unquote(address).partition("/v9.1.0/")[2] for address in there} == {f"{file}#L1"}


def test_a_source_page_leads_back_in_both_languages() -> None:
    page = source_page()
    links = [attrs for tag, attrs in page.elements if tag == "a" and "hreflang" in attrs]
    passes = [attrs["href"] for attrs in links if "#" in attrs["href"]]
    up = "../" * places.source_address("9.1.0", sample.FILE).count("/")
    assert passes == [f"{up}{site}tours/sample/#s{step}" for site in ("", "zh/") for step in (1, 2)]
    assert "步骤" in page.text
    ids = {attrs["id"] for tag, attrs in page.elements if "id" in attrs and tag == "span"}
    assert ids == {f"L{number}" for number in range(1, 501)}


def test_only_coloured_code_has_elements() -> None:
    assert source.lines("x = f(y)  # no\n", Lang.PYTHON) == ['x = f(y)  <span class="c"># no</span>', ""]
    assert source.lines("init(module);", Lang.CPP) == ["init(module);"]
    assert source.lines("'''a\nb'''", Lang.PYTHON) == [
        '<span class="s">&#x27;&#x27;&#x27;a</span>',
        '<span class="s">b&#x27;&#x27;&#x27;</span>',
    ]


def test_a_long_file_stays_light() -> None:
    code = "int f(int a) { return a; }\n"
    view = replace(sample.source(), text=code * 5000)
    titles = {("sample", f"s{number}"): "Title" for number in (1, 2)}
    assert len(pages.source_page(view, {"en": titles, "zh": titles}, places.Addresses("9.1.0"))) < 5000 * 210


@pytest.mark.parametrize("lang", list(Lang))
def test_every_language_has_its_colours(lang: Lang) -> None:
    assert source.lines('- name: "x"\n', lang)[1] == "" and "x" in source.lines('- name: "x"\n', lang)[0]


def test_a_tour_that_has_no_page_is_named_and_not_linked() -> None:
    page = html.tour_page(sample.tour("en"), "../../", {"sample"})
    assert '<a href="../sample/">' in page and "../other/" not in page and "The <code>other</code> en" in page


def test_a_cell_and_a_question_have_their_places() -> None:
    page = tour_page()
    assert len(page.of("tour-cell")) == 2 and words("en").say("cell_raises", error="ValueError") in page.text
    assert len(page.of("tour-questions")) == 1 and "Why s1?" in page.text


def test_a_drawing_stands_under_its_step() -> None:
    page = tour_page()
    assert len(page.of("tour-figure")) == 1 and len(page.of("tour-drawing")) == 1
