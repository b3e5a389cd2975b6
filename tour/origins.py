"""Where trees come from: PyTorch's public git repository, or the distribution's source package.

A tree is made in a hidden folder beside its final place, checked, written down in a record, and renamed; a run
that is killed leaves nothing that looks whole, and the next one clears it away. Each source says in a few words
why it could not help, and only when all have failed is that an error. Left out: bundled third-party code, which
neither the index nor a tour needs; and a downloader of our own, for git and apt know proxies, mirrors and
signatures.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import platform
import re
import shutil
import signal
import subprocess
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tour.errors import FetchError, TreeError
from tour.model import Progress, silent
from tour.tree import (
    GIT_PLACES,
    RECORD,
    Tree,
    TreeKind,
    alone,
    cache_dir,
    count_files,
    detect_version,
    incomplete,
    missing,
    open_tree,
    trees_dir,
    write_json,
)

REPOSITORY = "https://github.com/pytorch/pytorch.git"
SOURCES = ("git", "debian")
"""Where trees come from, in the order in which they are asked."""

SUITES = (("bookworm", "trixie"), ("forky", "sid"))
"""Debian suites that may carry a PyTorch source package: the released ones, and only if they lack the version
the moving ones, for each is megabytes of lists. One that the mirror has not is passed over."""

_PATIENCE = 60.0
"""Seconds of silence after which git or apt is taken to hang; asked for progress, both talk all the time."""


class _CannotHelpError(Exception):
    """Why one origin has no tree for us; ``unknown`` where it was asked, and does not know the version."""

    def __init__(self, why: str, *, unknown: bool = False) -> None:
        super().__init__(why)
        self.unknown = unknown


class _BusyError(Exception):
    """Another process holds the lock."""


def get(
    version: str,
    source: str | None = None,
    progress: Progress = silent,
    *,
    waiting: Callable[[], None] = lambda: None,
    repository: str = REPOSITORY,
) -> Tree:
    """The tree of a released version, brought to the cache unless it is there already and whole.

    ``source`` is one of ``SOURCES``; without it they are tried in turn. ``waiting`` is called if another
    process is bringing the same version. Raises ``FetchError`` where none has it.
    """
    version = _release(version)
    if source is not None and source not in SOURCES:
        raise FetchError(f"{source!r} is no source of trees", hint=f"There are: {', '.join(SOURCES)}.")
    place = trees_dir() / f"pytorch-{version}"
    if not place.exists() or incomplete(place, count=True):
        with alone(_lock(version), waiting):
            _sweep(version)
            why = incomplete(place, count=True) if place.exists() else ""
            if why:
                progress(f"PyTorch {version} at hand is incomplete ({why}); bringing it anew", 0, None)
            if why is not None:  # else another process has brought it meanwhile
                _bring(version, [source] if source else list(SOURCES), place, progress, repository)
    return open_tree(place)


def _release(version: str) -> str:
    """A version as tags have it: ``v2.6`` is ``2.6.0``."""
    from packaging.version import InvalidVersion, Version

    try:
        told = Version(version)
    except InvalidVersion:
        raise FetchError(f"{version!r} is no version", hint="Such as 2.6.0; a folder needs a / in its name.") from None
    if told.is_devrelease:
        raise FetchError(f"{version} is a nightly build, not a release", hint="`tour get PATH` takes a checkout of it.")
    digits = ".".join(str(part) for part in (*told.release, 0, 0)[: max(3, len(told.release))])
    return digits + "".join(str(part) for part in told.pre or ())


def _lock(version: str) -> Path:
    return trees_dir() / f".{version}.lock"


def _sweep(version: str) -> None:
    """Clear away what runs that were killed have left; what belongs to a living one is locked, and stays."""

    def busy() -> None:
        raise _BusyError

    for left in trees_dir().glob(".getting-*"):
        named = re.fullmatch(r"\.getting-(.+)-[^-]+", left.name)
        if named is None or named[1] == version:
            shutil.rmtree(left, ignore_errors=True)
            continue
        with suppress(_BusyError), alone(_lock(named[1]), busy):
            shutil.rmtree(left, ignore_errors=True)


def _bring(version: str, sources: list[str], place: Path, progress: Progress, repository: str) -> None:
    """Try the sources in turn; the first that gives a whole tree wins."""
    ways: dict[str, Callable[[Path], dict[str, Any]]] = {
        "git": lambda into: _clone(version, into, progress, repository),
        "debian": lambda into: _source_package(version, into, progress),
    }
    failures: dict[str, _CannotHelpError] = {}
    for source in sources:
        with _workshop(version) as folder:
            try:
                how = ways[source](folder / "tree")
                _accept(version, folder / "tree", how, progress)
            except _CannotHelpError as error:
                failures[source] = error
                continue
            if place.exists() or place.is_symlink():
                place.rename(folder / "incomplete")
            (folder / "tree").rename(place)
            _sync_folder(place.parent)
            return
    raise _nobody_helped(version, failures)


@contextmanager
def _workshop(version: str) -> Iterator[Path]:
    """A folder to make a tree in, on the same disk as its final place; taken away however we leave."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".getting-{version}-", dir=trees_dir()))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise FetchError(
            f"cannot write to {trees_dir()}: {error.strerror}",
            hint="Make room there, or set XDG_CACHE_HOME to another folder.",
        ) from error


