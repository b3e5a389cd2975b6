"""One source file as a page whose names are links, and the data that its script shows beside them.

The page reads without a script: each name leads to its definition, each tour that passes has its mark. The script adds
what hovering tells and the panel of a definition; both read one file of data, fetched when somebody first asks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup, escape

from tour.model import At, Grade
from tour.references import HEADINGS, Occurrence, Relation
from tour.render import html, source
from tour.render.places import Addresses, public_place, source_address
from tour.render.words import words
from tour.resources import folder
from tour.views import SourceView

CHUNK = 200
"""Lines in one block that the browser need not lay out before it is near."""

Titles = Mapping[str, Mapping[tuple[str, str], str]]
"""By language the title of each (tour, step)."""


def made_by() -> str:
    """A stamp of the code, the words and the templates that make pages."""
    files = [*Path(__file__).parent.glob("*.py"), *folder("templates").glob("*.*")]
    return repr(sorted((file.name, file.stat().st_mtime_ns) for file in files))


def root_of(view: SourceView) -> str:
    """The way from a file's page to the site's root."""
    return "../" * source_address(view.tree.version, view.file).count("/")


def data_address(version: str, file: str) -> str:
    """What the names on a source page mean, below the site's root."""
    return f"{source_address(version, file).removesuffix('.html')}.json"


def relations_address(version: str, file: str) -> str:
    """What leads to a source page's definitions and from them, below the site's root."""
    return f"{source_address(version, file).removesuffix('.html')}.relations.json"


def _order(view: SourceView) -> tuple[list[Occurrence], dict[tuple[tuple[int, ...], str, int], int]]:
    """A file's names, and a number for each meaning that several may share."""
    meanings: dict[tuple[tuple[int, ...], str, int], int] = {}
    for name in view.references.occurrences:
        meanings.setdefault((name.targets, name.grade.value, name.candidates), len(meanings))
    return list(view.references.occurrences), meanings


def source_page(view: SourceView, titles: Titles, addresses: Addresses, others: Sequence[Addresses] = ()) -> str:
    """A whole source page, one for all languages: it names the tours in each, and a script keeps the reader's.

    ``others`` are the site's other versions, of which those are named that have a page of the same file.
    """
    root = root_of(view)
    anchors = _anchors(view, addresses, root)
    lines = source.lines(view.text, view.lang, anchors) if view.is_code else source.plain_lines(view.text)
    marks: dict[int, list[Any]] = {}
    for mark in view.marks:
        marks.setdefault(mark.line, []).append(mark)
    inside = {line for mark in view.marks for line in range(mark.line, min(mark.end_line, mark.line + 400) + 1)}
    numbered = [
        {"number": n, "html": Markup(line), "marks": marks.get(n, ()), "inside": n in inside}
        for n, line in enumerate(lines, start=1)
    ]
    if numbered and not numbered[-1]["html"]:
        numbered.pop()  # what stands behind the last line's end
    said = {lang: words(lang) for lang in titles}
    return html.filled(
        "source.html",
        view=view,
        chunks=[numbered[start : start + CHUNK] for start in range(0, len(numbered), CHUNK)],
        root=root,
        titles=titles,
        said=said,
        told={
            "words": {lang: one.part("source") for lang, one in said.items()},
            "data": f"{view.path.rpartition('/')[2]}.json",
            "root": root,
            "version": view.tree.version,
        },
        versions=[
            {"version": one.version, "href": f"{root}{quote(source_address(one.version, view.file))}"}
            for one in others
            if one.sources is not None and view.file in one.sources
        ],
        public=public_place(view.tree.version, At(view.file, 1), view.tree.name),
        guesses=any(name.grade is not Grade.EXACT for name in view.references.occurrences),
        names=bool(view.references.occurrences or view.references.definitions),
    )


def _anchors(view: SourceView, addresses: Addresses, root: str) -> dict[int, list[source.Anchor]]:
    """The links in each line: names to what they mean, and each definition to its own line."""
    occurrences, meanings = _order(view)
    targets = view.references.targets
    found: dict[int, list[source.Anchor]] = {}
    for name in occurrences:
        at = targets[name.targets[0]].at
        href = addresses.source(at, root) if at else None
        if at and at.file == view.file:
            href = f"#L{at.line}"
        number = meanings[name.targets, name.grade.value, name.candidates]
        guess = "" if name.grade is Grade.EXACT else " data-g"
        link = f' href="{escape(href)}"' if href else ' tabindex="0"'
        found.setdefault(name.line, []).append(
            source.Anchor(name.column, name.length, f'<a{link} data-t="{number}"{guess}>')
        )
    for number, one in enumerate(view.references.definitions):
        tag = f'<a href="#L{one.line}" data-d="{number}">'
        found.setdefault(one.line, []).append(source.Anchor(one.column, one.length, tag))
    return {line: sorted(anchors) for line, anchors in found.items()}


class _Table:
    """Things that are said more than once, by number."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        return self.numbers.setdefault(text, len(self.numbers))


def source_data(view: SourceView, addresses: Addresses) -> str:
    """What the page's script tells of its names: targets, meanings and definitions, places as numbers of files.

    A file without an address stands with an empty one: its places are named and not linked.
    """
    _, meanings = _order(view)
    files, ids = _Table(), _Table()
    told = {
        "targets": [[ids(one.id), one.kind, one.signature, *_place(one.at, files)] for one in view.references.targets],
        "meanings": [[list(ends), int(grade != Grade.EXACT.value), count] for ends, grade, count in meanings],
        "definitions": [
            [ids(one.id), one.kind, one.signature, one.line, one.end_line] for one in view.references.definitions
        ],
    }
    return _with_tables(told, files, ids, view, addresses)


def relations_data(view: SourceView, addresses: Addresses) -> str:
    """What its panel tells of each definition, in their order."""
    files, ids = _Table(), _Table()
    told = {
        "headings": list(HEADINGS),
        "relations": [
            [int(one.common), [_relation(each, files, ids) for each in one.relations]]
            for one in view.references.definitions
        ],
    }
    return _with_tables(told, files, ids, view, addresses)


def _with_tables(told: dict[str, Any], files: _Table, ids: _Table, view: SourceView, addresses: Addresses) -> str:
    root = root_of(view)
    pages = {name: page for name in ids.numbers if (page := addresses.operator(name, root))}
    shown = [[file, (addresses.source(At(file, 1), root) or "").partition("#")[0]] for file in files.numbers]
    told |= {"files": shown, "ids": list(ids.numbers), "operators": pages}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _place(at: At | None, files: _Table) -> list[int]:
    return [files(at.file), at.line] if at else [-1, 0]


def _relation(one: Relation, files: _Table, ids: _Table) -> list[Any]:
    return [
        HEADINGS.index(one.heading),
        ids(one.id),
        *_place(one.at, files),
        *_place(one.to, files),
        int(one.grade is not Grade.EXACT),
        one.candidates,
        one.key or "",
    ]
