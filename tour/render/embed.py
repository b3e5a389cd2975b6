"""A tour, or some of its steps, for somebody else's page: a part of it, or a page of its own for an ``<iframe>``.

Both show the same. The part takes its colours and letters from the page around it, which holds ``sheet`` and ``script``
once; the page of its own has all that it needs inside and, by its policy, asks nothing of any host.
What a cell shows as HTML is shown as text: a frame within a frame would need the site's own files.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from html import escape
from typing import Any

from markupsafe import Markup

from tour.crosslinks import plain, relinked
from tour.errors import TourError, UnknownName, nearest
from tour.model import At, Lang
from tour.policy import framed, secured
from tour.recordings import Output
from tour.render import editions, html, outputs, source
from tour.render.places import public_place
from tour.render.words import Words, words
from tour.resources import folder
from tour.views import NEAR, CodeView, RecordingView, StepView, TourView, TreeView

Elsewhere = Callable[[str, str | None], str | None]
"""The address of another tour, or of its step; ``None`` where it has none."""


def nowhere(tour: str, step: str | None) -> None:
    """Of no tour an address is known: links between tours become plain text."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How a part stands in its page."""

    prefix: str = ""
    """Before the ids of steps, so that two tours on a page do not share one."""
    elsewhere: Elsewhere = nowhere
    bare: bool = False
    """Whether it is the whole page: no frame around it, and its headings are the page's."""
    runs: bool = False
    """Whether cells may run on this page: those before the steps that are shown are then there, unseen."""
    present: Collection[str] = ()
    """Steps of the tour whose cells stand further up in the page."""


def stretch(view: TourView, asked: Sequence[str] = ()) -> list[StepView]:
    """The steps that were asked for, in the tour's order: ids, and ``first..last`` with either end left out.

    Without any, all. Raises ``UnknownName`` for a step that the tour lacks, ``TourError`` for a range that runs back.
    """
    ids = [step.id for step in view.steps]
    chosen: set[str] = set()
    for word in asked:
        first, dots, last = word.partition("..")
        ends = [_known(end, ids, view.name) for end in (first or ids[0], (last or ids[-1]) if dots else first)]
        begin, end = (ids.index(one) for one in ends)
        if begin > end:
            raise TourError(f"steps {word} run back: {view.name} has {ends[1]} before {ends[0]}")
        chosen.update(ids[begin : end + 1])
    return [step for step in view.steps if step.id in chosen or not asked]


def _known(step: str, ids: Sequence[str], tour: str) -> str:
    if step in ids:
        return step
    near = nearest(step, ids)
    raise UnknownName(f"{tour} has no step {step!r}", near, hint=None if near else f"Its steps: {', '.join(ids)}.")


def part(view: TourView, asked: Sequence[str] = (), setting: Setting | None = None) -> Markup:
    """The element that shows a tour's steps in its first version; raises what ``stretch`` raises."""
    setting = setting or Setting()
    view = replace(view, steps=tuple(replace(step, code=_near(step.code)) for step in view.steps), editions=())
    chosen = stretch(view, asked)
    whole = len(chosen) == len(view.steps)
    said, each = words(view.lang), editions.editions(view)
    titles = {step.id: f"{step.number}. {plain(step.title)}" for step in view.steps}
    steps = [
        {
            **_cell(step, view, said, setting.prefix),
            "at": At(step.file, step.line) if step.file and step.line else None,
            "link": _place(view, step),
            "prose": _linked(step.prose, view, chosen, setting),
            "figure": Markup(step.figure.svg) if step.figure else None,
            "in": editions.shown(step.id, each, said, _public),
            "onto": titles[step.hop.to] if step.hop else None,
        }
        for step in chosen
    ]
    return Markup(
        html.rendered(
            "embed.html",
            view=view,
            said=said,
            steps=steps,
            hidden=_unseen(view, chosen, said, setting),
            whole=whole,
            bare=setting.bare,
            title_tag="h1" if setting.bare else "p",
            step_tag="h2" if setting.bare else "h3",
            address=setting.elsewhere(view.name, None if whole else chosen[0].id),
            intro=_linked(view.intro, view, chosen, setting) if whole else None,
            questions=[
                tuple(_linked(text, view, chosen, setting) for text in (asked.text, asked.answer))
                for asked in (view.questions if whole else ())
            ],
            onward=_linked(view.onward, view, chosen, setting) if whole else None,
        )
    )


def cell(view: TourView, step: str, setting: Setting) -> Markup:
    """The element that shows the cell of one step; raises ``TourError`` where the tour has no such step or cell."""
    (found,) = stretch(view, [step])
    if found.cell is None:
        having = ", ".join(one.id for one in view.steps if one.cell)
        raise TourError(f"step {step} of {view.name} has no cell", hint=f"Those with one: {having or 'none'}.")
    said = words(view.lang)
    cells = [*_unseen(view, [found], said, setting), _cell(found, view, said, setting.prefix)]
    return Markup(html.rendered("embed-cells.html", lang=view.lang, said=said, cells=cells))


def program(code: str, number: int, lang: str, prefix: str) -> Markup:
    """The element that shows a program of the page's own, its ``number``-th cell; nothing was recorded of it."""
    said = words(lang)
    told = {
        "view": {"number": number, "cell": {"raises": None}},
        "group": f"{prefix}{number}",
        "cell": [Markup(line) for line in source.lines(code, Lang.PYTHON)],
        "shown": [],
        "label": said.say("cell"),
        "output_label": said.say("cell_output_own"),
    }
    return Markup(html.rendered("embed-cells.html", lang=lang, said=said, cells=[told]))


