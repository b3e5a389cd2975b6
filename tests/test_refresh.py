"""A tour that was edited is written anew into the site that is there, and a page that shows it follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tour import site, views
from tour.errors import TourError

from . import sample_views as sample
from .test_browser import Open, address, browser, visit
from .test_reachable import well

__all__ = ["address", "browser", "visit"]


def told(title: str) -> Mapping[str, views.TourView]:
    made = {}
    for lang in ("en", "zh"):
        view = well(sample.tour(lang))
        steps = (replace(view.steps[0], title=f"{title} {lang}"), *view.steps[1:])
        made[lang] = replace(view, steps=steps)
    return made


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("refresh")
    return site.build([told("Old")], [], work / "site", work=work / "work")


@pytest.mark.browser
def test_an_edited_tour_is_written_anew_and_the_open_page_follows(visit: Open, built: Path) -> None:
    page = visit("/tours/sample/")
    expect(page.locator("#s1")).to_contain_text("Old en")
    page.wait_for_timeout(1500)  # it knows what it shows
    home = (built / "index.html").read_bytes()
    site.refresh(told("New"), built)
    expect(page.locator("#s1")).to_contain_text("New en", timeout=10_000)
    assert "New zh" in (built / "zh/tours/sample/index.html").read_text()
    assert (built / "index.html").read_bytes() == home


def test_a_tour_without_a_page_is_told(built: Path) -> None:
    other = {lang: replace(view, name="other") for lang, view in told("x").items()}
    with pytest.raises(TourError, match="no page"):
        site.refresh(other, built)
    assert not (built / "tours/other").exists()
