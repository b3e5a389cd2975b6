"""One file's bytes in; its symbols, mentions and problems out. They open no file, resolve and refuse nothing."""

from __future__ import annotations

from dataclasses import dataclass

from tour.model import Lang, Mention, Problem, Symbol
from tour.parsers import branches, c_family, expansions, macros, op_yaml, python

NO_MASK = macros.Mask()


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one file holds."""

    symbols: list[Symbol]
    mentions: list[Mention]
    problems: list[Problem]


def parse(path: str, source: bytes, lang: Lang, mask: macros.Mask = NO_MASK) -> Parsed:
    """Read one file, the macros of ``mask`` blanked in C and its kin.

    Bytes that are no text, or text that the grammar does not follow, come back as problems.
    """
    problems: list[Problem] = []
    try:
        source.decode()
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        problems.append(Problem(path, line, f"not UTF-8: byte 0x{source[error.start]:02x}"))
    if b"\0" in source:
        line = source.count(b"\n", 0, source.index(b"\0")) + 1
        problems.append(Problem(path, line, "holds a NUL byte"))
    if lang is Lang.PYTHON:
        symbols, mentions, found = python.parse(path, source)
    elif lang is Lang.OPERATORS:
        symbols, mentions, found = op_yaml.parse(path, source)
    elif lang is Lang.DERIVATIVES:
        symbols, mentions, found = op_yaml.parse_derivatives(path, source)
    else:
        masked = macros.blank(source, mask)
        symbols, mentions, found = expansions.united(
            masked,
            lambda text: branches.read(text, lambda view: c_family.parse(lang, path, view)),
            lambda text: c_family.parse(lang, path, macros.blank(text, mask)),
        )
    return Parsed(symbols, mentions, problems + found)
