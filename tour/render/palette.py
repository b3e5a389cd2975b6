"""The symbols of a tree as data for the palette, in shards that a page fetches one after the other as it opens.

A shard is columns: names as one text, kinds as one letter each, and numbers of scopes, of files and of lines. The first
shards hold what readers look for most, so that answers come before all has arrived.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence

from tour.model import LANGS, At
from tour.render.places import Addresses, public_place
from tour.render.words import words
from tour.symbols import Listed

SHARD = 16_000
"""Symbols in one file of data: about 150 kB compressed."""
KINDS = {
    "class": "c",
    "function": "f",
    "method": "m",
    "kernel": "k",
    "variable": "v",
    "enum": "e",
    "alias": "a",
    "macro": "d",
    "operator": "o",
    "module": "p",
    "file": "F",
}
INDEX = "symbols/index.json"
"""What a page reads first, below the site's root."""


def index(versions: Sequence[str]) -> str:
    """What the palette says, and which versions there are, the one that pages open with first."""
    said = {lang: words(lang).part("palette") for lang in LANGS}
    return json.dumps({"versions": list(versions), "words": said}, ensure_ascii=False)


def shards(listed: Sequence[Listed], addresses: Addresses) -> Iterator[tuple[str, str]]:
    """Address below the site's root, and text, of each file of one version; the first tells of the others."""
    home = f"symbols/{addresses.version}"
    parts = [listed[start : start + SHARD] for start in range(0, len(listed), SHARD)]
    public = public_place(addresses.version, At("", 1), addresses.name) or ""
    about = {
        "version": addresses.version,
        "shards": len(parts),
        "symbols": len(listed),
        "public": public.partition("#")[0],
        "operators": sorted(addresses.operators or ()),
    }
    yield f"{home}/about.json", json.dumps(about, ensure_ascii=False, separators=(",", ":"))
    for number, part in enumerate(parts):
        yield f"{home}/{number}.json", _shard(part, addresses.sources or ())


def _shard(part: Sequence[Listed], pages: Collection[str]) -> str:
    files: dict[str, int] = {}
    scopes: dict[str, int] = {}
    for one in part:
        files.setdefault(one.file, len(files))
        scopes.setdefault(one.scope, len(scopes))
    told = {
        "names": "\n".join(one.name.replace("\n", " ") for one in part),
        "kinds": "".join(KINDS.get(one.kind, "v") for one in part),
        "scopes": list(scopes),
        "scope": [scopes[one.scope] for one in part],
        "files": [[file, int(file in pages)] for file in files],
        "file": _runs([files[one.file] for one in part]),
        "line": [one.line for one in part],
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _runs(numbers: Sequence[int]) -> list[int]:
    """How many symbols each file has, in their order: the symbols of a file stand together."""
    counts = [0] * (max(numbers, default=-1) + 1)
    for number in numbers:
        counts[number] += 1
    return counts
