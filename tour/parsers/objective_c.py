"""Objective-C++ (``.mm``) made fit for a C++ grammar: function bodies blanked at equal length.

Message sends (``[encoder setBuffer:b]``), blocks (``^{ … }``) and ``@autoreleasepool`` break a C++ parse in a way that
costs the next functions their scope. What a reader asks of PyTorch's Metal files is which function is a kernel, so
the bodies go and every definition stays. Left out with them: what those functions call.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(
    rb'//[^\n]*|/\*.*?\*/|^[ \t]*#(?:\\\r?\n|[^\n])*|@?"(?:[^"\\\n]|\\.)*"|R"\((?:.*?)\)"|\'(?:[^\'\\\n]|\\.)+\'|[{}]',
    re.DOTALL | re.MULTILINE,
)
_OPENS_SCOPE = re.compile(
    rb"(?:\bnamespace\b[\w\s:]*|\bextern\s*\"C\"\s*|\b(?:class|struct|union|enum)\b[^;(){}=]*|@\w+[^;(){}]*)$"
)


def without_bodies(source: bytes) -> bytes:
    """``source`` with what stands between a function's braces turned into blanks; line breaks stay."""
    source = source.replace(b"(^", b"(*")  # the type of a block reads like that of a function pointer
    blanked = bytearray(source)
    depth = 0  # of braces inside the body that is being blanked
    start = 0  # where that body begins
    before = 0  # where the text that says what a brace opens begins
    for token in _TOKEN.finditer(source):
        if token[0] == b"{":
            if depth:
                depth += 1
            elif not _OPENS_SCOPE.search(source, before, token.start()):
                depth, start = 1, token.end()
            before = token.end()
        elif token[0] == b"}":
            if depth:
                depth -= 1
                if not depth:
                    body = source[start : token.start()]
                    blanked[start : token.start()] = re.sub(rb"[^\n]", b" ", body)
            before = token.end()
    return bytes(blanked)
