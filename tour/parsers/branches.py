"""Preprocessor branches that cut a declaration in two, read one branch at a time.

A grammar sees ``#if``, ``#else`` and both branches at once; where each branch opens the same brace, the rest of the
file falls out of its scopes. A view of a source is what a compiler could be given: of each conditional one branch,
the others and the conditionals' own lines blanked at equal length, so that positions hold. There are as many views
as it takes to see every branch once (``#if 0`` is never seen), and what is read from each is united: where two views
read the same place, the earlier one wins.

Left out: what conditions mean. Two ``#if`` on the same macro are told apart from two on different ones by nothing; the
n-th view takes the n-th branch of both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tour.model import MentionFields, SymbolFields
from tour.parsers.treesitter import Records

MOST_VIEWS = 12
"""A file whose branches would need more views is read in this many; what only the others would show is left out."""

_LITERALS = (
    rb"//[^\n]*|/\*.*?(?:\*/|\Z)|R\"(?P<tag>[^\s()\\]{0,16})\(.*?\)(?P=tag)\"|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])'"
)
"""Comments and literals: what looks like a directive in them is none. Like it, each alternative begins with a byte that
says so, for ``re`` skips to such bytes ten times as fast as it tries one alternative after the other."""
_CONDITIONAL = re.compile(
    _LITERALS + rb"|#[ \t]*(?P<word>if|ifdef|ifndef|elif|else|endif)\b(?P<condition>(?:\\\r?\n|/\*.*?\*/|[^\n])*)",
    re.DOTALL,
)
_ASIDE = re.compile(_LITERALS + rb"|#(?:\\\r?\n|[^\n])*", re.DOTALL)
"""What says nothing of a stretch's brackets: comments, literals and other directives."""
_ENDS = (b"", b";", b"{", b"}", b":")
_ELSE = re.compile(rb"else\b")
_BRACKETS = (b"{}", b"()", b"[]")
_NEVER = re.compile(rb"[\s(]*(?:0|false)[\s)]*(?://.*|/\*.*)?", re.DOTALL)
_BLANKS = bytes(byte if byte in b"\r\n" else 0x20 for byte in range(256))


@dataclass(frozen=True, slots=True)
class _Directive:
    """A line (with its continuations) that opens, parts or closes a conditional."""

    start: int
    end: int
    word: bytes
    is_never: bool
    """Whether it is ``#if 0`` or ``#elif 0``."""
    is_odd: bool
    """Whether its condition asks what no grammar expects there: ``__has_include(<x>)``, a macro given a string."""

    @property
    def opens(self) -> bool:
        return self.word in {b"if", b"ifdef", b"ifndef"}

    @property
    def closes(self) -> bool:
        return self.word == b"endif"


def views(source: bytes) -> list[bytes]:
    """``source`` with one branch left of each conditional that cuts something; none where nothing is cut."""
    directives = _cutting(source, list(_directives(source)))
    if not directives:
        return []
    turns, count = _turns(directives)
    return [_view(source, directives, turns, number) for number in range(min(count, MOST_VIEWS))]


def _directives(source: bytes) -> Iterator[_Directive]:
    for found in _CONDITIONAL.finditer(source):
        if word := found["word"]:
            asks = word in {b"if", b"elif"}
            condition = found["condition"]
            never = asks and _NEVER.fullmatch(condition) is not None
            odd = asks and (b'"' in condition or b"__has_include" in condition)
            yield _Directive(found.start(), found.end(), word, never, odd)


def _cutting(source: bytes, directives: Sequence[_Directive]) -> list[_Directive]:
    """The directives of the conditionals that a grammar cannot take as they stand.

    It can where each branch is made of whole declarations or statements: its brackets match, it and what comes before
    it end where a statement may end, and no ``else`` leans on what is behind a directive. Most conditionals are like
    that, and their branches need no views.
    """
    starts = [0, *(directive.end for directive in directives)]
    ends = [*(directive.start for directive in directives), len(source)]
    stretches = [_ASIDE.sub(b"", source[start:end]).strip() for start, end in zip(starts, ends, strict=True)]
    cutting: list[_Directive] = []
    around: list[_Inside] = []
    for directive, before, behind in zip(directives, stretches, stretches[1:], strict=False):
        if around:
            around[-1].read_on(before)
        if directive.opens:
            around.append(_Inside([], before[-1:] not in _ENDS))
        if around:
            around[-1].turn(directive)
        if around and directive.closes:
            closed = around.pop()
            if closed.cuts or _ELSE.match(behind):
                cutting += closed.directives
    for never_closed in around:
        cutting += never_closed.directives
    return sorted(cutting, key=lambda directive: directive.start)


