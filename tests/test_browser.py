"""The site in a real browser: both languages, with and without JavaScript, wide and narrow, light and dark."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from .annotations import STEPS
from .test_site import built

pytestmark = pytest.mark.browser

__all__ = ["built"]

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
LIGHT, DARK = "rgb(251, 250, 248)", "rgb(22, 24, 28)"
WIDE, TABLET, PHONE = (1440, 900), (768, 1024), (390, 844)
Open = Callable[..., Page]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture(scope="module")
def address(built: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(built))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    assert program, "these tests drive Chromium: install it"
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield found
        found.close()


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Open]:
    """Opens a page; when the test is over, nothing went elsewhere, nothing was missing, nothing complained."""
    contexts = []
    trouble: list[str] = []

    def open_page(
        path: str, size: tuple[int, int] = WIDE, script: bool = True, theme: str = "light", csp: bool = True
    ) -> Page:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, java_script_enabled=script, color_scheme=theme,
            bypass_csp=not csp,
        )  # fmt: skip
        contexts.append(context)
        page = context.new_page()
        page.trouble = trouble  # type: ignore[attr-defined]
        page.on("request", lambda r: trouble.append(r.url) if not r.url.startswith((address, "data:")) else None)
        page.on("response", lambda r: trouble.append(f"{r.status} {r.url}") if r.status >= 400 else None)
        page.on("console", lambda m: trouble.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("dialog", lambda dialog: (trouble.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.goto(address + path, wait_until="networkidle")
        if script and "/tours/mini" in path:
            page.locator(".tour-step.now").wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert trouble == []


def serious(page: Page) -> list[str]:
    """What axe-core finds that keeps somebody out."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['html'][:120]}"
        for one in found
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]


