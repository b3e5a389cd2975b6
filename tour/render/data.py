"""Views as the JSON that other programs read: the contracts of ``tour trace --json`` and its kin.

``schema`` is raised when a key changes its meaning or goes; new keys may come at any time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tour.model import inside, tree_of

if TYPE_CHECKING:  # a question from an editor waits for nothing that it does not need
    from pathlib import Path

    from tour.answers import Answer
    from tour.cells import Ran, Runner
    from tour.changes import Change
    from tour.excerpts import Excerpts
    from tour.model import At, Link
    from tour.views import AnchorView, Finding, HopView, PathView, StepView, TourView
    from tour.witness.calls import Call
    from tour.witness.programs import Passage
    from tour.witness.records import Sighting
    from tour.witness.routes import Taken
    from tour.witness.runs import Observation

SCHEMA = 1


def dumps(value: Mapping[str, Any]) -> str:
    """JSON text, readable as it stands."""
    return json.dumps(document(value), indent=1, ensure_ascii=False)


def document(value: Mapping[str, Any]) -> dict[str, Any]:
    """The same for those who speak JSON by other means."""
    return {"schema": SCHEMA, **value}


def trace(view: TourView, only: str | None = None) -> dict[str, Any]:
    """``tour trace NAME --json``; ``only`` keeps one step."""
    return {
        "tour": view.name,
        "lang": view.lang,
        "title": view.title,
        "follows": [name for name, _ in view.follows],
        "tree": asdict(view.tree),
        **({"beside": [asdict(tree) for tree in view.beside]} if view.beside else {}),
        "steps": [_step(step) for step in view.steps if only in {None, step.id}],
    }


def witnessed(view: TourView) -> dict[str, int]:
    """How many steps were seen and by what, and how many need something that was not there."""
    counts: dict[str, int] = {"steps": 0, "seen": 0}
    for step in view.steps:
        if step.witness is None:
            continue
        told = step.witness
        by = (told.by if told.state == "seen" else told.why if told.state == "not-run" else None) or told.state
        for key in {"steps", told.state, "author" if told.why == "author" else by}:
            counts[key] = counts.get(key, 0) + 1
    return counts


def run(view: TourView, observed: Observation) -> dict[str, Any]:
    """``tour trace NAME --run --json``: the walk, and what the run gave."""
    record = observed.record
    signal, stack = observed.crash or (None, ())
    return {
        **trace(view),
        "run": {
            **{key: getattr(record, key) for key in ("torch", "release", "python", "device", "date")},
            "counts": witnessed(view),
            "findings": [asdict(finding) for finding in observed.findings],
            "notes": list(observed.notes),
            "seconds": {name: round(seconds, 3) for name, seconds in observed.seconds.items()},
            "crash": {"signal": signal, "stack": [asdict(frame) for frame in stack]} if signal else None,
            "imports": [asdict(module) for module in observed.imports],
        },
    }


def passage(ran: Passage) -> dict[str, Any]:
    """``tour trace --run PROGRAM --json``: the calls as a tree, those of the same way folded, largest first.

    ``places`` says of which releases the files are: Python's those of the torch that ran, others the tree's.
    """
    from tour.witness.calls import kernels

    return {
        **{key: getattr(ran, key) for key in ("torch", "python", "device", "wrong")},
        "places": {"python": ran.release, "tree": ran.version},
        "notes": list(ran.notes),
        "output": ran.ended.output,
        "seconds": round(ran.ended.seconds, 3),
        "imports": [asdict(module) for module in ran.imports],
        "calls": _call(ran.tree),
        "kernels": [
            {
                "name": kernel.name,
                "at": kernel.at,
                "count": kernel.count,
                "seconds": round(kernel.nanoseconds / 1e9, 9),
                "operators": operators,
            }
            for kernel, operators in kernels(ran.tree)
        ],
    }


def _call(call: Call) -> dict[str, Any]:
    return {
        "name": call.name,
        "lane": call.lane.value,
        "at": call.at,
        "count": call.count,
        "seconds": round(call.nanoseconds / 1e9, 6),
        "calls": [_call(below) for below in call.largest()],
    }


def anchor(view: AnchorView) -> dict[str, Any]:
    """``tour anchor FILE:LINE --json``."""
    return {
        "at": {**_in_tree(view.at.file), "line": view.at.line, "end_line": view.end_line},
        "whence": view.whence,
        "anchor": view.anchor.written,
        "found": [
            {
                "version": version,
                "located": place.located,
                **_in_tree(place.symbol.file if place.symbol else None, place.tree),
                "line": place.line or None,
                "end_line": place.end_line or None,
                "note": place.note,
            }
            for version, place in view.found
        ],
        "unread": list(view.unread),
    }


def diff(name: str, before: Any, after: Any, changed: Iterable[Change]) -> dict[str, Any]:
    """``tour diff NAME --from A --to B --json``."""
    return {
        "tour": name,
        "from": tree_row(before),
        "to": tree_row(after),
        "steps": [
            {
                "id": change.step,
                "title": change.title,
                "states": list(change.states),
                "from": {"symbol": change.symbol_before, **(_at(change.before) or {})} if change.before else None,
                "to": {"symbol": change.symbol_after, **(_at(change.after) or {})} if change.after else None,
                "notes": list(change.notes),
                "removed": change.removed,
                "added": change.added,
                "hunks": [
                    [{"from": line.before, "to": line.after, "pieces": list(line.pieces)} for line in hunk]
                    for hunk in change.hunks
                ],
            }
            for change in changed
        ],
    }


def runs(where: Runner, cells: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """``tour run --json``."""
    return {**asdict(where), "cells": list(cells)}


def ran(tour: str, ran: Ran, stored: Path | None) -> list[dict[str, Any]]:
    """The cells of one tour as they ran."""
    return [
        {
            "tour": tour,
            "step": outcome.step,
            "state": outcome.state,
            "seconds": round(outcome.seconds, 3),
            "why": outcome.why,
            "device": ran.facts["device"]["name"],
            "recording": str(stored) if stored else None,
            "outputs": list(outcome.outputs),
        }
        for outcome in ran.outcomes
    ]


def findings(found: Iterable[Finding], checked: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """``tour check --json``."""
    from tour.render.findings import row

    return {"checked": list(checked), "findings": [row(finding) for finding in found]}


def tour_row(view: TourView) -> dict[str, Any]:
    """A tour in one line: how many steps, how many located, how its hops are proven."""
    grades = [step.hop.grade for step in view.steps if step.hop]
    present = [step for step in view.steps if step.located != "absent"]
    return {
        "tour": view.name,
        "title": view.title,
        "steps": len(present),
        "located": sum(step.located != "lost" for step in present),
        "hops": len(grades),
        **{grade: grades.count(grade) for grade in ("exact", "name", "asserted", "none")},
    }


def paths(found: Iterable[PathView], steps: Mapping[str, int]) -> dict[str, Any]:
    """``tour list --path --json``; ``steps`` are those of each tour."""
    return {
        "paths": [
            {
                "id": path.id,
                "title": path.title,
                "for": path.reader,
                "tours": [
                    {"tour": leg.tour, "title": leg.title, "steps": steps[leg.tour], "why": leg.why}
                    for leg in path.legs
                ],
            }
            for path in found
        ]
    }


def tours(tree: Any, views: Iterable[TourView]) -> dict[str, Any]:
    """``tour list --json``."""
    return {"tree": tree.version, "tours": [tour_row(view) for view in views]}


def tree_row(tree: Any, state: str | None = None) -> dict[str, Any]:
    """A tree in one line."""
    row = {"name": tree.name, "version": tree.version, "kind": str(tree.kind), "path": str(tree.root)}
    return row if state is None else {**row, "index": state}


def generated_row(state: str, files: int) -> dict[str, Any]:
    """What a tree has of generated code: ``absent``, ``current`` or ``out of date``, and how many files."""
    return {"state": state, "files": files}


def where(answer: Answer, tree: Any) -> dict[str, Any]:
    """``tour where NAME --json``."""
    return {
        "query": answer.query,
        "tree": tree_row(tree, None),
        "layers": [
            {
                "lane": layer.lane.value,
                "symbol": layer.symbol,
                **_in_tree(layer.at.file if layer.at else None),
                "line": layer.at.line if layer.at else None,
                "dispatch_key": layer.dispatch_key,
                "grade": layer.grade.value,
                "depth": layer.depth,
                "by": layer.by.value if layer.by else None,
            }
            for layer in answer.layers
        ],
        "links": [_link(link) for link in answer.links],
        "tours": [{"tour": tour, "step": step} for tour, step in answer.tours],
        "nearest": list(answer.nearest),
    }


def path(
    origin: str, goal: str, routes: Sequence[Sequence[Link]], tree: Any, ran: Taken | None = None
) -> dict[str, Any]:
    """``tour path A B --json``: the surest route, then the others; with ``--run`` what a run passed of each."""
    told: dict[str, Any] = {
        "from": origin,
        "to": goal,
        "tree": tree_row(tree, None),
        "links": [_link(link) for link in routes[0]] if routes else [],
        "others": [[_link(link) for link in route] for route in routes[1:]],
    }
    if ran is not None:
        run = ran.observation.record
        told["run"] = {
            **{key: getattr(run, key) for key in ("torch", "python", "device", "date")},
            "routes": [
                {"verdict": ran.verdict(route), "places": [_sighting(ran.of(link)) for link in route]}
                for route in routes
            ],
            "notes": list(ran.observation.notes),
            "findings": [found.what for found in ran.observation.findings],
        }
    return told


def source(told: Excerpts, tree: Any) -> dict[str, Any]:
    """Lines of a tree's files, as ``tour mcp`` gives them."""
    return {
        "query": told.query,
        "tree": tree_row(tree, None),
        "excerpts": [
            {
                "symbol": excerpt.symbol,
                **_in_tree(excerpt.file),
                "line": excerpt.first,
                "end_line": excerpt.last,
                "lines": excerpt.of,
                "cut": excerpt.cut,
                "text": excerpt.text,
            }
            for excerpt in told.excerpts
        ],
        "left_out": told.left_out,
    }


