"""Operator → the kernels that compute it, one link for each dispatch key.

``native_functions.yaml`` names or implies them: an entry of ``dispatch:``, a structured kernel (``TORCH_IMPL_FUNC``)
and its shape check (``TORCH_META_FUNC``), the inner loop of a ``ufunc_inner_loop:``, the operator that a
``structured_delegate:`` hands over to, the one that an ``autogen:`` variant wraps, and the view that a ``…_copy``
operator copies (``torchgen/model.py``, ``torchgen/gen.py``, ``torchgen/gen_functionalization_type.py``).
``TORCH_LIBRARY`` blocks register others in C++. A name with several definitions is told apart by the operator's
schema. Cannot see: registrations in a loop, from Python, or by boxed fallbacks for a whole key, and which of a class
template's specialisations is meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tour.index import Index, StoredMention, StoredSymbol, last_part
from tour.links.cpp_scopes import cases, cpp_targets, parameters_of
from tour.links.nodes import Node, mentions_of_symbol, stored
from tour.links.python_scopes import PythonScopes
from tour.model import Grade, Kind, Link, LinkKind, Role

_FUNCTIONS = frozenset({Kind.FUNCTION, Kind.METHOD})
_KERNELS = _FUNCTIONS | {Kind.CLASS}
"""What may be registered: a function, or a class that makes one."""
_STRUCTURED_KEYS = frozenset({"CPU", "CUDA", "MPS", "XPU", "MTIA"})
"""Keys whose entry in a structured operator is a ``TORCH_IMPL_FUNC`` (``torchgen/model.py``,
``STRUCTURED_DISPATCH_KEYS``)."""
_NO_KERNELS = frozenset({"makeFallthrough", "makeFromBoxedFunction", "makeNamedNotSupported"})
"""What says that the dispatcher should go on (``torch/library.h``)."""
_BLOCK = re.compile(r"TORCH_LIBRARY(?:_IMPL|_FRAGMENT)?\((\w+)(?:, (\w+))?\)$")
_TYPES = {
    "Tensor": ("Tensor",),
    "Tensor[]": ("TensorList", "ITensorListRef", "vector<Tensor>", "ArrayRef<Tensor>"),
    "Tensor?[]": ("List<", "IOptTensorListRef"),
    "Scalar": ("Scalar",),
    "Scalar[]": ("ArrayRef<Scalar>",),
    "int": ("int64_t", "int"),
    "SymInt": ("int64_t", "SymInt"),
    "int[]": ("IntArrayRef",),
    "SymInt[]": ("IntArrayRef", "SymIntArrayRef"),
    "float": ("double",),
    "float[]": ("ArrayRef<double>",),
    "bool": ("bool",),
    "bool[]": ("array<bool", "ArrayRef<bool>"),
    "str": ("string_view", "string"),
    "Dimname": ("Dimname",),
    "Dimname[]": ("DimnameList",),
    "ScalarType": ("ScalarType",),
    "Layout": ("Layout",),
    "Device": ("Device",),
    "MemoryFormat": ("MemoryFormat",),
    "Generator": ("Generator",),
    "Storage": ("Storage",),
    "Stream": ("Stream",),
}
"""How a schema's types read in a native function's parameters (``torchgen/api/native.py``)."""


def links_from(index: Index, source: Node, lines: tuple[int, int] | None, scopes: PythonScopes) -> Iterator[Link]:
    """The kernels of an operator, in the order of its entry, then those that C++ registers."""
    if source.scheme != "op":
        return
    for operator in stored(index, source):
        yield from _from_entry(index, operator)
        if not operator.file.endswith(".yaml"):
            continue
        for mention in index.mentions_of(operator.name, Role.AUTOGEN):
            if mention.name == operator.qualname and mention.scope is not None and mention.scope != operator.row:
                base = index.symbol(mention.scope)
                yield _link(source, base, mention, "autogen", key="CompositeExplicitAutograd")
    yield from _registered(index, source)


def _from_entry(index: Index, operator: StoredSymbol) -> Iterator[Link]:
    source = Node(operator.id, operator.at)
    checked = False
    for mention in mentions_of_symbol(index, operator):
        if mention.role is Role.STRUCTURED and not checked:
            checked = True
            for meta in _shape_checks(index, operator, operator.qualname):
                yield _link(source, meta, mention, "meta", key="Meta")
        if mention.role in {Role.DISPATCH, Role.STRUCTURED}:
            found = _kernel(index, mention, operator)
            if not found and (mention.target or "").startswith("CompositeExplicitAutograd") and "_copy" in mention.name:
                for viewed in index.symbols(operator.qualname.replace("_copy", "", 1), "op"):
                    yield _link(source, viewed, mention, "view-copy", key=mention.target)
            rule = "entry" if mention.role is Role.DISPATCH else "structured"
            for kernel in found:
                yield _link(source, kernel, mention, rule, found, key=mention.target)
        elif mention.role is Role.UFUNC and mention.target == "Generic":
            for key in ("CPU", "CUDA"):
                for kernel in _definitions(index, f"at::native::ufunc::{mention.name}"):
                    yield _link(source, kernel, mention, "ufunc", key=key)
        elif mention.role is Role.DELEGATE:
            for other in index.symbols(mention.name, "op"):
                yield _link(source, other, mention, "structured-delegate")
            for meta in _shape_checks(index, operator, mention.name):
                yield _link(source, meta, mention, "meta", key="Meta")


def _shape_checks(index: Index, operator: StoredSymbol, structured: str) -> list[StoredSymbol]:
    """The ``TORCH_META_FUNC`` of a structured operator and its variants, named for the one that writes nothing."""
    variants = index.mentions_of(last_part(structured), Role.DELEGATE)
    named = [index.symbol(mention.scope) for mention in variants if mention.name == structured and mention.scope]
    for variant in (operator, *named):
        if found := _definitions(index, f"at::meta::structured_{variant.name.replace('.', '_')}::meta"):
            return found
    return []


def _link(
    source: Node,
    target: StoredSymbol,
    mention: StoredMention,
    rule: str,
    found: list[StoredSymbol] | None = None,
    *,
    key: str | None = None,
) -> Link:
    """A link, exact unless ``found`` holds definitions that differ in more than the branch that they stand in.

    Methods of several classes of one name do: they are specialisations.
    """
    classes = {symbol.parent for symbol in found or () if symbol.kind is Kind.METHOD}
    count = max(cases(found or []), len(classes))
    sure = count <= 1
    return Link(
        LinkKind.DISPATCHES, source.id, target.id, target.at, mention.at, f"dispatcher/{rule}",
        Grade.EXACT if sure else Grade.NAME, 1 if sure else count, key,
    )  # fmt: skip


def _kernel(index: Index, mention: StoredMention, operator: StoredSymbol) -> list[StoredSymbol]:
    """The definitions that one entry of ``dispatch:`` may mean: one, but for branches of ``#if`` and ties."""
    space, _, name = mention.name.rpartition("::")
    space = space or "at::native"
    plain = f"{space}::{name}"
    structured = f"{space}::structured_{name}::impl"
    ways = [plain]
    if mention.role is Role.STRUCTURED:
        ways = [structured, plain] if mention.target in _STRUCTURED_KEYS else [plain, structured]
    for way in ways:
        if found := _definitions(index, way):
            return _fitting(found, operator.signature)
    # A body in a namespace inside at::native, or behind a macro that opens one.
    near = [symbol for symbol in index.symbols_named(name, "cpp") if symbol.is_definition and symbol.kind in _FUNCTIONS]
    if not near and mention.role is Role.STRUCTURED:
        near = [
            symbol
            for symbol in index.symbols_named("impl", "cpp")
            if symbol.qualname.endswith(f"::structured_{name}::impl")
        ]
    home = space.partition("::")[0]
    return _fitting([symbol for symbol in near if symbol.qualname.startswith(f"{home}::")], operator.signature)


