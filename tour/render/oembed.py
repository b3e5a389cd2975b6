"""What lets a wiki unfold a link to a tour or to one of its steps: oEmbed 1.0 (oembed.com), type ``rich``, as files.

A consumer reads the page that a link names, finds the address of its JSON there, and shows the ``html`` in it: an
``<iframe>`` on the page that ``embed`` makes. What stands behind ``#`` never reaches a server, so each step has a page
of its own that is nothing but a door: it names its JSON and leads on to the step.
"""

from __future__ import annotations

import json
from html import escape
from typing import Any

from tour.crosslinks import plain
from tour.render import html
from tour.views import StepView, TourView

TYPE = "application/json+oembed"
WIDTH, HEIGHT = 760, 640
"""Pixels of the frame, until the page in it tells its own height."""


def place(view: TourView, step: StepView | None = None) -> str:
    """The folder of a tour's page or of a step's door, from the root of the language's site."""
    return f"tours/{view.name}/{f'{step.id}/' if step else ''}"


def answer(view: TourView, site: str, step: StepView | None = None) -> str:
    """The JSON; ``site`` is the address of the language's site, with its stroke at the end."""
    title = _title(view, step)
    source = f"{site}embed/{view.name}.html{f'?step={step.id}' if step else ''}"
    frame = (
        f'<iframe src="{escape(source)}" title="{escape(title)}" width="{WIDTH}" height="{HEIGHT}"'
        ' style="border:0;max-width:100%" loading="lazy"></iframe>'
    )
    told: dict[str, Any] = {
        "version": "1.0",
        "type": "rich",
        "title": title,
        "provider_name": "tour",
        "provider_url": site,
        "width": WIDTH,
        "height": HEIGHT,
        "html": frame,
    }
    return json.dumps(told, ensure_ascii=False, indent=1) + "\n"


def door(view: TourView, site: str, step: StepView) -> str:
    """A step's own page, which leads on to the step on the tour's page."""
    return html.filled(
        "oembed-door.html",
        lang=view.lang,
        title=_title(view, step),
        about=plain(html.first_sentence(step.prose)),
        oembed=f"{site}{place(view, step)}oembed.json",
        step=step.id,
        kind=TYPE,
    )


def _title(view: TourView, step: StepView | None) -> str:
    whole = plain(view.title)
    return f"{step.number}. {plain(step.title)} – {whole}" if step else whole
