"""Trees and their indexes: ``get``, ``trees``, ``index``; and the tree that every other command asks for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import tour
from tour.cli.arguments import complete_trees, json_option
from tour.errors import TourError
from tour.model import PYTORCH
from tour.resources import has_module

if TYPE_CHECKING:
    from tour.model import Progress
    from tour.scip import Written
    from tour.tree import Tree


@click.command(
    epilog="""\b
Examples:
  tour get 2.6.0                  the first of git and the Debian source package that has it
  tour get 2.6.0 --from debian    only the Debian source package, its signature checked
  tour get ~/src/pytorch          a folder that you already have, used where it is
  tour get pytorch3d              a project that is built on PyTorch, to stand beside its tree
  tour get ./my-extension         … or one of your own; any URL of a git repository, too
  tour get ./odd --version 2.5.1  … whose version cannot be told from the files"""
)
@click.argument("version", metavar="VERSION|PROJECT|PATH|URL")
@click.option(
    "--from", "source", type=click.Choice(("git", "debian")), help="Where to get it, instead of the first that works."
)
@click.option("--version", "override", metavar="VERSION", help="The version of a folder, where its files do not say.")
@json_option
def get(version: str, source: str | None, override: str | None, as_json: bool) -> None:
    """Bring the sources of PyTorch, or of a project built on it, to your cache; or name a folder that you have."""
    from tour import origins, projects, tree
    from tour.render import data, terminal

    if tree.means_folder(version):
        if source:
            raise TourError("--from goes with a version, not with a folder")
        folder = Path(version).expanduser()
        found = (projects.add if projects.is_project(folder) else tree.add_folder)(Path(version), override)
    elif origins.means_project(version):
        if source or override:
            raise TourError("--from and --version go with PyTorch's versions and with folders", hint=_OF_PROJECTS)
        with terminal.progress() as progress:
            found = origins.get_project(
                version,
                progress,
                waiting=lambda: click.echo("Another `tour get` is bringing this project; waiting for it.", err=True),
            )
    else:
        if override:
            raise TourError("--version goes with a folder; the tree of a version has that version")
        with terminal.progress() as progress:
            found = origins.get(
                version,
                source,
                progress,
                waiting=lambda: click.echo("Another `tour get` is bringing this version; waiting for it.", err=True),
            )
    if as_json:
        click.echo(data.dumps({"tree": data.tree_row(found)}))
    else:
        click.echo(f"{found.title} ({found.kind}) is at {found.root}")
        if found.name != PYTORCH:
            click.echo(f"`tour index {version}` reads it; then `tour where` and `tour path` cross into it.")


_OF_PROJECTS = "A project's version is its tag: `tour get pytorch3d@0.7.8`."


@click.command()
@json_option
def trees(as_json: bool) -> None:
    """List the trees at hand: name, version, kind, place, the state of their index, and of generated code in it."""
    from tour import projects, tree
    from tour.render import data, terminal

    found = [*tree.trees(), *projects.at_hand()]
    rows = [{**data.tree_row(each, tour.index_state(each)), "generated": _generated(each)} for each in found]
    if as_json:
        click.echo(data.dumps({"trees": rows}))
    elif rows:
        terminal.show_trees(rows)
    else:
        click.echo("No tree at hand yet. `tour get 2.6.0` brings one.")


def _generated(tree: Tree) -> dict[str, Any]:
    from tour.errors import TreeError
    from tour.render import data

    try:
        files = sum(file.generated for file in tree.files()) if tree.generated else 0
    except TreeError:
        files = 0
    return data.generated_row(_generated_state(tree), files)


@click.command(
    name="index",
    epilog="""\b
