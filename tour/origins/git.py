"""A tag out of a public git repository, by a shallow clone: a release of PyTorch, or of a project built on it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tour.model import Progress
from tour.origins.children import CannotHelpError, ask, running, short
from tour.tree import TreeKind


def release_tag(version: str) -> str:
    """What PyTorch's tag for a version is called."""
    return "v" + re.sub(r"(a|b|rc)(\d+)$", r"-\1\2", version)


def tags(repository: str) -> list[str]:
    """The tags of a repository, which is asked over the network; raises ``CannotHelpError`` where it is silent."""
    if shutil.which("git") is None:
        raise CannotHelpError("git is not installed")
    try:
        told = ask("git", "ls-remote", "--tags", "--refs", "--", repository, seconds=60)
    except subprocess.TimeoutExpired:
        raise CannotHelpError("the repository cannot be reached") from None
    if told.returncode:
        raise _why_no_clone(None, told.stderr.splitlines(), False)
    return [line.rpartition("refs/tags/")[2] for line in told.stdout.splitlines()]


def clone(tag: str | None, into: Path, progress: Progress, repository: str) -> dict[str, Any]:
    """A shallow clone of a tag or branch, free of what a user's configuration would add to it.

    Without a tag it is the branch that the repository shows first.
    """
    if shutil.which("git") is None:
        raise CannotHelpError("git is not installed")
    progress("git: asking the repository", 0, None)
    plain = {
        "advice.detachedHead": "false",
        "core.autocrlf": "false",  # the bytes of the release
        "core.hooksPath": os.devnull,
        "core.askPass": "",
        "credential.helper": "",
        "submodule.recurse": "false",
    }
    command = ["git", *(word for key, value in plain.items() for word in ("-c", f"{key}={value}")), "clone"]
    command += [
        "--progress",
        "--depth=1",
        "--single-branch",
        *([f"--branch={tag}"] if tag else []),
        "--template=",
        "--",
        repository,
        str(into),
    ]
    said: list[str] = []
    with running(command) as child:
        for line in child.lines():
            counted = re.match(r"(?:remote: )?([A-Z][a-z]+ \w+):\s+\d+% \((\d+)/(\d+)\)", line)
            if counted:
                progress(f"git: {counted[1].lower()}", int(counted[2]), int(counted[3]))
            else:
                said.append(line)
    if child.code:
        raise _why_no_clone(tag, said, child.gave_up)
    commit = ask("git", "-C", str(into), "rev-parse", "HEAD").stdout.strip()
    listed = ask("git", "-C", str(into), "ls-files", "-s", "-z").stdout.split("\0")
    return {
        "kind": TreeKind.GIT.value,
        "source": repository,
        "tag": tag,
        "commit": commit,
        "checked": "by git: every object has its hash",
        "expected": sum(entry.startswith("100") for entry in listed),  # regular files; links are 120, modules 160
    }


def _why_no_clone(tag: str | None, said: list[str], gave_up: bool) -> CannotHelpError:
    text = "\n".join(said)
    if re.search(r"Remote branch \S+ not found", text):
        return CannotHelpError(f"the repository has no tag {tag}", unknown=True)
    lost = r"resolve host|unable to access|onnect|timed out|Could not read from|early EOF|RPC failed|hung up"
    if gave_up or re.search(lost, text) or "does not exist" in text or "not found" in text:
        return CannotHelpError("the repository cannot be reached")
    return CannotHelpError(short(r"(?m)^(?:fatal|error): (.*)", text))
