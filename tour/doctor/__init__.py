"""What a machine can do, and what stands in the way: each check with what was found, why it matters, how to mend it.

A check says which case it met and with what facts; the sentences of both languages are in ``templates/doctor.toml``.
Rules that PyTorch or a project has are told with the file that they come from.
"""

from __future__ import annotations

from tour.doctor import extension, general, own
from tour.doctor.checks import Check, State, Word
from tour.doctor.machine import Machine, look

__all__ = ["PURPOSES", "Check", "Machine", "State", "Word", "examine", "look"]

PURPOSES = ("cuda-extension",)
"""What one can ask the doctor about; without one it looks at everything in brief."""


def examine(
    machine: Machine, purpose: str | None = None, trees: tuple[general.TreeState, ...] = (), mine: own.Own | None = None
) -> list[Check]:
    """Every check for a purpose, in the order in which a build or a reader meets them; ``trees`` are those at hand.

    ``mine`` is what tour itself has, of which nothing is said without.
    """
    if purpose == "cuda-extension":
        return list(extension.checks(machine))
    return [*general.checks(machine, trees), *(own.checks(mine, machine) if mine is not None else ())]
