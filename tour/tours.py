"""Tours as their authors wrote them: ``tour.yaml`` and one Markdown file a language, checked and turned into records.

Needs no index and no tree. Every complaint names the file, the line, and what was expected there. The format is told
in ``annotations/README.md``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tour import figures, repository
from tour.crosslinks import relinked
from tour.digests import blake2b
from tour.errors import AnnotationError, TourError, UnknownName, nearest
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

_STRETCH = re.compile(r"(?P<tour>[^#]+)(?:#(?P<first>[^.]*(?:\.[^.]+)*?)(?P<to>\.\.(?P<last>.*))?)?")
LONGEST = 64
"""Letters of a step's id, which is a cell's in a notebook, too."""

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
class Included:
    """Where a step is from that a tour takes from another."""

    tour: str
    """The tour that is named, to which the page leads back."""
    step: str
    """The step's id there."""
    folder: Path
    """Of the tour that wrote it, with the runs that saw it."""
    written_as: str
    """Its id in that folder."""


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
    included: Included | None = None
    """``None`` for a step of the tour's own. One that is taken has the line of what takes it."""


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
    return repository.ours() / "tour.schema.json"


def names(folder: Path) -> list[str]:
    """The tours in a folder of annotations."""
    return sorted(found.parent.name for found in folder.glob("*/tour.yaml"))


def at_hand() -> list[str]:
    """Every tour at hand: a team's own, then ours."""
    return list(dict.fromkeys(name for folder in repository.folders() for name in names(folder)))


def passing() -> dict[str, list[tuple[str, str]]]:
    """For each symbol that an anchor names the tours and steps that pass it.

    A tour that cannot be read is left out: here it is no reader's question.
    """
    passes: dict[str, list[tuple[str, str]]] = {}
    for name in at_hand():
        try:
            told = named(name)
        except AnnotationError:
            continue
        for step in told.steps:
            for symbol in dict.fromkeys(anchor.symbol for anchor in step.anchors):
                passes.setdefault(symbol, []).append((name, step.id))
    return passes


def named(spec: str) -> Tour:
    """The tour of that name, a team's own before ours, or the one in the folder that ``spec`` leads to.

    Raises what ``load`` raises.
    """
    home = repository.home(spec) if NAME.fullmatch(spec) else None
    if home is not None:
        return load(spec, home)
    path = Path(spec).expanduser()
    inside = (path.parent if path.name == "tour.yaml" else path).resolve()
    if (inside / "tour.yaml").is_file():
        return load(inside.name, inside.parent)
    if len(path.parts) > 1 or spec.startswith("."):
        raise UnknownName(f"there is no tour in {spec!r}", hint="A tour is named by its folder, which holds tour.yaml.")
    raise _unknown(spec, at_hand())


def load(name: str, folder: Path) -> Tour:
    """Read one tour, with what it takes from others: those beside it, or ours.

    Raises ``UnknownName`` with the nearest names, or ``AnnotationError`` with file and line.
    """
    return _load(name, folder, ())


def _load(name: str, folder: Path, within: tuple[Path, ...]) -> Tour:
    """``within`` are the tours that are being read, for each takes from the next."""
    file = folder / name / "tour.yaml"
    if not NAME.fullmatch(name) or not file.is_file():
        raise _unknown(name, names(folder))
    text = _read(file)
    form = read(file, text, schema(), _HINT)
    taken: dict[str, Tour] = {}
    steps = _steps(form, (*within, file.resolve()), taken)
    own = [step.id for step in steps if step.included is None]
    prose = {lang: _with(taken, steps, _prose(file.with_name(f"{lang}.md"), own), lang) for lang in LANGS}
    asked = {lang: len(words.questions) for lang, words in prose.items()}
    if len(set(asked.values())) > 1:
        counts = ", ".join(f"{lang} has {count}" for lang, count in asked.items())
        raise AnnotationError(f"the languages ask unlike questions: {counts}", at=str(file.parent), hint=_HINT)
    said = "\0".join([text, *(other.digest for other in taken.values())])
    digest = blake2b(said.encode(), digest_size=16).hexdigest()
    return Tour(name, file, _follows(form, name), steps, prose, digest)


def _unknown(name: str, known: Sequence[str]) -> UnknownName:
    near = nearest(name, known)
    return UnknownName(
        f"there is no tour {name!r}", near, hint=None if near else f"There are: {', '.join(known) or 'none'}."
    )


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise AnnotationError("the file is missing", at=str(file), hint="Each tour has en.md and zh.md.") from None
    except UnicodeDecodeError as error:
        raise AnnotationError(f"not UTF-8 at byte {error.start}", at=str(file)) from None


def title(name: str, folder: Path, lang: str) -> str:
    """A tour's title, without reading the tour; raises ``AnnotationError`` where its prose cannot be read."""
    home = next((one for one in repository.beside(folder) if (one / name).is_dir()), folder)
    found = _HEADING.search(_read(home / name / f"{lang}.md"))
    return found[2] if found else name


def _steps(form: Form, within: tuple[Path, ...], taken: dict[str, Tour]) -> tuple[Step, ...]:
    """The steps, with those of other tours; ``taken`` learns which tours these are."""
    steps: list[Step] = []
    tree = form.data.get("tree", PYTORCH)
    for number, written in enumerate(form.data["steps"]):
        where = ("steps", number)
        known = {step.id for step in steps}
        if "include" in written:
            steps += _stretch(form, number, known, within, taken)
            continue
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


