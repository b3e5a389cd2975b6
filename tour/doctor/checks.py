"""One thing that was looked at, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How much a check matters."""

    FINE = "fine"
    NOTE = "note"
    """Worth knowing; it stops nothing that was asked for."""
    FINDING = "finding"
    """It stops, or silently changes, what was asked for."""


Word = str | int
"""A fact of a check."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check; its sentences are found by subject and case."""

    subject: str
    case: str
    state: State
    facts: dict[str, Word]


def fine(subject: str, case: str, **facts: Word) -> Check:
    """A check that found things in order."""
    return Check(subject, case, State.FINE, facts)


def note(subject: str, case: str, **facts: Word) -> Check:
    """A check that found something worth knowing."""
    return Check(subject, case, State.NOTE, facts)


def finding(subject: str, case: str, **facts: Word) -> Check:
    """A check that found something in the way."""
    return Check(subject, case, State.FINDING, facts)
