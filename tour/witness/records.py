"""What was seen of a tour's steps in a run, and how it is kept with the tour.

A record is one run, ``annotations/<tour>/witness/<torch's release>-<device>.json``. It names steps by their id and
holds for a step only as long as the step's anchor is the one that was watched. Of several records the one whose torch
comes nearest to a tree's version speaks for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tour.errors import AnnotationError
from tour.tours import Anchor

FOLDER = "witness"
"""Beside ``tour.yaml``."""

STATES = ("seen", "not-seen", "not-visible", "not-run")
"""``not-visible``: this binary has no symbol to stop at. ``not-run``: nobody could look; ``why`` says what it takes."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One function on the stack, innermost first."""

    name: str
    """Qualified, without parameters and template arguments."""
    layer: str
    """``native``, ``operator`` or ``python``."""
    at: str | None = None
    """``file:line`` of a Python frame; the file is relative to the folder that holds torch, where it is there."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What became of one step in a run."""

    anchor: str
    """The symbol that the step named then, with its statement where there is one."""
    state: str
    """One of ``STATES``."""
    by: str | None = None
    """``python``, ``native``, ``operator`` or ``profiler``; ``None`` where nobody looked."""
    count: int = 0
    detail: str | None = None
    """What was seen in its place, or how: names and figures."""
    why: str | None = None
    """Why it was not seen, or what to mind: ``gpu``, ``gdb``, ``inlined``, ``stripped``, ``build``, ``author``, …"""
    cell: str | None = None
    """Id of the step whose cell was running when it was seen first."""
    stack: tuple[Frame, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """One run of a tour."""

    tour: str
    torch: str
    """As the package says: ``2.13.0+cpu``."""
    release: str
    """Its release number: ``2.13.0``."""
    python: str
    device: str
    """``cpu``, or the accelerator's name."""
    date: str
    """Of the run that first gave this content: ``2026-11-27``."""
    steps: Mapping[str, Sighting]
    """By step id, in the tour's order."""


def watched(anchor: Anchor) -> str:
    """What a record keeps of an anchor: a step whose anchor says something else since was not watched."""
    parts = [anchor.symbol, anchor.file, anchor.after, anchor.statement, anchor.through]
    return " | ".join(" ".join(part.split()) for part in parts if part)


def read(folder: Path) -> list[Record]:
    """The records of a tour, whose folder this is; raises ``AnnotationError`` for one that cannot be read."""
    return [_read(file) for file in sorted((folder / FOLDER).glob("*.json"))]


def _read(file: Path) -> Record:
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        steps = {
            step: Sighting(**{**fields, "stack": tuple(Frame(**frame) for frame in fields.get("stack", ()))})
            for step, fields in kept["steps"].items()
        }
        provenance = {key: kept[key] for key in ("tour", "torch", "release", "python", "device", "date")}
        return Record(**provenance, steps=steps)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "Take it away, or make it anew with `tour trace NAME --run --record`."
        raise AnnotationError(f"this is no record of a run: {error}", at=str(file), hint=hint) from None


def fields(record: Record) -> dict[str, Any]:
    """A record as plain data, without what says nothing."""
    steps = {
        step: {
            key: value
            for key, value in (asdict(sighting) | {"stack": [_frame(frame) for frame in sighting.stack]}).items()
            if value or key == "state"
        }
        for step, sighting in record.steps.items()
    }
    provenance = {key: getattr(record, key) for key in ("tour", "torch", "release", "python", "device", "date")}
    return {"schema": 1, **provenance, "steps": steps}


def _frame(frame: Frame) -> dict[str, str]:
    return {key: value for key, value in asdict(frame).items() if value is not None}


def write(record: Record, folder: Path) -> tuple[Path, bool]:
    """Keep a record with the tour whose folder this is; its file, and whether that changed.

    Counts differ from run to run where threads wait for each other. What differs in nothing else is not written anew,
    so that the date is that of the content.
    """
    device = re.sub(r"[^a-z0-9]+", "-", record.device.lower()).strip("-")
    file = folder / FOLDER / f"{record.release}-{device}.json"
    try:
        old = _read(file) if file.exists() else None
    except AnnotationError:
        old = None
    if old is not None:
        steps = {
            step: old.steps[step] if step in old.steps and _still(old.steps[step]) == _still(sighting) else sighting
            for step, sighting in record.steps.items()
        }
        record = replace(record, steps=steps)
        if replace(record, date=old.date) == old and list(record.steps) == list(old.steps):
            return file, False
    file.parent.mkdir(exist_ok=True)
    text = json.dumps(fields(record), indent=1, ensure_ascii=False) + "\n"
    made = file.with_suffix(".part")
    made.write_text(text, encoding="utf-8")
    made.replace(file)
    return file, True


def _still(sighting: Sighting) -> Sighting:
    """What of a sighting is the same in every run."""
    counted = sighting.why in {"members", "at-least"}
    return replace(sighting, count=0, detail=None if counted else sighting.detail)


def nearest(records: list[Record], version: str) -> list[Record]:
    """The records that speak for a tree: of the same release, else of the oldest that is newer, else of the newest.

    Several where the same torch ran on several devices; the one on a CPU comes first.
    """
    from packaging.version import Version

    if not records:
        return []
    asked = Version(Version(version).base_version)
    known = {record.release: Version(record.release) for record in records}
    newer = [release for release, number in known.items() if number >= asked]
    chosen = min(newer, key=lambda release: known[release]) if newer else max(known, key=lambda release: known[release])
    found = [record for record in records if record.release == chosen]
    return sorted(found, key=lambda record: (record.device != "cpu", record.device))
