"""The site in a real JupyterHub: each reader's own server takes the extension in, and each has kernels of their own."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown import Markdown
from playwright.sync_api import Browser, expect

from .live_site import ROOT, until
from .test_browser import browser
from .test_live_page import built, cell, press, state

pytestmark = pytest.mark.browser

__all__ = ["browser", "built"]

PROXY = ROOT / "editor/node_modules/.bin/configurable-http-proxy"

CONFIG = """
c = get_config()
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {hub}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api}"
c.ConfigurableHTTPProxy.command = ["{proxy}"]
c.JupyterHub.db_url = "sqlite:///{work}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{work}/secret"
c.ConfigurableHTTPProxy.pid_file = "{work}/proxy.pid"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = "{work}/{{username}}"
c.Spawner.default_url = "/tour/start"
c.Spawner.environment = {{"TOUR_SITE": "{site}", "PYTHONPATH": "{root}"}}
# what the wheel's own file under etc/jupyter does; this package is not installed
c.Spawner.args = ["--ServerApp.jpserver_extensions={{'tour.server': True}}", "--allow-root"]
c.Spawner.start_timeout = c.Spawner.http_timeout = 180
"""


def free() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port: int = asked.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def hub(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A hub's address; beside the tours its site has a page of a team's with a fence."""
    (built / "team").mkdir(exist_ok=True)
    fence = Markdown(extensions=["tour.fences"]).convert("```cell\nprint(6 * 7)\n```")
    (built / "team/index.html").write_text(
        f"<!doctype html><meta charset=utf-8><title>Team</title><main>{fence}</main>"
    )
    if not PROXY.exists() and not os.environ.get("CI"):
        pytest.skip("the hub's proxy is missing: cd editor && npm ci")
    work = tmp_path_factory.mktemp("hub")
    port = free()
    config = CONFIG.format(port=port, hub=free(), api=free(), proxy=PROXY, work=work, site=built, root=ROOT)
    (work / "config.py").write_text(config)
    clean = {key: value for key, value in os.environ.items() if not key.startswith("JUPYTER")}
    clean["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"
    with (work / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "-f", str(work / "config.py")],
            cwd=work,
            stdout=log,
            stderr=log,
            env=clean,
        )

    def answers() -> bool:
        assert process.poll() is None, (work / "log").read_text()
        try:
            return bool(urllib.request.urlopen(f"http://127.0.0.1:{port}/hub/health", timeout=5).status == 200)
        except OSError:
            return False

    until(answers, 180)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(60)


def test_a_reader_of_a_hub_runs_cells_and_reaches_no_other(hub: str, browser: Browser) -> None:
    context = browser.new_context()
    context.set_default_timeout(180_000)
    page = context.new_page()
    page.goto(f"{hub}/hub/login")
    page.locator("[name=username]").fill("alice")
    page.locator("[name=password]").fill("x")
    page.locator("[type=submit]").click()
    page.wait_for_url(re.compile(r"/user/alice/tour/\??$"))
    failed: list[str] = []
    page.on("response", lambda r: failed.append(f"{r.status} {r.url}") if r.status >= 400 else None)
    page.goto(f"{hub}/user/alice/tour/tours/mini/", wait_until="networkidle")
    state(page, "none")
    expect(press(page, "last")).to_have_text("last 42", timeout=180_000)
    page.locator(".md-search__input").press_sequentially("pyinit", delay=20)
    page.locator('[data-cell="last"] [data-do="run"]').wait_for()
    page.goto(f"{hub}/user/alice/tour/team/")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator(".outs:visible")).to_have_text("42")
    assert failed == []
    ask = "(path) => fetch(path, {redirect: 'manual'}).then((answer) => answer.type + answer.status)"
    assert page.evaluate(ask, "/user/alice/api/kernels") == "basic403", "not without the page's own header"
    assert page.evaluate(ask, "/user/bob/api/kernels") in {"basic403", "basic404", "basic424", "opaqueredirect0"}
    context.close()
    stranger = browser.new_context().new_page()
    stranger.goto(f"{hub}/user/alice/tour/tours/mini/", wait_until="networkidle")
    expect(stranger.locator(".tour-kernel")).to_have_attribute("data-state", "login")
    expect(cell(stranger, "last").locator(".outs:visible")).to_have_text("last 42")
    stranger.context.close()
