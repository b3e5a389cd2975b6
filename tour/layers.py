"""Where something is really implemented: from a name down through every layer to the kernels, and up from a kernel.

Follows the links that carry out what a name says: a module's ``forward``, the binding that a Python function calls,
the operator, its kernel for each dispatch key, the stub, the launch. What only surrounds the work (argument checks,
memory) is left out; where several ways go on, those are taken that keep the name. Every layer says by which link it
was reached and how sure that is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from tour.answers import KEYS, MAIN_KEYS, Answer, Layer
from tour.index import Index, StoredSymbol, last_part
from tour.links import Links, Node, node, stored
from tour.meaning import Meaning
from tour.model import At, Grade, Kind, Lane, Link, LinkKind, Role, tree_of

T = TypeVar("T")

_FUNCTIONS = frozenset({Kind.FUNCTION, Kind.METHOD, Kind.KERNEL})
_FORWARDS = ("forward", "__call__", "__init__")
_AROUND = re.compile(
    r"_?has_torch_function\w*|_?handle_torch_function|_log_api_usage\w*|_get_tracing_state|is_grad_enabled"
    r"|_jit_\w+|is_scripting|is_tracing|_is_tracing|_assert\w*|is_autocast\w*|get_default_dtype|is_tensor"
)
"""What Python functions of ``torch`` call around the work itself."""
MOST_STARTS, MOST_OPERATORS, DEEPEST = 3, 8, 4
_WORK = ("precise", "launches", "operators", "generated", "cpp_calls")
"""The linkers that say what a C++ function's body does."""
_CAPITALS = re.compile(r"[A-Z][A-Z0-9_]*")


@dataclass
class _Found:
    layers: list[Layer] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    seen: set[tuple[str, At | None, str | None]] = field(default_factory=set)

    def add(self, lane: Lane, at: Node, depth: int, link: Link | None, *, place: At | None = None) -> bool:
        """Put a layer at the end; false where it is there already."""
        key = (at.id, at.at, link.key if link else None)
        if key in self.seen:
            return False
        self.seen.add(key)
        grade, candidates = (link.grade, link.candidates) if link else (Grade.EXACT, 1)
        dispatch_key, by = (link.key, link.kind) if link else (None, None)
        self.layers.append(Layer(lane, at.id, place or at.at, dispatch_key, grade, depth, by, candidates))
        if link:
            self.links.append(link)
        return True


def implemented(meant: Meaning, query: str, index: Index, links: Links) -> Answer:
    """Every layer of what a query means, from Python down; of a C++ function also what leads to it."""
    search = _Search(index, links, query)
    for start in meant.nodes[:MOST_STARTS]:
        search.start(start)
    for functor in meant.inside[:MOST_STARTS]:
        search.start(functor)
    return Answer(query, tuple(search.found.layers), tuple(search.found.links))


def differentiated(meant: Meaning, query: str, index: Index, links: Links) -> Answer:
    """The backward side of what a query means: of each operator on the way its autograd node, and what that calls."""
    forward = _Search(index, links, query)
    for start in meant.nodes[:MOST_STARTS]:
        forward.start(start)
    search = _Search(index, links, query)
    for layer in forward.found.layers:
        search.backward(Node(layer.symbol, layer.at))
    return Answer(query, tuple(search.found.layers), tuple(search.found.links))


def around(meant: Meaning, query: str, index: Index, links: Links, side: str) -> Answer:
    """The direct links that arrive at what a query means (``callers``) or leave it (``callees``)."""
    found = _Found()
    for start in meant.nodes[:MOST_STARTS]:
        symbols = stored(index, start)
        found.add(_any_lane(start, symbols), start, 0, None)
        if side == "callees":
            for link in links.leaving(start):
                target = Node(link.target, link.target_at)
                found.add(_any_lane(target, stored(index, target)), target, 1, link)
            continue
        for link in links.arriving(start):
            source = links.placed(link)
            found.add(_any_lane(source, stored(index, source)), source, 1, link._replace(key=None))
    return Answer(query, tuple(found.layers), tuple(found.links))


def _any_lane(at: Node, symbols: list[StoredSymbol]) -> Lane:
    if at.scheme == "op":
        return Lane.DISPATCHER
    if at.scheme == "py":
        return Lane.PYTHON if at.at else Lane.BINDING
    return Lane.KERNEL if symbols and symbols[0].kind is Kind.KERNEL else lane_of(at.at)


