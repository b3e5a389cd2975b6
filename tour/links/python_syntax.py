"""What a function's body does besides calling, read from its text when somebody asks.

The index keeps the places that name something; what only touches it (an attribute, an index, a loop, an operator) is a
hundred times as much, and is read anew from the one function's text, with Python's own parser. Cannot see: functions
whose text this Python does not follow, and what stands outside functions.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from tour.index import Index, StoredSymbol

Function = ast.FunctionDef | ast.AsyncFunctionDef
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Place(NamedTuple):
    """One expression or statement of a body, and the symbol around it."""

    node: ast.AST
    line: int
    column: int
    end_line: int
    end_column: int
    scope: StoredSymbol
    """The innermost function or class around it."""


@dataclass(slots=True)
class Body:
    """A function as Python's parser reads it."""

    node: Function | None
    """None where the text cannot be read."""
    places: list[Place] = field(default_factory=list)
    """Every expression, and every statement that runs something implicitly, from the outside in."""


_KEPT = (
    ast.Attribute, ast.Subscript, ast.Call, ast.For, ast.AsyncFor, ast.With, ast.AsyncWith, ast.ListComp, ast.SetComp,
    ast.DictComp, ast.GeneratorExp, ast.Compare, ast.UnaryOp, ast.BinOp, ast.AugAssign, ast.If, ast.IfExp, ast.While,
    ast.BoolOp, ast.FormattedValue, ast.YieldFrom, ast.Starred, ast.Delete, ast.Assign, ast.AnnAssign, ast.Assert,
)  # fmt: skip


def read(index: Index, function: StoredSymbol, inside: dict[tuple[str, int], StoredSymbol]) -> Body:
    """The body of a function; ``inside`` holds the functions and classes of its file by name and line."""
    text = index.text(function.file, function.start_line, function.end_line)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of another program's text
            # An indented function is a statement of an `if`, whose line is the one before.
            module = ast.parse(b"if 1:\n" + text if text[:1].isspace() else b"\n" + text)
    except (SyntaxError, ValueError, RecursionError):
        return Body(None)
    found = next((node for node in _functions(module) if node.name == function.name), None)
    if found is None:
        return Body(None)
    body = Body(found)
    body.places = list(_places(found, function.start_line - 2, function, inside))
    return body


def assignments(index: Index, module: StoredSymbol) -> list[tuple[ast.expr, ast.expr]]:
    """Targets and values of what a module's own statements assign."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(index.text(module.file, 1, module.end_line))
    except (SyntaxError, ValueError, RecursionError):
        return []
    found: list[tuple[ast.expr, ast.expr]] = []
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            found += [(target, statement.value) for target in statement.targets]
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            found.append((statement.target, statement.value))
    return found


def _functions(module: ast.Module) -> Iterator[Function]:
    for statement in module.body:
        for node in statement.body if isinstance(statement, ast.If) else (statement,):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node


def _places(
    function: Function, before: int, symbol: StoredSymbol, inside: dict[tuple[str, int], StoredSymbol]
) -> Iterator[Place]:
    waiting: list[tuple[ast.AST, StoredSymbol]] = [(node, symbol) for node in reversed(function.body)]
    covered: set[int] = set()  # conditions, whose truth is asked by the statement
    while waiting:
        node, scope = waiting.pop()
        if isinstance(node, _SCOPES):
            scope = inside.get((node.name, node.lineno + before), scope)
        if isinstance(node, ast.AnnAssign) and node.value is None:
            continue  # which only says something of a name
        if isinstance(node, ast.If | ast.While | ast.IfExp | ast.Assert):
            covered.add(id(node.test))
        is_negation = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not) and id(node) in covered
        if isinstance(node, _KEPT) and not is_negation:
            end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0
            yield Place(node, node.lineno + before, node.col_offset, end_line + before, end_column, scope)
        waiting += [(child, scope) for child in reversed(list(ast.iter_child_nodes(node)))]


def shape(node: ast.AST | None) -> str | None:
    """An expression as names are written in the index: ``a.b``, ``a().b``, ``a[].b``; ``None`` for any other."""
    marks: list[str] = []
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute):
            marks.append(f".{node.attr}")
            node = node.value
        elif isinstance(node, ast.Call):
            marks.append("()")
            node = node.func
        elif isinstance(node, ast.Subscript):
            marks.append("[]")
            node = node.value
        else:
            return None
    return node.id + "".join(reversed(marks))


def yields(function: Function) -> bool:
    """Whether a function is a generator."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(node, (*_SCOPES, ast.Lambda)):
            waiting += ast.iter_child_nodes(node)
    return False


