"""What a cell showed, as HTML: a terminal's rows, colours, places; and that nothing of it runs."""

from __future__ import annotations

import base64
import html as escapes
import re
from dataclasses import replace

import pytest

from tour import views
from tour.render import html, outputs
from tour.render.words import words

from . import sample_views as sample
from .test_html import LANGS, Page

TERMINAL = [
    ("a\nb\n", "a\nb"),
    ("10%\r100%\n", "100%"),
    ("100%\r 5", " 50%"),
    ("abc\b\bX\n", "aXc"),
    ("long line\r\x1b[Kok\n", "ok"),
    ("one\ntwo\n\x1b[A\x1b[AONE\n", "ONE\ntwo"),
    ("\x1b[31mred\x1b[0m plain", '<span class="a-fg1">red</span> plain'),
    ("\x1b[1;4mx\x1b[22my\x1b[24mz", '<span class="a-bold a-underline">x</span><span class="a-underline">y</span>z'),
    ("\x1b[38;5;28mg\x1b[39m\x1b[38;2;255;0;0mr\x1b[0m", '<span class="a-fg2">g</span><span class="a-fg1">r</span>'),
    ("\x1b[30;43mon\x1b[49m", '<span class="a-fg0 a-bg3">on</span>'),
    ("\x1b[38;5;241mgrey\x1b[38m?", '<span class="a-fg8">grey?</span>'),
    ("\x1b]8;;http://x\x07link\x1b]8;;\x07", "link"),
    ("<b>&\"'", "&lt;b&gt;&amp;\"'"),
    ("\x1b[999999999Cx", " " * 2000 + "x"),
    ("\x1b", ""),
    ("", ""),
]
"""What a program prints, and what its reader sees."""


@pytest.mark.parametrize(("printed", "seen"), TERMINAL)
def test_text_looks_as_in_a_terminal(printed: str, seen: str) -> None:
    assert outputs.text(printed) == seen


def test_a_line_of_torch_in_a_traceback_leads_to_its_source_page() -> None:
    view = sample.tour("en")
    shown = replace(sample.recording("cpu", "cpu"), places={("torch/nn/f.py", 7): 3})
    view = replace(view, steps=(replace(view.steps[0], recordings=(shown,)), *view.steps[1:]))
    page = Page(html.tour_page(view, "../../"))
    links = [attrs["href"] for tag, attrs in page.elements if tag == "a" and "f.py" in attrs.get("href", "")]
    assert links == ["../../source/9.1.0/torch/nn/f.py.html#L3"]
    assert "torch/nn/f.py" in views.files_of(view)
    told = outputs.text("File /x/torch/nn/f.py:7, in f", lambda file, line: f"{file}?{line}")
    assert told == 'File /x/<a href="torch/nn/f.py?7">torch/nn/f.py:7</a>, in f'


@pytest.mark.parametrize("lang", LANGS)
def test_each_recording_has_its_place_and_says_what_it_is(lang: str) -> None:
    page, said = Page(html.tour_page(sample.tour(lang), "../../")), words(lang)
    picks = [attrs for tag, attrs in page.elements if tag == "input"]
    assert [pick["value"] for pick in picks] == ["cpu", "h200", "cpu"]
    assert ["checked" in pick for pick in picks] == [True, False, True]
    assert page.text.count(said.say("cell_stale")) == 1
    assert said.say("cell_label", device="CPU", torch="9.0.0") in page.text
    assert "2026-01-02" in page.text and "0.5" in page.text
    assert len(page.of("single")) == 1


def test_what_a_cell_showed_runs_nothing() -> None:
    page = Page(html.tour_page(sample.tour("en"), "../../"))
    assert not [attrs for _, attrs in page.elements if any(key.startswith("on") for key in attrs)]
    frames = [attrs for tag, attrs in page.elements if tag == "iframe"]
    assert len(frames) == 3
    for frame in frames:
        assert frame["sandbox"] == "allow-same-origin"
        assert frame["srcdoc"].startswith('<!doctype html><meta http-equiv="Content-Security-Policy"')
        assert "default-src 'none'" in frame["srcdoc"] and "script-src" not in frame["srcdoc"]
    images = [attrs["src"] for tag, attrs in page.elements if tag == "img"]
    assert len(images) == 6
    for image in images:
        assert re.fullmatch(r"data:image/(svg\+xml|png);base64,[A-Za-z0-9+/=]*", image)
    drawn = base64.b64decode(images[0].partition(",")[2]).decode()
    assert sample.HOSTILE in drawn, "as an image it is whole, and inert"
    assert "<script>alert" not in html.tour_page(sample.tour("en"), "../../")


def test_streams_cut_in_pieces_are_one() -> None:
    pieces = [{"output_type": "stream", "name": "stdout", "text": text} for text in ("5%", "\r10%", "\n")]
    assert outputs.outputs(pieces, "t", "s") == '<pre class="out-text">10%</pre>'


def test_html_stands_whole_in_its_frame() -> None:
    shown = outputs.frame('<b class="x">&amp;</b>', "t", "s")
    source = re.search(r'srcdoc="([^"]*)"', shown)
    assert source and escapes.unescape(source[1]).endswith('<b class="x">&amp;</b>')
