"""`tour serve` as a real process, with kernels of a real torch, over a small site; and one with its guards off."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import websocket

from .conftest import torch_pythons

ROOT = Path(__file__).parents[1]
PYTHON = torch_pythons()["2.13.0"]

OPEN = """
import sys
from pathlib import Path
from tour.server import live

config = live._config
def unguarded(*words):
    made = config(*words)
    made.IdentityProvider.token = ""
    made.ServerApp.update(
        allow_origin="*", disable_check_xsrf=True, allow_remote_access=True, allow_unauthenticated_access=True
    )
    return made
live._config = unguarded
live.TourServerApp.default_services = live.ServerApp.default_services
live.LARGEST = 10**12
live.serve(Path(sys.argv[1]), 0, lambda address: print(address, flush=True), python=sys.argv[2], gateway=None, cull=600)
"""
"""The same server with every guard off: an attack that fails here too would show nothing."""


@dataclass
class Served:
    """A server, and how to ask it."""

    process: subprocess.Popen[str]
    start: str
    """The address that it printed."""

    @property
    def port(self) -> int:
        return int(re.search(r":(\d+)/", self.start)[1])  # type: ignore[index]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        return self.start.partition("token=")[2]

    def ask(
        self, path: str, method: str = "GET", headers: dict[str, str] | None = None, body: Any = None
    ) -> tuple[int, str, dict[str, str]]:
        """Status, body and headers of an answer; no redirect is followed."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = headers or {}
        connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
        data = b"" if body is None else json.dumps(body).encode()
        for key, value in {**headers, "Content-Length": str(len(data))}.items():
            connection.putheader(key, value)
        connection.endheaders(data)
        answer = connection.getresponse()
        got = {key: value for key, value in answer.getheaders() if key.lower() != "set-cookie"}
        cookies = [value.partition(";")[0] for key, value in answer.getheaders() if key.lower() == "set-cookie"]
        text = answer.read().decode("utf-8", "replace")
        connection.close()
        return answer.status, text, {**got, "cookies": "; ".join(cookies)}

    def login(self) -> dict[str, str]:
        """The headers of a browser that opened the address: its cookies, without the page's XSRF header."""
        _, _, headers = self.ask(self.start.removeprefix(self.address))
        return {"Cookie": headers["cookies"]}

    def page(self) -> dict[str, str]:
        """The headers of the page's own scripts."""
        cookie = self.login()["Cookie"]
        return {"Cookie": cookie, "X-XSRFToken": re.search(r"_xsrf=([^;]+)", cookie)[1]}  # type: ignore[index]

    def kernel(self) -> str:
        """A new kernel's id."""
        status, text, _ = self.ask("/api/kernels", "POST", self.page(), {"name": "python3"})
        assert status == 201, text
        return str(json.loads(text)["id"])

    def connect(self, kernel: str, headers: dict[str, str], **named: Any) -> websocket.WebSocket:
        """A WebSocket to a kernel; raises what the client raises when it is refused."""
        lines = [f"{key}: {value}" for key, value in headers.items()]
        return websocket.create_connection(
            f"ws://127.0.0.1:{self.port}/api/kernels/{kernel}/channels", header=lines, timeout=60, **named
        )


def execute(socket: websocket.WebSocket, code: str) -> list[dict[str, Any]]:
    """All messages about a run until it is done."""
    ask = {
        "header": {"msg_id": os.urandom(8).hex(), "msg_type": "execute_request", "username": "", "session": "s"},
        "parent_header": {}, "metadata": {}, "channel": "shell", "buffers": [],
        "content": {"code": code, "silent": False, "allow_stdin": False},
    }  # fmt: skip
    socket.send(json.dumps(ask))
    got: list[dict[str, Any]] = []
    ends = {"reply": False, "idle": False}
    while not all(ends.values()):
        message = json.loads(socket.recv())
        if message["parent_header"].get("msg_id") != ask["header"]["msg_id"]:  # type: ignore[index]
            continue
        got.append(message)
        ends["reply"] |= message["header"]["msg_type"] == "execute_reply"
        ends["idle"] |= message["content"].get("execution_state") == "idle"
    return got


@contextmanager
def running(command: Sequence[str | Path], into: Path, **environment: str) -> Iterator[Served]:
    """A process that prints its address, ended afterwards; what it says goes to ``into``."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("JUPYTER")}
    with (into / "errors").open("w") as errors:
        process = subprocess.Popen(
            [str(word) for word in command], stdout=subprocess.PIPE, stderr=errors, text=True, cwd=into,
            env={**clean, "PYTHONPATH": str(ROOT), **environment},
        )  # fmt: skip
    try:
        assert process.stdout is not None
        told = process.stdout.readline()
        found = re.search(r"http://\S+", told)
        assert found, told + (into / "errors").read_text()
        yield Served(process, found[0])
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def serve(site: Path, into: Path, *words: str, python: str = PYTHON, **environment: str) -> Any:
    """`tour serve` over ``site``."""
    into.mkdir(parents=True, exist_ok=True)
    runs = [] if "--gateway" in words else ["--python", python]
    command = [sys.executable, "-u", "-m", "tour", "serve", "--out", site, *runs]
    command += [] if "--port" in words else ["--port", "0"]
    return running([*command, *words], into, **environment)


def unguarded(site: Path, into: Path) -> Any:
    """The server with its guards off."""
    into.mkdir(parents=True, exist_ok=True)
    return running([sys.executable, "-u", "-c", OPEN, site, PYTHON], into)


def until(holds: Callable[[], Any], seconds: float = 60) -> Any:
    """What ``holds`` gives as soon as it is true."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.2)
    return found
