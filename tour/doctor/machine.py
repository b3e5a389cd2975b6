"""What a machine has, as plain facts: its environment, the programs on its path, and what one Python says of itself.

Everything is looked at from outside, by running programs and reading files; a program that is missing, hangs or prints
nonsense is a fact too. What the facts mean is said elsewhere (``extension``, ``general``).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tour.doctor import probe
from tour.errors import TourError

SECONDS = 20.0
"""How long a program may take to say its version; a driver that wakes up takes some."""
PROBE_SECONDS = 120.0
"""How long a Python may take to import torch."""

Probed = Mapping[str, Any]
"""What ``probe`` prints."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of running a program."""

    output: str
    """What it printed, on both ways out."""
    error: str | None
    """Why that is no answer, in a line; ``None`` where it is one."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What the rules look at."""

    environment: Mapping[str, str]
    probed: Probed
    """What the Python that builds and runs says of itself."""
    root: Path = Path("/")
    """Where fixed places are looked for; another folder in tests."""
    cores: int = 1
    memory: int = 0
    """Bytes; 0 where it is not known."""
    known: dict[tuple[str, ...], Ran] = field(default_factory=dict)

    @property
    def torch(self) -> Probed:
        """What torch says of itself; empty where there is none that works."""
        torch = self.probed.get("torch") or {}
        return {} if "error" in torch else torch

    @property
    def extension(self) -> Probed:
        """What ``torch.utils.cpp_extension`` says; empty where it does not work."""
        extension = self.probed.get("extension") or {}
        return {} if "error" in extension else extension

    def set(self, name: str) -> str | None:
        """An environment variable; ``None`` where it is not set."""
        return self.environment.get(name)

    def which(self, program: str) -> str | None:
        """Where a program is on the path."""
        return shutil.which(program, path=self.environment.get("PATH", ""))

    def run(self, *command: str) -> Ran:
        """Run a program, once."""
        if command not in self.known:
            self.known[command] = run(command, self.environment)
        return self.known[command]


def run(command: Sequence[str], environment: Mapping[str, str], seconds: float = SECONDS) -> Ran:
    """Run a program to its end; what goes wrong is told, never raised."""
    try:
        done = subprocess.run(
            list(command),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env={**environment, "LC_ALL": "C"},
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return Ran("", f"it gave no answer within {seconds:g} s")
    except (OSError, ValueError) as error:
        return Ran("", getattr(error, "strerror", None) or str(error))
    said = (done.stdout + done.stderr).decode("utf-8", "replace")
    if done.returncode:
        first = next((line.strip() for line in said.splitlines() if line.strip()), "it said nothing")
        return Ran(said, f"it ended with code {done.returncode}: {first[:160]}")
    return Ran(said, None)


def look(python: str | None = None, purpose: str = "") -> Machine:
    """This machine, and the Python at ``python`` or this one; raises ``TourError`` where that is no Python."""
    named = python or sys.executable
    program = shutil.which(named) or named
    ran = run([program, str(Path(probe.__file__)), purpose], os.environ, PROBE_SECONDS)
    found = re.search(rf"^{re.escape(probe.MARK)}(.*)$", ran.output, re.MULTILINE)
    if found is None:
        raise TourError(
            f"{program} cannot be asked what it can do: {ran.error or 'it is no Python'}",
            hint="Give a Python with `--python PATH`.",
        )
    return Machine(dict(os.environ), json.loads(found[1]), cores=os.cpu_count() or 1, memory=_memory())


def _memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0
