"""A tour in somebody's frame: a page that needs nothing, tells its height and follows the host; oEmbed for links."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser, Page, expect

import tour
from tour import build, cli, site
from tour.errors import TourError
from tour.render import embed, oembed
from tour.tree import index_path
from tour.views import TourView

from . import sample_views as sample
from .conftest import real_tree
from .test_browser import DARK, LIGHT, Quiet, browser, serious
from .test_html import LANGS
from .test_html import Page as Parsed
from .test_reachable import well

__all__ = ["browser"]

URL = "https://docs.example.org/tour/"


def view(lang: str = "en") -> TourView:
    """The sample, whose prose leads to a step of its own and to another tour."""
    made = sample.tour(lang)
    first = replace(
        made.steps[1], prose="See [the first](#s1), [the third](#s3), [another](../other/#x), [it](../other/)."
    )
    return replace(made, steps=(made.steps[0], first, *made.steps[2:]))


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ([], "s1 s2 s3 s4 s5 s6 s7"),
        (["s3"], "s3"),
        (["s5", "s2"], "s2 s5"),
        (["s2..s4"], "s2 s3 s4"),
        (["..s2", "s6.."], "s1 s2 s6 s7"),
        ([".."], "s1 s2 s3 s4 s5 s6 s7"),
    ],
)
def test_steps_are_asked_for_by_name_and_by_range(asked: list[str], ids: str) -> None:
    assert [step.id for step in embed.stretch(view(), asked)] == ids.split()


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("s9", "sample has no step 's9'"),
        ("s4..s2", "has s2 before s4"),
        ("s1..x9", "no step 'x9'"),
        ("3", "no step '3'"),
    ],
)
def test_a_step_that_is_not_there_is_told(asked: str, sentence: str) -> None:
    with pytest.raises(TourError, match=re.escape(sentence)):
        embed.part(view(), [asked])


@pytest.mark.parametrize("lang", LANGS)
def test_a_page_needs_nothing_and_hostile_text_stays_text(lang: str) -> None:
    text = embed.page(view(lang))
    page = Parsed(text)
    assert not [
        attrs for tag, attrs in page.elements if tag in {"link", "iframe"} or attrs.get("src", "data:")[:5] != "data:"
    ]
    assert not [key for _, attrs in page.elements for key in attrs if key.startswith("on")]
    assert [tag for tag, _ in page.elements].count("script") == 1
    assert sample.HOSTILE in page.text
    rule = next(attrs["content"] for tag, attrs in page.elements if attrs.get("http-equiv"))
    assert rule.startswith("default-src 'none'; ") and "unsafe" not in rule and "'self'" not in rule
    for tag in ("script", "style"):
        inside = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert inside is not None
        assert base64.b64encode(hashlib.sha256(inside[1].encode()).digest()).decode() in rule


def test_every_step_has_its_marks_code_and_cell_and_all_that_follows_them() -> None:
    page = Parsed(embed.page(view()))
    assert [attrs["id"] for attrs in (found[1] for found in page.of("embed-step"))] == [f"s{n}" for n in range(1, 8)]
    assert len(page.of("embed-code")) == 5 and len(page.of("tour-cell")) == 2 and len(page.of("embed-hop")) == 6
    for state in ("exact", "former", "moved", "changed", "lost", "absent"):
        assert page.of(f"mark-{state}")
    assert "Why s1?" in page.text and "Go on." in page.text
    alone = Parsed(embed.page(view(), ["s2"]))
    assert not alone.of("embed-nav") and "Go on." not in alone.text and "1 of 7 steps" in alone.text


def test_links_lead_to_what_is_shown_or_to_where_one_said() -> None:
    def links(text: str) -> list[str]:
        return [attrs["href"] for tag, attrs in Parsed(text).elements if tag == "a" and "class" not in attrs]

    setting = embed.Setting("p-", lambda name, step: f"/t/{name}#{step}" if name == "other" else None)
    asked = links(embed.part(view(), ["s1..s2"], setting))
    assert [link for link in asked if "//" not in link] == ["#p-s1", "#p-s1", "/t/other#x", "/t/other#None"]
    assert not [link for link in links(embed.part(view(), ["s2"])) if "//" not in link]
    other = replace(view(), name="other")
    together = links(embed.embed(view(), {"sample": view(), "other": other}))
    assert {"#s1", "#s3", "other.en.html#x", "other.en.html"} <= set(together)


def test_cells_that_others_go_on_from_are_there_unseen() -> None:
    def shown(made: str) -> list[tuple[str, bool]]:
        return [(attrs["data-cell"], "hidden" in attrs) for _, attrs in Parsed(made).of("tour-cell")]

    runs = embed.Setting("p-", runs=True)
    assert shown(embed.part(view(), ["s2"], runs)) == [("p-unseen-s1", True), ("p-s2", False)]
    assert shown(embed.part(view(), ["s2"])) == [("s2", False)]
    assert shown(embed.part(view(), ["s2"], replace(runs, present={"s1"}))) == [("p-s2", False)]
    assert shown(embed.cell(view(), "s2", runs)) == [("p-unseen-s1", True), ("p-s2", False)]
    with pytest.raises(TourError, match="step s3 of sample has no cell"):
        embed.cell(view(), "s3", runs)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site that knows its address."""
    work = tmp_path_factory.mktemp("embed")
    pages = {lang: replace(well(view(lang)), name="sample") for lang in LANGS}
    return site.build([pages], [], work / "site", work=work / "work", url=URL)


