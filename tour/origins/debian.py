"""The upstream tarball of a distribution's source package, by apt; unpacked as if nobody were to be trusted."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tour.model import Progress
from tour.origins.children import CannotHelpError, ask, running, short
from tour.origins.releases import release
from tour.tree import TreeKind, alone, cache_dir

SUITES = (("bookworm", "trixie"), ("forky", "sid"))
"""Debian suites that may carry a PyTorch source package: the released ones, and only if they lack the version
the moving ones, for each is megabytes of lists. One that the mirror has not is passed over."""


def source_package(version: str, into: Path, progress: Progress) -> dict[str, Any]:
    """The upstream tarball of Debian's source package, by apt with a configuration of our own."""
    if shutil.which("apt-get") is None:
        raise CannotHelpError("there is no apt on this machine")
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
        return release(re.sub(r"^\d+:|[+~.]?(?:dfsg|ds)\d*\b.*$|-[^-]*$", "", self.version).replace("~", ""))


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
            known = _packages(ask("apt-cache", *self._words(), "showsrc", "--only-source", "pytorch").stdout)
            for package in known:
                if package.upstream == version:
                    return package
        if known:
            have = ", ".join(dict.fromkeys(package.upstream for package in known))
            raise CannotHelpError(f"it has only {have}", unknown=True)
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
                raise CannotHelpError("what came is not what its lists promise (sha256)")
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
        rows = [row.split("|") for row in ask(*words).stdout.splitlines() if row.count("|") == 4]
        ours = [row for row in rows if row[1] == "Debian" and "-" not in row[2]]
        if not ours and system.get("ID") == "debian":  # a fresh container has no lists, which is where origins stand
            rows = [row.split("|") for row in ask(*words, "--no-release-info").stdout.splitlines()]
            ours = [row for row in rows if len(row) == 5 and row[3] in {running, "stable", "testing", "unstable"}]
        ours = [row for row in ours if not row[0].startswith("cdrom:")]
        if not ours:
            raise CannotHelpError("this system's packages are not Debian's" if rows else "apt has no sources here")
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
        with running(command, cwd=self.home / "download") as child:
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


def _why_no_package(said: str) -> CannotHelpError:
    if re.search(r"NO_PUBKEY|BADSIG|EXPKEYSIG|not signed|invalid signature|couldn't be verified", said):
        return CannotHelpError("its lists are not signed with a key that this system trusts")
    if re.search(r"Hash Sum mismatch|File has unexpected size", said):
        return CannotHelpError("what came is not what its lists promise")
    if re.search(r"resolv|onnect|Failed to fetch|timed out|Temporary failure", said):
        return CannotHelpError("its mirror cannot be reached")
    return CannotHelpError(short(r"(?m)^[EW]: (.*)", said, "it has no such package"))


def _unpack(archive: Path, into: Path, progress: Progress) -> int:
    """Unpack a tarball without its top folder, and count its files.

    A member that would leave ``into`` refuses the whole archive. Modes and times are not kept. Written out rather
    than left to ``tarfile``'s filters, which the Python of Debian's bookworm (3.11.2) has not: links come last, so
    that no file is ever written through one.
    """
    try:
        from lzma import LZMAError
    except ImportError:
        raise CannotHelpError("this Python was built without lzma and cannot unpack") from None
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
                    raise CannotHelpError("the archive has a device in it")
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
        raise CannotHelpError("the archive is cut short or broken") from error
    _link(into, links)
    progress("Unpacking", size, size)
    return number


def _below_the_top(name: str) -> str:
    """A member's name without the archive's top folder."""
    if name.startswith("/") or ".." in name.split("/"):
        raise CannotHelpError(_LEADS_OUT)
    return name.removeprefix("./").partition("/")[2]


def _link(into: Path, links: list[tuple[Path, str]]) -> None:
    """Make symbolic links; one may lead through another, so where each ends is looked at when all are there."""
    inside = os.path.join(os.path.realpath(into), "")  # noqa: PTH118 – with the separator that ends it
    for place, target in links:
        if not os.path.realpath(place).startswith(inside) or os.path.lexists(place):
            raise CannotHelpError(_LEADS_OUT)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)
    if not all(os.path.join(os.path.realpath(place), "").startswith(inside) for place, _ in links):  # noqa: PTH118
        raise CannotHelpError(_LEADS_OUT)


_LEADS_OUT = "the archive has a path that leads out of it"
