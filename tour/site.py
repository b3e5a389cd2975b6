"""Views → a docs tree for each language, which MkDocs builds into one static site.

No logic of its own and no MkDocs plugin: tour pages are Markdown files that hold finished HTML, source pages are
finished HTML files that MkDocs copies. The English site is built first, the Chinese one into a folder of it; both into
a new folder that takes the old one's place only when all went well.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tour.errors import TourError
from tour.model import Progress, silent
from tour.render import html
from tour.render.words import words
from tour.resources import checkout, folder
from tour.views import SourceView, TourView

LANGS = ("en", "zh")
CONFIGS = {"en": "mkdocs.yml", "zh": "mkdocs.zh.yml"}
_UP = {"en": "", "zh": "../"}
"""From the root of a language's site to the root of the whole."""


def build(
    tours: Sequence[Mapping[str, TourView]],
    sources: Sequence[SourceView],
    out: Path,
    *,
    progress: Progress = silent,
) -> Path:
    """Build the site into ``out``; give its folder. Each of ``tours`` holds one tour's view by language.

    In a checkout the docs tree stays under ``build/``, so that plain ``mkdocs build`` works there too. Raises
    ``TourError`` where MkDocs finds fault; the old site then stays as it was.
    """
    root = checkout()
    with _folder_for(root / "build" if root else None) as work:
        docs = {lang: work / "docs" / lang for lang in LANGS}
        shutil.rmtree(work / "docs", ignore_errors=True)
        for number, lang in enumerate(LANGS):
            progress("Writing pages", number, len(LANGS))
            _write_docs([views[lang] for views in tours], lang, docs[lang])
        _write_sources(sources, [views["en"] for views in tours], docs["en"])
        new = out.resolve().with_name(f".{out.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        try:
            for number, lang in enumerate(LANGS):
                progress("Building the site", number, len(LANGS))
                _mkdocs(folder(CONFIGS[lang]), docs[lang], new / "zh" if lang == "zh" else new)
            _swap(new, out.resolve())
        except OSError as error:
            raise TourError(f"cannot write the site: {error}") from error
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return out


@contextmanager
def _folder_for(work: Path | None) -> Iterator[Path]:
    if work is not None:
        work.mkdir(exist_ok=True)
        yield work
    else:
        with tempfile.TemporaryDirectory(prefix="tour-") as made:
            yield Path(made)


def _write_docs(views: Sequence[TourView], lang: str, docs: Path) -> None:
    """The Markdown pages and assets of one language."""
    said = words(lang)
    home = (folder("annotations") / f"index.{lang}.md").read_text(encoding="utf-8")
    cards = html.tour_list(views, lang, "")
    _page(docs / "index.md", {"title": said.say("home"), "hide": ["navigation", "toc"]}, f"{home}\n\n{cards}")
    listing = html.tour_list(views, lang, "../")
    heading = f"# {said.say('all_tours')}\n\n"
    _page(docs / "tours/index.md", {"title": said.say("tours"), "hide": ["navigation", "toc"]}, heading + listing)
    for view in views:
        facts = {"title": view.title.replace("`", ""), "hide": ["navigation", "toc"]}
        _page(docs / f"tours/{view.name}.md", facts, html.tour_page(view, f"../../{_UP[lang]}"))
    shutil.copytree(folder("templates") / "assets", docs / "assets/tour")


def _page(file: Path, facts: Mapping[str, Any], body: str) -> None:
    import json

    file.parent.mkdir(parents=True, exist_ok=True)
    front = "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in facts.items())
    file.write_text(f"---\n{front}---\n\n{body}\n", encoding="utf-8")


def _write_sources(sources: Sequence[SourceView], views: Sequence[TourView], docs: Path) -> None:
    titles = {(view.name, step.id): step.title for view in views for step in view.steps}
    for view in sources:
        file = docs / html.source_address(view.tree.version, view.file)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(html.source_page(view, titles), encoding="utf-8")


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
        mkdocs_build(loaded)
        loaded.plugins.on_shutdown()
    except (Abort, ConfigurationError, MkDocsException) as error:
        said = "; ".join(complaints.said) or str(error)
        raise TourError(f"MkDocs found fault: {said}", at=str(config)) from error
    finally:
        logger.removeHandler(complaints)
        logger.propagate = propagated


class _Complaints(logging.Handler):
    """Collects what MkDocs warns of, instead of printing it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one warning."""
        self.said.append(record.getMessage())


def _swap(new: Path, out: Path) -> None:
    """Put the new site in the place of the old one; a ``.gitignore`` that stood there stays."""
    kept = out / ".gitignore"
    if kept.is_file():
        shutil.copy2(kept, new / ".gitignore")
    old = out.with_name(f".{out.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    new.rename(out)
    shutil.rmtree(old, ignore_errors=True)
