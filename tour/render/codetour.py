"""A tour as a file of VS Code's CodeTour extension (``schema.json`` of github.com/microsoft/codetour).

The player takes a ``line`` where there is one and looks for a ``pattern`` only without: so a step says by a pattern
where it is, which survives edits elsewhere in the file, unless the line's text stands in the file before. What has no
place in the checkout (the first paragraph, a step in another tree, the questions) becomes a step without a file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from tour.crosslinks import plain, relinked
from tour.render.places import is_release
from tour.render.words import Words, words
from tour.views import StepView, TourView

MARK = "<!-- tour: {step} -->"
"""After it stands what is no prose. No player shows it; ``tour import`` takes the step's id from it."""
SCHEMA = "https://aka.ms/codetour-schema"
_SPECIAL = re.compile(r"[\\^$.*+?()\[\]{}|]")


def codetour(view: TourView, told: Mapping[str, TourView]) -> str:
    """The text of a ``.tour`` file; ``told`` are the tours that are exported with it, by name, for links to them."""
    said = words(view.lang)
    tours = {**told, view.name: view}
    steps = [{"title": plain(view.title), "description": _linked(_opening(view, said), view, tours)}]
    steps += [_step(step, view, tours, said) for step in view.steps]
    steps += [{"title": plain(view.onward_title), "description": _linked(_closing(view, said), view, tours)}]
    tour: dict[str, Any] = {"$schema": SCHEMA, "title": plain(view.title), "description": plain(_first(view.intro))}
    if is_release(view.tree.version, view.tree.name):
        tour["ref"] = f"v{view.tree.version}"
    if any(path.number == 1 and path.place(view.name) == 1 for path in view.paths):
        tour["isPrimary"] = True
    if following := _following(view, told):
        tour["nextTour"] = plain(following.title)
    return json.dumps({**tour, "steps": steps}, indent=2, ensure_ascii=False) + "\n"


def _following(view: TourView, told: Mapping[str, TourView]) -> TourView | None:
    """The tour to go on with: the next on a learning path, else one that takes this one as known."""
    ahead = [told[leg.tour] for path in view.paths if (leg := path.following(view.name)) and leg.tour in told]
    others = [other for other in told.values() if other.name != view.name]
    return next(iter([*ahead, *(one for one in others if view.name in {name for name, _ in one.follows})]), None)


def _first(text: str) -> str:
    return text.strip().partition("\n")[0]


def _step(step: StepView, view: TourView, tours: Mapping[str, TourView], said: Words) -> dict[str, Any]:
    parts = [_linked(step.prose, view, tours), MARK.format(step=step.id), f"{said.lane(step.lane)} · `{step.symbol}`"]
    if step.included:
        tour = f"[{plain(step.included.title)}](../{step.included.tour}/#{step.included.step})"
        parts.append(_linked(said.say("taken_from", tour=tour), view, tours))
    if step.figure:
        parts.append(f"{said.say('figure')} {step.figure.alt}")
    if step.cell:
        parts.append(f"{said.say('cell')}\n\n```python\n{step.cell.code.rstrip()}\n```")
    if step.hop and step.hop.at:
        parts.append(f"→ {said.hop(step.hop.kind)} `{step.hop.at}` · {said.grade(step.hop.grade)}")
    if step.located not in {"exact", "former"}:
        parts.append(f"{said.mark(step.located, view.version_of(step))}{f': {step.note}' if step.note else ''}")
    place = {} if step.tree or step.file is None else {"file": step.file, **_place(step)}
    return {**place, "title": f"{step.number}. {plain(step.title)}", "description": "\n\n".join(parts)}


def _place(step: StepView) -> dict[str, Any]:
    """Where in its file a step is: a pattern where the first line that it finds is the step's."""
    if step.code is not None and step.code.is_first and step.code.line.strip():
        return {"pattern": f"^{_SPECIAL.sub(_escaped, step.code.line)}$"}
    return {"line": step.line}


def _escaped(found: re.Match[str]) -> str:
    return f"\\{found[0]}"


def _opening(view: TourView, said: Words) -> str:
    on = [
        said.say("path_place", path=path.title, number=path.place(view.name), of=len(path.legs)) for path in view.paths
    ]
    return "\n\n".join([view.intro, *on])


def _closing(view: TourView, said: Words) -> str:
    asked = [f"**{question.text.strip()}**\n\n{question.answer.strip()}" for question in view.questions]
    questions = [f"## {said.say('questions')}", *asked] if asked else []
    ahead = [
        f"**{said.say('path_next', path=path.title)}** [{plain(leg.title)}](../{leg.tour}/). {leg.why}"
        for path in view.paths
        if (leg := path.following(view.name))
    ]
    return "\n\n".join([view.onward.strip(), *ahead, *questions])


def _linked(text: str, view: TourView, tours: Mapping[str, TourView]) -> str:
    """Links as CodeTour writes them: ``[text][Title#4]``, and no link to what it does not have."""

    def written(text: str, name: str | None, step: str | None) -> str:
        other = tours.get(name) if name else view
        if other is None:
            return text
        number = next((one.number + 1 for one in other.steps if one.id == step), None)
        if step is not None and number is None:
            number = len(other.steps) + 2
        target = f"{'' if other is view else plain(other.title)}{f'#{number}' if number else ''}"
        return f"[{text}][{target}]" if target else text

    return relinked(text, written).strip()
