"""Layers that the team shares."""

from acme_layers.norm import FrozenNorm, freeze

__all__ = ["FrozenNorm", "freeze"]
