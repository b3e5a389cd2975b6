"""A tour as one Markdown file that reads well on a forge: permalinks, the code under them, the lanes as Mermaid.

Forges draw a ``mermaid`` fence; the lanes are the participants of a sequence diagram, for that keeps their order.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from html import escape

from tour.crosslinks import plain, relinked
from tour.model import At, Lane
from tour.render.places import public_place
from tour.render.words import Words, words
from tour.views import RecordingView, StepView, TourView

MOST = 24
"""Lines of a step's code that are shown."""

_FENCES = {"python": "python", "c": "c", "cpp": "cpp", "cuda": "cuda", "operators": "yaml", "derivatives": "yaml"}


def markdown(view: TourView, told: Mapping[str, TourView]) -> str:
    """The file's text; ``told`` are the tours that are exported with it, by name, for links to them."""
    said = words(view.lang)
    parts = opening(view, told, said)
    for step in view.steps:
        parts += [
            heading(step),
            where(step, view, said),
            origin(step, view, told, said),
            linked(step.prose, view, told),
        ]
        parts += _shown(step, said)
        parts.append(marks(step, view, said))
    parts += closing(view, told, said)
    return "\n\n".join(part for part in parts if part) + "\n"


def opening(view: TourView, told: Collection[str], said: Words, ending: str = "md") -> list[str]:
    """The title, what is told and where, the first paragraph, and the lanes."""
    meta = f"{said.say('source_of', trees=view.trees)} · {said.say('steps_count', steps=len(view.steps))}"
    on = [
        said.say("path_place", path=path.title, number=path.place(view.name), of=len(path.legs)) for path in view.paths
    ]
    meta = "\\\n".join([meta, *on])
    return [f"# {view.title}", meta, linked(view.intro, view, told, ending), f"```mermaid\n{lanes(view, said)}\n```"]


def heading(step: StepView) -> str:
    """A step's heading, with the name that links lead to."""
    return f'<a id="{step.id}"></a>\n\n## {step.number}. {step.title}'


def linked(text: str, view: TourView, told: Collection[str], ending: str = "md") -> str:
    """Prose whose links lead to the files of the tours that are exported together; others are no links."""

    def written(text: str, name: str | None, step: str | None) -> str:
        anchor = f"#{step}" if step else ""
        if name is None:
            return f"[{text}]({anchor})"
        return f"[{text}]({name}.{view.lang}.{ending}{anchor})" if name in told else text

    return relinked(text, written).strip()


def where(step: StepView, view: TourView, said: Words) -> str:
    """Lane, symbol and place, with a link to the lines in the public repository where that has them."""
    told = f"{said.lane(step.lane)} · `{step.symbol}`"
    if step.file is None or step.line is None or step.code is None:
        return told
    at = At(step.file, step.line)
    tree = view.tree_of(step)
    address = public_place(tree.version, At(step.file, step.code.lit[0]), tree.name, step.code.lit[1])
    return f"[`{at}`]({address}) · {told}" if address else f"`{at}` · {told}"


def origin(step: StepView, view: TourView, told: Collection[str], said: Words, ending: str = "md") -> str:
    """Which tour a step is taken from, with a link to it there."""
    if step.included is None:
        return ""
    tour = f"[{plain(step.included.title)}](../{step.included.tour}/#{step.included.step})"
    return f"*{linked(said.say('taken_from', tour=tour), view, told, ending)}*"


def code(step: StepView) -> str:
    """The lit lines in a fence."""
    if step.code is None:
        return ""
    first, last = step.code.lit
    start = first - step.code.first_line
    lit = step.code.lines[start : start + min(last - first + 1, MOST)]
    text = "\n".join([*lit, *(["…"] if last - first + 1 > len(lit) else [])])
    return fenced(text, _FENCES.get(step.code.lang.value, ""))


