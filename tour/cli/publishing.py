"""The site: ``build`` and ``serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import tour
from tour.cli.arguments import tree_option
from tour.cli.trees import ready


def _out_option(command: Any) -> Any:
    option = click.option(
        "--out",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("site"),
        show_default=True,
        help="Where the site goes.",
    )
    return option(command)


@click.command(
    name="build",
    epilog="""\b
Examples:
  tour build                           all tours, in the newest tree at hand, into ./site
  tour build --tree 2.6.0 --out /srv/www/tour""",
)
@tree_option()
@_out_option
def build_command(tree: str | None, out: Path) -> None:
    """Build the static site: every tour in both languages, and the sources they touch."""
    home = _build(tree, out)
    click.echo(f"The site is at {home}. `tour serve` shows it.")


def _build(spec: str | None, out: Path) -> Path:
    from tour.render import terminal

    tree = ready(spec)
    with terminal.progress() as progress:
        return tour.publish(tree, out, progress=progress)


@click.command(
    epilog="""\b
Examples:
  tour serve               builds ./site if need be and serves it on this machine
  tour serve --port 9000"""
)
@tree_option()
@_out_option
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes any free port.")
@click.option("--rebuild", is_flag=True, help="Build the site again even if it is there.")
def serve(tree: str | None, out: Path, port: int, rebuild: bool) -> None:
    """Serve the site on this machine (loopback only)."""
    from tour import server

    if rebuild or not (out / "index.html").is_file():
        _build(tree, out)
    server.serve(out, port, lambda address: click.echo(f"The site is at {address} (Ctrl-C ends it)."))
