"""A package named torch that takes no time to import: a few Python files and a library in C++, and a tour of them.

Whatever the probe and the debugger do with the real one they do with it, on any Python and without a download.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tour import build
from tour.tree import Tree, TreeKind, index_path

PYTHON = {
    "torch/version.py": "__version__ = '9.1.0'\n",
    "torch/__init__.py": '''\
"""The package."""
import ctypes
import os

from torch import nn
from torch.late import loaded

_file = os.path.join(os.path.dirname(__file__), "lib", "libtorch_cpu.so")
native = ctypes.CDLL(_file) if os.path.exists(_file) else None


def relu(x):
    return native.relu(x) if native else max(x, 0)


for name in ("one", "two"):
    globals()[name] = name
''',
    "torch/late.py": "import time\n\ntime.sleep(0.05)\nloaded = True\n",
    "torch/nn.py": '''\
import threading


class Module:
    """A layer."""

    def __init__(self):
        self.hooks = []

    def __call__(self, x):
        if not self.hooks:
            return self.forward(x)
        for hook in self.hooks:
            x = hook(x)
        return self.forward(x)

    def forward(self, x):
        return x

    def never(self):
        return None


def decorated(function):
    return function


@decorated
@decorated
def helper(x):
    return x + 1


def _loop(values, out):
    for value in values:
        out.append(helper(value))


def in_thread(values):
    out = []
    thread = threading.Thread(target=_loop, args=(values, out), name="worker")
    thread.start()
    thread.join()
    return out


def counting():
    yield 1
    yield 2
''',
}

CPP = """\
#include <csignal>
#include <cstdlib>

#define APART __attribute__((noipa))

namespace at {
namespace native {

APART int leaf(int x) {
  return x + 1;
}

APART int other(int x) {
  return x - 1;
}

inline __attribute__((always_inline)) int inlined(int x) {
  return leaf(x) * 2;
}

APART int relu(int x) {
  return inlined(x);
}

APART int relu(int x, const char* mode) {
  return other(x) + (mode != nullptr);
}

APART int never(int x) {
  return x - 1;
}

namespace {
APART int hidden(int x) {
  return x * 3;
}
} // namespace

APART int statements(int x) {
  int y = hidden(x);
  y += other(y);
  return y;
}

APART int straight(int x) {
  if (x > 100) {
    x -= 100;
  }
  x *= 7;
  return x;
}

namespace {
APART int secret(int x) {
  return x * 9;
}
} // namespace

APART int around(int x) {
  if (x < 0) {
    return secret(x);
  }
  x *= 5;
  return x;
}

APART int throws(int x) {
  x *= 3;
  if (x != 0) {
    throw x;
  }
  return x;
}

inline __attribute__((always_inline)) int silent(int x) {
  return x ^ 21;
}

APART int loud(int x) {
  return silent(x) + 1;
}

APART int crash(int x) {
  return *reinterpret_cast<volatile int*>(x - x);
}

} // namespace native
} // namespace at

extern "C" int relu(int x) {
  return at::native::relu(x);
}

extern "C" int statements(int x) {
  return at::native::statements(x);
}

extern "C" int straight(int x) {
  try {
    at::native::throws(x);
  } catch (int) {
  }
  return at::native::straight(x) + at::native::around(x) + at::native::loud(x);
}

