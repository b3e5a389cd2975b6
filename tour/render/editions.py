"""A step in each version as its page shows it: the code with its lit lines, what changed, and the three marks.

The first version is number 0, the others count on from 1; what changed between the first and number N is ``cN``. The
page shows what bears the reader's choice: without a script, the first version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from markupsafe import Markup

from tour.changes import Change, Line
from tour.model import At, Lang, Link
from tour.render import source
from tour.render.places import public_place
from tour.render.words import Words
from tour.views import CodeView, EditionView, HopView, StepView, TourView, TreeView, WitnessView

MOST = 240
"""Lines of one step's changes that a page shows."""

Linked = Callable[[TreeView, At], str]
"""The address of a line's source page."""


@dataclass(frozen=True, slots=True)
class Edition:
    """One of the versions that a page shows."""

    number: int
    tree: TreeView
    beside: tuple[TreeView, ...]
    steps: Mapping[str, StepView]
    arriving: Mapping[str, HopView]
    """By step, the hop that leads to it."""
    view: EditionView | None
    """``None`` for the first."""

    def tree_of(self, step: StepView) -> TreeView:
        """The tree that a step is in."""
        return next((tree for tree in self.beside if tree.name == step.tree), self.tree)

    def version_of(self, step: StepView) -> str:
        """The version that a step was looked for in: PyTorch's alone, a project's with its name."""
        return next((tree.title for tree in self.beside if tree.name == step.tree), self.tree.version)


def editions(view: TourView) -> list[Edition]:
    """The versions of a page, the first one first."""
    each: list[tuple[TreeView, tuple[TreeView, ...], Mapping[str, StepView], EditionView | None]] = [
        (view.tree, view.beside, {step.id: step for step in view.steps}, None)
    ]
    each += [(edition.tree, edition.beside, edition.steps, edition) for edition in view.editions]
    return [
        Edition(number, tree, beside, steps, {step.hop.to: step.hop for step in steps.values() if step.hop}, edition)
        for number, (tree, beside, steps, edition) in enumerate(each)
    ]


def shown(step: str, each: list[Edition], said: Words, link: Linked) -> dict[str, Any]:
    """What the template needs of one step in every version."""
    unchanged = {
        edition.number
        for edition in each
        if edition.view is not None and not edition.view.changes[step].hunks and edition.steps[step].code
    }
    codes = [_code(edition.steps[step], edition, unchanged, said, link) for edition in each]
    changed = [
        _changed(edition.view.changes[step], edition, each[0], said)
        for edition in each
        if edition.view is not None and edition.number not in unchanged
    ]
    return {
        "codes": [code for code in codes if code],
        "changed": changed,
        "marks": [_marks(step, edition, each, said, link) for edition in each],
        "hops": [hop for edition in each if (hop := _hop(step, edition, said, link))],
    }


def _code(step: StepView, edition: Edition, unchanged: set[int], said: Words, link: Linked) -> dict[str, Any] | None:
    """The figure of one version; a version that lacks the step says so, and the only one shows nothing then."""
    on = [str(edition.number)]
    on += [f"c{number}" for number in sorted(unchanged)] if edition.number == 0 else []
    told: dict[str, Any] = {"on": " ".join(on), "tree": edition.version_of(step)}
    if step.code is None or step.file is None or step.line is None:
        return {**told, "lines": None, "missing": said.mark(step.located, edition.version_of(step))}
    first, last = step.code.lit
    tree = edition.tree_of(step)
    return {
        **told,
        "lines": _lines(step.code),
        "at": At(step.file, step.line),
        "link": link(edition.tree, At(step.file, step.line)),
        "public": public_place(tree.version, At(step.file, first), tree.name, last),
        "missing": None,
    }


def _lines(code: CodeView) -> list[dict[str, Any]]:
    first, last = code.lit
    return [
        {"number": number, "html": line, "lit": first <= number <= last}
        for number, line in enumerate(_coloured(code.lines, code.lang), start=code.first_line)
    ]


@lru_cache(4096)
def _coloured(lines: tuple[str, ...], lang: Lang) -> tuple[Markup, ...]:
    """The same in both languages of the site, and in a version that did not change: coloured once."""
    return tuple(Markup(line) for line in source.lines("\n".join(lines), lang))


def _changed(change: Change, edition: Edition, first: Edition, said: Words) -> dict[str, Any]:
    """The figure of what changed between a version and the first, the older one on the left of the arrow."""
    hunks: list[list[dict[str, Any]]] = []
    count = 0
    for hunk in change.hunks:
        hunks.append([_piece(line) for line in hunk[: max(0, MOST - count)]])
        count += len(hunk)
    return {
        "on": f"c{edition.number}",
        "title": _span(edition, first),
        "what": _what(change, said),
        "before": change.before,
        "after": change.after,
        "hunks": [hunk for hunk in hunks if hunk],
        "more": count - MOST if count > MOST else 0,
    }


