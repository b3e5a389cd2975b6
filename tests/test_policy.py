"""The Content-Security-Policy: strict, on every page, and nothing from a tree gets past it."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from tour import policy

from .test_browser import Open, address, browser, until, visit
from .test_site import built

__all__ = ["address", "browser", "built", "visit"]

THEIRS = '<html><head><script>theirs()</script><script type="application/json">{}</script><script src="a.js"></script>'


def test_only_the_scripts_of_the_trusted_page_are_allowed() -> None:
    rule = policy.policy(THEIRS)
    digest = base64.b64encode(hashlib.sha256(b"theirs()").digest()).decode()
    scripts = next(part for part in rule.split("; ") if part.startswith("script-src"))
    assert scripts == f"script-src 'self' 'sha256-{digest}'"
    assert policy.secured("<html><head><title>x", rule).startswith(
        '<html><head><meta http-equiv="Content-Security-Policy"'
    )


def test_every_page_has_it_first(built: Path) -> None:
    pages = list(built.rglob("*.html"))
    assert len(pages) > 8
    for page in pages:
        head = page.read_text().partition("<head>")[2]
        assert head.startswith('<meta http-equiv="Content-Security-Policy"'), page
        own = "source" in page.parts or "operators" in page.parts
        begins = "'sha256-" if "embed" in page.parts else "'self';" if own else "'self' 'sha256-"
        assert "unsafe-eval" not in head and f"script-src {begins}" in head
        assert "<meta charset" not in head or head.index("<meta charset") < 950, "browsers look no further for it"


@pytest.mark.browser
@pytest.mark.parametrize(
    "path", ["/", "/zh/", "/tours/", "/tours/mini/", "/zh/tours/mini/", "/source/9.1.0/torch/csrc/stub.c.html"]
)
def test_no_page_breaks_it_and_nothing_inline_runs(visit: Open, path: str) -> None:
    page = visit(path)
    assert page.trouble == [], "a violation is told on the console"  # type: ignore[attr-defined]
    page.evaluate(INJECTED)
    until(page, "broken.length >= 2")
    assert page.evaluate("window.ran") is None
    page.trouble.clear()  # type: ignore[attr-defined]


INJECTED = """() => {
  window.broken = [];
  addEventListener("securitypolicyviolation", (event) => broken.push(event.violatedDirective));
  const script = document.createElement("script");
  script.textContent = "window.ran = 1";
  const image = document.createElement("img");
  image.setAttribute("onerror", "window.ran = 2");
  image.src = "data:,";
  document.body.append(script, image);
}"""