def _definitions(index: Index, name: str) -> list[StoredSymbol]:
    """Function definitions of that name."""
    return [symbol for symbol in index.symbols(name, "cpp") if symbol.is_definition and symbol.kind in _FUNCTIONS]


def _fitting(found: list[StoredSymbol], schema: str) -> list[StoredSymbol]:
    """Of overloads those whose parameters fit the schema best, with every branch of an ``#if`` that defines the same.

    Of branches the longest body comes first: what only says that a library is missing is short.
    """
    if len({symbol.signature for symbol in found}) > 1 and schema:
        wanted = _schema_arguments(schema)
        scores = [_fit(wanted, parameters_of(symbol.signature)) for symbol in found]
        best = {_types(symbol) for symbol, score in zip(found, scores, strict=True) if score == max(scores)}
        found = [symbol for symbol in found if _types(symbol) in best]
    if len({(symbol.file, _types(symbol)) for symbol in found}) == 1:
        found = sorted(found, key=lambda symbol: symbol.start_line - symbol.end_line)
    return found


def _types(symbol: StoredSymbol) -> tuple[str, ...]:
    """A function's parameters without their names: what it is called, and a branch of ``#if`` may call otherwise."""
    plain = (re.sub(r"/\*.*?\*/|=.*", "", parameter).strip() for parameter in parameters_of(symbol.signature))
    return tuple(re.sub(r"(?<=[\s&*>])\w+$", "", parameter).replace(" ", "") for parameter in plain)


