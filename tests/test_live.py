"""The site with kernels behind it, attacked: each attack is refused, and gets through where the guards are off."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import websocket

from .conftest import torch_pythons
from .live_site import Served, execute, serve, unguarded, until


@pytest.fixture(scope="module", autouse=True)
def torch_is_here(torch_of: Callable[[str], object]) -> None:
    torch_of("2.13.0")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("live") / "site"
    (made / "assets/tour").mkdir(parents=True)
    (made / "index.html").write_text("<h1>home</h1>")
    (made / "assets/tour/live.json").write_text('{"live": false}')
    (made / "assets/tour/a.js").write_text("export {};")
    (made.parent / "secret.txt").write_text("not yours")
    return made


@pytest.fixture(scope="module")
def served(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(site, tmp_path_factory.mktemp("served")) as found:
        yield found


@pytest.fixture(scope="module")
def opened(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with unguarded(site, tmp_path_factory.mktemp("opened")) as found:
        yield found


def test_the_site_is_at_its_address_and_says_that_it_is_live(served: Served) -> None:
    assert served.ask("/")[0] == 302 and served.ask("/tour")[2]["Location"] == "/tour/"
    status, text, headers = served.ask("/tour/")
    assert (status, text) == (200, "<h1>home</h1>") and headers["Referrer-Policy"] == "same-origin"
    assert served.ask("/tour/assets/tour/a.js")[2]["Content-Type"].endswith("/javascript")
    for lang in ("", "zh/"):
        status, text, headers = served.ask(f"/tour/{lang}assets/tour/live.json")
        assert (
            json.loads(text) == {"live": True, "login": True, "base": "/", "watch": True}
            and headers["Cache-Control"] == "no-store"
        )
    assert json.loads(served.ask("/tour/assets/tour/live.json", headers=served.login())[1])["login"] is False
    assert served.ask("/tour/nothing.html")[0] == 404


def test_the_address_becomes_cookies_and_a_clean_address(served: Served) -> None:
    status, _, headers = served.ask(served.start.removeprefix(served.address))
    assert (status, headers["Location"], headers["Referrer-Policy"]) == (302, "/tour/", "no-referrer")
    assert served.token not in headers["cookies"] and "_xsrf=" in headers["cookies"]
    assert served.ask("/tour/start?next=zh/tours/x/", headers=served.login())[2]["Location"] == "/tour/zh/tours/x/"
    for away in ("//evil.example", "https:%2F%2Fevil.example", "%5Cevil.example", "..%2F..%2Fapi", "x%0d%0aY:%20z"):
        assert served.ask(f"/tour/start?next={away}", headers=served.login())[2]["Location"] == "/tour/"


def got_in(served: Served, path: str, method: str, headers: dict[str, str]) -> bool:
    return served.ask(path, method, headers, {} if method == "POST" else None)[0] < 300


def no_token(served: Served) -> bool:
    return any(got_in(served, "/api/kernels", method, {}) for method in ("GET", "POST"))


def wrong_token(served: Served) -> bool:
    headers = {"Authorization": f"token {'0' * 48}"}
    return got_in(served, "/api/kernels", "GET", headers) or got_in(served, "/api/kernels?token=0", "GET", {})


def without_xsrf(served: Served) -> bool:
    return got_in(served, "/api/kernels", "POST", served.login())


def other_origin(served: Served) -> bool:
    origins = ("http://127.0.0.1:1", "http://evil.example", "null")
    return all(got_in(served, "/api/kernels", "POST", {**page(served), "Origin": origin}) for origin in origins)


def another_host(served: Served) -> bool:
    names = ("evil.example", f"evil.example:{served.port}", "localhost.evil.example", "127.0.0.1.evil.example")
    paths = ("/tour/", "/tour", "/tour/assets/tour/a.js", "/tour/assets/tour/live.json", "/api/kernels", "/tour/start")
    headers = {"Authorization": f"token {served.token}"}
    return any(served.ask(path, headers={**headers, "Host": name})[0] < 400 for path in paths for name in names)


def no_token_on_a_socket(served: Served) -> bool:
    return connects(served, {})


def other_origin_on_a_socket(served: Served) -> bool:
    return any(
        connects(served, page(served), origin=origin) for origin in ("http://127.0.0.1:1", "http://evil.example")
    )


def another_host_on_a_socket(served: Served) -> bool:
    return connects(served, page(served), host="evil.example")


def page(served: Served) -> dict[str, str]:
    return served.page() if served.token else {}


def connects(served: Served, headers: dict[str, str], **named: str) -> bool:
    kernel = served.kernel() if served.token else json.loads(served.ask("/api/kernels", "POST", {}, {})[1])["id"]
    try:
        served.connect(kernel, headers, suppress_origin="origin" not in named, **named).close()
    except websocket.WebSocketBadStatusException as error:
        assert error.status_code == 403
        return False
    finally:
        served.ask(f"/api/kernels/{kernel}", "DELETE", page(served))
    return True


def too_much(served: Served) -> bool:
    """A display of 50 MB, whose rate Jupyter does not limit, comes whole."""
    kernel = served.kernel() if served.token else json.loads(served.ask("/api/kernels", "POST", {}, {})[1])["id"]
    socket = served.connect(kernel, page(served), suppress_origin=True)
    got = execute(socket, "from IPython.display import HTML; HTML('x' * 50_000_000)")
    socket.close()
    served.ask(f"/api/kernels/{kernel}", "DELETE", page(served))
    assert got[-1]["content"].get("status", "ok") == "ok"
    notes = [message["content"]["text"] for message in got if message["header"]["msg_type"] == "stream"]
    whole = any(len(json.dumps(message)) > 40_000_000 for message in got)
    assert whole or "left out: an output of 50," in notes[0]
    return whole


def more_than_kernels(served: Served) -> bool:
    """What a stock server offers beside kernels."""
    paths = ("/api/contents", "/files/x", "/api/sessions", "/api/config/x", "/api/terminals", "/api/shutdown", "/lab")
    headers = {"Authorization": f"token {served.token}"}
    return any(served.ask(path, headers=headers)[0] not in {404} for path in paths)


ATTACKS = [
    no_token, wrong_token, without_xsrf, other_origin, another_host, no_token_on_a_socket, other_origin_on_a_socket,
    another_host_on_a_socket, too_much, more_than_kernels,
]  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused(attack: Callable[[Served], bool], served: Served) -> None:
    before = json.loads(served.ask("/api/kernels", headers=served.page())[1])
    assert not attack(served)
    after = json.loads(served.ask("/api/kernels", headers=served.page())[1])
    assert {kernel["id"] for kernel in after} == {kernel["id"] for kernel in before}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_gets_through_where_the_guards_are_off(attack: Callable[[Served], bool], opened: Served) -> None:
    assert attack(opened)


@pytest.mark.parametrize(
    "path",
    [
        "/tour/../secret.txt", "/tour/%2e%2e/secret.txt", "/tour/..%2fsecret.txt", "/tour/x/../../secret.txt",
        "/tour//etc/passwd", "/tour/assets/tour/../../../secret.txt", "/tour/%2fetc%2fpasswd", "/tour/..\\secret.txt",
        "/tour/source/9.9/../../../secret.txt", "/tour/source/9.9/%2e%2e%2f%2e%2e%2f%2e%2e%2fsecret.txt.html",
        "/tour/zh/assets/tour/../../../../secret.txt", "/api/kernels/../../secret.txt", "/static/../secret.txt",
        "/static/%2e%2e/%2e%2e/secret.txt", "/tour/start/../../secret.txt",
    ],
)  # fmt: skip
def test_nothing_outside_the_site_is_served(served: Served, path: str) -> None:
    status, text, _ = served.ask(path, headers=served.login())
    assert status in {301, 302, 400, 403, 404} and "not yours" not in text and "root:" not in text


def test_only_loopback_is_listened_on_and_kernels_open_no_port(served: Served) -> None:
    def listening() -> set[str]:
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        rows6 = [line.split() for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]]
        found = {row[1]: row[9] for row in rows + rows6 if row[3] == "0A"}
        ours = children(served.process.pid)
        inodes = {
            link.readlink().name if link.exists() else str(link.readlink())
            for pid in ours for link in Path(f"/proc/{pid}/fd").iterdir()
        }  # fmt: skip
        sockets = {re.sub(r"\D", "", name) for name in inodes if name.startswith("socket:")}
        return {address for address, inode in found.items() if inode in sockets}

    kernel = served.kernel()
    served.connect(kernel, served.page(), suppress_origin=True).close()
    assert all(address.startswith("0100007F:") for address in listening())
    assert f"0100007F:{served.port:04X}" in listening() and len(listening()) <= 2
    served.ask(f"/api/kernels/{kernel}", "DELETE", served.page())


def children(pid: int) -> set[int]:
    rows = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True).stdout.split("\n")[1:]
    pairs = [tuple(map(int, row.split())) for row in rows if row.strip()]
    found = {pid}
    for _ in pairs:
        more = {child for child, parent in pairs if parent in found} | found
        if more == found:
            break
        found = more
    return found


def test_the_readers_own_jupyter_settings_change_nothing(site: Path, tmp_path: Path) -> None:
    settings = tmp_path / "home/.jupyter"
    settings.mkdir(parents=True)
    (settings / "jupyter_server_config.py").write_text(
        "c.IdentityProvider.token = ''\nc.ServerApp.allow_remote_access = True\nc.ServerApp.ip = '0.0.0.0'\n"
    )
    with serve(site, tmp_path / "run", HOME=str(tmp_path / "home"), JUPYTER_TOKEN="") as served:
        assert len(served.token) == 48
        assert not no_token(served) and not another_host(served)


def test_a_token_of_the_readers_own_keeps_logins_and_a_new_one_ends_them(site: Path, tmp_path: Path) -> None:
    with serve(site, tmp_path / "one", JUPYTER_TOKEN="a-token-of-mine") as served:
        port, cookie = served.port, served.login()
        assert served.token == "a-token-of-mine"
    for number, (token, login) in enumerate((("a-token-of-mine", False), ("another-token", True))):
        with serve(site, tmp_path / f"{number}", "--port", str(port), JUPYTER_TOKEN=token) as served:
            live = json.loads(served.ask("/tour/assets/tour/live.json", headers=cookie)[1])
            assert live["login"] is login


def test_an_idle_kernel_is_ended_though_a_page_holds_it_and_a_busy_one_is_not(site: Path, tmp_path: Path) -> None:
    with serve(site, tmp_path / "run", "--cull", "3") as served:
        idle, busy = served.kernel(), served.kernel()
        holds = served.connect(idle, served.page(), suppress_origin=True)
        works = served.connect(busy, served.page(), suppress_origin=True)
        works.send(json.dumps({
            "header": {"msg_id": "b", "msg_type": "execute_request", "username": "", "session": "s"}, "metadata": {},
            "parent_header": {}, "channel": "shell", "buffers": [], "content": {"code": "while True: pass"},
        }))  # fmt: skip

        def left() -> set[str]:
            return {kernel["id"] for kernel in json.loads(served.ask("/api/kernels", headers=served.page())[1])}

        until(lambda: left() == {busy})
        holds.close()
        works.close()


def test_the_token_is_said_once_and_the_process_ends_quietly(site: Path, tmp_path: Path) -> None:
    with serve(site, tmp_path / "run") as served:
        address = served.start.removeprefix(served.address)
        for path in (address, "/tour/x?token=wrong", f"/nothing?token={served.token}"):
            served.ask(path)
        served.kernel()
        (own,) = {
            Path(found[1]).parent
            for pid in children(served.process.pid)
            if (found := re.search(r"-f\0(/\S+/kernel-[\w-]+\.json)", Path(f"/proc/{pid}/cmdline").read_text()))
        }
        assert own.stat().st_mode & 0o077 == 0, "nobody else reads the keys of kernels"
        served.process.send_signal(signal.SIGINT)
        assert served.process.wait(30) == 0
        assert served.process.stdout is not None and served.process.stdout.read() == ""
        assert not own.exists(), "sockets, keys and the folder of the cells are gone"
    assert served.token not in (tmp_path / "run/errors").read_text()


def test_another_machine_runs_the_cells(site: Path, tmp_path: Path) -> None:
    """A second server process on loopback stands for the GPU box: its printed address is all that one needs."""
    with serve(site, tmp_path / "box") as box, serve(site, tmp_path / "here", "--gateway", box.start) as served:
        kernel = served.kernel()
        assert [one["id"] for one in json.loads(box.ask("/api/kernels", headers=box.page())[1])] == [kernel]
        socket = served.connect(kernel, served.page(), suppress_origin=True)
        got = execute(socket, "import os, torch; print(os.getppid(), torch.ones(2))")
        (said,) = [message["content"]["text"] for message in got if message["header"]["msg_type"] == "stream"]
        assert said == f"{box.process.pid} tensor([1., 1.])\n"
        got = execute(socket, "from IPython.display import HTML; HTML('x' * 50_000_000)")
        assert any("left out" in message["content"].get("text", "") for message in got)
        assert not no_token(served) and not other_origin(served) and not another_host(served)
        assert box.token not in served.start
        socket.close()


def test_the_other_torch_runs_too(site: Path, tmp_path: Path, torch_of: Callable[[str], object]) -> None:
    torch_of("1.13.1")
    with serve(site, tmp_path / "run", python=torch_pythons()["1.13.1"]) as served:
        socket = served.connect(served.kernel(), served.page(), suppress_origin=True)
        got = execute(socket, "import torch; print(torch.__version__)")
        assert any(message["content"].get("text", "").startswith("1.13") for message in got)
        socket.close()
