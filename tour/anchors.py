"""An anchor → a place in this version of the tree, and on which rung of the ladder it was found.

The rungs: the same id (``exact``) → an id that the tour lists as a former one (``former``) → the same name in another
file or scope (``moved``) → for statements, the most similar text inside the symbol (``changed``) → ``lost``. Where an
anchor fits several places equally well it is ``lost`` too, with the places named: a doubt is never silent.

What fits may yet be another place than the author meant, and then it is ``changed``: where more or fewer symbols bear
the id than the author counted and only a statement's text tells which, where a tree has the declaration alone, where
the statement of a module's or a class's body stands in a function of it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import TypedDict

from tour import statements
from tour.errors import TourError
from tour.index import Index, StoredSymbol, last_part, split_id
from tour.model import Kind, in_tree, inside, tree_of
from tour.tours import Anchor, Step, applies

FAR = 60
"""Lines above a statement among which one is sought that tells it from others like it."""

MOST = 12
"""An id that more symbols bear, as a namespace's, is no name for a place."""

SIMILAR, APART = 0.6, 0.15
"""How much the parameters of an overload must be like those asked for, and by how much it must lead the next."""

_FUNCTIONS = frozenset({Kind.FUNCTION, Kind.METHOD, Kind.KERNEL})
_CALLED = _FUNCTIONS | {Kind.CLASS}
_SCOPES = frozenset({Kind.MODULE, Kind.NAMESPACE, Kind.CLASS})

_PARAMETER = re.compile(r"\w+(?=\s*[,&*)<>]|\s+\w)")
_TRAILING = re.compile(r"\s+(#|//).*$")
Reader = Callable[[str], bytes]


class Way(TypedDict, total=False):
    """The keys of an anchor that name a statement inside its symbol."""

    statement: str | None
    after: str | None
    through: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a step is in one tree."""

    located: str
    """``exact``, ``former``, ``moved``, ``changed``, ``lost`` or ``absent``."""
    asked: str
    """The symbol id that the anchor gives."""
    symbol: StoredSymbol | None = None
    line: int = 0
    end_line: int = 0
    statement: bool = False
    """Whether it is a statement rather than the whole symbol."""
    note: str | None = None
    """What was found instead, or why nothing was."""
    tree: str = ""
    """The tree that it is in, or would be, if that is not the first of those asked."""
    has_tree: bool = True
    """Whether that tree is among those asked."""

    @property
    def lines(self) -> tuple[int, int] | None:
        """The statement's lines; ``None`` where the place is the whole symbol."""
        return (self.line, self.end_line) if self.statement else None


def meant(step: Step, index: Index, version: str) -> Anchor | None:
    """The anchor that a step is found by in these trees; ``None`` where they do not have it."""
    for anchor in step.anchors:
        book = index.of(anchor.tree)
        if book is not None:
            of = book.version if book.tree else version
            if applies(step.versions, of) and applies(anchor.versions, of):
                return anchor
    return None


def locate(step: Step, index: Index, read: Reader, version: str) -> Place:
    """Find a step's place. ``read`` gives a file's bytes; raises what it raises.

    ``version`` is that of the first of the trees that are asked; of a project beside it its own counts.
    """
    if (anchor := meant(step, index, version)) is not None:
        return find(anchor, index, read)
    first = step.anchors[0]
    book = index.of(first.tree)
    if book is None:
        return find(first, index, read)
    of = book.version if book.tree else version
    return Place("absent", first.symbol, note=f"not in {of}", tree=book.tree)


