"""The Content-Security-Policy that every page of the site carries: scripts are files of the site; nothing else runs.

The theme has a few scripts inside its pages. They are allowed by their hashes, which are taken from the page that shows
nothing of any tree or tour: the one for addresses that are not there. A script that got into another page by way of a
source tree has no hash there, and does not run. Styles may stand inside, for outputs of cells bring theirs along.
A page for somebody's ``<iframe>`` needs no file at all, and has a stricter policy.
"""

from __future__ import annotations

import base64
import hashlib
import re

_INLINE = re.compile(r"<script(?P<attributes>[^>]*)>(?P<text>.*?)</script>", re.DOTALL | re.IGNORECASE)
_HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)


def policy(trusted: str = "") -> str:
    """The policy; ``trusted`` is a page whose inline scripts may run on all."""
    scripts = " ".join(["'self'", *(f"'sha256-{digest}'" for digest in hashes(trusted))])
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
        " font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; frame-src 'self';"
        " base-uri 'none'; form-action 'self'"
    )


def framed(script: str, styles: str) -> str:
    """The policy of a page in anybody's frame: its one script and style sheet, which stand inside, and no address."""
    return (
        f"default-src 'none'; script-src 'sha256-{_digest(script)}'; style-src 'sha256-{_digest(styles)}';"
        " img-src data:; base-uri 'none'; form-action 'none'"
    )


def hashes(page: str) -> list[str]:
    """The SHA-256 of each script that stands inside a page and is run, in base64."""
    found = []
    for script in _INLINE.finditer(page):
        attributes = script["attributes"].lower()
        if "src=" in attributes or "json" in attributes:
            continue
        found.append(_digest(script["text"]))
    return sorted(set(found))


def _digest(text: str) -> str:
    """The SHA-256 of an inline script or style, in base64."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def secured(page: str, rule: str) -> str:
    """A page with the policy first in its head, before anything that it could be about."""
    assert '"' not in rule
    meta = f'<meta http-equiv="Content-Security-Policy" content="{rule}">'
    return _HEAD.sub(lambda head: head[0] + meta, page, count=1)
