"""Every symbol and file of a tree in the order in which a reader who looks for a name would want them.

Left out: namespaces, and declarations of what is defined elsewhere.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tour.index import Index, last_part
from tour.model import Kind


class Listed(NamedTuple):
    """A name that can be looked for, and where it leads."""

    name: str
    """Its last part; of a file the file's name."""
    scope: str
    """What stands before it, with the dot or colons; of a file its folder."""
    kind: str
    """A symbol's kind, or ``file``."""
    file: str
    line: int


_ASIDE = re.compile(
    r"(?:test|tests|benchmarks|third_party|caffe2|android|ios|binaries|scripts|tools|docs|\.\w+)/"
    r"|.*/(?:test|tests|testing|_internal|vulkan|metal|xnnpack|quantized)/|.*\.pyi$"
)
"""Files that few readers look for by name."""
_FIRST = re.compile(
    r"torch/(?:nn|autograd|optim|utils/data|csrc/autograd)/|aten/src/ATen/native/|c10/core/|torch/[^/]+$"
)


def rank(file: str) -> int:
    """How early a file's names come: 0 before 1 before 2."""
    return 2 if _ASIDE.match(file) else 0 if _FIRST.match(file) else 1


def symbols(index: Index) -> list[Listed]:
    """All of one tree, those of files that are read most first, each file's in its order."""
    rows = list(index.all_symbols())
    defined = {(scheme, qualname) for _, scheme, _, qualname, _, defines in rows if defines}
    by_file: dict[str, list[Listed]] = {}
    for file, scheme, kind, qualname, line, defines in rows:
        found = by_file.setdefault(file, [])
        if not defines and (scheme, qualname) in defined:
            continue
        name = qualname.rpartition("::")[2] if kind == Kind.OPERATOR else last_part(qualname)
        found.append(Listed(name, qualname[: len(qualname) - len(name)], kind, file, line))
    ordered = sorted(by_file, key=lambda file: (rank(file), file))
    found = []
    for file in ordered:
        folder, slash, name = file.rpartition("/")
        found.append(Listed(name, folder + slash, "file", file, 1))
        found += by_file[file]
    return found
