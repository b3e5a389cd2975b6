"""Everything a renderer needs, resolved, as plain data: a tour in one tree and one language, or one source file.

Views hold text and numbers only, so a renderer needs no index, no tree and no file but its templates.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.version import InvalidVersion, Version

from tour.anchors import Place, Reader
from tour.changes import Change
from tour.errors import StaleIndex
from tour.index import Index, digest_of
from tour.links import Links
from tour.model import PYTORCH, At, Lane, Lang, Link, LinkKind, inside, told, tree_of
from tour.paths import LearningPath
from tour.proof import Passage, walk
from tour.recordings import Output, Recording, frames, line_in, load
from tour.references import NOTHING, References, references
from tour.repairs import Repair, repairs
from tour.tours import ONWARD, Anchor, Cell, Question, Step, Tour, title
from tour.tree import Tree
from tour.witness import records


@dataclass(frozen=True, slots=True)
class Context:
    """Lines of code shown before a place, after a statement or a definition, and at most in all."""

    before: int
    after_statement: int
    after_definition: int
    most: int


NEAR = Context(3, 6, 0, 30)
"""What a terminal or a file has room for."""
WIDE = Context(10, 24, 24, 64)
"""What a page has room for, which dims what the step is not about."""

WHOLE = 16
"""A definition up to this many lines is lit as a whole; of a longer one only the lines up to its name."""


@dataclass(frozen=True, slots=True)
class TreeView:
    """The tree that a view was made from."""

    version: str
    path: str
    kind: str
    name: str = PYTORCH

    @property
    def title(self) -> str:
        """What a reader is told: ``PyTorch 2.6.0``."""
        return told(self.name, self.version)


@dataclass(frozen=True, slots=True)
class CodeView:
    """A stretch of one source file with the step's lines lit."""

    file: str
    lang: Lang
    first_line: int
    lines: tuple[str, ...]
    lit: tuple[int, int]
    """First and last lit line, both included."""
    line: str = ""
    """The line that the step is at."""
    is_first: bool = False
    """Whether no line before it reads the same, so that its text alone leads there."""


@dataclass(frozen=True, slots=True)
class HopView:
    """The passage from a step to the next one in the story."""

    kind: LinkKind
    origin: str
    """Id of the step whose code holds the fact; not always the step before, as after a return."""
    to: str
    grade: str
    """``exact``, ``name``, ``asserted``, or ``none`` where nothing shows it."""
    at: At | None
    """Where one can see it."""
    because: str | None
    """The author's reason, for an asserted hop."""
    links: tuple[Link, ...]
    """The facts, in order."""


@dataclass(frozen=True, slots=True)
class RecordingView:
    """What a step's cell showed in one recorded run."""

    name: str
    device: str
    """As its maker calls it."""
    kind: str
    """``cpu`` or ``cuda``."""
    torch: str
    python: str
    date: str
    seconds: float
    stale: bool
    """Whether the cell, or one before it, changed since."""
    outputs: tuple[Output, ...]
    places: Mapping[tuple[str, int], int]
    """For file and line of torch's that a traceback passes, the line of the same code in this tree."""


@dataclass(frozen=True, slots=True)
class FigureView:
    """A step's drawing in one language."""

    file: str
    """Its name beside ``tour.yaml``."""
    svg: str
    """One ``<svg>`` element whose colours are classes of the page."""
    alt: str
    """What it shows, in words."""


@dataclass(frozen=True, slots=True)
class FrameView:
    """One function on the stack that led to a step, innermost first."""

    name: str
    layer: str
    """``native``, ``operator`` or ``python``."""
    at: str | None
    """``file:line`` of a Python frame."""


@dataclass(frozen=True, slots=True)
class WitnessView:
    """Whether a step was seen in a real run, and in which."""

    state: str
    """``seen``; ``not-seen``; ``not-visible`` in that binary; ``not-run`` where nobody could look."""
    by: str | None
    """``python``, ``native`` (a debugger), ``operator`` or ``profiler`` (a kernel); ``None`` where nobody looked."""
    count: int
    """How often; 0 where it was not seen."""
    detail: str | None
    """How it was seen, or what stands in the way: names and figures, or the author's sentence."""
    why: str | None
    """A word for what stands in the way, or for what to mind: ``gpu``, ``gdb``, ``inlined``, ``author``, …"""
    cell: str | None
    """Id of the step whose cell was running when it was seen first."""
    stack: tuple[FrameView, ...]
    """From the step's function up to the Python that called it."""
    torch: str
    python: str
    device: str
    """``cpu``, or the accelerator's name."""
    date: str


