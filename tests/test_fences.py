"""Tours and cells in anybody's Markdown: what a fence shows and what it says when it is wrong; a team's site, built by
both generators and read in a browser."""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from markdown import Markdown
from playwright.sync_api import Browser, Page, expect

from tour import build, cells
from tour.fences import TourExtension
from tour.tree import Tree as SourceTree
from tour.tree import TreeKind, index_path

from . import annotations
from .conftest import MINI, real_tree
from .live_site import PYTHON, serve
from .test_browser import Quiet, browser, serious
from .test_html import Page as Parsed

__all__ = ["browser"]

EXAMPLE = Path(__file__).parents[1] / "examples/docs-site"
GENERATORS = ("mkdocs", "zensical")

CELLS = annotations.YAML.replace("    hop: then\n", "    hop: then\n    cell: print(1)\n").replace(
    "    hop: init\n", "    hop: init\n    cell: print(2)\n"
)
Render = Callable[..., str]


@pytest.fixture
def render(own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Render:
    """Renders Markdown beside a folder with one tour over minitorch."""
    tree = SourceTree(MINI / "9.1.0", "9.1.0", TreeKind.FOLDER)
    build.update(tree, index_path(tree))
    annotations.write(tmp_path / "ours", yaml=CELLS)
    monkeypatch.chdir(tmp_path)

    def rendered(text: str, *others: str, **options: object) -> str:
        told = {"annotations": "ours", "tree": str(MINI / "9.1.0"), **options}
        return Markdown(extensions=[*others, TourExtension(**told)]).convert(text)

    return rendered


def steps(html: str) -> list[str]:
    return [attrs["id"] for _, attrs in Parsed(html).of("embed-step")]


def test_the_extension_is_found_by_its_name() -> None:
    found = [one for one in entry_points(group="markdown.extensions") if one.name == "tour"]
    assert found and found[0].load() is TourExtension, "`pip install -e .` tells of it"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("mini", list(annotations.STEPS)),
        ("mini steps=import-c..pyinit", ["import-c", "extension", "pyinit"]),
        ("mini steps=..import-c,module-to", ["deps", "import-c", "module-to"]),
        ('mini steps="manager.."', ["manager", "init-extension", "module-to"]),
        ("  mini   steps=pyinit  ", ["pyinit"]),
    ],
)
def test_a_fence_shows_the_steps_that_it_names(render: Render, words: str, shown: list[str]) -> None:
    html = render(f"# Title\n\n```tour {words}\n```\n\nAfter.\n")
    assert steps(html) == [f"mini-{step}" for step in shown]
    assert html.startswith("<h1>Title</h1>\n<tour-embed ") and "<p>After.</p>" in html
    assert "The en title" in html


def test_a_fence_speaks_the_language_that_was_asked_for(render: Render) -> None:
    assert "The zh title" in render("```tour mini lang=zh\n```")
    html = render("```tour mini\n```\n\n```tour mini lang=en\n```", lang="zh")
    assert "The zh title" in html and "The en title" in html


@pytest.mark.parametrize("others", [(), ("fenced_code",), ("pymdownx.superfences",), ("extra", "toc")])
def test_other_extensions_of_fences_keep_theirs(render: Render, others: tuple[str, ...]) -> None:
    text = "```python\nx = 1\n```\n\n````markdown\n```tour mini\n```\n````\n\n~~~tour mini steps=pyinit\n~~~\n"
    html = render(text, *others)
    assert steps(html) == ["mini-pyinit"]
    text = Parsed(html).text
    assert text.index("x = 1") < text.index("```tour mini") < text.index("The en title")


def test_a_fence_stands_in_lists_and_boxes(render: Render) -> None:
    lists = "1. one\n\n    ```tour mini steps=deps\n    ```\n\n2. two\n\n"
    html = render(f"{lists}!!! note\n\n    ```tour mini steps=pyinit\n    ```\n", "admonition")
    assert steps(html) == ["mini-deps", "mini-2-pyinit"]
    assert re.search(r"<li>\s*<p>one</p>\s*<tour-embed", html)
    assert re.search(r'<div class="admonition note">\s*<p class="admonition-title">Note</p>\s*<tour-embed', html)


def test_a_page_has_style_and_script_once_and_none_without_a_fence(render: Render) -> None:
    html = render("```tour mini\n```\n\n```tour mini\n```\n\n```cell\nx = 1\n```\n")
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(ids) == len(set(ids)), "no id twice"
    assert html.count('<link rel="stylesheet"') == html.count("<script src=") == html.count("data-live=") == 1
    assert html.index('<link rel="stylesheet"') < html.index("embed-head")
    assert render("Nothing here, `tour mini` apart.") == "<p>Nothing here, <code>tour mini</code> apart.</p>"
    converter = Markdown(extensions=[TourExtension(annotations="ours", tree=str(MINI / "9.1.0"))])
    first = converter.convert("```tour mini\n```")
    assert converter.reset().convert("```tour mini\n```") == first, "a page does not know of the one before"


