"""C, C++ and CUDA on one set of queries: namespaces, functions, classes, method tables, calls.

Left out: overload resolution, template instantiation and macro expansion. A macro between ``class`` and its name can
cost a class its members' scope; such stretches are reported as problems.
"""

from __future__ import annotations

import re

from tree_sitter import Node

from tour.model import Lang, Role
from tour.parsers.treesitter import Captures, Dialect, Records, records, text

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_QUALIFIED = re.compile(r"(::)?~?[A-Za-z_]\w*(::~?[A-Za-z_]\w*)*")


def parse(lang: Lang, path: str, source: bytes) -> Records:
    """Symbols, mentions and problems of one C, C++ or CUDA file."""
    return records(lang, path, source, _DIALECT)


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
    if node.type == "operator_cast":
        kind = node.child_by_field_name("type")
        return f"operator {text(kind, source)}" if kind else None
    name = without_template_arguments(text(node, source))
    return re.sub(r"\s*::\s*", "::", name).removeprefix("::").strip() or None


def _called(node: Node, captures: Captures, source: bytes) -> str | None:
    """``a::b::c`` without template arguments; ``.f`` for a call through an object or pointer."""
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
        inner = node.child_by_field_name("arguments") or node.child_by_field_name("value")
        if inner is None or not inner.named_children:
            break
        node = inner.named_children[-1]
    if node.type == "call_expression":
        node = node.child_by_field_name("function") or node
    name = text(node, source).lstrip("&( ").rstrip(") ")
    if _QUALIFIED.fullmatch(name):
        return name
    identifiers = _IDENTIFIER.findall(name)
    return identifiers[-1] if identifiers else None


def _target(node: Node, captures: Captures, source: bytes) -> str | None:
    return _last_identifier(captures["target"][0], captures, source) if "target" in captures else None


def _based(node: Node, captures: Captures, source: bytes) -> str | None:
    return without_template_arguments(text(node, source)) or None


_DIALECT = Dialect(
    separator="::",
    plain_name=re.compile(rb"[A-Za-z_][A-Za-z0-9_]*(::[A-Za-z_][A-Za-z0-9_]*)*"),
    definition_name=_defined,
    mention_names={
        Role.CALL: _called,
        Role.BASE: _based,
        Role.ENTRY: lambda node, captures, source: text(node, source).strip('"'),
        Role.TABLE: _last_identifier,
    },
    mention_target=_target,
    role=lambda role, node, source: role,
    whole=lambda node: parent if (parent := node.parent) and parent.type == "template_declaration" else node,
    is_definition=lambda node: True,
    functions_nest=False,
)
