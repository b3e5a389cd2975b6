"""A folded call tree as a picture: each call a bar as wide as its time, what it calls below it. SVG, or a page of HTML.

Both stand alone: no script, no font, no request. A bar's whole name, time and place are its tooltip; a bar whose place
is in a release leads to that line in PyTorch's public repository. What ran on an accelerator is a list below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from tour.model import At, Lane
from tour.render.places import public_place
from tour.render.words import words
from tour.witness.calls import Call, kernels
from tour.witness.programs import Passage

WIDTH, ROW = 1200.0, 18
NARROW = 0.6
"""Bars narrower than this are left out."""

LETTER = 6.6
"""Width of a letter, nearly."""

_STYLE = """
text { font: 11px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #1b1b1f; pointer-events: none }
rect { stroke: #fff; stroke-width: .5 }
.python { fill: #9ec5f4 } .dispatcher { fill: #f6c177 } .cpp { fill: #b5d99c } .top { fill: #d9d9e3 }
a:hover rect, a:focus rect { stroke: #1b1b1f; stroke-width: 1 }
@media (prefers-color-scheme: dark) {
  text { fill: #ececf1 } rect { stroke: #16161a }
  .python { fill: #2f5f9e } .dispatcher { fill: #8a5a1a } .cpp { fill: #4b7232 } .top { fill: #3a3a46 }
  a:hover rect, a:focus rect { stroke: #ececf1 }
}
"""


def svg(ran: Passage, title: str, lang: str = "en") -> str:
    """The picture of what ran on the processor."""
    tree = ran.tree
    bars = list(_bars(tree, 0.0, 0, tree.nanoseconds or 1))
    height = (max((depth for _, _, depth, _ in bars), default=0) + 1) * ROW + 4
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {height}" role="img" '
        f'aria-label="{_text(title)}"><title>{_text(title)}</title><style>{_STYLE}</style>'
    ]
    for call, left, depth, width in bars:
        bar = _bar(call, left, depth, width, tree, lang)
        address = _address(call, ran)
        lines.append(f'<a href="{_text(address)}">{bar}</a>' if address else bar)
    return "\n".join([*lines, "</svg>\n"])


def html(ran: Passage, title: str, lang: str = "en") -> str:
    """The picture as a page, with the kernels that ran."""
    return (
        f'<!doctype html>\n<html lang="{lang}"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width">'
        f"<title>{_text(title)}</title><style>:root {{ color-scheme: light dark }} "
        "body { font: 15px system-ui, sans-serif; margin: 1rem } svg { width: 100%; min-width: 700px; height: auto } "
        "div { overflow-x: auto }</style>"
        f"<h1>{_text(title)}</h1><div>{svg(ran, title, lang)}</div>{_kernels(ran, lang)}</html>\n"
    )


def _kernels(ran: Passage, lang: str) -> str:
    said = words(lang)
    lines = []
    for kernel, operators in kernels(ran.tree):
        name = f"<code>{_text(kernel.name)}</code>"
        if address := _address(kernel, ran):
            name = f'<a href="{_text(address)}">{name}</a>'
        told = said.witness(
            "launched",
            count=kernel.count,
            microseconds=f"{kernel.nanoseconds / 1e3:.1f}",
            operators=", ".join(operators),
        )
        lines.append(f"<li>{name}<br>{_text(told)}</li>")
    return f"<h2>{_text(said.witness('kernels', device=ran.device))}</h2><ol>{''.join(lines)}</ol>" if lines else ""


def _address(call: Call, ran: Passage) -> str | None:
    """That line in PyTorch's public repository."""
    version = ran.release if call.lane is Lane.PYTHON else ran.version
    if call.at is None or version is None:
        return None
    file, _, line = call.at.rpartition(":")
    return public_place(version, At(file, int(line))) if line.isdigit() else None


def _bars(call: Call, left: float, depth: int, whole: int) -> Iterator[tuple[Call, float, int, float]]:
    width = call.nanoseconds / whole * WIDTH
    if width < NARROW:
        return
    yield call, left, depth, width
    for below in call.largest():
        if below.lane is Lane.KERNEL:
            continue
        yield from _bars(below, left, depth + 1, whole)
        left += below.nanoseconds / whole * WIDTH


def _bar(call: Call, left: float, depth: int, width: float, tree: Call, lang: str) -> str:
    said = words(lang)
    share = call.nanoseconds / (tree.nanoseconds or 1)
    told = said.witness(
        "bar", name=call.name, count=call.count, milliseconds=f"{call.nanoseconds / 1e6:.1f}", share=f"{share:.1%}"
    )
    if call.at:
        told += f"\n{call.at}"
    y = depth * ROW + 2
    bar = f'<rect class="{"top" if call is tree else call.lane.value}" x="{left:.1f}" y="{y}" '
    bar += f'width="{width:.1f}" height="{ROW - 1}"><title>{_text(told)}</title></rect>'
    letters = int((width - 6) / LETTER)
    if letters >= 3:
        name = call.name if len(call.name) <= letters else "…" + call.name[-letters + 1 :]
        bar += f'<text x="{left + 3:.1f}" y="{y + 13}">{_text(name)}</text>'
    return bar


def _text(text: str) -> str:
    return escape(re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "\ufffd", text))
