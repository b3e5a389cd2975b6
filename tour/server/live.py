"""The site and its kernels behind one origin: an extension of Jupyter's server, and a server that holds only that.

Kernels, tokens, the checks of Host, Origin and XSRF, culling and rate limits are Jupyter's. The site itself is public
to this machine; only the kernels ask for a login, as a JupyterHub would else refuse a page its own scripts. A page
never sees the token: the address that the reader opens changes it for a cookie.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import re
import secrets
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.extension.application import ExtensionApp
from jupyter_server.gateway.connections import GatewayWebSocketConnection
from jupyter_server.serverapp import ServerApp
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from tornado import web
from tornado.ioloop import IOLoop
from traitlets import Unicode, default
from traitlets.config import Config

from tour.errors import TourError
from tour.resources import folder

HOST = "127.0.0.1"

Pages = Callable[[str], Any]
"""What stands at an address below the site's root that is made when somebody asks; may raise ``TourError``."""

Watch = Callable[[dict[str, Any]], dict[str, Any]]
"""Runs cells under watch; gets what a page asked, and gives what it is told."""

CULL = 20 * 60
"""Seconds after which a kernel that does nothing is ended, also one that a page still holds."""

LARGEST = 2_000_000
"""Bytes of one message from a kernel to the page; what is larger is left out with a note."""

_OUTPUTS = {"stream", "display_data", "execute_result", "update_display_data", "error", "comm_msg", "comm_open"}
_NOTE = "[left out: an output of {size:,} bytes]"


class SiteHandler(JupyterHandler, web.StaticFileHandler):
    """A file of the site; Jupyter's handler first, for its check of the Host."""

    pages: Pages | None = None
    """What makes pages that no file holds."""
    absolute_path: str | None = None
    """The file, once one is found; tornado's own handler sets it."""

    @allow_unauthenticated
    async def get(self, path: str, include_body: bool = True) -> None:
        """A page made on demand, or the file, or the site's own page for what is not there."""
        if not await self._made(path, include_body):
            await web.StaticFileHandler.get(self, path, include_body)

    async def _made(self, path: str, include_body: bool) -> bool:
        """Answer with a page made on demand, if there is one: only who started the server reads all of its trees."""
        if self.pages is None or self.current_user is None:
            return False
        try:
            found = await IOLoop.current().run_in_executor(None, self.pages, path)
        except TourError as error:
            raise web.HTTPError(409, str(error)) from None
        if found is None:
            return False
        self.set_header("Content-Type", f"{found.kind}; charset=utf-8")
        self.set_extra_headers(path)
        body = found.text.encode("utf-8", "replace")
        if include_body:
            self.finish(body)
        else:
            self.set_header("Content-Length", str(len(body)))
            self.finish()
        return True

    def compute_etag(self) -> str | None:
        """A file's own; none of a page that no file holds."""
        return web.StaticFileHandler.compute_etag(self) if self.absolute_path else None

    @allow_unauthenticated
    async def head(self, path: str) -> None:
        """Its headers."""
        await self.get(path, include_body=False)

    def set_extra_headers(self, path: str) -> None:
        """A site that was built anew shows at once; no other site learns what is read here."""
        self.set_header("Cache-Control", "no-cache")
        self.set_header("Referrer-Policy", "same-origin")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """A sentence, or the site's own page for what is not there."""
        missing = Path(self.root) / "404.html"
        if status_code == 404 and missing.is_file():
            self.finish(missing.read_bytes())
            return
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        error = kwargs.get("exc_info", (None, None))[1]
        if status_code == 409 and isinstance(error, web.HTTPError):
            self.finish(f"This page cannot be made: {error.log_message}\n")
            return
        built = (Path(self.root) / "index.html").is_file()
        self.finish(f"{status_code}: {self._reason}\n" if built else "No site is built here yet: run `tour build`.\n")


class HomeHandler(JupyterHandler):
    """The site's address without its stroke."""

    @allow_unauthenticated
    def get(self) -> None:
        """Go to the one with it, from which the pages' links start."""
        self.redirect(f"{self.base_url}tour/")


class StartHandler(JupyterHandler):
    """Where a reader logs in: the token in the address, or a JupyterHub, becomes a cookie; then the site shows."""

    @web.authenticated
    def get(self) -> None:
        """Set the cookies and go to the page that was asked for."""
        self.xsrf_token  # noqa: B018  # reading it sets its cookie, which the page sends back
        self.set_header("Referrer-Policy", "no-referrer")
        asked = self.get_argument("next", "")
        page = asked if re.fullmatch(r"[\w-]+(/[\w.-]+)*/?", asked) else ""
        self.redirect(f"{self.base_url}tour/{page}")


class LiveHandler(JupyterHandler):
    """Tells a page that kernels are here, and whether the reader may use them; the built site says that none are."""

    @allow_unauthenticated
    def get(self) -> None:
        """The answer, which no cache keeps."""
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        login = self.current_user is None
        watches = WatchHandler.watch is not None
        self.finish(json.dumps({"live": True, "login": login, "base": self.base_url, "watch": watches}))


