"""For those who ask through an assistant: ``mcp``."""

from __future__ import annotations

from functools import partial

import click

from tour.cli.arguments import tree_option
from tour.cli.trees import ready
from tour.errors import TourError
from tour.resources import has_module


@click.command(
    epilog="""\b
Examples:
  tour mcp                 for a client's configuration; ends when the client does
  tour mcp --tree 2.6.0    the tree that is asked where a call names none
\b
A client starts it by itself. Most read this from their configuration:
  {"mcpServers": {"tour": {"command": "tour", "args": ["mcp"]}}}"""
)
@tree_option()
def mcp(tree: str | None) -> None:
    """Answer an assistant's questions about the code: a server of the Model Context Protocol over standard input.

    Its tools where, path, trace, source and tours only read, and only trees that are at hand and indexed.
    """
    if not has_module("mcp"):
        raise TourError("the server needs the package mcp", hint="`pip install 'tour-pytorch[mcp]'` brings it.")
    opened = partial(ready, offers=False)
    if tree is not None:
        opened(tree)
    from tour.mcp import server

    server(opened, tree).run()
