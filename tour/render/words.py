"""The interface's own words in English and Chinese, read from ``templates/words.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Any

from tour.model import Lane, LinkKind
from tour.resources import folder


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language."""

    lang: str
    table: dict[str, Any]
