"""For those who write tours: ``new`` and ``anchor``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

import tour
from tour.cli.arguments import annotations_option, into_option, json_option, lang_option, tree_option
from tour.cli.trees import ready


@click.command(
    epilog="""\b
Examples:
  tour anchor torch/nn/modules/module.py:1340
  tour anchor torch/nn/modules/module.py:1340-1344 --tree 2.6.0
  tour anchor https://github.com/pytorch/pytorch/blob/v1.13.1/torch/nn/modules/module.py#L987"""
)
@click.argument("place", metavar="FILE:LINE|URL")
@tree_option()
@lang_option
@json_option
def anchor(place: str, tree: str | None, lang: str, as_json: bool) -> None:
    """The anchor for a place, and where that code is in every tree at hand. Exit code 1 if one has lost it.

    An old link to a line is looked up in the revision that it names.
    """
    from tour import revisions
    from tour.render import data, terminal

    link = revisions.asked(place).rest is not None
    view = tour.anchor(place, None if link else ready(tree))
    if as_json:
        click.echo(data.dumps(data.anchor(view)))
    else:
        terminal.show_anchor(view, lang)
    if any(found.located == "lost" for _, found in view.found):
        raise click.exceptions.Exit(1)


@click.command(
    epilog="""\b
Examples:
  tour new relu --from torch.relu --to at::native::relu      its steps are the surest route
  tour new hooks --at torch/nn/modules/module.py:1550 --at torch/utils/hooks.py:30
  tour new                                                   asks for what it needs"""
)
@click.argument("name", required=False)
@click.option("--from", "origin", metavar="A", help="Where a route starts, as for `tour path`.")
@click.option("--to", "goal", metavar="B", help="Where it ends.")
@click.option(
    "--at", "places", metavar="FILE:LINE", multiple=True, help="A step at this place; after those of a route."
)
@click.option("--title", help="The tour's title; by default its name.")
@into_option
@tree_option()
@annotations_option
def new(
    name: str | None,
    origin: str | None,
    goal: str | None,
    places: tuple[str, ...],
    title: str | None,
    into: Path | None,
    tree: str | None,
) -> None:
    """Start a tour that passes `tour check`: its steps in tour.yaml, its prose to be written in both languages."""
    from tour import repository

    if name is None:
        if not sys.stdin.isatty():
            raise click.UsageError("A tour needs a name: lower-case words joined by `-`.")
        name = str(click.prompt("Name (lower-case words joined by `-`)"))
    if not origin and not goal and not places:
        if not sys.stdin.isatty():
            raise click.UsageError("A tour needs steps: a route (--from A --to B), or places (--at FILE:LINE).")
        title = title or click.prompt("Title", default=name.replace("-", " ").capitalize())
        origin = click.prompt("Where does the walk start (a name, as for `tour where`)")
        goal = click.prompt("Where does it end")
    if bool(origin) != bool(goal):
        raise click.UsageError("A route has two ends: --from A --to B.")
    route = (origin, goal) if origin and goal else None
    made = tour.draft(name, ready(tree), into or repository.place(), title=title, route=route, places=places)
    click.echo(f"{made}: written, with en.md and zh.md beside it. annotations/README.md says what goes in.")
    spec = made.parent if into else name
    click.echo(f"`tour trace {spec}` shows it, `tour check {spec}` checks it.")
