"""Files that a command writes for its user."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from tour.errors import TourError


def write_whole(file: Path, text: str) -> None:
    """Write a whole file or none, with the folder that it is in; raises ``TourError`` where that cannot be done."""
    working = file.with_name(f".{file.name}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        working.write_text(text, encoding="utf-8")
        working.replace(file)
    except OSError as error:
        with suppress(OSError):
            working.unlink(missing_ok=True)
        raise TourError(f"cannot write {file}: {error.strerror}", hint="Name a place in a folder of yours.") from error
