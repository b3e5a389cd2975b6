"""The reader's Python and the torch that is installed there, found without importing it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tour.errors import TourError

_ASKED = """
import importlib.util, json, platform, sys
found = importlib.util.find_spec("torch")
file = found.origin if found is not None else None
version = None
if file:
    names = {}
    try:
        with open(file.replace("__init__.py", "version.py"), encoding="utf-8") as text:
            exec(text.read(), names)
        version = str(names.get("__version__"))
    except OSError:
        pass
print(json.dumps({"version": platform.python_version(), "implementation": platform.python_implementation(),
                  "file": file, "torch": version, "executable": sys.executable}))
"""


@dataclass(frozen=True, slots=True)
class Runtime:
    """A Python with its torch."""

    program: str
    python: str
    """Python's version."""
    torch: str
    """Torch's, as its package says: ``2.13.0+cpu``."""
    executable: str
    """What runs in the end: ``program`` may be a script, as pyenv's are, and a debugger cannot run one."""
    root: str
    """The folder that holds the package ``torch``, as files in it are named."""

    @property
    def release(self) -> str:
        """The release number of its torch."""
        from packaging.version import InvalidVersion, Version

        try:
            return Version(self.torch).base_version
        except InvalidVersion:
            return "0"


def runtime(python: str | None = None) -> Runtime:
    """The Python at ``python``, or this one; raises ``TourError`` where it is none, is too old, or lacks torch."""
    named = python or sys.executable
    program = str(Path.cwd() / Path(shutil.which(named) or named).expanduser())  # not resolved: a venv's is a link
    hint = "Give a Python with `--python PATH`."
    try:
        said = subprocess.run(
            [program, "-c", _ASKED], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise TourError(f"{program} does not answer", hint=hint) from None
    except (OSError, UnicodeDecodeError) as error:
        raise TourError(f"cannot start {program}: {getattr(error, 'strerror', error)}", hint=hint) from None
    try:
        told = json.loads(said.stdout.strip().splitlines()[-1])
        version = tuple(int(part) for part in re.findall(r"\d+", told["version"])[:2])
    except (ValueError, IndexError, KeyError, TypeError):
        last = (said.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise TourError(f"{program} is no Python that can be asked: {last}", hint=hint) from None
    if told["implementation"] != "CPython" or version < (3, 8):
        what = f"{told['implementation']} {told['version']}"
        raise TourError(f"{program} is {what}; the witness needs CPython 3.8 or newer", hint=hint)
    if told["file"] is None:
        raise TourError(
            f"{program} has no torch", hint=f"`{program} -m pip install torch`, or another Python with `--python PATH`."
        )
    root = str(Path(told["file"]).parents[1])
    return Runtime(program, told["version"], told["torch"] or "0", told["executable"] or program, root)