def passed(observed: Observation, lang: str) -> dict[str, Any]:
    """What a page is told of cells that ran under watch: each step that can be seen, in words too."""
    from tour.render.words import words

    said = words(lang)
    run = observed.record
    provenance = {key: getattr(run, key) for key in ("torch", "python", "device", "date")}
    steps = []
    for step, sighting in run.steps.items():
        tells = sighting.why and sighting.why != "author" and sighting.state != "not-seen"
        why = "  " + said.why(str(sighting.why), sighting.detail) if tells else ""
        steps.append(
            {
                "id": step,
                "state": sighting.state,
                "count": sighting.count,
                "text": said.witness(sighting.state, count=sighting.count) + why,
                "stack": [{"name": frame.name, "at": frame.at} for frame in sighting.stack],
            }
        )
    seen = sum(step["state"] == "seen" for step in steps)
    return {
        "steps": steps,
        "summary": said.witness("passed", seen=seen, steps=len(steps)),
        "provenance": said.witness("provenance", **provenance),
        "notes": list(observed.notes),
        "wrong": [found.what for found in observed.findings],
    }


def _sighting(sighting: Sighting | None) -> dict[str, Any] | None:
    """What was seen of a place that is no tour's step."""
    return None if sighting is None else asdict(sighting)


def _step(step: StepView) -> dict[str, Any]:
    return {
        "id": step.id,
        "title": step.title,
        "prose": step.prose,
        "symbol": step.symbol,
        "lane": step.lane.value,
        **_in_tree(step.file, step.tree),
        "line": step.line,
        "end_line": step.end_line,
        "located": step.located,
        "note": step.note,
        "cell": {"code": step.cell.code, "raises": step.cell.raises} if step.cell else None,
        "figure": {"file": step.figure.file, "alt": step.figure.alt} if step.figure else None,
        "hop": _hop(step.hop) if step.hop else None,
        "witness": asdict(step.witness) if step.witness else None,
        **({"included": {"tour": step.included.tour, "step": step.included.step}} if step.included else {}),
    }


def _hop(hop: HopView) -> dict[str, Any]:
    return {
        "kind": hop.kind.value,
        "from": hop.origin,
        "to": hop.to,
        "grade": hop.grade,
        "at": _at(hop.at),
        "because": hop.because,
        "links": [_link(link) for link in hop.links],
    }


def _link(link: Link) -> dict[str, Any]:
    return {
        "from": link.source,
        "to": link.target,
        "kind": link.kind.value,
        "grade": link.grade.value,
        "at": _at(link.at),
        "rule": link.rule,
        "candidates": link.candidates,
        "dispatch_key": link.key,
    }


def _at(at: At | None) -> dict[str, Any] | None:
    return {**_in_tree(at.file), "line": at.line} if at else None


def _in_tree(file: str | None, tree: str = "") -> dict[str, Any]:
    """A file from its tree's root; the tree is named where it stands beside the first."""
    tree = tree or tree_of(file or "")
    return {"file": file and inside(file), **({"tree": tree} if tree else {})}
