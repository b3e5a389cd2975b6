"""Python's links held against a run: who called whom in Debian's torch 1.13.1, whose code is the 1.13.1 tree's.

`scripts/workload.py` runs under `/usr/bin/python3` (package `python3-torch`) and writes down each Python function of
torch that started, with the place of its caller to the column. Each such pair belongs to a mention in the index, or
to a place in the function's text (an attribute that is a property, an operator, a loop, a builtin that calls back).

Counted: pairs of a place in a function's body (comprehensions count for the function around them) and a function,
both in the tree's files, each pair once however often it ran. Not counted: lambdas, comprehensions, class and module
bodies as callees, and module bodies as callers. A pair is found when a link of the place leads to the callee, and a
site that we call exact is right when every callee seen there is among its exact targets. Where the callee is what a
decorator put in the function's place, the pair is counted like any other, and the share of those is told.

    python scripts/accuracy_python.py [--other] [--pairs FILE] [--missed N]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tour.index import Index, StoredMention, StoredSymbol
from tour.links import Links, node, python_implicit
from tour.model import Grade, Kind, Link, Role
from tour.tree import index_path, open_tree

TREE = "1.13.1"
ROOT = "/usr/lib/python3/dist-packages/"
FUNCTIONS = {Kind.FUNCTION, Kind.METHOD}


@dataclass(frozen=True, slots=True)
class Pair:
    """One caller's place and what started there."""

    file: str
    caller: str
    where: tuple[int, int, int, int]
    """First line, last line, first column, past the last column."""
    op: str
    through: str | None
    """The C function that called back."""
    callee_file: str
    callee_line: int
    callee: str
    is_generator: bool
    decorates: bool = False

    @property
    def how(self) -> str:
        """The kind of place."""
        if self.decorates:
            return "a decorator is applied"
        if self.op.startswith("CALL") and self.callee not in {"__exit__", "__enter__"}:
            if self.through is not None:
                return "C or C++ calls back"
            return "a generator runs on" if self.is_generator else "a call is written"
        return {"LOAD_ATTR": "attribute", "STORE_ATTR": "attribute", "LOAD_METHOD": "attribute"}.get(
            self.op, "operator, loop or with"
        )


def observed(path: Path) -> set[Pair]:
    pairs = set()
    for line in path.read_text().splitlines():
        file, caller, first, last, column, end, *rest, _ = json.loads(line)
        op, through, callee_file, callee_line, callee, generator = rest
        if callee.startswith("<") or caller == "<module>" or None in (first, last, column, end):
            continue
        where = (first, last, column, end)
        names = (file.removeprefix(ROOT), callee_file.removeprefix(ROOT))
        pairs.add(Pair(names[0], caller, where, op, through, names[1], callee_line, callee, generator))
    return pairs


