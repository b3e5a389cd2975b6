"""What this machine can do: ``doctor``."""

from __future__ import annotations

import click

import tour
from tour.cli.arguments import json_option, lang_option


@click.command(
    epilog="""\b
Examples:
  tour doctor                             trees, torch, GPU, compilers, kernels, what tour itself needs
  tour doctor --for cuda-extension        before building a CUDA extension such as PyTorch3D
  tour doctor --for cuda-extension --python /opt/venv/bin/python --json"""
)
@click.option("--for", "purpose", type=click.Choice(("cuda-extension",)), help="Look closely at what that needs.")
@click.option("--python", metavar="PATH", help="The Python that builds and runs; by default this one.")
@lang_option
@json_option
def doctor(purpose: str | None, python: str | None, lang: str, as_json: bool) -> None:
    """What this machine can do: what was found, why it matters, how to mend it. Exit code 1 if something is in the way.

    Nothing is built or changed.
    """
    from tour.doctor import State
    from tour.render import checks as render

    checks = tour.examine(purpose, python)
    if as_json:
        from tour.render import data

        click.echo(data.dumps({"for": purpose, "lang": lang, "checks": [render.told(check, lang) for check in checks]}))
    else:
        render.show(checks, lang)
    if any(check.state is State.FINDING for check in checks):
        raise click.exceptions.Exit(1)