def wrong(sentence: str) -> Markup:
    """The element that says in the page why nothing is shown."""
    told = Markup('<tour-embed class="tour-embed" role="note"><p class="embed-wrong">{}</p></tour-embed>')
    return told.format(sentence)


def kernel(lang: str, version: str = "") -> Markup:
    """The bar that tells of the kernel, once a page; unseen until a kernel answers.

    Lines of torch that a traceback passes lead to their source in PyTorch's ``version``.
    """
    said = words(lang)
    live = {"words": said.live(), "tree": version, "editor": True}
    return Markup(html.rendered("embed-kernel.html", lang=lang, said=said, live=live))


def sheet() -> str:
    """The style sheet as an element. As data, for a page's search would find the words of a ``<style>``."""
    return f'<link rel="stylesheet" href="{_data("text/css", _styles())}">'


def script() -> str:
    """The script as an element, to stand below the parts that it serves."""
    return f'<script src="{_data("text/javascript", _script())}"></script>'


def page(view: TourView, asked: Sequence[str] = (), elsewhere: Elsewhere = nowhere) -> str:
    """A whole page for an ``<iframe>``, which asks nothing of any host; raises what ``stretch`` raises."""
    body = part(view, asked, Setting(elsewhere=elsewhere, bare=True))
    styles, code = Markup(_styles()), Markup(_script())
    text = html.rendered("embed-page.html", view=view, body=body, styles=styles, script=code)
    return secured(text, framed(_script(), _styles()))


def embed(view: TourView, told: Mapping[str, TourView], asked: Sequence[str] = ()) -> str:
    """The page of a tour, or of some steps, among those that are exported together, to which its links lead."""

    def elsewhere(name: str, step: str | None) -> str | None:
        if name == view.name or name not in told:
            return None
        return f"{name}.{view.lang}.html{f'#{step}' if step else ''}"

    return page(view, asked, elsewhere)


@cache
def _styles() -> str:
    return "".join(_asset(name) for name in ("embed.css", "figure.css"))


@cache
def _script() -> str:
    return _asset("embed.js")


def _asset(name: str) -> str:
    return (folder("templates") / "assets" / name).read_text(encoding="utf-8")


def _data(kind: str, text: str) -> str:
    return f"data:{kind};charset=utf-8;base64,{b64encode(text.encode()).decode()}"


def _near(code: CodeView | None) -> CodeView | None:
    """The code with as much around the lit lines as a frame has room for."""
    if code is None:
        return None
    first = max(code.first_line, code.lit[0] - NEAR.before)
    last = min(code.lit[1] + NEAR.after_statement, first + NEAR.most - 1)
    kept = code.lines[first - code.first_line : last + 1 - code.first_line]
    return replace(code, first_line=first, lines=kept, lit=(code.lit[0], min(code.lit[1], last)))


def _public(tree: TreeView, at: At) -> str:
    return public_place(tree.version, at, tree.name) or ""


def _place(view: TourView, step: StepView) -> str | None:
    """The step's lines in the public repository, where that has them."""
    if step.file is None or step.line is None:
        return None
    tree = view.tree_of(step)
    first, last = step.code.lit if step.code else (step.line, step.line)
    return public_place(tree.version, At(step.file, first), tree.name, last)


def _linked(text: str, view: TourView, chosen: Collection[StepView], setting: Setting) -> str:
    """Prose whose links lead to the steps that are shown here, or where ``setting`` says; others are no links."""
    here = {step.id for step in chosen}

    def written(text: str, name: str | None, step: str | None) -> str:
        if name in {None, view.name} and step in here:
            return f"[{text}](#{setting.prefix}{step})"
        address = setting.elsewhere(name or view.name, step)
        return f"[{text}]({escape(address)})" if address else text

    return relinked(text, written).strip()


def _cell(step: StepView, view: TourView, said: Words, prefix: str) -> dict[str, Any]:
    """What the templates need of a step's cell; ``id`` is the step's."""
    return {
        "view": step,
        "id": f"{prefix}{step.id}",
        "group": f"{prefix}{step.id}",
        "cell": [Markup(line) for line in source.lines(step.cell.code, Lang.PYTHON)] if step.cell else None,
        "shown": [_shown(recording, step.number, view, said) for recording in step.recordings],
        "label": said.say("cell_of", number=step.number),
        "output_label": said.say("cell_output", number=step.number),
    }


def _unseen(view: TourView, chosen: Sequence[StepView], said: Words, setting: Setting) -> list[dict[str, Any]]:
    """The cells that those of the chosen steps go on from and that the page does not show."""
    before = view.steps[: view.steps.index(chosen[-1])] if setting.runs else ()
    missing = [step for step in before if step.cell and step not in chosen and step.id not in setting.present]
    return [{**_cell(step, view, said, f"{setting.prefix}unseen-"), "unseen": True} for step in missing]


def _shown(recording: RecordingView, number: int, view: TourView, said: Words) -> dict[str, Any]:
    def linked(file: str, line: int) -> str | None:
        at = recording.places.get((file, line))
        return _public(view.tree, At(file, at)) or None if at else None

    device = recording.device if recording.kind != "cpu" else "CPU"
    label = said.say("cell_label", device=device, torch=recording.torch.partition("+")[0])
    shown = outputs.outputs(
        [_as_text(one) for one in recording.outputs], said.say("cell_output", number=number), "", linked
    )
    return {"view": recording, "label": label, "html": Markup(shown)}


def _as_text(output: Output) -> Output:
    """An output without its HTML."""
    if "text/html" not in output.get("data", {}):
        return output
    return {**output, "data": {kind: value for kind, value in output["data"].items() if kind != "text/html"}}