extern "C" int crash(int x) {
  return at::native::crash(x);
}
"""

STEPS = """\
steps:
  - {id: body, lane: python, anchor: {symbol: "py:torch", statement: "for name in (", through: "globals()[name]"}}
  - {id: relu, lane: python, anchor: {symbol: "py:torch.relu"}}
  - {id: module, lane: python, anchor: {symbol: "py:torch.nn.Module"}}
  - {id: call, lane: python, anchor: {symbol: "py:torch.nn.Module.__call__"}}
  - {id: hooked, lane: python, anchor: {symbol: "py:torch.nn.Module.__call__", statement: "x = hook(x)"}}
  - {id: helper, lane: python, anchor: {symbol: "py:torch.nn.helper"}}
  - {id: loop, lane: process, anchor: {symbol: "py:torch.nn._loop"}}
  - {id: never, lane: python, anchor: {symbol: "py:torch.nn.Module.never"}}
  - {id: native, lane: cpp, anchor: {symbol: "cpp:at::native::relu(int x)"}, hop: calls}
  - {id: inlined, lane: cpp, anchor: {symbol: "cpp:at::native::inlined"}, hop: calls}
  - {id: leaf, lane: cpp, anchor: {symbol: "cpp:at::native::leaf"}}
  - {id: overload, lane: cpp, anchor: {symbol: "cpp:at::native::relu(int x, const char* mode)"}}
  - {id: hidden, lane: cpp, anchor: {symbol: "cpp:at::native::hidden"}}
  - {id: call-hidden, lane: cpp, anchor: {symbol: "cpp:at::native::statements", statement: "int y = hidden(x);"}}
  - {id: call-other, lane: cpp, anchor: {symbol: "cpp:at::native::statements", statement: "y += other(y);"}}
  - {id: native-never, lane: cpp, anchor: {symbol: "cpp:at::native::never"}}
"""

CELL = """\
import torch

layer = torch.nn.Module()
layer(3)
layer.hooks.append(abs)
print(layer(-2), torch.relu(-1), torch.nn.in_thread([1, 2]), list(torch.nn.counting()))
"""


def make(folder: Path, *, native: bool = True, optimised: bool = True, strip: bool = False) -> Path:
    """The package in a folder that can stand in ``PYTHONPATH``, with its sources; the folder."""
    for file, text in PYTHON.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    (folder / "version.txt").write_text("9.1.0\n")
    source = folder / "aten/src/ATen/native/Relu.cpp"
    source.parent.mkdir(parents=True)
    source.write_text(CPP)
    if native:
        (folder / "torch/lib").mkdir()
        library = folder / "torch/lib/libtorch_cpu.so"
        options = ["-O2"] if optimised else ["-O0"]
        subprocess.run(["g++", "-shared", "-fPIC", *options, "-o", library, source], check=True)
        if strip:
            subprocess.run(["strip", library], check=True)
    return folder


def tell(folder: Path, cell: str = CELL, steps: str = STEPS, raises: str | None = None) -> Path:
    """A folder of annotations with one tour, ``mini``, whose first step has a cell."""
    tour = folder / "mini"
    tour.mkdir(parents=True, exist_ok=True)
    first, _, rest = steps.partition("\n")[2].partition("\n")
    indented = "".join(f"        {line}\n" for line in cell.splitlines())
    raising = f", raises: {raises}" if raises else ""
    text = 'steps:\n  - id: program\n    lane: python\n    anchor: {symbol: "py:torch.nn.counting"}\n    cell:\n'
    text += f"      code: |\n{indented}" + (f"      raises: {raises}\n" if raising else "") + f"{first}\n{rest}"
    (tour / "tour.yaml").write_text(text)
    ids = ["program", *[line.partition("id: ")[2].partition(",")[0] for line in steps.splitlines() if "id: " in line]]
    prose = "# Mini\n\nA tour.\n\n" + "".join(f"## {step} {{#{step}}}\n\nText.\n\n" for step in ids)
    for lang in ("en", "zh"):
        (tour / f"{lang}.md").write_text(prose + "## Onward {#onward}\n\nGo on.\n")
    return folder


def tree(folder: Path) -> Tree:
    """The package's sources as a tree, indexed in the cache in force."""
    copy = folder.with_name(folder.name + "-tree")
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("lib"))
    made = Tree(copy, "9.1.0", TreeKind.FOLDER)
    build.update(made, index_path(made))
    return made


def python(folder: Path, program: str, base: Path) -> Path:
    """A Python whose torch the package is: an environment that finds it."""
    made = folder / "environment"
    subprocess.run([program, "-m", "venv", "--without-pip", made], check=True)
    (site,) = made.glob("lib/python*/site-packages")
    (site / "fake.pth").write_text(f"{base}\n")
    return made / "bin/python"
