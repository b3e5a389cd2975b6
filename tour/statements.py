"""A statement's text → its lines in the body of a symbol: as it stands, or the most similar there is.

As it stands: a line that reads so, comments apart, or that begins so where the text ends in ``…``. A line that says
more, or one that is far from where it is looked for, is found too and said to have changed: it may be another one.
Similar is what has the same tokens in the same order, the rarer of them counting for more; how a statement is broken
into lines, comments, and underscores before a name do not count. The best is believed only where nothing comes near.
"""

from __future__ import annotations

import difflib
import keyword
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log2

SIMILAR = 0.7
"""How much a changed statement must be like the wanted one, of 1."""

APART = 0.12
"""By how much the best must lead what comes next."""

SPAN = 8
"""Lines that one statement may be broken into."""

CUT = "…"
"""How a text ends that stands for the rest of its line."""

FAR = 60
"""Lines below ``after`` up to which a statement is surely the one that is meant."""

_LOOKED_AT = 24
"""Stretches of lines that are compared token by token, of those that share most with the wanted text."""

_TOKEN = re.compile(r"[A-Za-z_]\w*|\d[\w.]*|\"[^\"]*\"|'[^']*'|[^\w\s]")
_COMMENT = re.compile(r"(^|\s)(#\s|//).*$")
_WORD = re.compile(r"[A-Za-z_]\w*|\d|[\"']")
_COMMON = frozenset(keyword.kwlist) | {"auto", "case", "const", "default", "do", "nullptr", "self", "this"}
_ONLY_COMMENT = re.compile(r" ?(#|//|/\*).*")

Lines = Sequence[tuple[int, str]]
"""Lines of a body with their numbers."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where a statement is."""

    how: str
    """``exact``, ``changed`` or ``lost``."""
    first: int = 0
    last: int = 0
    note: str | None = None
    """What it reads now; why it is lost."""


def find(lines: Lines, statement: str, after: str | None, through: str | None) -> Found:
    """Look for a statement below the line ``after``, up to the line ``through``; both may be left out."""
    folded = [(number, fold(line)) for number, line in lines]
    notes: list[str] = []
    start = 0
    if after is not None:
        befores, sure = matching(folded, fold(after))
        if len(befores) != 1:
            return Found("lost", note=_count(befores, after))
        start = befores[0]
        if not sure:
            notes.append(f"the line before it reads {_read(folded, start, start)!r} here")
        folded = [(number, line) for number, line in folded if number > start]
    found, sure = matching(folded, fold(statement))
    if after is not None:
        found = found[:1]
    if len(found) > 1:
        return Found("lost", note=_count(found, statement))
    nearest = (found[0], found[0]) if found else _most_similar(folded, statement)
    if nearest is None:
        return Found("lost", note=_count([], statement))
    first, last = nearest
    if not found or not sure:
        notes.insert(0, f"reads {_read(folded, first, last)!r} here")
    if after is not None and (what := _away(lines, start, first)):
        notes.append(f"{what} {after!r} here")
    if after is None and not _tells(statement):
        notes.append("many a line may read so; `after:` tells which is meant")
    if through is not None:
        last, what = _end(folded, first, last, fold(through))
        notes += [what] if what else []
    return Found("changed" if notes else "exact", first, last, "; ".join(notes) or None)


def _tells(text: str) -> bool:
    """Whether a text holds a name, a number or a string: ``else:`` or ``return None`` may stand anywhere."""
    return any(word not in _COMMON for word in _WORD.findall(text))


def _away(lines: Lines, before: int, first: int) -> str | None:
    """What makes a statement doubtful that is sought below another line: the distance, or the end of its block."""
    if first - before > FAR:
        return f"{first - before} lines below"
    between = [(number, line) for number, line in lines if before <= number <= first and line.strip()]
    code = [_indent(line) for _, line in between if not line.lstrip().startswith(("#", "//"))]
    return "in another block than" if code and min(code) < _indent(between[0][1]) else None


def _indent(line: str) -> int:
    return len(line.expandtabs()) - len(line.expandtabs().lstrip())


def _end(folded: Lines, first: int, last: int, through: str) -> tuple[int, str | None]:
    """The last line of a statement that begins at ``first``, and what is doubtful about it."""
    below = [(number, line) for number, line in folded if number >= first]
    ends, sure = matching(below, through)
    if ends:
        return ends[0], None if sure else f"its last line reads {_read(folded, ends[0], ends[0])!r} here"
    nearest = _most_similar(below, through)
    if nearest is None:
        return last, f"its last line {through!r} is not there"
    return nearest[1], f"its last line reads {_read(folded, *nearest)!r} here"


