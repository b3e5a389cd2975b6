"""Views → a docs tree for each language, which MkDocs builds into one static site.

No logic of its own and no MkDocs plugin: tour pages are Markdown files that hold finished HTML, source pages are
finished HTML files that MkDocs copies. The English site is built first, the Chinese one into a folder of it; both into
a new folder that takes the old one's place only when all went well.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tour import policy
from tour.errors import TourError
from tour.model import LANGS, Progress, silent
from tour.render import embed, html, oembed, operator_page, palette, source_page
from tour.render.passing import ADDRESS, Passing, passing
from tour.render.places import Addresses, operator_address, source_address
from tour.render.words import words
from tour.resources import checkout, folder
from tour.stock import Stock
from tour.views import TourView

CONFIGS = {"en": "mkdocs.yml", "zh": "mkdocs.zh.yml"}
OURS = "assets/tour/tour.css"
"""A file that every site of ours holds: by it an older one is known."""
_UP, _DOWN = {"en": "", "zh": "../"}, {"en": "", "zh": "zh"}
"""From the root of a language's site to the root of the whole, and back."""
BUILT = "assets/tour/built.json"
_EMBED = "embed/{name}.html"
"""A tour's page for an ``<iframe>``, from the root of a language's site."""
_BEGIN, _END = '<div class="tour lanes-', "<!--/tour-->"
"""Around what a tour's page holds of its own; text of a tree has neither, for its ``<`` is escaped."""
_PART, _HOLE = re.compile(r"<!--\[-->(.*?)<!--\]-->", re.DOTALL), re.compile(r"<!--\[(\d+)\]-->")
"""Code, marks and pictures: MkDocs would read each of them three times to find that they hold nothing to search."""

MADE_OF = "source/{version}/made.json"
"""What each source page was made of, so that the next build need not make it again."""


def build(
    tours: Sequence[Mapping[str, TourView]],
    stocks: Sequence[Stock],
    out: Path,
    *,
    work: Path | None = None,
    url: str | None = None,
    progress: Progress = silent,
) -> Path:
    """Build the site into ``out``; give its folder. Each of ``tours`` holds one tour's view by language.

    ``stocks`` are the trees whose sources it holds, the one that pages open with first. ``url`` is the address at
    which others will find the site: with it wikis unfold links to tours and steps.

    The docs tree stays in ``work``; left out, that is a checkout's ``build/``, so that plain ``mkdocs build`` works
    there too, or nowhere. Raises ``TourError`` where ``out`` holds anything but a site of ours, or where MkDocs finds
    fault; the old site and the old docs tree then stay as they were.
    """
    target = out.resolve()
    root = checkout()
    work = work or (root / "build" if root else None)
    new = target.with_name(f".{target.name}.new")
    try:
        _refuse_others(target)
        shutil.rmtree(new, ignore_errors=True)
        if work is not None:
            work.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="tour-", dir=work) as made:
            docs = {lang: Path(made) / "docs" / lang for lang in LANGS}
            whole: dict[Path, str] = {}
            parts = {}
            for number, lang in enumerate(LANGS):
                progress("Writing pages", number, len(LANGS))
                address = f"{url.rstrip('/')}/{_DOWN[lang]}".rstrip("/") + "/" if url else None
                views = [page[lang] for page in tours]
                parts[lang] = _write_docs(views, stocks, lang, docs[lang], whole, address)
            told = passing(tours)
            for stock in stocks:
                _write_stock(stock, stocks, told, docs["en"], target, progress)
            _write(docs["en"] / palette.INDEX, palette.index([stock.tree.version for stock in stocks]))
            for number, lang in enumerate(LANGS):
                progress("Building the site", number, len(LANGS))
                site = new / "zh" if lang == "zh" else new
                _mkdocs(folder(CONFIGS[lang]), docs[lang], site)
                _finish(site, parts[lang])
            if work is not None:
                for page, text in whole.items():
                    page.write_text(text, encoding="utf-8")
                _swap(Path(made) / "docs", work / "docs")
        _stamp(new)
        kept = target / ".gitignore"
        if kept.is_file():
            shutil.copy2(kept, new / ".gitignore")
        _swap(new, target)
    except OSError as error:
        raise TourError(f"cannot write the site: {error}") from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return out


