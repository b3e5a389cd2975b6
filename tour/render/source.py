"""Source code as HTML lines, coloured by Pygments; everything that comes from a tree is escaped.

Pygments and not tree-sitter: PyTorch's macros break the C++ grammar, and a colour must not depend on that. Only what
has a colour gets an element: plain names and operators would triple a long page's weight.
"""

from __future__ import annotations

from functools import cache
from html import escape

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


def lines(text: str, lang: Lang) -> list[str]:
    """Each line of ``text`` as HTML with every element closed; as many as ``text.split("\\n")`` has."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\N{REPLACEMENT CHARACTER}")
    done: list[list[tuple[str, str]]] = [[]]
    for kind, value in _lexer(lang).get_tokens(plain):
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
    wanted = plain.count("\n") + 1
    return ([_line(runs) for runs in done] + [""] * wanted)[:wanted]


def _line(runs: list[tuple[str, str]]) -> str:
    return "".join(
        f'<span class="{colour}">{escape(text)}</span>' if colour else escape(text, quote=False)
        for colour, text in runs
    )
