"""git and apt as child processes: watched for silence, ended with all that they started, and asked in English."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tour.tree import GIT_PLACES

PATIENCE = 60.0
"""Seconds of silence after which git or apt is taken to hang; asked for progress, both talk all the time."""


class CannotHelpError(Exception):
    """Why one origin has no tree for us; ``unknown`` where it was asked, and does not know the version."""

    def __init__(self, why: str, *, unknown: bool = False) -> None:
        super().__init__(why)
        self.unknown = unknown


def environment() -> dict[str, str]:
    """Ours, in the one language that we read answers in, and with nobody to ask for a password."""
    nobody = {"GIT_ASKPASS", "SSH_ASKPASS", *GIT_PLACES}
    kept = {name: value for name, value in os.environ.items() if name not in nobody}
    return kept | {
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GCM_INTERACTIVE": "never",
        "GIT_HTTP_LOW_SPEED_LIMIT": "1000",
        "GIT_HTTP_LOW_SPEED_TIME": "30",
    }


def ask(*command: str, seconds: float | None = None) -> subprocess.CompletedProcess[str]:
    """Run something short; what needs a network gets so many seconds, and raises ``subprocess.TimeoutExpired``."""
    return subprocess.run(
        command,
        capture_output=True,
        env=environment(),
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        errors="replace",
        timeout=seconds,
    )


class Child:
    """A program that tells its progress on standard error; ended if it falls silent for too long."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.heard = time.monotonic()
        self.gave_up = False

    @property
    def code(self) -> int:
        """Its exit status, once it has ended."""
        return self.process.returncode

    def lines(self) -> Iterator[str]:
        """Lines that end in a newline or, as git's progress does, in a carriage return."""
        assert self.process.stderr is not None
        pending = b""
        while block := os.read(self.process.stderr.fileno(), 4096):
            self.heard = time.monotonic()
            *whole, pending = re.split(rb"[\r\n]", pending + block)
            yield from (line.decode(errors="replace") for line in whole if line)
        if pending:
            yield pending.decode(errors="replace")

    def watch(self, over: threading.Event) -> None:
        """Wait for it to fall silent; runs in a thread of its own."""
        while not over.wait(min(1.0, PATIENCE / 4)):
            if time.monotonic() - self.heard > PATIENCE:
                self.gave_up = True
                self.end()
                return

    def end(self) -> None:
        """End it with all that it has started: git and apt leave the transfer to children of their own."""
        for sign in (signal.SIGTERM, signal.SIGKILL) if os.name == "posix" else (signal.SIGTERM,):
            with suppress(ProcessLookupError):
                if os.name == "posix":
                    os.killpg(self.process.pid, sign)
                else:
                    self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=5)
                return


@contextmanager
def running(command: list[str], cwd: Path | None = None) -> Iterator[Child]:
    """A child process that does not outlive us, however we leave."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    child, over = Child(process), threading.Event()
    watcher = threading.Thread(target=child.watch, args=(over,), daemon=True)
    watcher.start()
    try:
        yield child
        process.wait()
    finally:
        over.set()
        watcher.join()
        if process.poll() is None:
            child.end()
        if process.stderr is not None:
            process.stderr.close()


def short(pattern: str, said: str, otherwise: str = "no reason given") -> str:
    """The first complaint in what a program said, without addresses, on part of a line."""
    found = re.search(pattern, said)
    return re.sub(r"'?\b[a-z]+://\S+", "…", found[1]).strip()[:120] if found else otherwise
