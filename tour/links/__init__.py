"""How languages meet: one linker a joint, each reading mentions from the index and yielding links.

Links are worked out when asked for, not stored: nothing goes stale when a file changes, and an index of a million
mentions costs no linking before the first question. Each linker gives the links that leave a symbol, or the lines
of a statement in it, and says in its module what it cannot see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tour.index import Index
from tour.links import (
    autograd,
    bindings,
    cpp_calls,
    dispatcher,
    generated,
    imports,
    launches,
    operators,
    python_calls,
    stubs,
)
from tour.links.nodes import Node, node, stored
from tour.links.python_scopes import PythonScopes
from tour.model import Link

__all__ = ["LINKERS", "Links", "Node", "node", "stored"]

Linker = Callable[[Index, Node, "tuple[int, int] | None", PythonScopes], Iterator[Link]]

LINKERS: dict[str, Linker] = {
    "bindings": bindings.links_from,
    "operators": operators.links_from,
    "dispatcher": dispatcher.links_from,
    "generated": generated.links_from,
    "stubs": stubs.links_from,
    "launches": launches.links_from,
    "autograd": autograd.links_from,
    "imports": imports.links_from,
    "python_calls": python_calls.links_from,
    "cpp_calls": cpp_calls.links_from,
}
"""Every linker, those that read declarations before those that read code."""


class Links:
    """The links of one index; remembers what it has looked up."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._scopes = PythonScopes(index)
        self._known: dict[tuple[Node, tuple[int, int] | None, tuple[str, ...]], list[Link]] = {}

    def leaving(
        self, source: Node, lines: tuple[int, int] | None = None, linkers: tuple[str, ...] = tuple(LINKERS)
    ) -> list[Link]:
        """The links that leave a symbol, or a statement in it, in the linkers' order and then the file's."""
        key = (source, lines, linkers)
        if key not in self._known:
            self._known[key] = [
                link for name in linkers for link in LINKERS[name](self._index, source, lines, self._scopes)
            ]
        return self._known[key]
