"""Where the same lines stand in PyTorch's public repository."""

from __future__ import annotations

import re
from urllib.parse import quote

from tour.model import PYTORCH, inside, tree_of
from tour.views import TreeView

REPOSITORY = "https://github.com/pytorch/pytorch"

_RELEASE = re.compile(r"\d+\.\d+\.\d+")
_MADE = re.compile(r"build/|(.*/)?generated/")
"""Files that PyTorch's own code generation writes: they are in no repository."""


def public(tree: TreeView, file: str, first: int, last: int) -> str | None:
    """The address of lines in the release's tag, or ``None`` for a tree or a file that the repository does not have."""
    if tree.name != PYTORCH or tree_of(file) or not _RELEASE.fullmatch(tree.version) or _MADE.match(file):
        return None
    until = f"-L{last}" if last > first else ""
    return f"{REPOSITORY}/blob/v{tree.version}/{quote(inside(file))}#L{first}{until}"
