"""Trees come whole or not at all, from a git repository and a Debian archive of the test's own; hostile ones too."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tour import origins, tree
from tour.errors import FetchError, TourError
from tour.origins import children, debian
from tour.origins.children import CannotHelpError
from tour.tree import SOURCE_MARKS, TreeKind, alone, open_tree, trees, trees_dir

from .conftest import hears_interrupts
from .test_tree import commit, complaint, git, plant

NEVER = "file:///there/is/no/such/repository"


def said_by(do: Callable[[], object]) -> str:
    with pytest.raises(TourError) as error:
        do()
    assert "\n" not in str(error.value)
    assert "Traceback" not in str(error.value)
    return complaint(error)


@pytest.fixture(autouse=True)
def fresh(own_cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tree.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(origins.os, "sync", lambda: None)  # waits for all that the machine is writing


@pytest.fixture
def repository(tmp_path: Path) -> str:
    """A tiny PyTorch with the tags v9.1.0 and v9.2.0-rc1."""
    modules = {f"torch__m{number}.py": "a\r\nb\n" for number in range(98)}
    root = plant(tmp_path / "upstream", version_txt="9.1.0a0\n", torch__csrc__stub="", **modules)
    (root / "torch/csrc/stub").rename(root / "torch/csrc/stub.c")
    (root / "link.py").symlink_to("setup.py")
    commit(root, "v9.1.0")
    (root / "version.txt").write_text("9.2.0a0\n")
    git(root, "commit", "-q", "-a", "-m", "next")
    git(root, "tag", "v9.2.0-rc1")
    return root.as_uri()


def leftovers() -> list[str]:
    return sorted(path.name for path in trees_dir().iterdir() if path.suffix != ".lock")


# git


def test_git_end_to_end(repository: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    got = origins.get("v9.1", "git", progress=lambda what, done, total: told.append(what), repository=repository)
    assert got == open_tree("9.1.0")
    assert (got.version, got.kind, got.root) == ("9.1.0", TreeKind.GIT, trees_dir() / "pytorch-9.1.0")
    assert len(got.files()) == 101
    record = json.loads((got.root / tree.RECORD).read_text())
    head = subprocess.run(
        ["git", "-C", str(got.root), "rev-parse", "HEAD"], capture_output=True, text=True
    ).stdout.strip()
    assert (record["commit"], record["source"], record["tag"]) == (head, repository, "v9.1.0")
    assert record["files"] == 102
    assert any(what.startswith("git: ") for what in told)
    assert leftovers() == ["pytorch-9.1.0"]
    monkeypatch.setattr(origins, "_bring", None)  # the second time nothing is brought
    assert origins.get("9.1.0", "git", repository=NEVER) == got


def test_a_release_candidate_has_its_tag(repository: str) -> None:
    assert origins.get("9.2.0rc1", "git", repository=repository).version == "9.2.0rc1"


def test_what_the_user_has_configured_for_git_does_not_change_the_tree(
    repository: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "post-checkout").write_text("#!/bin/sh\ntouch torch/hooked.py\n")
    (hooks / "post-checkout").chmod(0o755)
    (tmp_path / "config").write_text(f"[core]\n hooksPath = {hooks}\n autocrlf = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    got = origins.get("9.1.0", "git", repository=repository)
    assert got.read("torch/m1.py") == b"a\r\nb\n"
    assert got.read("version.txt") == b"9.1.0a0\n"
    assert not (got.root / "torch/hooked.py").exists()


def test_a_version_that_nobody_knows(repository: str) -> None:
    said = said_by(lambda: origins.get("9.9.9", "git", repository=repository))
    assert said.startswith("there is no PyTorch 9.9.9 (git: the repository has no tag v9.9.9)")
    assert leftovers() == []


@pytest.mark.parametrize("address", [NEVER, "https://localhost:1/x.git", "https://no.such.host.invalid/x.git"])
def test_a_repository_that_cannot_be_reached(address: str) -> None:
    began = time.monotonic()
    said = said_by(lambda: origins.get("9.1.0", "git", repository=address))
    assert said.startswith("PyTorch 9.1.0 could not be got (git: the repository cannot be reached) | ")
    assert time.monotonic() - began < 10
    assert leftovers() == []


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "PATIENCE", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"git://127.0.0.1:{server.getsockname()[1]}/x.git"
        assert "the repository cannot be reached" in said_by(lambda: origins.get("9.1.0", "git", repository=address))


def test_words_that_are_no_version() -> None:
    assert said_by(lambda: origins.get("two")).startswith("'two' is no version")
    assert said_by(lambda: origins.get("2.7.0.dev20250101")).startswith("2.7.0.dev20250101 is a nightly build")
    assert said_by(lambda: origins.get("2.6.0", "svn")) == "'svn' is no source of trees | There are: git, debian."
    assert said_by(lambda: origins.get("../../2.6")).startswith("'../../2.6' is no version")


def test_a_repository_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/x").write_text("")
    address = commit(tmp_path / "other", "v9.1.0").as_uri()
    said = said_by(lambda: origins.get("9.1.0", "git", repository=address))
    assert f"what came lacks {SOURCE_MARKS[0]}" in said
    assert leftovers() == []


def test_no_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said = said_by(lambda: origins.get("9.1.0"))
    assert "(git: git is not installed; debian: there is no apt on this machine)" in said


# whole or not at all


@pytest.mark.parametrize("harm", ["mark", "top", "files", "record"])
def test_a_tree_that_was_harmed_is_brought_anew(repository: str, harm: str) -> None:
    root = origins.get("9.1.0", "git", repository=repository).root
    if harm == "mark":
        (root / SOURCE_MARKS[2]).unlink()
    elif harm == "top":
        (root / "version.txt").unlink()
    elif harm == "files":
        for number in range(3):
            (root / f"torch/m{number}.py").unlink()
    else:
        (root / tree.RECORD).write_text("{")
    told: list[str] = []
    with pytest.raises(FetchError):
        origins.get("9.1.0", "git", repository=NEVER)
    again = origins.get("9.1.0", "git", lambda what, done, total: told.append(what), repository=repository)
    assert len(again.files()) == 101
    assert told[0].startswith("PyTorch 9.1.0 at hand is incomplete (")
    assert leftovers() == ["pytorch-9.1.0"]


def test_a_keyboard_interrupt_ends_the_child_and_leaves_nothing(
    repository: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").write_text(
        "#!/bin/sh\necho $$ > pid\necho 'Receiving objects: 50% (1/2)' >&2\nsleep 60 & echo $! >> pid\nwait\n"
    )
    (tmp_path / "bin/git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)

    def interrupt(what: str, done: int, total: int | None) -> None:
        if done:
            while len((tmp_path / "pid").read_text().split()) < 2:
                time.sleep(0.01)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        origins.get("9.1.0", "git", interrupt, repository=repository)
    assert leftovers() == []
    for number in (tmp_path / "pid").read_text().split():
        status = Path(f"/proc/{number}/status")
        assert not status.exists() or "State:\tZ" in status.read_text()


def test_a_full_disk_is_said(repository: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(root: Path) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(origins, "count_files", full)
    said = said_by(lambda: origins.get("9.1.0", "git", repository=repository))
    assert said.startswith(f"cannot write to {trees_dir()}: No space left on device | ")
    assert leftovers() == []


def test_two_at_once_bring_it_once(repository: str) -> None:
    started, waited = threading.Event(), threading.Event()
    told: list[str] = []

    def slowly(what: str, done: int, total: int | None) -> None:
        told.append(what)
        started.set()
        assert waited.wait(10)

    found = []
    first = threading.Thread(target=lambda: found.append(origins.get("9.1.0", "git", slowly, repository=repository)))
    first.start()
    assert started.wait(10)
    found.append(origins.get("9.1.0", "git", waiting=waited.set, repository=NEVER))
    first.join()
    assert found[0] == found[1]
    assert told.count("git: asking the repository") == 1


def test_what_dead_runs_left_is_swept_and_what_living_ones_make_is_not(repository: str) -> None:
    trees_dir().mkdir(parents=True)
    for name in (".getting-9.1.0-abc", ".getting-9.2.0-def", ".getting-9.3.0-ghi"):
        (trees_dir() / name / "tree").mkdir(parents=True)
    with alone(trees_dir() / ".9.3.0.lock", lambda: None):
        origins.get("9.1.0", "git", repository=repository)
        assert leftovers() == [".getting-9.3.0-ghi", "pytorch-9.1.0"]
    origins._sweep("9.1.0")
    assert leftovers() == ["pytorch-9.1.0"]


# archives


def archive(file: Path, top: str = "pytorch-9.1.0", **members: tarfile.TarInfo) -> Path:
    """A source archive with the marks and 300 modules, and ``members`` beside them."""
    texts = {f"torch/m{number}.py": f"x = {number}\n" for number in range(300)}
    texts |= {"torch/__init__.py": "", "torch/csrc/stub.c": "", SOURCE_MARKS[2]: "", "version.txt": "9.1.0a0\n"}
    with tarfile.open(file, "w:xz", preset=0) as tar:
        for name, text in texts.items():
            info = tarfile.TarInfo(f"{top}/{name}")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
        for info in members.values():
            tar.addfile(info, io.BytesIO(b"x" * info.size))
    return file


def member(name: str, kind: bytes = tarfile.REGTYPE, to: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, to, 1 if kind == tarfile.REGTYPE else 0
    return made


@pytest.mark.parametrize(
    "hostile",
    [
        member("../evil"),
        member("p/../../evil"),
        member("p/torch/../../../evil"),
        member("/evil"),
        member("p/link", tarfile.SYMTYPE, "/etc"),
        member("p/link", tarfile.SYMTYPE, "../../outside"),
        member("p/hard", tarfile.LNKTYPE, "p/../../secret"),
        member("p/device", tarfile.CHRTYPE),
        member("p/pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda each: f"{each.name}-{each.linkname}",
)
def test_a_hostile_archive_is_refused(tmp_path: Path, hostile: tarfile.TarInfo) -> None:
    (tmp_path / "secret").write_text("")
    before = sorted(tmp_path.iterdir())
    into = tmp_path / "work" / "tree"
    with pytest.raises(CannotHelpError, match=r"leads out of it|a device in it"):
        debian._unpack(archive(tmp_path / "a.tar.xz", "p", evil=hostile), into, lambda *_: None)
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "a.tar.xz", tmp_path / "work"])
    assert not any(path.name in {"evil", "hard", "device", "pipe"} for path in into.rglob("*"))


@pytest.mark.parametrize(
    "pair",
    [
        (member("p/a", tarfile.SYMTYPE, "."), member("p/b", tarfile.SYMTYPE, "a/../../secret")),
        (member("p/a", tarfile.SYMTYPE, ".."), member("p/a/evil")),
        (member("p/a", tarfile.SYMTYPE, "../.."), member("p/a/evil", tarfile.SYMTYPE, "x")),
        (member("p/a", tarfile.SYMTYPE, "."), member("p/a/b", tarfile.SYMTYPE, "../secret")),
        (member("p/a", tarfile.SYMTYPE, "torch"), member("p/a", tarfile.SYMTYPE, "aten")),
    ],
    ids=range(5),
)
def test_links_that_conspire_are_refused(tmp_path: Path, pair: tuple[tarfile.TarInfo, tarfile.TarInfo]) -> None:
    (tmp_path / "secret").write_text("")
    into = tmp_path / "work" / "tree"
    with pytest.raises(CannotHelpError, match="leads out of it"):
        debian._unpack(archive(tmp_path / "a.tar.xz", "p", a=pair[0], b=pair[1]), into, lambda *_: None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar.xz", "secret", "work"]
    assert [path.name for path in into.parent.iterdir()] == ["tree"]


def test_harmless_links_are_unpacked(tmp_path: Path) -> None:
    inside = {
        "a": member("p/link.py", tarfile.SYMTYPE, "torch/m1.py"),
        "b": member("p/hard", tarfile.LNKTYPE, "p/torch/m2.py"),
    }
    debian._unpack(archive(tmp_path / "a.tar.xz", "p", **inside), tmp_path / "tree", lambda *_: None)
    assert (tmp_path / "tree/link.py").read_text() == "x = 1\n"
    assert (tmp_path / "tree/hard").read_text() == "x = 2\n"


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9])
def test_a_broken_archive_is_thrown_away(tmp_path: Path, part: float) -> None:
    file = archive(tmp_path / "a.tar.xz")
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(CannotHelpError, match="cut short or broken"):
        debian._unpack(file, tmp_path / "tree", lambda *_: None)
    assert not file.exists()


def test_an_archive_with_a_flipped_byte(tmp_path: Path) -> None:
    file = archive(tmp_path / "a.tar.xz")
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    file.write_bytes(whole)
    with pytest.raises(CannotHelpError, match="cut short or broken"):
        debian._unpack(file, tmp_path / "tree", lambda *_: None)


# Debian

needs_apt = pytest.mark.skipif(
    not (shutil.which("apt-get") and shutil.which("gpg")), reason="needs apt-get and gpg, as Debian has them"
)


@pytest.fixture(scope="session")
def keys() -> Iterator[dict[str, Path]]:
    """Two keyrings: the archive's, and that of somebody else. gpg's sockets need a short path."""
    with tempfile.TemporaryDirectory() as name:
        made = {}
        for who in ("archive", "stranger"):
            home = Path(name) / who
            home.mkdir(mode=0o700)
            gpg = [
                "gpg",
                "--homedir",
                str(home),
                "--batch",
                "--quiet",
                "--pinentry-mode",
                "loopback",
                "--passphrase",
                "",
            ]
            subprocess.run([*gpg, "--quick-gen-key", who, "ed25519", "sign", "never"], check=True, capture_output=True)
            subprocess.run([*gpg, "--output", str(home / "ring.gpg"), "--export"], check=True, capture_output=True)
            (home / "ring.gpg").chmod(0o644)
            made[who] = home
        yield made
        for home in made.values():
            subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], capture_output=True)


class Mirror:
    """A Debian archive in a folder, and an apt whose system-wide configuration names it and nothing else."""

    def __init__(self, root: Path, keys: dict[str, Path]) -> None:
        self.root, self.keys = root, keys
        self.pool = root / "repo/pool/pytorch_9.1.0+dfsg.orig.tar.xz"
        self.pool.parent.mkdir(parents=True)
        archive(self.pool, "pytorch-v9.1.0")
        self.publish("archive")
        system = root / "system"
        (system / "lists/partial").mkdir(parents=True)
        ring = keys["archive"] / "ring.gpg"
        (system / "sources.list").write_text(f"deb [signed-by={ring}] copy:{root}/repo {self.running()} main\n")
        (system / "apt.conf").write_text(
            f'Dir::Etc::SourceList "{system}/sources.list"; Dir::Etc::SourceParts "/dev/null";\n'
            f'Dir::State::Lists "{system}/lists"; APT::Update::Post-Invoke {{"touch {system}/hooked";}};\n'
        )

    @staticmethod
    def running() -> str:
        return debian.platform.freedesktop_os_release().get("VERSION_CODENAME", "")

    def publish(self, signer: str, suite: str = "trixie") -> None:
        data = self.pool.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        sources = (
            "Package: pytorch\nBinary: python3-torch\nVersion: 9.1.0+dfsg-7\nMaintainer: A <a@example.org>\n"
            f"Architecture: any\nFormat: 3.0 (quilt)\nDirectory: pool\nFiles:\n {hashlib.md5(data).hexdigest()}"
            f" {len(data)} {self.pool.name}\nChecksums-Sha256:\n {digest} {len(data)} {self.pool.name}\n\n"
        ).encode()
        dist = self.root / "repo/dists" / suite
        (dist / "main/source").mkdir(parents=True, exist_ok=True)
        (dist / "main/source/Sources").write_bytes(sources)
        (dist / "Release").write_text(
            f"Origin: Debian\nLabel: Debian\nSuite: {suite}\nCodename: {suite}\nDate: {time.strftime('%a, %d %b %Y')} "
            "00:00:00 UTC\nArchitectures: amd64\nComponents: main\nSHA256:\n"
            f" {hashlib.sha256(sources).hexdigest()} {len(sources)} main/source/Sources\n"
        )
        home = self.keys[signer]
        subprocess.run(
            ["gpg", "--homedir", str(home), "--batch", "--yes", "--quiet", "--pinentry-mode", "loopback",
             "--passphrase", "", "--output", str(dist / "InRelease"), "--clearsign", str(dist / "Release")],
            check=True, capture_output=True,
        )  # fmt: skip


@pytest.fixture
def mirror(tmp_path: Path, keys: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Mirror:
    made = Mirror(tmp_path / "mirror", keys)
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "mirror/system/apt.conf"))
    try:
        system = debian.platform.freedesktop_os_release()
    except OSError:
        system = {}
    if system.get("ID") != "debian":
        monkeypatch.setattr(
            debian.platform, "freedesktop_os_release", lambda: {"ID": "debian", "VERSION_CODENAME": Mirror.running()}
        )
    return made


@needs_apt
def test_debian_end_to_end(mirror: Mirror) -> None:
    """On a system that has never updated its lists; of four suites one is on the mirror."""
    told: dict[str, int] = {}
    got = origins.get("9.1.0", progress=lambda what, done, total: told.update({what: done}), repository=NEVER)
    assert (got.version, got.kind) == ("9.1.0", TreeKind.ARCHIVE)
    assert len(got.files()) == 303
    record = json.loads((got.root / tree.RECORD).read_text())
    assert record["source"] == "Debian 9.1.0+dfsg-7"
    assert record["sha256"] == hashlib.sha256(mirror.pool.read_bytes()).hexdigest()
    assert told["Unpacking"] == mirror.pool.stat().st_size
    assert leftovers() == ["pytorch-9.1.0"]
    assert not (tree.cache_dir() / "debian").exists()
    assert sorted(path.name for path in (mirror.root / "system").iterdir()) == ["apt.conf", "lists", "sources.list"]
    assert [path.name for path in (mirror.root / "system/lists").iterdir()] == ["partial"]


@needs_apt
def test_debian_does_not_have_the_version(mirror: Mirror) -> None:
    said = said_by(lambda: origins.get("9.9.9", "debian"))
    assert said.startswith("there is no PyTorch 9.9.9 (debian: it has only 9.1.0) | ")
    said = said_by(lambda: origins.get("9.9.9", repository=NEVER))
    assert "(git: the repository cannot be reached; debian: it has only 9.1.0)" in said
    assert said.startswith("PyTorch 9.9.9 could not be got")


@needs_apt
def test_lists_signed_by_a_stranger_are_refused(mirror: Mirror) -> None:
    mirror.publish("stranger")
    said = said_by(lambda: origins.get("9.1.0", "debian"))
    assert "(debian: its lists are not signed with a key that this system trusts)" in said
    assert leftovers() == []


@needs_apt
def test_an_archive_that_is_not_what_the_lists_promise_is_refused(mirror: Mirror) -> None:
    whole = bytearray(mirror.pool.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    mirror.pool.write_bytes(whole)
    assert "(debian: what came is not what its lists promise)" in said_by(lambda: origins.get("9.1.0", "debian"))
    assert leftovers() == []


@needs_apt
def test_a_mirror_that_cannot_be_reached(mirror: Mirror) -> None:
    listed = mirror.root / "system/sources.list"
    listed.write_text(listed.read_text().replace("copy:", "http://127.0.0.1:1"))
    said = said_by(lambda: origins.get("9.1.0", "debian"))
    assert "(debian: its mirror cannot be reached)" in said


KILLED = """
import sys, time
from tour import origins
def stop(what, done, total):
    if what == "Unpacking" and done:
        print("unpacking", flush=True)
        time.sleep(60)
