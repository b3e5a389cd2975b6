"""Drawings of a step: one file for all languages and both themes, refused where a page could not show it."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tour import figures, tours
from tour.errors import AnnotationError
from tour.resources import folder

ALT = {"en": 'Two blocks, "side by side"', "zh": "两个块"}
DRAWN = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 60">
  <g transform="translate(10 10)">
    <rect class="a" width="40" height="40"/>
    <text class="code" x="50" y="20">blockIdx.x = c</text>
    <text lang="en" x="50" y="40">one block <tspan class="strong">each</tspan></text>
    <text lang="zh" x="50" y="40">各有一个块</text>
  </g>
</svg>
"""


def drawn(folder: Path, text: str = DRAWN) -> figures.Figure:
    (folder / "grid.svg").write_text(text)
    return figures.read(folder / "grid.svg", ALT)


@pytest.mark.parametrize(
    ("lang", "has", "lacks"), [("en", "one block each", "各有"), ("zh", "各有一个块", "one block")]
)
def test_a_drawing_speaks_one_language(tmp_path: Path, lang: str, has: str, lacks: str) -> None:
    svg = ElementTree.fromstring(drawn(tmp_path).svg(lang))
    text = "".join(svg.itertext())
    assert has in text and lacks not in text and "blockIdx.x = c" in text
    assert svg.attrib["role"] == "img" and svg.attrib["aria-label"] == ALT[lang]
    assert svg.tag == "svg" and not [element for element in svg.iter() if "lang" in element.attrib]


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        (("</svg>", ""), 9, "not valid XML"),
        (('viewBox="0 0 400 60"', ""), 1, "expected <svg"),
        (('<rect class="a"', '<image class="a"'), 3, "has no <image>"),
        (("<svg", "<script>alert(1)</script><svg"), 1, "not valid XML"),
        (("  <g", "  <script>alert(1)</script>\n  <g"), 2, "has no <script>"),
        (('class="a"', 'fill="#ff0000"'), 3, "has no 'fill'"),
        (('class="a"', 'id="block"'), 3, "has no 'id'"),
        (('class="a"', 'onclick="x"'), 3, "has no 'onclick'"),
        (('class="a"', 'class="red"'), 3, "no class 'red'"),
        (('<text lang="zh"', '<text lang="fr"'), 6, "lang is 'fr'"),
        (('<text lang="zh" x="50" y="40">各有一个块</text>', ""), 1, "en has 1, zh has 0"),
        (('<text lang="zh"', "<text"), 6, "without lang"),
        (("blockIdx.x = c", "for every block"), 4, "without lang"),
    ],
)
def test_what_no_page_can_show_is_told_with_its_line(
    tmp_path: Path, change: tuple[str, str], line: int, said: str
) -> None:
    with pytest.raises(AnnotationError) as caught:
        drawn(tmp_path, DRAWN.replace(*change))
    assert said in caught.value.what and caught.value.at == f"{tmp_path}/grid.svg:{line}"


def test_a_missing_drawing_is_told(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="cannot be read"):
        figures.read(tmp_path / "none.svg", ALT)


def test_every_class_has_its_look() -> None:
    sheet = (folder("templates") / "assets/figure.css").read_text()
    assert set(re.findall(r"\.([a-z]+)\b", sheet)) >= figures.CLASSES
    colours = re.findall(r"#[0-9a-f]{3,8}\b|rgb\(", sheet)
    assert not colours, "a drawing's colours are the page's variables"


@pytest.mark.parametrize("name", tours.names(folder("annotations")))
def test_every_drawing_of_ours_is_shown_by_a_step(name: str) -> None:
    tour = tours.load(name, folder("annotations"))
    shown = [step.figure.file for step in tour.steps if step.figure]
    assert sorted(shown) == sorted(file.name for file in tour.file.parent.glob("*.svg"))
    for step in tour.steps:
        if step.figure:
            alt = step.figure.alt
            assert 20 <= len(alt["en"].split()) <= 120 and len(alt["zh"]) >= 40, f"{name}/{step.id}: alt tells it all"
            assert 280 <= float(ElementTree.fromstring(step.figure.text).attrib["viewBox"].split()[2]) <= 440
