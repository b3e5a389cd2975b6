"""For those who write tours: ``anchor``."""

from __future__ import annotations

import click

import tour
from tour.cli.arguments import json_option, lang_option, tree_option
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
