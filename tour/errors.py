"""The errors a user can cause.

One sentence says what is wrong and where, a second what to do next; only ``cli`` prints them. Anything else that
is raised is a bug of ours and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], most: int = 3) -> tuple[str, ...]:
    """Of the names that are known those most like one that nothing bears, the most alike first."""
    from difflib import get_close_matches  # only a mistake pays for it

    return tuple(get_close_matches(name, list(known), n=most, cutoff=0.4))


class TourError(Exception):
    """A user's mistake, or a machine that cannot do what was asked.

    The message is built from what is wrong, where it is (``file:line``), and what to try next.
    """

    def __init__(self, what: str, *, at: str | None = None, hint: str | None = None) -> None:
        self.what = what
        self.at = at
        self.hint = hint
        super().__init__(f"{at}: {what}" if at else what)


class TreeError(TourError):
    """A source tree that is missing, incomplete, unreadable or not PyTorch's."""


class FetchError(TourError):
    """A tree that could not be brought here: no network, no such version, a broken archive."""


class StaleIndex(TourError):
    """An index that is missing, locked by another process, or older than the tree it describes."""


class AnnotationError(TourError):
    """A tour whose YAML or prose is not what the format asks for."""


class UnknownName(TourError):
    """A name that nothing bears; ``nearest`` holds the names that come closest, best first."""

    def __init__(self, what: str, nearest: tuple[str, ...] = (), *, hint: str | None = None) -> None:
        self.nearest = nearest
        if nearest and hint is None:
            hint = "The nearest: " + ", ".join(nearest) + "."
        super().__init__(what, hint=hint)