Examples:
  tour index                the tree of the current folder, else the newest at hand
  tour index 1.13.1         a version at hand
  tour index ~/src/pytorch  a folder
  tour index pytorch3d      a project beside PyTorch's tree
  tour index --problems     also list what could not be read, as file:line
  tour index --generated    first run the tree's own code generation, and read what it writes too
  tour index --no-generated forget the generated code again
  tour index --precise aten/src/ATen/native/Normalization.cpp torch/csrc/stub.c
                            resolve the calls of these files with libclang
  tour index 2.6.0 --scip index.scip
                            its cross references for a code host; takes minutes for PyTorch""",
)
@click.argument("told", metavar="[VERSION|PROJECT|PATH] [FILE…]", nargs=-1, shell_complete=complete_trees)
@click.option("--tree", "spec", metavar="VERSION|PATH", help="The same, as an option.", shell_complete=complete_trees)
@click.option("--problems", is_flag=True, help="List what could not be read.")
@click.option(
    "--generated/--no-generated",
    default=None,
    help="Also index what the tree's own code generation writes (the real bindings and dispatcher code); this runs"
    " Python code of the tree and keeps the result in the cache. Later updates keep it and run nothing.",
)
@click.option(
    "--precise",
    is_flag=True,
    help="Resolve the calls of each FILE (from the tree's root) with libclang and keep that beside the rest; this runs"
    " the tree's code generation for the headers that a build would make.",
)
@click.option(
    "--scip",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write what the index is sure of as SCIP, which code hosts read: definitions, references, implementations."
    " Guesses and generated code are left out.",
)
@json_option
def index_command(
    told: tuple[str, ...],
    spec: str | None,
    problems: bool,
    generated: bool | None,
    precise: bool,
    scip: Path | None,
    as_json: bool,
) -> None:
    """Build or update the index of a tree; only what changed is read again."""
    from dataclasses import asdict

    from tour import codegen, projects

    files = tuple(name for name in told if is_source(name)) if precise else ()
    others = [name for name in told if name not in files]
    if precise and not files:
        raise click.UsageError("--precise needs files in C, C++ or CUDA.")
    if len(others) + bool(spec) > 1:
        raise click.UsageError(f"One tree at a time: {', '.join([*others, *filter(None, [spec])])}.")
    if scip is not None and not has_module("google.protobuf"):
        raise TourError("--scip needs the package protobuf", hint="`pip install 'tour-pytorch[scip]'` brings it.")
    found = projects.alone_opened(others[0] if others else spec)
    if found.name != PYTORCH and (generated is not None or precise):
        raise TourError(
            f"{found.title} has no code generation, and no build that libclang could be told of",
            hint="--generated and --precise are for PyTorch's own tree.",
        )
    if generated:
        found = _generate(found)
    elif generated is False:
        found = codegen.exclude(found)
    report = _update(found)
    readings = read_precisely(found, files) if precise else []
    listed = _problems(found) if problems else []
    written = _written(found, scip) if scip is not None else None
    state = _generated_state(found)
    if as_json:
        from tour.render import data

        rows = [{"file": at.file, "line": at.line, "what": what} for at, what in listed]
        report_told = {**asdict(report), "generated": data.generated_row(state, report.generated)}
        readings_told = {"precise": [asdict(reading) for reading in readings]} if precise else {}
        exported = {"scip": asdict(written)} if written else {}
        click.echo(data.dumps({"tree": found.version, **report_told, "listed": rows, **readings_told, **exported}))
        return
    for at, what in listed:
        click.echo(f"{at}: {what}")
    if report.parsed or report.removed:
        gone = f", {report.removed} gone" if report.removed else ""
        click.echo(f"{found.title}: {report.parsed} of {report.files} files read{gone}, {report.seconds:.1f} s.")
    else:
        click.echo(f"{found.title}: nothing changed in {report.files} files, {report.seconds:.1f} s.")
    if report.generated:
        click.echo(f"{report.generated} of them were written by the tree's own code generation, run on this machine.")
    if state == "out of date":
        click.echo("That was before the tree changed: `tour index --generated` runs its code generation anew.")
    if report.problems and not problems:
        click.echo(
            f"{report.problems} files hold something that could not be read: `tour index --problems` lists them."
        )
    if written:
        click.echo(
            f"{written.file}: {written.documents} documents, {written.symbols} symbols, {written.occurrences} places."
            f" {written.guesses} names were left out, for their meaning is a guess."
        )


def _written(tree: Tree, file: Path) -> Written:
    """A tree's index as a file of SCIP."""
    from tour.render import terminal

    with terminal.progress() as progress:
        return tour.export_index(tree, file, progress)


def _generate(tree: Tree) -> Tree:
    """The tree with its generated code; says what is about to run before it runs."""
    from tour import codegen
    from tour.render import terminal

    if not codegen.generated_folder(tree).is_dir():
        click.echo(
            f"This runs Python code of the tree: the code generation of PyTorch {tree.version}"
            f" (torchgen, tools/autograd) in {tree.root}. It writes to the cache only and takes about 15 s.",
            err=True,
        )
    with terminal.progress() as progress:
        folder = codegen.generate(
            tree,
            progress,
            waiting=lambda: click.echo("Another `tour` is generating this tree's code; waiting for it.", err=True),
        )
    return codegen.include(tree, folder)


