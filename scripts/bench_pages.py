"""How heavy source pages are, how they scroll, how soon the palette answers. Prints Markdown for BENCHMARKS.md.

`python scripts/bench_pages.py [SITE]`: over a built site of PyTorch 2.6.0, in headless Chromium. The palette is typed
into key by key; what is told is the time from a key to the list in the page, and to the next frame that shows it.
"""

from __future__ import annotations

import gzip
import re
import statistics
import sys
import threading
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Page, sync_playwright  # noqa: E402

from tests.test_browser import FLAGS, Quiet  # noqa: E402

FILES = (
    "torch/nn/modules/module.py",
    "torch/nn/functional.py",
    "aten/src/ATen/native/Normalization.cpp",
    "aten/src/ATen/native/cuda/Normalization.cu",
    "torch/csrc/autograd/FunctionsManual.cpp",
    "aten/src/ATen/native/native_functions.yaml",
)
ASKED = (
    "batch_norm", "nn.Module", "at::native::relu", "bncpu", "thpvar", "Module.cpp", "torch.nn.functional.relu",
    "_apply", "aten::add", "add.Tensor", "native/Normalization.cpp", "dataloaderiter",
)  # fmt: skip
SCROLL = """async (pages) => {
  const times = [];
  let last = performance.now();
  const step = document.documentElement.scrollHeight / pages;
  for (let page = 0; page < pages; page++) {
    scrollBy(0, step);
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    times.push(now - last);
    last = now;
  }
  return times.slice(1);
}"""

PAINTED = "new Promise((done) => requestAnimationFrame(() => done(performance.now() - window.began)))"


def kilobytes(file: Path) -> tuple[float, float]:
    """A file's size as it is and compressed, in kB."""
    data = file.read_bytes()
    return len(data) / 1000, len(gzip.compress(data, 6)) / 1000


def shares(times: list[float]) -> str:
    """Median, 95th percentile and the most."""
    ordered = sorted(times)
    return f"{statistics.median(ordered):.0f} | {ordered[int(len(ordered) * 0.95)]:.0f} | {ordered[-1]:.0f}"


def weights(site: Path, page: Page, home: str) -> None:
    """One row for each file: lines, weights, first paint, frames while it scrolls."""
    print("| source page | lines | page, kB | compressed | hover data | panel data | paint, ms | frame, ms | 95 % |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for file in FILES:
        here = site / "source/2.6.0" / f"{file}.html"
        if not here.is_file():
            continue
        own, packed = kilobytes(here)
        hover = kilobytes(here.with_suffix(".json"))[1]
        panel = kilobytes(here.with_suffix(".relations.json"))[1]
        page.goto(f"{home}source/2.6.0/{file}.html", wait_until="load")
        lines = page.locator(".source .line").count()
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN")
        frames = sorted(page.evaluate(SCROLL, max(40, lines // 25)))
        numbers = (lines, own, packed, hover, panel, paint, statistics.median(frames), frames[int(len(frames) * 0.95)])
        print(f"| `{file}` | {' | '.join(f'{number:,.0f}' for number in numbers)} |")


def palette(site: Path, page: Page, home: str) -> None:
    """How much it fetches, and how soon it answers each key."""
    shards = sorted((site / "symbols/2.6.0").glob("*.json"))
    page.goto(f"{home}tours/import-torch/", wait_until="networkidle")
    page.evaluate("window.began = performance.now()")
    page.keyboard.press("t")
    page.locator(".palette-status", has_text=re.compile(r"\d\d,\d\d\d")).wait_for()
    loaded = page.evaluate("performance.now() - window.began")
    box = page.locator("dialog.palette input")
    took: list[float] = []
    painted: list[float] = []
    for _ in range(3):
        for text in ASKED:
            box.fill("")
            for key in text:
                page.evaluate("window.began = performance.now()")
                page.keyboard.press(key if key != "+" else "Plus")
                painted.append(
                    page.evaluate(
                        "new Promise((done) => requestAnimationFrame(() => done(performance.now() - window.began)))"
                    )
                )
                took.append(float(page.evaluate("document.querySelector('dialog.palette').dataset.took")))
    size = sum(kilobytes(shard)[1] for shard in shards)
    print(
        f"\nThe palette: {size:,.0f} kB compressed in {len(shards) - 1} shards, there {loaded:,.0f} ms after the key.\n"
    )
    print("| from a key, ms | median | 95 % | most |\n| --- | ---: | ---: | ---: |")
    print(f"| to the list in the page | {shares(took)} |")
    print(f"| to the next frame, with the driver's own time | {shares(painted)} |")


def main() -> None:
    """Serve the site and measure."""
    site = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "site").resolve()
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server,
        sync_playwright() as driver,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        home = f"http://127.0.0.1:{server.server_port}/"
        weights(site, page, home)
        palette(site, page, home)
        browser.close()
        server.shutdown()


if __name__ == "__main__":
    main()