@dataclass(frozen=True, slots=True)
class IncludedView:
    """Where a step is from that a tour takes from another."""

    tour: str
    title: str
    """That tour's."""
    step: str
    """The step's id there."""


@dataclass(frozen=True, slots=True)
class StepView:
    """One stop of a tour in one tree."""

    id: str
    number: int
    """From 1."""
    title: str
    prose: str
    """Markdown."""
    lane: Lane
    symbol: str
    file: str | None
    line: int | None
    end_line: int | None
    located: str
    """``exact``, ``former``, ``moved``, ``changed``, ``lost``, or ``absent`` in this version."""
    note: str | None
    """What was found instead, where ``located`` is not ``exact``."""
    code: CodeView | None
    cell: Cell | None
    figure: FigureView | None
    hop: HopView | None
    """``None`` at the last step, where the walk enters anew, and where it leads into a tree that is not at hand."""
    tree: str = ""
    """The name of the tree that it is in, where that stands beside the first; its file's path begins with it."""
    has_tree: bool = True
    """Whether that tree is at hand."""
    recordings: tuple[RecordingView, ...] = ()
    """What the cell showed, in each run that was recorded."""
    witness: WitnessView | None = None
    """``None`` where no run is recorded for it."""
    included: IncludedView | None = None
    """``None`` for a step of the tour's own."""


@dataclass(frozen=True, slots=True)
class LegView:
    """A tour on a learning path."""

    tour: str
    title: str
    why: str
    """Markdown: why it stands there."""


@dataclass(frozen=True, slots=True)
class PathView:
    """A learning path in one language."""

    id: str
    number: int
    """From 1, among all paths."""
    title: str
    reader: str
    """Markdown: whom it is for."""
    legs: tuple[LegView, ...]

    def place(self, tour: str) -> int:
        """Which tour of the path a tour is, from 1; 0 where it is not on it."""
        return next((place for place, leg in enumerate(self.legs, start=1) if leg.tour == tour), 0)

    def following(self, tour: str) -> LegView | None:
        """The tour that comes next on the path."""
        place = self.place(tour)
        return self.legs[place] if 0 < place < len(self.legs) else None

    def of(self, there: Container[str]) -> PathView:
        """The path with only the tours that are there."""
        return replace(self, legs=tuple(leg for leg in self.legs if leg.tour in there))


@dataclass(frozen=True, slots=True)
class EditionView:
    """A tour's steps as they are in another version than the one that its view was made from."""

    tree: TreeView
    beside: tuple[TreeView, ...]
    steps: Mapping[str, StepView]
    """By step; prose, figures, cells and recordings are the same as in the first."""
    changes: Mapping[str, Change]
    """By step, what changed from the older of the two versions to the newer."""
    newer: bool
    """Whether this version is the newer one."""


@dataclass(frozen=True, slots=True)
class TourView:
    """A tour in one tree and one language."""

    name: str
    lang: str
    title: str
    intro: str
    """Markdown."""
    follows: tuple[tuple[str, str], ...]
    """Name and title of the tours that it takes as known."""
    steps: tuple[StepView, ...]
    questions: tuple[Question, ...]
    """Markdown, both the question and its answer."""
    onward_title: str
    onward: str
    """Markdown: where to go from here."""
    tree: TreeView
    beside: tuple[TreeView, ...] = ()
    """The trees that its steps are in besides the first."""
    editions: tuple[EditionView, ...] = ()
    """The same tour in other versions, where a page shows several."""
    paths: tuple[PathView, ...] = ()
    """The learning paths that it is on."""
    family: tuple[Link, ...] = ()
    """From class to base: the classes that its steps are in, where a page draws them."""

    @property
    def trees(self) -> str:
        """The titles of all of them."""
        return ", ".join(tree.title for tree in (self.tree, *self.beside))

    def version_of(self, step: StepView) -> str:
        """The version that a step was looked for in: PyTorch's alone, a project's with its name."""
        tree = self.tree_of(step)
        return self.tree.version if tree is self.tree else tree.title

    def tree_of(self, step: StepView) -> TreeView:
        """The tree that a step is in."""
        return next((tree for tree in self.beside if tree.name == step.tree), self.tree)


@dataclass(frozen=True, slots=True)
class MarkView:
    """A tour that passes a line of a source file."""

    line: int
    end_line: int
    tour: str
    step: str
    number: int


