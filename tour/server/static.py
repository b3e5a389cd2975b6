"""The site as files alone, on loopback, by the standard library.

It answers only requests that name a loopback host, so that no page of another origin reads it through a rebound name.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tour.errors import TourError

HOST = "127.0.0.1"


class _Files(SimpleHTTPRequestHandler):
    """Files below the site's folder, without a log line for each."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self._ours():
            super().do_GET()

    def do_HEAD(self) -> None:
        if self._ours():
            super().do_HEAD()

    def _ours(self) -> bool:
        name = (self.headers.get("Host") or "").rpartition(":")[0] or self.headers.get("Host")
        if name in {HOST, "localhost"}:
            return True
        self.send_error(HTTPStatus.FORBIDDEN, "This server answers on loopback names only")
        return False

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the reader's terminal is theirs."""


def serve(site: Path, port: int, ready: Callable[[str], None]) -> None:
    """Serve ``site`` until interrupted; ``ready`` gets the address. Raises ``TourError`` where the port is taken."""
    handler = partial(_Files, directory=str(site))
    try:
        server = ThreadingHTTPServer((HOST, port), handler)
    except OSError as error:
        raise TourError(f"port {port} cannot be had: {error.strerror}", hint="Try `--port 0`.") from error
    with server:
        ready(f"http://{HOST}:{server.server_port}/")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return
