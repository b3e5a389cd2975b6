"""The path of a tour as an SVG: one row a lane, one stop a step, each stop a link.

Colours come from the page's CSS variables, so the picture follows its theme; every stop has a title, and the whole a
label, for readers who do not see it.
"""

from __future__ import annotations

from html import escape

from tour.model import Lane
from tour.render.words import Words
from tour.views import TourView

LEFT, STEP, ROW, TOP = 96, 46, 26, 18
"""Pixels: the lane names' column, from stop to stop, from lane to lane, above the first."""


def svg(view: TourView, said: Words) -> str:
    """The picture as one ``<svg>`` element; links go to ``#step-id``."""
    lanes = [lane for lane in Lane if any(step.lane is lane for step in view.steps)]
    height, width = TOP + ROW * (len(lanes) - 1) + 18, LEFT + STEP * len(view.steps)
    rows = {lane: TOP + ROW * number for number, lane in enumerate(lanes)}
    places = {step.id: (LEFT + STEP * number + 12, rows[step.lane]) for number, step in enumerate(view.steps)}
    parts = [
        f'<svg class="tour-lanes-picture" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="group"'
        f' aria-label="{escape(said.say("lanes_title"))}">'
    ]
    for lane, y in rows.items():
        parts.append(f'<text class="lane-name" x="0" y="{y + 4}">{escape(said.lane(lane))}</text>')
        parts.append(f'<line class="lane-line" x1="{LEFT - 10}" y1="{y}" x2="{width}" y2="{y}"/>')
    for step, following in zip(view.steps, view.steps[1:], strict=False):
        if step.hop is not None:
            (x1, y1), (x2, y2) = places[step.id], places[following.id]
            sure = "" if step.hop.grade == "exact" else " guess"
            parts.append(f'<line class="lane-hop{sure}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>')
    for step in view.steps:
        x, y = places[step.id]
        label = escape(
            said.say("stop", number=step.number, title=step.title.replace("`", ""), lane=said.lane(step.lane))
        )
        parts.append(
            f'<a class="lane-stop lane-{step.lane.value}" href="#{escape(step.id)}" data-stop="{escape(step.id)}"'
            f' aria-label="{label}"><title>{label}</title><circle cx="{x}" cy="{y}" r="10"/>'
            f'<text x="{x}" y="{y + 3.5}">{step.number}</text></a>'
        )
    return "".join([*parts, "</svg>"])
