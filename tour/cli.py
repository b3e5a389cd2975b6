"""The commands: each reads its arguments, calls one library function, and hands the result to a renderer.

The only place that prints errors and chooses exit codes: 0 fine, 1 a finding, 2 could not run. Heavy imports stand
inside the commands, so that ``tour --help`` is instant.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

import tour
from tour import __version__
from tour.errors import TourError
from tour.model import LANGS

if TYPE_CHECKING:
    from tour.model import Progress
    from tour.tree import Tree


class _Commands(click.Group):
    """A group whose errors are one or two clear lines on standard error."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # in the order a newcomer needs them

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except TourError as error:
            _fail(error)
        except BrokenPipeError:
            sys.stderr.close()  # a pager or head that had enough
            ctx.exit(0)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], self.commands, n=1)
            if near and error.message.startswith("No such command"):
                raise click.UsageError(f"No such command {args[0]!r}. Did you mean {near[0]!r}?", ctx) from None
            raise


def _fail(error: TourError) -> NoReturn:
    click.echo(f"tour: {error}", err=True)
    if error.hint:
        click.echo(f"      {error.hint}", err=True)
    raise click.exceptions.Exit(2)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
A first walk:
  tour get 2.6.0           bring PyTorch's sources here
  tour index               read them (once; later only what changed)
  tour trace import-torch  walk through what `import torch` does
\b
Exit codes: 0 fine, 1 a finding, 2 could not run.
Shell completion: eval "$(_TOUR_COMPLETE=bash_source tour)"  (or zsh_source, fish_source)""",
)
@click.version_option(__version__, prog_name="tour", message="%(prog)s %(version)s")
def main() -> None:
    """Read PyTorch's source: walks tied to real lines, each hop proven from the code."""


def _tree_option(multiple: bool = False) -> Callable[[Any], Any]:
    text = "A version at hand (2.6.0), or a folder with PyTorch's sources."
    return click.option(
        "--tree",
        "trees" if multiple else "tree",
        metavar="VERSION|PATH",
        multiple=multiple,
        help=text + (" May be given several times." if multiple else ""),
        shell_complete=_complete_trees,
    )


def _lang_option(command: Any) -> Any:
    return click.option("--lang", type=click.Choice(LANGS), default="en", show_default=True, help="Language.")(command)


def _json_option(command: Any) -> Any:
    return click.option("--json", "as_json", is_flag=True, help="JSON on standard output, for programs.")(command)


