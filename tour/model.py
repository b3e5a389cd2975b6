"""The words that every other module shares: languages, kinds, and the records that linkers yield.

Positions: lines count from 1, columns from 0 in bytes, ends are excluded for columns and included for lines.
Only parsers and renderers convert to or from anything else.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Protocol

LANGS = ("en", "zh")
"""The languages that tours and the interface are written in; the first is the one without a prefix."""


class Lang(StrEnum):
    """The language of a source file; decides its parser."""

    PYTHON = "python"
    C = "c"
    CPP = "cpp"
    CUDA = "cuda"
    OPERATORS = "operators"
    """``native_functions.yaml``."""
    DERIVATIVES = "derivatives"
    """``derivatives.yaml``."""

    @property
    def scheme(self) -> str:
        """The prefix of a symbol id: ``py``, ``c``, ``cpp`` (C++ and CUDA share a linker namespace) or ``op``."""
        return {"python": "py", "cuda": "cpp", "operators": "op", "derivatives": "cpp"}.get(self.value, self.value)


class Kind(StrEnum):
    """What a symbol is, in any language."""

    MODULE = "module"
    NAMESPACE = "namespace"
    CLASS = "class"
    FUNCTION = "function"
    METHOD = "method"
    KERNEL = "kernel"
    """A CUDA ``__global__`` function."""
    VARIABLE = "variable"
    ENUM = "enum"
    ALIAS = "alias"
    MACRO = "macro"
    OPERATOR = "operator"


class Role(StrEnum):
    """Why a place names a symbol."""

    CALL = "call"
    IMPORT = "import"
    """``import a.b``: ``name`` is the module, ``target`` the name it binds."""
    FROM = "from"
    """``from a import b``: ``name`` is ``a.b``, ``target`` the name it binds; for ``*`` ``name`` is ``a``."""
    TYPING = "typing"
    """An import under ``if TYPE_CHECKING:``, which never runs: ``name`` is imported, ``target`` bound."""
    BASE = "base"
    ENTRY = "entry"
    """A row of a method table: ``name`` is the Python name, ``target`` the C function."""
    TABLE = "table"
    """A method table handed to a module under construction: ``name`` is the table's variable."""
    SOURCE = "source"
    """A source file listed for an extension module: ``name`` is the path, ``target`` the module."""
    DISPATCH = "dispatch"
    """One key of an operator's ``dispatch:``: ``name`` is the kernel, ``target`` the dispatch key."""
    STRUCTURED = "structured"
    """The same of a structured operator: the kernel is what ``TORCH_IMPL_FUNC(name)`` defines."""
    UFUNC = "ufunc"
    """One key of ``ufunc_inner_loop:``: ``name`` is the function in ``at::native::ufunc``, ``target`` the key."""
    DELEGATE = "delegate"
    """``structured_delegate:``: ``name`` is the operator that computes for this one."""
    AUTOGEN = "autogen"
    """``autogen:``: ``name`` is an operator that code generation derives from this one."""
    GENERATE = "generate"
    """A binding that code generation makes: ``name`` is the Python name, ``target`` the operator."""
    IMPL = "impl"
    """A registration in C++: ``name`` is the operator, ``target`` the kernel."""
    REGISTER = "register"
    """``REGISTER_DISPATCH`` and its kin: ``name`` is the stub, ``target`` the kernel."""
    LAUNCH = "launch"
    """A launch: ``name`` is the kernel."""
    DERIVATIVE = "derivative"
    """An entry of ``derivatives.yaml``: ``name`` is the operator, ``target`` the key or ``Default``."""
    FORMULA = "formula"
    """A function that a derivative's formula calls; ``target`` is the argument that it is the gradient of."""
    SKIP = "skip"
    """A name for which code generation makes no binding: a regular expression."""
    OWNER = "owner"
    """A module or class made in C++: ``name`` is its Python name, ``target`` the variable that holds it."""
    ALIAS = "alias"
    """``x = a.b``, ``x = partial(a.b, …)``: ``name`` is ``a.b``, ``target`` the name bound, ``x`` or ``self.x``.

    ``x = a.b[i]`` and ``a.b.append(x)`` name any element of ``a.b`` as ``a.b[]``. For ``return f`` of a function made
    in the same body ``target`` is ``return``.
    """
    INSTANCE = "instance"
    """``x = C(…)`` or ``x: C``: ``name`` is ``C``, ``target`` the name bound, ``x`` or ``self.x``.

    For ``def f() -> C`` ``target`` is ``return``.
    """
    DECORATOR = "decorator"
    """``@a.b`` without arguments, on the lines before a function or class; with arguments it is a ``CALL``."""
    START = "start"
    """A function handed to a thread or process: ``name`` is the function, ``target`` what starts it."""
    ARGUMENT = "argument"
    """An argument handed along with it: ``name`` as written, ``target`` its position or keyword."""


