"""The commands: each reads its arguments, calls one library function, and hands the result to a renderer.

The only place that prints errors and chooses exit codes: 0 fine, 1 a finding, 2 could not run. A command's module is
imported when it is called, and heavy imports stand inside the commands, so that ``tour --help`` is instant.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, NoReturn

import click

from tour import __version__
from tour.errors import TourError

COMMANDS = {
    "get": "trees",
    "trees": "trees",
    "index": "trees",
    "where": "questions",
    "path": "questions",
    "list": "walks",
    "trace": "trace",
    "check": "walks",
    "run": "walks",
    "diff": "walks",
    "new": "authors",
    "anchor": "authors",
    "export": "exports",
    "import": "exports",
    "build": "publishing",
    "serve": "publishing",
    "mcp": "assistants",
    "doctor": "health",
}
"""Each command and its module, in the order a newcomer needs them."""

_NAMES = {"index": "index_command", "list": "list_command", "build": "build_command", "import": "import_command"}
"""What a command is called in its module, where not by its own name."""


class _Commands(click.Group):
    """A group whose errors are one or two clear lines on standard error."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"tour.cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, _NAMES.get(cmd_name, cmd_name))
        return command

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

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
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
