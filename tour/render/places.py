"""Where a place in a tree's sources can be read: a page of the site, or that line in PyTorch's public repository."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import quote

from tour.model import PYTORCH, At, inside, tree_of

PUBLIC = "https://github.com/pytorch/pytorch/blob/v{version}/"
"""Where a release's files can be read by anybody."""
_RELEASE = re.compile(r"\d+\.\d+\.\d+")
_WRITTEN = ("build/", "torch/csrc/autograd/generated/")
"""What code generation writes is in no repository."""


def source_address(version: str, file: str) -> str:
    """A source page's file below the site's root; a link to it needs ``quote``, for a file may bear any name.

    A file of a tree beside the first lies below that tree's name.
    """
    return f"source/{tree_of(file) or version}/{inside(file)}.html"


def operator_address(version: str, name: str) -> str:
    """The page of an operator and its overloads, ``aten::add`` of ``aten::add.Tensor``; needs ``quote`` in a link."""
    space, _, rest = name.partition("::")
    return f"operators/{version}/{space}/{rest.partition('.')[0]}.html"


def is_release(version: str, name: str = PYTORCH) -> bool:
    """Whether PyTorch's public repository has a tag of that version."""
    return name == PYTORCH and _RELEASE.fullmatch(version) is not None


def public_place(version: str, at: At, name: str = PYTORCH, last: int | None = None) -> str | None:
    """A line, or those up to ``last``, in PyTorch's public repository.

    ``None`` for another project, an unreleased version or a generated file.
    """
    if not is_release(version, name) or tree_of(at.file) or at.file.startswith(_WRITTEN):
        return None
    until = f"-L{last}" if last and last > at.line else ""
    return f"{PUBLIC.format(version=version)}{quote(at.file)}#L{at.line}{until}"


@dataclass(frozen=True, slots=True)
class Addresses:
    """What of one tree has pages on a site."""

    version: str
    sources: Collection[str] | None = None
    """The files that have a page; ``None`` where each of the tree has, made when somebody asks."""
    operators: Collection[str] | None = None
    """The operators that have one, by name without overload; ``None`` for all."""
    name: str = PYTORCH

    def source(self, at: At, root: str) -> str | None:
        """A link to a line; ``root`` leads to the site's root. ``None`` where it can be read nowhere."""
        if self.sources is None or at.file in self.sources:
            return f"{root}{quote(source_address(self.version, at.file))}#L{at.line}"
        return public_place(self.version, at, self.name)

    def operator(self, symbol: str, root: str) -> str | None:
        """A link to an operator's page, of a symbol's id: ``op:aten::add.Tensor``; ``None`` where there is none."""
        scheme, _, name = symbol.partition(":")
        base = name.partition(".")[0]
        if scheme != "op" or "::" not in name or (self.operators is not None and base not in self.operators):
            return None
        return f"{root}{quote(operator_address(self.version, name))}#{quote(name.partition('::')[2])}"
