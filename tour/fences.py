"""Two fences for anybody's Markdown: ``tour`` shows a walk or some of its steps, ``cell`` a program that may run.

An extension of Python-Markdown and nothing else, so that MkDocs, Zensical and ``markdown.markdown`` take it alike::

    ```tour batch-norm-cpu steps=operator..kernel lang=zh tree=2.6.0
    ```

    ```cell batch-norm-cpu#kernel
    ```

A fence becomes finished HTML before any other extension sees it; style sheet and script come with the first one of a
page. What is wrong in a fence is a sentence in its place and a warning, which MkDocs counts with ``--strict``; with
the option ``strict`` it ends the build in any generator. Indexes are read, never made.
"""

from __future__ import annotations

import logging
import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor

import tour
from tour.errors import TourError, UnknownName, nearest
from tour.model import LANGS
from tour.render import embed
from tour.repository import ours
from tour.tours import NAME, names
from tour.views import StepView, TourView

_LOG = logging.getLogger("mkdocs.tour")
"""Below MkDocs' own logger, which counts the warnings that end a strict build; elsewhere it is a logger like any."""

_OPENING = re.compile(r"^(?P<indent>[ ]*)(?P<fence>`{3,}|~{3,})[ ]*(?P<kind>[\w.+#-]*)(?P<rest>.*)$")
KEYS = {"tour": ("steps", "lang", "tree"), "cell": ("lang", "tree")}
"""What each kind of fence may be given."""
_EARLY = 29
"""Before any extension that takes fences (at most 25), once line ends are one (30)."""


@dataclass(frozen=True, slots=True)
class Fence:
    """One fence of ours."""

    kind: str
    """``tour`` or ``cell``."""
    rest: str
    """What stands behind it in its first line."""
    body: str
    line: int
    """In the text that is converted, where MkDocs has taken the page's front matter off."""


@dataclass
class _Page:
    """What the fences of one page share."""

    fences: int = 0
    cells: int = 0
    programs: int = 0
    """Cells of the page's own."""
    prefixes: dict[str, int] = field(default_factory=dict)
    present: dict[str, set[str]] = field(default_factory=dict)
    """For each tour the steps whose cells stand in the page so far."""
    lang: str = LANGS[0]
    """The language of the first one that has cells."""
    version: str = ""
    """The version of PyTorch that the first tour with cells was shown in."""

    def prefix(self, name: str) -> str:
        """For the ids of a fence: each time that a page shows a tour its own."""
        self.prefixes[name] = number = self.prefixes.get(name, 0) + 1
        return f"{name}-" if number == 1 else f"{name}-{number}-"


