"""The links in a tour's prose that lead to steps of it or of other tours, written anew for where the prose goes."""

from __future__ import annotations

import re
from collections.abc import Callable

_LINK = re.compile(
    r"\[(?P<text>(?:`[^`]*`|[^\[\]`])+)\]\((?:\.\./(?P<tour>[\w-]+)/)?(?:#(?P<step>[\w-]+(?:\.[\w-]+)*))?\)"
)

Written = Callable[[str, str | None, str | None], str]
"""A link by its text, the other tour's name and the step's id, either of which may be ``None``, as it is to stand."""


def relinked(text: str, written: Written) -> str:
    """Markdown with each link between steps as ``written`` says."""
    return _LINK.sub(lambda link: written(link["text"], link["tour"], link["step"]), text)


def plain(text: str) -> str:
    """A title without the marks of code."""
    return text.replace("`", "")
