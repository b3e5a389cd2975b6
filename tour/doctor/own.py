"""What tour itself has to work with: its cache, the folders of tours, the port of the site, and what extras bring.

Only looked at: the port is taken and let go, every tour is read once. What is missing is told with what it would bring.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tour import resources, tours
from tour.doctor.checks import Check, finding, fine, note
from tour.doctor.machine import Machine
from tour.errors import TourError
from tour.tree import cache_dir

PORT = 8000
"""Where ``tour serve`` listens unless it is told otherwise."""
ROOM = 2 << 30
"""Bytes that a tree of PyTorch, its index and its generated code take, with some to spare."""
_MODULES = ("nbclient", "jupyter_server", "clang", "clang_tidy", "typing_extensions", "mcp", "google.protobuf")
"""What the extras of ``pyproject.toml`` bring, one module for each that a command asks for."""


@dataclass(frozen=True, slots=True)
class Annotations:
    """A folder of tours."""

    path: str
    tours: int
    broken: tuple[str, ...]
    """What is wrong with those that cannot be read, a sentence each."""


@dataclass(frozen=True, slots=True)
class Own:
    """What there is."""

    annotations: tuple[Annotations, ...]
    cache: str
    cache_error: str | None
    """Why nothing can be written there."""
    room: int
    """Bytes that are free there."""
    port_error: str | None
    """Why the site's port cannot be had."""
    editor: bool
    """Whether the bundle of the cells' editor is there."""
    encoding: str
    """Of the terminal."""
    modules: Mapping[str, bool]


def look(folders: Sequence[Path]) -> Own:
    """What there is, with the tours in some folders."""
    cache, error = _cache()
    return Own(
        tuple(map(_annotations, folders)),
        str(cache_dir()),
        error,
        shutil.disk_usage(cache).free,
        _port(),
        (resources.folder("templates") / "assets/editor.js").is_file(),
        getattr(sys.stdout, "encoding", None) or "?",
        {name: resources.has_module(name) for name in _MODULES},
    )


def checks(own: Own, machine: Machine) -> Iterator[Check]:
    """Every check."""
    yield from _of_cache(own)
    yield from _of_annotations(own)
    yield from _of_fetching(machine)
    yield from _of_site(own, machine)
    yield from _of_language(own)
    yield from _of_packages(own, machine)


def _annotations(folder: Path) -> Annotations:
    names = tours.names(folder)
    broken = []
    for name in names:
        try:
            tours.load(name, folder)
        except TourError as error:
            broken.append(str(error))
    return Annotations(str(folder), len(names), tuple(broken))


def _cache() -> tuple[Path, str | None]:
    """The cache, or the nearest folder above that is there, and why nothing can be written to it."""
    place = cache_dir()
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        return place.parent, f"{place} is no folder"
    return place, None if os.access(place, os.W_OK) else f"{place} cannot be written"


def _port() -> str | None:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does; one that just ended is gone
        try:
            tried.bind(("127.0.0.1", PORT))
        except OSError as error:
            return error.strerror or str(error)
    return None


def _of_cache(own: Own) -> Iterator[Check]:
    if own.cache_error:
        yield finding("cache", "not-writable", path=own.cache, error=own.cache_error)
    elif own.room < ROOM:
        yield note("cache", "little-room", path=own.cache, megabytes=own.room >> 20)
    else:
        yield fine("cache", "ready", path=own.cache, gigabytes=own.room >> 30)


def _of_annotations(own: Own) -> Iterator[Check]:
    for found in own.annotations:
        if found.broken:
            yield finding(
                "annotations", "broken", path=found.path, count=len(found.broken), first=found.broken[0][:300]
            )
        elif found.tours:
            yield fine("annotations", "found", path=found.path, tours=found.tours)
        else:
            yield note("annotations", "none", path=found.path)


def _of_fetching(machine: Machine) -> Iterator[Check]:
    if git := machine.which("git"):
        yield fine("fetching", "git", path=git)
    elif machine.which("apt-get") and machine.which("gpgv"):
        yield note("fetching", "debian-only")
    else:
        yield note("fetching", "nothing")


def _of_site(own: Own, machine: Machine) -> Iterator[Check]:
    if own.port_error:
        yield note("port", "taken", port=PORT, error=own.port_error)
    else:
        yield fine("port", "free", port=PORT)
    if own.editor:
        yield fine("editor", "bundled")
    elif machine.which("npm"):
        yield note("editor", "not-bundled")
    else:
        yield note("editor", "no-npm")


def _of_language(own: Own) -> Iterator[Check]:
    if own.encoding.lower().replace("-", "") == "utf8":
        yield fine("languages", "unicode", encoding=own.encoding)
    else:
        yield note("languages", "other-encoding", encoding=own.encoding)


def _of_packages(own: Own, machine: Machine) -> Iterator[Check]:
    has = own.modules
    yield fine("packages", "cells-there") if has["nbclient"] else note("packages", "no-cells")
    yield fine("packages", "live-there") if has["jupyter_server"] else note("packages", "no-live")
    yield fine("packages", "generated-there") if has["typing_extensions"] else note("packages", "no-generated")
    include = machine.set("TOUR_TORCH_INCLUDE")
    if not (has["clang"] and has["clang_tidy"]):
        yield note("packages", "no-precise")
    elif include and not Path(include).is_dir():
        yield finding("packages", "precise-no-include", include=include)
    else:
        yield fine("packages", "precise-there")
    yield fine("packages", "mcp-there") if has["mcp"] else note("packages", "no-mcp")
    yield fine("packages", "scip-there") if has["google.protobuf"] else note("packages", "no-scip")
