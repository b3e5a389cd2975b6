"""A YAML file held against a JSON Schema: what is written, as plain data, and each complaint with file and line.

The schema is the one statement of the form; editors read the same file. Mistakes that a schema cannot express, such as
a reference to something that is not there, are its caller's, who asks for the line with ``Form.wrong``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema
import yaml

from tour.errors import AnnotationError

Where = tuple[str | int, ...]
"""Which value of a file: the keys and positions that lead to it."""

DEEPEST = 8
"""Keys and positions that lead to a value, at most: an alias inside what it stands for would lead on for ever."""

_TEXT = "tag:yaml.org,2002:str"


@dataclass(frozen=True, slots=True)
class Form:
    """What a file says, and where it says it."""

    data: Any
    """Mappings, lists, text, numbers."""
    file: Path
    hint: str
    """Where an author finds what is expected."""
    lines: dict[Where, int]
    """The line of each value, of a mapping's value that of its key."""

    def wrong(self, what: str, *where: str | int, hint: str | None = None) -> AnnotationError:
        """The complaint ``what`` about the value that ``where`` leads to."""
        return AnnotationError(what, at=f"{self.file}:{self.line(*where)}", hint=hint or self.hint)

    def line(self, *where: str | int) -> int:
        """The line of the value that ``where`` leads to, or of what it would stand in."""
        while where not in self.lines:
            where = where[:-1]
        return self.lines[where]


def read(file: Path, text: str, schema: Path, hint: str) -> Form:
    """What ``text``, the content of ``file``, says; raises ``AnnotationError`` where it is not in form."""
    try:
        document = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise AnnotationError(f"not valid YAML: {error.problem}", at=f"{file}:{mark.line + 1 if mark else 1}") from None
    except yaml.YAMLError as error:
        raise AnnotationError(f"not valid YAML: {error}", at=f"{file}:1") from None
    if document is None:
        raise AnnotationError("the file is empty", at=f"{file}:1", hint=hint)
    lines: dict[Where, int] = {(): document.start_mark.line + 1}
    form = Form(_plain(document, (), lines, file, hint), file, hint, lines)
    try:
        _validator(schema)(form.data)
    except fastjsonschema.JsonSchemaValueException as error:
        raise _complaint(form, error) from None
    return form


def _plain(node: yaml.Node, where: Where, lines: dict[Where, int], file: Path, hint: str) -> Any:
    """A node as data; ``lines`` learns where each value stands."""
    if len(where) > DEEPEST:
        raise AnnotationError("nested too deep", at=f"{file}:{node.start_mark.line + 1}", hint=hint)
    if isinstance(node, yaml.MappingNode):
        values: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            name = str(key.value)
            if name in values:
                raise AnnotationError(f"{_named(where)}: {name!r} stands here twice", at=f"{file}:{line}", hint=hint)
            lines[(*where, name)] = line
            values[name] = _plain(value, (*where, name), lines, file, hint)
        return values
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            lines[(*where, number)] = item.start_mark.line + 1
        return [_plain(item, (*where, number), lines, file, hint) for number, item in enumerate(node.value)]
    return node.value if node.tag == _TEXT else yaml.safe_load(node.value)


@cache
def _validator(schema: Path) -> Callable[[Any], Any]:
    compiled: Callable[[Any], Any] = fastjsonschema.compile(
        json.loads(schema.read_text(encoding="utf-8")), use_default=False
    )
    return compiled


def _complaint(form: Form, error: fastjsonschema.JsonSchemaValueException) -> AnnotationError:
    """What a schema's rule asks for, in a sentence."""
    where = _stepped(form.data, error.path[1:])
    value, definition = error.value, error.definition or {}
    own = _named(where, form.data)
    outer, last = _named(where[:-1], form.data), where[-1] if where else ""
    if error.rule in {"required", "additionalProperties"}:
        for key in value:
            if key not in definition["properties"]:
                return form.wrong(f"{own}: unknown key {key!r}", *where, key)
        missing = next(key for key in definition["required"] if key not in value)
        return form.wrong(f"{own}: {missing} is missing", *where)
    if error.rule == "dependencies":
        keys = " and ".join(error.rule_definition)
        needed = ", ".join(dict.fromkeys(need for needs in error.rule_definition.values() for need in needs))
        return form.wrong(f"{own}: {keys} go with a {needed}", *where)
    if error.rule == "enum":
        return form.wrong(f"{outer}: {last} is {value!r}, expected one of {', '.join(error.rule_definition)}", *where)
    if error.rule == "uniqueItems":
        return form.wrong(f"{own}: something stands here twice", *where)
    expected = definition.get("title", f"a {error.rule_definition}")
    if error.rule == "pattern" and str(value).strip():
        return form.wrong(f"{outer}: {last} is {value!r}, expected {expected}", *where)
    return form.wrong(f"{own}: expected {expected}", *where)


def _stepped(data: Any, names: Sequence[str]) -> Where:
    """A validator's path, whose positions are text too, as it leads through the data."""
    where: list[str | int] = []
    for name in names:
        where.append(int(name) if isinstance(data, list) else name)
        try:
            data = data[where[-1]]
        except (KeyError, IndexError, TypeError):
            break
    return tuple(where)


def _named(where: Where, data: Any = None) -> str:
    """How an author calls the value at ``where``: ``anchor of 'pyinit'`` where what holds it has an id."""
    named, inner = "", list(where)
    for depth, part in enumerate(where):
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            break
        if isinstance(data, dict) and isinstance(data.get("id"), str):
            named, inner = repr(data["id"]), list(where[depth + 1 :])
    keys = [part for part in inner if isinstance(part, str)]
    if keys:
        return f"{keys[-1]} of {named}" if named else keys[-1]
    return f"step {named}" if named else "tour"