@dataclass(frozen=True, slots=True)
class SourceView:
    """One whole source file."""

    file: str
    lang: Lang
    text: str
    marks: tuple[MarkView, ...]
    tree: TreeView
    references: References = NOTHING
    """What its names mean, and what leads to its definitions."""
    is_code: bool = True
    """False for a text that is shown without colours."""

    @property
    def path(self) -> str:
        """The file from its own tree's root."""
        return inside(self.file)


@dataclass(frozen=True, slots=True)
class AnchorView:
    """A place, the anchor that names it, and what the anchor finds in each tree at hand."""

    at: At
    end_line: int
    whence: str
    """Where its text was had: a tree, a repository, an address."""
    anchor: Anchor
    found: tuple[tuple[str, Place], ...]
    """A tree's version, and the place there."""
    unread: tuple[str, ...]
    """Versions at hand that have no index to look in."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that ``tour check`` found: a step that is lost or has moved; a hop unproven."""

    tour: str
    step: str
    version: str
    file: str
    """The annotation's file."""
    line: int
    what: str
    fatal: bool
    """Whether it fails the check; what survived by a lower rung is only told."""
    repairs: tuple[Repair, ...] = ()
    """Anchors that may be meant, the surest first."""


def reader(tree: Tree, index: Index) -> Reader:
    """A reader of the tree's files that refuses one whose bytes are not those that were indexed."""

    def read(path: str) -> bytes:
        source = tree.read(path)
        stored = index.file(path)
        if stored is not None and digest_of(source) != stored.digest:
            raise StaleIndex("the file changed since it was indexed", at=path, hint="Run `tour index`.")
        return source

    return read


def tour_view(tour: Tour, tree: Tree, index: Index, lang: str, run: records.Record | None = None) -> TourView:
    """A tour in one tree and one language; raises ``StaleIndex`` where a file that it shows changed since."""
    return tour_views(tour, tree, index, (lang,), run)[lang]


def tour_views(
    tour: Tour,
    tree: Tree,
    index: Index,
    langs: Iterable[str],
    run: records.Record | None = None,
    context: Context = NEAR,
    paths: Sequence[LearningPath] = (),
) -> Mapping[str, TourView]:
    """A tour in one tree, in each language, located and proven once; with ``run`` in place of what is recorded.

    Of ``paths`` those that it is on are kept with it.
    """
    read = reader(tree, index)
    passages = walk(tour, index, read, tree.version)
    recordings = load(tour)
    recorded = {step.id: _recorded(tour, step.id, recordings, tree.version, read, index) for step in tour.steps}
    runs = [run] if run else records.nearest(records.read(tour.file.parent), tree.version)
    elsewhere = {} if run else _seen_elsewhere(tour, tree.version)
    in_trees = {passage.place.tree for passage in passages}
    beside = tuple(tree_view(other) for other in tree.beside if other.name in in_trees)
    views = {}
    for lang in langs:
        prose = tour.prose[lang]
        onward = prose.sections[ONWARD]
        steps = tuple(
            replace(
                _step(
                    number,
                    passage,
                    tour,
                    lang,
                    [*runs, *elsewhere.get(passage.step.id, ())],
                    _code(passage.place, read, index, context),
                ),
                recordings=recorded[passage.step.id],
            )
            for number, passage in enumerate(passages, start=1)
        )
        views[lang] = TourView(
            name=tour.name,
            lang=lang,
            title=prose.title,
            intro=prose.intro,
            follows=tuple((other, title(other, tour.file.parents[1], lang)) for other in tour.follows),
            steps=steps,
            questions=prose.questions,
            onward_title=onward.title,
            onward=onward.text,
            tree=tree_view(tree),
            beside=beside,
            paths=tuple(path for path in path_views(paths, lang) if path.place(tour.name)),
        )
    return views


def path_views(paths: Sequence[LearningPath], lang: str) -> tuple[PathView, ...]:
    """Learning paths in one language."""
    return tuple(
        PathView(
            path.id,
            number,
            path.title[lang],
            path.reader[lang],
            tuple(LegView(leg.tour, title(leg.tour, path.file.parent, lang), leg.why[lang]) for leg in path.legs),
        )
        for number, path in enumerate(paths, start=1)
    )


def together(
    first: Mapping[str, TourView],
    others: Sequence[tuple[Mapping[str, TourView], Sequence[Change]]],
) -> Mapping[str, TourView]:
    """A tour's views by language with those in other versions, each with what changed between it and the first."""
    joined = {}
    for lang, view in first.items():
        editions = tuple(
            EditionView(
                other[lang].tree,
                other[lang].beside,
                {step.id: step for step in other[lang].steps},
                {change.step: change for change in changed},
                is_newer(other[lang].tree.version, view.tree.version),
            )
            for other, changed in others
        )
        joined[lang] = replace(view, editions=editions)
    return joined