def _stretch(form: Form, number: int, known: set[str], within: tuple[Path, ...], taken: dict[str, Tour]) -> list[Step]:
    """The steps that an entry takes from another tour, under ids that begin with that tour's name."""
    where = ("steps", number, "include")
    written = form.data["steps"][number]
    asked = _STRETCH.fullmatch(written["include"])
    assert asked is not None
    name = asked["tour"]
    home = next((one for one in repository.beside(form.file.parents[1]) if (one / name / "tour.yaml").is_file()), None)
    if home is None:
        there = [other for one in repository.beside(form.file.parents[1]) for other in names(one)]
        near = nearest(name, there, 1)
        hint = f"The nearest is {near[0]}." if near else None
        raise form.wrong(f"there is no tour {name!r} to take steps from", *where, hint=hint)
    if (home / name / "tour.yaml").resolve() in within:
        raise form.wrong(f"{name} takes steps from this tour, so this one cannot take steps from it", *where)
    tour = taken[name] = _load(name, home, within)
    ids = [step.id for step in tour.steps]
    ends = [asked["first"] or ids[0], (asked["last"] or ids[-1]) if asked["to"] or not asked["first"] else ""]
    for end in ends:
        if end and end not in ids:
            near = nearest(end, ids, 1)
            hint = f"The nearest is {near[0]}." if near else f"Its steps: {', '.join(ids)}."
            raise form.wrong(f"{name} has no step {end!r}", *where, hint=hint)
    first, last = ids.index(ends[0]), ids.index(ends[1] or ends[0])
    if first > last:
        raise form.wrong(f"an empty stretch: in {name} {ends[0]!r} comes after {ends[1]!r}", *where)
    if repeated := next((step for step in ids[first : last + 1] if f"{name}.{step}" in known), None):
        raise form.wrong(f"step {repeated!r} of {name} is taken twice", *where)
    if long := next((f"{name}.{step}" for step in ids[first : last + 1] if len(name) + len(step) + 1 > LONGEST), None):
        raise form.wrong(f"{long} would be an id of more than {LONGEST} letters", *where)
    line = form.line(*where)
    steps = [_taken(step, tour, set(ids[first : last + 1]), line) for step in tour.steps[first : last + 1]]
    if written.get("cells", True):
        steps = _runnable(steps, tour.steps[:first])
    else:
        steps = [replace(step, cell=None) for step in steps]
    hop = None
    if "hop" in written:
        hop = _hop(written["hop"], steps[-1].id, form.line("steps", number, "hop"))
        if hop.origin not in {*known, *(step.id for step in steps)}:
            raise form.wrong(f"hop: from is {hop.origin!r}, expected an earlier step", "steps", number, "hop", "from")
    return [*steps[:-1], replace(steps[-1], hop=hop)]


def _taken(step: Step, tour: Tour, stretch: set[str], line: int) -> Step:
    """A step of another tour as it stands in one that takes it; a hop from outside of the stretch falls away."""
    of = step.included
    hop = step.hop if step.hop and step.hop.origin in stretch else None
    return replace(
        step,
        id=f"{tour.name}.{step.id}",
        line=line,
        anchors=tuple(replace(anchor, line=line) for anchor in step.anchors),
        hop=replace(hop, origin=f"{tour.name}.{hop.origin}", line=line) if hop else None,
        cell=replace(step.cell, line=line) if step.cell else None,
        included=Included(tour.name, step.id, of.folder if of else tour.file.parent, of.written_as if of else step.id),
    )


def _runnable(steps: list[Step], before: Sequence[Step]) -> list[Step]:
    """A stretch whose first program begins with those that ran ``before`` it in its tour, for it goes on from them."""
    earlier = [step.cell.code for step in before if step.cell and not step.cell.raises]
    first = next((number for number, step in enumerate(steps) if step.cell), None)
    if first is None or not earlier:
        return steps
    cell = steps[first].cell
    assert cell is not None
    whole = replace(cell, code="\n\n".join([*earlier, cell.code]))
    return [*steps[:first], replace(steps[first], cell=whole), *steps[first + 1 :]]


def _with(taken: Mapping[str, Tour], steps: Sequence[Step], prose: Prose, lang: str) -> Prose:
    """A tour's prose with that of the steps that it takes, whose links lead on to where their targets are."""
    stretches = {step.id for step in steps if step.included}
    if not stretches:
        return prose
    sections = {}
    for step in steps:
        if step.included is None:
            sections[step.id] = prose.sections[step.id]
            continue
        name = step.included.tour

        def written(text: str, tour: str | None, to: str | None, name: str = name) -> str:
            if tour is None and f"{name}.{to}" in stretches:
                return f"[{text}](#{name}.{to})"
            return f"[{text}](../{tour or name}/{f'#{to}' if to else ''})"

        of = taken[name].prose[lang].sections[step.included.step]
        sections[step.id] = replace(of, text=relinked(of.text, written))
    return replace(prose, sections=sections | {ONWARD: prose.sections[ONWARD]})


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
    known = {other for folder in repository.beside(form.file.parents[1]) for other in names(folder)}
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
