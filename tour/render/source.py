"""Source code as HTML lines, coloured by Pygments; everything that comes from a tree is escaped.

Pygments and not tree-sitter: PyTorch's macros break the C++ grammar, and a colour must not depend on that. Only what
has a colour gets an element: plain names and operators would triple a long page's weight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from typing import NamedTuple

from pygments.lexer import Lexer
from pygments.lexers import CLexer, CppLexer, CudaLexer, PythonLexer, YamlLexer
from pygments.token import STANDARD_TYPES, _TokenType

from tour.model import Lang

_LEXERS: dict[Lang, type[Lexer]] = {
    Lang.PYTHON: PythonLexer,
    Lang.C: CLexer,
    Lang.CPP: CppLexer,
    Lang.CUDA: CudaLexer,
    Lang.OPERATORS: YamlLexer,
    Lang.DERIVATIVES: YamlLexer,
}

_COLOURS = {
    "k": "k kc kd kn kr ow nt",
    "d": "kt nc nf fm nd nn",
    "s": "s s1 s2 sa sb sc sd se sh si sr ss dl cpf",
    "c": "c c1 cm ch cs",
    "m": "m mi mf mh mb mo il",
    "p": "cp",
}
"""Our class for Pygments' short names: keyword, defined or named thing, string, comment, number, preprocessor."""

_MODULES = {"module", "import", "export"}
"""Words of C++ modules, which PyTorch does not use; it calls its variables so."""

_CLASS_OF = {short: ours for ours, names in _COLOURS.items() for short in names.split()}


@cache
def _lexer(lang: Lang) -> Lexer:
    return _LEXERS[lang](stripnl=False, ensurenl=False)


@cache
def _class(kind: _TokenType) -> str:
    return _CLASS_OF.get(STANDARD_TYPES.get(kind, ""), "")


class Anchor(NamedTuple):
    """A stretch of a line that is a link."""

    column: int
    """From 0, in characters."""
    length: int
    tag: str
    """The ``<a …>`` that opens it, as HTML."""


def plain(text: str) -> str:
    """A file's text with line ends and characters that a page can hold; each character stays where it was."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\N{REPLACEMENT CHARACTER}")


def lines(text: str, lang: Lang, anchors: Mapping[int, Sequence[Anchor]] | None = None) -> list[str]:
    """Each line of ``text`` as HTML with every element closed; as many as ``text.split("\\n")`` has.

    ``anchors`` gives for a line, from 1, the links in it, in their order and none inside another.
    """
    text = plain(text)
    done: list[list[tuple[str, str]]] = [[]]
    for kind, value in _lexer(lang).get_tokens(text):
        colour = "" if value in _MODULES and lang in {Lang.CPP, Lang.CUDA} else _class(kind)
        for number, part in enumerate(value.split("\n")):
            if number:
                done.append([])
            if not part:
                continue
            line = done[-1]
            if line and line[-1][0] == colour:
                line[-1] = (colour, line[-1][1] + part)
            else:
                line.append((colour, part))
    wanted = text.count("\n") + 1
    done = (done + [[] for _ in range(wanted)])[:wanted]
    linked = anchors or {}
    return [
        _linked(runs, linked[number]) if number in linked else _line(runs) for number, runs in enumerate(done, start=1)
    ]


def plain_lines(text: str) -> list[str]:
    """The same without colours, of a text in no language that we know."""
    return [escape(line, quote=False) for line in plain(text).split("\n")]


def _line(runs: Sequence[tuple[str, str]]) -> str:
    return "".join(
        f'<span class="{colour}">{escape(text)}</span>' if colour else escape(text, quote=False)
        for colour, text in runs
    )


def _linked(runs: list[tuple[str, str]], anchors: Sequence[Anchor]) -> str:
    """A line with links around stretches of it, whatever colours they cross."""
    html = []
    at = 0
    for anchor in anchors:
        if anchor.column < at:
            continue
        html.append(_line(_cut(runs, at, anchor.column)))
        at = anchor.column + anchor.length
        html.append(f"{anchor.tag}{_line(_cut(runs, anchor.column, at))}</a>")
    html.append(_line(_cut(runs, at, sum(len(text) for _, text in runs))))
    return "".join(html)


def _cut(runs: list[tuple[str, str]], start: int, end: int) -> list[tuple[str, str]]:
    """The part of a line from one column to another."""
    kept = []
    column = 0
    for colour, text in runs:
        part = text[max(0, start - column) : max(0, end - column)]
        column += len(text)
        if part:
            kept.append((colour, part))
    return kept
