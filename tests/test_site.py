"""The site as files: what it holds, that hostile text is inert, and that a failed build leaves the old site."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit
from xml.etree import ElementTree

import pytest

import tour
from tour import build, repository, site, stock, tours, views
from tour.errors import TourError
from tour.index import Index
from tour.model import At
from tour.render import html, lanes, places, source_page
from tour.render.words import words
from tour.resources import folder
from tour.tree import Tree, TreeKind

from . import annotations
from . import sample_views as sample
from .conftest import MINI, mini_tree

HOSTILE = "</script></code></pre><script>alert(1)</script><img src=x onerror=alert(2)>"
Pages = tuple[list[Mapping[str, views.TourView]], list[stock.Stock]]


def pages_of(tree: Tree, index_file: Path, annotations_folder: Path, *others: Tree) -> Pages:
    with ExitStack() as stack:
        opened = []
        for number, one in enumerate((tree, *others)):
            file = index_file.with_name(f"{number}-{index_file.name}")
            build.update(one, file)
            opened.append((one, stack.enter_context(Index(file))))
        told = [tours.load(name, annotations_folder) for name in tours.names(annotations_folder)]
        pages, stocks = tour.pages(told, opened, operators="all")
        return pages, [held.whole() for held in stocks]


def hostile_tree(into: Path) -> Tree:
    """minitorch whose comments, strings, a symbol's neighbourhood and a file's name try to break out of a page."""
    root = Path(shutil.copytree(MINI / "9.1.0", into))
    stub = root / "torch/csrc/stub.c"
    stub.write_text(stub.read_text().replace("return initModule();", f'return initModule(); // {HOSTILE} "]]>'))
    nasty = root / "torch/<img src=x onerror=boom>&'.py"
    nasty.write_text(
        f"# {HOSTILE}\ndef f():\n    '''{HOSTILE}'''\n\n\ndef g(x={HOSTILE!r}):\n    return f()\n\n\ng()\n"
    )
    declared = root / "aten/src/ATen/native/native_functions.yaml"
    evil = f'\n- func: mini_evil(Tensor self, str x="{HOSTILE}") -> Tensor  # {HOSTILE}\n  variants: function\n'
    declared.write_text(declared.read_text() + evil)
    return Tree(root, "9.1.0", TreeKind.FOLDER)


PATH = """\
paths:
  - id: both
    title: {en: Both, zh: 两程}
    for: {en: "Who reads `mini`.", zh: 给读 `mini` 的人。}
    tours:
      - {tour: mini, why: {en: En route, zh: 路上}}
      - {tour: import-torch, why: {en: Not built here, zh: 此处没有}}
"""


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of one tour over the hostile tree, and over the version before."""
    work = tmp_path_factory.mktemp("site")
    yaml = annotations.YAML.replace(
        'anchor: {symbol: "py:torch.nn.module.Module.to"}',
        'anchor: {symbol: "py:torch.<img src=x onerror=boom>&\'.f"}',
    )
    folder = annotations.write(work / "annotations", yaml=yaml)
    (folder / "path.yaml").write_text(PATH)
    with repository.taken(folder):
        pages = pages_of(hostile_tree(work / "tree"), work / "i.sqlite", folder, mini_tree("9.0.0"))
    return site.build(*pages, work / "site", work=work)


