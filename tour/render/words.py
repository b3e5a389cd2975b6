"""The interface's own words in English and Chinese, read from ``templates/words.toml``.

No renderer writes a word of its own or glues words together: it asks for a whole phrase and fills in what varies.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from tour.model import Lane, LinkKind
from tour.resources import folder

_BY = ("python", "native", "operator", "profiler")


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language."""

    lang: str
    table: dict[str, Any]

    def say(self, key: str, **values: object) -> str:
        """The phrase of that key, filled in."""
        return str(self.table[key]).format(**values)

    def lane(self, lane: Lane) -> str:
        """A lane's name."""
        return str(self.table["lanes"][lane.value])

    def located(self, state: str) -> str:
        """How a step was found."""
        return str(self.table["located"][state])

    def mark(self, state: str, version: str) -> str:
        """How a step was found, and in which version."""
        return str(self.table["marks"][state]).format(version=version)

    def live(self) -> dict[str, str]:
        """What the page says of its kernel."""
        return dict(self.table["live"])

    def part(self, name: str) -> dict[str, str]:
        """All words of one part of the interface, for its script."""
        return dict(self.table[name])

    def change(self, state: str) -> str:
        """How the code under a step changed."""
        return str(self.table["changes"][state])

    def grade(self, grade: str) -> str:
        """How sure a hop is."""
        return str(self.table["grades"][grade])

    def proven(self, grade: str) -> str:
        """Whether the way to a step is shown by the source."""
        return str(self.table["proven"][grade])

    def by(self, by: str) -> str:
        """What saw a step in a run."""
        return str(self.table["seen_by"][by])

    def witness(self, key: str, **values: object) -> str:
        """What was seen of a step, or of a walk, in a run."""
        return str(self.table["witness"][key]).format(**values)

    def why(self, why: str, detail: str | None) -> str:
        """How a step was seen, or what stands in the way."""
        return str(self.table["whys"][why]).format(detail=detail or "")

    def seen(self, counts: Mapping[str, int]) -> str:
        """How many steps of a walk were seen, by what, and what the others need."""
        by = [str(self.table["witnessed_by"][key]).format(count=counts[key]) for key in _BY if counts.get(key)]
        needing = [
            self.witness("needing", count=counts[key], what=what)
            for key, what in self.table["needing"].items()
            if counts.get(key)
        ]
        told = self.witness("summary", seen=counts.get("seen", 0), steps=counts.get("steps", 0))
        told += self.say("list_of", items=self.say("comma").join(by)) if by else ""
        return self.say("semicolon").join([told, *needing])

    def route(self, verdict: str) -> str:
        """Whether a run took a route."""
        return str(self.table["routes"][verdict])

    def hop(self, kind: LinkKind) -> str:
        """What a hop is."""
        return str(self.table["hops"][kind.value])


@cache
def words(lang: str) -> Words:
    """The words of ``en`` or ``zh``."""
    with (folder("templates") / "words.toml").open("rb") as file:
        return Words(lang, tomllib.load(file)[lang])
