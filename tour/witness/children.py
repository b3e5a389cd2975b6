"""A child process under a limit of time and of output, and the end of all that it started.

Its descendants are known by a word in their environment, so that one that left the process group, as a daemon does, is
found too (where there is no ``/proc``, the process group has to do).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tour.errors import TourError

MARK = "TOUR_WITNESS_RUN"
KEPT = 32_768
"""Bytes of output kept from the start, and as many from the end."""

GRACE = 1.0
"""Seconds between asking to end and ending."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended."""

    code: int | None
    """Its exit code, negative for a signal; ``None`` where it had to be ended."""
    seconds: float
    output: str
    """What it and its children wrote, cut in the middle where it was long."""
    written: int
    """Bytes of it in all."""
    left: int
    """Processes that it left behind, and that were ended."""


class _Tail:
    """Reads a pipe to its end and keeps the first and the last of it."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self.first, self.last, self.written = b"", b"", 0
        self.pipe = pipe
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while chunk := os.read(self.pipe.fileno(), 65_536):
                self.written += len(chunk)
                room = KEPT - len(self.first)
                self.first += chunk[:room]
                if rest := chunk[room:]:
                    self.last = (self.last + rest)[-KEPT:]

    def text(self) -> str:
        self.thread.join(timeout=GRACE)
        cut = self.written - len(self.first) - len(self.last)
        between = f"\n… {cut} bytes …\n".encode() if cut > 0 else b""
        return (self.first + between + self.last).decode("utf-8", "replace")


def run(command: Sequence[str], *, seconds: float, environment: Mapping[str, str], folder: Path) -> Ended:
    """Run a command to its end, or end it after so many seconds; nothing that it started is left.

    Raises ``TourError`` where it cannot be started.
    """
    word = secrets.token_hex(8)
    start = time.monotonic()
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**environment, MARK: word},
            cwd=folder,
            start_new_session=True,
        )
    except OSError as error:
        raise TourError(f"cannot start {command[0]}: {error.strerror or error}") from None
    assert process.stdout is not None
    tail = _Tail(process.stdout)
    code: int | None = None
    try:
        code = process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        pass
    finally:
        left = _end(process, word)
        process.wait()
    took = time.monotonic() - start
    output = tail.text()
    process.stdout.close()
    return Ended(code, took, output, tail.written, left)


def _end(process: subprocess.Popen[bytes], word: str) -> int:
    """End the process and all its descendants; how many of these were left."""
    left = {pid for pid in descendants(word) if pid != process.pid}
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
    for number in (signal.SIGCONT, signal.SIGTERM):
        _send(left, number)
    waited = time.monotonic() + (GRACE if left or process.poll() is None else 0.0)
    while time.monotonic() < waited and (process.poll() is None or descendants(word)):
        time.sleep(0.02)
    for _ in range(50):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        alive = descendants(word)
        left |= {pid for pid in alive if pid != process.pid}
        _send(alive, signal.SIGKILL)
        if not alive:
            break
        time.sleep(0.02)
    return len(left)


def _send(processes: set[int], number: signal.Signals) -> None:
    for pid in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def descendants(word: str) -> set[int]:
    """The processes that bear the word, but for those that have ended."""
    mark = f"{MARK}={word}".encode()
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found.add(int(entry.name))
    return found