class _Search:
    """One question."""

    def __init__(self, index: Index, links: Links, query: str) -> None:
        self._index = index
        self._links = links
        self._stems = {_stem(last_part(query.partition("(")[0].partition("<")[0]))}
        self.found = _Found()

    def start(self, at: Node) -> None:
        """Take one meaning of the query as the top, or find what leads to it."""
        if at.scheme == "py":
            self._python(at, 0, None)
        elif at.scheme == "op":
            above = self._python_above(at)
            self._operator(at, 1 if above else 0, above[0] if above else None)
        elif at.id.startswith("cpp:torch::autograd::generated::") and at.at and at.at.file.endswith(".yaml"):
            for link in self._links.differentiated(at):
                self.found.add(Lane.DISPATCHER, Node(link.source), 0, None, place=link.at)
                self._node(at, 1, link)
        else:
            depth = self._above(at)
            self._cpp(at, depth, self.found.links[-1] if depth else None)

    # Python

    def _python(self, at: Node, depth: int, link: Link | None) -> None:
        symbols = stored(self._index, at)
        if not symbols:
            self._bound(at, depth, link)
            return
        symbol = symbols[0]
        if not self.found.add(Lane.PYTHON, at, depth, link) or depth > 2 * DEEPEST:
            return
        if symbol.kind is Kind.CLASS:
            self._stems.add(_stem(symbol.name))
            for name in _FORWARDS:
                if members := self._links.member(symbol, name):
                    within = Link(
                        LinkKind.CONTAINS, at.id, members[0].id, members[0].at, members[0].at or symbol.at,
                        "layers/forward", Grade.EXACT,
                    )  # fmt: skip
                    self._python(members[0], depth + 1, within)
                    return
        elif symbol.kind is Kind.VARIABLE:
            for other in self._links.same_as(symbol):
                further = Link(LinkKind.IMPORTS, at.id, other.id, other.at, symbol.at, "layers/alias", Grade.EXACT)
                go_on = self._operator if other.scheme == "op" else self._python
                go_on(other, depth + 1, further)
        else:
            for way in self._out_of_python(at):
                below = depth
                for passed in way[:-1]:
                    below += 1
                    self.found.add(Lane.PYTHON, Node(passed.target, passed.target_at), below, passed)
                end = Node(way[-1].target, way[-1].target_at)
                go_on = self._operator if end.scheme == "op" else self._python
                go_on(end, below + 1, way[-1])

    def _out_of_python(self, at: Node) -> list[list[Link]]:
        """The shortest ways by calls out of a Python function into C++, those that keep the name if any do.

        Of a project's function ways into the project's own C++ come before those into PyTorch's.
        """
        if at.at is not None and tree_of(at.at.file) and (ways := self._out_to_extension(at)):
            return ways
        level: list[tuple[Node, list[Link]]] = [(at, [])]
        seen = {at}
        for _ in range(DEEPEST):
            out: list[list[Link]] = []
            further: list[tuple[Node, list[Link]]] = []
            for here, way in level:
                for link in self._links.leaving(here, None, ("python_calls",)):
                    target = Node(link.target, link.target_at)
                    if target in seen or _AROUND.fullmatch(last_part(link.target)) or link.grade is not Grade.EXACT:
                        continue
                    seen.add(target)
                    if target.at is None or self._is_builtin(target):
                        if target.at is not None or self._links.leaving(target, None, ("bindings", "operators")):
                            out.append([*way, link])
                    else:
                        further.append((target, [*way, link]))
            kept = self._keep([(last_part(way[-1].target), way) for way in out])
            if kept:
                return kept
            named = self._keep([(last_part(target.id), (target, way)) for target, way in further])
            level = named or (further if not out else [])
            if out and not named:
                return out[:MOST_OPERATORS]
        return []

    def _out_to_extension(self, at: Node) -> list[list[Link]]:
        """The same for a project: the ways into its own extension module or to operators of its own."""
        assert at.at is not None
        tree = tree_of(at.at.file)
        level: list[tuple[Node, list[Link]]] = [(at, [])]
        seen = {at}
        for _ in range(DEEPEST):
            out: list[list[Link]] = []
            further: list[tuple[Node, list[Link]]] = []
            for here, way in level:
                for link in self._links.leaving(here, None, ("python_calls", "functions")):
                    target = Node(link.target, link.target_at)
                    if target in seen or link.grade is not Grade.EXACT or link.kind is not LinkKind.CALLS:
                        continue
                    seen.add(target)
                    bound = self._links.leaving(target, None, ("bindings",)) if target.at is None else ()
                    if any(tree_of(found.at.file) == tree for found in bound):
                        out.append([*way, link])
                    elif target.at is None or tree_of(target.at.file) != tree:
                        continue
                    elif target.scheme == "op":
                        out.append([*way, link])
                    else:
                        further.append((target, [*way, link]))
            if out:
                return self._keep([(last_part(way[-1].target), way) for way in out]) or out[:MOST_OPERATORS]
            level = further
        return []

    def _is_builtin(self, target: Node) -> bool:
        """Whether a Python name only stands for what C++ binds (``conv1d = _add_docstr(torch.conv1d, …)``)."""
        symbols = stored(self._index, target)
        return bool(symbols) and symbols[0].kind is Kind.VARIABLE and bool(self._links.same_as(symbols[0]))

    def _keep(self, named: Iterable[tuple[str, T]]) -> list[T]:
        """Those whose name is the query's, else those that contain it or are contained in it."""
        scored = [(self._likeness(name), what) for name, what in named]
        best = max((score for score, _ in scored), default=0)
        return [what for score, what in scored if score == best and best][:MOST_OPERATORS]

    def _likeness(self, name: str) -> int:
        stem = _stem(name)
        if stem in self._stems:
            return 2
        return int(
            any(len(min(stem, other, key=len)) > 3 and (stem in other or other in stem) for other in self._stems)
        )

    # Bindings and operators

    def _bound(self, at: Node, depth: int, link: Link | None) -> None:
        """A Python name that is made in C++ or by code generation."""
        leaving = self._links.leaving(at, None, ("bindings", "operators"))
        generated = [found for found in leaving if found.kind is LinkKind.GENERATES]
        bound = [found for found in leaving if found.kind is LinkKind.BINDS]
        if generated:  # rows of that name on something else say nothing then
            bound = [found for found in bound if found.grade is Grade.EXACT]
        if generated and not bound:
            self._stems.add(_stem(last_part(at.qualname)))
            if self.found.add(Lane.GENERATED, at, depth, link, place=generated[0].at):
                for found in _operators_first(generated):
                    self._operator(Node(found.target, found.target_at), depth + 1, found)
        elif leaving:
            self.found.add(Lane.BINDING, at, depth, link, place=leaving[0].at)
            self._stems.add(_stem(last_part(at.qualname)))
            for found in bound:
                # what a project binds is most often the function that does the work
                lane = None if tree_of(found.at.file) else Lane.BINDING
                self._cpp(Node(found.target, found.target_at), depth + 1, found, lane=lane)
            for found in _operators_first(generated):
                self._operator(Node(found.target, found.target_at), depth + 1, found)

    def _operator(self, at: Node, depth: int, link: Link | None) -> None:
        if not self.found.add(Lane.DISPATCHER, at, depth, link):
            return
        kernels = self._links.leaving(at, None, ("dispatcher",))
        for found in sorted(kernels, key=_rank):
            target = Node(found.target, found.target_at)
            if target.scheme == "op":
                self._operator(target, depth + 1, found)
            else:
                self._cpp(target, depth + 1, found)

    # C++

    def _cpp(self, at: Node, depth: int, link: Link | None, lane: Lane | None = None) -> None:
        """A C++ function, and what carries its work on: operators of its name, stubs, launches."""
        symbols = stored(self._index, at)
        kernel = bool(symbols) and symbols[0].kind is Kind.KERNEL
        inner = kernel or (link is not None and link.kind in {LinkKind.STUBS, LinkKind.LAUNCHES})
        if not self.found.add(lane or (Lane.KERNEL if inner else lane_of(at.at)), at, depth, link):
            return
        if not symbols or (link is not None and link.key is not None and link.key not in MAIN_KEYS):
            return
        self._carry_on(symbols[0], depth, link.key if link is not None else None, set(), 0)

    def _carry_on(self, symbol: StoredSymbol, depth: int, key: str | None, seen: set[int], level: int) -> None:
        if symbol.row in seen or level > DEEPEST or symbol.kind is Kind.KERNEL:
            return
        seen.add(symbol.row)
        inner: list[StoredSymbol] = []
        for link in self._work(symbol):
            target = Node(link.target, link.target_at)
            if link.kind is LinkKind.LAUNCHES:
                self.found.add(Lane.KERNEL, target, depth + 1, link)
                continue
            if target.scheme == "op":
                self._operator(target, depth + 1, link)
                continue
            found = stored(self._index, target)
            if not found:
                continue
            if found[0].kind is Kind.VARIABLE:
                for kernel in self._links.leaving(target, None, ("stubs",)):
                    if key not in {"CPU", "CUDA"} or kernel.key == key:
                        self.found.links.append(link)
                        self._cpp(Node(kernel.target, kernel.target_at), depth + 1, kernel)
            elif found[0].kind in _FUNCTIONS:
                if lane_of(symbol.at) is Lane.GENERATED and target.qualname.startswith(("at::native::", "at::meta::")):
                    self._cpp(target, depth + 1, link._replace(key=key))
                elif tree_of(symbol.file):
                    self._cpp(target, depth + 1, link)
                else:
                    inner.append(found[0])
        for function in inner:
            self._carry_on(function, depth, key, seen, level + 1)

    def _work(self, symbol: StoredSymbol) -> list[Link]:
        """The links of a function that carry its work on, looked for only in lines that could hold one."""
        lines: dict[int, None] = {}
        generated = lane_of(symbol.at) is Lane.GENERATED
        reads = symbol.name == "fn"  # of a property, whose operator has a name of its own
        for mention in self._index.mentions_between(symbol.file, symbol.start_line, symbol.end_line):
            name = last_part(mention.name)
            if mention.role is Role.LAUNCH or (
                mention.role is Role.CALL
                and not _CAPITALS.fullmatch(name)
                and not mention.name.startswith(("std::", "c10::"))
                and (generated or not mention.name.startswith(".") or reads or self._likeness(name) == 2)
            ):
                lines[mention.line] = None
        at = node(symbol)
        kept: list[Link] = []
        for line in lines:
            for link in self._links.leaving(at, (line, line), _WORK):
                if link in kept or not self._carries(link, symbol):
                    continue
                kept.append(link)
        return kept

    def _carries(self, link: Link, symbol: StoredSymbol) -> bool:
        """Whether a link from a function goes on with what was asked about."""
        if link.kind is LinkKind.LAUNCHES:
            return link.grade is Grade.EXACT or link.candidates <= 3
        name = last_part(link.target).partition(".")[0]
        binding = lane_of(symbol.at) is Lane.BINDING
        if link.target.startswith("op:"):
            if lane_of(symbol.at) is Lane.GENERATED:
                return link.grade is Grade.EXACT
            if binding:
                return self._likeness(name) == 2 or symbol.name == "fn"
            return bool(self._likeness(name)) and link.candidates <= 3 and "_backward" not in name
        if link.target_at is None or link.target == symbol.id:
            return False
        if tree_of(symbol.file):
            return self._carries_within(link, symbol)
        if binding and link.target_at.file == symbol.file:
            return name.startswith("dispatch_") or bool(self._likeness(name))
        if link.grade is not Grade.EXACT:
            return False
        if lane_of(symbol.at) is Lane.GENERATED:
            return link.target.startswith(("cpp:at::native::", "cpp:at::meta::", "cpp:at::_ops::"))
        if lane_of(link.target_at) is Lane.GENERATED:  # at::f, written by code generation
            return bool(self._likeness(name)) and not name.endswith("_backward")
        near = link.target_at.file.rpartition("/")[0] == symbol.file.rpartition("/")[0]
        return name.endswith("_stub") or (near and link.target_at.file.startswith("aten/"))

    def _carries_within(self, link: Link, symbol: StoredSymbol) -> bool:
        """Whether a call inside a project goes on: by a name that is like the one asked about, or to a launch."""
        if link.grade is not Grade.EXACT or link.target_at is None:
            return False
        if tree_of(link.target_at.file) != tree_of(symbol.file):
            return False
        name = _squashed(last_part(link.target))
        if any(len(stem) > 3 and (stem in name or name in stem) for stem in map(_squashed, self._stems)):
            return True
        return bool(self._links.leaving(Node(link.target, link.target_at), None, ("launches",)))

    # backward

    def backward(self, at: Node) -> None:
        """The autograd node of an operator, or the ``backward`` of a Python function, and what it calls."""
        if at.id.startswith("cpp:torch::autograd::generated::"):
            self._node(at, 0, None)
            return
        leaving = self._links.leaving(at, None, ("autograd", "functions"))
        found = [link for link in leaving if link.kind is LinkKind.DIFFERENTIATES]
        if not found:
            return
        self.found.add(Lane.DISPATCHER if at.scheme == "op" else Lane.PYTHON, at, 0, None)
        for link in found:
            self._node(Node(link.target, link.target_at), 1, link)

    def _node(self, at: Node, depth: int, link: Link | None) -> None:
        if at.at is not None and tree_of(at.at.file):  # a project's own, whose name says more than its operators'
            self._python(at, depth, link)
            return
        self._stems = {_stem(last_part(at.qualname).removesuffix("Backward0"))}
        if not self.found.add(Lane.GENERATED if at.scheme == "cpp" else Lane.PYTHON, at, depth, link):
            return
        for further in self._links.leaving(at, None, ("autograd",)):
            target = Node(further.target, further.target_at)
            self._stems.add(_stem(last_part(target.qualname).partition(".")[0]))
            if further.kind is LinkKind.GENERATES:
                self._node(target, depth + 1, further)
            elif target.scheme == "op":
                self._operator(target, depth + 1, further)
            else:
                self._cpp(target, depth + 1, further)

    # upwards

    def _python_above(self, at: Node) -> list[Link]:
        """The Python names of an operator, put on top of the layers."""
        above = []
        for link in self._links.bound_names(at):
            lane = Lane.GENERATED if link.kind is LinkKind.GENERATES else Lane.BINDING
            if self.found.add(lane, Node(link.source), 0, None, place=link.at):
                above.append(link)
        return above

    def _above(self, at: Node) -> int:
        """What leads to a C++ function: the shortest way up to an operator or a Python name; how many layers it has."""
        level: list[tuple[Node, list[Link]]] = [(at, [])]
        seen = {at}
        for _ in range(DEEPEST + 1):
            further: list[tuple[Node, list[Link]]] = []
            tops: list[list[Link]] = []
            for here, way in level:
                for link in self._links.arriving(here):
                    source = self._links.placed(link)
                    if source in seen:
                        continue
                    seen.add(source)
                    if source.scheme in {"op", "py"} and link.kind is not LinkKind.CALLS:
                        tops.append([link, *way])
                    elif link.grade is Grade.EXACT or link.candidates <= 2:
                        further.append((source, [link, *way]))
            if tops:
                return self._put_above(tops)
            level = further[:24]
        return 0

    def _put_above(self, tops: list[list[Link]]) -> int:
        way = min(tops, key=lambda way: (sum(link.grade is not Grade.EXACT for link in way), len(way)))
        depth = 0
        top = self._links.placed(way[0])
        if top.scheme == "op":
            above = self._python_above(top)
            depth = 1 if above else 0
            self.found.add(Lane.DISPATCHER, top, depth, above[0] if above else None)
        else:
            self._stems.add(_stem(last_part(top.qualname)))
            self.found.add(Lane.BINDING, top, 0, None, place=way[0].at)
        for link in way[:-1]:
            depth += 1
            target = Node(link.target, link.target_at)
            self.found.add(lane_of(target.at), target, depth, link)
        self.found.links.append(way[-1])
        return depth + 1