def _nobody_helped(version: str, failures: dict[str, _CannotHelpError]) -> FetchError:
    said = "; ".join(f"{source}: {error}" for source, error in failures.items())
    if all(error.unknown for error in failures.values()):
        return FetchError(f"there is no PyTorch {version} ({said})", hint="Released versions look like 2.6.0.")
    return FetchError(
        f"PyTorch {version} could not be got ({said})",
        hint="A checkout of your own works without a network: `tour get PATH`.",
    )


def _accept(version: str, working: Path, how: dict[str, Any], progress: Progress) -> None:
    """Check that a tree is whole and of that version, and write it down as such."""
    progress("Checking", 0, None)
    if lacks := missing(working):
        raise _CannotHelpError(f"what came lacks {lacks[0]}")
    number, expected = count_files(working), how.pop("expected")
    if number < expected * 0.99:  # a file system that tells no upper from lower case may lose a few
        raise _CannotHelpError(f"of {expected} files only {number} came")
    try:
        told, clue = detect_version(working)
    except TreeError:  # a release so old that it says nowhere what it is
        told, clue = version, ""
    if told.split(".")[:2] != version.split(".")[:2]:
        raise _CannotHelpError(f"what came says in its {clue} that it is {told}")
    sizes = [file.lstat().st_size for file in working.rglob("*") if ".git" not in file.parts and file.is_file()]
    record = {
        "version": version,
        **how,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "files": number,
        "bytes": sum(sizes),
        "top": sorted(path.name for path in working.iterdir() if not path.name.startswith(".")),
    }
    write_json(working / RECORD, record)
    if hasattr(os, "sync"):  # one for all files: a power cut must not leave a record without its tree
        os.sync()


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _clone(version: str, into: Path, progress: Progress, repository: str) -> dict[str, Any]:
    """A shallow clone of the release's tag, free of what a user's configuration would add to it."""
    if shutil.which("git") is None:
        raise _CannotHelpError("git is not installed")
    tag = "v" + re.sub(r"(a|b|rc)(\d+)$", r"-\1\2", version)
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
        f"--branch={tag}",
        "--template=",
        repository,
        str(into),
    ]
    said: list[str] = []
    with _running(command) as child:
        for line in child.lines():
            counted = re.match(r"(?:remote: )?([A-Z][a-z]+ \w+):\s+\d+% \((\d+)/(\d+)\)", line)
            if counted:
                progress(f"git: {counted[1].lower()}", int(counted[2]), int(counted[3]))
            else:
                said.append(line)
    if child.code:
        raise _why_no_clone(tag, said, child.gave_up)
    commit = _ask("git", "-C", str(into), "rev-parse", "HEAD").stdout.strip()
    listed = _ask("git", "-C", str(into), "ls-files", "-s", "-z").stdout.split("\0")
    return {
        "kind": TreeKind.GIT.value,
        "source": repository,
        "tag": tag,
        "commit": commit,
        "checked": "by git: every object has its hash",
        "expected": sum(entry.startswith("100") for entry in listed),  # regular files; links are 120, modules 160
    }