def anchor_at(file: str, first: int, last: int, index: Index, read: Reader) -> Anchor:
    """The anchor for lines of a file: a symbol where ``first`` is its definition, else a statement of the symbol.

    Of the ways to say it the shortest that leads back to these lines is taken. Raises ``TourError`` where the file is
    not in the index or nothing tells the lines apart.
    """
    if index.file(file) is None:
        raise TourError("the index does not have this file", at=file, hint="Python, C, C++ and CUDA are indexed.")
    text = read(file).decode("utf-8", "replace").splitlines()
    if not 1 <= first <= last <= len(text):
        raise TourError(f"the file has {len(text)} lines", at=f"{file}:{last if first >= 1 else first}")
    while first < last and not text[first - 1].strip():
        first += 1
    while first < last and not text[last - 1].strip():
        last -= 1
    holding = [symbol for symbol in index.symbols_in(file) if symbol.start_line <= first <= symbol.end_line]
    if not holding or not text[first - 1].strip():
        what = "nothing stands here" if holding else "no symbol holds this line"
        raise TourError(what, at=f"{file}:{first}", hint="Name a line of a function, a class or a module's body.")
    for symbol in sorted(holding, key=lambda symbol: (-symbol.start_line, symbol.end_line)):
        whole = symbol.kind is not Kind.MODULE and first <= symbol.line
        ways = [Way()] if whole else list(_ways(symbol, first, last, text, index))
        for spelling in _spellings(symbol, index, read):
            for way in ways:
                anchor = replace(spelling, **way)
                place = find(anchor, index, read, guess=False)
                found = place.symbol is not None and place.symbol.file == file
                there = (symbol.line,) if whole else (first, last)
                if place.located == "exact" and found and there == (place.line, place.end_line)[: len(there)]:
                    return anchor
    raise TourError("nothing tells this line from others like it", at=f"{file}:{first}", hint="Name one near to it.")


def _spellings(symbol: StoredSymbol, index: Index, read: Reader) -> list[Anchor]:
    """An anchor for a symbol, from the shortest: by its id, its parameters, its file; last those that more fit."""
    tree = tree_of(symbol.file) or index.standing("").name
    book = index.of(tree) or index
    plain = Anchor(symbol.id, None, None, None, None, (), None, 0, tree=tree)
    spelt = [plain]
    if symbol.signature:
        spelt.append(replace(plain, symbol=symbol.id + symbol.signature))
    spelt += [replace(anchor, file=inside(symbol.file)) for anchor in spelt]
    counted = [
        replace(anchor, among=len(_with_id(anchor.symbol, anchor.file and symbol.file, book, read))) for anchor in spelt
    ]
    return sorted((anchor for anchor in counted if anchor.among <= MOST), key=lambda anchor: anchor.among > 1)


def _ways(symbol: StoredSymbol, first: int, last: int, text: list[str], index: Index) -> Iterator[Way]:
    """Ways to name the lines from ``first`` to ``last`` inside a symbol, the shortest first.

    A line above tells them apart where no other reads so and none like the statement stands between.
    """
    line = statements.fold(text[first - 1])
    through = statements.fold(text[last - 1]) if last > first else None
    inner = _functions_in(symbol, index) if symbol.kind in _SCOPES else frozenset()
    body = range(symbol.start_line, min(symbol.end_line, len(text)) + 1)
    numbers = [number for number in body if number not in inner]
    folded = {number: statements.fold(text[number - 1]) for number in numbers}
    count = Counter(folded.values())
    befores: list[str | None] = [None]
    for number in range(first - 1, max(symbol.start_line, first - FAR) - 1, -1):
        above = folded.get(number, "")
        if above == line:
            break
        if above and count[above] == 1:
            befores.append(above)
    for after in befores:
        for statement in dict.fromkeys((_TRAILING.sub("", line), line)):
            if statement:
                yield Way(statement=statement, after=after, through=through)


def find(anchor: Anchor, index: Index, read: Reader, *, guess: bool = True) -> Place:
    """The place of one anchor, whatever versions it is meant for; raises what ``read`` raises.

    Without ``guess`` a statement that does not stand there as it is written is lost, which is told at once.
    """
    book = index.of(anchor.tree)
    if book is None:
        missing = f"{anchor.tree} is not at hand: tour get {anchor.tree}, tour index {anchor.tree}"
        return Place("absent", anchor.symbol, note=missing, tree=anchor.tree, has_tree=False)
    tree = book.tree
    anchor = replace(anchor, file=in_tree(tree, anchor.file)) if anchor.file else anchor
    located, found, note = _symbol(anchor, book, read)
    if not found:
        return Place("lost", anchor.symbol, note=note, tree=tree)
    if anchor.statement is None:
        if len(found) > 1:
            return Place("lost", anchor.symbol, note=_several(found), tree=tree)
        symbol = found[0]
        return Place(located, anchor.symbol, symbol, symbol.line, symbol.end_line, note=note, tree=tree)
    if len(found) > max(MOST, anchor.among):
        return Place("lost", anchor.symbol, note=_several(found), tree=tree)
    tried = [(symbol, _statement(anchor, symbol, book, read, guess)) for symbol in found]
    held = [(symbol, lines) for symbol, lines in tried if lines.how == "exact"] or [
        (symbol, lines) for symbol, lines in tried if lines.how == "changed"
    ]
    if len(held) != 1:
        reason = _several([symbol for symbol, _ in held]) if held else tried[0][1].note
        return Place("lost", anchor.symbol, note=reason, tree=tree)
    symbol, lines = held[0]
    note = lines.note or note
    if lines.how == "changed":
        located = "changed"  # a lower rung of the symbol shows in its note
    elif located == "exact" and len(found) != anchor.among:
        located, note = "changed", _counted(len(found), anchor.among)
    return Place(located, anchor.symbol, symbol, lines.first, lines.last, statement=True, note=note, tree=tree)