@pytest.mark.parametrize("lang", LANGS)
def test_a_link_to_a_tour_or_a_step_unfolds(published: Path, lang: str) -> None:
    at = published / "zh" if lang == "zh" else published
    home = f"{URL}zh/" if lang == "zh" else URL
    pages = [(at / "tours/sample/index.html", None)]
    pages += [(at / f"tours/sample/{step.id}/index.html", step.id) for step in view().steps]
    for page, step in pages:
        (link,) = [attrs for tag, attrs in Parsed(page.read_text()).elements if attrs.get("type") == oembed.TYPE]
        assert link["rel"] == "alternate" and link["href"].startswith(home) and link["title"]
        told = json.loads((published / link["href"].removeprefix(URL)).read_text())
        assert (told["version"], told["type"]) == ("1.0", "rich")
        assert isinstance(told["width"], int) and isinstance(told["height"], int) and told["title"] in link["title"]
        ((tag, frame),) = Parsed(told["html"]).elements
        parts = urlsplit(frame["src"])
        assert tag == "iframe" and frame["src"].startswith(f"{home}embed/sample.html")
        assert (published / parts.path.removeprefix("/tour/")).is_file()
        assert parts.query == (f"step={step}" if step else "")
        assert frame["width"] == str(told["width"]) and frame["height"] == str(told["height"])


def test_a_steps_door_leads_to_the_step(published: Path) -> None:
    door = Parsed((published / "tours/sample/s3/index.html").read_text())
    assert [attrs["content"] for _, attrs in door.elements if attrs.get("http-equiv") == "refresh"] == ["0;url=../#s3"]
    assert "Step 3" in door.text


def test_a_site_without_an_address_promises_nothing(tmp_path: Path) -> None:
    pages = {lang: well(view(lang)) for lang in LANGS}
    built = site.build([pages], [], tmp_path / "site", work=tmp_path / "work")
    assert (built / "embed/sample.html").is_file() and (built / "zh/embed/sample.html").is_file()
    assert not list(built.rglob("oembed.json")) and "oembed" not in (built / "tours/sample/index.html").read_text()
    edited = {lang: replace(one, title=f"New {lang}") for lang, one in pages.items()}
    site.refresh(edited, built)
    assert "New zh" in (built / "zh/embed/sample.html").read_text()