def _why_no_clone(tag: str, said: list[str], gave_up: bool) -> _CannotHelpError:
    text = "\n".join(said)
    if re.search(r"Remote branch \S+ not found", text):
        return _CannotHelpError(f"the repository has no tag {tag}", unknown=True)
    lost = r"resolve host|unable to access|onnect|timed out|Could not read from|early EOF|RPC failed|hung up"
    if gave_up or re.search(lost, text) or "does not exist" in text:
        return _CannotHelpError("the repository cannot be reached")
    return _CannotHelpError(_short(r"(?m)^(?:fatal|error): (.*)", text))


def _source_package(version: str, into: Path, progress: Progress) -> dict[str, Any]:
    """The upstream tarball of Debian's source package, by apt with a configuration of our own."""
    if shutil.which("apt-get") is None:
        raise _CannotHelpError("there is no apt on this machine")
    home = cache_dir() / "debian"
    busy = lambda: progress("Debian: another `tour get` is using apt; waiting for it", 0, None)  # noqa: E731
    with alone(cache_dir() / ".debian.lock", busy):
        apt = _Apt(home, progress)
        package = apt.find(version)
        archive = apt.download(package)
        expected = _unpack(archive, into, progress)
        # Tens of megabytes and of no use now; after a failure they stay, and make the next try cheap.
        shutil.rmtree(home, ignore_errors=True)
    return {
        "kind": TreeKind.ARCHIVE.value,
        "source": f"Debian {package.version}",
        "archive": package.archive,
        "sha256": package.sha256,
        "checked": "by apt: the archive's signature, and the hash that it signs",
        "expected": expected,
    }


@dataclass(frozen=True, slots=True)
class _Package:
    """A version of the source package, as the signed lists have it."""

    version: str
    """Debian's, ``2.6.0+dfsg-7``."""
    archive: str
    """The name of the upstream tarball."""
    sha256: str

    @property
    def upstream(self) -> str:
        """PyTorch's own version."""
        return _release(re.sub(r"^\d+:|[+~.]?(?:dfsg|ds)\d*\b.*$|-[^-]*$", "", self.version).replace("~", ""))