def _symbol(anchor: Anchor, index: Index, read: Reader) -> tuple[str, list[StoredSymbol], str | None]:
    """The rung, the symbols on it (several where the id does not tell them apart), and a note."""
    if found := _with_id(anchor.symbol, anchor.file, index, read):
        if anchor.file is None and not any(map(_is_whole, found)):
            return "changed", found, f"only declared here, in {found[0].file}"
        return "exact", found, None
    for former in anchor.formerly:
        if found := _with_id(former, None, index, read):
            return "former", found, f"here it is {former}"
    if anchor.file and (found := _with_id(anchor.symbol, None, index, read)) and len(found) == 1:
        how = "" if _is_whole(found[0]) else ", and only declared there"
        return "moved", found, f"moved to {found[0].file}{how}"
    scheme, qualname, signature = split_id(anchor.symbol)
    if signature and (overloads := _with_id(f"{scheme}:{qualname}", anchor.file, index, read)):
        if like := _like(signature, overloads):
            return "changed", [like], f"its parameters are now {like.signature}"
        if anchor.statement is not None:
            return "changed", overloads, "its parameters changed"
    same_name = _definitions(index.symbols_named(last_part(qualname)), scheme, read)
    if signature:
        same_name = [symbol for symbol in same_name if _same(symbol.signature, signature)]
    near = _nearest(same_name, qualname, anchor.file, index)
    if len(near) == 1:
        return "moved", near, f"now {near[0].id} in {near[0].file}"
    if same_name:
        return "lost", [], f"no {anchor.symbol}; {len(same_name)} others have its last name"
    return "lost", [], f"no {anchor.symbol}, and nothing of that name"


def _like(signature: str, overloads: list[StoredSymbol]) -> StoredSymbol | None:
    """The overload whose parameters are most like ``signature``: one stands out, or differs in scopes alone."""
    wanted = _PARAMETER.findall(signature)
    scored = sorted(
        (
            (SequenceMatcher(None, wanted, _PARAMETER.findall(symbol.signature), autojunk=False).ratio(), -number)
            for number, symbol in enumerate(overloads)
        ),
        reverse=True,
    )
    if not scored or scored[0][0] < SIMILAR:
        return None
    if len(scored) > 1 and (scored[1][0] == 1 if scored[0][0] == 1 else scored[0][0] - scored[1][0] < APART):
        return None
    return overloads[-scored[0][1]]


def _nearest(same_name: list[StoredSymbol], qualname: str, file: str | None, index: Index) -> list[StoredSymbol]:
    """Of the symbols of a name those in the same file, or in a class or namespace of the same name.

    A function that is alone in its name is near wherever it is, but no member of another class: ``__call__`` or ``to``
    may be anybody's. What the symbol was once defined in is not the symbol, nor is a macro.
    """
    fitting = [
        symbol
        for symbol in same_name
        if symbol.kind is not Kind.MACRO and not re.match(rf"{re.escape(symbol.qualname)}\W", qualname)
    ]
    alike = [symbol for symbol in fitting if _around(symbol.qualname) == _around(qualname) != ""]
    if len(fitting) == 1:
        return alike or [symbol for symbol in fitting if not _is_member(symbol, index)]
    return [symbol for symbol in fitting if symbol.file == file] or alike


