"""A tour's page as a reader uses it: the code that follows, versions and what changed, marks, where one was, keys."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from .test_browser import PHONE, SIZES, WIDE, Open, address, browser, until, visit
from .test_site import built

pytestmark = pytest.mark.browser

__all__ = ["address", "browser", "built", "visit"]

SHIFT = """() => new Promise((done) => new PerformanceObserver((list) => done(
    list.getEntries().reduce((sum, entry) => sum + entry.value, 0))
  ).observe({ type: "layout-shift", buffered: true }) || setTimeout(() => done(0), 300))"""


def at(page: Page, step: str) -> None:
    expect(page.locator(".tour-step.now")).to_have_attribute("data-step", step)


def shown(page: Page, step: str) -> str:
    return page.locator(f'[data-step="{step}"] .tour-code:visible').inner_text()


def test_the_code_follows_the_reader(visit: Open) -> None:
    page = visit("/tours/mini/")
    page.locator("#module-to").scroll_into_view_if_needed()
    page.mouse.move(300, 500)
    for _ in range(20):
        page.mouse.wheel(0, 400)
    at(page, "module-to")
    code = page.locator(".tour-codes:visible")
    expect(code).to_have_count(1)
    box = code.bounding_box()
    assert box and box["y"] < 300
    lit = page.locator(".tour-codes:visible .line.lit").first.bounding_box()
    assert lit and box["y"] <= lit["y"] < WIDE[1]


@SIZES
def test_a_version_is_chosen_with_a_key_and_stays(visit: Open, size: tuple[int, int]) -> None:
    page = visit("/tours/mini/#manager", size)
    at(page, "manager")
    assert "_C._initExtension(_manager())" in shown(page, "manager")
    page.keyboard.press("v")
    expect(page.locator('[data-step="manager"] .tour-marks:visible')).to_contain_text("located in 9.0.0")
    assert "_C._initExtension(manager())" in shown(page, "manager")
    page.keyboard.press("k")
    at(page, "init-module")
    assert page.locator('[data-step="init-module"] [aria-pressed="true"]').inner_text() == "9.0.0"
    page.reload()
    page.locator(".tour-step.now").wait_for()
    assert "_C._initExtension(manager())" in shown(page, "manager") if size == PHONE else True
    page.keyboard.press("v")
    assert page.locator("html").get_attribute("data-shows") == "0"


@pytest.mark.parametrize("lang", ["", "/zh"], ids=["en", "zh"])
def test_what_changed_is_one_key_away(visit: Open, lang: str) -> None:
    page = visit(f"{lang}/tours/mini/#manager")
    at(page, "manager")
    page.keyboard.press("d")
    change = page.locator('[data-step="manager"] .tour-change:visible')
    expect(change).to_contain_text("9.0.0 → 9.1.0")
    assert change.locator("ins").all_inner_texts() == ["_"]
    page.keyboard.press("j")
    assert page.locator("html").get_attribute("data-shows") == "c1"
    page.keyboard.press("d")
    assert page.locator("html").get_attribute("data-shows") == "0"


def test_the_same_lines_in_the_public_repository(visit: Open) -> None:
    page = visit("/tours/mini/#pyinit")
    at(page, "pyinit")
    link = page.locator(".tour-codes:visible .public:visible").get_attribute("href")
    assert link == "https://github.com/pytorch/pytorch/blob/v9.1.0/torch/csrc/stub.c#L5-L8"


@pytest.mark.parametrize("how", ["hover", "tap", "keyboard", "nojs"])
def test_a_mark_opens_to_its_fact(visit: Open, how: str) -> None:
    page = visit("/tours/mini/#init-module", script=how != "nojs")
    mark = page.locator('[data-step="init-module"] .tour-marks:visible details.proven-exact')
    tip = mark.locator(".mark-tip")
    assert not tip.is_visible()
    if how == "hover":
        mark.locator("summary").hover()
    elif how == "keyboard":
        mark.locator("summary").focus()
        page.keyboard.press("Enter")
    else:
        mark.locator("summary").click()
    expect(tip).to_be_visible()
    expect(tip).to_contain_text("torch/csrc/stub.c:7")
    if how == "keyboard":
        page.keyboard.press("Escape")
        expect(tip).not_to_be_visible()
    elif how != "nojs":
        page.mouse.move(5, 700)
        page.locator("h1").click()
        expect(tip).not_to_be_visible()


def test_a_page_offers_to_go_on_where_one_left(visit: Open) -> None:
    page = visit("/tours/mini/")
    for _ in range(4):
        page.keyboard.press("j")
    until(page, "JSON.parse(localStorage.getItem('tour-progress') ?? '{}').mini?.number === 4")
    page.goto(page.url.replace("/tours/mini/#pyinit", "/zh/tours/mini/"))
    page.locator(".tour-continue").click()
    at(page, "pyinit")
    page.goto(page.url.split("/zh/")[0] + "/tours/")
    expect(page.locator(".tour-card progress")).to_have_attribute("value", "4")


def test_nothing_moves_while_a_page_loads(visit: Open) -> None:
    for size in (WIDE, PHONE):
        page = visit("/tours/mini/", size)
        page.evaluate("localStorage['tour-version'] = JSON.stringify({version: '9.0.0', changed: true})")
        page.evaluate("localStorage['tour-progress'] = JSON.stringify({mini: {step: 'pyinit', number: 4, of: 8}})")
        page.reload(wait_until="networkidle")
        page.locator(".tour-step.now").wait_for()
        assert page.evaluate(SHIFT) < 0.01


def test_each_step_prints_with_its_code(visit: Open) -> None:
    page = visit("/tours/mini/")
    page.emulate_media(media="print")
    assert page.locator(".tour-codes:visible").count() == page.locator(".tour-step").count()
    assert not page.locator(".tour-versions").first.is_visible()
