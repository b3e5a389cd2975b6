"""Operator → the autograd node that differentiates it, and node → the functions of its formulas.

``derivatives.yaml`` has an entry for each differentiable operator; code generation makes a node of it
(``torch::autograd::generated::MulBackward0``) whose formulas call functions of ``FunctionsManual.cpp`` or other
operators (``tools/autograd/load_derivatives.py``). An in-place or ``out`` variant shares the entry of the operator
that it varies. Cannot see: methods that a formula calls (``grad.sum()``), forward-mode formulas, and operators that
are composed of others: their gradient is that of their parts.
"""

from __future__ import annotations

from collections.abc import Iterator

from tour.index import Index, StoredSymbol, last_part
from tour.links.cpp_scopes import cpp_targets
from tour.links.generated import in_place_of, written
from tour.links.nodes import Node, mentions_of_symbol, stored
from tour.links.operators import functions
from tour.links.python_scopes import PythonScopes
from tour.model import Grade, Link, LinkKind, Role

_SPACES = ("torch::autograd::generated::details", "torch::autograd::generated", "torch::autograd")
"""Where the generated code looks for what a formula calls (``tools/autograd/templates/Functions.cpp``)."""


def links_from(index: Index, source: Node, lines: tuple[int, int] | None, scopes: PythonScopes) -> Iterator[Link]:
    """The nodes of an operator; the functions of a node."""
    if source.scheme == "op":
        for name in (source.qualname, *in_place_of(source.qualname)):
            nodes = list(_nodes(index, source, name))
            yield from nodes
            if nodes:
                return
    elif source.qualname.startswith("torch::autograd::generated::"):
        for symbol in stored(index, source):
            if symbol.file.endswith(".yaml"):
                for struct in written(index, symbol):
                    yield Link(
                        LinkKind.GENERATES, source.id, struct.id, struct.at, symbol.at, "autograd/struct", Grade.EXACT
                    )
                yield from _formulas(index, source, symbol)
            else:
                for apply in index.symbols(f"{symbol.qualname}::apply", "cpp"):
                    if apply.is_definition:
                        yield Link(
                            LinkKind.CONTAINS, source.id, apply.id, apply.at, apply.at, "autograd/apply", Grade.EXACT
                        )


def _nodes(index: Index, source: Node, name: str) -> Iterator[Link]:
    for mention in index.mentions_of(last_part(name), Role.DERIVATIVE):
        if mention.name == name and mention.scope is not None:
            made = index.symbol(mention.scope)
            key = None if mention.target == "Default" else mention.target
            yield Link(
                LinkKind.DIFFERENTIATES, source.id, made.id, made.at, mention.at, "autograd/derivative", Grade.EXACT,
                1, key,
            )  # fmt: skip


def _formulas(index: Index, source: Node, symbol: StoredSymbol) -> Iterator[Link]:
    for mention in mentions_of_symbol(index, symbol):
        if mention.role is not Role.FORMULA:
            continue
        name = mention.name.removeprefix("at::")
        by_hand = [
            found
            for space in _SPACES
            for found in index.symbols(f"{space}::{name}", "cpp")
            if found.is_definition and not mention.name.startswith("at::")
        ]
        operators = [] if by_hand else functions(index, name.removesuffix("_symint"))
        targets = by_hand or operators or cpp_targets(index, mention.name, None)[0]
        for target in targets:
            sure = len(targets) == 1 and bool(by_hand or operators)
            yield Link(
                LinkKind.CALLS, source.id, target.id, target.at, mention.at, "autograd/formula",
                Grade.EXACT if sure else Grade.NAME, 1 if sure else len(targets),
            )  # fmt: skip
