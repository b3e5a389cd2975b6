"""What a tour's page moves and when it shows, and what building costs beside plain MkDocs: Markdown for BENCHMARKS.md.

``bench_site.py [--site FOLDER] [--tree V --tree V]``: pages are measured in the site that is there, builds anew.
"""

from __future__ import annotations

import argparse
import gzip
import re
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, sync_playwright  # noqa: E402

import tour  # noqa: E402
from tests.test_browser import FLAGS, PHONE, WIDE  # noqa: E402
from tour import site, tours  # noqa: E402
from tour.resources import folder  # noqa: E402

ROUNDS = 3
PACKED = (".html", ".css", ".js", ".json", ".svg")
OWN = "/assets/tour/"
SHIFT = """() => new Promise((done) => {
  const seen = [];
  new PerformanceObserver((list) => seen.push(...list.getEntries())).observe({ type: "layout-shift", buffered: true });
  setTimeout(() => done(seen.reduce((sum, entry) => sum + entry.value, 0)), 300);
})"""
PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"


class Packed(SimpleHTTPRequestHandler):
    """Files as a web server sends them: text compressed."""

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if not path.is_file() or path.suffix not in PACKED:
            super().do_GET()
            return
        body = gzip.compress(path.read_bytes(), 6)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


@contextmanager
def served(built: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Packed, directory=str(built))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def looked_at(browser: Browser, address: str, size: tuple[int, int], script: bool = True) -> dict[str, Any]:
    """One first visit: bytes on the wire, those of our own scripts, shift, and milliseconds to the first content."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, java_script_enabled=script)
    page = context.new_page()
    client = context.new_cdp_session(page)
    client.send("Network.enable")
    urls: dict[str, str] = {}
    moved: dict[str, float] = {}
    client.on("Network.responseReceived", lambda e: urls.update({e["requestId"]: e["response"]["url"]}))
    client.on("Network.loadingFinished", lambda e: moved.update({e["requestId"]: e["encodedDataLength"]}))
    page.goto(address, wait_until="networkidle")
    found: dict[str, Any] = {"all": sum(moved.values())}
    found["own"] = sum(size for one, size in moved.items() if OWN in urls.get(one, "") and ".js" in urls[one])
    found["shift"] = page.evaluate(SHIFT) if script else 0.0
    found["painted"] = page.evaluate(PAINTED) if script else 0.0
    context.close()
    return found


def pages(built: Path) -> None:
    names = sorted(page.parent.name for page in built.glob("tours/*/index.html"))
    weight = {name: len(gzip.compress((built / "tours" / name / "index.html").read_bytes())) for name in names}
    chosen = sorted(names, key=lambda name: weight[name])
    print(
        "| tour page, first visit | kB in all | of these our scripts | layout shift, wide / phone | first content, ms |"
    )
    print("| --- | ---: | ---: | ---: | ---: |")
    with served(built) as address, sync_playwright() as playwright:
        program = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        for name in (chosen[0], chosen[len(chosen) // 2], chosen[-1]):
            at = f"{address}/tours/{name}/"
            wide = [looked_at(browser, at, WIDE) for _ in range(ROUNDS)]
            phone = looked_at(browser, at, PHONE)
            painted = statistics.median(one["painted"] for one in wide)
            print(
                f"| `{name}` | {wide[0]['all'] / 1000:.0f} | {wide[0]['own'] / 1000:.1f} |"
                f" {wide[0]['shift']:.4f} / {phone['shift']:.4f} | {painted:.0f} |"
            )
        browser.close()


def plain(built: Path, into: Path) -> int:
    """For each page of a site's language a plain Markdown one that says as much: its words, its code as blocks."""
    count = 0
    for page in built.glob("tours/**/index.html"):
        text = page.read_text().partition("<article")[2].rpartition("</article>")[0]
        blocks = re.split(r"<pre.*?>(.*?)</pre>", text, flags=re.DOTALL)
        out = [f"# {page.parent.name}"]
        for number, block in enumerate(blocks):
            bare = unescape(re.sub(r"<[^>]+>", "" if number % 2 else " ", block))
            out.append(f"```\n{bare}\n```" if number % 2 else re.sub(r"[<>#`*_\[\]&]", "", "\n".join(bare.split("\n"))))
        file = into / page.parent.relative_to(built).with_suffix(".md")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n\n".join(out))
        count += 1
    (into / "index.md").write_text("# Home\n")
    (into / "assets/tour").mkdir(parents=True, exist_ok=True)
    return count


def builds(specs: list[str]) -> None:
    told = [tours.named(name) for name in tour.names()]
    trees = [tour.open_tree(spec) for spec in specs]
    with ExitStack() as stack, tempfile.TemporaryDirectory() as made:
        opened = [(tree, stack.enter_context(tour._opened(tree))) for tree in trees]
        begun = time.perf_counter()
        views = [tour._editions(one, opened) for one in told]
        located = time.perf_counter() - begun
        ours, theirs = [], []
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            out = site.build(views, [], Path(made) / "site", work=Path(made) / "work")
            ours.append(time.perf_counter() - begun)
            counts = 0
            for lang, at in (("en", out), ("zh", out / "zh")):
                shutil.rmtree(Path(made) / lang, ignore_errors=True)
                counts += plain(at, Path(made) / lang)
            begun = time.perf_counter()
            for lang in ("en", "zh"):
                site._mkdocs(folder(site.CONFIGS[lang]), Path(made) / lang, Path(made) / f"plain-{lang}")
            theirs.append(time.perf_counter() - begun)
        name = told[0].name
        begun = time.perf_counter()
        tour.republish(name, trees, out)
        again = time.perf_counter() - begun
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(f"\n| {counts} pages, two languages, {' and '.join(specs)} | median, s | min – max | ratio |")
    print("| --- | ---: | ---: | ---: |")
    for what, times in (
        ("MkDocs on plain Markdown that says as much", theirs),
        ("the same pages of `tour build`", ours),
    ):
        factor = 1.0 if times is theirs else ratio
        print(f"| {what} | {statistics.median(times):.1f} | {min(times):.1f} – {max(times):.1f} | {factor:.2f} |")
    print(f"\nLocating and proving all tours before that: {located:.1f} s. One tour anew after an edit: {again:.1f} s.")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--site", type=Path, default=ROOT / "site")
    parser.add_argument("--tree", action="append", default=[])
    asked = parser.parse_args()
    pages(asked.site)
    builds(asked.tree or ["2.6.0", "1.13.1"])


if __name__ == "__main__":
    main()
