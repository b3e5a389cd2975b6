"""The press that runs a page's cells under watch: who may ask, what is answered, and what lights up."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tour import site, tours
from tour.cli.publishing import _watched
from tour.errors import TourError
from tour.resources import folder

from . import annotations
from .conftest import mini_tree
from .live_site import PYTHON, Served, running
from .test_browser import DARK, LIGHT, PHONE, WIDE, browser
from .test_live_page import STEPS, YAML
from .test_site import pages_of

__all__ = ["browser"]

expect.set_options(timeout=60_000)

SERVER = """
import sys, time
from pathlib import Path
from tour.errors import TourError
from tour.server import live

def watch(asked):
    time.sleep(float(asked.get("wait", 0)))
    if "cells" not in asked or not asked["cells"]:
        raise TourError("the code of its cells is asked for")
    if "fail" in "".join(asked["cells"].values()):
        raise TourError("no run <b>could</b> be had")
    frames = [{"name": "at::native::<f>", "at": None}, {"name": "forward", "at": "<cell second>:3"}]
    ran = list(asked["cells"])
    return {
        "steps": [
            {"id": "first", "state": "seen", "count": 3, "text": "seen 3×", "stack": frames},
            {"id": "second", "state": "not-seen", "count": 0, "text": "not seen", "stack": []},
            {"id": "gone", "state": "seen", "count": 1, "text": "seen 1×", "stack": []},
        ],
        "summary": f"{asked['lang']}: {' '.join(ran)}", "provenance": "torch 9", "notes": ["a note"], "wrong": [],
    }

live.serve(Path(sys.argv[1]), 0, lambda address: print(address, flush=True), python=sys.argv[2], gateway=None,
           cull=600, watch=watch)
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    work = tmp_path_factory.mktemp("watching")
    prose = {lang: annotations.prose(f"The {lang} title", STEPS) for lang in ("en", "zh")}
    notes = annotations.write(work / "annotations", yaml=YAML, **prose)
    tree = mini_tree("9.1.0")
    built = site.build(*pages_of(tree, work / "i.sqlite", notes), work / "site", work=work / "work")
    with running([sys.executable, "-u", "-c", SERVER, built, PYTHON], work) as found:
        yield found


ASKED = {"tour": "mini", "lang": "en", "cells": {"first": "1"}}


def test_only_a_reader_who_may_run_cells_may_ask(served: Served) -> None:
    assert served.ask("/tour/watch", "POST", {}, ASKED)[0] == 403
    assert served.ask("/tour/watch", "POST", served.login(), ASKED)[0] == 403  # a page elsewhere has no XSRF header
    status, text, headers = served.ask("/tour/watch", "POST", served.page(), ASKED)
    assert (status, headers["Cache-Control"]) == (200, "no-store")
    assert json.loads(text)["summary"] == "en: first"
    foreign = {**served.page(), "Origin": "http://evil.example"}
    assert served.ask("/tour/watch", "POST", {**foreign, "Host": "evil.example"}, ASKED)[0] == 403


@pytest.mark.parametrize(("body", "status"), [([], 400), ("x", 400), ({}, 422), ({"cells": {"a": "fail"}}, 422)])
def test_what_is_asked_wrongly_gets_a_sentence(served: Served, body: object, status: int) -> None:
    found, text, _ = served.ask("/tour/watch", "POST", served.page(), body)
    assert (found, bool(json.loads(text)["message"])) == (status, True)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"tour": "../x", "cells": {"a": "1"}, "lang": "en"},
        {"tour": "import-torch", "cells": {}, "lang": "en"},
        {"tour": "import-torch", "cells": {"a": 1}, "lang": "en"},
        {"tour": "import-torch", "cells": {"a": "1"}, "lang": "xx"},
        {"tour": ["import-torch"], "cells": {"a": "1"}, "lang": "en"},
    ],
)
def test_a_page_cannot_ask_for_anything_else(asked: dict[str, object]) -> None:
    with pytest.raises(TourError, match="are asked for"):
        _watched(None, PYTHON, asked)


def test_only_steps_with_a_cell_can_be_watched() -> None:
    told = tours.load("import-torch", folder("annotations"))
    with pytest.raises(TourError, match="no step 'nothing' with a cell"):
        tours.with_cells(told, {"nothing": "1"})
    name = next(step.id for step in told.steps if step.cell)
    cut = tours.with_cells(told, {name: "print(1)"})
    assert [(step.id, step.cell.code) for step in cut.steps if step.cell] == [(name, "print(1)")]


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Callable[..., Page]]:
    contexts = []
    trouble: list[str] = []

    def visit(lang: str = "", size: tuple[int, int] = WIDE, theme: str = "light") -> Page:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=theme)
        context.set_default_timeout(90_000)
        contexts.append(context)
        opened: Page = context.new_page()
        opened.on("console", lambda m: trouble.append(m.text) if m.type == "error" and "422" not in m.text else None)
        opened.on("pageerror", lambda error: trouble.append(str(error)))
        opened.goto(served.start)
        opened.goto(f"{served.address}/tour/{lang}tours/mini/", wait_until="networkidle")
        return opened

    yield visit
    for context in contexts:
        context.close()
    assert trouble == []


@pytest.mark.browser
@pytest.mark.parametrize("lang", ["", "zh/"])
def test_what_was_passed_lights_up(page: Callable[..., Page], lang: str) -> None:
    shown = page(lang)
    shown.locator('.tour-cell[data-cell="second"] [data-do="watch"]').click()
    told = shown.locator('.tour-cell[data-cell="second"] .cell-watched')
    expect(told).to_contain_text(f"{'zh' if lang else 'en'}: first second")
    expect(shown.locator('[data-step="first"]')).to_have_class(re_class("passed"))
    expect(shown.locator('[data-stop="first"]')).to_have_class(re_class("passed"))
    expect(shown.locator('[data-stop="second"]')).to_have_class(re_class("not-passed"))
    stack = shown.locator('[data-step="first"] details.step-passed')
    expect(stack.locator("li").first).not_to_be_visible()
    stack.locator("summary").click()
    expect(stack.locator("li").first).to_contain_text("at::native::<f>")
    shown.locator('.tour-cell[data-cell="first"] [data-do="watch"]').click()
    expect(shown.locator('.tour-cell[data-cell="first"] .cell-watched')).to_contain_text(": first")
    expect(shown.locator(".cell-watched")).to_have_count(1)


@pytest.mark.browser
@pytest.mark.parametrize(("size", "theme"), [(WIDE, LIGHT), (PHONE, DARK)])
def test_a_run_that_fails_says_why(page: Callable[..., Page], size: tuple[int, int], theme: str) -> None:
    shown = page("", size, "dark" if theme == DARK else "light")
    cell = shown.locator('.tour-cell[data-cell="last"]')
    cell.locator('[data-do="edit"]').click()
    cell.locator(".cm-content, textarea").click()  # once it is there: until then keys are the page's
    shown.keyboard.press("Control+a")
    shown.keyboard.type("fail")
    cell.locator('[data-do="watch"]').click()
    expect(cell.locator(".cell-watched")).to_have_text("It could not be watched: no run <b>could</b> be had")
    assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(cell.locator('[data-do="watch"]')).to_be_enabled()


def re_class(name: str) -> object:
    import re

    return re.compile(rf"(^|\s){name}(\s|$)")
