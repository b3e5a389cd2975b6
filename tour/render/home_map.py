"""All tours as a map: a line for each, a stop where it crosses others, a connection where they meet.

Like the lanes it takes its colours from the page. Each line's name leads to its tour and each stop to the step; who
does not see the picture gets the same as links with their titles, line by line.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from unicodedata import east_asian_width

from tour.home import Crossing, neighbours
from tour.model import Lane
from tour.render.words import Words
from tour.views import TourView

LABEL, PITCH, ROW, HEAD = 250, 40, 30, 132
"""Pixels: the names' column, from crossing to crossing, from line to line, the room for the crossings' names."""
LONGEST, LONGEST_PLACE = 36, 24
"""The room for a tour's name and for a crossing's, in letters, of which a Chinese one takes two."""


def svg(views: Sequence[TourView], found: Sequence[Crossing], said: Words, root: str) -> str:
    """The map as one ``<svg>`` element; ``root`` leads to the site's root of this language."""
    order = neighbours(views, found)
    rows = {view.name: HEAD + ROW * number for number, view in enumerate(order)}
    columns = sorted(found, key=lambda one: (min(rows[name] for name in one.passes), -len(one.passes)))
    places = [LABEL + PITCH // 2 + PITCH * number for number in range(len(columns))]
    width, height = LABEL + PITCH * len(columns) + 70, HEAD + ROW * len(order) - 8
    parts = [
        f'<svg class="home-map-picture" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="group"'
        f' aria-label="{escape(said.say("map"))}">'
    ]
    for crossing, x in zip(columns, places, strict=True):
        at = [rows[name] for name in crossing.passes]
        look = "map-link file" if crossing.is_file else "map-link"
        parts.append(f'<path class="{look}" d="M{x} {min(at)}V{max(at)}"/>')
        turned = f"translate({x} {HEAD - 18}) rotate(-42)"
        name = escape(_cut(_place(crossing), LONGEST_PLACE))
        parts.append(f'<text class="map-place" transform="{turned}">{name}</text>')
    for view in order:
        y = rows[view.name]
        mine = [(x, one) for x, one in zip(places, columns, strict=True) if view.name in one.passes]
        address = f"{escape(root)}tours/{escape(view.name)}/"
        parts.append(f'<g class="map-tour lane-{_colour(view).value}">')
        until = max((x for x, _ in mine), default=LABEL)
        parts.append(f'<path class="map-line" d="M{LABEL - 8} {y}H{until}"/>')
        title = view.title.replace("`", "")
        name = f'<text x="{LABEL - 16}" y="{y + 4}">{escape(_short(title))}</text>'
        parts.append(_link("map-name", address, title, name, view.name))
        for x, one in mine:
            step = one.passes[view.name]
            told = said.say("map_stop", number=step.number, title=step.title.replace("`", ""), place=_place(one, False))
            shape = f'<circle cx="{x}" cy="{y}" r="6"/>'
            if one.is_file:
                shape = f'<rect x="{x - 5}" y="{y - 5}" width="10" height="10" rx="2"/>'
            parts.append(_link("map-stop", f"{address}#{escape(step.id)}", told, shape, view.name))
        parts.append("</g>")
    return "".join([*parts, "</svg>"])


def _link(look: str, address: str, title: str, shape: str, tour: str) -> str:
    told = escape(title)
    return (
        f'<a class="{look}" href="{address}" data-tour="{escape(tour)}" aria-label="{told}">'
        f"<title>{told}</title>{shape}</a>"
    )


def _colour(view: TourView) -> Lane:
    """The hue of a line: that of the lane that most tells what its tour leads to, the deepest that it reaches."""
    depth = (Lane.KERNEL, Lane.PROCESS, Lane.CPP, Lane.BINDING, Lane.PYTHON)
    reached = {step.lane for step in view.steps}
    return next((lane for lane in depth if lane in reached), Lane.PYTHON)


def _place(crossing: Crossing, short: bool = True) -> str:
    """What the crossing is called: its first name, and how many more there are."""
    first = crossing.names[0]
    name = (
        first.rpartition("/")[2] if crossing.is_file else first.partition("(")[0].replace("::", ".").rpartition(".")[2]
    )
    name = name if short or crossing.is_file else first.partition("(")[0]
    more = len(crossing.names) - 1
    return f"{name} +{more}" if more else name


def _short(title: str) -> str:
    """A tour's title up to where it begins to explain itself."""
    head = title.replace("：", ":").partition(":")[0] if _wide(title) > LONGEST else title
    return _cut(head, LONGEST)


def _wide(text: str) -> int:
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in text)


def _cut(text: str, room: int) -> str:
    if _wide(text) <= room:
        return text
    while _wide(text) >= room:
        text = text[:-1]
    return f"{text.rstrip()}…"
