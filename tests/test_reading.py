"""Source pages, operator pages and the palette in a real browser: by mouse and by keyboard, in both languages."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tour import build
from tour.index import Index
from tour.library import Library
from tour.server import static
from tour.tree import Tree

from .conftest import mini_tree
from .test_browser import FAINT, PHONE, TABLET, WIDE, Open, address, browser, serious, until, visit
from .test_site import built

pytestmark = pytest.mark.browser

__all__ = ["address", "browser", "built", "visit"]

MODULE = "/source/9.1.0/torch/csrc/Module.cpp.html"
TREE = "/source/9.1.0/torch/__init__.py.html"
DECLARED = "/operators/9.1.0/aten/native_mini_norm.html"
EVIL = "/operators/9.1.0/aten/mini_evil.html"
SIZES = pytest.mark.parametrize("size", [WIDE, TABLET, PHONE], ids=["wide", "tablet", "phone"])


def in_chinese(page: Page) -> Page:
    page.evaluate("localStorage.setItem('tour-lang', 'zh')")
    page.reload(wait_until="networkidle")
    return page


def name(page: Page, text: str) -> str:
    """The selector of the first link on a name."""
    return f".source a[data-t]:text-is('{text}')"


def test_a_name_leads_to_its_definition_without_script(visit: Open) -> None:
    page = visit(TREE, script=False)
    href = page.locator(name(page, "_load_deps")).last.get_attribute("href")
    assert href and href.startswith("#L")
    page.locator(name(page, "_load_deps")).last.click()
    assert "def _load_deps" in page.locator(page.evaluate("location.hash")).inner_text()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_hovering_tells_signature_and_place(visit: Open, lang: str) -> None:
    page = visit(TREE)
    if lang == "zh":
        in_chinese(page)
    page.locator(name(page, "_load_deps")).last.hover()
    card = page.locator(".source-card")
    card.wait_for()
    assert "torch._load_deps" in card.inner_text() and "torch/__init__.py:" in card.inner_text()
    assert ("函数" if lang == "zh" else "function") in card.inner_text()
    page.mouse.move(5, 5)
    card.wait_for(state="hidden")


def test_focus_tells_the_same_and_r_opens_the_panel(visit: Open) -> None:
    page = visit(TREE)
    page.locator(name(page, "_load_deps")).last.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    page.locator(".source-card").wait_for()
    page.keyboard.press("r")
    panel = page.locator(".source-panel")
    panel.wait_for()
    panel.get_by_text("torch._load_deps").first.wait_for()
    assert page.evaluate("document.activeElement.id") == "source-panel"
    page.keyboard.press("Escape")
    panel.wait_for(state="hidden")
    assert page.evaluate("document.activeElement.textContent") == "_load_deps"


@SIZES
def test_a_definition_s_panel_tells_who_calls_it(visit: Open, size: tuple[int, int]) -> None:
    page = visit(MODULE, size)
    page.locator("#L27 a[data-d]").focus()
    page.keyboard.press("Enter")
    panel = page.locator(".source-panel")
    panel.get_by_role("heading", name="Called from").wait_for()
    caller = panel.locator("section", has_text="Called from").get_by_role("link", name="PyInit__C")
    assert caller.first.get_attribute("href").endswith("/source/9.1.0/torch/csrc/stub.c.html#L5")  # type: ignore[union-attr]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    caller.first.click()
    page.wait_for_url("**/torch/csrc/stub.c.html#L5")


def test_a_guess_looks_like_one(visit: Open) -> None:
    page = visit(TREE)
    sure = page.locator(".source a[data-t]:not([data-g])").first
    assert "dotted" not in sure.evaluate(
        "it => getComputedStyle(it).textDecorationStyle + getComputedStyle(it).textDecorationLine"
    )
    page = visit(MODULE)
    guesses = page.locator(".source a[data-g]")
    assert guesses.count() > 0
    assert guesses.first.evaluate("it => getComputedStyle(it).textDecorationStyle") == "dotted"
    assert page.locator(".source-legend .guess").first.is_visible()
    guesses.first.hover()
    page.locator(".source-card").get_by_text("≈").first.wait_for()


def test_a_tour_s_mark_leads_to_its_step(visit: Open) -> None:
    page = visit(MODULE)
    mark = page.locator(".passes .pass:visible").first
    assert "of mini" in (mark.get_attribute("title") or "")
    mark.click()
    page.wait_for_url("**/tours/mini/#*")


def type_in(page: Page, text: str) -> None:
    page.locator("dialog.palette input").wait_for()
    until(page, "!document.querySelector('.palette-status').textContent.includes('…')")
    page.keyboard.type(text)


@pytest.mark.parametrize("path", ["/tours/mini/", "/", MODULE, DECLARED])
@pytest.mark.parametrize("key", ["t", "Control+k"])
def test_the_palette_finds_a_symbol_by_keyboard_alone(visit: Open, path: str, key: str) -> None:
    page = visit(path)
    page.keyboard.press(key)
    type_in(page, "inmod")
    box = page.locator("dialog.palette input")
    assert box.get_attribute("aria-expanded") == "true"
    active = box.get_attribute("aria-activedescendant")
    assert active and "initModule" in page.locator(f"#{active}").inner_text()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    assert box.get_attribute("aria-activedescendant") == active
    page.keyboard.press("Enter")
    page.wait_for_url("**/source/9.1.0/torch/csrc/Module.cpp.html#L*")
    assert "initModule" in page.locator(page.evaluate("location.hash")).inner_text()


def test_the_palette_speaks_chinese_and_closes(visit: Open) -> None:
    page = visit("/zh/tours/mini/")
    page.keyboard.press("t")
    type_in(page, "mini_norm")
    page.locator("dialog.palette").get_by_text("算子").first.wait_for()
    page.keyboard.press("Escape")
    page.locator("dialog.palette").wait_for(state="hidden")


def test_the_palette_knows_scopes_operators_and_files(visit: Open) -> None:
    page = visit("/tours/mini/")
    page.keyboard.press("t")
    for asked, first in (
        ("Module.to", "torch.nn.module.Module.to"), ("at::native::mini_norm_cuda", "at::native::mini_norm_cuda"),
        ("csrc/stub.c", "torch/csrc/stub.c"), ("mini_sum.dim", "aten::mini_sum.dim"),
    ):  # fmt: skip
        type_in(page, "")
        page.locator("dialog.palette input").fill(asked)
        expect(page.locator("#palette-0 .palette-name")).to_have_text(first)
    page.keyboard.press("Enter")
    page.wait_for_url("**/operators/9.1.0/aten/mini_sum.html#mini_sum.dim")


def test_what_has_no_page_is_in_the_public_repository(visit: Open) -> None:
    page = visit("/tours/mini/")
    page.keyboard.press("t")
    type_in(page, "mini_norm_cuda")
    assert "↗" in page.locator("#palette-0").inner_text()


def test_keys_do_nothing_while_one_types(visit: Open) -> None:
    page = visit("/tours/mini/")
    page.locator(".md-search__input").focus()
    page.keyboard.type("tr")
    assert page.locator("dialog.palette[open]").count() == 0


def test_an_operator_s_page_tells_kernels_and_python(visit: Open) -> None:
    page = visit(DECLARED)
    text = page.locator("main").inner_text()
    assert "at::native::mini_norm_cuda" in text and "torch.native_mini_norm" in text and "HIP" in text
    assert "分派键" not in text
    assert "分派键" in in_chinese(page).locator("main").inner_text()


def test_hostile_text_runs_nothing_when_it_is_shown(visit: Open) -> None:
    page = visit(EVIL)
    assert "alert(1)" in page.locator("main").inner_text() and page.locator("img").count() == 0
    page = visit("/source/9.1.0/torch/%3Cimg%20src%3Dx%20onerror%3Dboom%3E%26'.py.html")
    page.locator(".source a[data-t]:text-is('g')").hover()
    page.locator(".source-card").get_by_text("alert(1)").wait_for()
    page.locator(".source a[data-d]", has_text=re.compile("^g$")).click()
    page.locator(".source-panel").get_by_text("alert(1)").first.wait_for()
    page.keyboard.press("t")
    type_in(page, "onerror")
    page.locator("#palette-0").wait_for()
    assert page.locator("img, .source-panel script, dialog script").count() == 0


@pytest.fixture(scope="module")
def serving(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Tree]]:
    """The built site with a library of its tree behind it."""
    tree = mini_tree("9.1.0")
    file = tmp_path_factory.mktemp("serving") / "i.sqlite"
    build.update(tree, file)
    library = Library([tree], lambda _: Index(file), built)
    handler: Callable[..., static._Files] = partial(static._Files, directory=str(built), pages=library)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", tree
        server.shutdown()
    library.close()


def test_a_file_that_was_not_built_is_read_on_demand(serving: tuple[str, Tree], browser: Browser) -> None:
    page = browser.new_page()
    trouble: list[str] = []
    page.on("response", lambda r: trouble.append(f"{r.status} {r.url}") if r.status >= 400 else None)
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.goto(f"{serving[0]}/tours/mini/", wait_until="networkidle")
    page.keyboard.press("t")
    type_in(page, "mini_norm_cuda")
    assert "↗" not in page.locator("#palette-0").inner_text()
    page.keyboard.press("Enter")
    page.wait_for_url(f"{serving[0]}/source/9.1.0/**")
    assert "mini_norm_cuda" in page.locator(page.evaluate("location.hash")).inner_text()
    page.locator(".source a[data-d]", has_text=re.compile("^mini_norm_cuda$")).first.click()
    page.locator(".source-panel").get_by_text("aten::native_mini_norm").first.wait_for()
    assert trouble == []
    page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@SIZES
@pytest.mark.parametrize("path", [MODULE, DECLARED])
def test_axe_finds_nothing_serious(visit: Open, path: str, size: tuple[int, int], theme: str) -> None:
    page = visit(path, size, theme=theme)
    if path == MODULE:
        page.locator("#L27 a[data-d]").click()
        page.locator(".source-panel h3").first.wait_for()
    assert serious(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    type_in(page, "init")
    page.locator("#palette-0").wait_for()
    assert serious(page) == []
    page.keyboard.press("Escape")
    assert page.evaluate(FAINT) == []


@pytest.mark.parametrize("path", [MODULE, DECLARED, EVIL])
def test_no_page_is_wider_than_a_phone(visit: Open, path: str) -> None:
    page = visit(path, PHONE)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
