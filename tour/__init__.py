"""tour: a source-reading companion for PyTorch.

The door: enough to do from Python what the command does. A tree is brought (``fetch``), read (``update``, after
``generate`` with the code that the tree generates), walked (``trace``), checked (``check``) and shown (``publish``);
everything else is in the modules that these call. Imports stand inside, so that importing ``tour`` costs nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from tour.errors import TourError
from tour.model import LANGS, Progress, silent

if TYPE_CHECKING:
    from tour.anchors import Place, Reader
    from tour.answers import Answer
    from tour.build import Report
    from tour.changes import Change
    from tour.doctor import Check
    from tour.excerpts import Excerpts
    from tour.index import Index
    from tour.library import Library
    from tour.model import Link
    from tour.paths import LearningPath
    from tour.repairs import Repair
    from tour.scip import Written
    from tour.stock import Stock
    from tour.tours import Anchor, Tour
    from tour.tree import Tree
    from tour.views import AnchorView, Finding, PathView, TourView
    from tour.witness.programs import Passage, Program
    from tour.witness.records import Record
    from tour.witness.routes import Taken
    from tour.witness.runs import Observation, Stop, Watch
    from tour.witness.runtimes import Runtime

__version__ = "0.1.0"
__all__ = [
    "check",
    "check_prose",
    "check_recordings",
    "examine",
    "export",
    "export_index",
    "fetch",
    "follow",
    "generate",
    "learning_paths",
    "library",
    "mended",
    "names",
    "open_tree",
    "own_names",
    "path",
    "proposed",
    "publish",
    "record",
    "source",
    "taken",
    "trace",
    "update",
    "watch",
    "where",
]


def open_tree(spec: str | Path | None = None) -> Tree:
    """The tree of a version at hand or in a folder, with projects beside it; without ``spec`` the one we stand in,
    else the newest."""
    from tour import projects

    return projects.opened(spec)


def fetch(version: str, source: str | None = None, progress: Progress = silent) -> Tree:
    """Bring a released version's sources to the cache, from ``git`` or ``debian`` or the first that has them."""
    from tour import origins

    return origins.get(version, source, progress)


@contextmanager
def _opened(tree: Tree) -> Iterator[Index]:
    """A tree's index, and with it those of the projects beside it that have one."""
    from tour.index import Index, state_of
    from tour.tree import index_path

    with ExitStack() as stack:
        index = stack.enter_context(Index(index_path(tree)))
        places = [index_path(project) for project in tree.beside]
        beside = [stack.enter_context(Index(place)) for place in places if state_of(place) == "ready"]
        if beside:
            from tour.shelf import Shelf

            index = Shelf(index, beside)
        yield index


def generate(tree: Tree, progress: Progress = silent) -> Tree:
    """The tree with what its own code generation writes, for ``update`` to read; this runs Python code of the tree."""
    from tour import codegen

    return codegen.include(tree, codegen.generate(tree, progress))


def update(tree: Tree, progress: Progress = silent) -> Report:
    """Make the tree's index say what the tree holds now; only what changed is read."""
    from tour import build
    from tour.tree import index_path

    return build.update(tree, index_path(tree), progress=progress)


def names() -> list[str]:
    """The tours that there are: a team's own, where we stand in its repository, then ours."""
    from tour import tours

    return tours.at_hand()


def own_names() -> list[str]:
    """The tours that are whoever's who stands here: a team's own in its repository, else every one."""
    from tour import repository, tours

    return tours.names(repository.folders()[0])


def learning_paths(lang: str = "en") -> Sequence[PathView]:
    """Tours in an order with a sentence each: a team's own paths, then ours."""
    from tour import paths, views

    return views.path_views(paths.at_hand(), lang)


def trace(name: str, tree: Tree, lang: str = "en", run: Record | None = None) -> TourView:
    """A tour in one tree: each step located, each hop proven, with its code and prose. The tree must be indexed.

    What was seen of each step is that of ``run``, else of the recorded run whose torch comes nearest.
    """
    from tour import tours, views

    told = tours.named(name)
    with _opened(tree) as index:
        return views.tour_view(told, tree, index, lang, run)


