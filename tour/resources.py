"""What there is beside the code: files that ship with it, in the package or at a checkout's root, and the extras."""

from __future__ import annotations

import importlib.util
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


def has_module(name: str) -> bool:
    """Whether a package that an extra brings is there; it is not imported."""
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
