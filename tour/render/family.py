"""The classes of a tour as a tree: each below its base, with the steps that are in it.

Text and lines in the page's colours. The numbers are links to the steps, as in the lanes.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from tour.model import Link
from tour.render.words import Words
from tour.views import StepView, TourView

ROW, INDENT, LETTER = 26, 22, 7.3
"""Pixels: from class to class, from base to heir, and a letter's width."""


def svg(view: TourView, said: Words) -> str:
    """The tree as one ``<svg>`` element."""
    parts: list[str] = []
    rows = list(_rows(view.family))
    y_of: dict[str, int] = {}
    width = 0.0
    for number, (name, base, depth, others) in enumerate(rows):
        x, y = 8 + INDENT * depth, 18 + ROW * number
        if base is not None:
            parts.append(f'<path class="family-line" d="M{x - INDENT + 4} {y_of[base] + 7}V{y - 5}H{x - 4}"/>')
        y_of[name] = y
        shown = _short(name)
        steps = [step for step in view.steps if _is_in(step, name)]
        parts.append(f'<text class="family-name{"" if steps else " soft"}" x="{x}" y="{y}">{escape(shown)}</text>')
        end = x + LETTER * len(shown) + 12
        if others:
            also = said.say("family_also", names=", ".join(_short(other) for other in others))
            parts.append(f'<text class="family-also" x="{end}" y="{y}">{escape(also)}</text>')
            end += 6.6 * len(also) + 10
        for step in steps:
            title = escape(
                said.say("stop", number=step.number, title=step.title.replace("`", ""), lane=said.lane(step.lane))
            )
            parts.append(
                f'<a class="lane-stop lane-{step.lane.value}" href="#{escape(step.id)}" aria-label="{title}">'
                f'<title>{title}</title><circle cx="{end + 8}" cy="{y - 4}" r="9"/>'
                f'<text x="{end + 8}" y="{y - 0.5}">{step.number}</text></a>'
            )
            end += 23
        width = max(width, end + 8)
    height = 10 + ROW * len(rows)
    label = escape(said.say("family"))
    return (
        f'<svg class="tour-family-picture" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" height="{height}"'
        f' role="group" aria-label="{label}">{"".join(parts)}</svg>'
    )


def _rows(family: tuple[Link, ...]) -> Iterator[tuple[str, str | None, int, list[str]]]:
    """Each class below the base that it lists first, which base that is, how deep it stands, and its other bases."""
    bases: dict[str, list[str]] = {}
    for link in family:
        bases.setdefault(link.source, []).append(link.target)
    heirs: dict[str, list[str]] = {}
    for heir, known in bases.items():
        heirs.setdefault(known[0], []).append(heir)
    names = dict.fromkeys(name for link in family for name in (link.target, link.source))

    def below(name: str, base: str | None, depth: int) -> Iterator[tuple[str, str | None, int, list[str]]]:
        yield name, base, depth, bases.get(name, [])[1:]
        for heir in heirs.get(name, []):
            yield from below(heir, name, depth + 1)

    for name in names:
        if name not in bases:
            yield from below(name, None, 0)


def _is_in(step: StepView, name: str) -> bool:
    own = step.symbol.partition("(")[0]
    return own == name or own.rpartition("." if own.startswith("py:") else "::")[0] == name


def _short(name: str) -> str:
    return name.replace("::", ".").rpartition(".")[2].rpartition(":")[2]