class _Apt:
    """apt with its own lists, state and cache: neither root nor the system's configuration is touched.

    The mirror is the one that the system's apt already uses, and its configuration holds here too (proxies, say).
    Signatures are checked by apt against Debian's keys, whatever that configuration allows.
    """

    def __init__(self, home: Path, progress: Progress) -> None:
        self.home = home
        self.progress = progress
        self.options = {
            "Dir::Etc::SourceList": os.devnull,
            "Dir::Etc::SourceParts": home / "sources",
            "Dir::State": home / "state",
            "Dir::State::Lists": home / "state/lists",
            "Dir::Cache": home / "cache",
            "APT::Sandbox::User": "",
            "APT::Get::AllowUnauthenticated": "false",
            "Acquire::AllowInsecureRepositories": "false",
            "Acquire::AllowWeakRepositories": "false",
            "Acquire::http::Timeout": "20",
            "Acquire::https::Timeout": "20",
            "Acquire::Retries": "1",
        }

    def find(self, version: str) -> _Package:
        """The package of an upstream version, in whichever suite it is."""
        mirror, keyrings = self._mirror()
        known: list[_Package] = []
        trouble = ""
        for number in range(len(SUITES)):
            self._prepare(mirror, keyrings, [suite for suites in SUITES[: number + 1] for suite in suites])
            trouble = self._run("Debian: reading the list of sources", "update")[1]
            known = _packages(_ask("apt-cache", *self._words(), "showsrc", "--only-source", "pytorch").stdout)
            for package in known:
                if package.upstream == version:
                    return package
        if known:
            have = ", ".join(dict.fromkeys(package.upstream for package in known))
            raise _CannotHelpError(f"it has only {have}", unknown=True)
        raise _why_no_package(trouble)

    def download(self, package: _Package) -> Path:
        """The upstream tarball, verified. What is there already is not fetched again, be it all or a part."""
        words = ["source", "--download-only", "--tar-only", f"pytorch={package.version}"]
        code, said = self._run("Debian: downloading", *words)
        archive = self.home / "download" / package.archive
        if code or not archive.exists():
            raise _why_no_package(said)
        with archive.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != package.sha256:
                archive.unlink()
                raise _CannotHelpError("what came is not what its lists promise (sha256)")
        return archive

    def _mirror(self) -> tuple[str, list[str]]:
        """The address that the system's own apt has for Debian, and the keyrings that vouch for it."""
        form = "$(REPO_URI)|$(ORIGIN)|$(CODENAME)|$(RELEASE)|$(SOURCESENTRY)"
        words = ["apt-get", "indextargets", "--format", form, "Created-By: Packages"]
        try:
            system = platform.freedesktop_os_release()
        except OSError:
            system = {}
        running = system.get("VERSION_CODENAME", "")
        rows = [row.split("|") for row in _ask(*words).stdout.splitlines() if row.count("|") == 4]
        ours = [row for row in rows if row[1] == "Debian" and "-" not in row[2]]
        if not ours and system.get("ID") == "debian":  # a fresh container has no lists, which is where origins stand
            rows = [row.split("|") for row in _ask(*words, "--no-release-info").stdout.splitlines()]
            ours = [row for row in rows if len(row) == 5 and row[3] in {running, "stable", "testing", "unstable"}]
        ours = [row for row in ours if not row[0].startswith("cdrom:")]
        if not ours:
            raise _CannotHelpError("this system's packages are not Debian's" if rows else "apt has no sources here")
        mirror, _, _, _, entry = min(ours, key=lambda row: running not in row[2:4])
        return mirror, _keyrings(Path(entry.rpartition(":")[0]))

    def _prepare(self, mirror: str, keyrings: list[str], suites: list[str]) -> None:
        for folder in ("sources", "state/lists/partial", "cache/archives/partial", "download"):
            (self.home / folder).mkdir(parents=True, exist_ok=True)
        signed = f"Signed-By: {' '.join(keyrings)}\n" if keyrings else ""  # without: the keys that apt trusts anyway
        for suite in suites:
            stanza = f"Types: deb-src\nURIs: {mirror}\nSuites: {suite}\nComponents: main\n{signed}"
            (self.home / "sources" / f"{suite}.sources").write_text(stanza, encoding="utf-8")
        # What the system runs around an update: some of it changes the system's own caches.
        hooks = ("Pre-Invoke", "Post-Invoke", "Post-Invoke-Success")
        (self.home / "apt.conf").write_text("".join(f"#clear APT::Update::{hook};\n" for hook in hooks))

    def _words(self) -> list[str]:
        settings = (word for key, value in self.options.items() for word in ("-o", f"{key}={value}"))
        return ["-c", str(self.home / "apt.conf"), *settings]

    def _run(self, what: str, *words: str) -> tuple[int, str]:
        """Run ``apt-get``, its exit status and what it said."""
        self.progress(what, 0, None)
        said: list[str] = []
        command = ["apt-get", *self._words(), "-o", "APT::Status-Fd=2", "-q", *words]
        with _running(command, cwd=self.home / "download") as child:
            for line in child.lines():
                if counted := re.match(r"dlstatus:\d+:([\d.]+):", line):
                    self.progress(what, round(float(counted[1])), 100)
                else:
                    said.append(line)
        return child.code, "\n".join(said)


def _packages(listed: str) -> list[_Package]:
    """What ``apt-cache showsrc`` tells, oldest first."""
    from packaging.version import Version

    found = []
    for stanza in listed.split("\n\n"):
        version = re.search(r"(?m)^Version: (\S+)", stanza)
        archive = re.search(r"(?m)^ ([0-9a-f]{64}) \d+ (\S+\.orig\.tar\.(?:xz|gz|bz2))$", stanza)
        if version and archive:
            found.append(_Package(version[1], archive[2], archive[1]))
    return sorted(found, key=lambda package: Version(package.upstream))


def _keyrings(entry: Path) -> list[str]:
    """The keys that the system's source names, and the archive's own, for other suites have other keys."""
    try:
        text = entry.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    named = re.findall(r"(?im)(?:^Signed-By:[ \t]*|[\[ ]signed-by=)(/[^\s\],]+)", text)
    places = (Path("/usr/share/keyrings"), Path("/etc/apt/trusted.gpg.d"))
    usual = [str(path) for place in places for path in sorted(place.glob("debian-archive-keyring.*"))]
    return list(dict.fromkeys(path for path in [*named, *usual] if Path(path).is_file()))


