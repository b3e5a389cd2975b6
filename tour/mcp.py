"""What an assistant may ask of the index: a server of the Model Context Protocol, which answers as ``--json`` does.

Each tool calls what the command of its name calls and hands on what that command prints. Nothing is written to a tree,
and nothing is run. A tree is named by what ``tour trees`` lists, never by a folder: an assistant reads what somebody
has brought and indexed, and no other place of the machine. It speaks over standard input and output, as clients that
start a server on their own machine expect, and opens no port.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ResourceNotFoundError, ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

import tour
from tour.errors import TourError, TreeError, UnknownName, nearest
from tour.model import LANGS
from tour.render import data

if TYPE_CHECKING:
    from tour.tree import Tree

Opened = Callable[[str | None], "Tree"]
"""Gives the tree of a name, which has an index; raises ``TourError`` with what to do."""

_READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
_INSTRUCTIONS = """\
Answers about the source code of PyTorch, and of projects beside it, from an index of a source tree: where a name is
really implemented (through bindings, the dispatcher, C++ and CUDA kernels), how one leads to another, and walks that
are told step by step. Every link says where in the source it can be seen and how sure it is: "exact" is a fact of the
source, "name" a guess by name among `candidates`. Files are relative to the tree's root, lines count from 1."""

_Name = Annotated[
    str,
    Field(
        min_length=1,
        max_length=2000,
        description="As people write it: F.batch_norm, nn.LSTM, x.to, aten::add.out, at::native::add_out, MulBackward0,"
        " a kernel's name out of a profiler, or file.cpp:123.",
    ),
]
_TreeName = Annotated[
    str | None,
    Field(
        max_length=200,
        description="The tree: a version at hand (2.6.0), a project (pytorch3d), or both (2.6.0,pytorch3d). Left out:"
        " the one that the server was started for.",
    ),
]
_TourName = Annotated[str, Field(max_length=200, description="A tour's name, as the tool `tours` lists them.")]
_Lang = Annotated[Literal["en", "zh"], Field(description="The language of titles and prose.")]
Json = dict[str, Any]


def server(opened: Opened, default: str | None = None) -> MCPServer[Any]:
    """The server, whose tools ask the tree ``default`` where a call names none."""
    made: MCPServer[Any] = MCPServer(
        "tour", title="tour", version=tour.__version__, instructions=_INSTRUCTIONS, log_level="WARNING"
    )

    def tree_of(name: str | None) -> Tree:
        if name is None:
            return opened(default)
        if any(mark in name for mark in ("/", "\\", "\0")) or name.strip(". ~") == "":
            raise TreeError(
                f"{name!r} is a folder, and an assistant names trees that are at hand",
                hint="Such as 2.6.0 or pytorch3d; `tour get FOLDER` makes one of a folder.",
            )
        return opened(name)

    @made.tool(title="Where is it implemented", annotations=_READS)
    def where(
        name: _Name,
        question: Annotated[
            Literal["where", "backward", "callers", "callees"],
            Field(description="where: its layers down to the kernels. backward: of its gradient. One link away."),
        ] = "where",
        tree: _TreeName = None,
    ) -> Json:
        """Where a function, module, operator or kernel is implemented: every layer with file, line and dispatch key.

        With no `layers`, nothing bears that name; `nearest` has names that do. The same as `tour where NAME --json`.
        """
        with _told():
            found = tree_of(tree)
            if question in {"callers", "callees"}:
                answer = tour.around(name, found, question)
            else:
                answer = tour.where(name, found, backward=question == "backward")
            return data.document(data.where(answer, found))

    @made.tool(title="The surest route", annotations=_READS)
    def path(
        origin: _Name,
        goal: _Name,
        others: Annotated[int, Field(ge=0, le=4, description="How many other routes besides the surest.")] = 0,
        tree: _TreeName = None,
    ) -> Json:
        """The surest route through the source from one name to another, each link with its place and how sure it is.

        With no `links` there is no route. The same as `tour path A B --json`.
        """
        with _told():
            found = tree_of(tree)
            routes = tour.path(origin, goal, found, alternatives=others)
            return data.document(data.path(origin, goal, routes, found))

    @made.tool(title="Walk a tour", annotations=_READS)
    def trace(
        tour_name: _TourName,
        step: Annotated[str | None, Field(max_length=200, description="Only this step, by its id.")] = None,
        lang: _Lang = "en",
        tree: _TreeName = None,
    ) -> Json:
        """A tour in a tree: each step's place, prose, and the proof of how one comes to the next. Long: name a `step`.

        The same as `tour trace NAME --json`.
        """
        with _told():
            _among("tour", tour_name, tour.names())
            view = tour.trace(tour_name, tree_of(tree), lang)
            if step is not None:
                _among("step", step, [one.id for one in view.steps])
            return data.document(data.trace(view, step))

    @made.tool(title="Read source", annotations=_READS)
    def source(
        query: Annotated[
            str,
            Field(
                min_length=1,
                max_length=2000,
                description="FILE, FILE:LINE or FILE:FIRST-LAST, from the tree's root; or a name, as for `where`: then"
                " each of its definitions is given.",
            ),
        ],
        tree: _TreeName = None,
    ) -> Json:
        """Lines of a file of the tree, or a symbol's definition. Bounded: what is `cut` goes on after `end_line`.

        Only files that the index holds are read (Python, C, C++, CUDA, and the YAML of operators).
        """
        with _told():
            found = tree_of(tree)
            return data.document(data.source(tour.source(query, found), found))

    @made.tool(title="List the tours", annotations=_READS)
    def tours(lang: _Lang = "en", tree: _TreeName = None) -> Json:
        """The tours that there are, and how many of their steps are located in the tree.

        The same as `tour list --json`.
        """
        with _told():
            found = tree_of(tree)
            return data.document(data.tours(found, (tour.trace(name, found, lang) for name in tour.names())))

    for lang in LANGS:
        for name in tour.names():
            _offer(made, name, lang, tree_of)
    return made


def _offer(made: MCPServer[Any], name: str, lang: str, tree_of: Callable[[str | None], Tree]) -> None:
    """A tour as a resource: what ``tour export NAME --to markdown`` writes."""
    from tour import tours
    from tour.resources import folder

    @made.resource(
        f"tour://{lang}/{name}",
        name=f"{name} ({lang})",
        title=tours.title(name, folder("annotations"), lang),
        description="The whole tour as Markdown, with the code of each step.",
        mime_type="text/markdown",
    )
    def _text() -> str:
        try:
            (text,) = tour.export([name], tree_of(None), "markdown", (lang,)).values()
        except TourError as error:
            raise ResourceNotFoundError(_sentence(error)) from error
        return text


def _among(what: str, name: str, known: Sequence[str]) -> None:
    """Raise ``UnknownName`` for a name that is not among those known; a path to some other folder never is."""
    if name not in known:
        near = nearest(name, known)
        raise UnknownName(
            f"there is no {what} {name!r}", near, hint=None if near else f"There are: {', '.join(known)}."
        )


@contextmanager
def _told() -> Iterator[None]:
    """A mistake of the asker's as what the protocol calls a tool's error, which the assistant reads."""
    try:
        yield
    except TourError as error:
        raise ToolError(_sentence(error)) from error


def _sentence(error: TourError) -> str:
    return f"{error}. {error.hint}" if error.hint else str(error)
