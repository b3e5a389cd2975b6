"""Python files: qualified names, imports made absolute, calls, bases, and the extension modules of a ``setup.py``.

Also what binds a name to another name or to an object of a class, and which functions are handed to a thread or
process. Left out: what a name means where it stands (the linkers' work), and code in strings.
"""

from __future__ import annotations

import re
from functools import lru_cache

from tree_sitter import Node

from tour.model import Lang, MentionFields, Role, SymbolFields
from tour.parsers.treesitter import Captures, Dialect, Records, records, syntax, text

_PLAIN = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_OPTIONAL = re.compile(r"(?:\w+\.)*Optional\[(.*)\]|(.*)\|None|None\|(.*)")
_LONGEST_CHAIN = 40
_CLASS = re.compile(r"(?:\w+\.)*_*[A-Z]\w*")
_NO_CLASS = frozenset(
    {
        "Any", "Callable", "ClassVar", "Dict", "Final", "Generator", "Generic", "Iterable", "Iterator",
        "List", "Literal", "Mapping", "NamedTuple", "NewType", "NoReturn", "None", "Optional",
        "OrderedDict", "Path", "Self", "Sequence", "Set", "Tuple", "Type", "TypeVar", "Union",
    }
)  # fmt: skip
"""Names from the standard library that look like classes and lead nowhere in a tree."""
_BY_TEXT = frozenset({Role.CALL, Role.BASE, Role.SOURCE, Role.ALIAS, Role.INSTANCE, Role.DECORATOR, Role.START})
_WRAPPERS = frozenset({"_add_docstr", "add_docstr", "partial", "boolean_dispatch"})
"""What gives back the function that it takes, as ``queries/python_wrapped.scm`` knows."""


def module_name(path: str) -> str:
    """The dotted name under which the tree's root, on ``sys.path``, would import ``path``."""
    parts = path.removesuffix(".pyi").removesuffix(".py").split("/")
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    return ".".join(parts)


def parse(path: str, source: bytes, import_path: str | None = None) -> Records:
    """Symbols, mentions and problems of one Python file; the first symbol is the module itself.

    Its name is told by ``import_path``, the file's path from the folder from which it is imported.
    """
    module = module_name(import_path or path)
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
            Role.SKIP: _plain,
            Role.ALIAS: _element,
            Role.INSTANCE: _class,
            Role.DECORATOR: _plain,
            Role.START: _plain,
            Role.ARGUMENT: _element,
        },
        by_text=_BY_TEXT,
        ties_plainly=True,
        mention_target=_bound,
        role=_role if b"TYPE_CHECKING" in source else _as_captured,
        function_kind=lambda node, name, source: "function",
        whole=_decorated,
        is_definition=lambda whole: not _is_overload(whole, source),
    )
    symbols, mentions, problems = records(syntax(Lang.PYTHON, source), path, dialect, module)
    return symbols, _without_values(symbols, mentions), problems


def _without_values(symbols: list[SymbolFields], mentions: list[MentionFields]) -> list[MentionFields]:
    """Of all that functions return only the functions and classes defined in them."""
    inner = {(symbol[7], symbol[1].rpartition(".")[2]) for symbol in symbols if symbol[7] > 0}
    return [
        mention
        for mention in mentions
        if mention[0] != "alias" or mention[2] != "return" or (mention[7], mention[1]) in inner
    ]


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
    """``a.b.c`` as it stands, arguments and indices left out: ``a[].b``, ``a().b``; ``.b`` of any other expression.

    ``a()`` where what a call gives is called: ``a(1)(2)``.
    """
    name = _shape(node, source)
    return None if name == "" or name.endswith("[]") else name


def _shape(node: Node, source: bytes) -> str:
    """A chain of attributes, calls and indices; ``""`` where it does not start with a name, or goes on for ever."""
    marks: list[str] = []
    while node.type != "identifier":
        if node.type == "attribute":
            inner, attribute = node.child_by_field_name("object"), node.child_by_field_name("attribute")
            mark = f".{text(attribute, source)}" if attribute else ""
        elif node.type == "call":
            inner, mark = node.child_by_field_name("function"), "()"
        elif node.type == "subscript":
            inner, mark = node.child_by_field_name("value"), "[]"
        else:
            inner, mark = None, ""
        marks.append(mark)
        if inner is None or not mark or len(marks) > _LONGEST_CHAIN:
            # of what is no name only the last attribute can say something
            return marks[0] if marks[0].startswith(".") else ""
        node = inner
    return text(node, source) + "".join(reversed(marks))