def _piece(line: Line) -> dict[str, Any]:
    kinds = {kind for kind, _ in line.pieces}
    whole = "-" if kinds == {"-"} else "+" if kinds == {"+"} else "±" if kinds & {"+", "-"} else ""
    return {"before": line.before, "after": line.after, "pieces": line.pieces, "whole": whole}


def _span(edition: Edition, first: Edition) -> str:
    assert edition.view is not None
    old, new = (first, edition) if edition.view.newer else (edition, first)
    return f"{old.tree.version} → {new.tree.version}"


def _what(change: Change, said: Words) -> str:
    what = said.say("comma").join(said.change(state) for state in change.states)
    lines = f" −{change.removed} +{change.added}" if change.removed or change.added else ""
    return what + lines


def _marks(step: str, edition: Edition, each: list[Edition], said: Words, link: Linked) -> dict[str, Any]:
    """Located, proven, witnessed: in one version."""
    view = edition.steps[step]
    other = edition if edition.view is not None else each[1] if len(each) > 1 else None
    change = None
    if other is not None and other.view is not None:
        change = {
            "show": f"c{other.number}",
            "text": said.say("changed_mark", span=_span(other, each[0]), what=_what(other.view.changes[step], said)),
            "same": not other.view.changes[step].hunks,
        }
    arriving = edition.arriving.get(step) if view.located not in {"absent", "lost"} else None
    return {
        "at": edition.number,
        "located": view.located,
        "text": said.mark(view.located, edition.version_of(view))
        if view.has_tree
        else said.say("no_tree", tree=view.tree),
        "note": view.note if view.has_tree else None,
        "change": change,
        "proven": _proven(arriving, edition, said, link) if arriving else None,
        "witness": _witness(view.witness, edition, said) if view.witness else None,
    }


def _proven(hop: HopView, edition: Edition, said: Words, link: Linked) -> dict[str, Any]:
    """How one comes to a step: each fact with its place."""
    origin = edition.steps[hop.origin]
    return {
        "grade": hop.grade,
        "text": said.proven(hop.grade),
        "from": said.say("proven_from", number=origin.number, kind=said.hop(hop.kind)),
        "facts": [fact for one in hop.links for fact in _fact(one, edition, said, link)],
        "because": said.say("because", reason=hop.because) if hop.because else None,
        "at": hop.at if not hop.links else None,
        "link": link(edition.tree, hop.at) if hop.at else None,
    }


def _fact(one: Link, edition: Edition, said: Words, link: Linked) -> Iterator[dict[str, Any]]:
    candidates = said.say("candidates", count=one.candidates) if one.candidates > 1 else None
    yield {
        "source": one.source.partition(":")[2],
        "kind": said.hop(one.kind),
        "target": one.target.partition(":")[2],
        "at": one.at,
        "link": link(edition.tree, one.at),
        "grade": said.grade(one.grade.value),
        "candidates": candidates,
    }


def _witness(seen: WitnessView, edition: Edition, said: Words) -> dict[str, Any]:
    """What a run saw of a step, in a word, and the rest for who asks."""
    cell = edition.steps.get(seen.cell) if seen.cell else None
    torch = seen.torch.partition("+")[0]
    device = "CPU" if seen.device == "cpu" else seen.device
    return {
        "state": seen.state if seen.why != "author" else "author",
        "text": said.say("seen_in", count=seen.count, torch=torch, device=device)
        if seen.state == "seen"
        else said.witness(seen.state),
        "by": said.by(seen.by) if seen.by else None,
        "why": said.why(seen.why, seen.detail) if seen.why else None,
        "run": said.witness("provenance", torch=seen.torch, python=seen.python, device=seen.device, date=seen.date),
        "cell": {"id": cell.id, "text": said.say("cell_of", number=cell.number)} if cell else None,
        "stack": seen.stack[:12],
    }


def _hop(step: str, edition: Edition, said: Words, link: Linked) -> dict[str, Any] | None:
    """What the line between two steps says."""
    hop = edition.steps[step].hop
    if hop is None:
        return None
    way = " → ".join(one.target.partition(":")[2] for one in hop.links[:-1])
    candidates = max((one.candidates for one in hop.links), default=1)
    back = said.say("hop_back", number=edition.steps[hop.origin].number) if hop.origin != step else None
    return {
        "edition": edition.number,
        "view": hop,
        "link": link(edition.tree, hop.at) if hop.at else None,
        "back": back,
        "way": said.say("through", way=way) if way else None,
        "candidates": said.say("candidates", count=candidates) if candidates > 1 else None,
        "because": said.say("because", reason=hop.because) if hop.because else None,
    }
