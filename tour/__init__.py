"""tour: a source-reading companion for PyTorch.

The door: enough to do from Python what the command does. A tree is brought (``fetch``), read (``update``, after
``generate`` with the code that the tree generates), walked (``trace``), checked (``check``) and shown (``publish``);
everything else is in the modules that these call. Imports stand inside, so that importing ``tour`` costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tour.errors import TourError
from tour.model import LANGS, Progress, silent

if TYPE_CHECKING:
    from tour.anchors import Place, Reader
    from tour.answers import Answer
    from tour.build import Report
    from tour.changes import Change
    from tour.index import Index
    from tour.model import Link
    from tour.tours import Anchor, Tour
    from tour.tree import Tree
    from tour.views import AnchorView, Finding, TourView
    from tour.witness.records import Record
    from tour.witness.runs import Observation, Stop, Watch
    from tour.witness.runtimes import Runtime

__version__ = "0.1.0"
__all__ = [
    "check",
    "check_prose",
    "fetch",
    "generate",
    "names",
    "open_tree",
    "path",
    "publish",
    "record",
    "trace",
    "update",
    "watch",
    "where",
]


def open_tree(spec: str | Path | None = None) -> Tree:
    """The tree of a version at hand or in a folder; without ``spec`` the one we stand in, else the newest."""
    from tour import tree

    return tree.open_tree(spec)


def fetch(version: str, source: str | None = None, progress: Progress = silent) -> Tree:
    """Bring a released version's sources to the cache, from ``git`` or ``debian`` or the first that has them."""
    from tour import origins

    return origins.get(version, source, progress)


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
    """The tours that there are."""
    from tour import tours
    from tour.resources import folder

    return tours.names(folder("annotations"))


def trace(name: str, tree: Tree, lang: str = "en", run: Record | None = None) -> TourView:
    """A tour in one tree: each step located, each hop proven, with its code and prose. The tree must be indexed.

    What was seen of each step is that of ``run``, else of the recorded run whose torch comes nearest.
    """
    from tour import tours, views
    from tour.index import Index
    from tour.resources import folder
    from tour.tree import index_path

    told = tours.load(name, folder("annotations"))
    with Index(index_path(tree)) as index:
        return views.tour_view(told, tree, index, lang, run)


def watch(
    name: str,
    tree: Tree,
    *,
    python: str | None = None,
    seconds: float | None = None,
    debugger: bool = True,
    annotations: Path | None = None,
    progress: Progress = silent,
) -> Observation:
    """Run a tour's cells with the torch of a Python and see which steps are passed; the tree must be indexed.

    ``annotations`` is a folder of tours of one's own. Raises ``TourError`` where that Python has no torch or the
    program cannot be started.
    """
    from tour import tours, views
    from tour.index import Index
    from tour.resources import folder
    from tour.tree import index_path
    from tour.witness import runs, runtimes

    told = tours.load(name, annotations or folder("annotations"))
    runtime = runtimes.runtime(python)
    with Index(index_path(tree)) as index:
        read = views.reader(tree, index)
        watch = under_watch(told, tree, index, read, runtime)
        limit = runs.SECONDS if seconds is None else seconds
        return watch.run(index, read, seconds=limit, debugger=debugger, date=runs.today(), progress=progress)


def record(observed: Observation) -> tuple[Path, bool]:
    """Keep what a run saw with its tour; the file, and whether it says anything new."""
    from tour.resources import folder
    from tour.witness import records

    return records.write(observed.record, folder("annotations") / observed.record.tour)


def under_watch(told: Tour, tree: Tree, index: Index, read: Reader, runtime: Runtime) -> Watch:
    """A tour ready to be run under watch with a Python's torch; ``read`` gives the tree's files."""
    from tour.witness import runs

    stops, release = _stops(told, tree, index, read, runtime)
    return runs.Watch(told, stops, runtime, release, tree.version)