class LinkKind(StrEnum):
    """How a fact leads from one symbol to another (the joints of PyTorch)."""

    CONTAINS = "contains"
    INHERITS = "inherits"
    IMPORTS = "imports"
    CALLS = "calls"
    INIT = "init"
    BINDS = "binds"
    GENERATES = "generates"
    DISPATCHES = "dispatches"
    STUBS = "stubs"
    LAUNCHES = "launches"
    DIFFERENTIATES = "differentiates"
    STARTS = "starts"
    HANDS = "hands"
    THEN = "then"


class Grade(StrEnum):
    """How sure a link is, surest first."""

    EXACT = "exact"
    """Resolved by scope, by libclang, or by a declaration such as a table entry."""
    NAME = "name"
    """By name only; the link says how many candidates there were."""
    ASSERTED = "asserted"
    """The tour's author says so and gives a reason."""


class Lane(StrEnum):
    """The layer that a step lives in."""

    PYTHON = "python"
    BINDING = "binding"
    GENERATED = "generated"
    DISPATCHER = "dispatcher"
    CPP = "cpp"
    KERNEL = "kernel"
    PROCESS = "process"


SymbolFields = tuple[str, str, str, int, int, int, int, int, bool]
"""What a ``parsers.facts.Symbol`` holds, in its order, the kind as text."""

MentionFields = tuple[str, str, str | None, int, int, int, int, int]
"""What a ``parsers.facts.Mention`` holds, in its order, the role as text.

A tree has more than a million of them on their way into the index; a record takes a hundred times as long to make.
"""


PYTORCH = "pytorch"
"""What PyTorch's own tree is called."""

_TREE = "//"
"""Between a tree's name and a path in it; no path that was tidied holds it."""


def tree_of(path: str) -> str:
    """The tree that a path says it is in; ``""`` for the first of those that are asked together."""
    return path.partition(_TREE)[0] if _TREE in path else ""


def inside(path: str) -> str:
    """A path from its own tree's root."""
    return path.partition(_TREE)[2] if _TREE in path else path


def in_tree(tree: str, path: str) -> str:
    """A path as it reads where other trees are asked too: ``pytorch3d//setup.py``; of the first tree as it is."""
    return f"{tree}{_TREE}{path}" if tree else path


def told(tree: str, version: str) -> str:
    """What a reader is told of a tree: ``PyTorch 2.6.0``, ``pytorch3d 0.7.9``; of a version ``0``, none, its name."""
    name = "PyTorch" if tree == PYTORCH else tree
    return name if version == "0" else f"{name} {version}"


class At(NamedTuple):
    """A line that shows something: ``file`` relative to the tree's root with ``/``, ``line`` from 1.

    A file of a tree that stands beside the first begins with that tree's name (``in_tree``).
    A tuple, as links and their ends are, for a search makes and compares them by the ten thousand.
    """

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Link(NamedTuple):
    """A directed fact from one symbol to another."""

    kind: LinkKind
    source: str
    """Id of the symbol it starts from."""
    target: str
    """Id of the symbol it leads to."""
    target_at: At | None
    """Where the target is defined, where the linker knows; tells same-named symbols apart."""
    at: At
    """Where one can see the fact."""
    rule: str
    """The linker and rule that made it: ``cpp_calls/scope``."""
    grade: Grade
    candidates: int = 1
    """How many symbols the name could have meant; over 1 only for ``Grade.NAME``."""
    key: str | None = None
    """The dispatch key or device that it holds for, where it holds for one."""


class Progress(Protocol):
    """What long work calls as it goes on; the library never prints."""

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """Say that ``done`` of ``total`` units of ``what`` are behind us; ``total`` is ``None`` where unknown."""


def silent(what: str, done: int, total: int | None) -> None:
    """A ``Progress`` that says nothing."""
