"""The site as files alone, on loopback, by the standard library.

It answers only requests that name a loopback host, so that no page of another origin reads it through a rebound name.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tour.errors import TourError

HOST = "127.0.0.1"


class _Files(SimpleHTTPRequestHandler):
    """Files below the site's folder, without a log line for each."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *args: Any, pages: Callable[[str], Any] | None = None, **kwargs: Any) -> None:
        self._pages = pages
        super().__init__(*args, **kwargs)

    def do_GET(self) -> None:
        if self._ours() and not self._made(True):
            super().do_GET()

    def do_HEAD(self) -> None:
        if self._ours() and not self._made(False):
            super().do_HEAD()

    def _made(self, with_body: bool) -> bool:
        """Answer with a page made on demand, if there is one."""
        if self._pages is None:
            return False
        try:
            found = self._pages(urlsplit(self.path).path.removeprefix("/"))
        except TourError as error:
            self.send_error(HTTPStatus.CONFLICT, "This page cannot be made", str(error))
            return True
        if found is None:
            return False
        body = found.text.encode("utf-8", "replace")
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"{found.kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Referrer-Policy", "same-origin")
        self.end_headers()
        if with_body:
            self.wfile.write(body)
        return True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """The site's own page for what is not there, where it has one."""
        missing = Path(self.directory) / "404.html"
        if code != HTTPStatus.NOT_FOUND or not missing.is_file():
            super().send_error(code, message, explain)
            return
        body = missing.read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _ours(self) -> bool:
        name = (self.headers.get("Host") or "").rpartition(":")[0] or self.headers.get("Host")
        if name in {HOST, "localhost"}:
            return True
        self.send_error(HTTPStatus.FORBIDDEN, "This server answers on loopback names only")
        return False

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the reader's terminal is theirs."""


def serve(site: Path, port: int, ready: Callable[[str], None], *, pages: Callable[[str], Any] | None = None) -> None:
    """Serve ``site`` until interrupted; ``ready`` gets the address. Raises ``TourError`` where the port is taken.

    ``pages`` makes what is asked for before a file is looked for.
    """
    handler = partial(_Files, directory=str(site), pages=pages)
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
