"""Class → the bases that it lists, in Python and in C++; and, for a class, those that list it.

Python's bases are resolved by scope, C++'s by the enclosing namespaces. Cannot see: bases made by a call
(``with_metaclass(…)``), template parameters as bases, and which arguments a template base gets.
"""

from __future__ import annotations

from collections.abc import Iterator

from tour.index import Index, StoredMention
from tour.links.cpp_scopes import cpp_targets
from tour.links.nodes import Node, mentions_in, node, stored
from tour.links.python_scopes import PythonScopes
from tour.model import Grade, Kind, Link, LinkKind, Role


def links_from(index: Index, source: Node, lines: tuple[int, int] | None, scopes: PythonScopes) -> Iterator[Link]:
    """The bases of a class, in the order in which it lists them."""
    for symbol in stored(index, source):
        if symbol.kind is Kind.CLASS:
            for mention in mentions_in(index, symbol, lines, Role.BASE):
                yield from links_of(index, source, mention, scopes)


def subclasses(index: Index, of: Node, scopes: PythonScopes) -> Iterator[Link]:
    """The links that lead from a class to those that list it as a base; exact where that base resolves to it."""
    seen: set[Node] = set()
    for name in scopes.names_of(of):
        for mention in index.mentions_of(name, Role.BASE):
            if mention.scope is None:
                continue
            heir = node(index.symbol(mention.scope))
            for link in links_of(index, heir, mention, scopes):
                if link.target == of.id and of.at in (None, link.target_at) and heir not in seen:
                    seen.add(heir)
                    yield link


def links_of(index: Index, heir: Node, mention: StoredMention, scopes: PythonScopes) -> Iterator[Link]:
    """One base of a class."""
    if mention.role is not Role.BASE or mention.scope is None:
        return
    symbol = index.symbol(mention.scope)
    if heir.scheme == "py":
        around = index.symbol(symbol.parent) if symbol.parent is not None else symbol
        found, sure = [base for base in scopes.resolve(mention.name, around) if base != heir], True
    else:
        targets, sure = cpp_targets(index, mention.name.partition("<")[0], symbol)
        found = [node(target) for target in targets if target.kind is Kind.CLASS and node(target) != heir]
    for base in found:
        yield Link(
            LinkKind.INHERITS, heir.id, base.id, base.at, mention.at, "inheritance/base",
            Grade.EXACT if sure else Grade.NAME, 1 if sure else len(found),
        )  # fmt: skip
