"""A place in some revision of a project: a line of a tree at hand, or an old link to a code host; and its text there.

An old link names a commit, a branch or a tag. Its text is looked for in the trees at hand (a tag's version), in the git
repositories among them, then on the host itself.
"""

from __future__ import annotations

import difflib
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote, unquote
from urllib.request import urlopen

from tour.errors import FetchError, TourError
from tour.model import in_tree, inside, tree_of
from tour.tree import Tree

HOST, RAW = "https://github.com/", "https://raw.githubusercontent.com/"
SECONDS = 20
"""How long a host may take to answer."""

_LINK = re.compile(
    re.escape(HOST) + r"(?P<project>[\w.-]+/[\w.-]+)/(?:blob|blame|raw|tree)/(?P<rest>[^#?]+)(?:\?[^#]*)?"
    r"#L(?P<first>\d+)(?:C\d+)?(?:-L?(?P<last>\d+)(?:C\d+)?)?"
)
_PLACE = re.compile(r"(?P<file>.+?)(?::|#L)(?P<first>\d+)(?:(?:-L?|:)(?P<last>\d+))?")
_REVISION = re.compile(r"\w[\w./+-]*")
_TAG = re.compile(r"v?(\d+\.\d+\.\d+)(?:[a-z.-]*rc\d+)?")


@dataclass(frozen=True, slots=True)
class Asked:
    """The lines that somebody asks about."""

    file: str
    """From the project's root; from anywhere, where no link says."""
    first: int
    last: int
    project: str | None = None
    """``owner/name`` of a link."""
    rest: str | None = None
    """What stands behind ``blob/`` in a link: a revision, which may hold slashes, and the file."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where a link's file is, and what it held."""

    file: str
    revision: str
    tree: Tree | None
    """The tree that has it, else ``text`` has it."""
    text: bytes
    whence: str


def asked(text: str) -> Asked:
    """What ``FILE:LINE``, ``FILE:FIRST-LAST`` or a link asks about; raises ``TourError`` where it is neither."""
    if link := _LINK.fullmatch(text.strip()):
        rest = unquote(link["rest"])
        first = int(link["first"])
        return Asked(rest.rpartition("/")[2], first, int(link["last"] or first), link["project"], rest)
    if text.startswith(("http://", "https://")):
        raise TourError(
            f"{text!r} is no link to a line",
            hint="Such a link reads https://github.com/OWNER/NAME/blob/REVISION/FILE#L12 or #L12-L20.",
        )
    if place := _PLACE.fullmatch(text.strip()):
        first = int(place["first"])
        last = int(place["last"] or first)
        return Asked(place["file"], first, last if last >= first else first)
    raise TourError(f"{text!r} is no place", hint="A place reads FILE:LINE, FILE:FIRST-LAST, or is a link to a line.")


def within(file: str, tree: Tree) -> str:
    """A file as the tree calls it, given from its root or from where we stand; raises ``TourError``.

    It may lie in a tree beside the first, whose name it then begins with.
    """
    each = {one.name: one for one in (tree, *tree.beside)}
    if (wanted := tree_of(file)) in each and (each[wanted].root / inside(file)).is_file():
        return in_tree(wanted, Path(inside(file)).as_posix())
    for one in () if wanted else sorted(each.values(), key=lambda one: one.name != tree.asked):
        if (found := _in(file, one)) is not None:
            return in_tree(one.name if one is not tree else "", found)
    root = each[tree.asked].root if tree.asked in each else tree.root
    beside = (root / file).parent
    name = Path(file).name
    near = difflib.get_close_matches(name, [found.name for found in beside.iterdir()]) if beside.is_dir() else []
    nearest = f" The nearest: {', '.join(near)}." if near else ""
    raise TourError(f"{tree.titles} has no file {file!r}", hint=f"Name it from {root}, or from here.{nearest}")


def _in(file: str, tree: Tree) -> str | None:
    if (tree.root / file).is_file() and not Path(file).is_absolute():
        return Path(file).as_posix()
    path = Path(file).expanduser()
    if path.is_file() and path.resolve().is_relative_to(tree.root.resolve()):
        return path.resolve().relative_to(tree.root.resolve()).as_posix()
    return None


def find(link: Asked, trees: Sequence[Tree]) -> Found:
    """The text behind a link. Raises ``FetchError`` with all that was tried where nobody has it."""
    assert link.rest is not None and link.project is not None
    readings = list(_readings(link.rest, trees))
    tried: list[str] = []
    for revision, file in readings:
        for look in (_in_trees, _in_repositories):
            if found := look(revision, file, trees):
                return found
    revision, file = readings[0]
    tried.append("no tree or git repository at hand has it")
    address = f"{RAW}{link.project}/{quote(revision)}/{quote(file)}"
    try:
        with urlopen(address, timeout=SECONDS) as answer:
            return Found(file, revision, None, answer.read(), address)
    except (URLError, OSError, ValueError) as error:
        tried.append(f"{address}: {getattr(error, 'reason', error)}")
    raise FetchError(
        f"cannot get the text of {file} at {revision}: {'; '.join(tried)}",
        hint="`tour get` brings a release; `tour get PATH` names a git checkout that has the commit.",
    )


def _readings(rest: str, trees: Iterable[Tree]) -> Iterable[tuple[str, str]]:
    """Revision and file, likeliest first: a branch's name may hold slashes, and where it ends no link says."""
    parts = rest.split("/")
    split = [("/".join(parts[:count]), "/".join(parts[count:])) for count in range(1, len(parts))]
    valid = [(revision, file) for revision, file in split if _REVISION.fullmatch(revision) and ".." not in revision]
    if not valid:
        raise TourError(f"{rest!r} names no revision and file")
    roots = {entry.name for tree in trees for entry in tree.root.iterdir()}
    return sorted(valid, key=lambda reading: reading[1].partition("/")[0] not in roots)


def _in_trees(revision: str, file: str, trees: Iterable[Tree]) -> Found | None:
    tag = _TAG.fullmatch(revision)
    for tree in trees:
        if tag and tree.version == tag[1] and (tree.root / file).is_file():
            return Found(file, revision, tree, tree.read(file), f"PyTorch {tree.version}")
    return None


def _in_repositories(revision: str, file: str, trees: Iterable[Tree]) -> Found | None:
    for tree in trees:
        if not (tree.root / ".git").exists():
            continue
        shown = subprocess.run(
            ["git", "-C", str(tree.root), "show", f"{revision}:{file}"], capture_output=True, stdin=subprocess.DEVNULL
        )
        if shown.returncode == 0:
            return Found(file, revision, None, shown.stdout, f"the repository in {tree.root}")
    return None