def _is_member(symbol: StoredSymbol, index: Index) -> bool:
    around = symbol.qualname.removesuffix(last_part(symbol.qualname)).rstrip(".:")
    return any(owner.kind is Kind.CLASS for owner in index.symbols(around, symbol.scheme))


def _around(qualname: str) -> str:
    """The last name of the class or namespace around a symbol."""
    return last_part(qualname.removesuffix(last_part(qualname)).rstrip(".:"))


def _with_id(symbol_id: str, file: str | None, index: Index, read: Reader) -> list[StoredSymbol]:
    scheme, qualname, signature = split_id(symbol_id)
    found = _definitions(index.symbols(qualname), scheme, read)
    if signature:
        found = [symbol for symbol in found if _same(symbol.signature, signature)]
    return [symbol for symbol in found if symbol.file == file] if file else found


def _definitions(symbols: list[StoredSymbol], scheme: str, read: Reader) -> list[StoredSymbol]:
    """Definitions where there are any, and no stub beside them; of a Python name what callers get in the end."""
    ours = [symbol for symbol in symbols if symbol.scheme == scheme]
    found = [symbol for symbol in ours if _is_whole(symbol)] or ours
    if scheme == "py" and len(found) > 1 and len({(symbol.file, symbol.parent) for symbol in found}) == 1:
        called = [symbol for symbol in found if symbol.kind in _CALLED]
        return [symbol for symbol in called if not _is_overload(symbol, read)] or (called or found)[-1:]
    return found


def _is_whole(symbol: StoredSymbol) -> bool:
    """Whether a symbol is defined, and not only declared: in C++ without a body, in Python in a stub."""
    return symbol.is_definition and not symbol.file.endswith(".pyi")


def _is_overload(symbol: StoredSymbol, read: Reader) -> bool:
    """Whether a Python function is one of those that only tell a type checker what the last of them takes."""
    return any("overload" in line for _, line in _body(symbol.file, symbol.start_line, symbol.line - 1, read))


def _same(one: str, other: str) -> bool:
    return re.sub(r"\s", "", one) == re.sub(r"\s", "", other)


def _counted(here: int, told: int) -> str:
    if told == 1:
        return f"{here} bear this name and only the text tells which is meant; `among: {here}` says so"
    return f"{here} bear{'s' if here == 1 else ''} this name here, and the tour counts {told}"


def _several(symbols: list[StoredSymbol]) -> str:
    places = ", ".join(str(symbol.at) for symbol in symbols[:4])
    if len({symbol.file for symbol in symbols}) == len(symbols):
        how = "`file:`"
    elif len({symbol.signature for symbol in symbols}) == len(symbols):
        how = f"parameters, such as {symbols[0].id}{symbols[0].signature}"
    else:
        how = "a `statement:` that one of them has"
    return f"{len(symbols)} places fit ({places}); tell them apart by {how}"


def _statement(anchor: Anchor, symbol: StoredSymbol, index: Index, read: Reader, guess: bool) -> statements.Found:
    """A statement in a symbol's body; in a module's or a class's outside of the functions there, if it can be."""
    assert anchor.statement is not None
    lines = _body(symbol.file, symbol.start_line, symbol.end_line, read)
    inner = _functions_in(symbol, index) if symbol.kind in _SCOPES else frozenset()
    outside = [(number, line) for number, line in lines if number not in inner]
    found = statements.find(outside, anchor.statement, anchor.after, anchor.through, guess=guess)
    if found.how == "lost" and inner and guess:
        found = statements.find(lines, anchor.statement, anchor.after, anchor.through)
        if found.how != "lost":
            return replace(found, how="changed", note=found.note or "in a function here")
    if found.how != "lost":
        return found
    return replace(found, note=f"{found.note} in {symbol.id} ({symbol.at})")


def _functions_in(symbol: StoredSymbol, index: Index) -> frozenset[int]:
    """The lines below the heads of the functions in a module or a class."""
    return frozenset(
        number
        for other in index.symbols_between(symbol.file, symbol.start_line, symbol.end_line)
        if other.kind in _FUNCTIONS
        for number in range(other.line + 1, other.end_line + 1)
    )


def _body(file: str, first: int, last: int, read: Reader) -> statements.Lines:
    text = read(file).decode("utf-8", "replace").splitlines()
    return list(enumerate(text[first - 1 : last], start=first))
