"""What runs on beside: function → the thread or process target that it starts, producer → consumer of a queue.

``starts``: ``Thread(target=f)``, ``Process(target=f)``, ``executor.submit(f)``, ``mp.spawn(f)``, the target resolved by
scope. ``hands``: ``q.put(…)`` in one function and ``q.get(…)`` in another on the same queue: the same attribute of a
class, the same local, what an alias or a list of queues leads to, or the parameter that a started function gets it as.
Cannot see: queues that plain calls pass on, pipes and events, threads made by subclassing ``Thread``, and targets that
are lambdas.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tour.index import Index, StoredMention, StoredSymbol, last_part
from tour.links.nodes import Node, mentions_in, node, stored
from tour.links.python_names import owner_of, parameters
from tour.links.python_scopes import PythonScopes
from tour.model import Grade, Kind, Link, LinkKind, Role

_PUT = frozenset({"put", "put_nowait"})
_GET = frozenset({"get", "get_nowait"})
_FUNCTIONS = frozenset({Kind.FUNCTION, Kind.METHOD})
_MOST_NAMES = 50
"""Names of one queue after which a search for more gives up."""


class _Queue(NamedTuple):
    """One name of a queue: where it is bound, and what it is called there."""

    scope: int
    """Row of a function or module; of a class where the name starts with ``self.``."""
    file: str
    name: str


def links_from(index: Index, source: Node, lines: tuple[int, int] | None, scopes: PythonScopes) -> Iterator[Link]:
    """What a symbol's body starts, and who gets what it puts into queues."""
    if source.scheme != "py":
        return
    for symbol in stored(index, source):
        for mention in mentions_in(index, symbol, lines, Role.START, Role.CALL):
            yield from links_of(index, source, mention, scopes)


def links_of(index: Index, source: Node, mention: StoredMention, scopes: PythonScopes) -> Iterator[Link]:
    """What one place starts, or who gets what it puts into a queue."""
    if mention.scope is None:
        return
    if mention.role is Role.START:
        for target in scopes.resolve(mention.name, index.symbol(mention.scope)):
            yield Link(LinkKind.STARTS, source.id, target.id, target.at, mention.at, "threads/target", Grade.EXACT)
    elif mention.role is Role.CALL and last_part(mention.name) in _PUT:
        putting = _around(index, mention.scope)
        for consumer in users(index, mention, _GET, scopes):
            # A loop that takes from one queue and fills the next is no consumer of its own.
            if not putting & _around(index, consumer.row):
                yield Link(
                    LinkKind.HANDS, source.id, node(consumer).id, consumer.at, mention.at, "threads/queue", Grade.EXACT
                )


def _around(index: Index, row: int) -> set[int]:
    """A function and those that it lies in."""
    found: set[int] = set()
    symbol = index.symbol(row)
    while symbol.kind in _FUNCTIONS:
        found.add(symbol.row)
        if symbol.parent is None:
            break
        symbol = index.symbol(symbol.parent)
    return found


def producers(index: Index, consumer: StoredSymbol, scopes: PythonScopes) -> Iterator[StoredSymbol]:
    """The functions that put into the queues which a function gets from."""
    for mention in mentions_in(index, consumer, None, Role.CALL):
        if last_part(mention.name) in _GET:
            yield from users(index, mention, _PUT, scopes)


def users(index: Index, call: StoredMention, methods: frozenset[str], scopes: PythonScopes) -> list[StoredSymbol]:
    """The functions that call one of ``methods`` on the queue that a call is made on, and those that hold them."""
    first = _queue(call.name.rpartition(".")[0], call.scope, call.file, scopes)
    if first is None:
        return []
    same = _same(index, first, scopes)
    found: dict[int, StoredSymbol] = {}
    for file in dict.fromkeys(queue.file for queue in same):
        for mention in index.mentions_in(file, Role.CALL):
            if last_part(mention.name) not in methods or mention.scope is None:
                continue
            if _queue(mention.name.rpartition(".")[0], mention.scope, file, scopes) in same:
                found |= {row: index.symbol(row) for row in _around(index, mention.scope)}
    return list(found.values())