def _generated_state(tree: Tree) -> str:
    """``absent``, ``current``, or ``out of date`` where the tree has changed since."""
    from tour import codegen

    if tree.generated is None:
        return "absent"
    return "current" if codegen.is_current(tree) else "out of date"


def is_source(name: str) -> bool:
    """Whether libclang can be asked to read it."""
    from tour.precise import KINDS

    return name.endswith(KINDS)


def read_precisely(tree: Tree, files: Sequence[str]) -> list[Any]:
    """Resolve the calls of some files with libclang, and say what came of each."""
    from tour import precise
    from tour.render import terminal

    with terminal.progress() as progress:
        readings = precise.read(
            tree, files, progress, lambda: click.echo("Another `tour index` is at this tree; waiting for it.", err=True)
        )
    for reading in readings:
        errors = f", {reading.errors} error{'s' * (reading.errors != 1)}" if reading.errors else ""
        kept = ", known from before" if reading.kept else ""
        click.echo(
            f"{reading.file}: {reading.calls} of {reading.written} calls resolved by libclang{errors}{kept}", err=True
        )
        if advice := precise.advice(reading):
            click.echo(f"  {advice}", err=True)
    return readings


def _problems(tree: Tree) -> list[Any]:
    from tour.index import Index
    from tour.tree import index_path

    with Index(index_path(tree)) as index:
        return list(index.problems())


def _update(tree: Tree) -> Any:
    """Bring a tree's index up to date, with a progress bar, and say why an old one was thrown away."""
    from contextlib import ExitStack

    from tour import build
    from tour.tree import index_path

    with ExitStack() as shown:
        bars: list[Progress] = []

        def progress(what: str, done: int, total: int | None) -> None:
            if not bars:  # most often nothing has changed, and nothing need be drawn
                from tour.render import terminal

                bars.append(shown.enter_context(terminal.progress()))
            bars[0](what, done, total)

        report = build.update(
            tree,
            index_path(tree),
            progress=progress,
            waiting=lambda: click.echo("Another `tour index` is at this tree; waiting for it.", err=True),
        )
    if report.rebuilt:
        reason = {"damaged": "was damaged", "other format": "had another format"}[report.rebuilt]
        click.echo(f"The old index {reason} and was made anew.", err=True)
    return report


def ready(spec: str | None, *, offers: bool = True, fresh: bool = False) -> Tree:
    """A tree that has an index, with the projects beside it; on a terminal ``offers`` to make one that is not there.

    Of the projects only one that was named must have an index; others are asked where they have one. With ``fresh``
    that one's is brought up to date, or made, first.
    """
    from dataclasses import replace

    from tour.index import state_of
    from tour.tree import index_path

    tree = tour.open_tree(spec)
    _with_index(tree, spec if tree.name != PYTORCH or not tree.asked else None, offers)
    for project in tree.beside:
        if project.name == tree.asked and fresh:
            _update(project)
        elif project.name == tree.asked:
            _with_index(project, None, offers)
    return replace(tree, beside=tuple(one for one in tree.beside if state_of(index_path(one)) == "ready"))


def say_unread(tree: Tree) -> None:
    """Tell of projects at hand that were not asked because they have no index."""
    from tour import projects

    names = {project.name for project in projects.at_hand()} - {project.name for project in tree.beside} - {tree.name}
    for name in sorted(names):
        click.echo(f"{name} is at hand and was not asked, for it has no index: `tour index {name}`.", err=True)


def _with_index(tree: Tree, spec: str | None, offers: bool) -> None:
    from tour.errors import StaleIndex
    from tour.index import state_of
    from tour.tree import index_path

    state = state_of(index_path(tree))
    if state == "ready":
        return
    missing = "has no index yet" if state == "absent" else f"has an index that is of no use ({state})"
    how_long = " It takes about half a minute." if tree.name == PYTORCH else ""
    asks = offers and sys.stdin.isatty() and sys.stderr.isatty()
    if not asks or not click.confirm(f"{tree.title} {missing}. Make it now?{how_long}", default=True, err=True):
        word = tree.version if tree.name == PYTORCH else tree.name
        raise StaleIndex(f"{tree.title} {missing}", hint=f"Run `tour index {spec or word}`.")
    _update(tree)