def until(page: Page, expression: str, seconds: float = 5.0) -> None:
    """Wait until it holds; Playwright's own way evaluates text in the page, which the site's policy forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"never: {expression}"
        page.wait_for_timeout(50)


LANGS = pytest.mark.parametrize("lang", ["", "/zh"], ids=["en", "zh"])
SIZES = pytest.mark.parametrize("size", [WIDE, TABLET, PHONE], ids=["wide", "tablet", "phone"])
SCRIPT = pytest.mark.parametrize("script", [True, False], ids=["js", "nojs"])


@LANGS
@SIZES
@SCRIPT
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_tour_page_reads(visit: Open, lang: str, size: tuple[int, int], script: bool, theme: str) -> None:
    page = visit(f"{lang}/tours/mini/", size, script, theme)
    assert page.locator("h1").inner_text() == ("The zh title" if lang else "The en title")
    step = page.locator('[data-step="pyinit"]')
    if script:
        page.goto(page.url + "#pyinit")
        page.locator('[data-step="pyinit"].now').wait_for()
    story, code = step.locator(".tour-story").bounding_box(), step.locator(".tour-codes").bounding_box()
    assert story and code and code["height"] > 40
    if size == WIDE:
        assert code["x"] >= story["x"] + story["width"] and (script or abs(code["y"] - story["y"]) < 30)
        assert page.locator(".tour-codes:visible").count() == (1 if script else len(STEPS))
    elif size == PHONE:
        assert code["y"] >= story["y"] + story["height"] and code["width"] <= size[0]
    assert "return initModule();" in step.locator(".line.lit:visible").nth(2).inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert background(page) == (LIGHT if theme == "light" else DARK)


def background(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


@LANGS
def test_home_leads_to_the_list_and_that_to_the_tour(visit: Open, lang: str) -> None:
    page = visit(f"{lang}/")
    page.locator(".home-all a").click()
    page.wait_for_url(f"**{lang}/tours/")
    page.locator("a.tour-card").click()
    page.wait_for_url(f"**{lang}/tours/mini/")


@LANGS
@SCRIPT
def test_a_step_leads_to_its_line(visit: Open, lang: str, script: bool) -> None:
    page = visit(f"{lang}/tours/mini/", script=script)
    page.locator('[data-step="pyinit"] .tour-where a').click()
    page.wait_for_url("**/source/9.1.0/torch/csrc/stub.c.html#L5")
    line = page.locator("#L5")
    assert "PyInit__C" in line.inner_text()
    box = line.bounding_box()
    assert box and 0 < box["y"] < WIDE[1]
    page.locator("#L5 .pass:visible").first.click()
    page.wait_for_url("**/tours/mini/#pyinit")


def test_the_switch_of_language_keeps_page_and_step(visit: Open) -> None:
    page = visit("/tours/mini/#pyinit")
    page.locator("[data-tour-language]").click()
    page.wait_for_url("**/zh/tours/mini/#pyinit")
    assert page.locator("html").get_attribute("lang") == "zh"
    page.locator("[data-tour-language]").click()
    page.wait_for_url("**/tours/mini/#pyinit")
    assert page.locator("html").get_attribute("lang") == "en"


def test_the_switch_works_without_script(visit: Open) -> None:
    page = visit("/tours/mini/", script=False)
    page.locator("[data-tour-language]").click()
    page.wait_for_url("**/zh/tours/mini/")


def test_j_and_k_walk_and_the_picture_follows(visit: Open) -> None:
    page = visit("/tours/mini/")
    for step in ("deps", "import-c", "extension"):
        page.keyboard.press("j")
        page.wait_for_url(f"**/#{step}")
        until(page, f"document.querySelector('.lane-stop[aria-current]').dataset.stop === '{step}'")
    page.keyboard.press("k")
    page.wait_for_url("**/#import-c")
    heading = page.locator("#import-c").bounding_box()
    picture = page.locator(".tour-lanes").bounding_box()
    assert heading and picture and heading["y"] >= picture["y"] + picture["height"] - 2


def test_keys_do_not_walk_while_one_types(visit: Open) -> None:
    page = visit("/tours/mini/")
    page.locator(".md-search__input").focus()
    page.keyboard.type("jjj")
    assert "#" not in page.url


@SIZES
@SCRIPT
def test_a_deep_link_shows_its_step(visit: Open, size: tuple[int, int], script: bool) -> None:
    page = visit("/tours/mini/#init-module", size, script)
    heading = page.locator("#init-module").bounding_box()
    picture = page.locator(".tour-lanes").bounding_box()
    assert heading and picture
    assert picture["y"] + picture["height"] - 2 <= heading["y"] < size[1]


def test_a_stop_of_the_picture_leads_to_its_step(visit: Open) -> None:
    page = visit("/tours/mini/")
    page.locator('.lane-stop[data-stop="manager"]').click()
    page.wait_for_url("**/#manager")
    assert page.locator('.lane-stop[data-stop="manager"] title').text_content() == "6. Step manager (Python)"


@LANGS
def test_search_finds_a_step(visit: Open, lang: str) -> None:
    page = visit(f"{lang}/")
    page.locator(".md-search__input").press_sequentially("pyinit", delay=20)
    page.locator(".md-search-result__link", has_text="pyinit").first.wait_for()


def test_hostile_text_runs_nothing(visit: Open) -> None:
    for path in (
        "/tours/mini/",
        "/source/9.1.0/torch/csrc/stub.c.html",
        "/source/9.1.0/torch/%3Cimg%20src%3Dx%20onerror%3Dboom%3E%26'.py.html",
    ):
        page = visit(path)
        assert page.locator("img[src=x]").count() == 0
        assert page.locator("script", has_text="alert(").count() == 0
        assert "alert(1)" in (page.locator("body").text_content() or "")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_source_page_reads_without_script(visit: Open, theme: str) -> None:
    page = visit("/source/9.1.0/torch/csrc/Module.cpp.html#L30", PHONE, False, theme)
    line = page.locator("#L30").bounding_box()
    assert line and 0 <= line["y"] < PHONE[1]
    passes = page.locator(".source-passes a")
    assert passes.count() >= 2 and "init-module" in passes.first.inner_text()
    assert background(page) == (LIGHT if theme == "light" else DARK)


@SCRIPT
@pytest.mark.parametrize("path", ["/", "/zh/", "/tours/", "/source/9.1.0/torch/csrc/Module.cpp.html"])
def test_no_page_is_wider_than_a_phone(visit: Open, path: str, script: bool) -> None:
    page = visit(path, PHONE, script)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_choice_of_colours_holds_in_both_languages_and_in_sources(visit: Open) -> None:
    page = visit("/tours/mini/", theme="light")
    page.locator("label[for=__palette_1]").click()
    until(page, "document.body.dataset.mdColorScheme === 'slate'")
    page.locator("[data-tour-language]").click()
    page.wait_for_url("**/zh/tours/mini/")
    assert background(page) == DARK
    page.locator('[data-step="pyinit"] .tour-where a').click()
    page.wait_for_url("**/source/**")
    assert background(page) == DARK


def test_a_source_page_speaks_the_language_of_the_reader(visit: Open) -> None:
    page = visit("/zh/tours/mini/")
    page.locator('[data-step="pyinit"] .tour-where a').click()
    page.wait_for_url("**/source/**")
    assert page.locator(".source-passes[lang=zh]").is_visible()
    assert not page.locator(".source-passes[lang=en]").is_visible()
    page.locator("#L5 .pass:visible").first.click()
    page.wait_for_url("**/zh/tours/mini/#pyinit")


def test_a_hop_that_starts_earlier_leads_back(visit: Open) -> None:
    page = visit("/tours/mini/")
    page.locator('.tour-hop:visible .back[href="#import-c"]').click()
    page.wait_for_url("**/tours/mini/#import-c")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/tours/mini/", "/source/9.1.0/torch/csrc/Module.cpp.html"])
def test_text_stands_out_from_its_ground(visit: Open, path: str, theme: str) -> None:
    page = visit(path, theme=theme)
    assert page.evaluate(FAINT) == []


FAINT = """() => {
  const linear = (v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; };
  const light = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
  const parse = (s) => {
    const n = s.match(/[\\d.]+/g).map(Number), whole = s.startsWith("color(") ? 255 : 1;
    return [n[0] * whole, n[1] * whole, n[2] * whole, n[3] ?? 1];
  };
  const over = (a, b) => [0, 1, 2].map((i) => a[i] * a[3] + b[i] * (1 - a[3]));
  const faint = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), element = walker.currentNode.parentElement;
    const aside = element.closest("script, style, svg, .md-header, .md-nav");
    if (!text || aside || !element.checkVisibility({ opacityProperty: true })) continue;
    const grounds = [];
    let opacity = 1;
    for (let at = element; at; at = at.parentElement) {
      opacity *= getComputedStyle(at).opacity;
      grounds.unshift(parse(getComputedStyle(at).backgroundColor));
    }
    const ground = grounds.reduce((below, colour) => over(colour, below), [255, 255, 255]);
    const colour = parse(getComputedStyle(element).color);
    const [a, b] = [light(over([...colour.slice(0, 3), colour[3] * opacity], ground)), light(ground)];
    if ((Math.max(a, b) + .05) / (Math.min(a, b) + .05) < 4.5) faint.push(text.slice(0, 40));
  }
  return faint;
}"""
"""What is written with a contrast below 4.5 to 1."""
