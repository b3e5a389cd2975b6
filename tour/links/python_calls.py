"""Python's calls, resolved by scope (``links/python_scopes.py``), and guesses by name where scope says nothing.

Exact: what the called name stands for; of a class also its ``__init__`` or ``__new__``, of an object its ``__call__``,
and its ``forward`` where a base class binds both (as ``Module`` does). By name: methods of subclasses that override
the one found, and on a receiver of unknown type every method of that name in the same top folder, where there are few.
``torch.ops.aten.add(…)`` calls the operator, by name where it has overloads.
By name too: a method that only raises ``NotImplementedError`` where subclasses override it. Cannot see: callables that
are passed around and decorators that call something else first (``links/python_implicit.py`` does), and metaclasses.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tour.index import Index, StoredMention, StoredSymbol, last_part
from tour.links.nodes import Node, mentions_in, node, operators_named, stored
from tour.links.python_scopes import MOST_NAMED, PythonScopes, Value
from tour.model import Grade, Kind, Link, LinkKind, Role

MOST_CANDIDATES = 12
"""A method that more classes define says too little by its name."""

_OF_BUILTINS = frozenset(name for kind in (str, bytes, list, dict, set, tuple, int, float) for name in dir(kind))
"""Methods that an unknown receiver most likely has from the language itself."""
_FUNCTIONS = frozenset({Kind.FUNCTION, Kind.METHOD})


class Target(NamedTuple):
    """What one call may run."""

    node: Node
    rule: str
    grade: Grade
    candidates: int = 1


def links_from(index: Index, source: Node, lines: tuple[int, int] | None, scopes: PythonScopes) -> Iterator[Link]:
    """What a symbol's body calls, in its order; of a variable what it stands for."""
    if source.scheme != "py":
        return
    for symbol in stored(index, source):
        if symbol.kind is Kind.VARIABLE:
            yield from _stands_for(index, symbol, source, scopes)
            continue
        for mention in mentions_in(index, symbol, lines, Role.CALL):
            yield from links_of(index, source, mention, scopes)


def links_of(index: Index, source: Node, mention: StoredMention, scopes: PythonScopes) -> Iterator[Link]:
    """What one call may run."""
    for target in targets(index, mention, scopes) if mention.role is Role.CALL else ():
        yield Link(
            LinkKind.CALLS, source.id, target.node.id, target.node.at, mention.at, f"python_calls/{target.rule}",
            target.grade, target.candidates if target.grade is Grade.NAME else 1,
        )  # fmt: skip


def _stands_for(index: Index, symbol: StoredSymbol, source: Node, scopes: PythonScopes) -> Iterator[Link]:
    """``conv1d = _add_docstr(torch.conv1d, …)``: to call the one is to call the other."""
    if symbol.parent is None:
        return
    names = scopes.names(symbol.file)
    around = names.rows[symbol.parent]
    found = [
        value
        for value in scopes.values(symbol.name, around)
        if not value.is_foreign and not value.is_instance and value.node.id != source.id
    ]
    for value in found:
        grade = Grade.EXACT if value.is_sure else Grade.NAME
        yield Link(LinkKind.CALLS, source.id, value.node.id, value.node.at, symbol.at, "python_calls/alias", grade)
    for tie in names.ties.get((symbol.parent, symbol.name), ()) if not found else ():
        for made in _made_elsewhere(index, tie):
            yield Link(LinkKind.CALLS, source.id, made.id, made.at, tie.at, "python_calls/alias", Grade.EXACT)


def _made_elsewhere(index: Index, tie: StoredMention) -> Iterator[Node]:
    """What no Python defines: an operator of ``torch.ops``, or the generated function that takes its own place
    (``istft = _add_docstr(torch.istft, …)``, which ``torch`` then takes back)."""
    if operators := operators_named(index, tie.name):
        yield from operators
    elif any(made.name == tie.name for made in index.mentions_of(last_part(tie.name), Role.GENERATE)):
        yield Node(f"py:{tie.name}")


