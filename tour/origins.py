"""Where trees come from: PyTorch's public git repository, or the distribution's source package.

A tree is made in a folder beside its final place, checked, written down in a record, and renamed; a run that is
killed leaves nothing that looks whole, and the next run clears it away. Each origin says in a few words why it could
not help, and only when all have failed is that an error. Left out: bundled third-party code, which neither the index
nor a tour needs.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tour.errors import FetchError
from tour.model import Progress, silent
from tour.tree import RECORD, Tree, TreeKind, alone, cache_dir, detect_version, trees_dir, whole, write_json

REPOSITORY = "https://github.com/pytorch/pytorch.git"
SUITES = ("bookworm", "trixie", "forky", "sid")
"""Debian suites that may carry a PyTorch source package; one that the mirror lacks is passed over."""

_MARKERS = ("torch/__init__.py", "torch/csrc", "aten/src/ATen/native/native_functions.yaml", "setup.py")
_QUIET = {**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_HTTP_LOW_SPEED_LIMIT": "1000", "GIT_HTTP_LOW_SPEED_TIME": "30"}


class _CannotHelp(Exception):
    """Why one origin has no tree for us; ``unknown`` where it does not know the version."""

    def __init__(self, why: str, *, unknown: bool = False) -> None:
        super().__init__(why)
        self.unknown = unknown


def get(
    version: str,
    source: str | None = None,
    progress: Progress = silent,
    *,
    waiting: Callable[[], None] = lambda: None,
    repository: str = REPOSITORY,
) -> Tree:
    """The tree of a released version, brought to the cache unless it is there already and whole.

    ``source`` is ``git`` or ``debian``; without it both are tried, in this order. ``waiting`` is called if another
    process is bringing the same version. Raises ``FetchError`` where none has it.
    """
    version = _release(version)
    place = trees_dir() / f"pytorch-{version}"
    if place.exists() and whole(place) is None:
        return _tree(place)
    with alone(trees_dir() / f".{version}.lock", waiting):
        if place.exists() and whole(place) is None:  # another process has brought it meanwhile
            return _tree(place)
        for left in trees_dir().glob(f".getting-{version}-*"):
            shutil.rmtree(left, ignore_errors=True)
        _bring(version, source, place, progress, repository)
    return _tree(place)


def _release(version: str) -> str:
    from packaging.version import InvalidVersion, Version

    try:
        return str(Version(version))
    except InvalidVersion:
        raise FetchError(f"{version!r} is no version", hint="Such as 2.6.0; a folder needs a / in its name.") from None


def _tree(place: Path) -> Tree:
    record = json.loads((place / RECORD).read_text())
    return Tree(place, record["version"], TreeKind(record["kind"]))


def _bring(version: str, source: str | None, place: Path, progress: Progress, repository: str) -> None:
    """Try the origins in turn; the first that gives a whole tree wins."""
    origins: dict[str, Callable[[Path], dict[str, Any]]] = {
        "git": lambda into: _clone(version, into, progress, repository),
        "debian": lambda into: _source_package(version, into, progress),
    }
    failures: dict[str, _CannotHelp] = {}
    for name in [source] if source else list(origins):
        working = trees_dir() / f".getting-{version}-{os.getpid()}"
        shutil.rmtree(working, ignore_errors=True)
        try:
            how = origins[name](working)
            _accept(version, working, how)
            if place.exists():
                shutil.rmtree(place)  # was not whole, or we would not be here
            working.replace(place)
            return
        except _CannotHelp as error:
            failures[name] = error
        except OSError as error:
            raise FetchError(f"cannot write to {working.parent}: {error.strerror}", hint="Is the disk full?") from error
        finally:
            shutil.rmtree(working, ignore_errors=True)
    said = "; ".join(f"{name}: {error}" for name, error in failures.items())
    if all(error.unknown for error in failures.values()):
        raise FetchError(f"nobody has a PyTorch {version} ({said})", hint="Released versions look like 2.6.0.")
    raise FetchError(
        f"PyTorch {version} could not be got ({said})",
        hint="With a checkout of your own, `tour get PATH` works without a network.",
    )


def _accept(version: str, working: Path, how: dict[str, Any]) -> None:
    """Check that a tree is whole and of that version, and write it down as such."""
    missing = [marker for marker in _MARKERS if not (working / marker).exists()]
    if missing:
        raise _CannotHelp(f"what came lacks {missing[0]}")
    told = detect_version(working)
    if how["kind"] != TreeKind.GIT and told is not None and told[0].split(".")[:2] != version.split(".")[:2]:
        raise _CannotHelp(f"what came says it is {told[0]}")
    files = [path for path in working.rglob("*") if path.is_file() and ".git" not in path.parts]
    record = {
        "version": version,
        **how,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "files": len(files),
        "bytes": sum(path.lstat().st_size for path in files),
        "top": sorted(path.name for path in working.iterdir() if path.name[0] != "." and not path.is_symlink()),
    }
    write_json(working / RECORD, record)
    os.sync()


def _clone(version: str, into: Path, progress: Progress, repository: str) -> dict[str, Any]:
    """A shallow clone of the release's tag."""
    if shutil.which("git") is None:
        raise _CannotHelp("git is not installed")
    command = [
        "git", "-c", "advice.detachedHead=false", "clone", "--progress", "--depth", "1", "--no-recurse-submodules",
        "--single-branch", "--branch", f"v{version}", repository, str(into),
    ]  # fmt: skip
    said: list[str] = []
    with _running(command, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        for line in _lines(process.stderr):
            said.append(line)
            if counted := re.match(r"(Receiving objects|Updating files|Resolving deltas):\s+\d+% \((\d+)/(\d+)\)", line):
                progress(f"git: {counted[1].lower()}", int(counted[2]), int(counted[3]))
    if process.returncode:
        raise _why_no_clone(version, said)
    commit = subprocess.run(
        ["git", "-C", str(into), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    return {"kind": TreeKind.GIT.value, "source": repository, "commit": commit}


def _why_no_clone(version: str, said: list[str]) -> _CannotHelp:
    text = "\n".join(said)
    if re.search(r"Remote branch \S+ not found", text):
        return _CannotHelp(f"the repository has no tag v{version}", unknown=True)
    if re.search(r"Could not resolve|unable to access|Connection|Failed to connect|timed out|Could not read from", text):
        return _CannotHelp("the repository cannot be reached")
    last = next((line for line in reversed(said) if line.startswith(("fatal:", "error:"))), "no reason given")
    return _CannotHelp(last.removeprefix("fatal: ").removeprefix("error: ")[:160])


def _source_package(version: str, into: Path, progress: Progress) -> dict[str, Any]:
    """The upstream tarball of Debian's source package, by apt with a configuration of our own."""
    apt = _Apt(cache_dir() / "debian")
    package = apt.find("pytorch", version, progress)
    archive = apt.download("pytorch", package, progress)
    digest = hashlib.sha256()
    with archive.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    _unpack(archive, into, progress)
    archive.unlink()
    return {"kind": TreeKind.ARCHIVE.value, "source": f"Debian {package}", "sha256": digest.hexdigest()}


class _Apt:
    """apt with its own lists, state and cache, so that neither root nor the system's configuration is touched.

    The mirror is the one that the system's apt already uses; signatures are checked by apt against Debian's keyring.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        if shutil.which("apt-get") is None:
            raise _CannotHelp("there is no apt on this machine")

    def find(self, package: str, version: str, progress: Progress) -> str:
        """The source package's own version string for an upstream version."""
        self._prepare()
        progress("Debian: reading the list of sources", 0, None)
        updated = self._run("apt-get", "update")
        listed = self._run("apt-cache", "showsrc", "--only-source", package).stdout
        have = re.findall(r"(?m)^Version: (\S+)", listed)
        if not have:
            trouble = re.search(r"(?m)^[EW]: (.*)", updated.stderr)
            raise _CannotHelp("its mirror cannot be reached" if trouble or updated.returncode else "no such package")
        for told in have:
            upstream = re.sub(r"^\d+:|[+~]dfsg.*$|-[^-]*$", "", told)
            if upstream == version:
                return str(told)
        known = ", ".join(sorted({re.sub(r"[+~-].*$", "", told) for told in have}))
        raise _CannotHelp(f"it carries {known}", unknown=True)

    def download(self, package: str, version: str, progress: Progress) -> Path:
        """The upstream tarball, its checksum verified by apt; one that is there already is checked, not fetched."""
        folder = self.home / "download"
        folder.mkdir(parents=True, exist_ok=True)
        command = ["apt-get", *self._options(), "-o", "APT::Status-Fd=1", "-q", "source", "--download-only", "--tar-only"]
        with _running([*command, f"{package}={version}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder) as run:
            assert run.stdout is not None and run.stderr is not None
            for line in _lines(run.stdout):
                if counted := re.match(r"dlstatus:\d+:([\d.]+):", line):
                    progress("Debian: downloading", round(float(counted[1])), 100)
            trouble = run.stderr.read().decode(errors="replace")
        archives = [path for path in folder.glob(f"{package}_*.orig.tar.*") if path.suffix != ".asc"]
        wanted = re.sub(r"^\d+:|-[^-]*$", "", version)
        found = [path for path in archives if path.name.startswith(f"{package}_{wanted}.orig")]
        if run.returncode or not found:
            reason = re.search(r"(?m)^E: (.*)", trouble)
            raise _CannotHelp(f"the download failed: {reason[1][:160] if reason else 'no reason given'}")
        return found[0]

    def _prepare(self) -> None:
        mirror = self._mirror()
        keyring = next(
            (
                path
                for folder in ("/usr/share/keyrings", "/etc/apt/trusted.gpg.d")
                for path in sorted(Path(folder).glob("debian-archive-keyring.*"))
            ),
            None,
        )
        for folder in ("sources", "state/lists/partial", "cache/archives/partial"):
            (self.home / folder).mkdir(parents=True, exist_ok=True)
        for old in (self.home / "sources").glob("*.sources"):
            old.unlink()
        for suite in SUITES:
            stanza = f"Types: deb-src\nURIs: {mirror}\nSuites: {suite}\nComponents: main\n"
            stanza += f"Signed-By: {keyring}\n" if keyring else ""
            (self.home / "sources" / f"{suite}.sources").write_text(stanza)

    def _mirror(self) -> str:
        """The address that the system's own apt has for Debian, preferring the running release's main archive."""
        form = "$(REPO_URI)|$(ORIGIN)|$(CODENAME)"
        told = subprocess.run(
            ["apt-get", "indextargets", "--format", form, "Created-By: Packages"],
            capture_output=True, text=True, env=_QUIET,
        )  # fmt: skip
        rows = [row.split("|") for row in told.stdout.splitlines() if row.count("|") == 2]
        ours = [row for row in rows if row[1] == "Debian" and row[2] in SUITES]
        if not ours:
            lists = any(row[1] for row in rows)
            raise _CannotHelp("this is no Debian system" if lists else "apt has no package lists (`apt-get update`)")
        return ours[0][0]

    def _options(self) -> list[str]:
        settings = {
            "Dir::Etc::SourceList": "/dev/null",
            "Dir::Etc::SourceParts": self.home / "sources",
            "Dir::State": self.home / "state",
            "Dir::State::Lists": self.home / "state/lists",
            "Dir::Cache": self.home / "cache",
            "APT::Sandbox::User": "",
            "Acquire::Languages": "none",
            "Acquire::http::Timeout": "20",
            "Acquire::Retries": "1",
        }
        return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]

    def _run(self, program: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([program, *self._options(), *words], capture_output=True, text=True, env=_QUIET)


def _unpack(archive: Path, into: Path, progress: Progress) -> None:
    """Unpack a tarball without its top folder; a member that would leave ``into`` refuses the whole archive."""
    into.mkdir(parents=True)
    size = archive.stat().st_size
    try:
        with archive.open("rb") as file, tarfile.open(fileobj=file) as tar:
            for number, member in enumerate(tar):
                _, _, member.name = member.name.removeprefix("./").partition("/")
                if not member.name:
                    continue
                if member.islnk():
                    member.linkname = member.linkname.removeprefix("./").partition("/")[2]
                tar.extract(member, into, set_attrs=False, filter="data")
                if number % 200 == 0:
                    progress("Unpacking", file.tell(), size)
    except tarfile.FilterError as error:
        raise _CannotHelp(f"the archive holds a path that leaves it: {error}") from error
    except (tarfile.TarError, EOFError, ValueError) as error:
        archive.unlink(missing_ok=True)
        raise _CannotHelp(f"the archive is broken: {error}") from error
    progress("Unpacking", size, size)


@contextmanager
def _running(command: list[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A child process that does not outlive us, however we leave."""
    process = subprocess.Popen(command, env=_QUIET, stdin=subprocess.DEVNULL, **options)
    try:
        yield process
        process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """Lines that end in a newline or, as git's progress does, in a carriage return."""
    pending = b""
    while block := os.read(stream.fileno(), 4096):
        *whole_lines, pending = re.split(rb"[\r\n]", pending + block)
        yield from (line.decode(errors="replace") for line in whole_lines)
    if pending:
        yield pending.decode(errors="replace")