@dataclass(slots=True)
class _Inside:
    """What stands in a conditional, but not in those inside it."""

    directives: list[_Directive]
    cuts: bool
    depths: tuple[int, ...] = (0, 0, 0)

    def read_on(self, stretch: bytes) -> None:
        """Go on in the branch."""
        self.cuts = self.cuts or stretch[-1:] not in _ENDS or _ELSE.match(stretch) is not None
        self.depths = tuple(
            depth + stretch.count(pair[:1]) - stretch.count(pair[1:])
            for depth, pair in zip(self.depths, _BRACKETS, strict=True)
        )

    def turn(self, directive: _Directive) -> None:
        """End the branch, if there was one, and begin the next."""
        self.cuts = self.cuts or directive.is_never or directive.is_odd or any(self.depths)
        self.depths = (0, 0, 0)
        self.directives.append(directive)


def _turns(directives: Sequence[_Directive]) -> tuple[list[list[int]], int]:
    """For each conditional how many views each of its branches needs, and how many the source needs.

    A branch needs as many as the conditional in it that needs most, a conditional as many as its branches together.
    """
    conditionals: list[list[int]] = []
    around: list[list[int]] = []
    most = 1

    def close() -> None:
        nonlocal most
        total = sum(around.pop())
        if not around:
            most = max(most, total)
        elif around[-1][-1]:
            around[-1][-1] = max(around[-1][-1], total)

    for directive in directives:
        if directive.opens:
            conditionals.append([int(not directive.is_never)])
            around.append(conditionals[-1])
        elif around and directive.closes:
            close()
        elif around:
            around[-1].append(int(not directive.is_never))
    while around:
        close()
    return conditionals, most


@dataclass(slots=True)
class _Open:
    """A conditional that a view is inside of."""

    chosen: int | None
    """The branch that this view shows."""
    turn: int
    """Which of that branch's own views it is."""
    is_live: bool
    """Whether the view shows what is around it."""
    branch: int = 0


def _view(source: bytes, directives: Sequence[_Directive], turns: Sequence[list[int]], number: int) -> bytes:
    seen = bytearray(source)
    around: list[_Open] = []
    upcoming = iter(turns)
    live, at = True, 0
    for directive in directives:
        blanked_from = directive.start if live else at
        seen[blanked_from : directive.end] = source[blanked_from : directive.end].translate(_BLANKS)
        at = directive.end
        if directive.opens:
            chosen, turn = _choice(next(upcoming), around[-1].turn if around else number)
            around.append(_Open(chosen, turn, live))
            live = live and chosen == 0
        elif around and directive.closes:
            live = around.pop().is_live
        elif around:
            around[-1].branch += 1
            live = around[-1].is_live and around[-1].branch == around[-1].chosen
    if not live:
        seen[at:] = source[at:].translate(_BLANKS)
    return bytes(seen)


def _choice(turns: Sequence[int], turn: int) -> tuple[int | None, int]:
    """The branch that a conditional shows in its ``turn``-th view, and which of that branch's views it is.

    Past the last it begins anew: the first branch is the likeliest to fit what is around.
    """
    turn = turn if turn < sum(turns) else 0
    for branch, width in enumerate(turns):
        if turn < width:
            return branch, turn
        turn -= width
    return None, 0


def unite(readings: Sequence[Records]) -> Records:
    """The records of several views of one source, each place once, in the order of the file."""
    symbols: list[SymbolFields] = []
    mentions: list[MentionFields] = []
    named: dict[tuple[int, int], int] = {}
    mentioned: set[tuple[str, int, int]] = set()
    for found, placed, _ in readings:
        united = [-1]
        """Where each of this view's symbols stands in the united list, one further on; first the parent of none."""
        for symbol in found:
            known = named.get((symbol[3], symbol[4]))
            united.append(len(symbols) if known is None else known)
            if known is None:
                symbols.append((*symbol[:7], united[symbol[7] + 1], symbol[8]))
        # Only now, for one view may find several at one place.
        for symbol, number in zip(found, united[1:], strict=True):
            named.setdefault((symbol[3], symbol[4]), number)
        new = [mention for mention in placed if (mention[0], mention[3], mention[4]) not in mentioned]
        mentions += [(*mention[:7], united[mention[7] + 1]) for mention in new]
        mentioned.update((mention[0], mention[3], mention[4]) for mention in new)
    order = sorted(range(len(symbols)), key=lambda number: symbols[number][3:5])
    rank = {number: at for at, number in enumerate(order)} | {-1: -1}
    mentions.sort(key=lambda mention: mention[3:5])
    return (
        [(*symbols[number][:7], rank[symbols[number][7]], symbols[number][8]) for number in order],
        [(*mention[:7], rank[mention[7]]) for mention in mentions],
        next((problems for _, _, problems in readings if problems), []),
    )
