"""Everything a renderer needs, resolved, as plain data: a tour in one tree and one language, or one source file.

Views hold text and numbers only, so a renderer needs no index, no tree and no file but its templates.
"""

from __future__ import annotations

from dataclasses import dataclass

from tour.model import At, Kind, Lane, Lang, Link, LinkKind


@dataclass(frozen=True, slots=True)
class TreeView:
    """The tree that a view was made from."""

    version: str
    path: str
    kind: str


@dataclass(frozen=True, slots=True)
class CodeView:
    """A stretch of one source file with the step's lines lit."""

    file: str
    lang: Lang
    first_line: int
    lines: tuple[str, ...]
    lit: tuple[int, int]
    """First and last lit line, both included."""


@dataclass(frozen=True, slots=True)
class HopView:
    """The passage from a step to the next one in the story."""

    kind: LinkKind
    origin: str
    """Id of the step whose code holds the fact; not always the step before, as after a return."""
    to: str
    grade: str
    """``exact``, ``name``, ``asserted``, or ``none`` where nothing shows it."""
    at: At | None
    """Where one can see it."""
    because: str | None
    """The author's reason, for an asserted hop."""
    links: tuple[Link, ...]
    """The facts, in order."""


@dataclass(frozen=True, slots=True)
class StepView:
    """One stop of a tour in one tree."""

    id: str
    number: int
    """From 1."""
    title: str
    prose: str
    """Markdown."""
    lane: Lane
    symbol: str
    file: str | None
    line: int | None
    end_line: int | None
    located: str
    """``exact``, ``former``, ``moved``, ``changed``, ``lost``, or ``absent`` in this version."""
    note: str | None
    """What was found instead, where ``located`` is not ``exact``."""
    code: CodeView | None
    hop: HopView | None
    """``None`` at the last step and where the walk enters anew."""


@dataclass(frozen=True, slots=True)
class TourView:
    """A tour in one tree and one language."""

    name: str
    lang: str
    title: str
    intro: str
    """Markdown."""
    steps: tuple[StepView, ...]
    onward_title: str
    onward: str
    """Markdown: where to go from here."""
    tree: TreeView


@dataclass(frozen=True, slots=True)
class MarkView:
    """A tour that passes a line of a source file."""

    line: int
    end_line: int
    tour: str
    step: str
    number: int


@dataclass(frozen=True, slots=True)
class DefinitionView:
    """A definition in a source file, for its outline."""

    id: str
    name: str
    kind: Kind
    line: int


@dataclass(frozen=True, slots=True)
class SourceView:
    """One whole source file."""

    file: str
    lang: Lang
    text: str
    definitions: tuple[DefinitionView, ...]
    marks: tuple[MarkView, ...]
    tree: TreeView
