"""One operator as a page: what it is declared as, what it is called from Python, and what carries it out where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tour.model import At, Grade
from tour.operators import Named, OperatorView, OverloadView
from tour.render import html
from tour.render.passing import Passing
from tour.render.places import Addresses, operator_address
from tour.render.words import words


def operator_page(view: OperatorView, passing: Passing, addresses: Addresses) -> str:
    """A whole page, one for all languages: it names the tours in each, and a script keeps the reader's."""
    address = operator_address(addresses.version, view.name)
    root = "../" * address.count("/")
    passes = sorted(
        {(tour, number, step) for symbol in view.symbols for tour, step, number in passing.symbols.get(symbol, ())}
    )
    said = {lang: words(lang) for lang in passing.titles}

    def link(at: At | None) -> str | None:
        return addresses.source(at, root) if at else None

    return html.filled(
        "operator.html",
        view=view,
        root=root,
        version=addresses.version,
        passes=passes,
        titles=passing.titles,
        said=said,
        overloads=[_overload(one, addresses, root) for one in view.overloads],
        link=link,
    )


def _overload(one: OverloadView, addresses: Addresses, root: str) -> dict[str, Any]:
    parts = [
        ("op_python", one.python),
        ("op_kernels", one.kernels),
        ("op_gradient", one.gradient),
        ("op_variants", one.variants),
        ("op_callers", one.callers),
    ]
    return {
        "view": one,
        "parts": [(word, _rows(found, addresses, root, one.id)) for word, found in parts if found],
    }


def _rows(found: Sequence[Named], addresses: Addresses, root: str, own: str) -> list[dict[str, Any]]:
    return [
        {
            "name": named.id.partition(":")[2],
            "key": named.key,
            "at": named.at or named.seen,
            "page": addresses.operator(named.id, root) if named.id != own else None,
            "guess": named.grade is not Grade.EXACT,
            "candidates": named.candidates,
        }
        for named in found
    ]
