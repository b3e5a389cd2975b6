"""How soon a cell answers, what twenty readers cost, and how large the editor is. Prints Markdown for BENCHMARKS.md."""

from __future__ import annotations

import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from jupyter_client.manager import KernelManager  # noqa: E402
from playwright.sync_api import Page, sync_playwright  # noqa: E402

from tests.live_site import PYTHON, Served, execute, serve  # noqa: E402
from tests.test_browser import FLAGS  # noqa: E402
from tour import site, tours  # noqa: E402
from tour.resources import folder  # noqa: E402

READERS, ROUNDS = 20, 20
OWN = ("cells", "kernel", "outputs", "places")


def memory(pid: int) -> int:
    """Proportional set size of a process and its children, in MB."""
    rows = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True).stdout.split("\n")[1:]
    pairs = [tuple(map(int, row.split())) for row in rows if row.strip()]
    found = {pid}
    while more := {child for child, parent in pairs if parent in found} - found:
        found |= more
    total = 0
    for each in found:
        try:
            text = Path(f"/proc/{each}/smaps_rollup").read_text()
        except OSError:
            continue
        total += int(next(line for line in text.splitlines() if line.startswith("Pss:")).split()[1])
    return total // 1000


def bare(code: str) -> list[float]:
    """Milliseconds from asking a kernel to its output, through Jupyter's client alone."""
    manager = KernelManager()
    manager.kernel_spec.argv = [PYTHON, "-m", "ipykernel_launcher", "-f", "{connection_file}"]  # type: ignore[union-attr]
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(60)
    times: list[float] = []
    for _ in range(ROUNDS + 1):
        start = time.perf_counter()
        client.execute(code)
        while client.get_iopub_msg(timeout=60)["header"]["msg_type"] != "stream":
            pass
        times.append((time.perf_counter() - start) * 1e3)
        while client.get_iopub_msg(timeout=60)["content"].get("execution_state") != "idle":
            pass
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    return times[1:]


PRESS = """() => new Promise((done) => {
  const cell = document.querySelector('.tour-cell'), start = performance.now();
  new MutationObserver((seen, observer) => {
    if (!cell.querySelector('.cell-pick[value=yours] + label + .cell-run .outs')?.textContent) return;
    observer.disconnect();
    done(performance.now() - start);
  }).observe(cell, { childList: true, subtree: true, characterData: true });
  cell.querySelector('[data-do=run]').click();
})"""


def pressed(page: Page) -> float:
    took: float = page.evaluate(PRESS)
    page.locator(".tour-kernel[data-state=idle]").wait_for(timeout=120_000)
    return took


def reader(served: Served, codes: list[str], told: list[str]) -> None:
    """One reader: a kernel, all cells in order, and what became of them."""
    page = served.page()
    status, text, _ = served.ask("/api/kernels", "POST", page, {"name": "python3"})
    if status != 201:
        told.append(f"{status} {text}")
        return
    connection = served.connect(json.loads(text)["id"], page, suppress_origin=True)
    for code in codes:
        connection.settimeout(600)
        messages = execute(connection, code)
        reply = next(each["content"]["status"] for each in messages if each["header"]["msg_type"] == "execute_reply")
        told.append(reply if any(each["header"]["msg_type"] == "stream" for each in messages) else f"{reply}, silent")
    connection.close()


def main() -> None:
    """Measure."""
    built = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "site"
    assert (built / site.OURS).is_file(), "tour build first"
    tour = tours.load("batch-norm-cpu", folder("annotations"))
    with tempfile.TemporaryDirectory() as made:
        with serve(built, Path(made) / "one") as served, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(FLAGS))
            page = browser.new_page()
            page.goto(served.start)
            page.goto(f"{served.address}/tour/tours/batch-norm-cpu/", wait_until="networkidle")
            cold = pressed(page)
            warm = [pressed(page) for _ in range(ROUNDS)]
            browser.close()
        codes = [step.cell.code for step in tour.steps if step.cell]
        alone = bare(codes[0])
        with serve(built, Path(made) / "many") as served:
            empty = memory(served.process.pid)
            told: list[str] = []
            threads = [threading.Thread(target=reader, args=(served, codes, told)) for _ in range(READERS)]
            start = time.perf_counter()
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            took, full = time.perf_counter() - start, memory(served.process.pid)
    assets = folder("templates") / "assets"
    editor = assets / "editor.js"
    rows = {
        f"press to first output, warm kernel, median of {ROUNDS}": f"{statistics.median(warm):.1f} ms",
        f"the bare kernel through Jupyter's client, median of {ROUNDS}": f"{statistics.median(alone):.1f} ms",
        "press to first output, no kernel yet": f"{cold / 1e3:.1f} s",
        f"{READERS} readers at once, {len(codes)} cells each, well": f"{told.count('ok')} of {READERS * len(codes)}",
        "… until the last was done": f"{took:.0f} s",
        "… memory of server and kernels, shared pages counted once": f"{full} MB",
        "… of it the server before them": f"{empty} MB",
        "our own modules, gzip": f"{sum(zipped(assets / f'{name}.js') for name in OWN):.1f} kB",
        "the editor, loaded by Edit alone, gzip": f"{zipped(editor):.1f} kB" if editor.is_file() else "not bundled",
    }
    print("| | |\n| --- | ---: |")
    for what, value in rows.items():
        print(f"| {what} | {value} |")
    print(f"\nload average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def zipped(file: Path) -> float:
    return len(gzip.compress(file.read_bytes(), 9)) / 1e3


main()
