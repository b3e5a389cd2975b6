"""The file that a Python runs to say what it can do; standard library only, and nothing of ours.

Prints one line of JSON after ``MARK``. What cannot be found out is told as the error that it ended with: a broken
torch is a finding, not a crash. Written for every Python that torch runs on, from 3.7.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
import sysconfig
import warnings
from pathlib import Path
from typing import Any

MARK = "tour-doctor: "


def told(error: Exception) -> str:
    """An exception in a line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"


def version(module: str) -> str | None:
    """A module's version, or ``None`` where it is not there."""
    try:
        found = importlib.import_module(module)
    except Exception:
        return None
    return str(getattr(found, "__version__", "?"))


def torch_facts() -> dict[str, Any] | None:
    """What torch says of itself and of the GPUs that it sees; ``None`` where it is not installed."""
    try:
        torch: Any = importlib.import_module("torch")
    except ModuleNotFoundError as error:
        return None if error.name == "torch" else {"error": told(error)}
    except Exception as error:
        return {"error": told(error)}
    built = {"cuda": torch.version.cuda, "hip": getattr(torch.version, "hip", None)}
    facts: dict[str, Any] = {"version": str(torch.__version__), **built}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            facts["available"] = bool(torch.cuda.is_available())
            count = torch.cuda.device_count() if facts["available"] else 0
            facts["devices"] = [
                {
                    "name": torch.cuda.get_device_name(number),
                    "capability": ".".join(map(str, torch.cuda.get_device_capability(number))),
                }
                for number in range(count)
            ]
        except Exception as error:
            facts["available"], facts["devices"] = False, []
            facts["cuda_error"] = told(error)
    if said:
        facts["cuda_warning"] = " ".join(str(said[0].message).split())[:300]
    return facts


def extension_facts() -> dict[str, Any]:
    """What ``torch.utils.cpp_extension`` found, knows and would pass to nvcc."""
    try:
        module: Any = importlib.import_module("torch.utils.cpp_extension")
    except Exception as error:
        return {"error": told(error)}
    source = Path(module.__file__).read_text(encoding="utf-8")
    facts: dict[str, Any] = {
        "cuda_home": module.CUDA_HOME,
        "reads_pytorch_nvcc": "PYTORCH_NVCC" in source,
        "excludes_upper_bound": "max_excl_compiler_version" in source,
        "bounds": {
            kind: {release: [list(low), list(high)] for release, (low, high) in table.items()}
            for kind, table in (
                ("gcc", getattr(module, "CUDA_GCC_VERSIONS", {})),
                ("clang", getattr(module, "CUDA_CLANG_VERSIONS", {})),
            )
        },
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            facts["arch_flags"] = module._get_cuda_arch_flags()
        except Exception as error:
            facts["arch_error"] = told(error)
    return facts


def main(purpose: str) -> None:
    """Tell all that is asked for ``purpose``."""
    include = sysconfig.get_paths().get("include", "")
    facts: dict[str, Any] = {
        "python": sys.version.split()[0],
        "executable": sys.executable,
        "headers": include if (Path(include) / "Python.h").exists() else None,
        "include": include,
        "setuptools": version("setuptools"),
        "ipykernel": version("ipykernel"),
        "torch": torch_facts(),
    }
    if purpose == "cuda-extension" and facts["torch"] and "error" not in facts["torch"]:
        facts["extension"] = extension_facts()
    print(MARK + re.sub(r"[^\x20-\x7e]", "?", json.dumps(facts)))


if __name__ == "__main__":
    sys.path.pop(0)  # the folder of this file, whose other files are no modules of the reader's
    main(sys.argv[1] if len(sys.argv) > 1 else "")