class WatchHandler(JupyterHandler):
    """Runs cells under watch for a reader who may run them anyhow, one request at a time."""

    watch: Watch | None = None
    is_busy = False

    @web.authenticated
    async def post(self) -> None:
        """What was seen, as JSON; a sentence where it cannot be had."""
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        try:
            asked = json.loads(self.request.body)
        except ValueError:
            asked = None
        if WatchHandler.watch is None or not isinstance(asked, dict):
            self._say(404 if WatchHandler.watch is None else 400, "nothing to watch")
            return
        if WatchHandler.is_busy:
            self._say(409, "busy")
            return
        WatchHandler.is_busy = True
        try:
            self.finish(json.dumps(await IOLoop.current().run_in_executor(None, WatchHandler.watch, asked)))
        except TourError as error:
            self._say(422, error.what)
        finally:
            WatchHandler.is_busy = False

    def _say(self, status: int, message: str) -> None:
        self.set_status(status)
        self.finish(json.dumps({"message": message}))


class _Quick:
    """A connection that sends each message at once: else Nagle's algorithm holds a short cell back by 40 ms."""

    websocket_handler: Any

    def connect(self) -> Any:
        """Connect to the kernel."""
        self.websocket_handler.set_nodelay(True)
        return super().connect()  # type: ignore[misc]


class Direct(_Quick, ZMQChannelsWebsocketConnection):
    """A page's connection to a kernel of this server; no message is larger than ``LARGEST``."""

    def handle_outgoing_message(self, stream: Any, outgoing_msg: list[Any]) -> None:
        """As Jupyter's, which limits the rate of streams, and of other outputs neither rate nor size."""
        size = sum(len(part) for part in outgoing_msg)
        if size <= LARGEST:
            super().handle_outgoing_message(stream, outgoing_msg)
            return
        _, parts = self.session.feed_identities(outgoing_msg)
        message = self.session.deserialize(parts)
        message["channel"] = getattr(stream, "channel", stream)
        message["buffers"] = []
        self.write_message(json.dumps(lessened(message, size), default=str))


class ViaGateway(_Quick, GatewayWebSocketConnection):
    """A page's connection to a kernel on another machine; the same limit holds."""

    def handle_outgoing_message(self, incoming_msg: str, *args: Any) -> None:
        """As Jupyter's, which limits nothing here."""
        if len(incoming_msg) > LARGEST:
            incoming_msg = json.dumps(lessened(json.loads(incoming_msg), len(incoming_msg)))
        super().handle_outgoing_message(incoming_msg, *args)


def lessened(message: dict[str, Any], size: int) -> dict[str, Any]:
    """A message that is too large, as one that says so; a reply keeps how the run ended."""
    note = _NOTE.format(size=size)
    content = message["content"]
    if message["header"]["msg_type"] in _OUTPUTS:
        header = {**message["header"], "msg_type": "stream"}
        return {
            **message,
            "header": header,
            "msg_type": "stream",
            "metadata": {},
            "content": {"name": "stderr", "text": f"{note}\n"},
        }
    short = {key: value for key, value in content.items() if isinstance(value, str | int) and len(str(value)) < 1000}
    return {**message, "content": {"evalue": note, "traceback": [], "user_expressions": {}, **short}}