def _stops(told: Tour, tree: Tree, index: Index, read: Reader, runtime: Runtime) -> tuple[list[Stop], str]:
    """Each step with its places in the tree and in the files of a torch, and that torch's release.

    Of those files only the ones that steps are in are read, into an index of their own. A torch whose version says
    ``1.13.0a0`` and whose files are the 1.13.1 tree's is that release.
    """
    import shutil
    import tempfile

    from tour import anchors, build
    from tour.index import Index
    from tour.tree import Tree, TreeKind
    from tour.witness import runs

    root = Path(runtime.root)
    files = {file for step in told.steps for anchor in step.anchors if (file := _python_file(anchor.symbol, root))}
    alike = [file for file in files if _is_same(root / file, tree.root / file)]
    release = tree.version if files and len(alike) == len(files) else runtime.release
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
    from tour import answers
    from tour.index import Index
    from tour.tree import index_path

    with Index(index_path(tree)) as index:
        answer = _answer(query, index, "backward" if backward else "forward")
        return answers.told(answer, _passing(index)) if answer.layers else answer


def around(query: str, tree: Tree, side: str) -> Answer:
    """What leads to a name directly (``side`` is ``callers``), or what it leads to (``callees``)."""
    from tour.index import Index
    from tour.tree import index_path

    with Index(index_path(tree)) as index:
        return _answer(query, index, side)


def _answer(query: str, index: Index, asked: str) -> Answer:
    """What was found when this was asked before, else now: ``forward``, ``backward``, ``callers`` or ``callees``."""
    from tour import answers

    key = f"where {answers.rules()} {asked} {query}"
    if (known := index.recall(key)) is not None:
        return answers.restored(query, known)
    from tour import layers, meaning
    from tour.links import Links

    links = Links(index)
    meant = meaning.meaning(query, index, links)
    if not meant.nodes:
        answer = answers.Answer(query, (), (), tuple(meaning.nearest(query, index)))
    elif asked in {"callers", "callees"}:
        answer = layers.around(meant, query, index, links, asked)
    else:
        follow = layers.differentiated if asked == "backward" else layers.implemented
        answer = follow(meant, query, index, links)
    index.remember(key, answers.kept(answer))
    return answer


def _passing(index: Index) -> dict[str, list[list[str]]]:
    """The tours and steps that pass each symbol; kept in the index until a tour or the index changes."""
    import json

    from tour.resources import folder

    annotations = folder("annotations")
    key = f"passing {_stamp(annotations)}"
    kept = index.recall(key)
    if kept is None:
        from tour import tours

        kept = json.dumps(tours.passing(annotations))
        index.remember(key, kept)
    passes: dict[str, list[list[str]]] = json.loads(kept)
    return passes


def _stamp(annotations: Path) -> str:
    """What changes when a tour's anchors may have."""
    states = [(file.parent.name, file.stat().st_mtime_ns) for file in annotations.glob("*/tour.yaml")]
    return repr(sorted(states))


def path(origin: str, goal: str, tree: Tree, *, alternatives: int = 0) -> list[list[Link]]:
    """The surest route from one name to another, then up to ``alternatives`` others; empty where there is none.

    The tree must be indexed. Raises ``UnknownName`` where a name is borne by nothing.
    """
    import json

    from tour import answers
    from tour.errors import UnknownName
    from tour.index import Index
    from tour.tree import index_path

    with Index(index_path(tree)) as index:
        key = f"path {answers.rules()} {alternatives} {json.dumps([origin, goal])}"
        if (known := index.recall(key)) is not None:
            return answers.restored_routes(known)
        from tour import meaning, route
        from tour.links import Links

        links = Links(index)
        ends = []
        for query in (origin, goal):
            meant = meaning.meaning(query, index, links)
            if not meant.nodes:
                nearest = tuple(meaning.nearest(query, index))
                raise UnknownName(f"PyTorch {tree.version} has nothing named {query!r}", nearest)
            ends.append(meant.nodes)
        routes = route.between(index, links, ends[0], ends[1], alternatives=alternatives)
        index.remember(key, answers.kept_routes(routes))
        return routes


def check(name: str, tree: Tree) -> list[Finding]:
    """What a tour's author must know of it in one tree: steps that are lost or moved, hops unproven."""
    from tour import tours, views
    from tour.index import Index
    from tour.resources import folder
    from tour.tree import index_path

    told = tours.load(name, folder("annotations"))
    with Index(index_path(tree)) as index:
        return views.check(told, tree, index)


