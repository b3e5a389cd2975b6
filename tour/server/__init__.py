"""The site on this machine: with kernels behind it where Jupyter's server is installed, as files alone where not.

``live`` is an extension of Jupyter's server: ``tour serve`` starts a server that holds nothing else, and a JupyterHub
user's server takes it in beside what it has.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

LIVE = "`pip install 'tour-pytorch[live]'`"
"""What makes cells run."""


def can_run() -> bool:
    """Whether Jupyter's server is installed here."""
    return find_spec("jupyter_server") is not None


def serve(
    site: Path,
    port: int,
    ready: Callable[[str], None],
    *,
    python: str | None = None,
    gateway: str | None = None,
    cull: int | None = None,
    pages: Callable[[str], Any] | None = None,
    watch: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
) -> None:
    """Serve ``site`` on loopback until interrupted; ``ready`` gets the address to open.

    Cells run in kernels of ``python``, or on the machine behind ``gateway``, the address of a Jupyter server;
    without either the site is files alone. ``pages`` makes what no file holds, by its address; ``watch`` runs cells
    under watch: it gets what a page asked and gives what the page is told, and may raise ``TourError``. Raises
    ``TourError`` where the port is taken, or the address is none.
    """
    if python is None and gateway is None:
        from tour.server import static

        static.serve(site, port, ready, pages=pages)
    else:
        from tour.server import live

        cull = cull or live.CULL
        live.serve(site, port, ready, python=python, gateway=gateway, cull=cull, pages=pages, watch=watch)


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Where Jupyter's server finds the extension."""
    from tour.server.live import TourApp

    return [{"module": "tour.server.live", "app": TourApp}]
