"""What several commands are asked in the same way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

import tour
from tour.errors import TourError
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
        help="The folder of tours that it goes into; by default your own, else the one that comes with tour.",
    )(command)


def annotations_option(command: Any) -> Any:
    """``--annotations``: a team's folder of tours, for as long as the command runs."""

    def take(ctx: click.Context, param: click.Parameter, value: Path | None) -> None:
        from tour import repository

        if value is not None:
            ctx.with_resource(repository.taken(value))

    return click.option(
        "--annotations",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="FOLDER",
        expose_value=False,
        is_eager=True,
        callback=take,
        help="A team's own tours, beside ours; else $TOUR_ANNOTATIONS, else what [tool.tour] in pyproject.toml names.",
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
    """The tours, for a shell's completion; none where a team's are not as they should be."""
    try:
        return [name for name in tour.names() if name.startswith(incomplete)]
    except TourError:
        return []