def test_headings_of_the_page_stay_as_they_are(render: Render) -> None:
    converter = Markdown(extensions=["toc", TourExtension(annotations="ours", tree=str(MINI / "9.1.0"))])
    converter.convert("# One\n\n```tour mini\n```\n\n## Two\n")
    (one,) = converter.toc_tokens  # type: ignore[attr-defined]
    assert (one["name"], [child["name"] for child in one["children"]]) == ("One", ["Two"])


def test_cells_of_the_page_and_of_a_step(render: Render) -> None:
    html = render("```cell\nprint('<b>')\n```\n\n```cell mini#extension\n```\n\n```tour mini steps=..extension\n```\n")
    found = [(attrs["data-cell"], "hidden" in attrs) for _, attrs in Parsed(html).of("tour-cell")]
    assert found == [
        ("cell-1", False), ("mini-unseen-deps", True), ("mini-extension", False),
        ("mini-2-deps", False), ("mini-2-extension", False),
    ]  # fmt: skip
    assert "<b>" not in html and "print('<b>')" in Parsed(html).text


def test_a_fence_stands_in_a_tab(render: Render) -> None:
    html = render('=== "Walk"\n\n    ```tour mini steps=deps\n    ```\n', "pymdownx.tabbed", "pymdownx.superfences")
    assert re.search(r'<div class="tabbed-content">\s*<tour-embed', html)
    assert steps(html) == ["mini-deps"]


@pytest.mark.parametrize(
    ("fence", "sentence"),
    [
        ("```tour nothing-such\n```", "there is no tour 'nothing-such'"),
        ("```tour mimi\n```", "The nearest: mini"),
        ("```tour ../etc\n```", "'../etc' is no name of a tour"),
        ("```tour\n```", "a tour fence names a tour"),
        ("```tour mini other\n```", "one name is asked for, not 2: mini other"),
        ("```tour mini\ntext\n```", "a tour fence holds no text of its own"),
        ("```tour mini steps=pyinnit\n```", "mini has no step 'pyinnit'. The nearest: pyinit"),
        ("```tour mini steps=pyinit..deps\n```", "run back"),
        ("```tour mini lang=fr\n```", "lang=fr is no language of tours. There are en and zh."),
        ("```tour mini color=red\n```", "a tour fence has no color=. There are steps, lang, tree."),
        ("```tour mini tree=0.0.1\n```", "0.0.1 is not at hand"),
        (f"```tour mini tree={MINI}/9.0.0\n```", "tour index"),
        ('```tour mini steps="a\n```', "a quotation mark is not closed"),
        ("```cell\n```", "a cell fence holds a program, or names a tour's step"),
        ("```cell mini\nx = 1\n```", "holds no program of its own"),
        ("```cell mini\n```", "a cell fence names a step, as in mini#id"),
        ("```cell mini#pyinit\n```", "step pyinit of mini has no cell. Those with one: deps, extension."),
        ("```cell mini#deps steps=a\n```", "a cell fence has no steps=. There are lang, tree."),
    ],
)
def test_what_is_wrong_is_a_sentence_in_the_page_and_a_warning(
    render: Render, caplog: pytest.LogCaptureFixture, fence: str, sentence: str
) -> None:
    with caplog.at_level(logging.WARNING):
        html = render(f"Before.\n\n{fence}\n\nAfter.\n")
    (told,) = [attrs for _, attrs in Parsed(html).of("embed-wrong")]
    assert told == {"class": "embed-wrong"} and sentence in Parsed(html).text and "<p>After.</p>" in html
    (record,) = caplog.records
    assert record.name == "mkdocs.tour" and sentence in record.message and "line 3" in record.message
    with pytest.raises(SystemExit, match=re.escape(sentence)):
        render(fence, strict=True)


