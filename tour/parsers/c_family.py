"""C, C++ and CUDA on one set of queries: namespaces, functions, classes, method tables, calls.

Left out: overload resolution, template instantiation and macro expansion. A macro between ``class`` and its name can
cost a class its members' scope; such stretches are reported as problems.
"""

from __future__ import annotations

import re

from tree_sitter import Node

from tour.model import Lang, Role
from tour.parsers import branches
from tour.parsers.objective_c import without_bodies
from tour.parsers.treesitter import LONGEST_NAME, Captures, Dialect, Records, Syntax, records, syntax, text

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_STRUCTURED = re.compile(r"TORCH_(?:PRECOMPUTE_)?(IMPL|META)_FUNC2?\s*\(([\w\s,]+)\)")
_STRINGS = re.compile(r'"((?:[^"\\]|\\.)*)"|R"\((.*?)\)"', re.DOTALL)
_HEADS = (b"TORCH_", b"DEFINE_")
"""What macros begin with whose argument names what they define."""
_KERNEL_HEAD = re.compile(rb"DEFINE_\w*KERNEL")
"""A macro that heads a kernel's body and takes its name first (``flash_attn/flash_fwd_launch_template.h``)."""
_SLOTS = ("__len__", "__getitem__", "__setitem__")
"""What Python calls by its place in ``PyMappingMethods`` (CPython, ``object.h``)."""
_WRAPPED = re.compile(r"(?:\w+::)*TypeError_to_NotImplemented_<([\w:]+)>")
"""A template that runs its argument (``torch/csrc/autograd/python_torch_functions.h``)."""
_PLAIN = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*(::[A-Za-z_][A-Za-z0-9_]*)*")
_THROUGH = re.compile(rb"(this->|[A-Za-z_]\w*(?:(?:\.|->)[A-Za-z_]\w*)*(?:\.|->))([A-Za-z_]\w*)", re.ASCII)
"""A call through an object or pointer that is named as plainly."""
_QUALIFIED = re.compile(r"(::)?~?[A-Za-z_]\w*(::~?[A-Za-z_]\w*)*")


def parse(lang: Lang, path: str, source: bytes) -> Records:
    """Symbols, mentions and problems of one C, C++ or CUDA file, or of a piece of one."""
    return records(_syntax(lang, path, source), path, _DIALECT)


def read(lang: Lang, path: str, source: bytes) -> Records:
    """The same of a whole file, one preprocessor branch at a time where the grammar needs it."""
    whole = _syntax(lang, path, source)
    views = branches.views(source) if whole.is_broken else []
    if not views:
        return records(whole, path, _DIALECT)
    readings: list[Records] = []
    for view in views:
        whole = _syntax(lang, path, view, whole)
        readings.append(records(whole, path, _DIALECT))
    # A view that the grammar follows to the end has its scopes right.
    return branches.unite(sorted(readings, key=lambda reading: bool(reading[2])))


def _syntax(lang: Lang, path: str, source: bytes, known: Syntax | None = None) -> Syntax:
    return syntax(lang, without_bodies(source) if path.endswith(".mm") else source, known)


def without_template_arguments(name: str) -> str:
    """``a::b<c<d>>::e`` as ``a::b::e``; an operator's name stays as it is."""
    if "<" not in name or "operator" in name:
        return name
    kept: list[str] = []
    depth = 0
    for character in name:
        if character == "<":
            depth += 1
        elif character == ">":
            depth = max(0, depth - 1)
        elif not depth:
            kept.append(character)
    return "".join(kept)


def _defined(node: Node, captures: Captures, source: bytes) -> str | None:
    raw = source[node.start_byte : node.end_byte]
    if _PLAIN.fullmatch(raw) and len(raw) <= LONGEST_NAME and not raw.startswith(_HEADS):
        return raw.decode()
    if node.type == "operator_cast":
        kind = node.child_by_field_name("type")
        return f"operator {text(kind, source)}" if kind else None
    if "symbol.operator" in captures:
        return _operator(node, source)
    if "symbol.function" in captures and captures["symbol.function"][0].type == "lambda_expression":
        return _bound_name(node, source)
    written = text(node, source)
    if _heads_kernel(node, source) and "signature" in captures:
        return text(captures["signature"][0], source).strip("()").split(",")[0].strip()
    if written.startswith("TORCH_"):
        return _made_by_macro(written, captures, source)
    name = without_template_arguments(written)
    return re.sub(r"\s*::\s*", "::", name).removeprefix("::").strip() or None