def _element(node: Node, captures: Captures, source: bytes) -> str | None:
    """A name, or ``a.b[]`` for any element of ``a.b``; no argument of a function that gives back something else."""
    if "wrapper" in captures:
        wrapper = text(captures["wrapper"][0], source).rpartition(".")[2]
        if wrapper not in _WRAPPERS and not wrapper.endswith("_type_error_to_not_implemented"):
            return None
    if "branch" in captures and text(captures["branch"][0], source) not in {"if_true", "if_false"}:
        return None
    return _shape(node, source) or None


def _class(node: Node, captures: Captures, source: bytes) -> str | None:
    """What is called or annotated, where it looks like a class; at the top of a module any function that is called."""
    name = _class_of(source[node.start_byte : node.end_byte])
    if "top" not in captures:
        return name
    called = _plain(node, captures, source) if name is None else ""
    return called if called.rpartition(".")[2] not in _WRAPPERS else None


@lru_cache(maxsize=1 << 9)
def _class_of(raw: bytes) -> str | None:
    """The class that is called or annotated, where it looks like one: ``C`` of ``C``, ``"C"`` and ``Optional[C]``."""
    name = b"".join(raw.split()).strip(b"\"'").decode("utf-8", "replace")
    while found := _OPTIONAL.fullmatch(name):
        name = next(filter(None, found.groups()), "").strip("\"'")
    return name if _CLASS.fullmatch(name) and name.rpartition(".")[2] not in _NO_CLASS else None


def _bound(node: Node, captures: Captures, source: bytes) -> str | None:
    """The name that a statement binds; the module, list or starter that a place is tied to; an argument's position."""
    if "target" in captures:
        target = text(captures["target"][0], source)
        appended = "mention.alias" in captures and "method" in captures
        return f"{target}[]" if appended else target
    if "mention.instance" in captures or "mention.alias" in captures:
        return "return"
    if "mention.argument" in captures:
        return str(_position(node, text(captures["starter"][0], source).rpartition(".")[2]))
    if "mention.import" in captures:
        return text(node, source).partition(".")[0]
    if "mention.from" in captures:
        return "*" if node.type == "wildcard_import" else text(node, source)
    return None


def _position(node: Node, starter: str) -> int:
    """Which of the started function's parameters an argument becomes, from 0."""
    around = node.parent
    at = [child.id for child in around.named_children if child.type != "comment"].index(node.id) if around else 0
    # Of `submit(f, a, b)` the function itself is an argument; `spawn` puts the process's number before all others.
    return at - 1 if starter == "submit" else at + (starter in {"spawn", "start_processes"})


def _as_captured(role: str, node: Node, source: bytes) -> str:
    return role


def _role(role: str, node: Node, source: bytes) -> str:
    """``typing`` for an import in the first branch of an ``if TYPE_CHECKING:``."""
    if role not in {"import", "from"}:
        return role
    child, parent = node, node.parent
    while parent is not None:
        if parent.type == "if_statement" and child == parent.child_by_field_name("consequence"):
            condition = parent.child_by_field_name("condition")
            if condition is not None and text(condition, source).rpartition(".")[2] == "TYPE_CHECKING":
                return Role.TYPING.value
        child, parent = parent, parent.parent
    return role


def _decorated(node: Node) -> Node:
    """A function or class with its decorators."""
    if node.type == "assignment":
        return node
    parent = node.parent
    return parent if parent is not None and parent.type == "decorated_definition" else node


def _is_overload(whole: Node, source: bytes) -> bool:
    return whole.type == "decorated_definition" and any(
        child.type == "decorator" and text(child, source).rpartition(".")[2].lstrip("@ ") in {"overload", "_overload"}
        for child in whole.children
    )
