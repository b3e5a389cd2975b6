"""The cells of a page in real Chromium, against a real server and kernels with a real torch."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tour import cells, recordings, site, tours

from . import annotations
from .conftest import mini_tree
from .live_site import PYTHON, Served, serve
from .test_browser import DARK, FAINT, LIGHT, PHONE, TABLET, WIDE, background, browser
from .test_outputs import TERMINAL
from .test_site import pages_of

pytestmark = pytest.mark.browser

__all__ = ["browser"]

expect.set_options(timeout=30_000)

STEPS = ("first", "second", "meant", "last")
YAML = """\
steps:
  - id: first
    lane: python
    anchor: {symbol: "py:torch"}
    cell: |
      import torch
      x = torch.arange(3.0)
      print("first", x)
  - id: second
    lane: python
    anchor: {symbol: "py:torch"}
    cell: print("second", x.sum().item())
  - id: meant
    lane: python
    anchor: {symbol: "py:torch"}
    cell: {code: "x @ torch.ones(5)", raises: RuntimeError}
  - id: last
    lane: python
    anchor: {symbol: "py:torch"}
    cell: print("last", 6 * 7)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, torch_of: Callable[[str], cells.Runner]) -> Path:
    """A site of one tour in both languages, recorded twice: on the CPU, and as if on a GPU, of an older cell."""
    work = tmp_path_factory.mktemp("live-page")
    prose = {lang: annotations.prose(f"The {lang} title", STEPS) for lang in ("en", "zh")}
    folder = annotations.write(work / "annotations", yaml=YAML, **prose)
    tour = tours.load("mini", folder)
    ran = cells.run(tour, torch_of("2.13.0"))
    cells.record(tour, ran)
    old = json.loads((tour.file.parent / recordings.FOLDER / "cpu.ipynb").read_text())
    old["metadata"]["tour"]["device"] = {"kind": "cuda", "name": "Pretended GPU"}
    old["cells"][1]["source"] = ["print('older')"]
    old["cells"][1]["outputs"][0]["text"] = ["older output\n"]
    (tour.file.parent / recordings.FOLDER / "pretended.ipynb").write_text(json.dumps(old))
    tree = mini_tree("9.1.0")
    return site.build(*pages_of(tree, work / "i.sqlite", folder), work / "site", work=work / "work")


