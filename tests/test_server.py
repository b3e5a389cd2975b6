"""The site as files alone, by a real process on loopback; with kernels: test_live.py."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[int, subprocess.Popen[str], Path]]:
    """`tour serve` on a site of two files; port, process and folder."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("<h1>home</h1>")
    (tmp_path / "secret.txt").write_text("not yours")
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "tour", "serve", "--static", "--out", str(site), "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    told = process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:(\d+)/", told)
    assert found, told
    yield int(found[1]), process, site
    process.kill()
    process.wait()


def ask(port: int, path: str, host: str | None = None, method: str = "GET") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest(method, path, skip_host=host is not None)
    if host is not None:
        connection.putheader("Host", host)
    connection.endheaders()
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_pages_are_served_and_ctrl_c_ends_it(served: tuple[int, subprocess.Popen[str], Path]) -> None:
    port, process, _ = served
    assert ask(port, "/") == (200, b"<h1>home</h1>")
    assert ask(port, "/nothing.html")[0] == 404
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert process.stdout is not None and process.stdout.read() == ""


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost.evil.example", ""])
def test_a_rebound_name_is_refused(served: tuple[int, subprocess.Popen[str], Path], host: str) -> None:
    port, _, _ = served
    for method in ("GET", "HEAD"):
        assert ask(port, "/", host, method)[0] == 403
    assert ask(port, "/", f"localhost:{port}")[0] == 200


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/%2e%2e/secret.txt", "//etc/passwd", "/..%2fsecret.txt", "/x/../../secret.txt"]
)
def test_nothing_outside_the_site_is_served(served: tuple[int, subprocess.Popen[str], Path], path: str) -> None:
    status, body = ask(served[0], path)
    assert status in {301, 403, 404} and b"not yours" not in body and b"root:" not in body


def test_it_listens_on_loopback_only(served: tuple[int, subprocess.Popen[str], Path]) -> None:
    sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = [row[1] for row in sockets if row[3] == "0A" and row[1].endswith(f":{served[0]:04X}")]
    assert listening == [f"0100007F:{served[0]:04X}"]


def test_a_taken_port_is_one_sentence(served: tuple[int, subprocess.Popen[str], Path]) -> None:
    port, _, site = served
    done = subprocess.run(
        [sys.executable, "-m", "tour", "serve", "--static", "--out", str(site), "--port", str(port)],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=30,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith(f"tour: port {port} cannot be had") and "--port 0" in done.stderr


def serve(site: Path, *words: str, without: str = "") -> subprocess.CompletedProcess[str]:
    """`tour serve` in a Python that lacks a module, ended as soon as it serves."""
    lame = (
        "import sys, importlib.util as u; find = u.find_spec\n"
        f"u.find_spec = lambda name, *a: None if name == {without!r} else find(name, *a)\n"
        "from tour.server import static; static.serve = lambda site, port, ready, **_: ready('http://static/')\n"
        f"from tour.cli import main; sys.argv = ['tour', 'serve', '--out', {str(site)!r}, *{list(words)!r}]; main()"
    )
    return subprocess.run(
        [sys.executable, "-c", lame], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )


def test_without_jupyter_the_site_is_served_and_what_is_missing_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("")
    done = serve(tmp_path, without="jupyter_server")
    assert done.returncode == 0 and "http://static/" in done.stdout
    assert done.stderr.splitlines() == [
        "Cells show what was recorded: running them needs `pip install 'tour-pytorch[live]'`."
    ]
    for asked in (("--python", sys.executable), ("--gateway", "http://127.0.0.1:1/")):
        done = serve(tmp_path, *asked, without="jupyter_server")
        assert done.returncode == 2 and "tour-pytorch[live]" in done.stderr and "Traceback" not in done.stderr


def test_a_python_without_torch_is_told(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("")
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    done = serve(tmp_path, "--python", str(bare / "bin/python"))
    assert done.returncode == 2 and "it lacks ipykernel and torch" in done.stderr and "pip install" in done.stderr
    done = serve(tmp_path, "--python", "/no/such/python")
    assert done.returncode == 2 and "cannot start /no/such/python" in done.stderr


@pytest.mark.parametrize("words", [("--static", "--python", "x"), ("--python", "x", "--gateway", "http://h/")])
def test_what_excludes_each_other_is_said(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = serve(tmp_path, *words)
    assert done.returncode == 2 and "exclude each other" in done.stderr


@pytest.mark.parametrize("address", ["", "127.0.0.1:9000", "ftp://x/", "http:///tour"])
def test_an_address_that_is_none_is_one_sentence(tmp_path: Path, address: str) -> None:
    (tmp_path / "index.html").write_text("")
    done = serve(tmp_path, "--port", "0", "--gateway", address)
    assert done.returncode == 2 and "is no address of a server" in done.stderr and "Traceback" not in done.stderr
