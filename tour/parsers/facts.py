"""What the parsers find in a file, as records; those who only pass it on take fields (``SymbolFields``)."""

from __future__ import annotations

from dataclasses import dataclass

from tour.model import Kind, Role


@dataclass(frozen=True, slots=True)
class Symbol:
    """A named definition (or a declaration, where ``is_definition`` is false) in one file."""

    kind: Kind
    qualname: str
    """Whole name without the scheme: ``torch.nn.modules.module.Module.to``, ``at::native::batch_norm_cpu``."""
    signature: str
    """Parameter list as normalised text, ``""`` where there is none; tells overloads apart."""
    line: int
    """Line that holds the name."""
    column: int
    start_line: int
    """First line of the definition: decorators, ``template <…>`` and a return type count."""
    end_line: int
    parent: int
    """Position of the enclosing symbol in the same file's list; -1 at the top."""
    is_definition: bool = True


@dataclass(frozen=True, slots=True)
class Mention:
    """A place that names a symbol."""

    role: Role
    name: str
    """The name as written there: ``self._apply``, ``torch::autograd::initTorchFunctions``."""
    target: str | None
    """What the place ties the name to (an import's alias, a table entry's C function); see ``Role``."""
    line: int
    column: int
    end_line: int
    end_column: int
    scope: int
    """Position of the symbol around it in the same file's list; -1 outside all of them."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a file that could not be read; reported, never a stop."""

    path: str
    line: int
    what: str
