"""Whether every way through a function of C++ passes a place in it, told from its text.

A release build has no line tables, so of a statement that calls nothing of its own a debugger sees no more than that
its function ran. Where no way through the function leads around the statement, that is enough: if the function
returned, the statement was passed. Errs on the side of no: an earlier ``return`` outside of a lambda, a ``goto``, a
``throw``, a macro with RETURN in its name, an ``#if`` around the place, or a place inside of any block but the
function's own.
"""

from __future__ import annotations

import re

_BLANK = re.compile(
    r"""R"(?P<raw>\w*)\(.*?\)(?P=raw)"|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+'|//[^\n]*|/\*.*?\*/""",
    re.S,
)
_DIRECTIVE = re.compile(r"^[ \t]*#[ \t]*(if|ifdef|ifndef|endif)?\b(?:\\\n|[^\n])*", re.M)
_LEAVES = re.compile(r"\b(?:return|co_return|goto|throw|\w*RETURN\w*)\b")
_LAMBDA = re.compile(r"\[[^\[\]]*\]\s*(?:\([^{};]*\))?\s*(?:mutable\b|noexcept\b|->\s*[\w:<>&*\s]+)*\s*$")
_INITIALISES = re.compile(r"[=,(\w>]\s*$")
_BLOCK = re.compile(r"\b(?:else|do|try)\s*$")
_CHOICE = re.compile(r"\?|&&|\|\||\band\b|\bor\b|\belse\b|\bcase\b|\bdo\b|\btry\b")
_HEAD = re.compile(r"\s*(?:if\s*(?:constexpr\s*)?|while\s*|switch\s*|for\s*)\(")


def _bare(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text with comments, literals and directives blanked, and the stretches between ``#if`` and ``#endif``."""
    text = _BLANK.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    held: list[tuple[int, int]] = []
    opened: list[int] = []
    for match in _DIRECTIVE.finditer(text):
        if match[1] == "endif":
            held.append((opened.pop() if opened else 0, match.end()))
        elif match[1]:
            opened.append(match.start())
    held += [(start, len(text)) for start in opened]
    return _DIRECTIVE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text), held


def passes(text: str, line: int, name: str | None = None) -> bool:
    """Whether every way to a function's end passes the statement at a line of its text, counted from 0.

    With ``name`` the call of that name on the line, which must not hang on a condition in its own statement either.
    """
    bare, held = _bare(text)
    lines = bare.split("\n")
    if not 0 <= line < len(lines):
        return False
    at = sum(len(one) + 1 for one in lines[:line])
    if name is None:
        at += len(lines[line]) - len(lines[line].lstrip())
    else:
        called = re.search(rf"\b{re.escape(name)}\b(?:<[^;{{}}]*>)?\s*\(", lines[line])
        if called is None:
            return False
        at += called.start()
    if any(start <= at < end for start, end in held):
        return False
    begun = _statement(bare, at)
    if begun is None:
        return False
    before = bare[begun:at]
    head = _HEAD.match(before)
    if name is None:
        return not (before[head.end() :] if head else before).strip()
    inside = head is None or _depth(before[head.end() :]) >= 0
    return inside and "[" not in before and "{" not in before and not _CHOICE.search(before)


def _statement(bare: str, at: int) -> int | None:
    """Where the statement around a place begins; ``None`` where it is not in the function's own block, or passed by."""
    blocks: list[bool] = []  # for each open brace whether it is a lambda's, or an initialiser's: no block of statements
    parentheses = 0
    begun: int | None = None
    place = 0
    while place < at:
        character = bare[place]
        if character in "([":
            parentheses += 1
        elif character in ")]":
            parentheses -= 1
        elif character == "{":
            if not blocks and parentheses == 0:
                blocks.append(False)
                begun = place + 1
            else:
                ahead = bare[max(0, place - 400) : place]
                is_lambda = parentheses > 0 or _LAMBDA.search(ahead) is not None
                blocks.append(is_lambda or (_INITIALISES.search(ahead) is not None and not _BLOCK.search(ahead)))
        elif character == "}":
            if not blocks:
                return None
            was = blocks.pop()
            if len(blocks) == 1 and parentheses == 0 and not was:
                begun = place + 1
        elif character == ";" and len(blocks) == 1 and parentheses == 0:
            begun = place + 1
        elif blocks and not any(blocks[1:]) and (leaves := _LEAVES.match(bare, place)):
            # the statement that is asked about may itself be what leaves
            if not (len(blocks) == 1 and begun is not None and not bare[begun:place].strip() and leaves.end() <= at
                    and ";" not in bare[place:at]):  # fmt: skip
                return None
            place = leaves.end() - 1
        place += 1
    if len(blocks) != 1 or begun is None:
        return None
    return _after_macros(bare, begun, at)


def _after_macros(bare: str, begun: int, at: int) -> int:
    """The same place behind macros that end without a semicolon, as ``HANDLE_TH_ERRORS`` does."""
    match = re.compile(r"(?:\s*\b[A-Z][A-Z0-9_]{3,}\b[ \t]*\n)+").match(bare, begun, at)
    return match.end() if match else begun


def _depth(text: str) -> int:
    """How many parentheses stay open; -1 once one more was closed than opened."""
    depth = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return -1
    return depth