def _operators_first(found: list[Link]) -> list[Link]:
    """Overloads that return what they compute before those that write to ``out``."""
    ordered = sorted(found, key=lambda link: link.target.endswith("out"))
    return ordered[:MOST_OPERATORS]


def _rank(link: Link) -> tuple[int, bool, bool, int]:
    """Main dispatch keys first, what the operator's entry names before what C++ registers, what tests do last."""
    key = link.key or ""
    order = KEYS.index(key) if key in KEYS else len(KEYS)
    in_test = link.at.file.startswith("test/") or "/test/" in link.at.file
    registered = not link.at.file.endswith(".yaml")
    return (-1 if link.target.startswith("op:") else order, in_test, registered, link.at.line)


def lane_of(at: At | None) -> Lane:
    """The lane of C or C++ code, told by where it lies."""
    file = at.file if at else ""
    if "/autograd/" in file and file.rpartition("/")[2].startswith("python_"):
        return Lane.BINDING
    if file.startswith("build/") or "/generated/" in file or file.endswith(".yaml"):
        return Lane.GENERATED
    return Lane.CPP


def _squashed(name: str) -> str:
    """``RasterizeMeshes`` and ``rasterize_meshes`` alike, as projects name a function in C++ and in Python."""
    return name.lower().replace("_", "")


def _stem(name: str) -> str:
    """A name without case and underscores at its ends: ``BatchNorm2d`` and ``batch_norm`` have one stem."""
    return re.sub(r"_|\d+d$", "", name.lower())
