"""How languages meet: one linker a joint, each reading mentions from the index and yielding links.

Links are worked out when asked for, not stored: nothing goes stale when a file changes, and an index of a million
mentions costs no linking before the first question. Each linker gives the links that leave a symbol, or the lines
of a statement in it, and says in its module what it cannot see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tour.index import Index, StoredSymbol
from tour.links import (
    arriving,
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
from tour.links.nodes import Node, mentions_of_symbol, node, stored
from tour.links.python_scopes import PythonScopes
from tour.model import Link, Role

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

    def python(self, name: str) -> list[Node]:
        """What an absolute dotted Python name stands for, as far as Python's own files say."""
        return self._scopes.dotted(name)

    def arriving(self, target: StoredSymbol) -> list[Link]:
        """The links that arrive at an operator, or at a C or C++ symbol."""
        return list(arriving.links_to(self._index, target, lambda source, lines: self.leaving(source, lines)))

    def bound_names(self, operator: Node) -> list[Link]:
        """The links from the Python names that code generation binds to an operator."""
        rows = self._index.mentions_to(operator.qualname, Role.GENERATE)
        names = dict.fromkeys(row.name for row in rows)
        leaving = [link for name in names for link in self.leaving(Node(f"py:{name}"), None, ("operators",))]
        return [link for link in leaving if link.target == operator.id]

    def differentiated(self, made: Node) -> list[Link]:
        """The link from the operator whose entry in ``derivatives.yaml`` makes an autograd node."""
        symbols = stored(self._index, made)
        names = [
            m.name for symbol in symbols for m in mentions_of_symbol(self._index, symbol) if m.role is Role.DERIVATIVE
        ]
        leaving = [link for name in names for link in self.leaving(Node(f"op:{name}"), None, ("autograd",))]
        return [link for link in leaving if link.target == made.id]

    def placed(self, link: Link) -> Node:
        """The node that a link starts from, with its place where the tree defines it."""
        here = [symbol for symbol in stored(self._index, Node(link.source)) if symbol.file == link.at.file]
        around = [symbol for symbol in here if symbol.start_line <= link.at.line <= symbol.end_line]
        found = around or stored(self._index, Node(link.source))
        return node(found[0]) if found else Node(link.source)

    def member(self, owner: StoredSymbol, name: str) -> list[Node]:
        """A class's attribute of that name, its own or inherited."""
        return [value.node for value in self._scopes.members(owner, name) if not value.is_foreign]

    def same_as(self, variable: StoredSymbol) -> list[Node]:
        """What a Python variable only stands for: ``conv1d = _add_docstr(torch.conv1d, …)``."""
        leaving = self.leaving(node(variable), None, ("python_calls",))
        return [Node(link.target, link.target_at) for link in leaving if link.rule == "python_calls/alias"]
