"""The tours: ``list``, ``trace``, ``check``, ``run``, ``diff``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import tour
from tour.cli.arguments import annotations_option, complete_tours, complete_trees, json_option, lang_option, tree_option
from tour.cli.files import write_whole
from tour.cli.trees import is_source, read_precisely, ready
from tour.errors import TourError, UnknownName, nearest

if TYPE_CHECKING:
    from tour.views import Finding


@click.command(
    name="list",
    epilog="""\b
Examples:
  tour list --tree 1.13.1
  tour list --path               the learning paths: which tours in which order, for whom and why
  tour list --path extend --json""",
)
@click.option(
    "--path", "path", metavar="[ID]", is_flag=False, flag_value="", help="The learning paths, or one of them."
)
@tree_option()
@lang_option
@annotations_option
@json_option
def list_command(path: str | None, tree: str | None, lang: str, as_json: bool) -> None:
    """List the tours with their state in a tree, or the learning paths that they are on."""
    from tour.render import data, terminal

    if path is not None:
        _list_paths(path, lang, as_json)
        return
    found = ready(tree)
    told = data.tours(found, (tour.trace(name, found, lang) for name in tour.names()))
    if as_json:
        click.echo(data.dumps(told))
    else:
        terminal.show_tours(told["tours"], lang)


def _list_paths(asked: str, lang: str, as_json: bool) -> None:
    from tour import tours
    from tour.render import data, terminal

    known = tour.learning_paths(lang)
    found = [path for path in known if asked in {"", path.id}]
    if not found and asked:
        ids = [path.id for path in known]
        raise UnknownName(
            f"there is no learning path {asked!r}",
            nearest(asked, ids),
            hint=f"There are: {', '.join(ids) or 'none'}.",
        )
    steps = {leg.tour: len(tours.named(leg.tour).steps) for path in found for leg in path.legs}
    if as_json:
        click.echo(data.dumps(data.paths(found, steps)))
    else:
        terminal.show_paths(found, steps, lang)


def all_option(command: Any) -> Any:
    """``--all``: every tour, also where a team's own are what naming none means."""
    text = "Every tour; naming none means a team's own where we stand in its repository, else every one."
    return click.option("--all", "every", is_flag=True, help=text)(command)


def _asked(names: Sequence[str], every: bool) -> Sequence[str]:
    """The tours that a command is for."""
    return tour.names() if every else names or tour.own_names()


def known(name: str, step: str | None) -> None:
    """Raise ``UnknownName`` for a wrong tour or step: it is said before a tree is asked for."""
    from tour import tours

    if step is None and name in tour.names():
        return
    known = [found.id for found in tours.named(name).steps]
    if step is not None and step not in known:
        raise UnknownName(f"{name} has no step {step!r}", nearest(step, known))


@click.command(
    epilog="""\b
Examples:
  tour check                                          every tour; in a team's repository its own
  tour check import-torch --tree 2.6.0 --tree 1.13.1
  tour check docs/tours/our-walk                      a tour of your own, by its folder
  tour check --fix                                    mend what is certain, propose the rest
  tour check --format diff | git apply                take the first proposal for each step"""
)
@click.argument("names", metavar="[NAME…]", nargs=-1, shell_complete=complete_tours)
@tree_option(multiple=True)
@all_option
@click.option(
    "--precise", is_flag=True, help="First resolve the calls of the C and C++ files on the way with libclang."
)
@click.option("--fix", is_flag=True, help="Rewrite anchors whose new place is certain; comments and order stay.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github", "diff"]),
    default="text",
    show_default=True,
    help="github: annotations of a workflow, and its summary. diff: what is proposed, for `git apply`.",
)
@annotations_option
@json_option
def check(
    names: tuple[str, ...],
    trees: tuple[str, ...],
    every: bool,
    precise: bool,
    fix: bool,
    form: str,
    as_json: bool,
) -> None:
    """Is every anchor located and every hop proven, in each tree given? Exit code 1 if not.

    What the prose names in backticks must be in one of the trees. Recorded outputs whose cell changed since are told.
    Of a step that is lost, moved or changed the places that may be meant are proposed, as a change of tour.yaml.
    Certain is where one symbol alone bears the name, or where the tour's own hops lead. The index of the repository
    that we stand in is brought up to date first.
    """
    from tour import paths, tours, views
    from tour.render import data, findings, terminal

    paths.at_hand()
    asked = _asked(names, every)
    for name in asked:
        tours.named(name)  # a tour that cannot be read is said before a tree is asked for
    found: list[views.Finding] = []
    checked: list[dict[str, Any]] = []
    opened = [ready(spec, fresh=True) for spec in trees or (None,)]
    for file, text, made in tour.mended(asked, opened) if fix else ():
        write_whole(file, text)
        for repair in made:
            click.echo(
                f"{findings.named(file)}: {repair.tour} / {repair.step}: now {repair.at}: {repair.why}", err=True
            )
    for tree in opened:
        if precise:
            steps = [step.file for name in asked for step in tour.trace(name, tree).steps if step.file]
            read_precisely(tree, [file for file in dict.fromkeys(steps) if is_source(file)])
        for name in asked:
            found += tour.check(name, tree)
            checked.append(data.tour_row(tour.trace(name, tree)) | {"tree": tree.version})
    with terminal.progress() as progress:
        found += tour.check_prose(asked, opened, progress)
    found += tour.check_recordings(asked)
    if as_json or form == "json":
        click.echo(data.dumps(data.findings(found, checked)))
    elif form == "github":
        _annotate(found, checked)
    elif form == "diff":
        click.echo(tour.proposed(found), nl=False)
    else:
        terminal.show_check(found, checked)
    if any(finding.fatal for finding in found):
        raise click.exceptions.Exit(1)