class Links(HTMLParser):
    """The ids, links and elements of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.elements: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        for key, value in attrs:
            if key == "id" and value:
                self.ids.add(value)
            if key in {"href", "src"} and value and tag != "base":
                self.links.append(value)
            if key.startswith("on"):
                self.handlers.append(f"{tag} {key}")


def test_every_page_is_there(built: Path) -> None:
    for page in ("", "tours/", "tours/mini/", "zh/", "zh/tours/", "zh/tours/mini/"):
        assert (built / page / "index.html").is_file(), page
    assert (built / "source/9.1.0/torch/csrc/stub.c.html").is_file()
    assert "The zh title" in (built / "zh/tours/mini/index.html").read_text()
    assert not list(built.glob("zh/source"))


def test_a_page_for_a_frame_shows_each_step_once(built: Path) -> None:
    for at in ("embed/mini.html", "zh/embed/mini.html"):
        text = (built / at).read_text()
        assert text.count('<article class="embed-step') == len(annotations.STEPS)
        assert text.count('<p class="embed-marks"') == len(annotations.STEPS)
        assert text.count('<figure class="embed-code"') == text.count("located in 9.1.0") + text.count(
            "在 9.1.0 中定位"
        )


def dead_links(built: Path) -> list[tuple[Path, str]]:
    pages = {page: Links(page.read_text()) for page in built.rglob("*.html") if page.name != "404.html"}
    dead = []
    for page, found in pages.items():
        base = f"http://site/{quote(page.relative_to(built).as_posix())}"
        for link in found.links:
            parts = urlsplit(urljoin(base, link))
            if parts.netloc != "site":
                continue
            target = built / unquote(parts.path).lstrip("/")
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                dead.append((page.relative_to(built), link))
            elif parts.fragment and target in pages and not parts.fragment.startswith("__"):
                missing = unquote(parts.fragment) not in pages[target].ids
                dead += [(page.relative_to(built), link)] if missing else []
    return dead


def test_no_link_and_no_anchor_is_dead(built: Path) -> None:
    assert dead_links(built) == []


@pytest.mark.parametrize("file", [sample.FILE, ".github/scripts/x.cpp", "index.cpp", "README.md"])
def test_a_file_of_any_name_has_its_page(file: str, tmp_path: Path) -> None:
    pages = [{lang: renamed(sample.tour(lang), file) for lang in ("en", "zh")}]
    held = stock.of_views([replace(sample.source(), file=file)])
    out = site.build(pages, held, tmp_path / "site", work=tmp_path / "work")
    assert (out / places.source_address("9.1.0", file)).is_file()
    assert dead_links(out) == []


def renamed(view: views.TourView, file: str) -> views.TourView:
    """The sample with all that it shows in another file."""
    steps = [
        replace(
            step,
            file=step.file and file,
            hop=step.hop
            and replace(
                step.hop,
                at=step.hop.at and At(file, step.hop.at.line),
                links=tuple(link._replace(at=At(file, link.at.line)) for link in step.hop.links),
            ),
        )
        for step in view.steps
    ]
    return replace(view, steps=tuple(steps))


def test_nothing_comes_from_elsewhere(built: Path) -> None:
    """No page loads anything from another host; words that name one as a link are the theme's credit alone."""
    for page in built.rglob("*.html"):
        loaded = re.findall(r"<(?:script|img|iframe|link)[^>]+(?:src|href)=[\"']?(https?:)?//", page.read_text())
        assert loaded == [], page


def test_hostile_text_is_inert(built: Path) -> None:
    for page in [built / "tours/mini/index.html", built / "zh/tours/mini/index.html", *built.glob("source/**/*.html")]:
        text = page.read_text()
        assert "<script>alert" not in text and "<img src=x" not in text, page
        found = Links(text)
        assert found.handlers == []
        assert "alert(" in text or "source" in str(page)
    assert "&lt;script&gt;alert(1)" in (built / "tours/mini/index.html").read_text()
    nasty = [page for page in built.glob("source/9.1.0/torch/*.html") if "img src" in page.name]
    assert len(nasty) == 1 and "&lt;img src=x" in nasty[0].read_text()


def test_the_search_of_each_language_finds_its_steps(built: Path) -> None:
    for lang in ("", "zh/"):
        index = (built / f"{lang}search/search_index.json").read_text()
        assert "Step <code>pyinit</code>" in index
        assert "tours/mini/#pyinit" in index
        assert "source/9.1.0" not in index


def test_a_failed_build_leaves_the_old_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "site"
    (out / site.OURS).parent.mkdir(parents=True)
    (out / site.OURS).write_text("")
    (out / "index.html").write_text("old")
    (out / ".gitignore").write_text("*\n")

    def fail(*_: object) -> None:
        raise TourError("MkDocs found fault")

    monkeypatch.setattr(site, "_mkdocs", fail)
    with pytest.raises(TourError):
        site.build([], [], out, work=tmp_path / "work")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["site", "work"]
    assert not list((tmp_path / "work").iterdir())
    assert (out / "index.html").read_text() == "old"


@pytest.mark.parametrize("theirs", ["thesis.txt", "index.html", "assets/photo.jpg"])
def test_a_folder_of_other_files_is_left_alone(theirs: str, tmp_path: Path) -> None:
    out = tmp_path / "site"
    (out / theirs).parent.mkdir(parents=True, exist_ok=True)
    (out / theirs).write_text("precious")
    with pytest.raises(TourError, match="would take their place"):
        site.build([], [], out, work=tmp_path / "work")
    assert (out / theirs).read_text() == "precious"


def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file/site"):
        with pytest.raises(TourError):
            site.build([], [], out, work=tmp_path / "work")
    assert (tmp_path / "file").read_text() == ""


