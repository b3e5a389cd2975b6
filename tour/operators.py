"""Everything that is known of one operator and its overloads: schema, Python names, kernels, gradient, variants.

Left out: what its kernels call in turn, which their own source pages show, and C++ callers of operators whose name very
many files mention.
"""

from __future__ import annotations

from typing import NamedTuple

from tour.index import Index, StoredSymbol, last_part
from tour.links import WRITTEN, Links, Node, node
from tour.model import At, Grade, Link, LinkKind, Role
from tour.references import MOST_FILES, MOST_RELATIONS


class Named(NamedTuple):
    """A symbol that an operator has to do with."""

    id: str
    at: At | None
    """Where it is defined."""
    seen: At
    """Where one can see that."""
    key: str | None = None
    """The dispatch key that it holds for."""
    grade: Grade = Grade.EXACT
    candidates: int = 1


class OverloadView(NamedTuple):
    """One overload."""

    name: str
    """``add.Tensor``."""
    id: str
    schema: str
    at: At
    end_line: int
    python: tuple[Named, ...]
    kernels: tuple[Named, ...]
    """One for each dispatch key; without a key what it is handed over to."""
    gradient: tuple[Named, ...]
    """The autograd nodes, then what their formulas call."""
    variants: tuple[Named, ...]
    """What code generation derives from it, or what it was derived from."""
    callers: tuple[Named, ...]
    common: bool
    """Whether callers were left out, for very many files mention its name."""


class OperatorView(NamedTuple):
    """An operator: all overloads of one name."""

    name: str
    """``aten::add``."""
    overloads: tuple[OverloadView, ...]

    @property
    def symbols(self) -> frozenset[str]:
        """The ids of all that carries it out, for the tours that pass them."""
        return frozenset(
            found
            for overload in self.overloads
            for found in (overload.id, *(one.id for one in (*overload.kernels, *overload.gradient)))
        )


def base(name: str) -> str:
    """``aten::add`` of ``aten::add.Tensor``."""
    space, _, rest = name.partition("::")
    return f"{space}::{rest.partition('.')[0]}"


def operator_view(name: str, index: Index, links: Links) -> OperatorView | None:
    """An operator by its name without overload, ``aten::add``; ``None`` where the tree declares none."""
    space, _, rest = name.partition("::")
    found = index.operators(space, rest) if rest else []
    return OperatorView(name, tuple(_overload(one, index, links) for one in found)) if found else None


def names(index: Index) -> list[str]:
    """Every operator of the files that declare PyTorch's own, by name without overload."""
    declared = [path for path in index.files_ending("native_functions.yaml") if "/" in path]
    found = {base(symbol.qualname) for path in declared for symbol in index.symbols_in(path) if symbol.scheme == "op"}
    return sorted(found)


def _overload(symbol: StoredSymbol, index: Index, links: Links) -> OverloadView:
    here = node(symbol)
    leaving = links.leaving(here, None, WRITTEN)
    generated = {"dispatcher/autogen", "dispatcher/view-copy"}
    nodes = [_to(link) for link in leaving if link.kind is LinkKind.DIFFERENTIATES]
    formulas = [
        _to(link)
        for made in nodes
        for link in links.leaving(Node(made.id, made.at), None, ("autograd",))
        if link.kind is LinkKind.CALLS
    ]
    variants = [_to(link) for link in leaving if link.rule in generated]
    for mention in index.mentions_between(symbol.file, symbol.start_line, symbol.end_line, Role.AUTOGEN):
        made = index.symbols(mention.name, "op")
        if mention.scope == symbol.row:
            variants.append(Named(f"op:{mention.name}", made[0].at if made else None, mention.at))
    bound = links.bound_names(here)
    return OverloadView(
        symbol.name,
        symbol.id,
        symbol.qualname + symbol.signature,
        symbol.at,
        symbol.end_line,
        _once([Named(link.source, link.at, link.at) for link in bound]),
        _once([_to(one) for one in leaving if one.kind is LinkKind.DISPATCHES and one.rule not in generated]),
        _once([*nodes, *formulas]),
        _once(variants),
        _callers([here, *(Node(link.source, None) for link in bound)], links),
        index.files_mentioning(last_part(symbol.qualname).partition(".")[0]) > MOST_FILES,
    )


def _to(link: Link) -> Named:
    return Named(link.target, link.target_at, link.at, link.key, link.grade, link.candidates)


def _callers(called: list[Node], links: Links) -> tuple[Named, ...]:
    """Who calls an operator, or its Python names; tests after all others."""
    found = []
    for here in dict.fromkeys(called):
        for link in links.arriving(here, MOST_FILES):
            if link.kind is LinkKind.CALLS:
                found.append(Named(link.source, links.placed(link).at, link.at, None, link.grade, link.candidates))
    return tuple(sorted(_once(found), key=lambda one: _is_test(one.seen))[:MOST_RELATIONS])


def _is_test(at: At) -> bool:
    return "test" in at.file.split("/")[:-1] or at.file.rpartition("/")[2].startswith("test_")


def _once(found: list[Named]) -> tuple[Named, ...]:
    """Each symbol once for each key."""
    return tuple({(one.id, one.key): one for one in reversed(found)}.values())[::-1]
