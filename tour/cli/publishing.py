"""The site: ``build`` and ``serve``."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

import tour
from tour.cli.arguments import annotations_option, complete_tours, tree_option
from tour.cli.trees import ready
from tour.errors import TourError

if TYPE_CHECKING:
    from tour.tree import Tree


EVERY = 0.5
"""Seconds from one look at the tours' files to the next, while they are served."""


def _out_option(command: Any) -> Any:
    option = click.option(
        "--out",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("site"),
        show_default=True,
        help="Where the site goes.",
    )
    return option(command)


def _stock_options(command: Any) -> Any:
    sources = click.option(
        "--sources",
        type=click.Choice(["tours", "neighbours", "all"]),
        default="tours",
        show_default=True,
        help="Which files get a page: those that tours touch (100); also those that define what these mention (1,500,"
        " some minutes more the first time); or every file of the tree (8,500, half an hour or more)."
        " `tour serve` shows any file without.",
    )
    operators = click.option(
        "--operators",
        type=click.Choice(["tours", "all"]),
        default="tours",
        show_default=True,
        help="Which operators get a page: those that tours touch, or all (a minute more).",
    )
    return sources(operators(command))


@click.command(
    name="build",
    epilog="""\b
Examples:
  tour build                                  all tours, in the two newest versions at hand, into ./site
  tour build --tree 2.6.0 --tree 1.13.1       2.6.0 first, and what is another in 1.13.1
  tour build --tree 2.6.0 --out /srv/www/tour
  tour build our-walk module-call             these two alone
  tour build --url https://docs.example.org/tour/   wikis unfold links to tours and steps""",
)
@click.argument("names", metavar="[NAME…]", nargs=-1, shell_complete=complete_tours)
@tree_option(multiple=True)
@_out_option
@_stock_options
@click.option(
    "--url",
    callback=lambda _, __, url: _address(url),
    help="Where others will find the site: links to a tour, or to tours/NAME/STEP/, then unfold in wikis (oEmbed).",
)
@annotations_option
def build_command(
    names: tuple[str, ...], trees: tuple[str, ...], out: Path, sources: str, operators: str, url: str | None
) -> None:
    """Build the static site: every tour, or those named, in both languages, and the sources they touch.

    Of several trees the first is the one that pages open with; each step is shown in the others as well, with what
    changed. Without --tree that is the newest tree at hand, or the one you stand in, and the newest other version of
    PyTorch that is indexed.

    Names in a source page lead to their definitions: on pages of this site, or in PyTorch's public repository. What
    each name means is worked out once for a file and kept in the index: for the tours' own files that takes two to
    three minutes the first time.
    """
    home = _build(trees, out, names, sources, operators, url)
    click.echo(f"The site is at {home}. `tour serve` shows it.")


def _build(
    specs: Sequence[str],
    out: Path,
    names: Sequence[str] = (),
    sources: str = "tours",
    operators: str = "tours",
    url: str | None = None,
) -> Path:
    from tour import tours
    from tour.render import terminal

    for name in names:
        tours.named(name)  # said before a tree is asked for
    first, *others = _editions(specs)
    with terminal.progress() as progress:
        return tour.publish(first, out, names, progress, others=others, sources=sources, operators=operators, url=url)


def _address(url: str | None) -> str | None:
    """An address that a wiki can ask; anything else is a user's mistake."""
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
        raise click.BadParameter(f"{url!r} is no address such as https://docs.example.org/tour/.")
    return url


def _editions(specs: Sequence[str]) -> list[Tree]:
    """The trees to show, each ready; raises ``TourError`` where two of them are of one version."""
    from tour.index import state_of
    from tour.model import PYTORCH
    from tour.tree import index_path, trees

    asked: list[str | None] = [*specs] or [None]
    found = [ready(spec) for spec in asked]
    if not specs and found[0].name == PYTORCH:
        others = [one for one in trees() if one.version != found[0].version and state_of(index_path(one)) == "ready"]
        newest = max(others, key=lambda one: _order(one.version), default=None)
        found += [ready(newest.version)] if newest else []
    versions = [one.version for one in found]
    if len(set(versions)) < len(versions):
        raise TourError(f"the same version twice: {', '.join(versions)}", hint="Name other versions with `--tree`.")
    return found


def _order(version: str) -> Any:
    from packaging.version import InvalidVersion, Version

    try:
        return Version(version)
    except InvalidVersion:
        return Version("0")


