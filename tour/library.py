"""Pages of any file of the trees at hand, made when somebody asks for one: what ``tour serve`` shows beside a site.

A site holds the pages that were built; the library makes the others, in the same form and under the same addresses.
It knows a file by its index or by the tree's own walls (``Tree.read``), so that no address leads outside a tree. One
thread does all the work: an index belongs to the thread that opened it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from tour.errors import TourError
from tour.index import Index
from tour.links import Links
from tour.model import Lang, in_tree
from tour.operators import operator_view
from tour.render import operator_page, source_page
from tour.render.passing import ADDRESS, Passing, restored
from tour.render.places import Addresses
from tour.tree import Tree
from tour.views import SourceView, TreeView, source_view

EVERYTHING = "assets/tour/everything.json"
"""What tells a page that every file of a tree can be read here."""
FAR = ".relations"
LARGEST = 3_000_000
"""Bytes of a file that is worth a page."""

_NAMES = frozenset({"README", "LICENSE", "NOTICE", "Makefile", "BUCK", "WORKSPACE"})
_ENDINGS = (
    ".md", ".rst", ".txt", ".cmake", ".yaml", ".yml", ".toml", ".in", ".bzl", ".bazel", ".proto", ".metal", ".glsl",
    ".S", ".asm", ".fbs", ".def",
)  # fmt: skip
Open = Callable[[Tree], AbstractContextManager[Index]]


class Made(NamedTuple):
    """A page made when somebody asked."""

    kind: str
    """Its media type."""
    text: str


@dataclass(frozen=True, slots=True)
class _Shelf:
    """A tree that was opened."""

    tree: Tree
    index: Index
    links: Links


class Library:
    """The pages of some trees; call it with an address below the site's root."""

    def __init__(self, trees: Sequence[Tree], opened: Open, site: Path) -> None:
        """``opened`` opens a tree's index; ``site`` is the built site, whose own pages come first."""
        self._trees = {tree.version: tree for tree in trees}
        self._opened = opened
        self._site = site
        self._shelves: dict[str, _Shelf] = {}
        self._stack = ExitStack()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="library")

    def close(self) -> None:
        """Let go of the indexes."""
        self._thread.submit(self._stack.close).result()
        self._thread.shutdown()

    def __call__(self, path: str) -> Made | None:
        """The page at an address, ``None`` where the library has none; raises ``TourError`` where it cannot be made."""
        plain = unquote(path)
        if path.removeprefix("zh/") == EVERYTHING:
            return Made("application/json", json.dumps({"versions": list(self._trees)}))
        if not plain.startswith(("source/", "operators/")) or self._is_built(plain):
            return None
        return self._thread.submit(self._page, plain).result()

    def _is_built(self, plain: str) -> bool:
        """Whether the site has the page, or the data beside it."""
        if "\0" in plain or ".." in plain.split("/"):
            return False
        try:
            return (self._site / plain).is_file()
        except OSError:
            return False

    def _page(self, plain: str) -> Made | None:
        sort, _, rest = plain.partition("/")
        version, _, name = rest.partition("/")
        stem, _, ending = name.rpartition(".")
        if ending not in {"html", "json"} or not stem:
            return None
        if sort == "operators":
            shelf = self._shelf(version)
            return self._operator(shelf, stem) if shelf and ending == "html" else None
        shelf = self._shelf(version)
        file = stem
        if shelf is None:  # a project's own pages lie below its name
            shelf = next(
                (self._shelf(one) for one, tree in self._trees.items() if version in {o.name for o in tree.beside}),
                None,
            )
            file = in_tree(version, stem)
        far = ending == "json" and file.endswith(FAR)
        view = self._source(shelf, file.removesuffix(FAR) if far else file, far) if shelf else None
        if view is None or shelf is None:
            return None
        addresses = Addresses(shelf.tree.version, None, None, shelf.tree.name)
        if far:
            return Made("application/json", source_page.relations_data(view, addresses))
        if ending == "json":
            return Made("application/json", source_page.source_data(view, addresses))
        others = [self._shelf(one) for one in self._trees if one != shelf.tree.version]
        same = [Addresses(one.tree.version, {file}) for one in others if one and one.index.file(file)]
        titles = self._passing(shelf.tree.version).titles
        return Made("text/html", source_page.source_page(view, titles, addresses, same))

    def _shelf(self, version: str) -> _Shelf | None:
        tree = self._trees.get(version)
        if tree is None:
            return None
        if version not in self._shelves:
            index = self._stack.enter_context(self._opened(tree))
            self._shelves[version] = _Shelf(tree, index, Links(index))
        return self._shelves[version]

    def _source(self, shelf: _Shelf, file: str, deep: bool) -> SourceView | None:
        """A file's view; a file that is no code the index reads is shown as it is, where it is text."""
        if shelf.index.file(file) is not None:
            view = source_view(file, shelf.tree, shelf.index, (), shelf.links, deep=deep)
        elif not _is_told(file):
            return None
        else:
            try:
                source = shelf.tree.read(file)
            except TourError:
                return None
            if len(source) > LARGEST or b"\0" in source[:8000]:
                return None
            tree = shelf.tree
            about = TreeView(tree.version, str(tree.root), tree.kind.value, tree.name)
            view = SourceView(file, Lang.CPP, source.decode("utf-8", "replace"), (), about, is_code=False)
        return replace(view, marks=self._passing(shelf.tree.version).marks.get(file, ()))

    def _operator(self, shelf: _Shelf, name: str) -> Made | None:
        view = operator_view(name.replace("/", "::", 1), shelf.index, shelf.links)
        if view is None:
            return None
        addresses = Addresses(shelf.tree.version, None, None, shelf.tree.name)
        return Made("text/html", operator_page.operator_page(view, self._passing(shelf.tree.version), addresses))

    def _passing(self, version: str) -> Passing:
        """What the site's tours pass; nothing where no site tells."""
        try:
            return restored((self._site / ADDRESS.format(version=version)).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return Passing()


def _is_told(file: str) -> bool:
    """Whether a file that is no code may be shown: a text that belongs to sources, and nothing hidden.

    A checkout may hold what is nobody's business, and who can reach the server need not be who started it.
    """
    parts = file.split("/")
    return not any(part.startswith(".") for part in parts) and (parts[-1] in _NAMES or parts[-1].endswith(_ENDINGS))