class Said:
    """What the index says of the places and functions that ran."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.links = Links(index)
        self._symbols: dict[str, list[StoredSymbol]] = {}
        self._calls: dict[str, list[StoredMention]] = {}
        self._places: dict[int, dict[tuple[int, int, int, int], list[python_implicit.Place]]] = {}

    def function(self, file: str, line: int, name: str) -> StoredSymbol | None:
        """The function that starts on a line; decorators count."""
        for symbol in self._in(file):
            if symbol.kind in FUNCTIONS and symbol.start_line == line and symbol.name == name:
                return symbol
        return None

    def around(self, file: str, line: int, name: str) -> StoredSymbol | None:
        found = None
        for symbol in self._in(file):
            if symbol.start_line <= line <= symbol.end_line and symbol.kind in {*FUNCTIONS, Kind.CLASS}:
                found = symbol
        inside = found is not None and found.kind in FUNCTIONS
        return found if inside and found and (name.startswith("<") or found.name == name) else None

    def _in(self, file: str) -> list[StoredSymbol]:
        if file not in self._symbols:
            self._symbols[file] = self.index.symbols_in(file)
            self._calls[file] = self.index.mentions_in(file, Role.CALL)
        return self._symbols[file]

    def mention(self, pair: Pair) -> StoredMention | None:
        """The call that was under way: it starts where the expression does and its name ends last within it."""
        self._in(pair.file)
        first, last, column, end = pair.where
        inside = [
            mention
            for mention in self._calls[pair.file]
            if (mention.line, mention.column) == (first, column)
            and (mention.end_line, mention.end_column) < (last, end)
        ]
        return max(inside, key=lambda mention: (mention.end_line, mention.end_column), default=None)

    def is_decorator(self, pair: Pair) -> bool:
        """Whether the place is the line of a decorator, and what it gave is called there on the function below."""
        lines = (range(symbol.start_line, symbol.line) for symbol in self._in(pair.file))
        if pair.op != "CALL again" and (pair.op != "CALL" or self.mention(pair)):
            return False
        return any(pair.where[0] in stretch for stretch in lines)

    def targets(
        self, pair: Pair, mention: StoredMention | None, caller: StoredSymbol
    ) -> tuple[set[tuple[str, int]], set[tuple[str, int]]]:
        """Where the links of a place lead: those that are exact, and the guesses."""
        found = []
        if mention is not None and mention.scope is not None:
            found += self.links.of(node(self.index.symbol(mention.scope)), mention)
        found += self.implicit(pair, caller)
        exact, guessed = set(), set()
        for link in found:
            if link.target_at is not None:
                (exact if link.grade is Grade.EXACT else guessed).add((link.target_at.file, link.target_at.line))
        return exact, guessed - exact

    def implicit(self, pair: Pair, caller: StoredSymbol) -> Iterator[Link]:
        """What a place runs that is no written call."""
        scopes = self.links.scopes
        if caller.row not in self._places:
            placed = self._places.setdefault(caller.row, defaultdict(list))
            for place in python_implicit.places(self.index, caller, scopes):
                placed[place.line, place.end_line, place.column, place.end_column].append(place)
        for place in self._places[caller.row].get(pair.where, ()):
            yield from python_implicit.links_at(self.index, node(caller), place, scopes)


def cause(pair: Pair, mention: StoredMention | None, exact: bool, callee: StoredSymbol, said: Said) -> str:
    """Why a pair was missed."""
    if pair.how != "a call is written":
        return pair.how
    if mention is None:
        return "a decorator, or a call that the index has no name for"
    if callee.parent is not None and said.index.symbol(callee.parent).kind in FUNCTIONS and exact:
        return "a decorator's wrapper runs first"
    if callee.name == "forward" or callee.name == "_forward_unimplemented":
        return "forward of one of very many subclasses"
    if exact:
        return "a known receiver, another target"
    if "." not in mention.name:
        return "a parameter or local that holds a function or class"
    return "a receiver of unknown type"


def compare(pairs: set[Pair], said: Said, missed: int) -> Iterator[str]:
    counted, found, sure = Counter[str](), Counter[str](), Counter[str]()
    causes: dict[str, list[str]] = defaultdict(list)
    sites: dict[tuple[str, tuple[int, int, int, int], str], list[tuple[bool, bool, str]]] = defaultdict(list)
    for pair in sorted(pairs, key=lambda pair: (pair.file, pair.where, pair.callee_file, pair.callee_line)):
        callee = said.function(pair.callee_file, pair.callee_line, pair.callee)
        caller = said.around(pair.file, pair.where[0], pair.caller)
        if callee is None or caller is None:
            continue
        if said.is_decorator(pair):
            pair = replace(pair, decorates=True)
        mention = said.mention(pair) if pair.op.startswith("CALL") else None
        exact, guessed = said.targets(pair, mention, caller)
        here = (callee.file, callee.line)
        counted[pair.how] += 1
        found[pair.how] += here in exact or here in guessed
        sure[pair.how] += here in exact
        told = f"{pair.file}:{pair.where[0]} {mention.name if mention else '?'} → {callee.qualname}"
        if here not in exact and here not in guessed:
            causes[cause(pair, mention, bool(exact), callee, said)].append(told)
        if exact:
            wrapped = callee.parent is not None and said.index.symbol(callee.parent).kind in FUNCTIONS
            sites[pair.file, pair.where, pair.how].append((here in exact, wrapped or here in guessed, told))
    yield "| place | pairs | found | share | of these exact |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for how, number in [*counted.most_common(), ("all", counted.total())]:
        one, two = (found.total(), sure.total()) if how == "all" else (found[how], sure[how])
        yield f"| {how} | {number} | {one} | {one / number:.1%} | {two} |"
    written = [all(row[0] for row in rows) for (*_, how), rows in sites.items() if how == "a call is written"]
    yield ""
    yield f"Sites with a written call that we call exact and that ran a Python function: {len(written)}."
    yield f"Right: {sum(written)} ({sum(written) / len(written):.1%})."
    right = [all(row[0] for row in rows) for rows in sites.values()]
    lenient = [all(row[0] or row[1] for row in rows) for rows in sites.values()]
    yield ""
    yield f"Sites of every kind that we call exact and that ran a Python function: {len(right)}."
    yield f"Right: {sum(right)} ({sum(right) / len(right):.1%}); counting also sites that ran a decorator's wrapper,"
    yield f"or an override that we list as a guess: {sum(lenient)} ({sum(lenient) / len(right):.1%})."
    yield ""
    yield "| missed because | pairs |"
    yield "| --- | ---: |"
    for why, rows in sorted(causes.items(), key=lambda item: -len(item[1])):
        yield f"| {why} | {len(rows)} |"
    if missed:
        for why, rows in causes.items():
            yield from ("", f"{why}:", *(f"  {row}" for row in rows[:missed]))
        yield from ("", "exact but wrong:")
        yield from [f"  {row[2]}" for rows in sites.values() for row in rows if not row[0]][: missed * 3]


def claimed(ran: Path, pairs: set[Pair], said: Said) -> str:
    """How many of the exact links that no call is written for were seen to run, at lines that ran."""
    lines: dict[str, set[int]] = defaultdict(set)
    for file, line in map(json.loads, ran.read_text().splitlines()):
        lines[file.removeprefix(ROOT)].add(line)
    seen = {(pair.file, pair.where, pair.callee_file, pair.callee) for pair in pairs}
    right, all_of_them = 0, 0
    for file, ran_here in lines.items():
        # A line within a function: its first one runs when it is defined.
        outer = [symbol for symbol in said.index.symbols_in(file) if symbol.kind in FUNCTIONS]
        outer = [symbol for symbol in outer if symbol.parent and said.index.symbol(symbol.parent).kind not in FUNCTIONS]
        for symbol in outer:
            if ran_here.isdisjoint(range(symbol.line + 1, symbol.end_line + 1)):
                continue
            for place in python_implicit.places(said.index, symbol, said.links.scopes):
                where = (place.line, place.end_line, place.column, place.end_column)
                at_place = python_implicit.links_at(said.index, node(symbol), place, said.links.scopes)
                for link in at_place if place.line in ran_here else ():
                    if link.grade is Grade.EXACT and link.target_at is not None:
                        all_of_them += 1
                        right += (file, where, link.target_at.file, link.target.rpartition(".")[2]) in seen
    return (
        f"Exact links without a written call at lines that ran: {all_of_them}; seen to run: {right / all_of_them:.1%}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=Path, help="what an earlier run of the workload wrote")
    parser.add_argument("--other", action="store_true", help="run the second program")
    parser.add_argument("--missed", type=int, default=0, help="list so many of each cause")
    options = parser.parse_args()
    more = ["other"] if options.other else []
    with tempfile.TemporaryDirectory() as folder, Index(index_path(open_tree(TREE))) as index:
        path, ran = options.pairs or Path(folder) / "pairs", Path(folder) / "lines"
        program = ["/usr/bin/python3", "-I", Path(__file__).with_name("workload.py")]
        if options.pairs is None:
            subprocess.run([*program, path, *more], check=True, stdout=subprocess.DEVNULL)
            subprocess.run([*program, ran, *more, "lines"], check=True, stdout=subprocess.DEVNULL)
        said, pairs = Said(index), observed(path)
        print("\n".join(compare(pairs, said, options.missed)))
        if options.pairs is None:
            print(f"\n{claimed(ran, pairs, said)}")


if __name__ == "__main__":
    main()
