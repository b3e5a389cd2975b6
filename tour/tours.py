"""Tours as their authors wrote them: ``tour.yaml`` and one Markdown file a language, checked and turned into records.

Needs no index and no tree. Every complaint names the file, the line, and what was expected there. The format is told
in ``annotations/README.md``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tour import figures, resources
from tour.digests import blake2b
from tour.errors import AnnotationError, TourError, UnknownName
from tour.figures import Figure
from tour.form import Form, read
from tour.model import LANGS, PYTORCH, Lane, LinkKind

ONWARD = "onward"
"""The id of the closing section."""

QUESTIONS = "questions"
"""The id of the section before it: questions for the reader, each a third-level heading with its answer."""


_HINT = "annotations/README.md has the format."

RESERVED = frozenset({ONWARD, QUESTIONS})
"""Ids that no step may bear."""

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
"""What tours and steps are called."""

_HEADING = re.compile(r"(?m)^(#{1,2}) +(.+?)(?: +\{#([\w-]+)\})? *$")
_QUESTION = re.compile(r"(?m)^### +(.+?) *$")


@dataclass(frozen=True, slots=True)
class Anchor:
    """How a step names its place."""

    symbol: str
    file: str | None
    statement: str | None
    after: str | None
    through: str | None
    formerly: tuple[str, ...]
    versions: str | None
    """PEP 440 specifier of the versions it is meant for; ``None`` for all."""
    line: int
    """Line in ``tour.yaml``."""
    among: int = 1
    """How many symbols bear the id, where only the statement tells which of them is meant."""
    tree: str = PYTORCH
    """The name of the tree that it is in; ``versions`` are that tree's."""

    @property
    def written(self) -> dict[str, Any]:
        """The place's keys and values as ``tour.yaml`` has them."""
        keys = ("symbol", "tree", "file", "statement", "after", "through")
        told = {key: value for key in keys if (value := getattr(self, key)) is not None}
        if self.tree == PYTORCH:
            del told["tree"]
        return told | ({"among": self.among} if self.among > 1 else {})


@dataclass(frozen=True, slots=True)
class Hop:
    """How a step leads to the next one in the story."""

    kind: LinkKind
    origin: str
    """Id of the step whose code holds the fact."""
    because: dict[str, str] | None
    """The author's reason by language, where the source cannot show it."""
    line: int


@dataclass(frozen=True, slots=True)
class Cell:
    """A small Python program that shows what a step does; it goes on where the tour's earlier cells ended."""

    code: str
    raises: str | None
    """Name of the exception that it is meant to end with."""
    line: int
    """Line in ``tour.yaml``."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """Why a run need not pass a step."""

    needs: str | None
    """What a run must have: ``gpu``, ``gpus`` (several) or ``build``; ``None`` where it is the author's reason."""
    because: dict[str, str] | None
    """The author's reason by language."""


@dataclass(frozen=True, slots=True)
class Step:
    """One stop of a tour."""

    id: str
    lane: Lane
    anchors: tuple[Anchor, ...]
    line: int
    """Line in ``tour.yaml``."""
    versions: str | None = None
    hop: Hop | None = None
    cell: Cell | None = None
    figure: Figure | None = None
    witness: Unseen | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What a reader can now answer, and the answer."""

    text: str
    answer: str
    line: int = 0
    """Of the question; the answer begins two lines below."""


@dataclass(frozen=True, slots=True)
class Section:
    """One heading of the prose with what stands under it."""

    title: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Prose:
    """A tour's words in one language."""

    title: str
    intro: str
    sections: dict[str, Section]
    """By step id, and ``onward``."""
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Tour:
    """A walkthrough."""

    name: str
    file: Path
    follows: tuple[str, ...]
    """Tours that it takes as known."""
    steps: tuple[Step, ...]
    prose: dict[str, Prose]
    """By language."""
    digest: str
    """Of ``tour.yaml``: what places and proofs depend on, besides the tree."""

    @property
    def trees(self) -> frozenset[str]:
        """The names of the trees that its anchors mean."""
        return frozenset(anchor.tree for step in self.steps for anchor in step.anchors)


def with_cells(tour: Tour, cells: Mapping[str, str]) -> Tour:
    """A tour with only the cells of some steps, each with this code; raises ``TourError`` for a step without a cell."""
    mine = {step.id: step for step in tour.steps if step.cell is not None}
    for name in cells:
        if name not in mine:
            raise TourError(f"{tour.name} has no step {name!r} with a cell", hint=f"Those with one: {', '.join(mine)}.")
    steps = tuple(
        replace(step, cell=replace(step.cell, code=cells[step.id]) if step.cell and step.id in cells else None)
        for step in tour.steps
    )
    return replace(tour, steps=steps)


def schema() -> Path:
    """The form of a ``tour.yaml``, as JSON Schema."""
    return resources.folder("annotations") / "tour.schema.json"


