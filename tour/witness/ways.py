"""What a debugger can look for to see a native step, from what the index says of its place.

A release build has no line tables, and many functions were inlined. So a step is looked for in several ways, best
first (``How``): the function itself; a lambda that only it runs; the kernel that a dispatch stub hands out; a call
that the step's lines make, seen by its return address inside the step's function; a row of a method table, read from
memory. A call tells nothing where the same function calls the same callee elsewhere, or may do so by what was inlined
into it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from tour.anchors import Place, Reader
from tour.index import Index, StoredSymbol, last_part, split_id
from tour.links import Links, Node, node
from tour.model import Grade, Kind, Link, LinkKind, Role
from tour.witness.always import passes

CALLEES, CALLERS = 24, 8
"""How many calls of a step, and callers of an inlined function, are looked at."""

MOST_FILES = 200
"""Files that mention a name up to which its callers are sought."""

LIKELY = 4
"""Candidates up to which a call by name only is worth a breakpoint."""

_LAMBDA = re.compile(r"\[[&=\w,\s]*\]\s*(\(|\{)")
_OUTSIDE = {
    "PyModule_Create": "PyModule_Create2",
    "PyType_Ready": "PyType_Ready",
    "PyModule_AddObject": "PyModule_AddObject",
    "sigaction": "sigaction",
}
"""What is called of CPython and the C library often enough to tell a step, seldom enough to stop at; and its symbol."""


class How(StrEnum):
    """A way to see a step."""

    ENTRY = "entry"
    """The function itself is entered."""
    LAMBDA = "lambda"
    """A lambda in it runs, and nothing else runs that lambda."""
    STUB = "stub"
    """The stub is asked for its kernel."""
    KERNEL = "kernel"
    """The stub's kernel for this processor is entered, whatever its name."""
    CALL = "call"
    """A function that it calls is entered from within it."""
    ROW = "row"
    """The table in memory has the row, and the row the function."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to see one step."""

    how: How
    name: str
    """The qualified name to look for in the binaries; of a stub or a table the object's."""
    signature: str = ""
    within: tuple[str, ...] = ()
    """The functions that the call must come from; anywhere where empty."""
    overload: str = ""
    """Parameters of the first of ``within``, where it has overloads."""
    rivals: tuple[str, ...] = ()
    """Parameters of the other overloads that the tree has of the name, or of the first of ``within``."""
    wrapped: tuple[str, ...] = ()
    """Those of ``within`` whose lambdas pybind11 wraps: the call may come from the wrapper."""
    callers: tuple[str, ...] = ()
    """Of a function, those in its own file: a compiler may have inlined it into them."""
    is_in_header: bool = False
    """Of a function: a compiler may have inlined it into any file that includes it."""
    rows: tuple[str, ...] = ()
    through: str | None = None
    """What was seen in the step's stead: a callee, or the function that it was inlined into."""
    is_around: bool = False
    """It shows no more than that the function around the step's lines ran."""
    is_always: bool = False
    """Every way through that function passes the step (``always``): it is enough that the function returned."""