def test_a_step_that_is_lost_or_elsewhere_shows_so_and_is_a_warning(
    render: Render, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    lost = CELLS.replace("py:torch.nn.module.Module.to", "py:torch.nn.module.Module.gone")
    there = '{symbol: "cpp:initModule", tree: minishapes}'
    (tmp_path / "ours/mini/tour.yaml").write_text(lost.replace('{symbol: "cpp:initModule"}', there))
    with caplog.at_level(logging.WARNING):
        text = Parsed(render("```tour mini\n```")).text
    assert "lost in 9.1.0" in text and "minishapes is not at hand" in text
    assert [record.message.partition("page: ")[2] for record in caplog.records] == [
        "step module-to of mini is lost in 9.1.0. `tour check mini` says more.",
        "steps of mini in minishapes, which has no index here: 1. `tour index minishapes` makes it.",
    ]
    with pytest.raises(SystemExit, match="module-to of mini is lost"):
        render("```tour mini\n```", strict=True)
    caplog.clear()
    render("```tour mini steps=deps\n```", strict=True)
    assert not caplog.records


def test_a_tour_that_cannot_be_read_is_told_with_its_line(render: Render, tmp_path: Path) -> None:
    (tmp_path / "ours/mini/en.md").write_text("no title\n")
    text = Parsed(render("```tour mini\n```")).text
    assert "ours/mini/en.md:1: expected the tour's title" in text


def test_annotations_that_are_nowhere_are_told(render: Render) -> None:
    assert "elsewhere is no folder" in Parsed(render("```tour mini\n```", annotations="elsewhere")).text


def test_a_fence_that_nobody_closes_is_left_to_others(render: Render) -> None:
    assert "tour-embed" not in render("```tour mini\n\nText.\n")


def test_links_to_other_tours_lead_to_the_site_that_is_named(render: Render, tmp_path: Path) -> None:
    prose = annotations.prose("T").replace("What happens in deps.", "See [it](../import-torch/#pyinit).")
    (tmp_path / "ours/mini/en.md").write_text(prose)
    assert "import-torch" not in render("```tour mini\n```")
    html = render("```tour mini steps=deps\n```", site="https://t.example/")
    assert 'href="https://t.example/tours/import-torch/#pyinit"' in html
    assert "/tours/mini/" not in html, "that site has no tours of the team's"
    html = render("```tour import-torch lang=zh steps=pyinit\n```", site="https://t.example")
    assert 'href="https://t.example/zh/tours/import-torch/#pyinit"' in html


def run(*words: str, into: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    program = [sys.executable, "-m", *words]
    return subprocess.run(program, cwd=into, env=environment, capture_output=True, text=True, timeout=300)


def built_by(generator: str, folder: Path) -> subprocess.CompletedProcess[str]:
    strict = ["--strict"] if generator == "mkdocs" else []
    return run(generator, "build", *strict, into=folder)


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The example site, built by each generator in a copy of its own."""
    tree = real_tree("2.6.0")
    build.update(tree, index_path(tree))
    made = {}
    for generator in GENERATORS:
        folder = tmp_path_factory.mktemp(generator) / "docs-site"
        shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("site", ".cache", "__pycache__"))
        done = run("tour", "index", ".", into=folder)
        assert done.returncode == 0, done.stderr
        done = built_by(generator, folder)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "tour" not in done.stderr.replace(str(folder), ""), done.stderr
        made[generator] = folder / "site"
    return made


@pytest.fixture
def visit(browser: Browser, examples: dict[str, Path]) -> Iterator[Callable[..., Page]]:
    """Opens a page of the example; afterwards nothing went elsewhere and nothing complained."""
    servers, contexts, trouble = [], [], []

    def open_page(generator: str, path: str = "", theme: str = "light", script: bool = True, width: int = 1280) -> Page:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(examples[generator])))
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=theme,
            java_script_enabled=script,  # type: ignore[arg-type]
        )
        contexts.append(context)
        page = context.new_page()
        page.on(
            "request", lambda r: trouble.append(r.url) if not r.url.startswith((address, "data:", "blob:")) else None
        )
        page.on("response", lambda r: trouble.append(f"{r.status} {r.url}") if r.status >= 400 else None)
        page.on("console", lambda m: trouble.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.goto(address + path, wait_until="networkidle")
        return page

    yield open_page
    for context in contexts:
        context.close()
    for server in servers:
        server.shutdown()
        server.server_close()
    assert trouble == []


BOTH = pytest.mark.parametrize("generator", GENERATORS)


@pytest.mark.real
@pytest.mark.browser
@BOTH
def test_a_teams_page_walks_their_tour_and_ours(visit: Callable[..., Page], generator: str) -> None:
    page = visit(generator)
    ours, theirs = (
        page.locator("tour-embed[data-tour=frozen-norm]"),
        page.locator("tour-embed[data-tour=batch-norm-cpu]"),
    )
    expect(ours.locator("#frozen-norm-freeze")).to_be_visible()
    expect(ours.locator("#frozen-norm-freeze .embed-code")).to_contain_text("def freeze(module")
    expect(ours.locator("#frozen-norm-freeze .cell-run")).to_contain_text("['Conv2d', 'BatchNorm2d']")
    expect(ours.locator(".embed-where").nth(0)).to_contain_text("acme_layers/norm.py:")
    for number in (2, 3, 4):
        ours.get_by_role("button", name="Next step").click()
        expect(ours.locator(".embed-at")).to_have_text(f"{number} / 4")
        expect(ours.locator(".embed-step:visible")).to_have_count(1)
    expect(ours.locator("#frozen-norm-functional .embed-code")).to_contain_text("def batch_norm(")
    assert "#frozen-norm-functional" in page.url
    expect(theirs.first.locator(".embed-step:visible")).to_have_count(1)
    theirs.first.locator(".embed-stops a").last.click()
    expect(theirs.first.locator("#batch-norm-cpu-kernel")).to_be_visible()
    expect(page.locator(".admonition tour-embed .embed-step")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.real
@pytest.mark.browser
@BOTH
def test_a_tour_follows_the_themes_switch(visit: Callable[..., Page], generator: str) -> None:
    page = visit(generator)
    tone = "document.querySelector('tour-embed').style.colorScheme"
    lit = "getComputedStyle(document.querySelector('tour-embed .lit')).backgroundColor"
    assert page.evaluate(tone) == "light"
    light = page.evaluate(lit)
    page.locator("label[title=Dark]").click()
    page.wait_for_function(f"{tone} === 'dark'")
    assert page.evaluate(lit) != light
    assert visit(generator, theme="dark").evaluate(tone) == "dark"


@pytest.mark.real
@pytest.mark.browser
@BOTH
def test_a_page_reads_without_script_on_a_phone_and_in_chinese(visit: Callable[..., Page], generator: str) -> None:
    page = visit(generator, "zh/", script=False)
    expect(page.locator(".embed-step:visible")).to_have_count(2)
    expect(page.locator("tour-embed").first).to_contain_text("共 4 步中的 2 步")
    phone = visit(generator, width=390)
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    cell = visit(generator, "norms/")
    expect(cell.locator(".tour-cell:visible")).to_have_count(2)
    expect(cell.locator(".cell-tools:visible")).to_have_count(0)
    expect(cell.locator(".cell-run:visible")).to_have_count(1)


@pytest.mark.real
@pytest.mark.browser
@BOTH
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_we_put_into_the_page_keeps_nobody_out(visit: Callable[..., Page], generator: str, theme: str) -> None:
    page = visit(generator, theme=theme)
    page.evaluate("for (const other of document.querySelectorAll('header, nav.md-nav, footer')) other.remove()")
    assert [found for found in serious(page) if "tour" in found or "embed" in found or "cell" in found] == []


@pytest.mark.real
@pytest.mark.parametrize("generator", GENERATORS)
def test_a_wrong_fence_warns_and_where_one_asks_ends_the_build(
    examples: dict[str, Path], generator: str, tmp_path: Path
) -> None:
    folder = tmp_path / "docs-site"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("site", ".cache", "__pycache__"))
    (folder / "docs/index.md").write_text("# x\n\n```tour frozen-nrom\n```\n")
    sentence = "there is no tour 'frozen-nrom'. The nearest: frozen-norm"
    done = run(generator, "build", into=folder)
    assert done.returncode == 0 and sentence in done.stderr
    assert "frozen-nrom" in (folder / "site/index.html").read_text()
    if generator == "mkdocs":
        done = built_by("mkdocs", folder)
        assert done.returncode == 1 and sentence in done.stderr
        assert re.search(r"Aborted with \d warnings in strict mode", done.stdout + done.stderr)
    config = folder / "mkdocs.yml"
    config.write_text(config.read_text().replace("  - tour:\n", "  - tour:\n      strict: true\n"))
    shutil.rmtree(folder / ".cache", ignore_errors=True)
    done = run(generator, "build", into=folder)
    assert done.returncode == 1 and f"tour: `tour frozen-nrom`, line 3 of its page: {sentence}" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.real
def test_the_examples_own_tour_holds(examples: dict[str, Path]) -> None:
    done = run("tour", "check", "annotations/frozen-norm", into=examples["mkdocs"].parent)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 of 4 steps located; hops: 2 exact" in done.stdout


@pytest.mark.real
@pytest.mark.browser
@BOTH
def test_cells_run_where_tour_serve_shows_the_site(
    generator: str, browser: Browser, examples: dict[str, Path], torch_of: Callable[[str], cells.Runner], tmp_path: Path
) -> None:
    torch_of("2.13.0")
    with serve(examples[generator], tmp_path / "server", python=PYTHON) as served:
        page = browser.new_page()
        page.goto(served.start)
        page.goto(f"{served.address}/tour/norms/")
        first = page.locator(".tour-cell[data-cell=cell-1]")
        first.get_by_role("button", name="Run", exact=True).click(timeout=30_000)
        expect(first.locator(".outs")).to_contain_text("tensor(0., grad_fn=<MeanBackward0>)", timeout=60_000)
        step = page.locator(".tour-cell[data-cell=batch-norm-cpu-norm-base]")
        step.get_by_role("button", name="Run", exact=True).click()
        expect(step.locator(".cell-run:visible .cell-when")).to_contain_text("torch 2.13.0", timeout=60_000)
        expect(page.locator(".tour-kernel")).to_be_visible()
        page.close()