def fenced(text: str, lang: str) -> str:
    """A fence longer than any run of backticks in the text."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{lang}\n{text}\n{fence}"


def _shown(step: StepView, said: Words) -> list[str]:
    parts = [code(step), figure(step, said)]
    if step.cell:
        parts.append(f"**{said.say('cell')}**\n\n{fenced(step.cell.code.rstrip(), 'python')}")
        recording = recorded(step)
        if recording and (text := "".join(_text(output) for output in recording.outputs).rstrip()):
            label = said.say("cell_label", device=recording.device, torch=recording.torch)
            parts.append(f"{label}:\n\n{fenced(text, 'text')}")
    return parts


def figure(step: StepView, said: Words) -> str:
    """What a step's drawing shows, in words."""
    return f"*{said.say('figure')} {step.figure.alt}*" if step.figure else ""


def recorded(step: StepView) -> RecordingView | None:
    """The first recording that the step's program was not changed after."""
    return next((one for one in step.recordings if not one.stale), None)


def _text(output: Mapping[str, object]) -> str:
    """What an output says in plain text."""
    if output["output_type"] == "stream":
        return _joined(output["text"])
    if output["output_type"] == "error":
        return f"{output['ename']}: {output['evalue']}\n"
    data = output.get("data")
    return f"{_joined(data['text/plain'])}\n" if isinstance(data, Mapping) and "text/plain" in data else ""


def _joined(text: object) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", "".join(text) if isinstance(text, list) else str(text))


def marks(step: StepView, view: TourView, said: Words) -> str:
    """How the step was found, and the hop that leads on."""
    told = [said.mark(step.located, view.version_of(step)) + (f": {step.note}" if step.note else "")]
    if step.hop:
        to = next((one for one in view.steps if one.id == step.hop.to), None)
        arrow = f"→ {said.hop(step.hop.kind)}" + (f" [{to.number}. {plain(to.title)}](#{to.id})" if to else "")
        at = f" (`{step.hop.at}`)" if step.hop.at else ""
        told.append(f"{arrow}{at}, {said.grade(step.hop.grade)}")
    return f"<sub>{' · '.join(told)}</sub>"


def closing(view: TourView, told: Collection[str], said: Words, ending: str = "md") -> list[str]:
    """The questions with their answers folded away, and where to go from here."""
    parts = [f"## {said.say('questions')}"] if view.questions else []
    for asked in view.questions:
        text, answer = (linked(part, view, told, ending) for part in (asked.text, asked.answer))
        parts.append(f"<details>\n<summary>{_summary(text)}</summary>\n\n{answer}\n\n</details>")
    return [
        *parts,
        f"## {view.onward_title}",
        linked(view.onward, view, told, ending),
        *ahead(view, told, said, ending),
    ]


def ahead(view: TourView, told: Collection[str], said: Words, ending: str = "md") -> list[str]:
    """What comes next on each learning path that the tour is on."""
    legs = [(path, leg) for path in view.paths if (leg := path.following(view.name))]
    return [
        linked(
            f"**{said.say('path_next', path=path.title)}** [{plain(leg.title)}](../{leg.tour}/). {leg.why}",
            view,
            told,
            ending,
        )
        for path, leg in legs
    ]


def _summary(text: str) -> str:
    """One line of Markdown where a forge reads none: code as HTML, the rest escaped."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", " ".join(escape(text, quote=False).split()))


def lanes(view: TourView, said: Words) -> str:
    """The path in lanes, as a Mermaid sequence diagram: solid where a hop is exact, dashed where it is not."""
    present = [lane for lane in Lane if any(step.lane is lane for step in view.steps)]
    lines = ["sequenceDiagram", *(f"    participant {lane.value} as {_label(said.lane(lane))}" for lane in present)]
    by_id = {step.id: step for step in view.steps}
    arriving = {step.hop.to: step.hop for step in view.steps if step.hop}
    for step in view.steps:
        hop = arriving.get(step.id)
        text = f"{step.number}. {_label(plain(step.title))}"
        if hop is None:
            lines.append(f"    Note over {step.lane.value}: {text}")
        else:
            arrow = "->>" if hop.grade == "exact" else "-->>"
            lines.append(f"    {by_id[hop.origin].lane.value}{arrow}{step.lane.value}: {text}")
    return "\n".join(lines)


def _label(text: str) -> str:
    """Text that Mermaid takes as text: what ends a message or begins an entity is written by number."""
    return "".join(f"#{ord(one)};" if one in '#;<>{}%"' else one for one in " ".join(text.split()))
