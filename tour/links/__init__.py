"""How languages meet: one linker a joint, each reading mentions from the index and yielding links.

Links are worked out when asked for, not stored: nothing goes stale when a file changes, and an index of a million
mentions costs no linking before the first question. Each linker gives the links that leave a symbol, or the lines
of a statement in it, and says in its module what it cannot see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from tour.index import Index, StoredMention, StoredSymbol
from tour.links import (
    arriving,
    autograd,
    bindings,
    cpp_calls,
    dispatcher,
    functions,
    generated,
    imports,
    inheritance,
    launches,
    operators,
    precise,
    python_calls,
    python_implicit,
    stubs,
    threads,
)
from tour.links.nodes import Node, mentions_of_symbol, node, operators_named, stored
from tour.links.python_scopes import PythonScopes
from tour.model import Grade, Link, LinkKind, Role

__all__ = ["LINKERS", "WRITTEN", "Links", "Node", "node", "operators_named", "stored"]

Linker = Callable[[Index, Node, "tuple[int, int] | None", PythonScopes], Iterator[Link]]

LINKERS: dict[str, Linker] = {
    "precise": precise.links_from,
    "bindings": bindings.links_from,
    "operators": operators.links_from,
    "dispatcher": dispatcher.links_from,
    "generated": generated.links_from,
    "stubs": stubs.links_from,
    "launches": launches.links_from,
    "autograd": autograd.links_from,
    "imports": imports.links_from,
    "inheritance": inheritance.links_from,
    "functions": functions.links_from,
    "threads": threads.links_from,
    "python_calls": python_calls.links_from,
    "python_implicit": python_implicit.links_from,
    "cpp_calls": cpp_calls.links_from,
}
"""Every linker, those that read declarations before those that read code."""

WRITTEN = tuple(name for name in LINKERS if name != "python_implicit")
"""Those whose links are written where they are: an import, a call, a registration."""

_OF_MENTION: tuple[Callable[[Index, Node, StoredMention, PythonScopes], Iterator[Link]], ...] = (
    imports.links_of,
    inheritance.links_of,
    functions.links_of,
    threads.links_of,
    python_calls.links_of,
)
"""Of the linkers that read Python what one mention says."""


class Links:
    """The links of one index, or of several trees that are asked together; remembers what it has looked up."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._scopes: dict[int, PythonScopes] = {}
        self._known: dict[tuple[Node, tuple[int, int] | None, tuple[str, ...]], list[Link]] = {}
        self._placed: dict[Link, Node] = {}
        self._arrived: dict[tuple[Node, int | None], list[Link]] = {}

    def leaving(
        self, source: Node, lines: tuple[int, int] | None = None, linkers: tuple[str, ...] = tuple(LINKERS)
    ) -> list[Link]:
        """The links that leave a symbol, or a statement in it, in the linkers' order and then the file's."""
        key = (source, lines, linkers)
        if key not in self._known:
            index, scopes = self._seen_from(source)
            self._known[key] = [link for name in linkers for link in LINKERS[name](index, source, lines, scopes)]
        return self._known[key]

    def of(self, source: Node, mention: StoredMention) -> Iterator[Link]:
        """The links that one place in Python makes, without reading all the body around it."""
        index, scopes = self._seen_from(source)
        for links_of in _OF_MENTION:
            yield from links_of(index, source, mention, scopes)

    def scopes(self, index: Index) -> PythonScopes:
        """What Python names mean to code that sees ``index``, one of the trees that are asked or all of them."""
        return self._scopes_of(index)

    def python(self, name: str) -> list[Node]:
        """What an absolute dotted Python name stands for, as far as Python's own files say."""
        return self._scopes_of(self._index).dotted(name)

    def _seen_from(self, source: Node) -> tuple[Index, PythonScopes]:
        """What a symbol sees of the trees that are asked, and what Python names mean to it."""
        index = self._index.standing(source.at.file) if source.at else self._index.home(source.id)
        return index, self._scopes_of(index)

    def _scopes_of(self, index: Index) -> PythonScopes:
        if id(index) not in self._scopes:
            self._scopes[id(index)] = PythonScopes(index)
        return self._scopes[id(index)]

    def arriving(self, target: Node, most_files: int | None = None) -> list[Link]:
        """The links that lead to a symbol, from the innermost symbol around each place, surest first.

        What calls a name that more than ``most_files`` mention is left out, if that is given.
        """
        key = (target, most_files)
        if key in self._arrived:
            return self._arrived[key]
        ours: dict[Link, None] = {}

        def keep(source: Node, found: Iterable[Link]) -> None:
            for link in found:
                if link.target == target.id and target.at in (None, link.target_at):
                    ours[link] = None
                    if source.at is not None:
                        self._placed.setdefault(link, source)

        for index in self._index.naming(target.at.file if target.at else None):
            if target.scheme == "py":
                scopes = self._scopes_of(index)
                for mention in arriving.in_python(index, target, scopes, most_files):
                    if mention.scope is not None:
                        around = node(index.symbol(mention.scope))
                        keep(around, self.of(around, mention))
                for source in arriving.sources(index, target, scopes):
                    keep(source, self.leaving(source, None, WRITTEN))
            for symbol in stored(index, target) if target.scheme != "py" else ():
                for place in dict.fromkeys(arriving.elsewhere(index, symbol, most_files)):
                    keep(place.source, self.leaving(place.source, place.lines, place.linkers or WRITTEN))
        bound = {link.at for link in ours if link.kind is LinkKind.BINDS and link.grade is Grade.EXACT}
        kept = [link for link in ours if link.grade is Grade.EXACT or link.at not in bound]
        self._arrived[key] = sorted(kept, key=lambda link: link.grade is not Grade.EXACT)
        return self._arrived[key]

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
        if link in self._placed:
            return self._placed[link]
        here = [symbol for symbol in stored(self._index, Node(link.source)) if symbol.file == link.at.file]
        around = [symbol for symbol in here if symbol.start_line <= link.at.line <= symbol.end_line]
        found = around or stored(self._index, Node(link.source))
        return node(found[0]) if found else Node(link.source)

    def member(self, owner: StoredSymbol, name: str) -> list[Node]:
        """A class's attribute of that name, its own or inherited."""
        scopes = self._scopes_of(self._index.standing(owner.file))
        return [value.node for value in scopes.members(owner, name) if not value.is_foreign]

    def same_as(self, variable: StoredSymbol) -> list[Node]:
        """What a Python variable only stands for: ``conv1d = _add_docstr(torch.conv1d, …)``."""
        leaving = self.leaving(node(variable), None, ("python_calls",))
        return [Node(link.target, link.target_at) for link in leaving if link.rule == "python_calls/alias"]