def _made_by_macro(written: str, captures: Captures, source: bytes) -> str:
    """The name behind a macro that heads a function body.

    ``TORCH_IMPL_FUNC(add_out)`` defines ``structured_add_out::impl`` and ``TORCH_META_FUNC2(add, Tensor)``
    ``structured_add_Tensor::meta`` (``aten/src/ATen/TensorMeta.h``). ``TORCH_LIBRARY_IMPL(aten, CPU, m)`` and its kin
    are called what they say, without their variable (``torch/library.h``).
    """
    if found := _STRUCTURED.fullmatch(written):
        name = "_".join(part.strip() for part in found[2].split(","))
        return f"structured_{name}::{'impl' if found[1] == 'IMPL' else 'meta'}"
    if written.startswith("TORCH_LIBRARY") and "signature" in captures:
        arguments = text(captures["signature"][0], source).strip("()").split(",")
        return f"{written}({', '.join(argument.strip() for argument in arguments[:-1])})"
    return without_template_arguments(written)


def _string(node: Node, source: bytes) -> str | None:
    """What a string literal says, adjacent ones joined; also inside a macro's parentheses."""
    found = _STRINGS.findall(text(node, source))
    return "".join(plain or raw for plain, raw in found) if found else None


def _library(node: Node, source: bytes) -> str | None:
    """The namespace of the ``TORCH_LIBRARY`` block around a node; ``None`` outside of any."""
    around = node.parent
    while around is not None:
        if around.type == "function_definition" and source.startswith(b"TORCH_LIBRARY", around.start_byte):
            declarator = around.child_by_field_name("declarator")
            parameters = declarator.child_by_field_name("parameters") if declarator else None
            return text(parameters, source).strip("()").split(",")[0].strip() if parameters else None
        around = around.parent
    return None


def _operator(node: Node, source: bytes) -> str | None:
    """``quantized::add.out`` of ``m.def("add.out(…) -> …")``, or of ``m.impl("add.out", …)``, inside its block."""
    library, schema = _library(node, source), _string(node, source)
    if library is None or schema is None:
        return None
    name = schema.partition("(")[0].strip()
    return name if "::" in name else f"{library}::{name}"


def _registered(node: Node, captures: Captures, source: bytes) -> str | None:
    """The operator of a registration that names a function; tags beside a schema are none."""
    return _operator(node, source) if captures["target"][0].type != "initializer_list" else None


def _bound_name(node: Node, source: bytes) -> str | None:
    """The plain name that a lambda is bound to or registered for."""
    name = _string(node, source)
    return re.sub(r"\W", "_", name.partition("(")[0].strip().rpartition("::")[2]) if name else None


def _entry(node: Node, captures: Captures, source: bytes) -> str | None:
    """A table row's Python name; of pybind11 with what it is defined on: ``m.f``, ``Future.wait``."""
    if "slot" in captures:
        around = node.parent
        at = [child.id for child in around.named_children if child.type != "comment"].index(node.id) if around else 0
        return _SLOTS[at] if at < len(_SLOTS) else None
    if node.type not in {"string_literal", "raw_string_literal"} or _library(node, source) is not None:
        return None
    name = text(node, source).strip('"')
    row = captures["mention.entry"][0]
    function = row.child_by_field_name("function")
    if function is not None and function.type == "field_expression":
        owner = _receiver(function, source)
    elif "class" in captures:
        first = node.prev_named_sibling
        owner = text(first, source) if first is not None and first.type == "identifier" else None
    else:
        owner = None
    return f"{owner}.{name}" if owner else name


def _receiver(field: Node, source: bytes) -> str | None:
    """The variable, or the Python name of the class, that a chain of ``.def(…).def(…)`` begins with."""
    node: Node | None = field.child_by_field_name("argument")
    while node is not None and node.type == "call_expression":
        function = node.child_by_field_name("function")
        if function is None:
            return None
        if function.type != "field_expression":
            arguments = node.child_by_field_name("arguments") or node
            named = [child for child in arguments.named_children if child.type == "string_literal"]
            return text(named[0], source).strip('"') if named else None
        node = function.child_by_field_name("argument")
    return text(node, source) if node is not None and node.type == "identifier" else None


def _owner(node: Node, captures: Captures, source: bytes) -> str | None:
    """``m.Future`` of ``py::class_<…>(m, "Future")``, ``m._onnx`` of ``m.def_submodule("_onnx")``."""
    name = text(node, source).strip('"')
    call = captures["mention.owner"][0]
    function = call.child_by_field_name("function")
    if function is not None and function.type == "field_expression":
        on = _receiver(function, source)
    else:
        first = node.prev_named_sibling
        on = text(first, source) if first is not None and first.type == "identifier" else None
    return f"{on}.{name}" if on else name


