"""Run in an interpreter that has torch: prints what Python's own `inspect` finds no source of, as `KIND NAME` lines.

Counted are public functions of `torch`, methods of `torch.Tensor` and functions of `torch.nn.functional` (`function`),
and, told apart, the properties (`property`) and special methods (`special`) of `torch.Tensor`. Classes and modules are
left out. Imports torch and the standard library, nothing of ours.
"""

from __future__ import annotations

import inspect
import types

import torch
import torch.nn.functional

SPACES = (("torch", torch), ("torch.Tensor", torch.Tensor), ("torch.nn.functional", torch.nn.functional))


def has_source(what: object) -> bool:
    try:
        inspect.getsourcelines(what)  # type: ignore[arg-type]
    except (TypeError, OSError):
        return False
    return True


def kind_of(name: str, space: object, what: object) -> str | None:
    if isinstance(what, type | types.ModuleType) or what is None:
        return None
    special = name.startswith("__") and name.endswith("__")
    if space is torch.Tensor and isinstance(what, types.GetSetDescriptorType | property):
        return None if name.startswith("_") else "property"
    if special:
        inherited = hasattr(object, name) or not callable(what)
        return None if inherited or space is not torch.Tensor else "special"
    routine = inspect.isroutine(what) or type(what).__name__ == "OpOverloadPacket"
    return "function" if routine and not name.startswith("_") else None


def main() -> None:
    print(f"# torch {torch.__version__}")
    for home, space in SPACES:
        for name in dir(space):
            what = getattr(space, name, None)
            kind = kind_of(name, space, what)
            if kind is not None and not has_source(what):
                print(kind, f"{home}.{name}")


if __name__ == "__main__":
    main()
