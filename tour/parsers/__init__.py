"""One file's bytes in; its symbols, mentions and problems out. They open no file, resolve and refuse nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from operator import attrgetter

from tour.model import Kind, Lang, MentionFields, Role, SymbolFields
from tour.parsers import c_family, expansions, macros, op_yaml, python
from tour.parsers.facts import Mention, Problem, Symbol
from tour.parsers.treesitter import Records

NO_MASK = macros.Mask()

MOST_BYTES = 3_000_000
"""Of a larger file only the beginning is read: its syntax tree and matches take up to 300 bytes a byte of dense code.

Nobody writes such a file by hand; the largest in PyTorch has 2.2 MB.
"""

_LAUNCH = re.compile(rb"<<<[^;]*?>>>\s*\(")


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one file holds; as fields for those who only pass it on, as records for those who read it."""

    symbol_fields: list[SymbolFields]
    mention_fields: list[MentionFields]
    problems: list[Problem]

    @property
    def symbols(self) -> list[Symbol]:
        """The symbols as records."""
        return [Symbol(Kind(fields[0]), *fields[1:]) for fields in self.symbol_fields]

    @property
    def mentions(self) -> list[Mention]:
        """The mentions as records."""
        return [Mention(Role(fields[0]), *fields[1:]) for fields in self.mention_fields]


def parse(path: str, source: bytes, lang: Lang, mask: macros.Mask = NO_MASK, import_path: str | None = None) -> Parsed:
    """Read one file, the macros of ``mask`` blanked in C and its kin.

    ``import_path`` is a Python file's path from the folder from which it is imported, where that is not ``path``.
    Bytes that are no text, or text that the grammar does not follow, come back as problems.
    """
    problems: list[Problem] = []
    records: Records
    try:
        source.decode()
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        problems.append(Problem(path, line, f"not UTF-8: byte 0x{source[error.start]:02x}"))
    if b"\0" in source:
        line = source.count(b"\n", 0, source.index(b"\0")) + 1
        problems.append(Problem(path, line, "holds a NUL byte"))
    if len(source) > MOST_BYTES:
        kept = source[: source.rfind(b"\n", 0, MOST_BYTES) + 1 or MOST_BYTES]
        what = f"{len(source) / 1e6:.0f} MB, of which only the first {MOST_BYTES / 1e6:.0f} are read"
        problems.append(Problem(path, kept.count(b"\n") + 1, what))
        source = kept
    if lang is Lang.PYTHON:
        records = python.parse(path, source, import_path or path)
    elif lang is Lang.OPERATORS:
        records = _fields(op_yaml.parse(path, source))
    elif lang is Lang.DERIVATIVES:
        records = _fields(op_yaml.parse_derivatives(path, source))
    else:
        if lang is Lang.CPP and path.endswith(".h") and _LAUNCH.search(source):
            lang = Lang.CUDA  # whatever its name says
        masked = macros.blank(source, mask)
        records = expansions.united(
            masked,
            lambda text: c_family.read(lang, path, text),
            lambda text: c_family.parse(lang, path, macros.blank(text, mask)),
            mask.shared,
        )
    symbols, mentions, found = records
    return Parsed(symbols, mentions, problems + found)


# Not ``astuple``, which copies each field with care and takes as long as all else in such a file.
_SYMBOL_FIELDS = attrgetter(*[field.name for field in fields(Symbol)[1:]])
_MENTION_FIELDS = attrgetter(*[field.name for field in fields(Mention)[1:]])


def _fields(records: op_yaml.Records) -> Records:
    """Records as fields."""
    symbols, mentions, problems = records
    return (
        [(symbol.kind.value, *_SYMBOL_FIELDS(symbol)) for symbol in symbols],
        [(mention.role.value, *_MENTION_FIELDS(mention)) for mention in mentions],
        problems,
    )
