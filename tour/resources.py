"""Where the files that ship beside the code are: in the package, or at a checkout's root."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def folder(name: str) -> Path:
    """``annotations``, ``templates``, or a file such as ``mkdocs.yml``."""
    inside = _PACKAGE / name
    return inside if inside.exists() else _PACKAGE.parent / name


def checkout() -> Path | None:
    """The repository's root when run from a checkout, else ``None``."""
    root = _PACKAGE.parent
    return root if (root / "pyproject.toml").is_file() and (root / "annotations").is_dir() else None
