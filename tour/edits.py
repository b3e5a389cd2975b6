"""Values of a YAML file changed in place: by where they stand, so that comments, order and spelling stay as they were.

What is changed is one mapping's keys; all else is kept to the byte. The result is read again and held against what was
meant, and refused where it says anything else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from tour.errors import TourError

Value = str | int | list[str]
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN = re.compile(r"[A-Za-z][\w./~-]*(:+[\w./~-]+)*")
"""Text that needs no quotes, in a flow mapping either."""


def changed(text: str, where: tuple[str | int, ...], values: Mapping[str, Value | None], after: str) -> str:
    """``text`` with some keys of the mapping at ``where`` set, or taken away where the value is ``None``.

    A key that is not there yet comes behind the key ``after``. Raises ``TourError`` where that cannot be done.
    """
    wanted = _apart(yaml.load(text, Loader=_LOADER))
    target = wanted
    for part in where:
        target = target[part]
    for key, value in values.items():
        target.pop(key, None)
        if value is not None:
            target[key] = value
    for key, value in values.items():
        text = _one(text, where, key, value, after)
    if yaml.load(text, Loader=_LOADER) != wanted:
        raise TourError("cannot be changed in place")
    return text


def _apart(value: Any) -> Any:
    """Data of which no two places are one: what an alias stands for would change in both."""
    if isinstance(value, dict):
        return {key: _apart(each) for key, each in value.items()}
    return [_apart(each) for each in value] if isinstance(value, list) else value


def _one(text: str, where: tuple[str | int, ...], key: str, value: Value | None, after: str) -> str:
    mapping = _node(yaml.compose(text, Loader=yaml.SafeLoader), where)
    if not isinstance(mapping, yaml.MappingNode):
        raise TourError("cannot be changed in place")
    pairs = {str(name.value): (number, name, held) for number, (name, held) in enumerate(mapping.value)}
    if key in pairs:
        number, name, held = pairs[key]
        if value is None:
            return _without(text, mapping, number)
        if isinstance(held, yaml.SequenceNode) and not held.flow_style and isinstance(value, list):
            first = held.value[0].start_mark
            dash = text.rindex("-", 0, first.index)
            item = f"- {_written(value[0], '')}\n{' ' * (dash - text.rindex(chr(10), 0, dash) - 1)}"
            return text[:dash] + item + text[dash:]  # what is new stands first
        block = isinstance(held, yaml.ScalarNode) and held.style in ("|", ">")
        written = _written(value, getattr(held, "style", None)) + ("\n" if block else "")
        return text[: held.start_mark.index] + written + text[held.end_mark.index :]
    if value is None:
        return text
    _, name, held = pairs[after]
    end = held.end_mark.index
    if mapping.flow_style:
        return f"{text[:end]}, {key}: {_written(value, '')}{text[end:]}"
    stop = text.find("\n", end)
    head, tail = (text + "\n", "") if stop < 0 else (text[: stop + 1], text[stop + 1 :])
    return f"{head}{' ' * name.start_mark.column}{key}: {_written(value, '')}\n{tail}"


def _without(text: str, mapping: yaml.MappingNode, number: int) -> str:
    """The text without the mapping's pair of that number."""
    name, held = mapping.value[number]
    start, end = name.start_mark.index, held.end_mark.index
    following = mapping.value[number + 1][0].start_mark.index if number + 1 < len(mapping.value) else None
    line = text.rfind("\n", 0, start) + 1
    if mapping.flow_style or text[line:start].strip():  # beside others, or behind the dash of a list
        if following is not None:
            return text[:start] + text[following:]
        return text[: mapping.value[number - 1][1].end_mark.index] + text[end:]
    stop = text.find("\n", end - 1)
    return text[:line] + ("" if stop < 0 else text[stop + 1 :])


def _node(node: Any, where: tuple[str | int, ...]) -> Any:
    for part in where:
        if isinstance(node, yaml.MappingNode):
            node = next((held for name, held in node.value if name.value == part), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
        else:
            return None
    return node


def _written(value: Value, style: str | None) -> str:
    """A value as it is written; what stood without quotes goes on so where that is safe."""
    if isinstance(value, str) and style is None and _PLAIN.fullmatch(value):
        return value
    return json.dumps(value, ensure_ascii=False)