def _fit(wanted: list[tuple[str, str]], parameters: list[str]) -> float:
    """How well a parameter list fits a schema: 1 for each type that does, less for a difference in number.

    The names decide between functions that fit alike.
    """
    score = -2.0 * abs(len(wanted) - len(parameters))
    for (kind, name), parameter in zip(wanted, parameters, strict=False):
        plain = kind.removesuffix("?")
        words = _TYPES.get(plain, (plain,))
        fits = any(re.search(rf"(?<!\w){re.escape(word)}(?!List|Ref|\w)", parameter) for word in words)
        optional = "optional" in parameter or "OptionalArrayRef" in parameter or "OptionalIntArrayRef" in parameter
        named = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", parameter) is not None
        score += fits + 0.5 * (optional == kind.endswith("?")) + 0.01 * named
    return score


def _schema_arguments(schema: str) -> list[tuple[str, str]]:
    """Type and name of a schema's arguments, aliasing marks and sizes left out: ``Tensor``, ``int[]``, ``Scalar?``."""
    arguments = schema.rpartition("->")[0] or schema
    found = []
    for argument in parameters_of(re.sub(r"\([a-z]!?(?: -> \*)?(?:\|[a-z])*!?\)", "", arguments.strip())):
        if argument != "*" and argument:
            kind, _, name = argument.partition("=")[0].strip().rpartition(" ")
            found.append((re.sub(r"\[\d+\]", "[]", kind or name), name))
    return found


def _registered(index: Index, source: Node) -> Iterator[Link]:
    """What ``TORCH_LIBRARY`` blocks register for the operator."""
    for mention in index.mentions_of(last_part(source.qualname), Role.IMPL):
        if mention.name != source.qualname or mention.target is None or mention.scope is None:
            continue
        block = index.symbol(mention.scope)
        around = _BLOCK.search(block.qualname)
        found, _ = cpp_targets(index, mention.target, block)
        found = [symbol for symbol in found if symbol.kind in _KERNELS and symbol.name not in _NO_KERNELS]
        found = [symbol for symbol in found if symbol.file == mention.file] or found
        for kernel in found:
            yield _link(source, kernel, mention, "registration", found, key=around[2] if around else None)