class Ways:
    """The ways to see native steps, from what the index says of their places."""

    def __init__(self, index: Index, links: Links, read: Reader) -> None:
        self.index, self.links, self.read = index, links, read
        self._known: dict[tuple[Node, tuple[int, int] | None], list[Link]] = {}

    def of(self, place: Place, following: Sequence[Place] = ()) -> list[Way]:
        """The ways to see a step, best first; ``following`` are the steps that it calls, as the tour says."""
        symbol = place.symbol
        if symbol is None:
            return []
        if symbol.scheme == "op":
            return [Way(How.ENTRY, f"{operator_class(symbol.qualname)}::call")]
        if symbol.kind is Kind.VARIABLE:
            return list(self._object(place, symbol))
        if symbol.kind is Kind.CLASS:
            return [Way(How.ENTRY, f"{symbol.qualname}::apply"), Way(How.ENTRY, f"{symbol.qualname}::*")]
        if place.lines is not None:
            return list(self._statement(symbol, place.lines, following))
        return list(self._function(symbol, following))

    def _function(self, symbol: StoredSymbol, following: Sequence[Place]) -> Iterator[Way]:
        name = symbol.qualname
        rivals = self._rivals(symbol)
        in_header = symbol.file.endswith((".h", ".hpp", ".cuh", ".inl"))
        callers = self._callers(symbol)
        yield Way(How.ENTRY, name, symbol.signature, rivals=rivals, callers=callers, is_in_header=in_header)
        yield Way(How.LAMBDA, name)
        for link in self.links.arriving(node(symbol), MOST_FILES):
            if link.kind is LinkKind.STUBS:
                yield Way(How.KERNEL, split_id(link.source)[1], through=split_id(link.source)[1])
        wrapper = self._wrapper(symbol)
        beside = self._beside(symbol) if wrapper else set()
        for callee in [*self._following(following), *self._callees(node(symbol), None)]:
            if _is_among(callee, beside):
                continue  # pybind11 wraps it in the same way
            if around := wrapper or self._around(symbol, callee):
                yield replace(callee, within=around, wrapped=wrapper)
        if not wrapper:
            yield from self._through(symbol)

    def _statement(self, symbol: StoredSymbol, lines: tuple[int, int], following: Sequence[Place]) -> Iterator[Way]:
        here = node(symbol)
        wrapper = self._wrapper(symbol)
        within = wrapper or (symbol.qualname,)
        elsewhere = self._elsewhere(here, lines) | (self._beside(symbol) if wrapper else set())
        rivals = () if wrapper else self._rivals(symbol)
        overload = "" if wrapper else symbol.signature
        for callee in [*self._following(following), *self._callees(here, lines)]:
            if not _is_among(callee, elsewhere):
                inlined = () if wrapper else self._around(symbol, callee)
                around = (*within, *inlined)
                yield replace(callee, within=around, wrapped=wrapper, overload=overload, rivals=rivals)
        if self._has_the_lambda(symbol, lines):
            yield Way(How.LAMBDA, symbol.qualname)
        for link in self._calls(here, lines):
            if split_id(link.target)[0] in {"c", "cpp"}:
                target = _target(link)
                for callee in self._callees(target, None):
                    if not _is_among(callee, elsewhere):
                        through = f"{target.qualname} → {callee.through}"
                        yield replace(
                            callee, within=within, wrapped=wrapper, through=through, overload=overload, rivals=rivals
                        )
        always = not wrapper and self._always(symbol, lines[0])
        yield Way(How.ENTRY, symbol.qualname, symbol.signature, rivals=rivals, is_around=True, is_always=always)
        if always:
            yield from self._through(symbol)

    def _through(self, symbol: StoredSymbol, deeper: bool = True) -> Iterator[Way]:
        """Functions through which every way leads into another, which may have been inlined into them."""
        for link in self.links.arriving(node(symbol), MOST_FILES):
            sure = link.grade is Grade.EXACT or link.candidates == 1
            if link.kind is not LinkKind.CALLS or not sure or link.target_at not in {None, symbol.at}:
                continue
            caller = self.links.placed(link)
            for whole in self.index.symbols_at(caller.qualname, caller.scheme, caller.at) if caller.at else ():
                if whole.is_definition and self._always(whole, link.at.line, symbol.name):
                    rivals = self._rivals(whole)
                    way = Way(How.ENTRY, whole.qualname, whole.signature, rivals=rivals, through=whole.qualname)
                    yield replace(way, is_around=True, is_always=True)
                    if deeper:
                        yield from self._through(whole, deeper=False)

    def _always(self, symbol: StoredSymbol, line: int, name: str | None = None) -> bool:
        text = self.read(symbol.file).decode("utf-8", "replace").splitlines()
        body = "\n".join(text[symbol.start_line - 1 : symbol.end_line])
        return passes(body, line - symbol.start_line, name)

    def _has_the_lambda(self, symbol: StoredSymbol, lines: tuple[int, int]) -> bool:
        """Whether a function has lambdas, and on these lines alone: a binary does not tell those of other lines."""
        text = self.read(symbol.file).decode("utf-8", "replace").splitlines()
        having = [
            number
            for number in range(symbol.start_line, symbol.end_line + 1)
            if _LAMBDA.search(text[number - 1]) and not text[number - 1].lstrip().startswith("//")
        ]
        return bool(having) and all(lines[0] <= number <= lines[1] for number in having)

    def _following(self, places: Sequence[Place]) -> Iterator[Way]:
        """Where to stop to see the next step called: itself, or what it calls where it was inlined."""
        for place in places:
            symbol = place.symbol
            if symbol is None or symbol.scheme == "py":
                continue
            if symbol.scheme == "op":
                yield Way(How.CALL, f"{operator_class(symbol.qualname)}::call", through=symbol.qualname)
            elif symbol.kind is Kind.VARIABLE:
                yield Way(How.STUB, symbol.qualname, through=symbol.qualname)
            elif symbol.kind is not Kind.CLASS:
                yield Way(How.CALL, symbol.qualname, through=symbol.qualname)

    def _elsewhere(self, here: Node, lines: tuple[int, int]) -> set[str]:
        """What the function calls on other lines, by itself or by what may have been inlined into it."""
        found: set[str] = set()
        if here.at is not None:  # a call that nobody resolved may be of any callee of that name
            whole = next((one for one in self.index.symbols_at(here.qualname, here.scheme, here.at)), None)
            around = (whole.start_line, whole.end_line) if whole else lines
            for mention in self.index.mentions_between(here.at.file, *around):
                if mention.role is Role.CALL and not lines[0] <= mention.line <= lines[1]:
                    found.add(last_part(mention.name.lstrip(".")))
        on_lines = {link.target for link in self._calls(here, lines)}
        for link in self._calls(here, None):
            if link.target not in {*on_lines, here.id} and split_id(link.target)[0] in {"c", "cpp"}:
                found |= {one.name for one in self._callees(_target(link), None)}
            if not lines[0] <= link.at.line <= lines[1]:
                found |= {one.name for one in self._stops(link)}
        return found

    def _around(self, symbol: StoredSymbol, callee: Way) -> tuple[str, ...]:
        """The functions that a function may have been inlined into, where nothing else there calls the callee."""
        found = []
        for link in self.links.arriving(node(symbol), MOST_FILES):
            if link.kind is not LinkKind.CALLS or link.candidates > LIKELY:
                continue
            caller = self.links.placed(link)
            rivals = [other for other in self._calls(caller, None) if other.target != symbol.id]
            called = {one.name for other in rivals for one in self._stops(other)}
            for other in rivals:
                if split_id(other.target)[0] in {"c", "cpp"}:
                    called |= {one.name for one in self._callees(_target(other), None)}
            if callee.name not in called:
                found.append(caller.qualname)
        return tuple(dict.fromkeys(found))[:CALLERS]

    def _rivals(self, symbol: StoredSymbol) -> tuple[str, ...]:
        others = {one.signature for one in self.index.symbols(symbol.qualname, symbol.scheme)}
        return tuple(sorted(others - {symbol.signature, ""}))

    def _callers(self, symbol: StoredSymbol) -> tuple[str, ...]:
        """The functions of the same file that call a function, and those that call these: it may be inlined there."""
        found: dict[str, None] = {}
        level = [node(symbol)]
        for _ in range(2):
            arriving = [link for one in level for link in self.links.arriving(one, MOST_FILES)]
            near = [link for link in arriving if link.kind is LinkKind.CALLS and link.at.file == symbol.file]
            level = list(dict.fromkeys(self.links.placed(link) for link in near))[:CALLERS]
            found.update(dict.fromkeys(one.qualname for one in level))
        found.pop(symbol.qualname, None)
        return tuple(found)

    def _beside(self, symbol: StoredSymbol) -> set[str]:
        """What is called in the function around a lambda, outside the lambda."""
        around = self.index.symbol(symbol.parent) if symbol.parent is not None else symbol
        lines = (around.start_line, around.end_line)
        return {
            last_part(mention.name.lstrip("."))
            for mention in self.index.mentions_between(symbol.file, *lines)
            if mention.role is Role.CALL and not symbol.start_line <= mention.line <= symbol.end_line
        }

    def _wrapper(self, symbol: StoredSymbol) -> tuple[str, ...]:
        """The function in which a lambda stands that the index gives a name, as it does where pybind11 binds it."""
        around = self.index.symbol(symbol.parent) if symbol.parent is not None else None
        return (around.qualname,) if around is not None and around.kind is Kind.FUNCTION else ()

    def _object(self, place: Place, symbol: StoredSymbol) -> Iterator[Way]:
        if any(link.kind is LinkKind.STUBS for link in self.links.leaving(node(symbol), None)):
            yield Way(How.STUB, symbol.qualname)
            return
        first, last = place.lines or (symbol.start_line, symbol.end_line)
        entries = self.index.mentions_between(symbol.file, first, last)
        rows = [mention.name for mention in entries if mention.role is Role.ENTRY]
        if rows:
            yield Way(How.ROW, symbol.qualname, rows=tuple(dict.fromkeys(rows))[:CALLEES])

    def _calls(self, start: Node, lines: tuple[int, int] | None) -> list[Link]:
        """The calls in a stretch of code whose callees are known, or nearly; each place once."""
        if (start, lines) not in self._known:
            calling = {LinkKind.CALLS, LinkKind.STUBS, LinkKind.DISPATCHES, LinkKind.LAUNCHES}
            found = [
                link
                for link in self.links.leaving(start, lines)
                if link.kind in calling and (link.grade is Grade.EXACT or link.candidates <= LIKELY)
            ]
            self._known[start, lines] = list({(link.target, link.at): link for link in found}.values())
        return self._known[start, lines]

    def _callees(self, start: Node, lines: tuple[int, int] | None) -> list[Way]:
        """What a stretch of code calls, each as something to stop at."""
        found = [way for link in self._calls(start, lines) for way in self._stops(link)]
        if lines is not None and start.at is not None:
            for mention in self.index.mentions_between(start.at.file, *lines):
                name = _OUTSIDE.get(mention.name)
                if mention.role is Role.CALL and name is not None:
                    found.append(Way(How.CALL, name, through=name))
        return list(dict.fromkeys(found))[:CALLEES]

    def _stops(self, link: Link) -> list[Way]:
        """Where to stop to see a call."""
        scheme, name, _ = split_id(link.target)
        if scheme == "op":
            return [Way(How.CALL, f"{operator_class(name)}::call", through=name)]
        if scheme not in {"c", "cpp"} or link.kind is LinkKind.STUBS:
            return []
        stub = any(symbol.kind is Kind.VARIABLE for symbol in self.index.symbols(name, "cpp"))
        return [Way(How.STUB if stub else How.CALL, name, through=name)]


def _is_among(callee: Way, called: set[str]) -> bool:
    """Whether a callee is called, as its name or as what a mention of it may be."""
    bare = last_part((callee.through or callee.name).partition(".")[0])
    return callee.name in called or bare in called


def _target(link: Link) -> Node:
    return Node(link.target, link.target_at)


def operator_class(name: str) -> str:
    """The class that code generation makes of an operator: ``aten::to.dtype`` → ``at::_ops::to_dtype``."""
    base = name.partition("::")[2] or name
    return f"at::_ops::{base.replace('.', '_')}"