@pytest.fixture(scope="module")
def served(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(built, tmp_path_factory.mktemp("served")) as found:
        yield found


Visit = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser, served: Served) -> Iterator[Visit]:
    """Opens the tour's page, logged in; what goes elsewhere, or complains, fails the test."""
    contexts: list[BrowserContext] = []
    trouble: list[str] = []

    def open_page(
        lang: str = "", size: tuple[int, int] = WIDE, theme: str = "light", server: Served = served, login: bool = True
    ) -> Page:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=theme)
        context.set_default_timeout(60_000)
        contexts.append(context)
        page: Page = context.new_page()
        page.on("request", lambda r: None if r.url.startswith((server.address, "data:")) else trouble.append(r.url))
        page.on("console", lambda m: trouble.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("dialog", lambda dialog: (trouble.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.trouble = trouble  # type: ignore[attr-defined]
        if login:
            page.goto(server.start)
        page.goto(f"{server.address}/tour/{lang}tours/mini/", wait_until="networkidle")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert trouble == []


def cell(page: Page, step: str) -> Locator:
    return page.locator(f'.tour-cell[data-cell="{step}"]')


def press(page: Page, step: str, button: str = "run") -> Locator:
    found = cell(page, step)
    found.locator(f'.cell-tools [data-do="{button}"]').click()
    return found.locator(".cell-pick[value=yours] + label + .cell-run .outs")


def state(page: Page, wanted: str) -> None:
    expect(page.locator(".tour-kernel")).to_have_attribute("data-state", wanted, timeout=90_000)


def write(page: Page, step: str, code: str) -> None:
    """Edit a cell: all of it away, the code in its place."""
    press(page, step, "edit")
    box = cell(page, step).locator(".cm-content, textarea")
    box.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(code)


def test_cells_run_in_one_kernel_when_the_reader_says_so(visit: Visit) -> None:
    page = visit()
    assert page.locator(".tour-kernel").get_attribute("data-state") == "none", "nothing runs by itself"
    shown = press(page, "first")
    expect(shown).to_have_text("first tensor([0., 1., 2.])", timeout=90_000)
    state(page, "idle")
    assert "CPU · torch 2.13.0" in page.locator(".tour-kernel").inner_text()
    assert "torch 2.13.0" in cell(page, "first").locator(".cell-run:visible .cell-when").inner_text()
    expect(press(page, "second")).to_have_text("second 3.0")
    page.reload(wait_until="networkidle")
    state(page, "idle")
    expect(press(page, "second")).to_have_text("second 3.0"), "the page found its kernel again"


def test_all_above_run_first_and_a_missing_name_says_so(visit: Visit) -> None:
    page = visit()
    shown = press(page, "last", "above")
    expect(shown).to_have_text("last 42", timeout=90_000)
    expect(cell(page, "first").locator(".outs:visible")).to_have_text("first tensor([0., 1., 2.])")
    expect(cell(page, "meant").locator(".outs:visible")).to_contain_text("RuntimeError")
    page.locator('.tour-kernel [data-do="restart"]').click()
    state(page, "starting")
    state(page, "idle")
    shown = press(page, "second")
    expect(shown).to_contain_text("NameError: name 'x' is not defined")
    shown.locator(".cell-note button").click()
    expect(cell(page, "second").locator(".outs:visible")).to_have_text("second 3.0")


def test_an_edited_cell_runs_as_edited_and_comes_back(visit: Visit) -> None:
    page = visit()
    press(page, "last", "edit")
    editor = cell(page, "last").locator(".cm-content")
    editor.click()
    page.keyboard.press("Control+End")
    page.keyboard.type("\nfor i in range(2):\nprint('j k', i)")
    page.keyboard.press("Shift+Enter")
    expect(cell(page, "last").locator(".outs:visible")).to_have_text("last 42\nj k 0\nj k 1", timeout=90_000)
    assert "#" not in page.url, "the page's own keys are letters in the editor"
    page.keyboard.press("Control+z")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.dataset.do") == "reset"
    press(page, "last", "reset")
    expect(press(page, "last")).to_have_text("last 42")
    assert cell(page, "last").locator(".cm-content").count() == 0


def test_an_error_keeps_its_colours_and_leads_to_the_source(visit: Visit, built: Path) -> None:
    """Lines of torch files lead to the source page of the same code; others stay text."""
    page = visit()
    code = (
        "class E(Exception):\n    def _render_traceback_(self):\n"
        "        return ['\\x1b[31mE\\x1b[39m: x',"
        " '\\x1b[36mFile \\x1b[39m\\x1b[32m/a/site-packages/torch/__init__.py:7\\x1b[39m, in f',"
        " '-> 7 ' + LINE, 'File /a/site-packages/torch/nowhere.py:3, in g', '---> 3 h()']\n"
        "raise E"
    )
    source = (mini_tree("9.1.0").root / "torch/__init__.py").read_text().splitlines()
    number = next(n for n, line in enumerate(source, 1) if line.strip() and source.count(line) == 1 and n != 7)
    write(page, "last", code.replace("LINE", repr(source[number - 1])))
    shown = press(page, "last")
    expect(shown).to_contain_text("E: x", timeout=90_000)
    expect(shown.locator(".a-fg1")).to_have_text("E")
    link = shown.locator("a")
    expect(link).to_have_count(1)
    assert link.inner_text() == "torch/__init__.py:7" and str(number) in (link.get_attribute("title") or "")
    page.trouble[:] = [told for told in page.trouble if "404" not in told]  # type: ignore[attr-defined]  # nowhere.py
    link.click()
    page.wait_for_url(f"**/source/9.1.0/torch/__init__.py.html#L{number}")


def test_an_endless_cell_is_interrupted(visit: Visit) -> None:
    page = visit()
    write(page, "last", "import time\nprint('begun')\nwhile True: time.sleep(0.01)")
    shown = press(page, "last")
    expect(shown).to_have_text("begun", timeout=90_000)
    press(page, "second")
    expect(cell(page, "second").locator(".cell-when:visible")).to_have_text("Waits for the cells before it.")
    state(page, "busy")
    page.reload(wait_until="networkidle")
    state(page, "busy")
    page.locator('.tour-kernel [data-do="interrupt"]').click()
    state(page, "idle")
    write(page, "last", "while True: pass")
    shown = press(page, "last")
    state(page, "busy")
    page.wait_for_timeout(500)
    press(page, "last", "interrupt")
    expect(shown).to_contain_text("KeyboardInterrupt")
    state(page, "idle")


def test_a_kernel_that_dies_is_told_and_another_comes(visit: Visit) -> None:
    page = visit()
    write(page, "last", "import os, signal; print('now', flush=True); os.kill(os.getpid(), signal.SIGKILL)")
    shown = press(page, "last")
    expect(shown).to_contain_text("The kernel died here.", timeout=90_000)
    state(page, "dead")
    shown.locator(".cell-note button").click()
    state(page, "idle")
    press(page, "last", "reset")
    expect(press(page, "last")).to_have_text("last 42")


def test_a_kernel_that_was_ended_is_replaced_with_a_word(visit: Visit, served: Served) -> None:
    page = visit()
    expect(press(page, "first")).to_contain_text("first", timeout=90_000)
    kernel = page.evaluate("Object.values(sessionStorage).find((value) => /^[0-9a-f-]{36}$/.test(value))")
    served.ask(f"/api/kernels/{kernel}", "DELETE", served.page())
    page.evaluate("const now = Date.now; Date.now = () => now() + 60_000")
    shown = press(page, "last")
    expect(shown).to_contain_text("last 42", timeout=90_000)
    expect(shown).to_contain_text("The kernel had been idle for long")


def test_a_megabyte_comes_cut_and_the_page_lives(visit: Visit) -> None:
    page = visit()
    write(page, "last", "for i in range(20_000): print('x' * 49, i)\nprint('end')")
    shown = press(page, "last")
    expect(shown).to_contain_text("More than 200,000 characters", timeout=90_000)
    state(page, "idle")
    assert 190_000 < len(shown.locator("pre").first.inner_text()) <= 200_000
    write(page, "second", "from IPython.display import HTML; HTML('x' * 50_000_000)")
    expect(press(page, "second")).to_contain_text("left out: an output of 50,")
    state(page, "idle")


def test_a_progress_bar_overwrites_itself_and_outputs_stream(visit: Visit) -> None:
    page = visit()
    code = (
        "import sys, time\nfrom IPython.display import display\nfor i in range(5):\n"
        "    print(f'\\r{i * 25:3}%|', '#' * i, end='', file=sys.stderr, flush=True)\n    time.sleep(0.5)\n"
        "shown = display('a', display_id=True)\nshown.update('b')"
    )
    write(page, "last", code)
    shown = press(page, "last")
    expect(shown.locator(".out-err")).to_contain_text("25%| #", timeout=90_000)
    assert page.locator(".tour-kernel").get_attribute("data-state") == "busy", "it shows while it runs"
    expect(shown.locator(".out-err")).to_have_text("100%| ####")
    expect(shown.locator(".out-text")).to_have_text("'b'")


def test_a_cell_that_asks_for_input_ends(visit: Visit) -> None:
    page = visit()
    write(page, "last", "input('name? ')")
    expect(press(page, "last")).to_contain_text("does not support input", timeout=90_000)
    state(page, "idle")


HOSTILE = """\
from IPython.display import HTML, SVG, display
bad = "<script>parent.document.title = 'hacked'; fetch('/api/kernels')</script><img src=x onerror=parent.hacked=1>"
display(HTML("<table><tr><td>cell</td></tr></table>" + bad + "<a id=a target=_top href='javascript:alert(1)'>go</a>"))
size = "width='9' height='9'"
drawn = f"<script>alert(1)</script><rect {size}/>"
display(SVG(f"<svg xmlns='http://www.w3.org/2000/svg' {size} onload='alert(1)'>{drawn}</svg>"))
display({"text/html": bad, "text/plain": bad}, raw=True)
print(bad)
dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
display({"image/png": dot + '"><img src=x onerror=alert(1)>'}, raw=True)
raise ValueError(bad)
"""


def test_hostile_output_runs_nothing(visit: Visit) -> None:
    page = visit()
    write(page, "last", HOSTILE)
    shown = press(page, "last")
    expect(shown).to_contain_text("ValueError", timeout=90_000)
    expect(shown.locator("iframe")).to_have_count(2)
    frame = page.frame_locator(".out-html").first
    expect(frame.locator("td")).to_have_text("cell")
    frame.locator("#a").click()
    page.wait_for_timeout(500)
    assert page.title() != "hacked" and not page.evaluate("window.hacked")
    assert shown.locator("script, [onerror], [onload]").count() == 0
    assert shown.locator("img").evaluate_all("all => all.map((each) => each.src.slice(0, 20))") == [
        "data:image/svg+xml;b", "data:image/png;base6",
    ]  # fmt: skip
    # what the frames were refused is told on the console, and is no trouble of the page
    refused = ("Blocked script execution", "Content Security Policy", "sandboxed", "ERR_", "violates")
    page.trouble[:] = [told for told in page.trouble if not any(word in told for word in refused)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("outcome", ["here", "gone"])
def test_a_server_that_stops_leaves_the_recordings_and_comes_back(
    visit: Visit, built: Path, tmp_path: Path, outcome: str
) -> None:
    """Stopped for a while it goes on with what ran; ended and started anew it has a new kernel."""
    token = {"JUPYTER_TOKEN": "a-token-of-mine"}
    with serve(built, tmp_path / "one", **token) as server:
        page = visit(server=server)
        shown = press(page, "first")
        expect(shown).to_contain_text("first", timeout=90_000)
        port = server.port
        if outcome == "here":
            write(page, "last", "import time\nfor i in range(8): print(i, flush=True); time.sleep(1)")
            shown = press(page, "last")
            expect(shown).to_contain_text("0")
            page.context.set_offline(True)
            page.evaluate("new Promise((done) => setTimeout(done, 500))")
            server.process.send_signal(signal.SIGSTOP)
            server.process.send_signal(signal.SIGCONT)
            page.context.set_offline(False)
            state(page, "idle")
            expect(shown).to_contain_text("7")
            page.close()  # before the server ends, of which it would complain
            page.trouble.clear()  # type: ignore[attr-defined]
            return
        write(page, "last", "import time\nprint('begun')\ntime.sleep(600)")
        shown = press(page, "last")
        expect(shown).to_have_text("begun")
        server.process.kill()
        server.process.wait()
    state(page, "away")
    expect(cell(page, "last").locator(".outs:visible")).to_have_text("last 42"), "the recording shows"
    expect(cell(page, "first").locator('[data-do="run"]')).to_be_disabled()
    with serve(built, tmp_path / "two", "--port", str(port), **token):
        state(page, "none")
        expect(shown).to_contain_text("The server stopped answering", timeout=1000)
        expect(press(page, "first")).to_contain_text("first tensor", timeout=90_000)
        page.close()
    page.trouble.clear()  # type: ignore[attr-defined]


def test_two_pages_have_kernels_of_their_own(visit: Visit) -> None:
    one, two = visit(), visit("zh/")
    write(one, "last", "mine = 1; print(mine)")
    expect(press(one, "last")).to_have_text("1", timeout=90_000)
    write(two, "last", "print(mine)")
    expect(press(two, "last")).to_contain_text("NameError", timeout=90_000)
    three = one.context.new_page()
    three.goto(one.url)
    assert three.locator(".tour-kernel").get_attribute("data-state") == "none"


def test_without_a_login_the_page_says_where(visit: Visit, served: Served) -> None:
    page = visit(login=False)
    link = page.locator(".tour-kernel a")
    assert link.inner_text() == "Log in to run the programs"
    expect(cell(page, "first").locator('[data-do="run"]')).to_be_disabled()
    link.click()
    page.wait_for_url("**/login?next=**")
    page.locator("#password_input").fill(served.token)
    page.locator("#password_input").press("Enter")
    page.wait_for_url("**/tour/tours/mini/")
    expect(press(page, "last")).to_have_text("last 42", timeout=90_000)
    page.trouble.clear()  # type: ignore[attr-defined]  # Jupyter's own login page


def test_a_page_on_another_port_runs_nothing(visit: Visit, served: Served) -> None:
    heard: list[str | None] = []

    class Evil(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.headers.get("Referer"))
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<h1>elsewhere</h1>")

        def log_message(self, format: str, *args: object) -> None: ...

    page = visit()
    with ThreadingHTTPServer(("127.0.0.1", 0), Evil) as evil:
        Thread(target=evil.serve_forever, daemon=True).start()
        page.evaluate(
            """(href) => {
              const link = Object.assign(document.createElement("a"), { href });
              document.body.append(link);
              link.click();
            }""",
            f"http://127.0.0.1:{evil.server_port}/",
        )
        page.wait_for_url(f"http://127.0.0.1:{evil.server_port}/")
        assert heard[0] is None, "another site learns nothing of the page that led there"
        before = json.loads(served.ask("/api/kernels", headers=served.page())[1])
        got = page.evaluate(
            """async (there) => {
              const tried = [];
              const ask = (path, options) => fetch(there + path, { credentials: "include", ...options });
              const post = { method: "POST", body: "{}" };
              const told = (answer) => answer.type === "opaque" ? "opaque" : answer.status;
              for (const options of [{}, post, { ...post, mode: "no-cors" }]) {
                tried.push(await ask("/api/kernels", options).then(told, () => "refused"));
              }
              tried.push(await new Promise((done) => {
                const address = there.replace("http", "ws") + "/api/kernels/" + crypto.randomUUID() + "/channels";
                const socket = new WebSocket(address);
                socket.onopen = () => done("open"); socket.onerror = () => done("refused");
              }));
              const frame = document.createElement("iframe");
              frame.src = there + "/tour/tours/mini/"; document.body.append(frame);
              await new Promise((done) => { frame.onload = done; setTimeout(done, 3000); });
              try { tried.push(frame.contentDocument ? "read" : "refused"); } catch { tried.push("refused"); }
              return tried;
            }""",
            served.address,
        )
        assert got == ["refused", "refused", "opaque", "refused", "refused"]
        assert json.loads(served.ask("/api/kernels", headers=served.page())[1]) == before
        evil.shutdown()
    page.trouble.clear()  # type: ignore[attr-defined]  # what was refused, as it should


@pytest.mark.parametrize("script", [True, False], ids=["js", "nojs"])
@pytest.mark.parametrize("lang", ["", "zh/"], ids=["en", "zh"])
def test_recordings_show_and_can_be_chosen_without_a_kernel(
    browser: Browser, built: Path, lang: str, script: bool
) -> None:
    from .test_browser import Quiet

    with ThreadingHTTPServer(("127.0.0.1", 0), lambda *a: Quiet(*a, directory=str(built))) as static:
        Thread(target=static.serve_forever, daemon=True).start()
        context = browser.new_context(java_script_enabled=script)  # type: ignore[attr-defined]
        page = context.new_page()
        failed: list[str] = []
        page.on("response", lambda r: failed.append(r.url) if r.status >= 400 else None)
        page.goto(f"http://127.0.0.1:{static.server_port}/{lang}tours/mini/", wait_until="networkidle")
        assert cell(page, "first").locator(".outs:visible").inner_text() == "first tensor([0., 1., 2.])"
        assert "RuntimeError" in cell(page, "meant").locator(".outs:visible").inner_text()
        assert not page.locator(".cell-tools:visible, .tour-kernel:visible").count()
        cell(page, "second").locator("label", has_text="Pretended GPU").click()
        assert cell(page, "second").locator(".outs:visible").inner_text() == "older output"
        assert cell(page, "second").locator(".cell-when:visible strong").count() == 1, "it says that it is stale"
        assert ("Pretended" in cell(page, "first").locator(".cell-when:visible").inner_text()) is script
        remark = page.locator(".cell-remark")
        assert remark.count() == int(script) and (not script or "tour serve" in remark.inner_text())
        assert failed == []
        context.close()
        static.shutdown()


def test_a_text_area_takes_the_editors_place(visit: Visit) -> None:
    page = visit()
    page.route("**/editor.js", lambda route: route.abort())
    press(page, "last", "edit")
    area = cell(page, "last").locator("textarea")
    expect(area).to_be_visible()
    area.press("Control+End")
    page.keyboard.type("\nif True:\n")
    page.keyboard.press("Tab")
    page.keyboard.type("print('j')")
    page.keyboard.press("Shift+Enter")
    expect(cell(page, "last").locator(".outs:visible")).to_have_text("last 42\nj", timeout=90_000)
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.dataset.do") == "reset"
    page.trouble.clear()  # type: ignore[attr-defined]  # what the route refused


def test_the_page_shows_text_as_the_recordings_do(visit: Visit) -> None:
    page = visit()
    for printed, seen in TERMINAL:
        drawn = page.evaluate(
            """async (printed) => {
              const { Screen, draw } = await import("/tour/assets/tour/outputs.js");
              const [screen, pre] = [new Screen(), document.createElement("pre")];
              for (const letter of printed) screen.write(letter);
              draw(screen, pre);
              return pre.innerHTML;
            }""",
            printed,
        )
        assert drawn == seen, repr(printed)


def test_a_report_of_a_gpu_is_shown_and_devices_can_be_chosen(visit: Visit) -> None:
    """No GPU is at hand: what a kernel would tell of one is put in its place, the rest is real."""
    page = visit()
    source = (Path(__file__).parents[1] / "templates/assets/kernel.py").read_text()
    gpus = '[{"id": "GPU-a", "kind": "cuda", "name": "Pretended GPU"}]'
    pretended = source + (
        f"\n_gpus = lambda: {gpus}\n_watch = lambda: None\n"
        "report = lambda: Told(allocated=1_500_000, peak=2_000_000_000, free=10**9, total=80 * 10**9,"
        " kernels=[{'name': 'void <b>k</b>', 'count': 3, 'us': 1.5}])\n"
    )
    page.route("**/kernel.py", lambda route: route.fulfill(body=pretended, content_type="text/plain"))
    shown = press(page, "last")
    expect(shown).to_contain_text("last 42", timeout=90_000)
    expect(shown.locator(".cell-gpu summary")).to_contain_text(
        "1.5 MB in use, 2.0 GB at the peak, 1.0 GB of 80 GB free"
    )
    shown.locator(".cell-gpu summary").click()
    assert shown.locator(".cell-gpu td").all_inner_texts() == ["void <b>k</b>", "3 ×", "1.5 µs"]
    picker = page.locator(".kernel-devices select")
    assert picker.locator("option").all_inner_texts() == ["CPU", "Pretended GPU"]
    picker.select_option("cpu")
    state(page, "starting")
    state(page, "idle")
    write(page, "second", "import os; print(repr(os.environ['CUDA_VISIBLE_DEVICES']))")
    expect(press(page, "second")).to_have_text("''")
    assert cell(page, "second").locator(".cell-gpu").count() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, TABLET, PHONE], ids=["wide", "tablet", "phone"])
def test_cells_fit_and_stand_out(visit: Visit, size: tuple[int, int], theme: str) -> None:
    page = visit(size=size, theme=theme)
    expect(press(page, "meant")).to_contain_text("NameError", timeout=90_000)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert background(page) == (LIGHT if theme == "light" else DARK)
    assert page.evaluate(FAINT) == []
    bar = page.locator(".tour-kernel").bounding_box()
    assert bar and bar["x"] >= 0 and bar["x"] + bar["width"] <= size[0] and bar["y"] + bar["height"] <= size[1]


def test_the_python_is_there() -> None:
    assert shutil.which(PYTHON)
