"""Tours for other tools and from them: ``export`` and ``import``."""

from __future__ import annotations

import re
from pathlib import Path

import click

import tour
from tour.cli.arguments import annotations_option, complete_tours, into_option, tree_option
from tour.cli.files import write_whole
from tour.cli.trees import ready
from tour.errors import TourError
from tour.model import LANGS


@click.command(
    epilog="""\b
Examples:
  tour export import-torch --to codetour           .tours/import-torch.tour, for VS Code's CodeTour in a checkout
  tour export --all --to codetour --out ~/pytorch/.tours
  tour export batch-norm-cpu --to notebook         runs from top to bottom in JupyterLab
  tour export batch-norm-cpu --to markdown --lang zh
  tour export batch-norm-cpu --to embed --step kernel     batch-norm-cpu.kernel.en.html, for an <iframe>"""
)
@click.argument("names", metavar="NAME…", nargs=-1, shell_complete=complete_tours)
@click.option(
    "--to",
    type=click.Choice(["codetour", "embed", "markdown", "notebook"]),
    required=True,
    help="codetour: VS Code. embed: a page for an <iframe>, which needs no other file. markdown: a file with"
    " permalinks that reads well on a forge. notebook: .ipynb.",
)
@click.option(
    "--step",
    "steps",
    metavar="ID|FIRST..LAST",
    multiple=True,
    help="For an embed: only this step, or from one to another. May be given several times.",
)
@click.option("--all", "every", is_flag=True, help="All tours.")
@click.option("--lang", type=click.Choice([*LANGS, "both"]), default="both", show_default=True, help="Language.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the files go; .tours for CodeTour, else where you stand.",
)
@tree_option()
@annotations_option
def export(
    names: tuple[str, ...],
    to: str,
    steps: tuple[str, ...],
    every: bool,
    lang: str,
    out: Path | None,
    tree: str | None,
) -> None:
    """Write tours as files of another tool; links among those that are exported together lead on there."""
    from tour.render.exports import FORMATS

    if bool(names) == every:
        raise click.UsageError("Name tours, or give --all.")
    if steps and (to != "embed" or len(names) != 1):
        raise click.UsageError("--step goes with --to embed and one tour.")
    folder = out or Path(FORMATS[to].folder)
    files = tour.export(names or tour.names(), ready(tree), to, LANGS if lang == "both" else (lang,), steps)
    for file, text in files.items():
        write_whole(folder / file, text)
        click.echo(folder / file)


@click.command(
    name="import",
    epilog="""\b
Examples:
  tour import .tours/intro.tour --into annotations
  tour import intro.tour --name getting-around --tree 2.6.0
  tour import intro.tour --zh intro.zh.tour          both languages at once""",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--zh", "chinese", type=click.Path(path_type=Path), help="The same tour in Chinese.")
@click.option("--lang", type=click.Choice(LANGS), default="en", show_default=True, help="The language of FILE.")
@click.option("--name", help="What the tour is called here; by default like FILE.")
@into_option
@tree_option()
@annotations_option
def import_command(
    file: Path, chinese: Path | None, lang: str, name: str | None, into: Path | None, tree: str | None
) -> None:
    """Make a tour of a CodeTour file: its lines become anchors. Exit code 1 if some step has none; its text is kept.

    Steps in files that the index does not hold (of other languages, Markdown, CMake) and above the first symbol of a
    C++ file have none. A tree is a project's too: `tour get FOLDER`, `tour index FOLDER`, then --tree FOLDER.
    Without --tree its places are looked for in the release that its `ref` names, where that is at hand.
    """
    from tour import codetours, repository

    if chinese and lang == "zh":
        raise click.UsageError("FILE and --zh are the two languages of a tour: FILE is in English then.")
    files = {lang: file, **({"zh": chinese} if chinese else {})}
    wanted = tree or codetours.load(file).release
    try:
        found = ready(wanted)
    except TourError:
        if tree:
            raise
        found = ready(None)
    called = name or "-".join(re.findall(r"[a-z0-9]+", file.name.removesuffix(".tour").lower()))
    made, lost = tour.bring(files, called, found, into or repository.place())
    click.echo(f"{made}: written, its places as they are in {found.title}.")
    for sentence in lost:
        click.echo(f"{sentence}; its text is kept with that of its neighbours.", err=True)
    if lost:
        raise click.exceptions.Exit(1)