class OnePython(KernelSpecManager):
    """The one kernel that there is: IPython in the Python that the reader named."""

    python = Unicode(help="The Python that runs cells.").tag(config=True)

    def find_kernel_specs(self) -> dict[str, str]:
        """Its name; it has no folder."""
        return {"python3": ""}

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """How it is started."""
        if kernel_name != "python3":
            raise NoSuchKernel(kernel_name)
        argv = [self.python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python", language="python", interrupt_mode="signal")


class TourServerApp(ServerApp):
    """Jupyter's server with kernels and nothing else: no files, no terminals, no contents, no shutdown."""

    name = "tour"
    default_services: tuple[str, ...] = ("api", "auth", "kernels", "kernelspecs", "security")  # type: ignore[assignment]

    @default("kernel_websocket_connection_class")
    def _connection(self) -> type:
        return ViaGateway if self.gateway_config.gateway_enabled else Direct

    def init_signal(self) -> None:
        """Ctrl-C ends it in the same way with and without a terminal: kernels first, without a question or a word."""
        super().init_signal()
        signal.signal(signal.SIGINT, self._signal_stop)

    def _signal_stop(self, sig: Any, frame: Any) -> None:
        self.stop(from_signal=True)


class TourApp(ExtensionApp):
    """The site at ``/tour/`` of any Jupyter server."""

    name = "tour"
    extension_url = "/tour/"
    load_other_extensions = False
    serverapp_class = TourServerApp
    site = Unicode(
        help="The folder of the built site; by default $TOUR_SITE, else `site` where the server starts."
    ).tag(config=True)

    @default("site")
    def _site(self) -> str:
        return os.environ.get("TOUR_SITE", "site")

    @classmethod
    def get_extension_package(cls) -> str:
        """The module that Jupyter asks for the extension."""
        return "tour.server"

    def initialize_handlers(self) -> None:
        """Put the site's addresses before the server's own.

        A site of somebody else's, whose pages hold tours by our fences, gets the scripts that run cells from us.
        """
        scripts = (
            r"/tour/assets/tour/((?:cells|kernel|outputs|places|watch|editor)\.js|kernel\.py|cells\.css)",
            SiteHandler,
            {"path": str(folder("templates") / "assets")},
        )
        is_ours = (Path(self.site) / "assets/tour/cells.js").is_file()
        self.handlers.extend(
            [
                (r"/tour", HomeHandler),
                (r"/tour/start", StartHandler),
                (r"/tour/(?:zh/)?assets/tour/live\.json", LiveHandler),
                (r"/tour/watch", WatchHandler),
                *([] if is_ours else [scripts]),
                (
                    r"/tour/(.*)",
                    SiteHandler,
                    {"path": str(Path(self.site).resolve()), "default_filename": "index.html"},
                ),
            ]
        )


def serve(
    site: Path,
    port: int,
    ready: Callable[[str], None],
    *,
    python: str | None,
    gateway: str | None,
    cull: int,
    pages: Pages | None = None,
    watch: Watch | None = None,
) -> None:
    """Serve ``site`` with kernels of ``python``, or of the Jupyter server at ``gateway``, until interrupted.

    ``pages`` makes what is asked for before a file is looked for; ``watch`` runs cells under watch. ``ready`` gets the
    address that logs the reader in.
    The token is ``$JUPYTER_TOKEN``, else a new one. Raises ``TourError`` where the port is taken.
    """
    token = os.environ.get("JUPYTER_TOKEN") or secrets.token_hex(24)
    port = _free(port)
    own = tempfile.mkdtemp(prefix="tour-")
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    (Path(own) / "cells").mkdir()
    # the reader's own settings of Jupyter, such as a server without a token, are for their other servers
    os.environ.update(JUPYTER_NO_CONFIG="1", JUPYTER_RUNTIME_DIR=own, PYDEVD_DISABLE_FILE_VALIDATION="1")
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_CONFIG_PATH", "JUPYTER_TOKEN", "JUPYTER_TOKEN_FILE"):
        os.environ.pop(name, None)
    config = _config(site, port, token, f"{own}/cells", cull)
    if gateway is not None:
        config.GatewayClient.url, key = _gateway(gateway)
        config.GatewayClient.auth_token = key or os.environ.get("JUPYTER_GATEWAY_AUTH_TOKEN", "")
    else:
        config.ServerApp.kernel_spec_manager_class = OnePython
        config.OnePython.python = python
    SiteHandler.pages = staticmethod(pages) if pages else None
    WatchHandler.watch = staticmethod(watch) if watch else None
    app: Any = TourApp.initialize_server(argv=[], config=config)  # type: ignore[no-untyped-call]
    try:
        # the loop opens the port first
        app.io_loop.add_callback(ready, f"http://{HOST}:{port}/tour/start?token={token}")
        app.start()
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _config(site: Path, port: int, token: str, folder: str, cull: int) -> Config:
    """The settings, each of which was attacked (``tests/test_live.py``)."""
    assert token, "a server without a token runs anybody's code"
    return Config(
        {
            "ServerApp": {
                "ip": HOST,
                "port": port,
                "port_retries": 0,
                "root_dir": folder,
                "open_browser": False,
                "allow_root": True,
                "log_level": 40,
                "allow_origin": "",
                "allow_remote_access": False,
                "allow_unauthenticated_access": False,
                "terminals_enabled": False,
                "kernel_ws_protocol": "",
                # old logins end with their token
                "cookie_secret": hashlib.sha256(f"tour {token}".encode()).digest(),
            },
            "IdentityProvider": {"token": token, "cookie_options": {"SameSite": "Strict"}},
            "KernelManager": {"transport": "ipc"},  # files of ours, no ports
            "MappingKernelManager": {
                "cull_idle_timeout": cull,
                "cull_interval": max(1, min(60, cull // 4)),
                "cull_connected": True,  # an open page would keep a kernel for ever
                "cull_busy": False,
            },
            "TourApp": {"site": str(site)},
        }
    )


def _free(port: int) -> int:
    """The port, or any free one for 0; raises ``TourError`` where it is taken."""
    with socket.socket() as asked:
        asked.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            asked.bind((HOST, port))
        except OSError as error:
            raise TourError(f"port {port} cannot be had: {error.strerror}", hint="Try `--port 0`.") from error
        number: int = asked.getsockname()[1]
        return number


def _gateway(address: str) -> tuple[str, str]:
    """The server's address and token, from an address as that server prints it; raises ``TourError`` for none."""
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        hint = "Give the address that the other server printed, http://127.0.0.1:9000/tour/start?token=…"
        raise TourError(f"{address!r} is no address of a server", hint=hint)
    base = re.sub(r"/(tour|lab|tree|notebooks)(/.*)?$", "", parts.path).rstrip("/")
    token = parse_qs(parts.query).get("token", [""])[0]
    return urlunsplit((parts.scheme, parts.netloc, base, "", "")), token