class TourExtension(Extension):
    """The extension ``tour``; its options are what a fence leaves out."""

    def __init__(self, **options: Any) -> None:
        self.config = {
            "annotations": ["", "A folder of your own tours, which are looked for first"],
            "tree": ["", "The tree that tours are shown in, as `--tree` takes it"],
            "lang": [LANGS[0], "The language of tours and of the words around them"],
            "site": ["", "Address of a site that `tour build` made: links to other tours lead there"],
            "strict": [False, "Whether what is wrong in a fence ends the build"],
        }
        super().__init__(**options)

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 – Python-Markdown's name
        """Put the fences before all that knows other fences."""
        self.md = md
        md.registerExtension(self)
        md.block_level_elements.append("tour-embed")
        self._page = _Page()
        md.preprocessors.register(_Fences(md, self), "tour-fences", _EARLY)

    def reset(self) -> None:
        """Begin a new page."""
        self._page = _Page()

    def html(self, fence: Fence) -> str:
        """What a fence shows."""
        try:
            made = str(self._made(fence))
        except TourError as error:
            sentence = f"{error}. {error.hint}" if error.hint else f"{error}."
            self._warn(fence, sentence)
            made = str(embed.wrong(sentence))
        self._page.fences += 1
        if self._page.fences > 1:
            return made
        opening, end, rest = made.partition(">")
        return f"{opening}{end}{embed.sheet()}{rest}"

    def below(self) -> str:
        """What stands below a page with fences."""
        page = self._page
        bar = embed.kernel(page.lang, page.version) if page.cells else ""
        return f"{bar}{embed.script()}" if page.fences else ""

    def _warn(self, fence: Fence, sentence: str) -> None:
        told = f"`{fence.kind} {fence.rest}`, line {fence.line} of its page: {sentence}"
        if self.getConfig("strict"):
            _end_build(f"tour: {told}")
        _LOG.warning("%s", told)

    def _made(self, fence: Fence) -> str:
        name, given = _arguments(fence)
        lang = given.get("lang") or self.getConfig("lang")
        if lang not in LANGS:
            raise TourError(f"lang={lang} is no language of tours", hint=f"There are {' and '.join(LANGS)}.")
        made = self._tour if fence.kind == "tour" else self._cell
        return made(fence, name, given, lang)

    def _tour(self, fence: Fence, name: str, given: Mapping[str, str], lang: str) -> str:
        if not name:
            raise TourError("a tour fence names a tour", hint="Such as ```tour import-torch.")
        if fence.body.strip():
            raise TourError("a tour fence holds no text of its own", hint="Close it in its next line.")
        view = self._view(name, given.get("tree"), lang)
        asked = [word for word in given.get("steps", "").split(",") if word]
        made = embed.part(view, asked, self._setting(view))
        chosen = embed.stretch(view, asked)
        for sentence in _missing(view, chosen):
            self._warn(fence, sentence)
        self._holds(view, chosen[-1].id)
        return str(made)

    def _cell(self, fence: Fence, name: str, given: Mapping[str, str], lang: str) -> str:
        told, mark, step = name.partition("#")
        code = fence.body.strip("\n")
        if name and fence.body.strip():
            raise TourError("a cell fence that names a step holds no program of its own")
        if name and not mark:
            raise TourError(f"a cell fence names a step, as in {name}#id")
        if not name and not code.strip():
            example = "Such as ```cell import-torch#pyinit."
            raise TourError("a cell fence holds a program, or names a tour's step", hint=example)
        if not name:
            self._page.programs += 1
            self._counts(1, lang)
            return str(embed.program(code, self._page.programs, lang, "cell-"))
        view = self._view(told, given.get("tree"), lang)
        made = embed.cell(view, step, self._setting(view))
        self._holds(view, step)
        return str(made)

    def _holds(self, view: TourView, last: str) -> None:
        """The page now holds the tour's cells down to a step's, seen or unseen."""
        upto = [step.id for step in view.steps].index(last) + 1
        having = [step.id for step in view.steps[:upto] if step.cell]
        self._page.present.setdefault(view.name, set()).update(having)
        self._counts(len(having), view.lang)
        self._page.version = self._page.version or (view.tree.version if having else "")

    def _counts(self, cells: int, lang: str) -> None:
        if cells and not self._page.cells:
            self._page.lang = lang
        self._page.cells += cells

    def _setting(self, view: TourView) -> embed.Setting:
        """How a tour stands in the page; links to tours of ours lead to the site that was named, if one was."""
        site = self.getConfig("site").rstrip("/")
        root = site if view.lang == LANGS[0] else f"{site}/{view.lang}"
        there = set(names(ours())) - set(self._mine()) if site else set()

        def elsewhere(other: str, step: str | None) -> str | None:
            return f"{root}/tours/{other}/{f'#{step}' if step else ''}" if other in there else None

        present = frozenset(self._page.present.get(view.name, ()))
        return embed.Setting(self._page.prefix(view.name), elsewhere, runs=True, present=present)

    def _mine(self) -> list[str]:
        """The tours in the team's own folder; raises ``TourError`` where there is no such folder."""
        own = self.getConfig("annotations")
        if own and not Path(own).is_dir():
            raise TourError(f"annotations is {own!r}, and {Path(own).resolve()} is no folder")
        return names(Path(own)) if own else []

    def _view(self, name: str, tree: str | None, lang: str) -> TourView:
        """A tour of the team's own folder, else one of ours; raises ``TourError``."""
        if not NAME.fullmatch(name):
            raise TourError(f"{name!r} is no name of a tour", hint="`tour list` has them.")
        mine = self._mine()
        if name not in (known := [*mine, *tour.names()]):
            near = nearest(name, known)
            raise UnknownName(f"there is no tour {name!r}", near, hint=None if near else "`tour list` has ours.")
        spec = str(Path(self.getConfig("annotations"), name).resolve()) if name in mine else name
        return tour.trace(spec, tour.open_tree(tree or self.getConfig("tree") or None), lang)


