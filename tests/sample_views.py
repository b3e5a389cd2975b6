"""A tour that no tree holds: every lane, every way of being found, every grade; and text that tries to break out."""

from __future__ import annotations

from tour.model import At, Grade, Lane, Lang, Link, LinkKind
from tour.tours import Cell, Question
from tour.views import CodeView, FigureView, HopView, MarkView, RecordingView, SourceView, StepView, TourView, TreeView

HOSTILE = "</script></code></pre><script>alert(1)</script><img src=x onerror=alert(1)>"
FILE = f"csrc/a b#c?100%&'{HOSTILE.replace('/', '')}.cpp"
"""A file may bear any name that the file system takes."""
TREE = TreeView("9.1.0", "/nowhere", "folder")
STATES = ("exact", "former", "moved", "changed", "lost", "absent", "exact")
GRADES = ("exact", "name", "asserted", "none", "exact", "exact")
TITLES = {"en": "Step", "zh": "步骤"}


def link(grade: Grade, candidates: int = 1) -> Link:
    return Link(LinkKind.CALLS, "py:a", f"cpp:{HOSTILE}", None, At(FILE, 3), "calls/scope", grade, candidates)


def hop(number: int, grade: str) -> HopView:
    links = {
        "exact": (link(Grade.EXACT), link(Grade.EXACT)),
        "name": (link(Grade.NAME, 3),),
        "asserted": (link(Grade.ASSERTED),),
        "none": (),
    }[grade]
    return HopView(
        kind=LinkKind.CALLS,
        origin="s2" if number == 5 else f"s{number}",
        to=f"s{number + 1}",
        grade=grade,
        at=At(FILE, 3) if links else None,
        because=f"because {HOSTILE}" if grade == "asserted" else None,
        links=links,
    )


def recording(name: str, kind: str, stale: bool = False) -> RecordingView:
    """One of each kind of output, each of which tries to break out."""
    outputs = (
        {"output_type": "stream", "name": "stdout", "text": f"\x1b[31mred\x1b[0m {HOSTILE}\n10%\r100%\n"},
        {"output_type": "stream", "name": "stderr", "text": HOSTILE},
        {"output_type": "display_data", "data": {"text/html": f"<table><tr><td>{HOSTILE}\"'></td></tr></table>"}},
        {"output_type": "display_data", "data": {"image/svg+xml": f"<svg>{HOSTILE}</svg>"}},
        {"output_type": "display_data", "data": {"image/png": f'iVBORw0KGgo="{HOSTILE}'}},
        {"output_type": "execute_result", "data": {"text/plain": HOSTILE}},
        {
            "output_type": "error",
            "ename": HOSTILE,
            "evalue": HOSTILE,
            "traceback": [HOSTILE, "\x1b[36mFile \x1b[39m\x1b[32m/x/torch/nn/f.py:7\x1b[39m, in f", "-> 7 g()"],
        },
    )
    return RecordingView(name, f"Device {HOSTILE}", kind, "9.0.0+x", "3.11", "2026-01-02", 0.5, stale, outputs, {})


def step(number: int, lane: Lane, lang: str) -> StepView:
    located = STATES[number - 1]
    found = located not in {"lost", "absent"}
    code = CodeView(FILE, Lang.CPP, 1, ("int a;", "", f'char* f() {{ return "{HOSTILE}"; }}', "\tint b;"), (3, 3))
    return StepView(
        id=f"s{number}",
        number=number,
        title=f"{TITLES[lang]} `{number}`",
        prose=f"Prose of {number}, see [the first](#s1).",
        lane=lane,
        symbol=f"cpp:f{number}::{HOSTILE}",
        file=FILE if found else None,
        line=3 if found else None,
        end_line=3 if found else None,
        located=located,
        note=None if located == "exact" else f"note {HOSTILE}",
        code=code if found else None,
        cell=Cell(f"print({HOSTILE!r})\nx = 1", "ValueError" if number == 2 else None, 1) if number < 3 else None,
        figure=FigureView("a.svg", '<svg class="tour-drawing"></svg>', f"Drawn {HOSTILE}") if number == 1 else None,
        hop=hop(number, GRADES[number - 1]) if number < len(STATES) else None,
        recordings=(recording("cpu", "cpu"), recording("h200", "cuda", stale=True))[: 3 - number] if number < 3 else (),
    )


def tour(lang: str) -> TourView:
    steps = tuple(step(number, lane, lang) for number, lane in enumerate(Lane, start=1))
    return TourView(
        name="sample",
        lang=lang,
        title=f"A `sample` {lang}",
        intro="What it shows. More.",
        follows=(("sample", f"A `sample` {lang}"), ("other", f"The `other` {lang}")),
        steps=steps,
        questions=(Question("Why `s1`?", "Because of [the first](#s1)."),),
        onward_title="Onward",
        onward="Go on.",
        tree=TREE,
    )


def source(lines: int = 500) -> SourceView:
    text = "".join(f"int f{number}(); // {HOSTILE}\n" for number in range(1, lines + 1))
    return SourceView(
        FILE,
        Lang.CPP,
        text,
        (MarkView(3, 3, "sample", "s1", 1), MarkView(3, 3, "sample", "s2", 2)),
        TREE,
    )
