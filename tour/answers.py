"""What is said of a question about the code: layers and links, as records and as the text that the index remembers.

Apart from what finds them, because who asks again needs nothing else: an answer holds until the index changes, or the
rules by which it was found (``rules``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from tour.digests import blake2b
from tour.model import At, Grade, Lane, Link, LinkKind

MAIN_KEYS = (
    "CPU",
    "CUDA",
    "CompositeImplicitAutograd",
    "CompositeExplicitAutograd",
    "CompositeExplicitAutogradNonFunctional",
)
"""Dispatch keys whose kernels are followed on."""
KEYS = (*MAIN_KEYS, "MPS", "Meta", "Autograd")
"""Dispatch keys that most readers ask about."""


class Layer(NamedTuple):
    """One layer of an implementation."""

    lane: Lane
    symbol: str
    """Its id."""
    at: At | None
    """The line that holds its name; of generated code the line that it is generated from."""
    dispatch_key: str | None
    """The dispatch key or device that it serves, where it serves one."""
    grade: Grade
    """How sure the link is that leads here."""
    depth: int
    """How many layers lie above."""
    by: LinkKind | None
    """The kind of that link; ``None`` for what was asked about."""
    candidates: int = 1


class Answer(NamedTuple):
    """All that is known of where a name is implemented."""

    query: str
    layers: tuple[Layer, ...]
    links: tuple[Link, ...]
    nearest: tuple[str, ...] = ()
    """Names like it, where nothing bears it."""
    tours: tuple[tuple[str, str], ...] = ()
    """The tours that pass one of the layers, and the step at which they do."""


def kept(answer: Answer) -> str:
    """An answer as text, for ``Index.remember``."""
    return json.dumps({"layers": answer.layers, "links": answer.links, "nearest": answer.nearest})


def restored(query: str, text: str) -> Answer:
    """The answer that ``kept`` wrote down."""
    told = json.loads(text)
    layers = [
        Layer(Lane(lane), symbol, _at(place), key, Grade(grade), depth, LinkKind(by) if by else None, candidates)
        for lane, symbol, place, key, grade, depth, by, candidates in told["layers"]
    ]
    return Answer(query, tuple(layers), tuple(map(_link, told["links"])), tuple(told["nearest"]))


def kept_routes(routes: Sequence[Sequence[Link]]) -> str:
    """Routes as text, for ``Index.remember``."""
    return json.dumps(routes)


def restored_routes(text: str) -> list[list[Link]]:
    """The routes that ``kept_routes`` wrote down."""
    return [[_link(link) for link in route] for route in json.loads(text)]


def _link(fields: Sequence[Any]) -> Link:
    kind, source, target, target_at, place, rule, grade, candidates, key = fields
    return Link(LinkKind(kind), source, target, _at(target_at), At(*place), rule, Grade(grade), candidates, key)


def _at(place: Sequence[Any] | None) -> At | None:
    return At(*place) if place else None


def told(answer: Answer, passing: Mapping[str, Sequence[Sequence[str]]]) -> Answer:
    """The answer with the tours that pass one of its layers, each tour at the first step that does."""
    tours: dict[str, str] = {}
    for layer in answer.layers:
        for tour, step in passing.get(layer.symbol, ()):
            tours.setdefault(tour, step)
    return answer._replace(tours=tuple(tours.items()))


@cache
def rules() -> str:
    """A stamp of the code that makes links and asks them, so that a change of the rules is felt at once."""
    package = Path(__file__).parent
    files = [*sorted((package / "links").glob("*.py")), *sorted(package.glob("*.py"))]
    times = repr([(file.name, file.stat().st_mtime_ns) for file in files])
    return blake2b(times.encode(), digest_size=8).hexdigest()
