"""``native_functions.yaml`` and ``derivatives.yaml``, entry by entry, with lines.

Of the first each operator with its schema, the kernels that its entry names or implies, the operators that compute for
it or are derived from it, and the Python names that code generation binds it to. Of the second the autograd node that
each entry becomes, with what its formulas call. The formats are PyTorch's ``aten/src/ATen/native/README.md``,
``torchgen/model.py`` (``NativeFunction.from_yaml``) and ``tools/autograd/load_derivatives.py``. Left out: which
definition a kernel's name stands for; that is the linkers' to say.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import yaml

from tour.model import Kind, Role
from tour.parsers.facts import Mention, Problem, Symbol

_BRACKET = re.compile(rb"[\[\]{}]")
_DEEPEST = 1000
_SCHEMA = re.compile(r"\s*(?:(\w+)::)?([\w.]+)\s*(\(.*)", re.DOTALL)
_CALLED = re.compile(r"([A-Za-z_][\w:]*)(?:<[\w:, ]*>)?\(")
_NOT_FUNCTIONS = frozenset({"if", "std::tuple", "std::make_tuple", "std::vector", "not_implemented", "TensorGeometry"})
_PYTHON_MODULES = {"nn": "torch._C._nn"}
"""Where ``python_module: nn`` functions are bound; of any other ``m`` it is ``torch._C._m``."""

Records = tuple[list[Symbol], list[Mention], list[Problem]]


def parse(path: str, source: bytes) -> Records:
    """Operators as symbols (``aten::add.Tensor``, its schema as signature), and what their entries say as mentions."""
    entries, problems = _entries(path, source)
    symbols: list[Symbol] = []
    mentions: list[Mention] = []
    for entry in entries:
        keys = _keys(entry)
        schema = _SCHEMA.match(keys["func"].value) if isinstance(keys.get("func"), yaml.ScalarNode) else None
        if schema is None:
            problems.append(Problem(path, entry.start_mark.line + 1, "an entry without a func: that reads as a schema"))
            continue
        symbols.append(_symbol(Kind.OPERATOR, f"{schema[1] or 'aten'}::{schema[2]}", schema[3], keys["func"], entry))
        mentions.extend(_of_operator(keys, symbols[-1], schema[2], len(symbols) - 1))
        autogen = keys.get("autogen")
        if isinstance(autogen, yaml.ScalarNode):
            symbols += [_symbol(Kind.OPERATOR, name, "", autogen, autogen) for name in _autogen(autogen)]
    mentions.sort(key=lambda mention: (mention.scope, mention.line, mention.column))
    return symbols, mentions, problems


def parse_derivatives(path: str, source: bytes) -> Records:
    """Autograd nodes as symbols (``torch::autograd::generated::MulBackward0``), numbered as code generation does."""
    entries, problems = _entries(path, source)
    symbols: list[Symbol] = []
    mentions: list[Mention] = []
    count: Counter[str] = Counter()
    lines = source.decode("utf-8", "replace").splitlines()
    for entry in entries:
        keys = _keys(entry)
        schema = _SCHEMA.match(keys["name"].value) if isinstance(keys.get("name"), yaml.ScalarNode) else None
        if schema is None:
            problems.append(Problem(path, entry.start_mark.line + 1, "an entry without a name: that reads as a schema"))
            continue
        operator = f"{schema[1] or 'aten'}::{schema[2]}"
        by_key = _keys(keys["dispatch"]) if "dispatch" in keys else {"Default": entry}
        for key, formulas in by_key.items():
            found = [
                (of, formula)
                for of, formula in _keys(formulas).items()
                if of not in {"name", "dispatch", "output_differentiability"} and isinstance(formula, yaml.ScalarNode)
            ]
            if not any(formula.value != "non_differentiable" for of, formula in found if not of.startswith("result")):
                continue  # code generation makes no node then
            prefix = _node_prefix(schema[2].partition(".")[0]) + (key if key != "Default" else "")
            name = f"torch::autograd::generated::{prefix}{count[prefix]}"
            count[prefix] += 1
            symbols.append(_symbol(Kind.CLASS, name, "", keys["name"], entry if len(by_key) == 1 else formulas))
            at = len(symbols) - 1
            mentions.append(_mention(Role.DERIVATIVE, operator, key, keys["name"], at))
            for of, formula in found:
                if not of.startswith("result"):  # those are for forward mode
                    mentions.extend(_calls(formula, of, lines, at))
    return symbols, mentions, problems


def _entries(path: str, source: bytes) -> tuple[list[yaml.Node], list[Problem]]:
    """The items of the list that the document must be."""
    if _is_too_deep(source):
        return [], [Problem(path, 1, f"nested more than {_DEEPEST} deep")]
    try:
        document = yaml.compose(source, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return [], [Problem(path, line, f"not valid YAML: {error.problem}")]
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        return [], [Problem(path, 1, f"not valid YAML: {error}")]
    if not isinstance(document, yaml.SequenceNode):
        return [], [Problem(path, 1, "expected a list of entries")]
    return document.value, []


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


def _symbol(kind: Kind, name: str, signature: str, named: yaml.Node, entry: yaml.Node) -> Symbol:
    """A symbol that its ``named`` node names and its whole ``entry`` spans."""
    start, end = named.start_mark, entry.end_mark
    first = min(start.line, entry.start_mark.line) + 1
    last = end.line if end.column == 0 else end.line + 1
    return Symbol(kind, name, " ".join(signature.split()), start.line + 1, start.column, first, last, -1)


def _mention(role: Role, name: str, target: str | None, node: yaml.Node, scope: int) -> Mention:
    start, end = node.start_mark, node.end_mark
    return Mention(role, name, target, start.line + 1, start.column, end.line + 1, end.column, scope)


def _of_operator(keys: dict[str, yaml.Node], symbol: Symbol, name: str, scope: int) -> Iterator[Mention]:
    """All that one entry says."""
    structured = _flag(keys.get("structured"))
    delegate = keys.get("structured_delegate")
    if isinstance(delegate, yaml.ScalarNode):
        yield _mention(Role.DELEGATE, f"aten::{delegate.value.strip()}", None, delegate, scope)
    for key, kernel in _by_key(keys.get("dispatch")):
        yield _mention(Role.STRUCTURED if structured else Role.DISPATCH, kernel.value, key, kernel, scope)
    for key, kernel in _by_key(keys.get("ufunc_inner_loop")):
        yield _mention(Role.UFUNC, kernel.value.partition("(")[0].strip(), key, kernel, scope)
    if "dispatch" not in keys and not structured and not isinstance(delegate, yaml.ScalarNode):
        kernel_name = _cpp_name(name, symbol.signature)
        yield _mention(Role.DISPATCH, kernel_name, "CompositeImplicitAutograd", keys["func"], scope)
    autogen = keys.get("autogen")
    if isinstance(autogen, yaml.ScalarNode):
        for derived in _autogen(autogen):
            yield _mention(Role.AUTOGEN, derived, None, autogen, scope)
    for python_name in _python_names(keys, name.partition(".")[0]):
        yield _mention(Role.GENERATE, python_name, symbol.qualname, keys["func"], scope)


def _autogen(node: yaml.ScalarNode) -> list[str]:
    """The operators that code generation derives from an entry; they have no schema in the tree."""
    return [f"aten::{name.strip()}" for name in node.value.split(",") if name.strip()]


def _flag(node: yaml.Node | None) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.value.lower() == "true"


def _by_key(node: yaml.Node | None) -> Iterator[tuple[str, yaml.ScalarNode]]:
    """``CPU, CUDA: kernel`` as two rows."""
    for keys, kernel in node.value if isinstance(node, yaml.MappingNode) else ():
        if isinstance(keys, yaml.ScalarNode) and isinstance(kernel, yaml.ScalarNode):
            for key in keys.value.split(","):
                yield key.strip(), kernel


def _cpp_name(name: str, schema: str) -> str:
    """The C++ function that an entry without ``dispatch:`` means (``torchgen/api/cpp.py``, ``name``)."""
    base = name.partition(".")[0]
    arguments = schema.partition("->")[0]
    writes_out = "!" in arguments.partition("*,")[2]
    return f"{base}_out" if writes_out else base


def _python_names(keys: dict[str, yaml.Node], name: str) -> Iterator[str]:
    """Where ``tools/autograd/gen_python_functions.py`` binds an operator, its list of exceptions not yet applied."""
    module = keys.get("python_module")
    if isinstance(module, yaml.ScalarNode):
        yield f"{_PYTHON_MODULES.get(module.value, f'torch._C._{module.value}')}.{name}"
        return
    variants = keys.get("variants")
    written = variants.value if isinstance(variants, yaml.ScalarNode) else "function"
    if "function" in written:
        yield f"torch.{name}"
    if "method" in written:
        yield f"torch.Tensor.{name}"


def _node_prefix(name: str) -> str:
    """``AddBackward`` of ``add`` (``tools/autograd/load_derivatives.py``, ``_create_op_prefix``)."""
    camel = "".join(part.title() for part in name.split("_"))
    return f"{camel}Backward".replace("ForwardBackward", "Backward")


def _calls(formula: yaml.ScalarNode, of: str, lines: list[str], scope: int) -> Iterator[Mention]:
    """The functions that a formula calls; its methods (``grad.sum()``) are left out."""
    first, end = formula.start_mark.line, formula.end_mark
    last = min(end.line - (end.column == 0), len(lines) - 1)  # a block ends where the next line begins
    for row in range(first, last + 1):
        start = formula.start_mark.column if row == first else 0
        for found in _CALLED.finditer(lines[row], start):
            before = lines[row][found.start() - 1] if found.start() else " "
            if before in "._" or found[1] in _NOT_FUNCTIONS or found[1].startswith("std::"):
                continue
            end = found.end(1)
            yield Mention(Role.FORMULA, found[1], of, row + 1, found.start(), row + 1, end, scope)
