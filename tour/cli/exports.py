"""Tours for other tools: ``export``."""

from __future__ import annotations

from pathlib import Path

import click

import tour
from tour.cli.arguments import complete_tours, tree_option
from tour.cli.files import write_whole
from tour.cli.trees import ready
from tour.model import LANGS


@click.command(
    epilog="""\b
Examples:
  tour export import-torch --to codetour           .tours/import-torch.tour, for VS Code's CodeTour in a checkout
  tour export --all --to codetour --out ~/pytorch/.tours
  tour export batch-norm-cpu --to notebook         runs from top to bottom in JupyterLab
  tour export batch-norm-cpu --to markdown --lang zh"""
)
@click.argument("names", metavar="NAME…", nargs=-1, shell_complete=complete_tours)
@click.option(
    "--to",
    type=click.Choice(["codetour", "markdown", "notebook"]),
    required=True,
    help="codetour: VS Code. markdown: a file with permalinks that reads well on a forge. notebook: .ipynb.",
)
@click.option("--all", "every", is_flag=True, help="All tours.")
@click.option("--lang", type=click.Choice([*LANGS, "both"]), default="both", show_default=True, help="Language.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the files go; .tours for CodeTour, else where you stand.",
)
@tree_option()
def export(names: tuple[str, ...], to: str, every: bool, lang: str, out: Path | None, tree: str | None) -> None:
    """Write tours as files of another tool; links among those that are exported together lead on there."""
    from tour.render.exports import FORMATS

    if bool(names) == every:
        raise click.UsageError("Name tours, or give --all.")
    folder = out or Path(FORMATS[to].folder)
    files = tour.export(names or tour.names(), ready(tree), to, LANGS if lang == "both" else (lang,))
    for file, text in files.items():
        write_whole(folder / file, text)
        click.echo(folder / file)
