"""A tour begun: its steps from a route or from places that somebody names, its prose still to be written.

What is drafted passes ``tour check``: a step is kept only where its anchor leads back, a hop only where it is proven.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tour import tours
from tour.anchors import Reader, anchor_at, find
from tour.errors import TourError
from tour.index import Index, StoredSymbol, last_part
from tour.layers import lane_of
from tour.model import LANGS, At, Kind, Lane, Link, LinkKind
from tour.proof import walk
from tour.tours import Anchor

_SAID = {
    "en": {
        "intro": "What the reader knows at the end of this walk, in one paragraph.",
        "step": "What happens here, why it is built so, and what to look at in the code: 60 to 150 words.",
        "onward": "Where to go from here",
        "further": "The files, functions and tours that come next.",
    },
    "zh": {
        "intro": "用一段话说明：走完这一程，读者会明白什么。",
        "step": "这里发生了什么，为什么这样设计，看右边的代码时该留意哪里：100 至 500 字。",
        "onward": "接下来看哪里",
        "further": "后续值得一读的文件、函数和导读。",
    },
}


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of a tour's prose in one language."""

    title: str
    intro: str | None = None
    steps: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Title and text, by step."""
    onward: str | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """A step that is yet to be told."""

    id: str
    name: str
    lane: Lane
    anchor: Anchor
    hop: LinkKind | None


def along(route: Sequence[Link], index: Index, read: Reader) -> list[Stop]:
    """A stop for each symbol of a route that the tree defines, and how each leads to the next."""
    stops: list[Stop] = []
    places: list[tuple[At | None, LinkKind | None]] = [(_defined(route[0].source, index), None)]
    places += [(link.target_at or _defined(link.target, index), link.kind) for link in route]
    for at, kind in places:
        if at is None:
            continue
        if stops:
            stops[-1] = replace(stops[-1], hop=kind)
        stops.append(_stop(at, at.line, index, read))
    return stops


def at_places(places: Iterable[tuple[At, int]], index: Index, read: Reader) -> list[Stop]:
    """A stop for each place, given with its last line; the walk enters each anew."""
    return [_stop(at, last, index, read) for at, last in places]


def told_apart(stops: Iterable[Stop]) -> list[Stop]:
    """The stops, each with an id of its own."""
    taken: list[Stop] = []
    for stop in stops:
        taken.append(replace(stop, id=_unused(stop.id, {other.id for other in taken})))
    return taken


def write(
    name: str,
    prose: Mapping[str, Told],
    stops: Sequence[Stop],
    folder: Path,
    index: Index,
    read: Reader,
    version: str,
) -> Path:
    """Write a tour's folder, whole or not at all; give its ``tour.yaml``. What ``prose`` lacks is left to be written.

    Hops that the index does not prove are left out. Raises ``TourError`` where the name is taken or is none, and where
    the folder cannot be written.
    """
    target = folder / name
    if not tours.NAME.fullmatch(name):
        raise TourError(f"{name!r} is no name for a tour", hint="Lower-case words joined by `-`.")
    if target.exists():
        raise TourError(f"there is a tour {name!r} already", at=str(target))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as made:
            ours = tours.schema().parent == folder.resolve()
            schema = os.path.relpath(tours.schema(), target) if ours else ""  # else the way is this machine's
            _write(Path(made) / name, prose, stops, schema)
            passages = walk(tours.load(name, Path(made)), index, read, version)
            proven = {
                passage.step.id for passage in passages if passage.proof and passage.proof.grade in {"exact", "name"}
            }
            kept = [stop if stop.id in proven else replace(stop, hop=None) for stop in stops]
            _write(Path(made) / name, prose, kept, schema)
            tours.load(name, Path(made))
            shutil.move(Path(made) / name, target)
    except OSError as error:
        raise TourError(f"cannot write {target}: {error.strerror}", hint="Give a folder of yours.") from error
    return target / "tour.yaml"


def _stop(at: At, last: int, index: Index, read: Reader) -> Stop:
    anchor = anchor_at(at.file, at.line, max(last, at.line), index, read)
    symbol = find(anchor, index, read).symbol
    assert symbol is not None
    return Stop(_words(symbol.qualname), last_part(symbol.qualname), _lane(symbol), anchor, None)


def _lane(symbol: StoredSymbol) -> Lane:
    if symbol.kind is Kind.KERNEL:
        return Lane.KERNEL
    return {"py": Lane.PYTHON, "op": Lane.DISPATCHER}.get(symbol.scheme) or lane_of(symbol.at)


def _defined(symbol_id: str, index: Index) -> At | None:
    """Where a symbol of a route is defined, if in one place."""
    scheme, _, qualname = symbol_id.partition(":")
    found = [symbol for symbol in index.symbols(qualname, scheme) if symbol.is_definition]
    return found[0].at if len(found) == 1 else None


def _words(qualname: str) -> str:
    """A step's id out of a symbol's last name: ``THPVariable_to`` gives ``thp-variable-to``."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", last_part(qualname))
    return "-".join(re.findall(r"[a-z0-9]+", parted.lower())) or "step"


def _unused(word: str, taken: set[str]) -> str:
    word = f"{word}-step" if word in tours.RESERVED else word
    return next(name for name in (word, *(f"{word}-{number}" for number in range(2, 1000))) if name not in taken)


def _write(folder: Path, prose: Mapping[str, Told], stops: Sequence[Stop], schema: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tour.yaml").write_text(_yaml(stops, schema), encoding="utf-8")
    for lang in LANGS:
        (folder / f"{lang}.md").write_text(_prose(prose[lang], stops, _SAID[lang]), encoding="utf-8")


def _yaml(stops: Sequence[Stop], schema: str) -> str:
    parts = [f"# yaml-language-server: $schema={schema}\n" if schema else "", "steps:\n"]
    for stop, following in zip(stops, [*stops[1:], None], strict=True):
        parts.append(f"  - id: {stop.id}\n    lane: {stop.lane.value}\n    anchor:\n")
        for key, value in stop.anchor.written.items():
            parts.append(f"      {key}: {json.dumps(value, ensure_ascii=False)}\n")
        if stop.hop is not None and following is not None:
            parts.append(f"    hop: {stop.hop.value}\n")
        parts.append("\n" if following else "")
    return "".join(parts)


def _prose(told: Told, stops: Sequence[Stop], said: dict[str, str]) -> str:
    parts = [f"# {told.title}", told.intro or said["intro"]]
    for stop in stops:
        title, text = told.steps.get(stop.id, (f"`{stop.name}`", said["step"]))
        parts += [f"## {title} {{#{stop.id}}}", text or said["step"]]
    parts += [f"## {said['onward']} {{#{tours.ONWARD}}}", told.onward or said["further"]]
    return "\n\n".join(parts) + "\n"
