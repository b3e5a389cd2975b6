"""VS Code's CodeTour files as steps of ours: their places in a tree, and their words.

The form is that of ``schema.json`` in github.com/microsoft/codetour, and a place is looked for as its player does
(``src/player/index.ts``): the line, else the end of the selection, else the pattern's first match. A blank line or a
comment of C++ that no symbol holds stands for the code below it, and a pattern that is none, or matches nothing, for
its own text: tours that programs write have such. Left out: commands, views, directories, and what only JavaScript
understands. A file may come from anywhere: nothing in it makes this run long, or speak in the place of our own words.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tour import drafts, tours
from tour.anchors import Reader
from tour.errors import TourError
from tour.index import Index
from tour.model import LANGS, At

_MARK = re.compile(r"<!-- tour: ([\w.-]+) -->")
"""In a description that we wrote, the step's id, before what is no prose; no player shows it."""
_NUMBERED = re.compile(r"^\d+\. ")
_RELEASE = re.compile(r"v?(\d+\.\d+\.\d+)")
_TO_STEP = re.compile(r"\[(?P<text>[^\]]+)\]\[(?P<title>[^\]#]*)#(?P<number>\d+)\]")
_TO_TOUR = re.compile(r"\[(?P<text>[^\]]+)\]\[(?P<title>[^\]#]+)\]")
_HEADING = re.compile(r"(?m)^#{1,2} ")
_FENCE = re.compile(r"(?ms)^(`{3,}|~{3,}).*?^\1[^\n]*$")
_OPENED = re.compile(r"(?m)^(`{3,}|~{3,})")
_SAID_ID = re.compile(r"\s*\{#[^}]*\}")
_UNPRINTED = re.compile(r"[^\S\n\t ]|[\0-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What no reader sees, and what turns the direction of a line."""
_LARGEST = 5_000_000
"""Bytes of a file; a tour of a thousand long steps has one."""
_LONGEST_TITLE = 200
_PATTERN_SECONDS = 5.0
"""How long a pattern may look; some never end (``(a+)+$``)."""
_COMMENT = re.compile(r"\s*(?://|/\*|\*|$)")
_MOST_TOLD = 3
"""Reasons, or files, that a sentence lists."""
_MOST_BELOW = 40
"""Lines of comment that may stand above what a step means."""

Named = Callable[[str], str]
"""A file as the tree calls it; raises ``TourError`` where the tree has none of that name."""


@dataclass(frozen=True, slots=True)
class Written:
    """One step of a file, as it stands there."""

    number: int
    """From 1, as in the player and in links."""
    title: str | None
    text: str
    """Markdown, without what we add to the prose."""
    file: str | None
    """``None`` for a step that only tells something."""
    line: int | None
    pattern: str | None
    id: str | None = None
    """Where it was a step of ours."""


@dataclass(frozen=True, slots=True)
class CodeTour:
    """A file."""

    file: Path
    title: str
    ref: str | None
    """The git revision that it was recorded on."""
    steps: tuple[Written, ...]

    @property
    def release(self) -> str | None:
        """The version that ``ref`` names, if it is a release's tag."""
        found = _RELEASE.fullmatch(self.ref or "")
        return found[1] if found else None


def load(file: Path) -> CodeTour:
    """Read a ``.tour`` file; raises ``TourError`` where it is none."""
    try:
        if (size := file.stat().st_size) > _LARGEST:
            raise TourError(f"is no CodeTour: it has {size / 1e6:.0f} MB", at=str(file))
        made: Any = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise TourError(f"cannot be read: {error.strerror}", at=str(file)) from None
    except UnicodeDecodeError:
        raise TourError("is not UTF-8", at=str(file)) from None
    except json.JSONDecodeError as error:
        raise TourError(f"is not JSON: {error.msg}", at=f"{file}:{error.lineno}") from None
    except (ValueError, RecursionError):  # a number of thousands of digits, lists in lists without end
        raise TourError("is not JSON that can be read", at=str(file)) from None
    if not isinstance(made, dict) or not isinstance(made.get("title"), str) or not isinstance(made.get("steps"), list):
        raise TourError("is no CodeTour: it needs a title and steps", at=str(file))
    steps = tuple(_written(step, number, file) for number, step in enumerate(made["steps"], start=1))
    ref = made.get("ref")
    return CodeTour(file, _title(made["title"]) or file.stem, ref if isinstance(ref, str) else None, steps)


def _title(text: str) -> str:
    """A title in one line, without what would be read as the id of a heading."""
    words = " ".join(_UNPRINTED.sub(" ", _SAID_ID.sub("", text)).split())
    return words if len(words) <= _LONGEST_TITLE else f"{words[: _LONGEST_TITLE - 1]}…"


def _prose(text: str) -> str:
    """Markdown that ends what it begins, so that the next step is read as one."""
    text = _UNPRINTED.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    ends = [found.end() for found in _FENCE.finditer(text)]
    opened = _OPENED.search(text, ends[-1] if ends else 0)
    return f"{text}\n{opened[1]}" if opened else text


def _written(step: Any, number: int, file: Path) -> Written:
    if not isinstance(step, dict) or not isinstance(step.get("description"), str):
        raise TourError(f"step {number} is no step of a CodeTour: it needs a description", at=str(file))
    title, place = step.get("title"), step.get("file")
    line: Any = step.get("line")
    if line is None and isinstance(step.get("selection"), dict):
        end = step["selection"].get("end")
        line = end.get("line") if isinstance(end, dict) else None
    if not isinstance(line, int | float | None) or isinstance(line, bool) or (line and not math.isfinite(line)):
        raise TourError(f"step {number} has a line that is no number", at=str(file))
    text, *marked = _MARK.split(step["description"], maxsplit=1)
    text = _prose(text)
    heading = re.match(r"#+[ \t]+(.+)\n?", text)
    if not isinstance(title, str) and heading:  # as the player calls such a step
        title, text = heading[1].strip(), text[heading.end() :].strip()
    return Written(
        number,
        (_title(_NUMBERED.sub("", title)) or None) if isinstance(title, str) else None,
        text,
        place if isinstance(place, str) else None,
        int(line) if line is not None else None,
        step["pattern"] if isinstance(step.get("pattern"), str) else None,
        marked[0] if marked and tours.NAME.fullmatch(marked[0]) else None,
    )


def line_of(step: Written, read: Reader) -> int:
    """The line that the player shows a step at; raises ``TourError`` where it would find none."""
    assert step.file is not None
    text = read(step.file).decode("utf-8", "replace")
    if step.line is not None:
        return step.line
    if step.pattern is None:
        raise TourError("names a file and no line in it", at=step.file)
    at, wrong = _matched(step.pattern, text)
    if at is None and step.pattern.strip():
        at = text.find(step.pattern) if step.pattern in text else None
    if at is None:
        raise TourError(wrong or "has a pattern that nothing in the file matches", at=step.file)
    return text.count("\n", 0, at) + 1


def _matched(pattern: str, text: str) -> tuple[int | None, str | None]:
    """Where a pattern matches first, else what is wrong with it if anything is."""
    pattern = re.sub(r"\(\?<(?![=!])", "(?P<", pattern)  # a named group, as JavaScript writes it
    try:
        compiled = re.compile(pattern, re.MULTILINE)
    except (re.error, OverflowError, RecursionError) as error:
        return None, f"has a pattern that cannot be read: {error}"
    if not re.search(r"[*+?{]", re.sub(r"\\.", "", pattern)):  # without repetition none takes long
        found = compiled.search(text)
        return (found.start() if found else None), None
    ours, theirs = multiprocessing.Pipe(duplex=False)
    searching = multiprocessing.Process(target=_search, args=(compiled, text, theirs), daemon=True)
    searching.start()
    theirs.close()
    try:
        at = ours.recv() if ours.poll(_PATTERN_SECONDS) else None
    except EOFError:
        at = None
    finally:
        searching.kill()
        searching.join()
    if at is None:
        return None, "has a pattern that takes too long"
    return (at if at >= 0 else None), None


def _search(compiled: re.Pattern[str], text: str, answer: Connection) -> None:
    """Look for a pattern; runs in a process that may be ended."""
    found = compiled.search(text)
    answer.send(found.start() if found else -1)


def linked(text: str, ids: Sequence[str | None]) -> str:
    """Prose of ours: links to steps by their ids, of which ``ids`` has one a step; headings below those of steps."""

    def to_step(link: re.Match[str]) -> str:
        number = int(link["number"])
        step = ids[number - 1] if not link["title"] and 0 < number <= len(ids) else None
        return f"[{link['text']}](#{step})" if step else link["text"]

    text = _TO_TOUR.sub(lambda link: link["text"], _TO_STEP.sub(to_step, text))
    fences = [found.span() for found in _FENCE.finditer(text)]

    def lower(heading: re.Match[str]) -> str:
        inside = any(start <= heading.start() < end for start, end in fences)
        return heading[0] if inside else "### "

    return _HEADING.sub(lower, text)


def bring(
    read_in: Mapping[str, CodeTour],
    name: str,
    folder: Path,
    index: Index,
    read: Reader,
    named: Named,
    version: str,
    title: str,
) -> tuple[Path, list[str]]:
    """Write a tour of ours in ``folder`` out of a CodeTour in one language or in each; give its ``tour.yaml``.

    The first leads; another must have as many steps. What has no place before the first anchored step goes into the
    opening, what comes after the last to where the walk leads on, anything else to the step before. The second part of
    the answer says for each place that could not be anchored why. Raises ``TourError`` where none could be in the trees
    that are called ``title``.
    """
    first = next(iter(read_in.values()))
    for other in read_in.values():
        if len(other.steps) != len(first.steps):
            what = f"has {len(other.steps)} steps, and {first.file.name} has {len(first.steps)}"
            raise TourError(what, at=str(other.file), hint="Two languages of one tour have the same steps.")
    stops: dict[int, drafts.Stop] = {}
    lost: list[str] = []
    for number, step in enumerate(first.steps):
        if step.file is None:
            continue
        try:
            file = _file(step.file, named, index)
            line = line_of(replace(step, file=file), read)
            stop = _stop(file, line, index, read)
            stops[number] = replace(stop, id=(step.id or stop.id).replace(".", "-"))
        except TourError as error:
            lost.append(f"step {step.number} has no anchor: {error}")
    if not stops:
        some = f": {'; '.join(lost[:_MOST_TOLD])}{'; …' if len(lost) > _MOST_TOLD else ''}" if lost else ""
        raise TourError(f"no step of it can be anchored in {title}{some}", at=str(first.file))
    kept = dict(zip(stops, drafts.told_apart(stops.values()), strict=True))
    ids = [kept[number].id if number in kept else None for number in range(len(first.steps))]
    prose = {lang: _told(read_in[lang], ids) if lang in read_in else drafts.Told(first.title) for lang in LANGS}
    return drafts.write(name, prose, list(kept.values()), folder, index, read, version), lost


def _file(name: str, named: Named, index: Index) -> str:
    """A file as the tree calls it; a path from the workspace's root, of Windows too. Raises ``TourError``."""
    try:
        return named(name)
    except TourError as error:
        plain = name.replace("\\", "/").lstrip("/")
        if plain != name:
            try:
                return named(plain)
            except TourError:
                pass
        same = index.files_ending(plain.rpartition("/")[2])[:_MOST_TOLD] if plain else []
        if same:
            raise TourError(f"{error.what}; {', '.join(same)} has that name now", at=error.at) from None
        raise


def _stop(file: str, line: int, index: Index, read: Reader) -> drafts.Stop:
    """The stop at a line, or of the code below it if that is a blank line or a comment which no symbol holds."""
    lines = read(file).decode("utf-8", "replace").splitlines()
    below = line
    while below < min(len(lines), line + _MOST_BELOW) and below >= 1 and _COMMENT.match(lines[below - 1]):
        below += 1
    try:
        (stop,) = drafts.at_places([(At(file, line), line)], index, read)
    except TourError:
        if below == line:
            raise
        (stop,) = drafts.at_places([(At(file, below), below)], index, read)
    return stop


def _told(codetour: CodeTour, ids: Sequence[str | None]) -> drafts.Told:
    """The words of a CodeTour, of whose steps those with an id became steps of ours."""
    parts: dict[str, list[str]] = {"": []}
    titles: dict[str, str] = {}
    last = max(number for number, step in enumerate(ids) if step)
    onward: list[str] = []
    at = ""
    for number, (step, own) in enumerate(zip(codetour.steps, ids, strict=True)):
        text = linked(step.text, ids)
        if own is not None:
            at = own
            titles[own] = step.title or f"Step {step.number}"
            parts[own] = [text]
            continue
        apart = step.title is None or step.title == codetour.title or number > last
        (onward if number > last else parts[at]).append(text if apart else f"**{step.title}**\n\n{text}")
    steps = {step: (titles[step], "\n\n".join(filter(None, parts[step]))) for step in titles}
    return drafts.Told(codetour.title, "\n\n".join(parts[""]) or None, steps, "\n\n".join(filter(None, onward)) or None)
