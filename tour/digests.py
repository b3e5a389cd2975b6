"""BLAKE2b without OpenSSL: ``hashlib`` loads that first, which takes a tenth of the time that a question may."""

from __future__ import annotations

try:
    from _blake2 import blake2b  # CPython's own, the same that ``hashlib`` hands on
except ImportError:
    from hashlib import blake2b

__all__ = ["blake2b"]