def watch(
    name: str,
    tree: Tree,
    *,
    python: str | None = None,
    seconds: float | None = None,
    debugger: bool = True,
    cells: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> Observation:
    """Run a tour's cells with the torch of a Python and see which steps are passed; the tree must be indexed.

    With ``cells`` only those of these steps run, with this code; it is no finding then that a step was not passed.
    Raises ``TourError`` where that Python has no torch or the program cannot be started.
    """
    from tour import tours, views
    from tour.witness import runs, runtimes

    told = tours.named(name)
    if cells is not None:
        told = tours.with_cells(told, cells)
    runtime = runtimes.runtime(python)
    with _opened(tree) as index:
        read = views.reader(tree, index)
        watch = under_watch(told, tree, index, read, runtime)
        limit = runs.SECONDS if seconds is None else seconds
        observed = watch.run(index, read, seconds=limit, debugger=debugger, date=runs.today(), progress=progress)
    if cells is not None:
        observed.findings = [found for found in observed.findings if not found.is_unseen]
    return observed


def follow(program: Program, tree: Tree | None = None, *, python: str | None = None, seconds: float = 120.0) -> Passage:
    """Run any program with the torch of a Python and give the way that it took through PyTorch.

    A ``tree`` with an index gives operators and kernels their places. Raises ``TourError`` where that Python has no
    torch or the program cannot be started.
    """
    from tour.witness import programs, runtimes

    with _opened(tree) if tree else nullcontext() as index:
        return programs.passage(program, runtimes.runtime(python), seconds=seconds, index=index)


def record(observed: Observation) -> tuple[Path, bool]:
    """Keep what a run saw with its tour; the file, and whether it says anything new."""
    from tour.witness import records

    return records.write(observed.record, observed.folder)


def under_watch(told: Tour, tree: Tree, index: Index, read: Reader, runtime: Runtime) -> Watch:
    """A tour ready to be run under watch with a Python's torch; ``read`` gives the tree's files."""
    from tour.witness import runs

    stops, release = _stops(told, tree, index, read, runtime)
    return runs.Watch(told, stops, runtime, release, tree.version)


def _stops(told: Tour, tree: Tree, index: Index, read: Reader, runtime: Runtime) -> tuple[list[Stop], str]:
    """Each step with its places in the tree and in the files of a torch, and that torch's release.

    Of those files only the ones that steps are in are read, into an index of their own. A torch whose version says
    ``1.13.0a0`` and most of whose files are the 1.13.1 tree's is that release; a distribution may have patched some.
    """
    import shutil
    import tempfile

    from tour import anchors, build
    from tour.index import Index
    from tour.tree import Tree, TreeKind
    from tour.witness import runs

    root = Path(runtime.root)
    files = {file for step in told.steps for anchor in step.anchors if (file := _python_file(anchor.symbol, root))}
    compared = files or {"torch/_tensor.py", "torch/functional.py", "torch/nn/modules/module.py"}
    alike = [file for file in compared if _is_same(root / file, tree.root / file)]
    is_of_series = tree.version.split(".")[:2] == runtime.release.split(".")[:2]
    release = tree.version if is_of_series and 2 * len(alike) > len(compared) else runtime.release
    with tempfile.TemporaryDirectory(prefix="tour-") as made:
        copy = Path(made) / "torch"
        for file in files:
            (copy / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / file, copy / file)
        copy.mkdir(exist_ok=True)
        build.update(Tree(copy, release, TreeKind.FOLDER), Path(made) / "index.sqlite")

        def here(path: str) -> bytes:
            return (root / path).read_bytes()

        with Index(Path(made) / "index.sqlite") as own:
            places = {step.id: anchors.locate(step, own, here, release) for step in told.steps}
    python = {step: place for step, place in places.items() if place.asked.startswith("py:")}
    texts = runs.Texts(read, here)
    return runs.stops(told, index, read, tree.version, release, python, texts), release


def _python_file(symbol: str, root: Path) -> str | None:
    """The file of a torch that defines a Python symbol: the longest module that its name begins with."""
    scheme, _, name = symbol.partition(":")
    parts = name.split(".")
    for length in range(len(parts), 0, -1) if scheme == "py" and parts[0] == "torch" else ():
        for file in ("/".join(parts[:length]) + ".py", "/".join(parts[:length]) + "/__init__.py"):
            if (root / file).is_file():
                return file
    return None


def _is_same(one: Path, other: Path) -> bool:
    """Whether two files hold the same text, but for an interpreter line."""
    try:
        texts = [path.read_bytes() for path in (one, other)]
    except OSError:
        return False
    bare = [text.partition(b"\n")[2] if text.startswith(b"#!") else text for text in texts]
    return bare[0] == bare[1]


def where(query: str, tree: Tree, *, backward: bool = False) -> Answer:
    """Where a name is really implemented: every layer from Python down to the kernels, or of its gradient.

    A name that nothing bears gives no layers, and the nearest names that there are. The tree must be indexed. Raises
    ``TourError`` for a query that is no name.
    """
    from tour import answers, questions

    with _opened(tree) as index:
        answer = questions.where(query, index, "backward" if backward else "forward", tree.asked)
        return answers.told(answer, _passing(index)) if answer.layers else answer


def around(query: str, tree: Tree, side: str) -> Answer:
    """What leads to a name directly (``side`` is ``callers``), or what it leads to (``callees``)."""
    from tour import questions

    with _opened(tree) as index:
        return questions.where(query, index, side, tree.asked)


def _passing(index: Index) -> dict[str, list[list[str]]]:
    """The tours and steps that pass each symbol; kept in the index until a tour or the index changes."""
    import json

    from tour import repository

    key = f"passing {_stamp(repository.folders())}"
    kept = index.recall(key)
    if kept is None:
        from tour import tours

        kept = json.dumps(tours.passing())
        index.remember(key, kept)
    passes: dict[str, list[list[str]]] = json.loads(kept)
    return passes


def _stamp(folders: Iterable[Path]) -> str:
    """What changes when a tour's anchors may have."""
    files = [file for folder in folders for file in folder.glob("*/tour.yaml")]
    return repr(sorted((str(file.parent), file.stat().st_mtime_ns) for file in files))


def path(origin: str, goal: str, tree: Tree, *, alternatives: int = 0) -> list[list[Link]]:
    """The surest route from one name to another, then up to ``alternatives`` others; empty where there is none.

    The tree must be indexed. Raises ``UnknownName`` where a name is borne by nothing.
    """
    from tour import questions

    with _opened(tree) as index:
        return questions.path(origin, goal, index, tree.asked, alternatives, tree.titles)


def taken(
    routes: Sequence[Sequence[Link]],
    text: str,
    tree: Tree,
    *,
    python: str | None = None,
    seconds: float = 120.0,
    debugger: bool = True,
    progress: Progress = silent,
) -> Taken:
    """Run a program, code or the name of a script, and see which places of some routes it passes.

    Raises ``TourError`` where that Python has no torch or the program cannot be started.
    """
    from tour import views
    from tour.witness import routes as on_routes
    from tour.witness import runs, runtimes

    told = on_routes.as_tour(routes, on_routes.program(text))
    runtime = runtimes.runtime(python)
    with _opened(tree) as index:
        read = views.reader(tree, index)
        watch = under_watch(told, tree, index, read, runtime)
        observed = watch.run(index, read, seconds=seconds, debugger=debugger, date=runs.today(), progress=progress)
    return on_routes.taken(routes, observed)


def source(query: str, tree: Tree) -> Excerpts:
    """The lines of a place (``FILE``, ``FILE:FIRST-LAST``), or of each definition of a name; the tree must be indexed.

    Raises ``UnknownName`` where the index has no such file or name, ``StaleIndex`` where a file changed since.
    """
    from tour import excerpts, views

    with _opened(tree) as index:
        return excerpts.excerpts(query, index, views.reader(tree, index))


def check(name: str, tree: Tree) -> list[Finding]:
    """What a tour's author must know of it in one tree: steps that are lost or moved, hops unproven."""
    from tour import tours, views

    told = tours.named(name)
    with _opened(tree) as index:
        return views.check(told, tree, index)


def mended(names: Iterable[str], trees: Sequence[Tree]) -> Iterator[tuple[Path, str, list[Repair]]]:
    """Each ``tour.yaml`` whose anchors a tree moved or renamed, with what it is when all that is certain is mended.

    What would be the worse in another of the trees is no repair. Nothing is written.
    """
    from tour import repairs, tours, views

    with ExitStack() as stack:
        opened = [(tree, stack.enter_context(_opened(tree))) for tree in trees]
        sides = [(index, views.reader(tree, index), tree.version) for tree, index in opened]
        for told in map(tours.named, names):
            steps = {step.id: step for step in told.steps}
            chosen: dict[str, Repair] = {}
            for side in sides:
                for step, made in repairs.repairs(told, *side).items():
                    if made[0].certain and all(repairs.holds(made[0], steps[step], *other) for other in sides):
                        chosen.setdefault(step, made[0])
            if chosen:
                text = told.file.read_text(encoding="utf-8")
                yield told.file, repairs.applied(text, told.file, chosen.values(), told), list(chosen.values())


def proposed(found: Iterable[Finding]) -> str:
    """The first proposal for each step that a check found fault with, as one diff that ``git apply`` takes."""
    from tour import repairs, tours
    from tour.render.findings import named

    first: dict[tuple[str, str], Repair] = {}
    for finding in found:
        for repair in finding.repairs[:1]:
            first.setdefault((finding.file, finding.step), repair)
    parts: list[str] = []
    for file in dict.fromkeys(file for file, _ in first):
        mine = [repair for (other, _), repair in first.items() if other == file]
        before = mine[0].before
        after = repairs.applied(before, Path(file), mine, tours.named(file))
        parts.append(repairs.diff(before, after, named(Path(file))))
    return "".join(parts)


def check_prose(names: Iterable[str], trees: Iterable[Tree], progress: Progress = silent) -> list[Finding]:
    """What the prose of tours names and none of the trees has, nor a project beside them.

    Of a tour that goes into a project that is not at hand nothing is said, for the project may have it.
    """
    from tour import prose, tours, views
    from tour.index import Index, state_of
    from tour.tree import index_path

    trees = list(trees)
    each = {one.root: one for tree in trees for one in (tree, *tree.beside)}
    asked_in = [one for one in each.values() if state_of(index_path(one)) == "ready"]
    have = {one.name for one in asked_in}
    told = [tour for tour in map(tours.named, names) if tour.trees <= have]
    asked = {(tour.name, named): None for tour in told for named in prose.named(tour)}
    left = [named for _, named in asked]
    for one in asked_in:
        with Index(index_path(one)) as index:
            left = prose.missing(left, one, index, progress)
    missing, versions = set(left), ", ".join(tree.version for tree in trees)
    return [
        views.Finding(name, named.step, versions, named.file, named.line, f"nothing is {named.text!r}", True)
        for name, named in asked
        if named in missing
    ]


def check_recordings(names: Iterable[str]) -> list[Finding]:
    """What recorded outputs do not show any more: those of cells that changed or came since."""
    from tour import recordings, tours, views

    told = [tours.named(name) for name in names]
    return [finding for tour in told for finding in views.check_recordings(tour, recordings.load(tour))]


def anchor(place: str, tree: Tree | None = None) -> AnchorView:
    """The anchor for ``FILE:LINE`` of a tree, or for an old link, and what it finds in each tree at hand.

    ``tree`` is asked for where ``place`` is no link, and must be indexed. Raises ``TourError`` where there is no such
    place, where nothing tells it from others, or where a link's text cannot be had.
    """
    from tour import anchors, projects, revisions, views
    from tour.index import Index, state_of
    from tour.model import At, tree_of
    from tour.tree import index_path, trees

    asked = revisions.asked(place)
    at_hand = trees()
    if asked.rest is not None:
        found = revisions.find(asked, at_hand)
        tree, file, whence = found.tree, found.file, found.whence
        text = found.text
    else:
        tree = tree or open_tree()
        file, text = revisions.within(asked.file, tree), b""
        whence = next((one.title for one in tree.beside if one.name == tree_of(file)), tree.title)
    if tree is not None and state_of(index_path(tree)) == "ready":
        with _opened(tree) as index:
            read = views.reader(tree, index)
            made = anchors.anchor_at(file, asked.first, asked.last, index, read)
            own = anchors.find(made, index, read)
    else:
        made, own = _anchor_alone(file, asked.first, asked.last, text)
    places, unread = [], []
    around = (tree, *tree.beside) if tree else ()
    for other in {one.root: one for one in (*around, *at_hand, *projects.at_hand()) if one.name == made.tree}.values():
        told = other.title if tree_of(file) else other.version
        if state_of(index_path(other)) != "ready":
            unread.append(told)
            continue
        with Index(index_path(other)) as index:
            places.append((told, anchors.find(made, index, views.reader(other, index))))
    return views.AnchorView(At(file, own.line), own.end_line, whence, made, tuple(places), tuple(unread))


def diff(name: str, before: Tree, after: Tree, lang: str = "en") -> list[Change]:
    """How the code under each step of a tour changed from one tree to another; both must be indexed."""
    from tour import changes, tours, views

    told = tours.named(name)
    with _opened(before) as old, _opened(after) as new:
        sides = [
            changes.Side(tree.version, index, views.reader(tree, index))
            for tree, index in ((before, old), (after, new))
        ]
        return changes.changes(told, sides[0], sides[1], lang)


def draft(
    name: str,
    tree: Tree,
    folder: Path,
    *,
    title: str | None = None,
    route: tuple[str, str] | None = None,
    places: Iterable[str] = (),
) -> Path:
    """Begin a tour in ``folder``: along the surest ``route`` between two names, then at ``places`` (``FILE:LINE``).

    Gives its ``tour.yaml``. Raises ``TourError`` where there is no such route or place, or the name is taken.
    """
    from tour import drafts, revisions, views
    from tour.model import At

    ways = path(*route, tree) if route else []
    if route and not ways:
        raise TourError(f"no route leads from {route[0]} to {route[1]}", hint="Name places with `--at FILE:LINE`.")
    asked = [revisions.asked(place) for place in places]
    at = [(At(revisions.within(place.file, tree), place.first), place.last) for place in asked]
    with _opened(tree) as index:
        read = views.reader(tree, index)
        stops = drafts.along(ways[0], index, read) if ways else []
        stops += drafts.at_places(at, index, read)
        if not stops:
            raise TourError("a tour has at least one step", hint="Name a route, or places with `--at FILE:LINE`.")
        told = drafts.Told(title or name.replace("-", " ").capitalize())
        prose = dict.fromkeys(LANGS, told)
        return drafts.write(name, prose, drafts.told_apart(stops), folder, index, read, tree.version)


def bring(files: Mapping[str, Path], name: str, tree: Tree, folder: Path) -> tuple[Path, list[str]]:
    """Make a tour in ``folder`` of a CodeTour in one language, or of one in each; the tree must be indexed.

    Gives its ``tour.yaml``, and a sentence for each step without an anchor, whose text then stands with the step
    before. Raises ``TourError`` where a file is no CodeTour, where no step can be anchored, or the name is taken.
    """
    from functools import partial

    from tour import codetours, revisions, views

    read_in = {lang: codetours.load(file) for lang, file in files.items()}
    with _opened(tree) as index:
        read = views.reader(tree, index)
        within = partial(revisions.within, tree=tree)
        return codetours.bring(read_in, name, folder, index, read, within, tree.version, tree.titles)


def _anchor_alone(file: str, first: int, last: int, text: bytes) -> tuple[Anchor, Place]:
    """The anchor for lines of a file whose tree is not here, from its text alone."""
    import tempfile

    from tour import anchors, build
    from tour.index import Index
    from tour.tree import Tree, TreeKind

    with tempfile.TemporaryDirectory(prefix="tour-") as made:
        root = Path(made) / "tree"
        (root / file).parent.mkdir(parents=True)
        (root / file).write_bytes(text)
        build.update(Tree(root, "0", TreeKind.FOLDER), Path(made) / "index.sqlite")
        with Index(Path(made) / "index.sqlite") as index:
            anchor = anchors.anchor_at(file, first, last, index, lambda path: (root / path).read_bytes())
            return anchor, anchors.find(anchor, index, lambda path: (root / path).read_bytes())


def examine(purpose: str | None = None, python: str | None = None) -> list[Check]:
    """What this machine can do, or what stands in the way of ``purpose`` (``cuda-extension``); nothing is changed.

    ``python`` is the one that builds and runs, this one if left out. Raises ``TourError`` where it is no Python.
    """
    from tour import doctor, projects, repository
    from tour.doctor import own
    from tour.doctor.general import TreeState
    from tour.model import PYTORCH
    from tour.tree import trees

    machine = doctor.look(python, purpose or "")
    if purpose is not None:
        return doctor.examine(machine, purpose)
    states = [
        TreeState(
            one.title, one.name, one.version if one.name == PYTORCH else one.name, one.kind.value, str(one.root),
            index_state(one),
        )
        for one in (*trees(), *projects.at_hand())
    ]  # fmt: skip
    team = repository.own()
    folders = dict.fromkeys([*([team] if team else []), repository.ours()])
    return doctor.examine(machine, None, tuple(states), own.look(list(folders)))


def index_state(tree: Tree) -> str:
    """``ready``, how many files the index is behind the tree, or why there is none to use."""
    from tour.errors import TreeError
    from tour.index import Index, state_of
    from tour.tree import index_path

    state = state_of(index_path(tree))
    if state != "ready":
        return state
    try:
        files = tree.files()
    except TreeError as error:
        return f"unreadable tree ({error.what})"
    with Index(index_path(tree)) as index:
        behind = index.behind((file.path, file.size, file.mtime_ns) for file in files)
    return f"{behind} files behind" if behind else "ready"


def export(
    names: Sequence[str], tree: Tree, to: str, langs: Iterable[str] = LANGS, steps: Sequence[str] = ()
) -> Mapping[str, str]:
    """Tours as the files of another tool (``render.exports.FORMATS``): each one's name and text.

    Links between tours that are exported together lead on there; links to others become plain text. ``steps`` are ids
    and ranges ``first..last``, for an ``embed`` that shows no more. The tree must be indexed. Raises ``TourError``
    where a tour, a step or the format is unknown.
    """
    from tour import paths, tours, views
    from tour.render.embed import embed
    from tour.render.exports import FORMATS

    if to not in FORMATS:
        raise TourError(f"no export is called {to!r}", hint=f"There are {', '.join(FORMATS)}.")
    if steps and to != "embed":
        raise TourError(f"a {to} holds a whole tour", hint="Only an embed may show some of its steps.")
    told = [tours.named(name) for name in dict.fromkeys(names)]
    with _opened(tree) as index:
        on = paths.at_hand()
        made = [views.tour_views(one, tree, index, langs, paths=on) for one in told]
    files = {}
    for lang in langs:
        together = {page[lang].name: page[lang] for page in made}
        for name, view in together.items():
            called = ".".join([name, *(word.replace("..", "-") for word in steps)])
            text = embed(view, together, steps) if steps else FORMATS[to].render(view, together)
            files[FORMATS[to].file(called, lang)] = text
    return files


def export_index(tree: Tree, file: Path, progress: Progress = silent) -> Written:
    """Write what a tree's index is sure of as SCIP, which code hosts read; nothing of the trees beside it.

    Raises ``StaleIndex`` where the tree changed since it was indexed, ``TourError`` where the file cannot be written.
    """
    from tour import scip

    return scip.write(tree, file, __version__, progress)


def publish(
    tree: Tree,
    out: Path,
    only: Iterable[str] = (),
    progress: Progress = silent,
    *,
    others: Sequence[Tree] = (),
    sources: str = "tours",
    operators: str = "tours",
    url: str | None = None,
) -> Path:
    """Build the static site of all tours, or of ``only`` some, in both languages, with the sources that they touch.

    ``others`` are versions that each step is shown in besides ``tree``, with what changed; all must be indexed.
    ``sources`` and ``operators`` say how many pages of those there are (``stock.SOURCES``, ``stock.OPERATORS``); with
    ``url``, the address at which others will find the site, wikis unfold links to its tours and steps.
    """
    from tour import site, tours

    told = [tours.named(name) for name in only or names()]
    with ExitStack() as stack:
        opened = [(one, stack.enter_context(_opened(one))) for one in (tree, *others)]
        return site.build(*pages(told, opened, progress, sources, operators), out, url=url, progress=progress)


def including(edited: Collection[str]) -> list[str]:
    """The tours that hold steps of others; one that cannot be read holds none."""
    from tour import tours

    found = []
    for name in names() if edited else ():
        try:
            steps = tours.named(name).steps
        except TourError:
            continue
        if name not in edited and any(step.included and step.included.tour in edited for step in steps):
            found.append(name)
    return found


def republish(name: str, trees: Sequence[Tree], out: Path) -> None:
    """Write a tour's pages anew into the site in ``out``, which was built from the same trees, after it was edited."""
    from tour import paths, site, tours

    told = tours.named(name)
    with ExitStack() as stack:
        opened = [(one, stack.enter_context(_opened(one))) for one in trees]
        site.refresh(_editions(told, opened, paths.at_hand()), out)


def pages(
    told: Sequence[Tour],
    opened: Sequence[tuple[Tree, Index]],
    progress: Progress = silent,
    sources: str = "tours",
    operators: str = "tours",
) -> tuple[list[Mapping[str, TourView]], list[Stock]]:
    """What a site shows: each tour by language, in all of several trees, and each tree's own sources and operators.

    The views of those are made as the site is written: until then the indexes stay open.
    """
    from tour import paths, stock

    made, on = [], paths.at_hand()
    for done, tour in enumerate(told):
        progress("Locating tours", done, len(told))
        made.append(_editions(tour, opened, on))
    stocks = []
    for number, (one, index) in enumerate(opened):
        passing = [page["en"] if number == 0 else _edition(page["en"], number - 1) for page in made]
        stocks.append(stock.stock(one, index, passing, sources, operators))
    return made, stocks


def _editions(told: Tour, opened: Sequence[tuple[Tree, Index]], on: Sequence[LearningPath]) -> Mapping[str, TourView]:
    """A tour's views by language in the first of several trees, with those of the others; ``on`` are all paths."""
    from dataclasses import replace

    from tour import changes, families, views

    each = [views.tour_views(told, tree, index, LANGS, context=views.WIDE, paths=on) for tree, index in opened]
    sides = [changes.Side(tree.version, index, views.reader(tree, index)) for tree, index in opened]
    others = []
    for page, side in zip(each[1:], sides[1:], strict=True):
        old, new = (sides[0], side) if views.is_newer(side.version, sides[0].version) else (side, sides[0])
        others.append((page, changes.changes(told, old, new, LANGS[0])))
    related = families.family(each[0][LANGS[0]].steps, opened[0][1])
    first = {lang: replace(view, family=related) for lang, view in each[0].items()}
    return views.together(first, others)


def _edition(view: TourView, number: int) -> TourView:
    """A tour's view as if it had been made from one of its other versions."""
    from dataclasses import replace

    edition = view.editions[number]
    steps = tuple(edition.steps[step.id] for step in view.steps)
    return replace(view, tree=edition.tree, beside=edition.beside, steps=steps, editions=())


@contextmanager
def library(trees: Iterable[Tree], site: Path) -> Iterator[Library]:
    """Pages of any file and operator of some trees, made when asked for; ``site`` is the built site beside them."""
    from tour.library import Library

    made = Library(list(trees), _opened, site)
    try:
        yield made
    finally:
        made.close()