def _queue(name: str, scope: int | None, file: str, scopes: PythonScopes) -> _Queue | None:
    """Whose name it is: of the class for ``self.x``, else of the nearest scope around that binds it."""
    if scope is None or not name:
        return None
    names = scopes.names(file)
    if name.startswith("self."):
        owner = owner_of(names.rows, scope)
        return _Queue(owner.row, file, name) if owner else None
    head = name.partition(".")[0].removesuffix("[]")
    at: int | None = scope
    while at is not None:
        symbol = names.rows[at]
        if (at, head) in names.ties or (symbol.kind in _FUNCTIONS and head in parameters(symbol.signature)):
            return _Queue(at, file, name)
        at = symbol.parent
    return _Queue(scope, file, name)


def _same(index: Index, first: _Queue, scopes: PythonScopes) -> set[_Queue]:
    """Every name of a queue, through aliases and what started functions are handed."""
    found = {first}
    waiting = [first]
    while waiting and len(found) < _MOST_NAMES:
        for other in _next(index, waiting.pop(), scopes):
            if other is not None and other not in found:
                found.add(other)
                waiting.append(other)
    return found


def _next(index: Index, queue: _Queue, scopes: PythonScopes) -> Iterator[_Queue | None]:
    names = scopes.names(queue.file)
    for (scope, target), ties in names.ties.items():
        for tie in ties:
            if tie.role is Role.ALIAS:
                # An attribute's ties are kept under its class; `name` reads where the statement stands.
                bound = _Queue(scope, queue.file, target) if target.startswith("self.") else None
                bound = bound or _queue(target, tie.scope, queue.file, scopes)
                value = _queue(tie.name, tie.scope, queue.file, scopes)
                if queue in (bound, value):
                    yield from (bound, value)
    handed = index.mentions_in(queue.file, Role.START, Role.ARGUMENT)
    for start, argument in _arguments(handed):
        if _queue(argument.name, argument.scope, queue.file, scopes) == queue:
            for function in _started(index, start, scopes):
                yield _parameter(function, argument.target)
    yield from _handed_by(index, queue, scopes)


def _handed_by(index: Index, queue: _Queue, scopes: PythonScopes) -> Iterator[_Queue | None]:
    """For a parameter what those that start its function hand it."""
    function = scopes.names(queue.file).rows[queue.scope]
    takes = parameters(function.signature) if function.kind in _FUNCTIONS else []
    if queue.name not in takes:
        return
    for start in index.mentions_of(function.name, Role.START):
        if function in _started(index, start, scopes):
            for of, argument in _arguments(index.mentions_in(start.file, Role.START, Role.ARGUMENT)):
                if of == start and _parameter(function, argument.target) == queue:
                    yield _queue(argument.name, argument.scope, start.file, scopes)


def _arguments(mentions: list[StoredMention]) -> Iterator[tuple[StoredMention, StoredMention]]:
    """Each argument with the start that it belongs to: the last one before it in the same body."""
    last: dict[int | None, StoredMention] = {}
    for mention in mentions:
        if mention.role is Role.START:
            last[mention.scope] = mention
        elif mention.scope in last:
            yield last[mention.scope], mention


def _started(index: Index, start: StoredMention, scopes: PythonScopes) -> list[StoredSymbol]:
    if start.scope is None:
        return []
    values = scopes.values(start.name, index.symbol(start.scope))
    return [value.symbol for value in values if value.symbol is not None and value.symbol.kind in _FUNCTIONS]


def _parameter(function: StoredSymbol, place: str | None) -> _Queue | None:
    """The parameter that an argument at a position, or of a keyword, becomes."""
    takes = parameters(function.signature)
    if function.kind is Kind.METHOD:
        takes = takes[1:]
    if place is not None and place.isdigit():
        place = takes[int(place)] if int(place) < len(takes) else None
    return _Queue(function.row, function.file, place) if place in takes else None
