"""Questions about the code: ``where`` and ``path``."""

from __future__ import annotations

from pathlib import Path

import click

import tour
from tour.cli.arguments import json_option, lang_option, tree_option
from tour.cli.files import write_whole
from tour.cli.trees import ready, say_unread


@click.command(
    epilog="""\b
Examples:
  tour where F.batch_norm
  tour where x.to                    a method of torch.Tensor
  tour where aten::add.out --all     kernels for every dispatch key
  tour where F.conv2d --backward     its gradient
  tour where batch_norm_cpu --callers
  tour where pytorch3d.ops.ball_query    a function of a project beside PyTorch (`tour get pytorch3d`)
  tour where --kernel 'void at::native::(anonymous namespace)::cunn_SoftMaxForward<4, float>(float*)'
  tour where RegisterCPU.cpp:3420    a line of generated code (`tour index --generated` first)"""
)
@click.argument("name")
@tree_option()
@lang_option
@click.option("--backward", is_flag=True, help="The gradient: the autograd node of each operator, and what it calls.")
@click.option("--callers", is_flag=True, help="What leads there directly.")
@click.option("--callees", is_flag=True, help="What it leads to directly.")
@click.option("--kernel", is_flag=True, help="NAME is a C++ name out of a profiler or a linker, mangled or not.")
@click.option("--all", "every", is_flag=True, help="Also kernels for dispatch keys that few readers use.")
@json_option
def where(
    name: str,
    tree: str | None,
    lang: str,
    backward: bool,
    callers: bool,
    callees: bool,
    kernel: bool,
    every: bool,
    as_json: bool,
) -> None:
    """Where is this implemented: every layer of a function, module, operator or kernel."""
    from tour.render import data

    if backward + callers + callees > 1:
        raise click.UsageError("--backward, --callers and --callees are three questions; ask one at a time.")
    found = ready(tree)
    side = "callers" if callers else "callees" if callees else None
    answer = tour.around(name, found, side) if side else tour.where(name, found, backward=backward)
    if as_json:
        click.echo(data.dumps(data.where(answer, found)))
    else:
        from tour.render import answers

        answers.show_where(answer, found.titles, lang, every=every)
    if not answer.layers:
        say_unread(found)
        raise click.exceptions.Exit(1)


@click.command(
    epilog="""\b
Examples:
  tour path F.batch_norm batch_norm_transform_input_kernel
  tour path torch.Tensor.backward torch::autograd::Engine::execute
  tour path nn.Linear addmm_out_cuda_impl --all     other ways as well
  tour path MeshRenderer RasterizeMeshesNaiveCudaKernel    through a project beside PyTorch, and into it
  tour path F.batch_norm batch_norm_cpu --svg way.svg
\b
Which of the routes does a program take?
  tour path F.batch_norm batch_norm_cpu --run 'import torch; torch.nn.BatchNorm2d(3)(torch.randn(2, 3, 4, 4))'
  tour path nn.Linear addmm_out_cuda_impl --run train.py --python /opt/venv/bin/python"""
)
@click.argument("origin", metavar="A")
@click.argument("goal", metavar="B")
@tree_option()
@lang_option
@click.option("--all", "every", is_flag=True, help="Also up to four other ways.")
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Draw it in lanes.")
@click.option("--run", "running", metavar="PROGRAM", help="Run code or a script: which of the routes does it take?")
@click.option("--python", metavar="PATH", help="With --run: the Python whose torch is run; by default this one.")
@click.option("--gdb/--no-gdb", default=True, help="With --run: watch what is C++ with gdb.  [default: gdb]")
@click.option(
    "--timeout", type=click.FloatRange(min=0.1), default=120.0, show_default=True, help="With --run: seconds for a run."
)
@json_option
def path(
    origin: str,
    goal: str,
    tree: str | None,
    lang: str,
    every: bool,
    svg: Path | None,
    running: str | None,
    python: str | None,
    gdb: bool,
    timeout: float,
    as_json: bool,
) -> None:
    """The surest route from one name to another, each link with its place and how sure it is. Exit code 1 if none.

    With --run: those routes that a program may take, and what of each it really passed.
    """
    from tour.render import data

    if python and running is None:
        raise click.UsageError("`--python` belongs to `--run`.")
    found = ready(tree)
    routes = tour.path(origin, goal, found, alternatives=4 if every or running is not None else 0)
    ran = None
    if running is not None and routes:
        from tour.render import terminal

        with terminal.progress() as progress:
            ran = tour.taken(routes, running, found, python=python, seconds=timeout, debugger=gdb, progress=progress)
    if svg is not None and routes:
        from tour.render import lanes

        write_whole(svg, lanes.route(routes[0], lang))
    if as_json:
        click.echo(data.dumps(data.path(origin, goal, routes, found, ran)))
    else:
        from tour.render import answers

        answers.show_path(origin, goal, routes, found.titles, lang, ran)
    if not routes:
        say_unread(found)
    if not routes or (ran is not None and ran.observation.findings):
        raise click.exceptions.Exit(1)
