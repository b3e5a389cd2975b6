"""Python module → module, and module → the name that it imports.

``import a.b`` runs ``a`` and then ``a.b``; so does ``from a.b import c``, which also runs ``a.b.c`` where that is a
module. Cannot see: ``importlib.import_module`` with a computed name, and imports that code in C++ makes.
"""

from __future__ import annotations

from collections.abc import Iterator

from tour.index import Index, StoredMention
from tour.links.nodes import Node, mentions_in, node, stored
from tour.links.python_scopes import PythonScopes
from tour.model import Grade, Kind, Link, LinkKind, Role


def links_from(index: Index, source: Node, lines: tuple[int, int] | None, scopes: PythonScopes) -> Iterator[Link]:
    """The modules and names that a symbol's body imports, in its order."""
    if source.scheme != "py":
        return
    for symbol in stored(index, source):
        for mention in mentions_in(index, symbol, lines, Role.IMPORT, Role.FROM):
            yield from links_of(index, source, mention, scopes)


def links_of(index: Index, source: Node, mention: StoredMention, scopes: PythonScopes) -> Iterator[Link]:
    """The modules that one import runs, and the name that it brings."""
    if mention.role not in {Role.IMPORT, Role.FROM}:
        return
    targets = [
        module for module in _run_by(scopes, mention.name) if module.at is None or module.at.file != mention.file
    ]
    if mention.role is Role.FROM and mention.target != "*":
        targets += [found for found in scopes.dotted(mention.name) if found not in targets]
    for target in targets:
        yield Link(LinkKind.IMPORTS, source.id, target.id, target.at, mention.at, "imports/module", Grade.EXACT)


def _run_by(scopes: PythonScopes, name: str) -> Iterator[Node]:
    """The modules whose bodies run when ``name`` is imported: each package on the way, then the last."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        module = scopes.module(".".join(parts[:length]))
        if module is not None and module.kind is Kind.MODULE:
            yield node(module)
