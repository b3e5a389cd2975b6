"""What of one tree a site holds besides its tours: source pages, operator pages, and the names that the palette finds.

How much that is, the reader of a site decides who builds it: the files and operators that tours touch, those that these
mention too, or all. Views are made one after the other as they are written, for all of a tree's are too many to hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from tour.errors import TreeError
from tour.index import Index
from tour.links import Links
from tour.model import PYTORCH, Grade
from tour.operators import OperatorView, base, names, operator_view
from tour.symbols import Listed, symbols
from tour.tree import Tree
from tour.views import SourceView, TourView, TreeView, files_of, source_view, tree_view

SOURCES = ("tours", "neighbours", "all")
OPERATORS = ("tours", "all")


@dataclass(frozen=True, slots=True)
class Stock:
    """One tree's part of a site."""

    tree: TreeView
    files: frozenset[str]
    """The files that get a page."""
    sources: Callable[[], Iterable[SourceView]]
    """Makes their views, one after the other."""
    named: frozenset[str] = frozenset()
    """The operators that get a page, by name without overload."""
    operators: Callable[[], Iterable[OperatorView]] = tuple
    symbols: Callable[[], Sequence[Listed]] = tuple

    def whole(self) -> Stock:
        """The same with all views made, so that it needs the index no more."""
        sources, operators, listed = tuple(self.sources()), tuple(self.operators()), self.symbols()
        return replace(self, sources=lambda: sources, operators=lambda: operators, symbols=lambda: listed)


def of_views(views: Sequence[SourceView]) -> list[Stock]:
    """What some finished views make, tree by tree; no operators and no names."""
    trees = {(view.tree.version, view.tree.name): view.tree for view in views}
    made = []
    for tree in trees.values():
        own = [view for view in views if view.tree == tree]
        made.append(Stock(tree, frozenset(view.file for view in own), lambda own=own: own))  # type: ignore[misc]
    return made


def stock(tree: Tree, index: Index, tours: Sequence[TourView], sources: str, operators: str) -> Stock:
    """What a site of some tours holds of the tree that they were made from; ``sources`` and ``operators`` say how much.

    Each is one of ``SOURCES`` and ``OPERATORS``. What tours touch in projects beside the tree is in it too.
    """
    links = Links(index)
    touched = {path for view in tours for path in files_of(view)}
    files = set(touched)
    if sources == "neighbours":
        files |= _neighbours(touched, tree, index, links)
    elif sources == "all":
        files |= {file.path for file in tree.files() if index.file(file.path)}
    own = index.of(tree.name) or index
    known = names(own) if tree.name == PYTORCH else []
    named = frozenset(known) if operators == "all" else _touched_operators(tours, known)

    def views() -> Iterable[SourceView]:
        for path in sorted(files):
            try:
                yield source_view(path, tree, index, tours, links)
            except TreeError:
                if path in touched:
                    raise

    def operator_views() -> Iterable[OperatorView]:
        for name in sorted(named):
            if view := operator_view(name, own, links):
                yield view

    return Stock(tree_view(tree), frozenset(files), views, named, operator_views, lambda: symbols(own))


def _neighbours(touched: set[str], tree: Tree, index: Index, links: Links) -> set[str]:
    """The files that surely define what a name in one of some files means."""
    found = set()
    for path in sorted(touched):
        view = source_view(path, tree, index, (), links)
        for name in view.references.occurrences:
            at = view.references.targets[name.targets[0]].at
            if name.grade is Grade.EXACT and at is not None:
                found.add(at.file)
    return {path for path in found if index.file(path) is not None}


def _touched_operators(tours: Sequence[TourView], known: Sequence[str]) -> frozenset[str]:
    """The operators that steps stop at or that a hop passes."""
    ids = {step.symbol for view in tours for step in view.steps}
    hops = [step.hop for view in tours for step in view.steps if step.hop]
    ids |= {end for hop in hops for link in hop.links for end in (link.source, link.target)}
    found = {base(one.removeprefix("op:").partition("(")[0]) for one in ids if one.startswith("op:")}
    return frozenset(found & set(known))
