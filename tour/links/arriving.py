"""Who leads to a symbol: the places that may name it, whose links the caller then works out and keeps if they do.

A place counts when the last part of the name that stands there is the target's, or a name that an import or an
assignment gave it. Cannot see: links that hold no name of their target, such as the call of an object that runs
``__call__``; names that are made at run time; and of a name that very many places bear those in other top folders.
"""

from __future__ import annotations

from collections.abc import Iterator

from tour.index import Index, StoredMention, StoredSymbol, last_part
from tour.links import inheritance, threads
from tour.links.nodes import Node, node, stored
from tour.links.python_scopes import PythonScopes
from tour.model import Kind, Role

_NAMING = (
    Role.CALL, Role.IMPORT, Role.FROM, Role.BASE, Role.START, Role.TABLE, Role.DISPATCH, Role.STRUCTURED, Role.UFUNC,
    Role.DELEGATE, Role.LAUNCH, Role.DERIVATIVE,
)  # fmt: skip
"""Roles whose mention makes a link from the symbol around it to what ``name`` means."""
_BINDING = (Role.ENTRY, Role.IMPL, Role.REGISTER)
"""Roles whose mention makes a link to what ``target`` means."""
_MANY = 400
"""Places that bear a name, after which only those in the target's top folder are looked at."""


def mentions(index: Index, target: Node, scopes: PythonScopes) -> Iterator[StoredMention]:
    """The places whose links may lead to ``target``."""
    symbols = stored(index, target)
    if target.scheme != "py":
        for name in {target.qualname, last_part(target.qualname)}:
            yield from index.mentions_targeting(name, *_BINDING)
        yield from index.mentions_of(last_part(target.qualname), *_NAMING)
        return
    owner = next((of for symbol in symbols if symbol.kind is Kind.METHOD and (of := scopes.class_of(symbol))), None)
    for name in scopes.names_of(target):
        found = [mention for mention in index.mentions_of(name, *_NAMING) if mention.file.endswith((".py", ".pyi"))]
        if owner is not None and name.startswith("__"):
            yield from _of_special(index, found, owner, scopes)
        else:
            yield from _near(found, symbols)
    if owner is None:
        return
    if last_part(target.qualname) in {"__init__", "__new__"}:
        for name in scopes.names_of(node(owner)):
            yield from _near(index.mentions_of(name, Role.CALL), symbols)
    if last_part(target.qualname) == "forward":
        # What is applied stands before `.apply`, by the class's own name unless a method says `cls`.
        receivers = scopes.names_of(node(owner)) | {"cls", "self"}
        for mention in index.mentions_of("apply", Role.CALL):
            if last_part(mention.name.removesuffix(".apply")) in receivers:
                yield mention


def sources(index: Index, target: Node, scopes: PythonScopes) -> Iterator[Node]:
    """The symbols that lead to ``target`` and do not name it: what puts into its queues, what it differentiates."""
    if target.scheme != "py":
        return
    for symbol in stored(index, target):
        if symbol.kind is Kind.METHOD and symbol.parent is not None and symbol.name in {"backward", "vjp", "jvp"}:
            yield from map(node, scopes.names(symbol.file).members.get((symbol.parent, "forward"), ()))
        if symbol.kind in {Kind.METHOD, Kind.FUNCTION}:
            yield from map(node, dict.fromkeys(threads.producers(index, symbol, scopes)))


def _near(found: list[StoredMention], symbols: list[StoredSymbol]) -> list[StoredMention]:
    """All, or of very many those in the top folders of the target."""
    if len(found) <= _MANY:
        return found
    tops = {symbol.file.partition("/")[0] for symbol in symbols}
    return [mention for mention in found if mention.file.partition("/")[0] in tops]


def _of_special(
    index: Index, found: list[StoredMention], owner: StoredSymbol, scopes: PythonScopes
) -> Iterator[StoredMention]:
    """Of the calls of an ``__init__`` those by the class's name, and those by ``super()`` in what inherits it."""
    names = scopes.names_of(node(owner))
    files = {owner.file}
    waiting, known = [node(owner)], {node(owner)}
    while waiting:
        for link in inheritance.subclasses(index, waiting.pop(), scopes):
            files.add(link.at.file)
            heir = Node(link.source)
            if heir not in known and len(known) < _MANY:
                known.add(heir)
                waiting.append(heir)
    for mention in found:
        receiver = mention.name.rpartition(".")[0]
        if mention.file in files and (receiver in {"super()", "self", "cls"} or last_part(receiver) in names):
            yield mention