def test_the_old_site_comes_back_when_the_new_one_cannot_take_its_place(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/index.html").write_text("old")
    with pytest.raises(OSError):
        site._swap(tmp_path / "missing", tmp_path / "site")
    assert (tmp_path / "site/index.html").read_text() == "old"


def test_a_built_site_is_replaced_and_keeps_its_docs_for_mkdocs(tmp_path: Path) -> None:
    for _ in range(2):
        site.build([], [], tmp_path / "site", work=tmp_path / "work")
    assert (tmp_path / "work/docs/en/index.md").is_file() and (tmp_path / "work/docs/zh/index.md").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["site", "work"]


def test_what_mkdocs_warns_of_is_an_error(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "index.md").write_text("# Home\n\n[dead](nowhere.md)\n")
    with pytest.raises(TourError, match="nowhere"):
        site._mkdocs(folder("mkdocs.yml"), docs, tmp_path / "site")


def test_a_gitignore_in_the_site_stays(built: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    out.mkdir()
    (out / ".gitignore").write_text("*\n")
    site.build([], [], out, work=tmp_path / "work")
    assert (out / ".gitignore").read_text() == "*\n" and (out / "index.html").is_file()


def keys(table: Mapping[str, Any], prefix: str = "") -> set[str]:
    return {
        name
        for key, value in table.items()
        for name in (keys(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}"})
    }


def test_both_languages_have_every_word() -> None:
    with (folder("templates") / "words.toml").open("rb") as file:
        table = tomllib.load(file)
    assert keys(table["en"]) == keys(table["zh"])
    for key in keys(table["en"]):
        english, chinese = table["en"], table["zh"]
        for part in key.split("."):
            english, chinese = english[part], chinese[part]
        assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", chinese)), key


def test_every_word_is_used() -> None:
    with (folder("templates") / "words.toml").open("rb") as file:
        table = tomllib.load(file)
    sources = [*Path(html.__file__).parent.glob("*.py"), *folder("templates").rglob("*.html"), Path(site.__file__)]
    text = "".join(source.read_text() for source in sources)
    unused = [
        key
        for key in table["en"]
        if not isinstance(table["en"][key], dict) and f'"{key}"' not in text and f"'{key}'" not in text
    ]
    assert unused == []


def test_the_lane_picture_is_well_formed(mini: tuple[Tree, Index], tmp_path: Path) -> None:
    tree, index = mini
    told = tours.load("mini", annotations.write(tmp_path))
    for lang in ("en", "zh"):
        view = views.tour_view(told, tree, index, lang)
        picture = ElementTree.fromstring(lanes.svg(view, words(lang)))
        stops = list(picture.iter("a"))
        assert [stop.get("href") for stop in stops] == [f"#{step.id}" for step in view.steps]
        assert all(stop.find("title") is not None for stop in stops)
        names = {text.text for text in picture.iter("text")}
        assert words(lang).lane(view.steps[0].lane) in names


@pytest.mark.parametrize("text", ["", "a\n", "a\n\n", "'''\n'''\n", "a\r\nb\rc", "\0\n"])
@pytest.mark.parametrize("lang", ["python", "c", "cpp", "cuda", "operators"])
def test_highlighted_lines_are_as_many_as_the_source_has(text: str, lang: str) -> None:
    from tour.model import Lang
    from tour.render import source

    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = source.lines(text, Lang(lang))
    assert len(lines) == plain.count("\n") + 1
    for line in lines:
        assert line.count("<span") == line.count("</span>")


def test_a_source_page_numbers_every_line(built: Path) -> None:
    page = Links((built / "source/9.1.0/torch/csrc/Module.cpp.html").read_text())
    lines = (MINI / "9.1.0/torch/csrc/Module.cpp").read_text().count("\n")
    assert {f"L{number}" for number in range(1, lines + 1)} == {found for found in page.ids if found.startswith("L")}


def test_both_languages_have_the_same_steps(built: Path) -> None:
    steps: list[list[str]] = []
    for lang in ("", "zh/"):
        page = (built / f"{lang}tours/mini/index.html").read_text()
        steps.append(re.findall(r'data-step="([\w-]+)"', page))
    assert steps[0] == steps[1] == list(annotations.STEPS)


def test_a_source_page_made_of_the_same_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    view = sample.source(20)
    pages = [{lang: sample.tour(lang) for lang in ("en", "zh")}]
    made: list[str] = []
    page = source_page.source_page

    def counted(view: views.SourceView, *rest: Any) -> str:
        made.append(view.file)
        return page(view, *rest)

    monkeypatch.setattr(source_page, "source_page", counted)
    once = site.build(pages, stock.of_views([view]), tmp_path / "site", work=tmp_path / "work")
    file = once / places.source_address("9.1.0", view.file)
    first = file.read_text()
    site.build(pages, stock.of_views([view]), tmp_path / "site", work=tmp_path / "work")
    assert made == [view.file] and file.read_text() == first
    changed = replace(view, text=view.text.replace("f7", "g7"))
    site.build(pages, stock.of_views([changed]), tmp_path / "site", work=tmp_path / "work")
    assert made == [view.file] * 2 and "g7" in file.read_text()