@pytest.mark.parametrize("url", ["docs.example.org", "ftp://x/", "https://", "https://x/?a=1", "https://x/#a"])
def test_an_address_that_no_wiki_can_ask_is_refused(url: str) -> None:
    done = CliRunner().invoke(cli.main, ["build", "--url", url])
    assert done.exit_code == 2 and "is no address such as https://" in done.output


HOST = """<!doctype html><meta charset="utf-8"><title>A wiki</title>
<iframe src="{frame}" title="A tour" width="100%" height="100" style="border:0"{more}></iframe>
<script>
window.heard = [];
addEventListener("message", (event) => {{
  for (const frame of document.querySelectorAll("iframe")) {{
    if (frame.contentWindow !== event.source || event.data?.type !== "tour:height") continue;
    frame.height = event.data.height;
    heard.push(event.data);
  }}
}});
</script>"""
"""What the README tells hosts to write."""


@pytest.fixture(scope="module")
def servers(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, Path]]:
    """The site, and a host of another origin with its folder."""
    folder = tmp_path_factory.mktemp("host")
    made = [ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(one))) for one in (published, folder)]
    for server in made:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    theirs, host = (f"http://127.0.0.1:{server.server_port}" for server in made)
    yield theirs, host, folder
    for server in made:
        server.shutdown()
        server.server_close()


@pytest.fixture
def hosted(browser: Browser, servers: tuple[str, str, Path]) -> Iterator[Callable[..., Page]]:
    """Opens a host's page with a frame on a page of the site; afterwards nothing complained."""
    theirs, host, folder = servers
    contexts, trouble = [], []

    def visit(query: str = "", theme: str = "light", width: int = 900, more: str = "") -> Page:
        frame = f"{theirs}/embed/sample.html{query}"
        (folder / "index.html").write_text(HOST.format(frame=frame, more=more))
        context = browser.new_context(color_scheme=theme, viewport={"width": width, "height": 700})  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: trouble.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.route("**/favicon.ico", lambda route: route.fulfill(status=204))
        page.goto(f"{host}/index.html")
        page.wait_for_function("heard.length > 0")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert trouble == []


def inside(page: Page, script: str) -> object:
    return page.frames[1].evaluate(script)


GROUND = "getComputedStyle(document.documentElement).backgroundColor"


@pytest.mark.browser
@pytest.mark.parametrize("width", [900, 380], ids=["wide", "phone"])
def test_the_host_hears_the_height_whenever_it_changes(hosted: Callable[..., Page], width: int) -> None:
    page = hosted(width=width)
    frame = page.frame_locator("iframe")

    def fits() -> None:
        page.wait_for_function("document.querySelector('iframe').height == heard.at(-1).height")
        assert inside(page, "document.documentElement.scrollHeight <= innerHeight && scrollX === 0"), (
            "nothing is cut off"
        )
        assert inside(page, "document.documentElement.scrollWidth <= innerWidth")

    fits()
    first = page.evaluate("heard.at(-1)")
    assert (first["tour"], first["step"]) == ("sample", "s1")
    frame.get_by_role("button", name="Next step").click()
    page.wait_for_function("heard.at(-1).step === 's2'")
    expect(frame.locator("#s2")).to_be_visible()
    expect(frame.locator("#s1")).to_be_hidden()
    expect(frame.locator(".embed-at")).to_have_text("2 / 7")
    fits()
    frame.locator(".embed-stops a").nth(5).click()
    expect(frame.locator("#s6")).to_be_visible()
    frame.locator(".embed-stops a").nth(5).press("ArrowRight")
    expect(frame.locator("#s7")).to_be_visible()
    expect(frame.get_by_role("button", name="Next step")).to_be_disabled()
    frame.locator("summary").first.click()
    fits()


