"""What assistive technology finds on the pages of the site: by axe-core, in both themes, wide and on a phone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tour import site
from tour.views import TourView

from . import sample_views as sample
from .test_browser import PHONE, WIDE, Open, address, browser, serious, visit

pytestmark = pytest.mark.browser

__all__ = ["address", "browser", "visit"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of a tour that has one of everything."""
    work = tmp_path_factory.mktemp("reachable")
    pages = {lang: well(sample.tour(lang)) for lang in ("en", "zh")}
    return site.build([pages], [], work / "site", work=work / "work")


def well(view: TourView) -> TourView:
    """The sample with outputs that can be shown."""
    output = {"output_type": "stream", "name": "stdout", "text": f"{'wide ' * 60}\n"}
    steps = [
        replace(step, recordings=tuple(replace(one, outputs=(output,)) for one in step.recordings))
        for step in view.steps
    ]
    return replace(view, steps=tuple(steps))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("path", ["/", "/zh/tours/", "/tours/sample/"])
def test_axe_finds_nothing_serious(visit: Open, path: str, size: tuple[int, int], theme: str) -> None:
    page = visit(path, size, theme=theme, csp=False)
    if "sample" in path:
        page.locator(".tour-step.now").wait_for()
        page.locator(".tour-marks:visible details").first.evaluate("(one) => { one.open = true; }")
    assert serious(page) == []


def test_the_keyboard_reaches_what_a_mouse_does(visit: Open) -> None:
    """Every link and button of a step takes the focus in its turn, and shows it."""
    page = visit("/tours/sample/#s2")
    page.locator('[data-step="s2"].now').wait_for()
    reached = []
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                """() => {
                  const one = document.activeElement, style = getComputedStyle(one);
                  const seen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
                  return [`${one.tagName} ${one.className}`, seen || one.matches(".lane-stop, input")];
                }"""
            )
        )
    names = " ".join(name for name, _ in reached)
    assert "tour-number" in names and "SUMMARY" in names and "PRE" in names
    assert all(seen for _, seen in reached), reached