class _Fences(Preprocessor):
    """Takes our fences out of a page's lines, those inside longer fences excepted."""

    def __init__(self, md: Markdown, extension: TourExtension) -> None:
        super().__init__(md)
        self._extension = extension

    def run(self, lines: list[str]) -> list[str]:
        """The lines with a place for each fence's HTML, and below them one for what these share."""
        made = list(self._without(lines))
        below = self._extension.below()
        return [*made, "", self.md.htmlStash.store(below), ""] if below else made

    def _without(self, lines: list[str]) -> Iterator[str]:
        at = 0
        while at < len(lines):
            opening = _OPENING.match(lines[at])
            end = _end(lines, at, opening) if opening else None
            if opening is None or end is None:
                yield lines[at]
                at += 1
                continue
            if opening["kind"] in KEYS:
                indent = len(opening["indent"])
                body = "\n".join(line[indent:] if not line[:indent].strip() else line for line in lines[at + 1 : end])
                made = self._extension.html(Fence(opening["kind"], opening["rest"].strip(), body, at + 1))
                yield ""
                yield opening["indent"] + self.md.htmlStash.store(made)
                yield ""
            else:
                yield from lines[at : end + 1]
            at = end + 1


def _end(lines: list[str], start: int, opening: re.Match[str]) -> int | None:
    """The line that closes a fence; ``None`` where none does."""
    closing = re.compile(rf"^[ ]*{re.escape(opening['fence'][0])}{{{len(opening['fence'])},}}[ ]*$")
    if "`" in opening["rest"] and opening["fence"][0] == "`":
        return None  # code within a line
    return next((at for at in range(start + 1, len(lines)) if closing.match(lines[at])), None)


def _missing(view: TourView, steps: Sequence[StepView]) -> Iterator[str]:
    """What the page shows, and says so, without its code."""
    for step in steps:
        if step.located == "lost":
            version = view.version_of(step)
            yield f"step {step.id} of {view.name} is lost in {version}. `tour check {view.name}` says more."
    for name in dict.fromkeys(step.tree for step in steps if not step.has_tree):
        count = sum(step.tree == name for step in steps)
        yield f"steps of {view.name} in {name}, which has no index here: {count}. `tour index {name}` makes it."


def _end_build(sentence: str) -> NoReturn:
    """Exit code 1 and the sentence. Zensical, which has no strict mode, would tell any exception as a traceback."""
    if "zensical.main" in sys.modules:
        sys.stderr.write(f"{sentence}\n")
        sys.stderr.flush()
        os._exit(1)
    raise SystemExit(sentence)


def _arguments(fence: Fence) -> tuple[str, dict[str, str]]:
    """The name behind the fence's kind, and what is given by keys."""
    try:
        words = shlex.split(fence.rest)
    except ValueError:
        raise TourError(f"a quotation mark is not closed: {fence.rest}") from None
    names = [word for word in words if "=" not in word]
    given = dict(word.split("=", 1) for word in words if "=" in word)
    if len(names) > 1:
        raise TourError(f"one name is asked for, not {len(names)}: {' '.join(names)}")
    for key in given:
        if key not in KEYS[fence.kind]:
            raise TourError(f"a {fence.kind} fence has no {key}=", hint=f"There are {', '.join(KEYS[fence.kind])}.")
    return (names[0] if names else ""), given


def makeExtension(**options: Any) -> TourExtension:  # noqa: N802 – Python-Markdown's name
    """What Python-Markdown calls."""
    return TourExtension(**options)
