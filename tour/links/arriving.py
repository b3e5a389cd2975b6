"""Links that arrive at a C++ function or an operator, found from the names that mention it.

A reverse question reads the index by name for the places that could lead here, and keeps those whose links, worked out
forwards, really do. So it says nothing that the linkers do not say, and shares what they cannot see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tour.index import Index, StoredMention, StoredSymbol, last_part
from tour.links.nodes import Node, node
from tour.model import Link, Role

MOST_PLACES = 60
"""A name that more places mention is asked about in the first of them only."""

_LEADS = (
    Role.CALL, Role.LAUNCH, Role.DISPATCH, Role.STRUCTURED, Role.UFUNC, Role.DELEGATE, Role.AUTOGEN, Role.TABLE,
)  # fmt: skip
"""Mentions whose name is what they lead to, from the symbol around them."""

Leaving = Callable[[Node, tuple[int, int] | None], list[Link]]


def links_to(index: Index, target: StoredSymbol, leaving: Leaving) -> Iterator[Link]:
    """The links that arrive at a symbol that is no Python one; ``leaving`` works out those of a source."""
    for source, lines in dict.fromkeys(_sources(index, target)):
        for link in leaving(source, lines):
            if link.target == target.id and link.target_at == target.at:
                yield link


def _sources(index: Index, target: StoredSymbol) -> Iterator[tuple[Node, tuple[int, int] | None]]:
    """Where a link to ``target`` could start, and the lines that could hold it."""
    for name in _names(target):
        places = index.mentions_of(name, *_LEADS)
        for mention in [place for place in places if _may_mean(place, target)][:MOST_PLACES]:
            if mention.scope is not None:
                source = index.symbol(mention.scope)
                whole = source.scheme == "op"
                yield node(source), None if whole else (mention.line, mention.line)
    if target.scheme == "op":
        for mention in index.mentions_to(target.qualname, Role.GENERATE):
            yield Node(f"py:{mention.name}"), None
        return
    for mention in index.mentions_to(target.qualname, Role.REGISTER):
        for stub in index.symbols_named(last_part(mention.name), "cpp"):
            yield node(stub), None
    for mention in index.mentions_to(target.qualname, Role.IMPL):
        operators = index.symbols(mention.name, "op")
        yield from ((node(operator), None) for operator in operators[:1])
        if not operators:
            yield Node(f"op:{mention.name}"), None
    for mention in index.mentions_of(target.name, Role.FORMULA):
        if mention.scope is not None:
            yield node(index.symbol(mention.scope)), None


def _names(target: StoredSymbol) -> list[str]:
    """What a mention of ``target`` can end in."""
    if target.qualname.endswith("::impl") and "::structured_" in target.qualname:
        return [target.qualname.rpartition("::structured_")[2].removesuffix("::impl")]
    if target.scheme == "op":
        base = target.name.partition(".")[0]
        return list(dict.fromkeys([target.name, base, f"{base}_out"]))
    return [target.name]


def _may_mean(mention: StoredMention, target: StoredSymbol) -> bool:
    """Whether what was written before the last part allows for ``target``."""
    if target.scheme == "op":
        return mention.role in {Role.DELEGATE, Role.AUTOGEN} or mention.name.startswith(("at::", "::at::", "."))
    written = mention.name.removeprefix("::")
    if "::" not in written:
        return True
    parts = set(target.qualname.split("::"))
    return all(part in parts for part in written.split("::"))
