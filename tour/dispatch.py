"""What a route may do at the dispatcher, where the tree's generated code is in the index.

A call of an operator that has a derivative goes to its autograd kernel first (``torch::autograd::VariableType``), which
makes the node for the backward pass and hands on below autograd (``at::redispatch``, ``c10::after_autograd_keyset``);
only then comes the kernel of a backend, and all that this kernel calls stays below autograd
(``at::AutoDispatchBelowADInplaceOrView``). So the same place is another one above and below: a search keeps both. An
operator that is composed of others has no autograd kernel and goes on at once. Facts that stand for generated code give
way to that code. Left out: keys that something must switch on first, such as autocast's, do not lead below autograd.
"""

from __future__ import annotations

import re
from enum import IntEnum

from tour.index import Index
from tour.links import Links, Node
from tour.model import Link, LinkKind

AUTOGRAD_KERNELS = "cpp:torch::autograd::VariableType::"
SWITCHED_ON = re.compile(r"Autocast.*|Batched.*|FuncTorch.*|Functionalize|Named|PreDispatch|Python.*|Tracer|TESTING_.*")
"""Keys that the dispatcher asks before autograd's (``c10/core/DispatchKey.h``), each where something switched it on."""
_REGISTERED = "build/aten/src/ATen/Register"


class Side(IntEnum):
    """Where a place lies."""

    ABOVE = 0
    IN_AUTOGRAD = 1
    BELOW = 2


class Dispatch:
    """The dispatcher's rules for the links of one index; without generated code all is above, and all is allowed."""

    def __init__(self, index: Index, links: Links) -> None:
        self._links = links
        self.is_told = index.file(f"{_REGISTERED}CPU.cpp") is not None
        self._kernels: dict[Node, tuple[bool, frozenset[str | None]]] = {}
        self._bound: dict[Node, bool] = {}

    def sides(self) -> tuple[Side, ...]:
        """The sides that a place can have."""
        return tuple(Side) if self.is_told else (Side.ABOVE,)

    def after(self, source: Node, link: Link, side: Side) -> Side | None:
        """On which side a link arrives that leaves ``source`` on one; ``None`` where the dispatcher does not go so."""
        if not self.is_told:
            return side
        if self._gives_way(source, link):
            return None
        if link.target.startswith("op:") and source.scheme != "op":
            redispatches = link.rule == "generated/redispatch"
            if side is Side.BELOW or (redispatches and side is Side.IN_AUTOGRAD):
                return Side.BELOW
            return Side.ABOVE
        if link.kind is not LinkKind.DISPATCHES:
            return side
        if link.target.startswith(AUTOGRAD_KERNELS):
            return Side.IN_AUTOGRAD if side is Side.ABOVE else None
        if side is Side.BELOW or not self._told(source)[0] or SWITCHED_ON.fullmatch(link.key or ""):
            return side
        return None

    def before(self, source: Node, link: Link, side: Side) -> list[Side]:
        """From which sides of ``source`` a link arrives on a side."""
        return [before for before in self.sides() if self.after(source, link, before) is side]

    def _gives_way(self, source: Node, link: Link) -> bool:
        """Whether generated code, which the index has, does what a link only stands for."""
        if link.rule == "operators/binding":
            if source not in self._bound:
                bound = self._links.leaving(source, None, ("bindings",))
                self._bound[source] = any("/generated/" in link.at.file for link in bound)
            return self._bound[source]
        if link.rule in {"dispatcher/entry", "dispatcher/structured", "dispatcher/ufunc"}:
            return link.key in self._told(source)[1]
        if link.rule == "dispatcher/structured-delegate":
            return bool(self._told(source)[1] & {"CPU", "CUDA"})
        return False

    def _told(self, operator: Node) -> tuple[bool, frozenset[str | None]]:
        """Whether an operator has an autograd kernel, and the keys for which generated code registers another."""
        if operator not in self._kernels:
            found = self._links.leaving(operator, None, ("dispatcher",))
            keys = frozenset(link.key for link in found if link.at.file.startswith(_REGISTERED))
            has = any(link.key == "Autograd" and link.target.startswith(AUTOGRAD_KERNELS) for link in found)
            self._kernels[operator] = (has, keys)
        return self._kernels[operator]
