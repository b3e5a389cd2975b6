"""``tour trace``: a walk, whether a run passes it, and the way that any program takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import tour
from tour.cli.arguments import annotations_option, complete_tours, json_option, lang_option, tree_option
from tour.cli.files import write_whole
from tour.cli.trees import ready
from tour.cli.walks import known
from tour.errors import TourError

if TYPE_CHECKING:
    from tour.tree import Tree


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, as it was written."""

    name: str | None
    tree: str | None
    lang: str
    step: str | None
    quiet: bool
    pager: bool | None
    running: str | None
    """What stands after ``--run``, ``""`` for nothing; ``None`` without it."""
    module: str | None
    python: str | None
    record: bool
    gdb: bool
    timeout: float
    svg: str | None
    html: str | None
    chrome: str | None
    as_json: bool


@click.command(
    epilog="""\b
Examples:
  tour trace import-torch
  tour trace import-torch --step pyinit      one stop of it
  tour trace import-torch --lang zh --tree 1.13.1
  tour trace import-torch --quiet            places and proofs, no prose
  tour trace import-torch --json | jq '.steps[].line'
\b
A walk held against a run of your own torch; what is C++ needs gdb:
  tour trace batch-norm-cpu --run
  tour trace batch-norm-cpu --run --step kernel                 with the stack that led there
  tour trace batch-norm-cpu --run --python /usr/bin/python3 --record
\b
Any program, and the way that it takes through PyTorch:
  tour trace --run 'import torch; torch.nn.BatchNorm2d(3)(torch.randn(2, 3, 4, 4))'
  tour trace --run train.py --html way.html
  tour trace --run 'import torch' --svg import.svg              where its second goes
  tour trace --run -m torch.utils.collect_env --chrome way.json     for Perfetto and speedscope"""
)
@click.argument("name", required=False, shell_complete=complete_tours)
@tree_option()
@lang_option
@click.option("--step", metavar="ID", help="Only this step.")
@click.option("--quiet", "-q", is_flag=True, help="Places and proofs only.")
@click.option("--pager/--no-pager", default=None, help="Page the output; by default on a terminal when it is long.")
@click.option(
    "--run",
    "running",
    metavar="[PROGRAM]",
    is_flag=False,
    flag_value="",
    help="Run the tour's cells and mark the steps that were passed; or run PROGRAM, a script or code.",
)
@click.option("-m", "module", metavar="MODULE", help="With --run: run this module.")
@click.option("--python", metavar="PATH", help="The Python whose torch is run; by default this one.")
@click.option("--record", is_flag=True, help="Keep what the run saw with the tour.")
@click.option("--gdb/--no-gdb", default=True, help="Watch native steps with gdb.  [default: gdb]")
@click.option(
    "--timeout", type=click.FloatRange(min=0.1), default=120.0, show_default=True, help="Seconds for one run."
)
@click.option("--svg", metavar="FILE", help="Of a program: keep the calls as a picture.")
@click.option("--html", metavar="FILE", help="Of a program: keep them as a page.")
@click.option("--chrome", metavar="FILE", help="Of a program: keep them as a trace for Perfetto or speedscope.")
@annotations_option
@json_option
def trace(**options: Any) -> None:
    """Walk a tour: each step's place, code, prose, hop and proof. With --run: was it really passed?"""
    asked = Asked(**options)
    if asked.running is None and (asked.record or asked.python or asked.module or asked.svg or asked.html):
        raise click.UsageError("`--record`, `--python`, `-m`, `--svg` and `--html` belong to `--run`.")
    if asked.name is None and asked.running in tour.names():
        _run(str(asked.running), asked)
    elif asked.name is None:
        if not asked.running and not asked.module:
            raise click.UsageError("Name a tour, or a program: `--run PROGRAM`.")
        _follow(asked)
    elif asked.running or asked.module:
        raise click.UsageError(f"Give a tour or a program, not both: {asked.name!r} and {asked.running!r}.")
    elif asked.running is not None:
        _run(asked.name, asked)
    else:
        _walk(asked.name, asked)


def _walk(name: str, asked: Asked) -> None:
    from tour.render import data

    known(name, asked.step)
    view = tour.trace(name, ready(asked.tree), asked.lang)
    if asked.as_json:
        click.echo(data.dumps(data.trace(view, asked.step)))
    else:
        from tour.render import terminal

        terminal.show(view, step=asked.step, quiet=asked.quiet, pager=asked.pager)
    if any(step.located == "lost" and asked.step in {None, step.id} for step in view.steps):
        raise click.exceptions.Exit(1)


def _run(name: str, asked: Asked) -> None:
    from tour.render import data, terminal

    known(name, asked.step)
    found = ready(asked.tree)
    with terminal.progress() as progress:
        observed = tour.watch(
            name, found, python=asked.python, seconds=asked.timeout, debugger=asked.gdb, progress=progress
        )
    view = tour.trace(name, found, asked.lang, observed.record)
    if asked.as_json:
        click.echo(data.dumps(data.run(view, observed)))
    else:
        quiet = asked.quiet or asked.step is None
        terminal.show(view, step=asked.step, quiet=quiet, pager=asked.pager, observed=observed)
    if asked.record:
        file, changed = tour.record(observed)
        click.echo(f"{'recorded' if changed else 'nothing new'}: {file}", err=True)
    if observed.findings:
        raise click.exceptions.Exit(1)


def _sources(asked: str | None) -> Tree | None:
    """The tree in which operators and kernels have their places; ``None`` where none was named and none is ready."""
    from tour.index import state_of
    from tour.tree import index_path

    if asked is not None:
        return ready(asked)
    try:
        tree = tour.open_tree(None)
    except TourError:
        return None
    return tree if state_of(index_path(tree)) == "ready" else None


def _follow(asked: Asked) -> None:
    import json

    from tour.render import data, flames, terminal
    from tour.witness.calls import chrome
    from tour.witness.programs import Program

    script = Path(asked.running) if asked.running and "\n" not in asked.running and len(asked.running) < 1000 else None
    if asked.module:
        program = Program(module=asked.module)
    elif script is not None and script.is_file():
        program = Program(script=script)
    elif script is not None and script.suffix == ".py":
        raise TourError(f"there is no file {asked.running!r}", hint="Give a script, code in quotes, or `-m MODULE`.")
    else:
        program = Program(code=asked.running)
    ran = tour.follow(program, _sources(asked.tree), python=asked.python, seconds=asked.timeout)
    title = asked.module or (script.name if program.script and script else str(asked.running).splitlines()[0][:80])
    if asked.as_json:
        click.echo(data.dumps(data.passage(ran)))
    else:
        click.echo(ran.ended.output, nl=False, err=True)
        terminal.show_passage(ran, asked.lang, pager=asked.pager)
    if asked.svg:
        write_whole(Path(asked.svg), flames.svg(ran, title, asked.lang))
    if asked.html:
        write_whole(Path(asked.html), flames.html(ran, title, asked.lang))
    if asked.chrome:
        write_whole(Path(asked.chrome), json.dumps(chrome(ran.threads, ran.main, ran.devices)))
    if ran.wrong:
        raise click.exceptions.Exit(1)