@pytest.mark.browser
def test_a_sandboxed_frame_walks_as_well(hosted: Callable[..., Page]) -> None:
    page = hosted(more=' sandbox="allow-scripts"')
    frame = page.frame_locator("iframe")
    frame.get_by_role("button", name="Next step").click()
    expect(frame.locator("#s2")).to_be_visible()
    page.wait_for_function("heard.at(-1).step === 's2'")


@pytest.mark.browser
def test_the_frame_follows_the_theme(hosted: Callable[..., Page]) -> None:
    assert inside(hosted(theme="light"), GROUND) == LIGHT
    assert inside(hosted(theme="dark"), GROUND) == DARK
    assert inside(hosted("?theme=light", theme="dark"), GROUND) == LIGHT
    page = hosted("?theme=dark", theme="light")
    assert inside(page, GROUND) == DARK
    assert inside(page, "document.querySelector('tour-embed').style.colorScheme") == "dark"
    for theme, ground in (("light", LIGHT), ("dark", DARK), ("auto", LIGHT), ({"x": 1}, LIGHT)):
        page.evaluate("(theme) => frames[0].postMessage({type: 'tour:theme', theme}, '*')", theme)
        page.frames[1].wait_for_timeout(50)
        assert inside(page, GROUND) == ground, theme
    inside(page, "window.postMessage({type: 'tour:theme', theme: 'dark'}, '*')")
    page.frames[1].wait_for_timeout(50)
    assert inside(page, GROUND) == LIGHT, "only the host says so"


@pytest.mark.browser
def test_a_frame_may_show_one_step(hosted: Callable[..., Page]) -> None:
    page = hosted("?step=s3&theme=dark")
    frame = page.frame_locator("iframe")
    expect(frame.locator(".embed-step")).to_have_count(1)
    expect(frame.locator("#s3")).to_be_visible()
    expect(frame.locator(".embed-nav")).to_have_count(0)
    assert page.evaluate("heard.at(-1).step") == "s3"
    whole = hosted("?step=nowhere")
    expect(whole.frame_locator("iframe").locator(".embed-step")).to_have_count(7)
    deep = hosted("#s4").frame_locator("iframe")
    expect(deep.locator("#s4")).to_be_visible()
    expect(deep.locator("#s1")).to_be_hidden()


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("at", ["", "zh/"])
def test_the_page_alone_reads_with_and_without_script(
    browser: Browser, servers: tuple[str, str, Path], theme: str, at: str
) -> None:
    for script in (True, False):
        context = browser.new_context(java_script_enabled=script, color_scheme=theme)  # type: ignore[arg-type]
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto(f"{servers[0]}/{at}embed/sample.html")
        expect(page.locator(".embed-step").last).to_be_visible(visible=not script)
        expect(page.locator(".embed-nav")).to_be_visible(visible=script)
        assert len([url for url in asked if not url.startswith("data:") and "favicon" not in url]) == 1
        context.close()
    context = browser.new_context(color_scheme=theme, bypass_csp=True)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{servers[0]}/{at}embed/sample.html")
    assert serious(page) == []
    context.close()


@pytest.mark.real
def test_tours_of_ours_are_exported_whole_and_in_part() -> None:
    tree = real_tree("2.6.0")
    build.update(tree, index_path(tree))
    files = tour.export(["module-call", "batch-norm-cpu"], tree, "embed")
    assert sorted(files) == [f"{name}.{lang}.html" for name in ("batch-norm-cpu", "module-call") for lang in LANGS]
    for name, text in files.items():
        told = tour.trace(name.partition(".")[0], tree)
        assert len(Parsed(text).of("embed-step")) == len(told.steps)
        for link in re.findall(r'href="(?!https:|#)([^"#]*)', text):
            assert link in files, link
    one = tour.export(["batch-norm-cpu"], tree, "embed", ["zh"], ["kernel"])
    assert list(one) == ["batch-norm-cpu.kernel.zh.html"]
    with pytest.raises(TourError, match="a markdown holds a whole tour"):
        tour.export(["module-call"], tree, "markdown", ["en"], ["x"])