def names(folder: Path) -> list[str]:
    """The tours in a folder of annotations."""
    return sorted(found.parent.name for found in folder.glob("*/tour.yaml"))


def passing(folder: Path) -> dict[str, list[tuple[str, str]]]:
    """For each symbol that an anchor names the tours and steps that pass it.

    A tour that cannot be read is left out: here it is no reader's question.
    """
    passes: dict[str, list[tuple[str, str]]] = {}
    for name in names(folder):
        try:
            told = load(name, folder)
        except AnnotationError:
            continue
        for step in told.steps:
            for symbol in dict.fromkeys(anchor.symbol for anchor in step.anchors):
                passes.setdefault(symbol, []).append((name, step.id))
    return passes


def named(spec: str) -> Tour:
    """The tour of that name, or the one in the folder that ``spec`` leads to; raises what ``load`` raises."""
    home = resources.folder("annotations")
    path = Path(spec).expanduser()
    inside = (path.parent if path.name == "tour.yaml" else path).resolve()
    if (inside / "tour.yaml").is_file() and not (NAME.fullmatch(spec) and (home / spec).is_dir()):
        return load(inside.name, inside.parent)
    if len(path.parts) > 1 or spec.startswith("."):
        raise UnknownName(f"there is no tour in {spec!r}", hint="A tour is named by its folder, which holds tour.yaml.")
    return load(spec, home)


def load(name: str, folder: Path) -> Tour:
    """Read one tour. Raises ``UnknownName`` with the nearest names, or ``AnnotationError`` with file and line."""
    file = folder / name / "tour.yaml"
    if not NAME.fullmatch(name) or not file.is_file():
        known = names(folder)
        nearest = tuple(difflib.get_close_matches(name, known, n=3, cutoff=0.4))
        hint = f"The nearest: {', '.join(nearest)}." if nearest else f"There are: {', '.join(known) or 'none'}."
        raise UnknownName(f"there is no tour {name!r}", nearest, hint=hint)
    text = _read(file)
    form = read(file, text, schema(), _HINT)
    steps = _steps(form)
    prose = {lang: _prose(file.with_name(f"{lang}.md"), [step.id for step in steps]) for lang in LANGS}
    asked = {lang: len(words.questions) for lang, words in prose.items()}
    if len(set(asked.values())) > 1:
        counts = ", ".join(f"{lang} has {count}" for lang, count in asked.items())
        raise AnnotationError(f"the languages ask unlike questions: {counts}", at=str(file.parent), hint=_HINT)
    return Tour(name, file, _follows(form, name), steps, prose, blake2b(text.encode(), digest_size=16).hexdigest())


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise AnnotationError("the file is missing", at=str(file), hint="Each tour has en.md and zh.md.") from None
    except UnicodeDecodeError as error:
        raise AnnotationError(f"not UTF-8 at byte {error.start}", at=str(file)) from None


def title(name: str, folder: Path, lang: str) -> str:
    """A tour's title, without reading the tour; raises ``AnnotationError`` where its prose cannot be read."""
    home = folder if (folder / name).is_dir() else resources.folder("annotations")
    found = _HEADING.search(_read(home / name / f"{lang}.md"))
    return found[2] if found else name


def _steps(form: Form) -> tuple[Step, ...]:
    steps: list[Step] = []
    tree = form.data.get("tree", PYTORCH)
    for number, written in enumerate(form.data["steps"]):
        where = ("steps", number)
        known = {step.id for step in steps}
        if written["id"] in {*known, *RESERVED}:
            raise form.wrong(f"step id {written['id']!r} is taken", *where, "id")
        several = written["anchor"] if isinstance(written["anchor"], list) else [written["anchor"]]
        anchors = tuple(
            _anchor(anchor, tree, form.line(*where, "anchor", *([place] if anchor is not written["anchor"] else [])))
            for place, anchor in enumerate(several)
        )
        hop, cell, figure = None, None, None
        if "hop" in written:
            hop = _hop(written["hop"], written["id"], form.line(*where, "hop"))
            if hop.origin not in {*known, written["id"]}:
                raise form.wrong(
                    f"hop of {written['id']!r}: from is {hop.origin!r}, expected an earlier step", *where, "hop", "from"
                )
        if "cell" in written:
            cell = _cell(written["cell"], form.line(*where, "cell"))
        if "figure" in written:
            figure = figures.read(form.file.with_name(written["figure"]["file"]), written["figure"]["alt"])
        steps.append(
            Step(
                written["id"],
                Lane(written["lane"]),
                anchors,
                form.line(*where),
                versions=written.get("versions"),
                hop=hop,
                cell=cell,
                figure=figure,
                witness=_unseen(written["witness"]) if "witness" in written else None,
            )
        )
    if steps[-1].hop is not None:
        raise form.wrong(
            f"step {steps[-1].id!r} is the last and cannot hop on", *where, "hop", hint="Take its hop away."
        )
    return tuple(steps)