def _complete_trees(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from tour import tree

    return [found.version for found in tree.trees() if found.version.startswith(incomplete)]


def _complete_tours(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in tour.names() if name.startswith(incomplete)]


@main.command(
    epilog="""\b
Examples:
  tour get 2.6.0                  the first of git and the Debian source package that has it
  tour get 2.6.0 --from debian    only the Debian source package, its signature checked
  tour get ~/src/pytorch          a folder that you already have, used where it is
  tour get ./odd --version 2.5.1  … whose version cannot be told from the files"""
)
@click.argument("version", metavar="VERSION|PATH")
@click.option(
    "--from", "source", type=click.Choice(("git", "debian")), help="Where to get it, instead of the first that works."
)
@click.option("--version", "override", metavar="VERSION", help="The version of a folder, where its files do not say.")
@_json_option
def get(version: str, source: str | None, override: str | None, as_json: bool) -> None:
    """Bring a PyTorch source tree to your cache, or name a folder that you have."""
    from tour import origins, tree
    from tour.render import data, terminal

    if tree.means_folder(version):
        if source:
            raise TourError("--from goes with a version, not with a folder")
        found = tree.add_folder(Path(version), override)
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
        click.echo(f"PyTorch {found.version} ({found.kind}) is at {found.root}")


@main.command()
@_json_option
def trees(as_json: bool) -> None:
    """List the trees at hand: version, kind, place, the state of their index, and of generated code in it."""
    from tour import tree
    from tour.render import data, terminal

    rows = [{**data.tree_row(found, _index_state(found)), "generated": _generated(found)} for found in tree.trees()]
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


def _index_state(tree: Tree) -> str:
    """``ready``, how many files it is behind the tree, or why there is none to use."""
    from tour.errors import TreeError
    from tour.index import Index, state_of
    from tour.tree import index_path

    state = state_of(index_path(tree))
    if state != "ready":
        return state
    try:
        files = tree.files()
    except TreeError as error:
        return f"unreadable tree ({error.what})"
    with Index(index_path(tree)) as index:
        behind = index.behind((file.path, file.size, file.mtime_ns) for file in files)
    return f"{behind} files behind" if behind else "ready"


@main.command(
    name="index",
    epilog="""\b
Examples:
  tour index                the tree of the current folder, else the newest at hand
  tour index 1.13.1         a version at hand
  tour index ~/src/pytorch  a folder
  tour index --problems     also list what could not be read, as file:line
  tour index --generated    first run the tree's own code generation, and read what it writes too
  tour index --no-generated forget the generated code again
  tour index --precise aten/src/ATen/native/Normalization.cpp torch/csrc/stub.c
                            resolve the calls of these files with libclang""",
)
@click.argument("told", metavar="[VERSION|PATH] [FILE…]", nargs=-1, shell_complete=_complete_trees)
@click.option(
    "--tree", "tree_option", metavar="VERSION|PATH", help="The same, as an option.", shell_complete=_complete_trees
)
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
@_json_option
def index_command(
    told: tuple[str, ...],
    tree_option: str | None,
    problems: bool,
    generated: bool | None,
    precise: bool,
    as_json: bool,
) -> None:
    """Build or update the index of a tree; only what changed is read again."""
    from dataclasses import asdict

    from tour import codegen, tree

    files = tuple(name for name in told if _is_source(name)) if precise else ()
    others = [name for name in told if name not in files]
    if precise and not files:
        raise click.UsageError("--precise needs files in C, C++ or CUDA.")
    if len(others) + bool(tree_option) > 1:
        raise click.UsageError(f"One tree at a time: {', '.join([*others, *filter(None, [tree_option])])}.")
    found = tree.open_tree(others[0] if others else tree_option)
    if generated:
        found = _generate(found)
    elif generated is False:
        found = codegen.exclude(found)
    report = _update(found)
    readings = _precise(found, files) if precise else []
    listed = _problems(found) if problems else []
    state = _generated_state(found)
    if as_json:
        from tour.render import data

        rows = [{"file": at.file, "line": at.line, "what": what} for at, what in listed]
        report_told = {**asdict(report), "generated": data.generated_row(state, report.generated)}
        readings_told = {"precise": [asdict(reading) for reading in readings]} if precise else {}
        click.echo(data.dumps({"tree": found.version, **report_told, "listed": rows, **readings_told}))
        return
    for at, what in listed:
        click.echo(f"{at}: {what}")
    if report.parsed or report.removed:
        gone = f", {report.removed} gone" if report.removed else ""
        click.echo(
            f"PyTorch {found.version}: {report.parsed} of {report.files} files read{gone}, {report.seconds:.1f} s."
        )
    else:
        click.echo(f"PyTorch {found.version}: nothing changed in {report.files} files, {report.seconds:.1f} s.")
    if report.generated:
        click.echo(f"{report.generated} of them were written by the tree's own code generation, run on this machine.")
    if state == "out of date":
        click.echo("That was before the tree changed: `tour index --generated` runs its code generation anew.")
    if report.problems and not problems:
        click.echo(
            f"{report.problems} files hold something that could not be read: `tour index --problems` lists them."
        )


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


def _is_source(name: str) -> bool:
    """Whether libclang can be asked to read it."""
    from tour.precise import KINDS

    return name.endswith(KINDS)


def _precise(tree: Tree, files: Sequence[str]) -> list[Any]:
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


def _ready(spec: str | None) -> Tree:
    """A tree that has an index; on a terminal offers to make one that is not there."""
    from tour.errors import StaleIndex
    from tour.index import state_of
    from tour.tree import index_path

    tree = tour.open_tree(spec)
    state = state_of(index_path(tree))
    if state != "ready":
        missing = "has no index yet" if state == "absent" else f"has an index that is of no use ({state})"
        offer = f"PyTorch {tree.version} {missing}. Make it now? It takes about half a minute."
        asks = sys.stdin.isatty() and sys.stderr.isatty()
        if not asks or not click.confirm(offer, default=True, err=True):
            raise StaleIndex(f"PyTorch {tree.version} {missing}", hint=f"Run `tour index {spec or tree.version}`.")
        _update(tree)
    return tree


@main.command(
    epilog="""\b
Examples:
  tour where F.batch_norm
  tour where x.to                    a method of torch.Tensor
  tour where aten::add.out --all     kernels for every dispatch key
  tour where F.conv2d --backward     its gradient
  tour where batch_norm_cpu --callers
  tour where --kernel 'void at::native::(anonymous namespace)::cunn_SoftMaxForward<4, float>(float*)'
  tour where RegisterCPU.cpp:3420    a line of generated code (`tour index --generated` first)"""
)
@click.argument("name")
@_tree_option()
@_lang_option
@click.option("--backward", is_flag=True, help="The gradient: the autograd node of each operator, and what it calls.")
@click.option("--callers", is_flag=True, help="What leads there directly.")
@click.option("--callees", is_flag=True, help="What it leads to directly.")
@click.option("--kernel", is_flag=True, help="NAME is a C++ name out of a profiler or a linker, mangled or not.")
@click.option("--all", "every", is_flag=True, help="Also kernels for dispatch keys that few readers use.")
@_json_option
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
    found = _ready(tree)
    side = "callers" if callers else "callees" if callees else None
    answer = tour.around(name, found, side) if side else tour.where(name, found, backward=backward)
    if as_json:
        click.echo(data.dumps(data.where(answer, found)))
    else:
        from tour.render import terminal

        terminal.show_where(answer, found.version, lang, every=every)
    if not answer.layers:
        raise click.exceptions.Exit(1)


@main.command(
    epilog="""\b
Examples:
  tour path F.batch_norm batch_norm_transform_input_kernel
  tour path torch.Tensor.backward torch::autograd::Engine::execute
  tour path nn.Linear addmm_out_cuda_impl --all     other ways as well
  tour path F.batch_norm batch_norm_cpu --svg way.svg"""
)
@click.argument("origin", metavar="A")
@click.argument("goal", metavar="B")
@_tree_option()
@_lang_option
@click.option("--all", "every", is_flag=True, help="Also up to four other ways.")
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Draw it in lanes.")
@_json_option
def path(origin: str, goal: str, tree: str | None, lang: str, every: bool, svg: Path | None, as_json: bool) -> None:
    """The surest route from one name to another, each link with its place and how sure it is. Exit code 1 if none."""
    from tour.render import data

    found = _ready(tree)
    routes = tour.path(origin, goal, found, alternatives=4 if every else 0)
    if svg is not None and routes:
        from tour.render import lanes

        _write(svg, lanes.route(routes[0], lang))
    if as_json:
        click.echo(data.dumps(data.path(origin, goal, routes, found)))
    else:
        from tour.render import terminal

        terminal.show_path(origin, goal, routes, found.version, lang)
    if not routes:
        raise click.exceptions.Exit(1)


def _write(file: Path, text: str) -> None:
    """Write a whole file or none."""
    working = file.with_name(f".{file.name}.new")
    try:
        working.write_text(text)
        working.replace(file)
    except OSError as error:
        working.unlink(missing_ok=True)
        raise TourError(f"cannot write {file}: {error.strerror}", hint="Name a file in a folder of yours.") from error


@main.command(name="list")
@_tree_option()
@_lang_option
@_json_option
def list_command(tree: str | None, lang: str, as_json: bool) -> None:
    """List the tours with their state in a tree."""
    from tour.render import data, terminal

    found = _ready(tree)
    rows = [data.tour_row(tour.trace(name, found, lang)) for name in tour.names()]
    if as_json:
        click.echo(data.dumps({"tree": found.version, "tours": rows}))
    else:
        terminal.show_tours(rows, lang)


@main.command(
    epilog="""\b
Examples:
  tour trace import-torch
  tour trace import-torch --step pyinit      one stop of it
  tour trace import-torch --lang zh --tree 1.13.1
  tour trace import-torch --quiet            places and proofs, no prose
  tour trace import-torch --json | jq '.steps[].line'"""
)
@click.argument("name", shell_complete=_complete_tours)
@_tree_option()
@_lang_option
@click.option("--step", metavar="ID", help="Only this step.")
@click.option("--quiet", "-q", is_flag=True, help="Places and proofs only.")
@click.option("--pager/--no-pager", default=None, help="Page the output; by default on a terminal when it is long.")
@_json_option
def trace(
    name: str, tree: str | None, lang: str, step: str | None, quiet: bool, pager: bool | None, as_json: bool
) -> None:
    """Walk a tour: each step's place, code, prose, hop and proof."""
    from tour import tours
    from tour.errors import UnknownName
    from tour.render import data
    from tour.resources import folder

    if step is not None or name not in tour.names():  # a wrong name is said before a tree is asked for
        known = [found.id for found in tours.load(name, folder("annotations")).steps]
        if step is not None and step not in known:
            import difflib

            raise UnknownName(
                f"{name} has no step {step!r}", tuple(difflib.get_close_matches(step, known, n=3, cutoff=0.4))
            )
    view = tour.trace(name, _ready(tree), lang)
    if as_json:
        click.echo(data.dumps(data.trace(view, step)))
    else:
        from tour.render import terminal

        terminal.show(view, step=step, quiet=quiet, pager=pager)
    broken = [s for s in view.steps if s.located == "lost" and step in {None, s.id}]
    if broken:
        raise click.exceptions.Exit(1)


@main.command(
    epilog="""\b
Examples:
  tour check                                          every tour, in the newest tree at hand
  tour check import-torch --tree 2.6.0 --tree 1.13.1"""
)
@click.argument("names", metavar="[NAME…]", nargs=-1, shell_complete=_complete_tours)
@_tree_option(multiple=True)
@click.option("--all", "every", is_flag=True, help="Every tour; the same as naming none.")
@click.option(
    "--precise", is_flag=True, help="First resolve the calls of the C and C++ files on the way with libclang."
)
@_json_option
def check(names: tuple[str, ...], trees: tuple[str, ...], every: bool, precise: bool, as_json: bool) -> None:
    """Is every anchor located and every hop proven, in each tree given? Exit code 1 if not."""
    from tour import tours, views
    from tour.render import data, terminal
    from tour.resources import folder

    asked = tour.names() if every or not names else names
    for name in asked:
        tours.load(name, folder("annotations"))  # a tour that cannot be read is said before a tree is asked for
    found: list[views.Finding] = []
    checked: list[dict[str, Any]] = []
    for spec in trees or (None,):
        tree = _ready(spec)
        if precise:
            steps = [step.file for name in asked for step in tour.trace(name, tree).steps if step.file]
            _precise(tree, [file for file in dict.fromkeys(steps) if _is_source(file)])
        for name in asked:
            found += tour.check(name, tree)
            checked.append(data.tour_row(tour.trace(name, tree)) | {"tree": tree.version})
    if as_json:
        click.echo(data.dumps(data.findings(found, checked)))
    else:
        terminal.show_check(found, checked)
    if any(finding.fatal for finding in found):
        raise click.exceptions.Exit(1)


def _out_option(command: Any) -> Any:
    option = click.option(
        "--out",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("site"),
        show_default=True,
        help="Where the site goes.",
    )
    return option(command)


@main.command(
    name="build",
    epilog="""\b
Examples:
  tour build                           all tours, in the newest tree at hand, into ./site
  tour build --tree 2.6.0 --out /srv/www/tour""",
)
@_tree_option()
@_out_option
def build_command(tree: str | None, out: Path) -> None:
    """Build the static site: every tour in both languages, and the sources they touch."""
    home = _build(tree, out)
    click.echo(f"The site is at {home}. `tour serve` shows it.")


def _build(spec: str | None, out: Path) -> Path:
    from tour.render import terminal

    tree = _ready(spec)
    with terminal.progress() as progress:
        return tour.publish(tree, out, progress=progress)


@main.command(
    epilog="""\b
Examples:
  tour serve               builds ./site if need be and serves it on this machine
  tour serve --port 9000"""
)
@_tree_option()
@_out_option
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes any free port.")
@click.option("--rebuild", is_flag=True, help="Build the site again even if it is there.")
def serve(tree: str | None, out: Path, port: int, rebuild: bool) -> None:
    """Serve the site on this machine (loopback only)."""
    from tour import server

    if rebuild or not (out / "index.html").is_file():
        _build(tree, out)
    server.serve(out, port, lambda address: click.echo(f"The site is at {address} (Ctrl-C ends it)."))


if __name__ == "__main__":
    main()