def refresh(views: Mapping[str, TourView], out: Path) -> None:
    """Write one tour anew into its pages in a site that is there: in a second, without MkDocs.

    What the first page, the list of tours and the search know of it stays until the next build. Raises ``TourError``
    where the site has no such pages.
    """
    told = {page.parent.name for page in (out / "tours").glob("*/index.html")}
    pages = (out / "operators" / views[LANGS[0]].tree.version).glob("*/*.html")
    operators = {f"{page.parent.name}::{page.stem}" for page in pages}
    try:
        for lang, view in views.items():
            page = out / _DOWN[lang] / "tours" / view.name / "index.html"
            before, begin, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
            _, end, after = rest.rpartition(_END)
            if not begin or not end:
                raise TourError(f"{page} is no tour's page", hint="Build the site again: `tour serve --rebuild`.")
            body = html.tour_page(view, f"../../{_UP[lang]}", told, operators)
            page.write_text(before + _PART.sub(r"\1", body.removesuffix("\n")) + after, encoding="utf-8")
            _write(out / _DOWN[lang] / _EMBED.format(name=view.name), _embedded(view, told))
        shutil.copytree(folder("templates") / "assets", out / "assets/tour", dirs_exist_ok=True)
        _stamp(out)
    except FileNotFoundError:
        raise TourError("the site has no page of it", hint="Build it again: `tour serve --rebuild`.") from None
    except OSError as error:
        raise TourError(f"cannot write the site: {error}") from error


def _stamp(site: Path) -> None:
    """Say when the site was built: a page that is being read on this machine asks, and shows itself anew."""
    for lang in LANGS:
        file = site / _DOWN[lang] / BUILT
        file.write_text(json.dumps({"built": time.time_ns()}), encoding="utf-8")


def _refuse_others(out: Path) -> None:
    """The site takes the place of ``out``: so nothing may stand there but an older site of ours."""
    if not out.exists():
        return
    if not out.is_dir():
        raise TourError(f"{out} is a file; the site needs a folder")
    if (out / OURS).is_file() or all(entry.name == ".gitignore" for entry in out.iterdir()):
        return
    raise TourError(
        f"{out} holds files that no site of ours has, and a new site would take their place",
        hint="Give another folder with `--out`, or empty this one.",
    )


def _write_docs(
    views: Sequence[TourView],
    stocks: Sequence[Stock],
    lang: str,
    docs: Path,
    whole: dict[Path, str],
    address: str | None,
) -> dict[str, list[str]]:
    """The Markdown pages and assets of one language; by tour what its page lacks.

    ``whole`` gets the pages that lack nothing, for who builds them without us. ``address`` is where others will find
    the site of this language.
    """
    said = words(lang)
    first = (folder("annotations") / f"index.{lang}.md").read_text(encoding="utf-8")
    below = html.home(views, lang, "")
    _page(docs / "index.md", {"title": said.say("home"), "hide": ["navigation", "toc"]}, f"{first}\n\n{below}")
    listing = html.tour_list(views, lang, "../")
    heading = f"# {said.say('all_tours')}\n\n"
    _page(docs / "tours/index.md", {"title": said.say("tours"), "hide": ["navigation", "toc"]}, heading + listing)
    told = {view.name for view in views}
    operators = {stock.tree.version: stock.named for stock in stocks}
    parts = {
        view.name: _write_tour(view, lang, docs, told, operators.get(view.tree.version, ()), whole, address)
        for view in views
    }
    shutil.copytree(folder("templates") / "assets", docs / "assets/tour")
    return parts


def _write_tour(
    view: TourView,
    lang: str,
    docs: Path,
    told: Collection[str],
    operators: Collection[str],
    whole: dict[Path, str],
    address: str | None,
) -> list[str]:
    """The Markdown page of one tour, and what it lacks; beside it what others take into pages of theirs."""
    versions = " ".join(tree.version for tree in (view.tree, *(other.tree for other in view.editions)))
    facts = {"title": view.title.replace("`", ""), "hide": ["navigation", "toc"], "versions": versions}
    if address is not None:
        facts["oembed"] = f"{address}{oembed.place(view)}oembed.json"
        _write(docs / oembed.place(view) / "oembed.json", oembed.answer(view, address))
        for step in view.steps:
            door = docs / oembed.place(view, step)
            _write(door / "oembed.json", oembed.answer(view, address, step))
            _write(door / "index.html", oembed.door(view, address, step))
    _write(docs / _EMBED.format(name=view.name), _embedded(view, told))
    body = html.tour_page(view, f"../../{_UP[lang]}", told, operators)
    file = docs / f"tours/{view.name}.md"
    _page(file, facts, body)
    whole[file] = file.read_text(encoding="utf-8")
    thin, parts = _thinned(body)
    _page(file, facts, thin)
    return parts


def _embedded(view: TourView, told: Collection[str]) -> str:
    """A tour's page for an ``<iframe>``, whose links lead to the pages of those that are ``told``."""

    def elsewhere(name: str, step: str | None) -> str | None:
        return f"../tours/{name}/{f'#{step}' if step else ''}" if name in told else None

    return embed.page(view, elsewhere=elsewhere)