def is_newer(version: str, than: str) -> bool:
    """Whether a version came after another; what is no version came before all."""

    def order(text: str) -> Version:
        try:
            return Version(text)
        except InvalidVersion:
            return Version("0")

    return order(version) > order(than)


def tree_view(tree: Tree) -> TreeView:
    """What a view says of its tree."""
    return TreeView(tree.version, str(tree.root), tree.kind.value, tree.name)


def _step(
    number: int,
    passage: Passage,
    tour: Tour,
    lang: str,
    runs: Sequence[records.Record],
    code: CodeView | None,
) -> StepView:
    step, place = passage.step, passage.place
    section = tour.prose[lang].sections[step.id]
    found = place.symbol is not None
    return StepView(
        id=step.id,
        number=number,
        title=section.title,
        prose=section.text,
        lane=step.lane,
        symbol=place.asked,
        file=place.symbol.file if place.symbol else None,
        line=place.line if found else None,
        end_line=place.end_line if found else None,
        located=place.located,
        note=place.note,
        code=code,
        cell=step.cell,
        figure=FigureView(drawn.file, drawn.svg(lang), drawn.alt[lang]) if (drawn := step.figure) else None,
        hop=_hop(passage, lang),
        witness=witness_view(step, runs, lang) if place.located != "absent" else None,
        tree=place.tree,
        has_tree=place.has_tree,
        included=IncludedView(of.tour, title(of.tour, tour.file.parents[1], lang), of.step)
        if (of := step.included)
        else None,
    )


def _seen_elsewhere(tour: Tour, version: str) -> Mapping[str, list[records.Record]]:
    """For each step that a tour takes from another the runs of that one which speak for a tree, as if of this one."""
    taken = {step.id: step.included for step in tour.steps if step.included}
    ids = {(of.folder, of.written_as): step for step, of in taken.items()}
    runs = {of.folder: records.nearest(records.read(of.folder), version) for of in taken.values()}
    found: dict[str, list[records.Record]] = {}
    for step, of in taken.items():
        for run in runs[of.folder]:
            if (seen := run.steps.get(of.written_as)) is not None:
                cell = ids.get((of.folder, seen.cell)) if seen.cell else None
                found.setdefault(step, []).append(replace(run, steps={step: replace(seen, cell=cell)}))
    return found


def _recorded(
    tour: Tour, step: str, recordings: Iterable[Recording], version: str, read: Reader, index: Index
) -> tuple[RecordingView, ...]:
    """What each recording has of a step."""
    found = []
    for recording in recordings:
        shown = recording.cells.get(step)
        if shown is None:
            continue
        same = recording.torch.partition("+")[0] == version
        places = {
            (frame.file, frame.line): line
            for output in shown.outputs
            for frame in frames(output)
            if index.file(frame.file) and (line := line_in(read(frame.file).decode("utf-8", "replace"), frame, same))
        }
        found.append(
            RecordingView(
                recording.name,
                recording.device,
                recording.kind,
                recording.torch,
                recording.python,
                recording.date,
                shown.seconds,
                recording.stale(tour, step),
                shown.outputs,
                places,
            )
        )
    return tuple(found)


def witness_view(step: Step, runs: Sequence[records.Record], lang: str = "en") -> WitnessView | None:
    """What the first of several runs saw of a step, or the first that saw it."""
    watched = {records.watched(anchor) for anchor in step.anchors}
    told = [(run, run.steps[step.id]) for run in runs if step.id in run.steps and run.steps[step.id].anchor in watched]
    if not told:
        return None
    run, sighting = next((one for one in told if one[1].state == "seen"), told[0])
    because = step.witness.because[lang] if step.witness and step.witness.because else None
    return WitnessView(
        state=sighting.state,
        by=sighting.by,
        count=sighting.count,
        detail=because if because and sighting.state != "seen" else sighting.detail,
        why=sighting.why,
        cell=sighting.cell,
        stack=tuple(FrameView(frame.name, frame.layer, frame.at) for frame in sighting.stack),
        torch=run.torch,
        python=run.python,
        device=run.device,
        date=run.date,
    )


