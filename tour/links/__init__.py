"""How languages meet: one linker a joint, each reading mentions from the index and yielding links.

Links are worked out when asked for, not stored: nothing goes stale when a file changes, and an index of a million
mentions costs no linking before the first question. Each linker gives the links that leave a symbol, or the lines
of a statement in it, and says in its module what it cannot see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tour.index import Index, StoredMention
from tour.links import arriving, bindings, cpp_calls, functions, imports, inheritance, python_calls, threads
from tour.links.nodes import Node, node, stored
from tour.links.python_scopes import PythonScopes
from tour.model import Grade, Link

__all__ = ["LINKERS", "Links", "Node", "node", "stored"]

Linker = Callable[[Index, Node, "tuple[int, int] | None", PythonScopes], Iterator[Link]]

LINKERS: dict[str, Linker] = {
    "bindings": bindings.links_from,
    "imports": imports.links_from,
    "inheritance": inheritance.links_from,
    "functions": functions.links_from,
    "threads": threads.links_from,
    "python_calls": python_calls.links_from,
    "cpp_calls": cpp_calls.links_from,
}
"""Every linker, those that read declarations before those that read code."""

_OF_MENTION: tuple[Callable[[Index, Node, StoredMention, PythonScopes], Iterator[Link]], ...] = (
    imports.links_of,
    inheritance.links_of,
    functions.links_of,
    threads.links_of,
    python_calls.links_of,
)
"""Of the linkers that read Python what one mention says."""


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

    def of(self, source: Node, mention: StoredMention) -> Iterator[Link]:
        """The links that one place in Python makes, without reading all the body around it."""
        for links_of in _OF_MENTION:
            yield from links_of(self._index, source, mention, self._scopes)

    def arriving(self, target: Node) -> list[Link]:
        """The links that lead to a symbol, from the innermost symbol around each place, surest first."""
        found: list[Link] = []
        for mention in arriving.mentions(self._index, target, self._scopes):
            if mention.scope is None:
                continue
            source = node(self._index.symbol(mention.scope))
            if source.scheme == "py":
                found += self.of(source, mention)
            else:
                found += self.leaving(source, (mention.line, mention.line))
        for source in arriving.sources(self._index, target, self._scopes):
            found += self.leaving(source)
        ours = (link for link in found if link.target == target.id and target.at in (None, link.target_at))
        return sorted(dict.fromkeys(ours), key=lambda link: link.grade is not Grade.EXACT)