def _page(file: Path, facts: Mapping[str, Any], body: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    front = "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in facts.items())
    file.write_text(f"---\n{front}---\n\n{body}\n", encoding="utf-8")


def _write_stock(
    stock: Stock, stocks: Sequence[Stock], told: Passing, docs: Path, old: Path, progress: Progress
) -> None:
    """The source pages of one tree of several with the data beside them, its operators, and the palette's data.

    A source page that the ``old`` site has, made of the same, is taken from there.
    """
    tree = stock.tree
    addresses = Addresses(tree.version, stock.files, stock.named, tree.name)
    others = [Addresses(one.tree.version, one.files) for one in stocks if one is not stock]
    linked = [(one.version, sorted(one.sources or ())) for one in (addresses, *others)]
    around = _digest(linked, sorted(stock.named), source_page.made_by())
    before = _made_of(old, tree.version)
    marks, stamps = {}, {}
    for done, view in enumerate(stock.sources()):
        progress(f"Writing sources of {tree.title}", done, len(stock.files))
        titles = [told.titles[lang].get((mark.tour, mark.step)) for mark in view.marks for lang in told.titles]
        stamps[view.file] = stamp = _digest(view, titles, around)
        places = [
            source_address(tree.version, view.file),
            source_page.data_address(tree.version, view.file),
            source_page.relations_address(tree.version, view.file),
        ]
        if before.get(view.file) != stamp or not all(_taken(old / place, docs / place) for place in places):
            _write(docs / places[0], source_page.source_page(view, told.titles, addresses, others))
            _write(docs / places[1], source_page.source_data(view, addresses))
            _write(docs / places[2], source_page.relations_data(view, addresses))
        if view.marks:
            marks[view.file] = view.marks
    told = replace(told, marks=marks)
    _write(docs / ADDRESS.format(version=tree.version), told.kept())
    _write(docs / MADE_OF.format(version=tree.version), json.dumps(stamps))
    for operator in stock.operators():
        page = operator_page.operator_page(operator, told, addresses)
        _write(docs / operator_address(tree.version, operator.name), page)
    for address, text in palette.shards(stock.symbols(), addresses):
        _write(docs / address, text)


def _digest(*parts: object) -> str:
    """A word that changes with what it was made of."""
    return hashlib.blake2b(repr(parts).encode("utf-8", "replace"), digest_size=12).hexdigest()


def _made_of(site: Path, version: str) -> dict[str, str]:
    """What the source pages of a site were made of, by file; nothing where it does not say."""
    try:
        told = json.loads((site / MADE_OF.format(version=version)).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _taken(old: Path, new: Path) -> bool:
    """Copy a file of the old site, if it is there."""
    new.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(old, new)
    except OSError:
        return False
    return True


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def _mkdocs(config: Path, docs: Path, site: Path) -> None:
    """Run MkDocs on one docs tree; what it warns of is an error."""
    os.environ["NO_MKDOCS_2_WARNING"] = "1"  # Material's notice about its own end, once for each build
    import jieba  # the search's word breaker for Chinese; tells its own loading on standard error unless told not to
    from mkdocs.commands.build import build as mkdocs_build
    from mkdocs.config import load_config
    from mkdocs.exceptions import Abort, ConfigurationError, MkDocsException

    jieba.setLogLevel(logging.WARNING)
    complaints = _Complaints()
    logger = logging.getLogger("mkdocs")
    logger.addHandler(complaints)
    logger.propagate, propagated = False, logger.propagate
    try:
        loaded = load_config(str(config), docs_dir=str(docs), site_dir=str(site), strict=True)
        loaded.plugins.on_startup(command="build", dirty=False)
        try:
            mkdocs_build(loaded)
        finally:
            loaded.plugins.on_shutdown()
    except (Abort, ConfigurationError, MkDocsException) as error:
        said = "; ".join(complaints.said) or str(error)
        raise TourError(f"MkDocs found fault: {said}", at=str(config)) from error
    finally:
        logger.removeHandler(complaints)
        logger.propagate = propagated


def _finish(site: Path, parts: Mapping[str, Sequence[str]]) -> None:
    """Put into the pages that MkDocs made what it need not see, and give each the policy."""
    rule = policy.policy((site / "404.html").read_text(encoding="utf-8"))
    for page in [site / "404.html", site / "index.html", *(site / "tours").rglob("index.html")]:
        text = policy.secured(page.read_text(encoding="utf-8"), rule)
        own = parts.get(page.parent.name, ())
        page.write_text(_HOLE.sub(lambda hole, own=own: own[int(hole[1])], text), encoding="utf-8")  # type: ignore[misc]


def _thinned(body: str) -> tuple[str, list[str]]:
    """A page's body with holes where its template marks what MkDocs need not see, and what belongs there."""
    parts: list[str] = []

    def cut(found: re.Match[str]) -> str:
        parts.append(found[1])
        return f"<!--[{len(parts) - 1}]-->"

    return _PART.sub(cut, body), parts


class _Complaints(logging.Handler):
    """Collects what MkDocs warns of, instead of printing it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one warning."""
        self.said.append(record.getMessage())


def _swap(new: Path, out: Path) -> None:
    """Put a new folder in the place of the old one, which comes back where that fails."""
    old = out.with_name(f".{out.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    try:
        new.rename(out)
    except OSError:
        if old.exists():
            old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)
