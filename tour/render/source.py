"""Source code as HTML lines, coloured by Pygments; everything that comes from a tree is escaped.

Pygments and not tree-sitter: PyTorch's macros break the C++ grammar, and a colour must not depend on that.
"""

from __future__ import annotations

from functools import cache

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import CLexer, CppLexer, CudaLexer, PythonLexer, YamlLexer

from tour.model import Lang

_LEXERS: dict[Lang, type[Lexer]] = {
    Lang.PYTHON: PythonLexer,
    Lang.C: CLexer,
    Lang.CPP: CppLexer,
    Lang.CUDA: CudaLexer,
    Lang.OPERATORS: YamlLexer,
}


@cache
def _lexer(lang: Lang) -> Lexer:
    return _LEXERS[lang](stripnl=False, ensurenl=False)


def lines(text: str, lang: Lang) -> list[str]:
    """Each line of ``text`` as HTML with every element closed; as many as ``text.split("\\n")`` has."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\N{REPLACEMENT CHARACTER}")
    coloured = highlight(plain, _lexer(lang), HtmlFormatter(nowrap=True)).split("\n")
    wanted = plain.count("\n") + 1
    return (coloured + [""] * wanted)[:wanted]