def _held_in(call: Node, name: Node, source: bytes) -> str:
    """The variable that a module or class is kept in; its own name where it is kept in none."""
    node: Node | None = call
    while node is not None and node.type not in {"init_declarator", "expression_statement", "compound_statement"}:
        if node.type == "declaration":
            node = node.child_by_field_name("declarator")
            break
        node = node.parent
    if node is not None and node.type == "init_declarator":
        declarator = node.child_by_field_name("declarator")
        if declarator is not None:
            return text(declarator, source).lstrip("&* ")
    return text(name, source).strip('"')


def _called(node: Node, captures: Captures, source: bytes) -> str | None:
    """``a::b::c`` without template arguments; ``.f`` for a call through an object or pointer."""
    if found := _THROUGH.fullmatch(source, node.start_byte, node.end_byte):
        through, name = found.groups()
        return f"{'this' if through == b'this->' else ''}.{name.decode()}"
    if node.type == "field_expression":
        field = node.child_by_field_name("field")
        receiver = node.child_by_field_name("argument")
        if field is None:
            return None
        name = without_template_arguments(text(field, source)).removeprefix("template ").strip()
        return f"this.{name}" if receiver is not None and receiver.type == "this" else f".{name}"
    name = re.sub(r"\s*::\s*", "::", without_template_arguments(text(node, source))).strip()
    return name if _QUALIFIED.fullmatch(name) else None


def _last_identifier(node: Node, captures: Captures, source: bytes) -> str | None:
    """``Methods`` of ``std::data(Methods)``; ``f`` of ``castPyCFunctionWithKeywords(f)``; ``a::f`` of ``a::f()``."""
    while True:
        field = {"call_expression": "arguments", "cast_expression": "value"}.get(node.type)
        inner = node.child_by_field_name(field) if field else None
        if inner is None:
            break
        if field == "value":
            node = inner
        elif inner.named_children:
            node = inner.named_children[-1]
        else:
            break
    if node.type == "call_expression":
        node = node.child_by_field_name("function") or node
    if wrapped := _WRAPPED.fullmatch(text(node, source)):
        return wrapped[1]
    name = without_template_arguments(text(node, source)).lstrip("&( ").rstrip(") ")
    if _QUALIFIED.fullmatch(name):
        return name
    identifiers = _IDENTIFIER.findall(name)
    return identifiers[-1] if identifiers else None


def _target(node: Node, captures: Captures, source: bytes) -> str | None:
    if "mention.owner" in captures:
        return _held_in(captures["mention.owner"][0], node, source)
    if "target" not in captures:
        return None
    target = captures["target"][0]
    while target.type == "comment" and target.next_named_sibling is not None:
        target = target.next_named_sibling
    if target.type == "lambda_expression":
        return _bound_name(node, source)
    if "mention.alias" in captures:
        return text(target, source)
    if target.type == "string_literal":  # the row of that name, whose function is called so
        return f"THPVariable_{_string(target, source)}"
    return _last_identifier(target, captures, source)


def _based(node: Node, captures: Captures, source: bytes) -> str | None:
    return without_template_arguments(text(node, source)) or None


def _function_kind(node: Node, name: Node, source: bytes) -> str:
    """A kernel is a function that ``__global__`` stands before, or a macro that writes it."""
    marked = b"__global__" in source[node.start_byte : name.start_byte]
    return "kernel" if marked or _heads_kernel(name, source) else "function"


def _heads_kernel(name: Node, source: bytes) -> bool:
    return _KERNEL_HEAD.fullmatch(source, name.start_byte, name.end_byte) is not None


_DIALECT = Dialect(
    separator="::",
    plain_name=_PLAIN,
    definition_name=_defined,
    mention_names={
        Role.CALL: _called,
        Role.BASE: _based,
        Role.ENTRY: _entry,
        Role.OWNER: _owner,
        Role.TABLE: _last_identifier,
        Role.IMPL: _registered,
        Role.REGISTER: _last_identifier,
        Role.LAUNCH: _last_identifier,
        Role.ALIAS: _last_identifier,
    },
    by_text=frozenset({Role.CALL, Role.BASE}),
    ties_plainly=False,
    mention_target=_target,
    role=lambda role, node, source: role,
    function_kind=_function_kind,
    whole=lambda node: parent if (parent := node.parent) and parent.type == "template_declaration" else node,
    is_definition=lambda node: True,
    functions_nest=False,
    needs_no_type=lambda name: name.startswith(("structured_", "TORCH_LIBRARY")),
)