@click.command(
    epilog="""\b
Examples:
  tour serve                                    builds ./site if need be and serves it on this machine
  tour serve --python .venv-torch/bin/python    cells run in another Python that has torch and ipykernel
  tour serve --gateway 'http://127.0.0.1:9000/tour/start?token=…'   in kernels of another machine
  tour serve --static                           files alone: no cell runs

\b
The other machine runs `tour serve --port 9000` (or any Jupyter server), and
`ssh -L 9000:127.0.0.1:9000 THERE` brings it here. JUPYTER_TOKEN sets this server's token,
JUPYTER_GATEWAY_AUTH_TOKEN the other's, out of sight of other users of this machine."""
)
@tree_option(multiple=True)
@_out_option
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes any free port.")
@click.option("--rebuild", is_flag=True, help="Build the site again even if it is there.")
@click.option("--python", metavar="PATH", help="The Python that runs cells; by default this one.")
@click.option("--gateway", metavar="URL", help="Run cells on the machine of another Jupyter server.")
@click.option("--cull", type=click.IntRange(min=1), metavar="SECONDS", help="End idle kernels after this time; 1200.")
@click.option("--static", is_flag=True, help="Serve files alone, without kernels.")
@annotations_option
def serve(
    trees: tuple[str, ...],
    out: Path,
    port: int,
    rebuild: bool,
    python: str | None,
    gateway: str | None,
    cull: int | None,
    static: bool,
) -> None:
    """Serve the site on this machine, loopback only, with kernels that run its cells.

    A tour that is edited meanwhile is shown anew, and a page of it that is open follows.
    """
    from tour import server

    if (static and (python or gateway)) or (python and gateway):
        raise click.UsageError("--static, --python and --gateway exclude each other.")
    runs, why = (None, None) if static or gateway else _python(python)
    if gateway and not server.can_run():
        raise TourError("cells on another machine need Jupyter's server here", hint=server.LIVE + ".")
    if rebuild or not (out / "index.html").is_file():
        _build(trees, out)
    if why:
        click.echo(f"Cells show what was recorded: {why}", err=True)
    _follow(trees, out)
    with tour.library(_at_hand(trees), out) as pages:
        server.serve(
            out,
            port,
            lambda address: click.echo(f"The site is at {address} (Ctrl-C ends it)."),
            python=runs,
            gateway=gateway,
            cull=cull,
            pages=pages,
            watch=partial(_watched, next(iter(trees), None), runs) if runs else None,
        )


def _follow(specs: Sequence[str], out: Path) -> None:
    """While the site is served, write a tour's pages anew as soon as it is edited; the page that shows it follows.

    What cannot be shown as it was left, or has no tree here, is told and stays as it was.
    """
    from tour import repository

    folders = repository.folders()

    def watch() -> None:
        known = _edited(folders)
        while True:
            time.sleep(EVERY)
            now = _edited(folders)
            edited = [name for name, when in now.items() if known.get(name) != when]
            for name in [*edited, *tour.including(edited)]:
                start = time.monotonic()
                try:
                    tour.republish(name, _editions(specs), out)
                    what = "was edited" if name in edited else "holds steps of it"
                    click.echo(f"{name} {what}: its pages are new ({time.monotonic() - start:.1f} s).", err=True)
                except (TourError, OSError) as error:
                    click.echo(f"{name} was edited, and its pages stay as they were: {error}", err=True)
            known = now

    threading.Thread(target=watch, daemon=True, name="edits").start()


def _edited(folders: Sequence[Path]) -> dict[str, int]:
    """When each tour was edited last; of two of one name either."""
    edited: dict[str, int] = {}
    for file in (file for folder in folders for file in folder.glob("*/*")):
        with contextlib.suppress(OSError):  # an editor was quicker
            edited[file.parent.name] = max(edited.get(file.parent.name, 0), file.stat().st_mtime_ns)
    return edited


def _at_hand(specs: Sequence[str]) -> list[Tree]:
    """The trees whose files can be read on demand: those that are asked for, and every release that is indexed."""
    from tour.index import state_of
    from tour.tree import index_path, trees

    asked: list[str | None] = [*specs] or [None]
    found = []
    for spec in asked:
        try:
            found.append(tour.open_tree(spec))
        except TourError:
            continue  # a built site can be read without a tree
    known = {one.version for one in found}
    found += [one for one in trees() if one.version not in known]
    return [one for one in found if state_of(index_path(one)) == "ready"]


def _watched(tree: str | None, python: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Run cells of a page under watch: ``{"tour", "cells": {step: code}, "lang"}``. Raises ``TourError`` for others."""
    from tour.model import LANGS
    from tour.render import data

    name, cells, lang = (asked.get(key) for key in ("tour", "cells", "lang"))
    are_texts = isinstance(cells, dict) and all(isinstance(code, str) for code in cells.values())
    if not are_texts or not cells or name not in tour.names() or lang not in LANGS:
        raise TourError("a tour, the code of its cells and a language are asked for")
    return data.passed(tour.watch(str(name), ready(tree), python=python, cells=cells), str(lang))


def _python(asked: str | None) -> tuple[str | None, str | None]:
    """The Python that can run cells, or why none can. Raises ``TourError`` where the one that was asked for cannot."""
    from tour import cells, server

    if not server.can_run():
        why = f"running them needs {server.LIVE}."
        if asked:
            raise TourError("cells cannot run here", hint=f"Running them needs {server.LIVE}.")
        return None, why
    program, missing = cells.lacks(asked)
    if not missing:
        return program, None
    hint = f"`{program} -m pip install {' '.join(missing)}`, or another Python with `--python PATH`."
    if asked:
        raise TourError(f"{program} cannot run cells: it lacks {' and '.join(missing)}", hint=hint)
    return None, f"{program} lacks {' and '.join(missing)}. {hint}"
