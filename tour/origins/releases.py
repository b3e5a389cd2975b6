"""What a release is called, however somebody writes it."""

from __future__ import annotations

from tour.errors import FetchError


def release(version: str) -> str:
    """A version as tags have it: ``v2.6`` is ``2.6.0``. Raises ``FetchError`` for what is no release."""
    from packaging.version import InvalidVersion, Version

    try:
        told = Version(version)
    except InvalidVersion:
        raise FetchError(f"{version!r} is no version", hint="Such as 2.6.0; a folder needs a / in its name.") from None
    if told.is_devrelease:
        raise FetchError(f"{version} is a nightly build, not a release", hint="`tour get PATH` takes a checkout of it.")
    digits = ".".join(str(part) for part in (*told.release, 0, 0)[: max(3, len(told.release))])
    return digits + "".join(str(part) for part in told.pre or ())
