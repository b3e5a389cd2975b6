"""What a tour's prose names in backticks, and whether a tree has it.

A path must be a file or folder of the tree; each word of anything else must stand somewhere in its sources, and a
member must go with a class that has one of that name. What is left out: whether a name means what the prose says.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from tour.index import Index
from tour.model import Kind, Progress, silent
from tour.tours import ONWARD, QUESTIONS, Tour
from tour.tree import Tree

_FENCED = re.compile(r"(?ms)^(```+|~~~+).*?^\1[^\n]*$")
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_PATH = re.compile(r"[\w.-]+(/[\w.-]+)+/?")
_FILE = re.compile(r"[\w-]+\.(py|pyi|h|hpp|cpp|cc|c|cu|cuh|yaml|yml|txt|cmake|toml|inc|mm)")
_WORD = re.compile(r"[A-Za-z_]\w{2,}")
_MEMBER = re.compile(r"([A-Z]\w+)(?:\.|::)(\w+)(?:\(.*\))?")
_NO_NAME = re.compile(r"(tour|pip|python|python3|git|gdb|nvcc|export|env) .*|\.\w+")
"""A command for a shell; a file's ending."""
_BINDING = "THPVariable_"
"""What the functions are called that code generation writes for ``torch.*`` and ``torch.Tensor.*``."""
_SPOKEN = frozenset(dir(builtins)) | frozenset(keyword.kwlist)


@dataclass(frozen=True, slots=True)
class Named:
    """A name that stands in prose."""

    text: str
    file: str
    """The Markdown file."""
    line: int
    step: str


def named(tour: Tour) -> Iterator[Named]:
    """Everything that a tour's prose has in backticks, in each language: headings, text, questions, reasons of hops."""
    for lang, file, step, text, line in _texts(tour):
        plain = _FENCED.sub(lambda fence: "\n" * fence[0].count("\n"), text)
        for span in _SPAN.finditer(plain):
            if not _NO_NAME.fullmatch(span[1]):
                yield Named(
                    span[1],
                    file or str(tour.file.with_name(f"{lang}.md")),
                    line + plain.count("\n", 0, span.start()),
                    step,
                )


def _texts(tour: Tour) -> Iterator[tuple[str, str | None, str, str, int]]:
    """Language, the file where it is not that language's own, the step, the text, and the line it begins on."""
    taken = {step.id for step in tour.steps if step.included}
    for lang, prose in tour.prose.items():
        yield lang, None, ONWARD, prose.title, 1
        yield lang, None, ONWARD, prose.intro, 3
        for step, section in ((step, section) for step, section in prose.sections.items() if step not in taken):
            yield lang, None, step, section.title, section.line
            yield lang, None, step, section.text, section.line + 2
        for asked in prose.questions:
            yield lang, None, QUESTIONS, asked.text, asked.line
            yield lang, None, QUESTIONS, asked.answer, asked.line + 2
        for told in tour.steps:
            if told.hop and told.hop.because and told.id not in taken:
                yield lang, str(tour.file), told.id, told.hop.because[lang], told.hop.line


def missing(names: Iterable[Named], tree: Tree, index: Index, progress: Progress = silent) -> list[Named]:
    """Those of ``names`` that a tree does not have; raises ``TreeError`` where one of its files cannot be read."""
    found: dict[str, bool] = {}
    words: dict[str, set[str]] = {}
    asked = list(names)
    for text in {name.text for name in asked}:
        if _PATH.fullmatch(text) or _FILE.fullmatch(text):
            found[text] = _is_there(text, tree, index)
        elif (member := _MEMBER.fullmatch(text)) and _is_no_member(member[1], member[2], index):
            found[text] = False
        else:
            words[text] = {word for word in _WORD.findall(text) if word not in _SPOKEN}
    unknown = {word for each in words.values() for word in each if not _is_indexed(word, index)}
    unknown -= _standing(unknown, tree, progress)
    found |= {text: not each & unknown for text, each in words.items()}
    return [name for name in asked if not found[name.text]]


def _is_there(text: str, tree: Tree, index: Index) -> bool:
    """Whether a path, or the end of one, is in the tree."""
    plain = text.rstrip("/")
    if (tree.root / plain).exists():
        return True
    if index.files_ending(plain):
        return True
    parts = PurePosixPath(plain).parts
    return len(parts) == 1 and next(tree.root.glob(f"*/{plain}"), None) is not None


def _is_no_member(owner: str, member: str, index: Index) -> bool:
    """Whether ``owner`` is a class of the tree, and nothing there is called ``member`` in a class."""
    classes = [symbol for symbol in index.symbols_named(owner) if symbol.kind is Kind.CLASS]
    return bool(classes) and not index.symbols_named(member) and not _is_indexed(member, index)


def _is_indexed(word: str, index: Index) -> bool:
    """Whether a word is defined or mentioned; a Python binding's function is known by its operator."""
    if index.symbols_named(word) or index.files_mentioning(word):
        return True
    return word.startswith(_BINDING) and bool(index.operators("aten", word.removeprefix(_BINDING)))


def _standing(words: set[str], tree: Tree, progress: Progress) -> set[str]:
    """Those of ``words`` that stand in the text of some file."""
    left = {word.encode() for word in words}
    pattern = re.compile(rb"\w+")
    found: set[bytes] = set()
    files = tree.files() if left else []
    for number, file in enumerate(files):
        if not left:
            break
        if number % 256 == 0:
            progress("Looking for what the prose names", number, len(files))
        text = tree.read(file.path)
        if any(word in text for word in left):
            here = left.intersection(pattern.findall(text))
            found |= here
            left -= here
    return {word.decode() for word in found}