origins.get("9.1.0", "debian", stop)
"""


@needs_apt
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_killed_leaves_nothing_that_looks_whole(mirror: Mirror, end: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=hears_interrupts
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"unpacking\n"
        run.send_signal(end)
        assert run.wait(10) != 0
    assert all(name.startswith(".") for name in leftovers())
    assert trees() == []
    assert "PyTorch 9.1.0 is not at hand (at hand: none)" in said_by(lambda: open_tree("9.1.0"))
    shutil.rmtree(mirror.pool.parent)  # what was downloaded is not downloaded again
    got = origins.get("9.1.0", "debian")
    assert len(got.files()) == 303
    assert leftovers() == ["pytorch-9.1.0"]


def test_no_host_is_named_but_the_repository() -> None:
    for module in (origins, tree):
        assert module.__file__
        text = Path(module.__file__).read_text()
        for known in (origins.REPOSITORY, *origins.PROJECTS.values()):
            text = text.replace(known, "")
        assert re.findall(r"://\w[\w.-]*", text) == []


@pytest.mark.real
@pytest.mark.parametrize("version", ["1.13.1", "2.6.0"])
def test_debian_brings_real_trees(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Into the user's own cache, where they stay: at once where they are already."""
    monkeypatch.undo()
    if not shutil.which("apt-get") and not os.environ.get("CI"):
        pytest.skip("no apt here")
    got = origins.get(version, "debian")
    assert got == open_tree(version)
    assert len(got.files()) > 5000