def targets(index: Index, mention: StoredMention, scopes: PythonScopes) -> list[Target]:
    """What one call may run, the surest first, each once."""
    if mention.scope is None:
        return []
    scope = index.symbol(mention.scope)
    if mention.name.startswith("torch.ops.") and (operators := operators_named(index, mention.name)):
        grade = Grade.EXACT if len(operators) == 1 else Grade.NAME
        return [Target(operator, "operator", grade, len(operators)) for operator in operators]
    values = scopes.values(mention.name, scope)
    found = list(called(values, scopes)) if values else list(_by_name(mention, scopes))
    best: dict[Node, Target] = {}
    for target in sorted(found, key=lambda target: target.grade is Grade.NAME):
        best.setdefault(target.node, target)
    return list(best.values())


def called(values: list[Value], scopes: PythonScopes) -> Iterator[Target]:
    """What the call of any of some values runs."""
    for value in values:
        if value.is_foreign:
            continue
        grade = Grade.EXACT if value.is_sure else Grade.NAME
        if value.via is not None:
            yield Target(node(value.via), "scope", grade, len(values))
        symbol = value.symbol
        if symbol is None:
            if not value.is_instance:
                yield Target(value.node, "scope", grade, len(values))
        elif symbol.kind is Kind.CLASS:
            if not value.is_instance:
                yield Target(value.node, "scope", grade, len(values))
            special = ("__call__",) if value.is_instance else ("__new__", "__init__")
            for name in special:
                for made in scopes.members(symbol, name):
                    yield from _special(made, grade, len(values))
            if value.is_instance:
                yield from _forward(symbol, grade, len(values), scopes)
        elif symbol.kind is not Kind.MODULE:
            over = list(_overriding(value.via or symbol, scopes))
            if over and scopes.is_abstract(symbol):
                grade = Grade.NAME  # somebody else's runs
            yield Target(value.node, "scope", grade, max(len(values), len(over) + 1))
            yield from over


def _special(made: Value, grade: Grade, candidates: int) -> Iterator[Target]:
    if made.symbol is not None and made.symbol.kind in _FUNCTIONS:
        if made.via is not None:
            yield Target(node(made.via), "special", grade, candidates)
        yield Target(made.node, "special", grade, candidates)


def _forward(owner: StoredSymbol, grade: Grade, candidates: int, scopes: PythonScopes) -> Iterator[Target]:
    """``forward`` of an object whose base class leaves it to be defined and calls it from ``__call__``."""
    binds = scopes.names
    if any(
        {(at.row, "__call__"), (at.row, "forward")} <= binds(at.file).members.keys() for at in scopes.ancestry(owner)
    ):
        for found in scopes.members(owner, "forward"):
            yield from _special(found, grade, candidates)


def _overriding(member: StoredSymbol, scopes: PythonScopes) -> Iterator[Target]:
    """The same method of subclasses, which the call runs where the object is one of theirs."""
    over = scopes.overriding(member) if member.name not in {"__init__", "__new__"} else []
    for other in over:
        yield Target(node(other), "override", Grade.NAME, len(over) + 1)


def _by_name(mention: StoredMention, scopes: PythonScopes) -> Iterator[Target]:
    """Every method of the name that is called on a receiver of unknown type."""
    name = last_part(mention.name)
    if "." not in mention.name or name in _OF_BUILTINS:
        return
    found = scopes.methods_named(name, mention.file)
    if MOST_CANDIDATES < len(found) <= MOST_NAMED:
        found = [symbol for symbol in found if not _overrides(symbol, found, scopes)]
    bound = scopes.bound_methods(name)
    if len(found) + len(bound) <= MOST_CANDIDATES:
        for at in [*map(node, found), *bound]:
            yield Target(at, "name", Grade.NAME, len(found) + len(bound))
        if len(found) == 1:
            yield from _overriding(found[0], scopes)


def _overrides(method: StoredSymbol, others: list[StoredSymbol], scopes: PythonScopes) -> bool:
    """Whether one of the others is what the method overrides."""
    owner = scopes.class_of(method)
    bases = {base.row for base in scopes.ancestry(owner)[1:]} if owner else set()
    return any(other.parent in bases for other in others)