def _hop(passage: Passage, lang: str) -> HopView | None:
    hop, proof = passage.step.hop, passage.proof
    if hop is None or proof is None or passage.to is None:
        return None
    because = hop.because[lang] if hop.because and proof.grade == "asserted" else None
    return HopView(hop.kind, hop.origin, passage.to, proof.grade, proof.at, because, proof.links)


def _code(place: Place, read: Reader, index: Index, context: Context) -> CodeView | None:
    if place.symbol is None:
        return None
    stored = index.file(place.symbol.file)
    assert stored is not None
    text = read(place.symbol.file).decode("utf-8", "replace").splitlines()
    start = place.line if place.statement else place.symbol.start_line
    short = place.statement or place.end_line - start < WHOLE
    lit = (start, place.end_line if short else place.line)
    first = max(1, start - context.before)
    until = place.end_line + (context.after_statement if place.statement else context.after_definition)
    last = min(len(text), until, first + context.most - 1)
    line = text[place.line - 1]
    is_first = text.index(line) == place.line - 1
    return CodeView(place.symbol.file, stored.lang, first, tuple(text[first - 1 : last]), lit, line, is_first)


def source_view(
    path: str,
    tree: Tree,
    index: Index,
    tours: Iterable[TourView] = (),
    links: Links | None = None,
    *,
    deep: bool = True,
) -> SourceView:
    """One source file with the places where tours pass, and with ``links`` what each name in it means.

    With ``deep`` also what leads to its definitions, which takes longer.

    Raises ``TreeError`` where it cannot be read, ``StaleIndex`` where it changed since.
    """
    stored = index.file(path)
    lang = stored.lang if stored else Lang.CPP
    text = reader(tree, index)(path).decode("utf-8", "replace")
    marks = [
        MarkView(step.line, step.end_line or step.line, tour.name, step.id, step.number)
        for tour in tours
        for step in tour.steps
        if step.file == path and step.line is not None
    ]
    return SourceView(
        path,
        lang,
        text,
        tuple(sorted(marks, key=lambda mark: (mark.line, mark.number))),
        tree_view(next((other for other in tree.beside if other.name == tree_of(path)), tree)),
        references(path, lang, text, index, links, deep=deep) if links and stored else NOTHING,
    )


def check(tour: Tour, tree: Tree, index: Index) -> list[Finding]:
    """What a tour's author must know of it in one tree, in the order of the steps."""
    findings = []
    read = reader(tree, index)
    mended = repairs(tour, index, read, tree.version)
    for passage in walk(tour, index, read, tree.version):
        step, place, proof = passage.step, passage.place, passage.proof
        line = step.anchors[0].line
        if place.located not in {"exact", "absent"}:
            what = f"{place.located}: {place.note}"
            findings.append(
                Finding(
                    tour.name,
                    step.id,
                    tree.version,
                    str(tour.file),
                    line,
                    what,
                    place.located == "lost",
                    tuple(mended.get(step.id, ())),
                )
            )
        if proof is not None and proof.grade == "none" and step.hop is not None:
            what = f"the hop to {passage.to} is not proven: {proof.problem}"
            findings.append(Finding(tour.name, step.id, tree.version, str(tour.file), step.hop.line, what, True))
    return findings


def check_recordings(tour: Tour, recordings: Sequence[Recording]) -> list[Finding]:
    """Recorded outputs that are not those of the tour's cells as they are now; told, and no failure of the tour."""
    findings = []
    first = next((step for step in tour.steps if step.cell), None)
    if first and first.cell and not recordings:
        what = f"no run is recorded: `tour run {tour.name}`"
        return [Finding(tour.name, first.id, "–", str(tour.file), first.cell.line, what, False)]
    for recording in recordings:
        for step in tour.steps:
            if step.cell is None:
                continue
            missing = step.id not in recording.cells
            if missing or recording.stale(tour, step.id):
                lacks = "lacks this cell" if missing else "is of an earlier program, here or in a cell above"
                what = f"the recording `{recording.name}` {lacks}: `tour run {tour.name}` on {recording.device}"
                findings.append(
                    Finding(tour.name, step.id, recording.torch, str(tour.file), step.cell.line, what, False)
                )
    return findings


def files_of(view: TourView) -> set[str]:
    """The source files that a tour touches: of its steps, of its hops, and those that a recorded error passed."""
    steps = {step.file for step in view.steps if step.file}
    errors = {file for step in view.steps for recording in step.recordings for file, _ in recording.places}
    hops = [step.hop for step in view.steps if step.hop]
    facts = {at.file for hop in hops for at in (hop.at, *(link.at for link in hop.links)) if at}
    return steps | errors | facts
