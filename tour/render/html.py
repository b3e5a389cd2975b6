"""Views as HTML: the body of a tour's page, the list of tours. Jinja2 escapes what it is given.

What comes out of a tour's Markdown is trusted, for it ships with us; what comes out of a source tree never is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import cache
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown import Markdown
from markupsafe import Markup, escape

from tour.crosslinks import relinked
from tour.home import crossings, paths
from tour.model import At, Lang
from tour.policy import policy, secured
from tour.render import editions, family, home_map, lanes, outputs, source
from tour.render.data import tour_row
from tour.render.places import Addresses, source_address
from tour.render.words import Words, words
from tour.resources import folder
from tour.views import RecordingView, TourView, TreeView

EDITOR = "assets/editor.js"
"""Among the templates, where it was built; without it the page edits in a plain text area."""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(folder("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = prose
    environment.filters["inline"] = inline
    environment.filters["ticked"] = ticked
    environment.filters["first_sentence"] = first_sentence
    return environment


@cache
def _markdown() -> Markdown:
    return Markdown(extensions=["fenced_code", "tables", "sane_lists"])


def prose(text: str) -> Markup:
    """A tour's Markdown as HTML."""
    return Markup(_markdown().reset().convert(text))


def inline(text: str) -> Markup:
    """One line of Markdown without a paragraph around it."""
    return Markup(prose(text).removeprefix("<p>").removesuffix("</p>"))


def ticked(text: str) -> Markup:
    """Plain text, of which only what stands in backticks is marked."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def first_sentence(text: str) -> str:
    """What a card says of a tour; Markdown as it stands."""
    found = re.match(r".+?(?:[.](?=\s|$)|。)", text, re.DOTALL)
    return found[0] if found else text


def tour_page(view: TourView, root: str, told: Collection[str] = (), operators: Collection[str] = ()) -> str:
    """The body of a tour's page; ``root`` leads from the page to the site's root, ``../../``.

    ``told`` are the tours that have pages, and ``operators`` the operators: others are named, and not linked.
    """
    addresses = Addresses(view.tree.version, (), operators)
    view = _reaching(view, told) if told else view

    def link(tree: TreeView, at: At) -> str:
        return f"{root}{quote(source_address(tree.version, at.file))}#L{at.line}"

    def first(at: At) -> str:
        return link(view.tree, at)

    said = words(view.lang)
    each = editions.editions(view)
    steps = [
        {
            "view": step,
            "at": At(step.file, step.line) if step.file and step.line else None,
            "in": editions.shown(step.id, each, said, link),
            "cell": [Markup(line) for line in source.lines(step.cell.code, Lang.PYTHON)] if step.cell else None,
            "shown": [_shown(recording, step.number, first, root, said) for recording in step.recordings],
            "group": step.id,
            "label": said.say("cell_of", number=step.number),
            "output_label": said.say("cell_output", number=step.number),
            "figure": Markup(step.figure.svg) if step.figure else None,
        }
        for step in view.steps
    ]
    live = {
        "words": said.live(),
        "tree": view.tree.version,
        "root": root,
        "editor": (folder("templates") / EDITOR).is_file(),
    }
    return rendered(
        "tour.html",
        view=view,
        steps=steps,
        editions=each,
        said=said,
        link=first,
        picture=Markup(lanes.svg(view, said)),
        family=Markup(family.svg(view, said)) if view.family else None,
        lanes=len({step.lane for step in view.steps}),
        told=told,
        paths=[path.of(told) if told else path for path in view.paths],
        operator=lambda symbol: addresses.operator(symbol.partition("(")[0], root),
        live=live if any(step["cell"] for step in steps) else None,
    )


def _reaching(view: TourView, told: Collection[str]) -> TourView:
    """A tour whose prose links to those alone that have pages."""

    def written(text: str, tour: str | None, step: str | None) -> str:
        if tour is not None and tour not in told:
            return text
        return f"[{text}]({f'../{tour}/' if tour else ''}{f'#{step}' if step else ''})"

    def relink(text: str) -> str:
        return relinked(text, written)

    return replace(
        view,
        intro=relink(view.intro),
        onward=relink(view.onward),
        steps=tuple(replace(step, prose=relink(step.prose)) for step in view.steps),
        questions=tuple(
            replace(asked, text=relink(asked.text), answer=relink(asked.answer)) for asked in view.questions
        ),
    )


def _shown(recording: RecordingView, number: int, link: Callable[[At], str], root: str, said: Words) -> dict[str, Any]:
    """What a cell showed in one recorded run."""

    def linked(file: str, line: int) -> str | None:
        at = recording.places.get((file, line))
        return link(At(file, at)) if at else None

    device = recording.device if recording.kind != "cpu" else "CPU"
    shown = outputs.outputs(
        recording.outputs, said.say("cell_output", number=number), f"{root}assets/tour/cells.css", linked
    )
    label = said.say("cell_label", device=device, torch=recording.torch.partition("+")[0])
    return {"view": recording, "label": label, "html": Markup(shown)}


def tour_list(views: Sequence[TourView], lang: str, root: str) -> str:
    """The tours as a list of cards; ``root`` leads to the site's root of this language."""
    cards = [
        {
            "view": view,
            "row": tour_row(view),
            "address": f"{root}tours/{view.name}/",
            "sketch": Markup(lanes.sketch(view)),
        }
        for view in views
    ]
    return rendered("tours.html", cards=cards, said=words(lang))


def home(views: Sequence[TourView], lang: str, root: str) -> str:
    """What stands below the first page's own words: where to start, and the map of the tours."""
    said = words(lang)
    found = crossings(views)
    return rendered(
        "home.html",
        said=said,
        root=root,
        paths=paths(views),
        map=Markup(home_map.svg(views, found, said, root)) if found else None,
        count=len(views),
        steps={view.name: len(view.steps) for view in views},
    )


def filled(template: str, **values: Any) -> str:
    """A whole page of its own from a template of ours; what it is given is escaped unless it is ``Markup``."""
    return secured(rendered(template, **values), policy())


def rendered(template: str, **values: Any) -> str:
    """A template of ours, filled in; what it is given is escaped unless it is ``Markup``."""
    return _environment().get_template(template).render(**values)
