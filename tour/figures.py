"""Drawings that stand beside a tour: one SVG for every language and both themes.

A drawing holds shapes and words, nothing else: its colours are those of the page, by class, and so it follows the
theme; a word that has to be read in the reader's language stands once for each, marked ``lang``. What does not keep to
that is refused with file and line, for a page would show it wrongly and nobody would notice.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from tour.errors import AnnotationError
from tour.model import LANGS

CLASSES = frozenset(
    {"soft", "code", "strong", "small", "box", "dash", "a", "b", "c", "d", "way", "head"},
)
"""What a shape or a word may be: ``templates/assets/figure.css`` says what each looks like."""

_SVG = "{http://www.w3.org/2000/svg}"
_SHAPE = re.compile(r"svg|g|path|rect|circle|ellipse|line|polyline|polygon|text|tspan")
_ATTRIBUTE = re.compile(r"class|lang|transform|d|points|[cdr]?[xy][12]?|r|width|height|viewBox|text-anchor")
_WORDS = re.compile(r"[^\W\d_]{3,} [^\W\d_]{3,}|[\u4e00-\u9fff]")
"""Two words in a row, or Chinese: what is the same in each language is a name, a number or a formula."""
_HINT = "annotations/README.md says what a drawing may hold."


@dataclass(frozen=True, slots=True)
class Figure:
    """One drawing of a step."""

    file: str
    """Its name beside ``tour.yaml``."""
    alt: dict[str, str]
    """What it shows, in words, by language."""
    text: str
    """The SVG as it is written."""

    def svg(self, lang: str) -> str:
        """The drawing with the words of one language, to stand in a page."""
        root = ElementTree.fromstring(self.text)
        for parent in list(root.iter()):
            parent.text = parent.text if parent.tag in {_SVG + "text", _SVG + "tspan"} else None
            for child in list(parent):
                child.tail = child.tail if parent.tag == _SVG + "text" else None
                if child.attrib.pop("lang", lang) != lang:
                    parent.remove(child)
        for element in root.iter():
            element.tag = element.tag.removeprefix(_SVG)
        root.attrib |= {"class": "tour-drawing", "role": "img", "aria-label": self.alt[lang]}
        return ElementTree.tostring(root, encoding="unicode")


def read(file: Path, alt: dict[str, str]) -> Figure:
    """The drawing in ``file``; raises ``AnnotationError`` where it is missing or holds what no page can show."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError(f"the drawing cannot be read: {error}", at=str(file)) from None
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        line = error.position[0]
        raise AnnotationError(f"not valid XML: {error}", at=f"{file}:{line}") from None
    for what, sign in _faults(root):
        place = text.find(sign)
        line = text.count("\n", 0, place) + 1 if place >= 0 else 1
        raise AnnotationError(what, at=f"{file}:{line}", hint=_HINT)
    return Figure(file.name, alt, text)


def _faults(root: Element) -> Iterator[tuple[str, str]]:
    """What is wrong with a drawing, each with a text that stands on its line."""
    if root.tag != _SVG + "svg" or "viewBox" not in root.attrib:
        yield "expected <svg xmlns=… viewBox=…> first", "<"
    for element in root.iter():
        name = str(element.tag).removeprefix(_SVG)
        if not _SHAPE.fullmatch(name):
            yield f"a drawing has no <{name}>", f"<{name}"
        for key, value in element.attrib.items():
            if not _ATTRIBUTE.fullmatch(key):
                yield f"a drawing's <{name}> has no {key!r}", f'{key}="{value}"'
        for word in element.get("class", "").split():
            if word not in CLASSES:
                yield f"there is no class {word!r}; there are {', '.join(sorted(CLASSES))}", element.get("class", "")
        if element.get("lang", LANGS[0]) not in LANGS:
            yield (
                f"lang is {element.get('lang')!r}, expected one of {', '.join(LANGS)}",
                f'lang="{element.get("lang")}"',
            )
    for text in _unmarked(root):
        if _WORDS.search(text):
            yield "words that need a language stand without lang", text.strip()
    spoken = Counter(element.get("lang") for element in root.iter())
    if len({spoken[lang] for lang in LANGS}) > 1:
        counts = ", ".join(f"{lang} has {spoken[lang]}" for lang in LANGS)
        yield f"the languages have unlike words: {counts}", "<"


def _unmarked(element: Element) -> Iterator[str]:
    """The texts that every language shows."""
    if "lang" in element.attrib:
        return
    yield element.text or ""
    for child in element:
        yield from _unmarked(child)
        yield child.tail or ""
