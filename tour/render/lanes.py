"""The path of a tour as an SVG: one row a lane, one stop a step, each stop a link.

Colours come from the page's CSS variables, so the picture follows its theme; every stop has a title, and the whole a
label, for readers who do not see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tour.layers import lane_of
from tour.model import At, Grade, Lane, Link, LinkKind
from tour.render.words import Words, words
from tour.views import TourView

LEFT, ROW, TOP = 108, 26, 18
"""Pixels: the lane names' column, from lane to lane, above the first."""
NEAR, FAR, WIDTH = 26, 64, 1240
"""Pixels from stop to stop at least and at most; between them as many as make the picture so wide."""


def svg(view: TourView, said: Words) -> str:
    """The picture as one ``<svg>`` element; links go to ``#step-id``."""
    lanes = [lane for lane in Lane if any(step.lane is lane for step in view.steps)]
    pitch = max(NEAR, min(FAR, (WIDTH - LEFT) // max(1, len(view.steps))))
    height, width = 2 * TOP + ROW * (len(lanes) - 1), LEFT + pitch * len(view.steps)
    rows = {lane: TOP + ROW * number for number, lane in enumerate(lanes)}
    places = {step.id: (LEFT + pitch * number + 12, rows[step.lane]) for number, step in enumerate(view.steps)}
    parts = [
        f'<svg class="tour-lanes-picture" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="group"'
        f' aria-label="{escape(said.say("lanes_title"))}">'
    ]
    for lane, y in rows.items():
        parts.append(f'<text class="lane-name" x="0" y="{y + 4}">{escape(said.lane(lane))}</text>')
        parts.append(f'<line class="lane-line" x1="{LEFT - 10}" y1="{y}" x2="{width}" y2="{y}"/>')
    for step in view.steps:
        if step.hop is not None:
            (x1, y1), (x2, y2) = places[step.hop.origin], places[step.hop.to]
            look = " guess" if step.hop.grade != "exact" else " far" if step.hop.origin != step.id else ""
            rail = y1 - ROW // 2 if y1 == TOP or (y2 < y1 < height - TOP) else y1 + ROW // 2
            way = f"M{x1} {y1}L{x2} {y2}" if step.hop.origin == step.id else _rail(x1, y1, x2, y2, rail)
            parts.append(f'<path class="lane-hop{look}" d="{way}"/>')
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


def _rail(x1: int, y1: int, x2: int, y2: int, rail: int) -> str:
    """The way of a hop from an earlier stop: between two lanes, so that it runs through no stop on its way."""
    return f"M{x1} {y1}L{x1 + ROW // 2} {rail}H{x2 - ROW // 2}L{x2} {y2}"


def sketch(view: TourView) -> str:
    """The path without names and links, small, for a card; says nothing to those who do not see it."""
    lanes = [lane for lane in Lane if any(step.lane is lane for step in view.steps)]
    places = [(8 + 12 * number, 6 + 11 * lanes.index(step.lane)) for number, step in enumerate(view.steps)]
    way = "L".join(f"{x} {y}" for x, y in places)
    stops = "".join(
        f'<circle class="lane-{step.lane.value}" cx="{x}" cy="{y}" r="3.5"/>'
        for step, (x, y) in zip(view.steps, places, strict=True)
    )
    width, height = 4 + 12 * len(places), 12 + 11 * (len(lanes) - 1)
    return (
        f'<svg class="tour-sketch" viewBox="0 0 {width} {height}" width="{width}" height="{height}" aria-hidden="true">'
        f'<path d="M{way}"/>{stops}</svg>'
    )


def route(links: Sequence[Link], lang: str) -> str:
    """A route as an SVG that stands alone: one row a lane, one stop a symbol, each with its name and place."""
    said = words(lang)
    stops = [(links[0].source, links[0].at, "")]
    stops += [(link.target, link.target_at or link.at, link.key or "") for link in links]
    lanes_of = [_lane_of_id(links[0].source, links[0].at)]
    lanes_of += [_lane_of_target(link, further) for link, further in zip(links, [*links[1:], None], strict=True)]
    lanes = [lane for lane in Lane if lane in lanes_of]
    gap, row, top, left = 46, 120, 30, 24
    width, height = left + row * len(lanes) + 520, top + 26 + gap * len(stops)
    columns = {lane: left + row * number + 12 for number, lane in enumerate(lanes)}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' role="img" aria-label="{escape(said.say("route_lanes"))}"><style>{_ROUTE_STYLE}</style>'
    ]
    for lane, x in columns.items():
        parts.append(f'<text class="lane" x="{x}" y="{top - 10}" text-anchor="middle">{escape(said.lane(lane))}</text>')
        parts.append(f'<line class="line" x1="{x}" y1="{top}" x2="{x}" y2="{height - 16}"/>')
    places = [(columns[lane], top + 24 + gap * number) for number, lane in enumerate(lanes_of)]
    for link, (x1, y1), (x2, y2) in zip(links, places, places[1:], strict=False):
        look = "hop" if link.grade is Grade.EXACT else "hop guess"
        parts.append(f'<path class="{look}" d="M{x1} {y1}L{x2} {y2}"/>')
    x = left + row * len(lanes)
    for (symbol, at, key), (cx, cy), lane in zip(stops, places, lanes_of, strict=True):
        name = symbol.partition(":")[2] + (f" [{key}]" if key else "")
        parts.append(f'<circle class="{lane.value}" cx="{cx}" cy="{cy}" r="7"/>')
        parts.append(f'<text class="name" x="{x}" y="{cy}">{escape(name)}</text>')
        parts.append(f'<text class="at" x="{x}" y="{cy + 15}">{escape(str(at))}</text>')
    return "".join([*parts, "</svg>\n"])


_ROUTE_STYLE = (
    "text{font:13px ui-monospace,monospace;fill:#24292f}.lane{font:12px system-ui,sans-serif;fill:#57606a}"
    ".at{font-size:11px;fill:#57606a}.line{stroke:#d0d7de}.hop{stroke:#57606a;stroke-width:1.5;fill:none}"
    ".guess{stroke-dasharray:4 3;stroke:#b26a00}.python{fill:#3b6fb6}.binding{fill:#8a4fb0}.generated{fill:#8c959f}"
    ".dispatcher{fill:#c69026}.cpp{fill:#3a8f5c}.kernel{fill:#c2453d}.process{fill:#2a9d9d}"
    "@media(prefers-color-scheme:dark){svg{background:#0d1117}text{fill:#e6edf3}.lane,.at{fill:#8b949e}"
    ".line{stroke:#30363d}.hop{stroke:#8b949e}}"
)


def _lane_of_target(link: Link, further: Link | None) -> Lane:
    """The lane of what a link leads to, ``further`` being the next one."""
    if link.kind in {LinkKind.STUBS, LinkKind.LAUNCHES}:
        return Lane.KERNEL
    if link.target.startswith("py:") and link.target_at is None:  # made in C++, or by code generation
        return Lane.GENERATED if further is not None and further.kind is LinkKind.GENERATES else Lane.BINDING
    return _lane_of_id(link.target, link.target_at or link.at)


def _lane_of_id(symbol: str, at: At) -> Lane:
    """The lane of a symbol, told by its id and its place."""
    scheme = symbol.partition(":")[0]
    if scheme == "op":
        return Lane.DISPATCHER
    if scheme == "py":
        return Lane.PYTHON if at.file.endswith(".py") else Lane.GENERATED if at.file.endswith(".yaml") else Lane.BINDING
    if at.file.endswith((".cu", ".cuh")) and symbol.endswith("kernel"):
        return Lane.KERNEL
    return lane_of(at)
