"""An anchor → a place in this version of the tree, and on which rung of the ladder it was found.

The rungs: the same id (``exact``) → an id that the tour lists as a former one (``former``) → the same name in another
file or scope (``moved``) → for statements, the most similar text inside the symbol (``changed``) → ``lost``. Where an
anchor fits several places equally well it is ``lost`` too, with the places named: a doubt is never silent.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from tour.errors import TourError
from tour.index import Index, StoredSymbol, last_part, split_id
from tour.model import Kind
from tour.tours import Anchor, Step, applies

SIMILAR = 0.75
"""Share of tokens in common (difflib's ratio) from which a changed statement is still believed to be the same."""

FAR = 60
"""Lines above a statement among which one is sought that tells it from others like it."""

_TRAILING = re.compile(r"\s+(#|//).*$")
_TOKEN = re.compile(r"\w+|[^\w\s]")
Reader = Callable[[str], bytes]


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

    @property
    def lines(self) -> tuple[int, int] | None:
        """The statement's lines; ``None`` where the place is the whole symbol."""
        return (self.line, self.end_line) if self.statement else None


def locate(step: Step, index: Index, read: Reader, version: str) -> Place:
    """Find a step's place. ``read`` gives a file's bytes; raises what it raises."""
    fitting = [anchor for anchor in step.anchors if applies(anchor.versions, version)]
    if not applies(step.versions, version) or not fitting:
        return Place("absent", step.anchors[0].symbol, note=f"not in {version}")
    return find(fitting[0], index, read)


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
    holding = [symbol for symbol in index.symbols_in(file) if symbol.start_line <= first <= symbol.end_line]
    if not holding or not text[first - 1].strip():
        what = "nothing stands here" if holding else "no symbol holds this line"
        raise TourError(what, at=f"{file}:{first}", hint="Name a line of a function, a class or a module's body.")
    for symbol in sorted(holding, key=lambda symbol: (-symbol.start_line, symbol.end_line)):
        whole = symbol.kind is not Kind.MODULE and first <= symbol.line
        for spelling in _spellings(symbol):
            for anchor in [spelling] if whole else _statements(spelling, symbol, first, last, text):
                place = find(anchor, index, read)
                found = place.symbol is not None and place.symbol.file == file
                there = (symbol.line,) if whole else (first, last)
                if place.located == "exact" and found and there == (place.line, place.end_line)[: len(there)]:
                    return anchor
    raise TourError("nothing tells this line from others like it", at=f"{file}:{first}", hint="Name one near to it.")


def _spellings(symbol: StoredSymbol) -> list[Anchor]:
    """An anchor for a symbol, from the shortest: by its id, with its parameters, with its file."""
    plain = Anchor(symbol.id, None, None, None, None, (), None, 0)
    spelt = [plain]
    if symbol.signature:
        spelt.append(replace(plain, symbol=symbol.id + symbol.signature))
    return [*spelt, *(replace(anchor, file=symbol.file) for anchor in spelt)]


def _statements(whole: Anchor, symbol: StoredSymbol, first: int, last: int, text: list[str]) -> Iterator[Anchor]:
    """Ways to name the lines from ``first`` to ``last`` inside a symbol, the shortest first."""
    line = _folded(text[first - 1])
    through = _folded(text[last - 1]) if last > first else None
    befores = [_folded(text[number - 1]) for number in range(first - 1, max(symbol.start_line, first - FAR), -1)]
    for after in [None, *filter(None, befores)]:
        for statement in dict.fromkeys((_TRAILING.sub("", line), line)):
            if statement:
                yield replace(whole, statement=statement, after=after, through=through)


def find(anchor: Anchor, index: Index, read: Reader) -> Place:
    """The place of one anchor, whatever versions it is meant for; raises what ``read`` raises."""
    located, found, note = _symbol(anchor, index)
    if not found:
        return Place("lost", anchor.symbol, note=note)
    if anchor.statement is None:
        if len(found) > 1:
            return Place("lost", anchor.symbol, note=_several(found))
        symbol = found[0]
        return Place(located, anchor.symbol, symbol, symbol.line, symbol.end_line, note=note)
    tried = [(symbol, _statement(anchor, symbol, read)) for symbol in found]
    held = [(symbol, lines) for symbol, lines in tried if lines[0] == "exact"] or [
        (symbol, lines) for symbol, lines in tried if lines[0] == "changed"
    ]
    if len(held) != 1:
        reason = _several([symbol for symbol, _ in held]) if held else tried[0][1][3]
        return Place("lost", anchor.symbol, note=reason)
    symbol, (how, first, last, why) = held[0]
    return Place(
        located if how == "exact" else how, anchor.symbol, symbol, first, last, statement=True, note=why or note
    )


def _symbol(anchor: Anchor, index: Index) -> tuple[str, list[StoredSymbol], str | None]:
    """The rung, the symbols on it (several where the id does not tell them apart), and a note."""
    if found := _with_id(anchor.symbol, anchor.file, index):
        return "exact", found, None
    for former in anchor.formerly:
        if found := _with_id(former, None, index):
            return "former", found, f"here it is {former}"
    if anchor.file and (found := _with_id(anchor.symbol, None, index)) and len(found) == 1:
        return "moved", found, f"moved to {found[0].file}"
    scheme, qualname, signature = split_id(anchor.symbol)
    same_name = _definitions(index.symbols_named(last_part(qualname)), scheme)
    if signature:
        same_name = [symbol for symbol in same_name if _same(symbol.signature, signature)]
    if len(same_name) == 1 and same_name[0].kind is not Kind.MACRO:
        return "moved", same_name, f"now {same_name[0].id} in {same_name[0].file}"
    if same_name:
        return "lost", [], f"no {anchor.symbol}; {len(same_name)} others have its last name"
    return "lost", [], f"no {anchor.symbol}, and nothing of that name"


def _with_id(symbol_id: str, file: str | None, index: Index) -> list[StoredSymbol]:
    scheme, qualname, signature = split_id(symbol_id)
    found = _definitions(index.symbols(qualname), scheme)
    if signature:
        found = [symbol for symbol in found if _same(symbol.signature, signature)]
    return [symbol for symbol in found if symbol.file == file] if file else found


def _definitions(symbols: list[StoredSymbol], scheme: str) -> list[StoredSymbol]:
    """Definitions where there are any; of a Python name the one that holds in the end."""
    ours = [symbol for symbol in symbols if symbol.scheme == scheme]
    found = [symbol for symbol in ours if symbol.is_definition] or ours
    if scheme == "py" and len({(symbol.file, symbol.parent) for symbol in found}) == 1:
        return found[-1:]
    return found


def _same(one: str, other: str) -> bool:
    return re.sub(r"\s", "", one) == re.sub(r"\s", "", other)


def _several(symbols: list[StoredSymbol]) -> str:
    places = ", ".join(str(symbol.at) for symbol in symbols[:4])
    files = {symbol.file for symbol in symbols}
    how = "`file:`" if len(files) == len(symbols) else f"parameters, such as {symbols[0].id}{symbols[0].signature}"
    return f"{len(symbols)} places fit ({places}); tell them apart by {how}"


def _statement(anchor: Anchor, symbol: StoredSymbol, read: Reader) -> tuple[str, int, int, str | None]:
    """How a statement was found in a symbol, its first and last line, and a note."""
    text = read(symbol.file).decode("utf-8", "replace").splitlines()
    lines = [
        (number, _folded(text[number - 1])) for number in range(symbol.start_line, min(symbol.end_line, len(text)) + 1)
    ]
    if anchor.after is not None:
        start = _matching(lines, _folded(anchor.after))
        if len(start) != 1:
            return "lost", 0, 0, _count(len(start), anchor.after, symbol)
        lines = [(number, line) for number, line in lines if number > start[0]]
    assert anchor.statement is not None
    found = _matching(lines, _folded(anchor.statement))
    if anchor.after is not None:
        found = found[:1]
    if len(found) > 1:
        return "lost", 0, 0, _count(len(found), anchor.statement, symbol)
    how, first, note = "exact", found[0] if found else 0, None
    if not found:
        first, ratio = _most_similar(lines, anchor.statement)
        if ratio < SIMILAR:
            return "lost", 0, 0, _count(0, anchor.statement, symbol)
        how, note = "changed", f"reads {text[first - 1].strip()!r} here"
    last = first
    if anchor.through is not None:
        end = _matching([(number, line) for number, line in lines if number >= first], _folded(anchor.through))
        if not end:
            return "changed", first, first, f"its last line {anchor.through!r} is not there"
        last = end[0]
    return how, first, last, note


def _count(count: int, statement: str, symbol: StoredSymbol) -> str:
    if not count:
        return f"no {statement!r} in {symbol.id} ({symbol.file})"
    return f"{count} lines of {symbol.id} fit {statement!r}; tell them apart by `after:`"


def _folded(line: str) -> str:
    return " ".join(line.split())


def _matching(lines: list[tuple[int, str]], wanted: str) -> list[int]:
    """Lines that equal the text; else those that begin with it; else those that hold it."""
    for fits in (str.__eq__, str.startswith, str.__contains__):
        if found := [number for number, line in lines if fits(line, wanted)]:
            return found
    return []


def _most_similar(lines: list[tuple[int, str]], wanted: str) -> tuple[int, float]:
    """The line whose tokens are most like the text's; a tie is no answer."""
    tokens = _TOKEN.findall(wanted)
    ratios = sorted(
        (
            (difflib.SequenceMatcher(None, tokens, _TOKEN.findall(line), autojunk=False).ratio(), number)
            for number, line in lines
            if line
        ),
        reverse=True,
    )
    if not ratios or (len(ratios) > 1 and ratios[0][0] == ratios[1][0]):
        return 0, 0.0
    return ratios[0][1], ratios[0][0]