def _annotate(found: Sequence[Finding], checked: Sequence[dict[str, Any]]) -> None:
    """Annotations on standard output, and the summary of the step where GitHub names a file for it."""
    from tour.render import findings

    workspace = os.environ.get("GITHUB_WORKSPACE")
    for finding in found:
        click.echo(findings.annotation(finding, Path(workspace) if workspace else None))
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        try:
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(findings.summary(found, checked))
        except OSError as error:
            raise TourError(f"cannot write the summary: {error.strerror}", at=summary) from error


@click.command(
    epilog="""\b
Examples:
  tour run import-torch                            its cells, in this Python; stores what they show
  tour run --all --device cpu --python .venv-torch/bin/python
  tour run module-to --no-record                   only run them
  tour run module-to --as cpu-1.13.1 --python /usr/bin/python3   one more recording, beside the others"""
)
@click.argument("names", metavar="[NAME…]", nargs=-1, shell_complete=complete_tours)
@all_option
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="auto takes a GPU where there is one.",
)
@click.option("--python", metavar="PATH", help="The Python that runs the cells; by default this one.")
@click.option(
    "--timeout", type=click.FloatRange(min=0.1), default=60.0, show_default=True, help="Seconds for one cell."
)
@click.option("--record/--no-record", default=True, help="Store the outputs beside the tour; by default yes.")
@click.option("--as", "name", metavar="NAME", help="What the recording is called; by default after its device.")
@annotations_option
@json_option
def run(
    names: tuple[str, ...],
    every: bool,
    device: str,
    python: str | None,
    timeout: float,
    record: bool,
    name: str | None,
    as_json: bool,
) -> None:
    """Run the cells of tours, in one real kernel a tour, and store what they show for the site.

    Of a tour with a cell that does not end as it is meant to nothing is stored, and the exit code is 1.
    """
    from tour import cells, tours
    from tour.render import data, terminal

    told = [tours.named(name) for name in _asked(names, every)]
    where = cells.runner(python)
    rows: list[dict[str, Any]] = []
    failed = False
    for walk in told:
        with terminal.progress() as progress:
            ran = cells.run(walk, where, device=device, seconds=timeout, progress=progress)
        failed = failed or not ran.well
        stored = cells.record(walk, ran, name) if record and ran.well else None
        rows += data.ran(walk.name, ran, stored)
        if not as_json:
            terminal.show_run(walk.name, ran, stored)
    if as_json:
        click.echo(data.dumps(data.runs(where, rows)))
    if failed:
        raise click.exceptions.Exit(1)


@click.command(
    epilog="""\b
Examples:
  tour diff import-torch --from 1.13.1 --to 2.6.0
  tour diff import-torch --from 1.13.1 --to 2.6.0 --step create
  tour diff import-torch --from 1.13.1 --to ~/src/pytorch --quiet     one line a step"""
)
@click.argument("name", shell_complete=complete_tours)
@click.option(
    "--from", "old", metavar="VERSION|PATH", required=True, help="The older tree.", shell_complete=complete_trees
)
@click.option(
    "--to", "new", metavar="VERSION|PATH", required=True, help="The newer tree.", shell_complete=complete_trees
)
@lang_option
@click.option("--step", metavar="ID", help="Only this step.")
@click.option("--quiet", "-q", is_flag=True, help="What changed, without the lines.")
@click.option("--pager/--no-pager", default=None, help="Page the output; by default on a terminal when it is long.")
@annotations_option
@json_option
def diff(
    name: str, old: str, new: str, lang: str, step: str | None, quiet: bool, pager: bool | None, as_json: bool
) -> None:
    """How the code under each step changed from one tree to another: moved, renamed, edited, word by word."""
    from tour import tours
    from tour.render import data, terminal

    known(name, step)
    before, after = ready(old), ready(new)
    changed = [change for change in tour.diff(name, before, after, lang) if step in {None, change.step}]
    name = tours.named(name).name
    if as_json:
        click.echo(data.dumps(data.diff(name, before, after, changed)))
    else:
        terminal.show_diff(name, before.version, after.version, changed, lang, quiet=quiet, pager=pager)
    if any("lost" in change.states for change in changed):
        raise click.exceptions.Exit(1)