def returns(function: Function) -> list[ast.expr]:
    """What a function's ``return`` statements give."""
    found: list[ast.expr] = []
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Return) and node.value is not None:
            found.append(node.value)
        if not isinstance(node, (*_SCOPES, ast.Lambda)):
            waiting += ast.iter_child_nodes(node)
    return found


def arguments(function: Function) -> list[str]:
    """The names of a function's parameters, in their order; ``*args`` and ``**kwargs`` left out."""
    given = function.args
    return [argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs)]


def defaults(function: Function) -> dict[str, ast.expr]:
    """The default values of a function's parameters."""
    given = function.args
    plain = [*given.posonlyargs, *given.args]
    found = {
        argument.arg: default for argument, default in zip(reversed(plain), reversed(given.defaults), strict=False)
    }
    keyword = zip(given.kwonlyargs, given.kw_defaults, strict=True)
    return found | {argument.arg: default for argument, default in keyword if default is not None}


def argument_of(call: ast.Call, takes: list[str], name: str, skipped: int) -> ast.expr | None:
    """What a call hands to the parameter ``name``; the first ``skipped`` parameters are bound already."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    at = takes.index(name) - skipped
    before = call.args[: at + 1]
    if not 0 <= at < len(call.args) or any(isinstance(argument, ast.Starred) for argument in before):
        return None
    return call.args[at]


def is_plain(function: Function, name: str) -> bool:
    """Whether a parameter's annotation says that it is one of Python's own: ``int``, ``Tuple[int, int]``."""
    given = function.args
    for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs):
        if argument.arg == name and argument.annotation is not None:
            outer = argument.annotation
            return (shape(outer) or "").rstrip("[]").rpartition(".")[2] in _PLAIN
    return False


_PLAIN = frozenset(
    {"int", "float", "bool", "str", "bytes", "complex", "Tuple", "List", "Dict", "Sequence", "tuple", "list", "dict"}
)


def element_of(target: ast.expr, container: ast.expr, name: str) -> list[ast.expr]:
    """What a loop binds a name to, as an index into what it runs over: ``x[0]`` for the first of a pair."""
    if isinstance(target, ast.Name):
        return [ast.Subscript(container, ast.Name("", ast.Load()), ast.Load())] if target.id == name else []
    if isinstance(target, ast.Tuple):
        if isinstance(container, ast.Call) and shape(container.func) == "enumerate" and container.args:
            return element_of(target.elts[-1], container.args[0], name)
        for at, part in enumerate(target.elts):
            if isinstance(part, ast.Name) and part.id == name:
                return [ast.Subscript(container, ast.Constant(at), ast.Load())]
    return []


def held_by(annotation: ast.expr | None, part: object) -> list[str]:
    """The classes that an annotation says a container holds; of pairs those in the place ``part``."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            annotation = ast.parse(annotation.value, mode="eval").body
        except SyntaxError:
            return []
    if not isinstance(annotation, ast.Subscript):
        name = shape(annotation)
        return [name] if name is not None else []
    outer = (shape(annotation.value) or "").rpartition(".")[2]
    inner = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
    if outer in {"Tuple", "tuple"} and isinstance(part, int) and part < len(inner):
        return held_by(inner[part], None)
    if outer in {"Dict", "dict", "Mapping", "OrderedDict"}:
        return held_by(inner[-1], None)
    return [name for item in inner for name in held_by(item, part)]
