"""What several commands are asked in the same way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

import tour
from tour.model import LANGS


def tree_option(multiple: bool = False) -> Callable[[Any], Any]:
    """``--tree``: one, or several."""
    text = "A version at hand (2.6.0), a project (pytorch3d), a folder of either, or both: 2.6.0,pytorch3d."
    return click.option(
        "--tree",
        "trees" if multiple else "tree",
        metavar="VERSION|PATH",
        multiple=multiple,
        help=text + (" May be given several times." if multiple else ""),
        shell_complete=complete_trees,
    )


def into_option(command: Any) -> Any:
    """``--into``, for what makes a tour."""
    return click.option(
        "--into",
        type=click.Path(file_okay=False, path_type=Path),
        help="The folder of tours that it goes into; by default the one that `tour list` lists.",
    )(command)


def lang_option(command: Any) -> Any:
    """``--lang``."""
    return click.option("--lang", type=click.Choice(LANGS), default="en", show_default=True, help="Language.")(command)


def json_option(command: Any) -> Any:
    """``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="JSON on standard output, for programs.")(command)


def complete_trees(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The versions and projects at hand, for a shell's completion."""
    from tour import projects, tree

    words = [*(found.version for found in tree.trees()), *(found.name for found in projects.at_hand())]
    return [word for word in dict.fromkeys(words) if word.startswith(incomplete)]


def complete_tours(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The tours, for a shell's completion."""
    return [name for name in tour.names() if name.startswith(incomplete)]
