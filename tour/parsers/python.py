"""Python files: qualified names, imports made absolute, calls, bases, and the extension modules of a ``setup.py``.

Left out: what a name is bound to (the linkers' work), attributes set on ``self``, and code in strings.
"""

from __future__ import annotations

import re

from tree_sitter import Node

from tour.model import Lang, Role
from tour.parsers.treesitter import Captures, Dialect, Records, records, text

_PLAIN = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_DOTTED = re.compile(r"[\w.]+")
_SUPER = re.compile(r"super\([^()]*\)\.(\w+)")


def module_name(path: str) -> str:
    """The dotted name under which the tree's root, on ``sys.path``, would import ``path``."""
    parts = path.removesuffix(".pyi").removesuffix(".py").split("/")
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    return ".".join(parts)


def parse(path: str, source: bytes) -> Records:
    """Symbols, mentions and problems of one Python file; the first symbol is the module itself."""
    module = module_name(path)
    is_package = path.rsplit("/", 1)[-1].startswith("__init__.")
    package = module if is_package else module.rpartition(".")[0]

    def imported_from(node: Node, captures: Captures, source: bytes) -> str | None:
        base = absolute(text(captures["module"][0], source), package)
        if base is None or node.type == "wildcard_import":
            return base
        return f"{base}.{text(node, source)}" if base else text(node, source)

    dialect = Dialect(
        separator=".",
        plain_name=_PLAIN,
        definition_name=_plain,
        mention_names={
            Role.CALL: _called,
            Role.BASE: _plain,
            Role.IMPORT: _plain,
            Role.FROM: imported_from,
            Role.SOURCE: _plain,
        },
        mention_target=_bound,
        role=_role,
        whole=lambda node: parent if (parent := node.parent) and parent.type == "decorated_definition" else node,
        is_definition=lambda node: not _is_overload(node, source),
    )
    return records(Lang.PYTHON, path, source, dialect, module)


def absolute(module: str, package: str) -> str | None:
    """``module`` as written after ``from``, made absolute within ``package``; ``None`` if it climbs out of the tree.

    Follows ``importlib._bootstrap._resolve_name``.
    """
    dots = len(module) - len(module.lstrip("."))
    if not dots:
        return module
    parts = package.split(".") if package else []
    if dots - 1 > len(parts):
        return None
    kept = parts[: len(parts) - (dots - 1)]
    return ".".join([*kept, *([module[dots:].strip()] if module[dots:].strip() else [])])


def _plain(node: Node, captures: Captures, source: bytes) -> str:
    return text(node, source).replace(" ", "")


def _called(node: Node, captures: Captures, source: bytes) -> str | None:
    """``a.b.c`` as it stands; ``super().f``; ``.f`` where the receiver is itself an expression."""
    name = text(node, source).replace(" ", "")
    if _DOTTED.fullmatch(name):
        return name
    if node.type != "attribute":
        return None
    if found := _SUPER.fullmatch(name):
        return f"super().{found[1]}"
    attribute = node.child_by_field_name("attribute")
    return f".{text(attribute, source)}" if attribute else None


def _bound(node: Node, captures: Captures, source: bytes) -> str | None:
    """The local name that an import binds; the module or list that a source file is tied to."""
    if "target" in captures:
        return text(captures["target"][0], source)
    if "mention.import" in captures:
        return text(node, source).partition(".")[0]
    if "mention.from" in captures:
        return "*" if node.type == "wildcard_import" else text(node, source)
    return None


def _role(role: Role, node: Node, source: bytes) -> Role:
    """``TYPING`` for an import in the first branch of an ``if TYPE_CHECKING:``."""
    if role not in {Role.IMPORT, Role.FROM}:
        return role
    child, parent = node, node.parent
    while parent is not None:
        if parent.type == "if_statement" and child == parent.child_by_field_name("consequence"):
            condition = parent.child_by_field_name("condition")
            if condition is not None and text(condition, source).rpartition(".")[2] == "TYPE_CHECKING":
                return Role.TYPING
        child, parent = parent, parent.parent
    return role


def _is_overload(node: Node, source: bytes) -> bool:
    parent = node.parent
    if parent is None or parent.type != "decorated_definition":
        return False
    return any(
        child.type == "decorator" and text(child, source).rpartition(".")[2].lstrip("@ ") in {"overload", "_overload"}
        for child in parent.children
    )