def fold(line: str) -> str:
    """A line with its blanks made one."""
    return " ".join(line.split())


def matching(lines: Lines, wanted: str) -> tuple[list[int], bool]:
    """Lines that read as the text does, and whether they do: else those that begin with it, or hold it, and say more.

    A line that equals the text wins over one with a comment behind it.
    """
    text = wanted.removesuffix(CUT)
    begun = [(number, line[len(text) :]) for number, line in lines if line.startswith(text)]
    if wanted != text and begun:
        return [number for number, _ in begun], True
    if found := [number for number, rest in begun if not rest]:
        return found, True
    if found := [number for number, rest in begun if _ONLY_COMMENT.fullmatch(rest)]:
        return found, True
    return [number for number, _ in begun] or [number for number, line in lines if text in line], False


def _count(found: Sequence[int], statement: str) -> str:
    if not found:
        return f"no {statement!r}"
    lines = ", ".join(map(str, found[:4])) + (" …" if len(found) > 4 else "")
    return f"{len(found)} lines fit {statement!r} ({lines}); tell them apart by `after:`"


def _read(lines: Lines, first: int, last: int) -> str:
    return " ".join(line for number, line in lines if first <= number <= last)


def _most_similar(lines: Lines, wanted: str) -> tuple[int, int] | None:
    """First and last line of the stretch most like ``wanted``; ``None`` where none is, or several are."""
    tokens = _tokens(wanted.removesuffix(CUT))
    each = [(number, _tokens(line)) for number, line in lines]
    weights = _weights(tokens, [here for _, here in each])
    most = sum(weights[token] for token in tokens)
    if not most:
        return None
    shared = Counter(tokens)
    likely = sorted(
        (
            (_overlap(shared, here, weights, most), first, last, here)
            for first, last, here in _stretches(each, 2 * len(tokens) + 4)
        ),
        key=lambda stretch: -stretch[0],
    )[:_LOOKED_AT]
    scored = sorted(
        ((_alike(tokens, here, weights), -(last - first), first, last) for _, first, last, here in likely), reverse=True
    )
    if not scored or scored[0][0] < SIMILAR:
        return None
    score, _, first, last = scored[0]
    rivals = (other for other, _, start, end in scored if start > last or end < first)
    return None if score - next(rivals, 0.0) < APART else (first, last)


def _tokens(text: str) -> list[str]:
    return [token.lstrip("_") or token for token in _TOKEN.findall(_COMMENT.sub("", text))]


def _weights(tokens: Sequence[str], lines: Sequence[Sequence[str]]) -> dict[str, float]:
    """What a token counts: little where it is no word, less the more lines hold it."""
    held = Counter(token for line in lines for token in set(line))
    return {
        token: (1.0 if token[0].isalnum() or token[0] in "\"'_" else 0.25) / (1.0 + log2(1 + held[token]))
        for token in {*tokens, *held}
    }


def _stretches(lines: Sequence[tuple[int, list[str]]], longest: int) -> Iterator[tuple[int, int, list[str]]]:
    """Every stretch of lines that holds something and no more than ``longest`` tokens, or one line."""
    for start, (first, tokens) in enumerate(lines):
        if not tokens:
            continue
        here = list(tokens)
        yield first, first, here
        for last, further in lines[start + 1 : start + SPAN]:
            if not further or len(here) + len(further) > longest:
                break
            here = [*here, *further]
            yield first, last, here


def _overlap(wanted: Counter[str], here: Sequence[str], weights: dict[str, float], most: float) -> float:
    """The most that ``_alike`` can give."""
    common = sum(weights[token] for token in (wanted & Counter(here)).elements())
    return 2 * common / (most + sum(weights[token] for token in here))


def _alike(wanted: Sequence[str], here: Sequence[str], weights: dict[str, float]) -> float:
    """The weight of what two texts share in order, of all that they hold."""
    blocks = difflib.SequenceMatcher(None, wanted, here, autojunk=False).get_matching_blocks()
    common = sum(weights[wanted[block.a + offset]] for block in blocks for offset in range(block.size))
    return 2 * common / (sum(weights[token] for token in wanted) + sum(weights[token] for token in here))
