"""Stub registrations (`REGISTER_…DISPATCH`) and launches (`<<<`) in the index, against a count in the text.

The text is taken with comments, strings and the bodies of `#define`s blanked out. A place in the text is found when a
mention stands there, and linked when a link from it leads to a definition in the tree.

    python scripts/accuracy_stubs.py --tree 2.6.0 --tree 1.13.1 [--misses]
"""

from __future__ import annotations

import argparse
import re
from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass

from tour.index import Index, StoredMention, last_part
from tour.links import Links, node
from tour.model import Grade, Lang, Link, Role
from tour.tree import Tree, index_path, open_tree

_AWAY = re.compile(
    rb'//(?:\\\n|[^\n])*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\''
    rb"|^[ \t]*#[ \t]*define\b(?:\\\r?\n|/\*.*?\*/|[^\n])*",
    re.DOTALL | re.MULTILINE,
)
_REGISTER = re.compile(rb"\b(?:ALSO_)?REGISTER_(?!NO_)(?:\w+_)?DISPATCH\s*\(")
_EMPTY = re.compile(rb"\bREGISTER_NO_\w*DISPATCH\s*\(")
_LAUNCH = re.compile(rb"<<<(?!<)")
_FARTHEST = 30
"""Lines between a kernel's name and the `<<<` behind its template arguments."""


@dataclass(frozen=True, slots=True)
class Place:
    file: str
    line: int
    column: int
    lang: Lang


def plain(source: bytes) -> bytes:
    return _AWAY.sub(lambda found: re.sub(rb"[^\n]", b" ", found[0]), source)


def places(tree: Tree) -> tuple[dict[Role, list[Place]], Counter[Lang]]:
    """Where the text has them, and how many registrations say that a device has none."""
    found: dict[Role, list[Place]] = {Role.REGISTER: [], Role.LAUNCH: []}
    empty: Counter[Lang] = Counter()
    for file in tree.files():
        if file.lang not in {Lang.C, Lang.CPP, Lang.CUDA}:
            continue
        source = tree.read(file.path)
        if b"DISPATCH" not in source and b"<<<" not in source:
            continue
        text = plain(source)
        starts = [0, *(at.end() for at in re.finditer(rb"\n", text))]
        for role, pattern in ((Role.REGISTER, _REGISTER), (Role.LAUNCH, _LAUNCH)):
            for at in pattern.finditer(text):
                line = bisect_right(starts, at.start())
                found[role].append(Place(file.path, line, at.start() - starts[line - 1], file.lang))
        empty[file.lang] += len(_EMPTY.findall(text))
    return found, empty


def paired(index: Index, role: Role, wanted: list[Place]) -> dict[Place, StoredMention | None]:
    """Each place with its own mention: a registration's on its lines, a launch's nearest before it."""
    by_file: dict[str, list[StoredMention]] = {}
    found: dict[Place, StoredMention | None] = {}
    for place in wanted:
        left = by_file.setdefault(place.file, list(index.mentions_in(place.file, role)))
        if role is Role.LAUNCH:
            near = [m for m in left if (m.line, m.column) <= (place.line, place.column)]
            near = [m for m in near if place.line - m.line <= _FARTHEST][-1:]
        else:
            near = [m for m in left if place.line <= m.line <= place.line + 3][:1]
        found[place] = near[0] if near else None
        if near:
            left.remove(near[0])
    return found


def links_of(index: Index, links: Links, mention: StoredMention) -> list[Link]:
    if mention.role is Role.LAUNCH:
        if mention.scope is None:
            return []
        scope = node(index.symbol(mention.scope))
        found = links.leaving(scope, (mention.line, mention.line), ("launches",))
    else:
        stubs = index.symbols_named(last_part(mention.name), "cpp")
        found = [link for stub in stubs for link in links.leaving(node(stub), None, ("stubs",))]
    return [link for link in found if link.at == mention.at]


def measure(version: str, misses: bool) -> None:
    tree = open_tree(version)
    told: list[str] = []
    with Index(index_path(tree)) as index:
        links = Links(index)
        texts, empty = places(tree)
        rows: dict[tuple[Role, Lang], Counter[str]] = defaultdict(Counter)
        for role, wanted in texts.items():
            for place, mention in paired(index, role, wanted).items():
                if mention is not None and mention.target == "nullptr":
                    empty[place.lang] += 1
                    continue
                row = rows[role, place.lang]
                row["text"] += 1
                if mention is None:
                    told.append(f"- {role} not found: {place.file}:{place.line}")
                    continue
                row["found"] += 1
                leading = links_of(index, links, mention)
                if leading:
                    row["linked"] += 1
                    row["exact"] += leading[0].grade is Grade.EXACT
                    if leading[0].grade is not Grade.EXACT:
                        told.append(f"- {role} by name: `{mention.name}` {mention.target or ''} {mention.at}")
                else:
                    told.append(f"- {role} not linked: `{mention.name}` → {mention.target or ''} {mention.at}")
    print(f"\n| PyTorch {tree.version} | in the text | found | linked | exactly | linked, of the text |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for (role, lang), row in rows.items():
        what = "`REGISTER_…DISPATCH`" if role is Role.REGISTER else "`<<<`"
        share = 100 * row["linked"] / row["text"]
        print(f"| {what}, {lang} | {row['text']} | {row['found']} | {row['linked']} | {row['exact']} | {share:.1f} % |")
    print(f"\nBeside them {empty.total()} registrations that say that there is no kernel.")
    if misses:
        print("\n".join(["", *sorted(told)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", action="append", metavar="VERSION")
    parser.add_argument("--misses", action="store_true", help="list what was not found, not linked, or by name only")
    options = parser.parse_args()
    for version in options.tree or ("2.6.0", "1.13.1"):
        measure(version, options.misses)


if __name__ == "__main__":
    main()