def check_prose(names: Iterable[str], trees: Iterable[Tree], progress: Progress = silent) -> list[Finding]:
    """What the prose of tours names and none of the trees has."""
    from tour import prose, tours, views
    from tour.index import Index
    from tour.resources import folder
    from tour.tree import index_path

    told = [tours.load(name, folder("annotations")) for name in names]
    asked = {(tour.name, named): None for tour in told for named in prose.named(tour)}
    left = [named for _, named in asked]
    versions = []
    for tree in trees:
        versions.append(tree.version)
        with Index(index_path(tree)) as index:
            left = prose.missing(left, tree, index, progress)
    missing = set(left)
    return [
        views.Finding(name, named.step, ", ".join(versions), named.file, named.line, f"nothing is {named.text!r}", True)
        for name, named in asked
        if named in missing
    ]


def anchor(place: str, tree: Tree | None = None) -> AnchorView:
    """The anchor for ``FILE:LINE`` of a tree, or for an old link, and what it finds in each tree at hand.

    ``tree`` is asked for where ``place`` is no link, and must be indexed. Raises ``TourError`` where there is no such
    place, where nothing tells it from others, or where a link's text cannot be had.
    """
    from tour import anchors, revisions, views
    from tour.index import Index, state_of
    from tour.model import At
    from tour.tree import index_path, trees

    asked = revisions.asked(place)
    at_hand = trees()
    if asked.rest is not None:
        found = revisions.find(asked, at_hand)
        tree, file, whence = found.tree, found.file, found.whence
        text = found.text
    else:
        tree = tree or open_tree()
        file, whence, text = revisions.within(asked.file, tree), f"PyTorch {tree.version}", b""
    if tree is not None and state_of(index_path(tree)) == "ready":
        with Index(index_path(tree)) as index:
            read = views.reader(tree, index)
            made = anchors.anchor_at(file, asked.first, asked.last, index, read)
            own = anchors.find(made, index, read)
    else:
        made, own = _anchor_alone(file, asked.first, asked.last, text)
    places, unread = [], []
    for other in {other.root: other for other in [*([tree] if tree else []), *at_hand]}.values():
        if state_of(index_path(other)) != "ready":
            unread.append(other.version)
            continue
        with Index(index_path(other)) as index:
            places.append((other.version, anchors.find(made, index, views.reader(other, index))))
    return views.AnchorView(At(file, own.line), own.end_line, whence, made, tuple(places), tuple(unread))


def diff(name: str, before: Tree, after: Tree, lang: str = "en") -> list[Change]:
    """How the code under each step of a tour changed from one tree to another; both must be indexed."""
    from tour import changes, tours, views
    from tour.index import Index
    from tour.resources import folder
    from tour.tree import index_path

    told = tours.load(name, folder("annotations"))
    with Index(index_path(before)) as old, Index(index_path(after)) as new:
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
    from tour.index import Index
    from tour.model import At
    from tour.tree import index_path

    ways = path(*route, tree) if route else []
    if route and not ways:
        raise TourError(f"no route leads from {route[0]} to {route[1]}", hint="Name places with `--at FILE:LINE`.")
    asked = [revisions.asked(place) for place in places]
    at = [(At(revisions.within(place.file, tree), place.first), place.last) for place in asked]
    with Index(index_path(tree)) as index:
        read = views.reader(tree, index)
        stops = drafts.along(ways[0], index, read) if ways else []
        stops += drafts.at_places(at, index, read)
        if not stops:
            raise TourError("a tour has at least one step", hint="Name a route, or places with `--at FILE:LINE`.")
        heading = title or name.replace("-", " ").capitalize()
        return drafts.write(name, heading, drafts.told_apart(stops), folder, index, read, tree.version)


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


def publish(tree: Tree, out: Path, only: Iterable[str] = (), progress: Progress = silent) -> Path:
    """Build the static site of all tours, or of ``only`` some, in both languages, with the sources that they touch."""
    from tour import site, tours, views
    from tour.index import Index
    from tour.resources import folder
    from tour.tree import index_path

    with Index(index_path(tree)) as index:
        told = [tours.load(name, folder("annotations")) for name in only or names()]
        pages = [views.tour_views(tour, tree, index, LANGS) for tour in told]
        passing = [page["en"] for page in pages]
        files = sorted({path for view in passing for path in views.files_of(view)})
        sources = []
        for done, path in enumerate(files):
            progress("Reading sources", done, len(files))
            sources.append(views.source_view(path, tree, index, passing))
        return site.build(pages, sources, out, progress=progress)