def _anchor(written: dict[str, Any], tree: str, line: int) -> Anchor:
    return Anchor(
        symbol=written["symbol"],
        tree=written.get("tree", tree),
        file=written.get("file"),
        statement=written.get("statement"),
        after=written.get("after"),
        through=written.get("through"),
        formerly=tuple(written.get("formerly", ())),
        versions=written.get("versions"),
        line=line,
        among=written.get("among", 1),
    )


def _hop(written: str | dict[str, Any], step: str, line: int) -> Hop:
    if isinstance(written, str):
        written = {"kind": written}
    return Hop(LinkKind(written["kind"]), written.get("from", step), written.get("because"), line)


def _cell(written: str | dict[str, Any], line: int) -> Cell:
    if isinstance(written, str):
        written = {"code": written}
    return Cell(written["code"].strip("\n"), written.get("raises"), line)


def _unseen(written: dict[str, Any]) -> Unseen:
    return Unseen(written.get("needs"), written.get("because"))


def _follows(form: Form, name: str) -> tuple[str, ...]:
    """The tours that this one takes as known."""
    known = {*names(form.file.parents[1]), *names(resources.folder("annotations"))}
    follows = tuple(form.data.get("follows", ()))
    for number, other in enumerate(follows):
        if other == name or other not in known:
            what = "itself" if other == name else f"{other!r}, which is no tour here"
            raise form.wrong(f"tour: follows {what}", "follows", number)
    return follows


def _prose(file: Path, step_ids: list[str]) -> Prose:
    text = _read(file)
    sections = list(_sections(text))
    if not sections or sections[0][0] != 1:
        raise AnnotationError("expected the tour's title, `# …`, first", at=f"{file}:1")
    _, _, opening = sections[0]
    found: dict[str, Section] = {}
    for level, section_id, section in sections[1:]:
        at = f"{file}:{section.line}"
        if level != 2 or section_id is None:
            raise AnnotationError(f"heading {section.title!r} lacks its id", at=at, hint="Write `## Title {#step-id}`.")
        if section_id in found:
            raise AnnotationError(f"step {section_id!r} has its prose twice", at=at)
        if section_id not in RESERVED and section_id not in step_ids:
            near = difflib.get_close_matches(section_id, step_ids, n=1)
            hint = f"The nearest step is {near[0]}." if near else None
            raise AnnotationError(f"prose for a step {section_id!r} that tour.yaml lacks", at=at, hint=hint)
        found[section_id] = section
    missing = [step for step in [*step_ids, ONWARD] if step not in found]
    if missing:
        raise AnnotationError(f"no prose for {missing[0]!r}", at=str(file), hint=f"Add `## … {{#{missing[0]}}}`.")
    order = [*step_ids, *([QUESTIONS] if QUESTIONS in found else []), ONWARD]
    if list(found) != order:
        first = next((got for got, want in zip(found, order, strict=True) if got != want))
        raise AnnotationError(f"{first!r} is out of order", at=f"{file}:{found[first].line}", hint="tour.yaml leads.")
    asked = found.pop(QUESTIONS, None)
    return Prose(opening.title, opening.text, found, _questions(asked, file) if asked else ())


def _questions(section: Section, file: Path) -> tuple[Question, ...]:
    """A third-level heading each, and the answer below it."""
    found = list(_QUESTION.finditer(section.text))
    pairs = [
        Question(
            asked[1],
            section.text[asked.end() : following.start() if following else None].strip(),
            section.line + 2 + section.text.count("\n", 0, asked.start()),
        )
        for asked, following in zip(found, [*found[1:], None], strict=False)
    ]
    before = section.text[: found[0].start()] if found else section.text
    if before.strip() or not pairs or not all(pair.answer for pair in pairs):
        raise AnnotationError(
            "a question lacks its heading or its answer",
            at=f"{file}:{section.line}",
            hint="Write `### Question` and the answer below it.",
        )
    return tuple(pairs)


def _sections(text: str) -> Iterator[tuple[int, str | None, Section]]:
    """Level, id and section for each heading outside fenced code."""
    fenced = [(match.start(), match.end()) for match in re.finditer(r"(?ms)^(```+|~~~+).*?^\1", text)]
    headings = [
        match for match in _HEADING.finditer(text) if not any(start <= match.start() < end for start, end in fenced)
    ]
    for heading, following in zip(headings, [*headings[1:], None], strict=False):
        body = text[heading.end() : following.start() if following else len(text)].strip()
        line = text.count("\n", 0, heading.start()) + 1
        yield len(heading[1]), heading[3], Section(heading[2], body, line)


def applies(versions: str | None, version: str) -> bool:
    """Whether a step or an anchor is meant for a tree's version; pre-releases count as the release they lead to."""
    if versions is None:
        return True
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

    return Version(Version(version).base_version) in SpecifierSet(versions)