def _why_no_package(said: str) -> _CannotHelpError:
    if re.search(r"NO_PUBKEY|BADSIG|EXPKEYSIG|not signed|invalid signature|couldn't be verified", said):
        return _CannotHelpError("its lists are not signed with a key that this system trusts")
    if re.search(r"Hash Sum mismatch|File has unexpected size", said):
        return _CannotHelpError("what came is not what its lists promise")
    if re.search(r"resolv|onnect|Failed to fetch|timed out|Temporary failure", said):
        return _CannotHelpError("its mirror cannot be reached")
    return _CannotHelpError(_short(r"(?m)^[EW]: (.*)", said, "it has no such package"))


def _unpack(archive: Path, into: Path, progress: Progress) -> int:
    """Unpack a tarball without its top folder, and count its files.

    A member that would leave ``into`` refuses the whole archive. Modes and times are not kept. Written out rather
    than left to ``tarfile``'s filters, which the Python of Debian's bookworm (3.11.2) has not: links come last, so
    that no file is ever written through one.
    """
    try:
        from lzma import LZMAError
    except ImportError:
        raise _CannotHelpError("this Python was built without lzma and cannot unpack") from None
    into.mkdir(parents=True)
    size = archive.stat().st_size
    number = 0
    links: list[tuple[Path, str]] = []
    made: set[Path] = set()
    try:
        with archive.open("rb") as file, tarfile.open(fileobj=file) as tar:
            for member in tar:
                place = into / _below_the_top(member.name)
                if member.isdir() or place == into:
                    place.mkdir(parents=True, exist_ok=True)
                elif member.isreg() or (member.islnk() and _below_the_top(member.linkname)):
                    if place.parent not in made:
                        place.parent.mkdir(parents=True, exist_ok=True)
                        made.add(place.parent)
                    content = tar.extractfile(member)
                    with place.open("wb") as out:
                        shutil.copyfileobj(content, out)  # type: ignore[arg-type]  # ``None`` only for other kinds
                    number += 1
                elif member.issym():
                    links.append((place, member.linkname))
                else:
                    raise _CannotHelpError("the archive has a device in it")
                if number % 200 == 0:
                    progress("Unpacking", file.tell(), size)
            # A damaged header ends the loop without a word; so all that is left must be there, and be nothing.
            assert tar.fileobj is not None
            tar.fileobj.seek(tar.offset)
            while rest := tar.fileobj.read(1 << 20):
                if rest.strip(b"\0"):
                    raise tarfile.ReadError
    except (tarfile.TarError, LZMAError, EOFError, ValueError, KeyError) as error:
        archive.unlink(missing_ok=True)
        raise _CannotHelpError("the archive is cut short or broken") from error
    _link(into, links)
    progress("Unpacking", size, size)
    return number


def _below_the_top(name: str) -> str:
    """A member's name without the archive's top folder."""
    if name.startswith("/") or ".." in name.split("/"):
        raise _CannotHelpError(_LEADS_OUT)
    return name.removeprefix("./").partition("/")[2]


def _link(into: Path, links: list[tuple[Path, str]]) -> None:
    """Make symbolic links; one may lead through another, so where each ends is looked at when all are there."""
    inside = os.path.join(os.path.realpath(into), "")  # noqa: PTH118 – with the separator that ends it
    for place, target in links:
        if not os.path.realpath(place).startswith(inside) or os.path.lexists(place):
            raise _CannotHelpError(_LEADS_OUT)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)
    if not all(os.path.join(os.path.realpath(place), "").startswith(inside) for place, _ in links):  # noqa: PTH118
        raise _CannotHelpError(_LEADS_OUT)


_LEADS_OUT = "the archive has a path that leads out of it"


def _environment() -> dict[str, str]:
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


def _ask(*command: str) -> subprocess.CompletedProcess[str]:
    """Run something short that needs no network."""
    return subprocess.run(
        command,
        capture_output=True,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        errors="replace",
    )


class _Child:
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
        while not over.wait(min(1.0, _PATIENCE / 4)):
            if time.monotonic() - self.heard > _PATIENCE:
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
def _running(command: list[str], cwd: Path | None = None) -> Iterator[_Child]:
    """A child process that does not outlive us, however we leave."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    child, over = _Child(process), threading.Event()
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


def _short(pattern: str, said: str, otherwise: str = "no reason given") -> str:
    """The first complaint in what a program said, without addresses, on part of a line."""
    found = re.search(pattern, said)
    return re.sub(r"'?\b[a-z]+://\S+", "…", found[1]).strip()[:120] if found else otherwise
