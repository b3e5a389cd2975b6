"""What tours can be exported to: for each format what a tour's file is called, and what writes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tour.render.codetour import codetour
from tour.render.embed import embed
from tour.render.markdown import markdown
from tour.render.notebook import notebook
from tour.views import TourView


@dataclass(frozen=True, slots=True)
class Format:
    """One way out."""

    file: Callable[[str, str], str]
    """A file's name, by a tour's name and a language."""
    folder: str
    """Where such files are looked for, from the root of a checkout."""
    render: Callable[[TourView, Mapping[str, TourView]], str]
    """The text, by a tour's view and those of all that are exported together."""


FORMATS = {
    "codetour": Format(lambda name, lang: f"{name}{'' if lang == 'en' else f'.{lang}'}.tour", ".tours", codetour),
    "embed": Format(lambda name, lang: f"{name}.{lang}.html", ".", embed),
    "markdown": Format(lambda name, lang: f"{name}.{lang}.md", ".", markdown),
    "notebook": Format(lambda name, lang: f"{name}.{lang}.ipynb", ".", notebook),
}
