"""``native_functions.yaml``, entry by entry: each operator with its schema, and each key of its ``dispatch:``.

The format is PyTorch's ``aten/src/ATen/native/README.md``. Left out: what an absent ``dispatch:`` means, and which
function a kernel's name stands for; both are the dispatcher linker's to say.
"""

from __future__ import annotations

import re

import yaml

from tour.model import Kind, Mention, Problem, Role, Symbol

_BRACKET = re.compile(rb"[\[\]{}]")
_DEEPEST = 1000
_SCHEMA = re.compile(r"\s*(?:(\w+)::)?([\w.]+)\s*(\(.*)", re.DOTALL)


def parse(path: str, source: bytes) -> tuple[list[Symbol], list[Mention], list[Problem]]:
    """Operators as symbols (``aten::add.Tensor``, its schema as signature), dispatch entries as mentions."""
    if _is_too_deep(source):
        return [], [], [Problem(path, 1, f"nested more than {_DEEPEST} deep")]
    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        document = yaml.compose(source, Loader=loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return [], [], [Problem(path, line, f"not valid YAML: {error.problem}")]
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        return [], [], [Problem(path, 1, f"not valid YAML: {error}")]
    symbols: list[Symbol] = []
    mentions: list[Mention] = []
    problems: list[Problem] = []
    if not isinstance(document, yaml.SequenceNode):
        return [], [], [Problem(path, 1, "expected a list of operators")]
    for entry in document.value:
        line = entry.start_mark.line + 1
        keys = _keys(entry)
        schema = _SCHEMA.match(keys["func"].value) if isinstance(keys.get("func"), yaml.ScalarNode) else None
        if schema is None:
            problems.append(Problem(path, line, "an entry without a func: that reads as a schema"))
            continue
        func = keys["func"].start_mark
        symbols.append(
            Symbol(
                Kind.OPERATOR,
                f"{schema[1] or 'aten'}::{schema[2]}",
                " ".join(schema[3].split()),
                func.line + 1,
                func.column,
                line,
                _last_line(entry),
                -1,
            )
        )
        mentions.extend(_dispatch(keys.get("dispatch"), len(symbols) - 1))
    return symbols, mentions, problems


def _is_too_deep(source: bytes) -> bool:
    """Whether brackets, or lists begun on one line, are nested so deep that libyaml, which recurses, would crash."""
    depth = 0
    for bracket in _BRACKET.findall(source):
        depth = max(0, depth + (1 if bracket in b"[{" else -1))
        if depth > _DEEPEST:
            return True
    return any(line.count(b"- ") + line.count(b"? ") > _DEEPEST for line in source.splitlines())


def _keys(entry: yaml.Node) -> dict[str, yaml.Node]:
    if not isinstance(entry, yaml.MappingNode):
        return {}
    return {key.value: value for key, value in entry.value if isinstance(key, yaml.ScalarNode)}


def _dispatch(node: yaml.Node | None, scope: int) -> list[Mention]:
    if not isinstance(node, yaml.MappingNode):
        return []
    return [
        Mention(
            Role.DISPATCH,
            kernel.value,
            key.strip(),
            kernel.start_mark.line + 1,
            kernel.start_mark.column,
            kernel.end_mark.line + 1,
            kernel.end_mark.column,
            scope,
        )
        for keys, kernel in node.value
        if isinstance(keys, yaml.ScalarNode) and isinstance(kernel, yaml.ScalarNode)
        for key in keys.value.split(",")
    ]


def _last_line(node: yaml.Node) -> int:
    end = node.end_mark
    return end.line if end.column == 0 else end.line + 1
