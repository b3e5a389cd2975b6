"""Writing small tours for tests."""

from __future__ import annotations

from pathlib import Path

YAML = """\
steps:
  - id: deps
    lane: python
    anchor: {symbol: "py:torch", statement: "_load_deps()", after: "else:"}
    hop: then

  - id: import-c
    lane: python
    anchor: {symbol: "py:torch", statement: "from torch._C import *", after: "else:"}
    hop: imports

  - id: extension
    lane: binding
    anchor: {symbol: "py:setup.configure", statement: "core = Extension(…", through: "sources=main_sources,"}
    hop: init

  - id: pyinit
    lane: binding
    anchor: {symbol: "c:PyInit__C"}
    hop: calls

  - id: init-module
    lane: cpp
    anchor: {symbol: "cpp:initModule"}
    hop: {kind: then, from: import-c}

  - id: manager
    lane: python
    anchor:
      - {versions: ">=9.1", symbol: "py:torch", statement: "_C._initExtension(_manager())"}
      - {versions: "<9.1", symbol: "py:torch", statement: "_C._initExtension(manager())"}
    hop: binds

  - id: init-extension
    lane: cpp
    anchor: {symbol: "cpp:THPModule_initExtension"}
    hop: {kind: differentiates, because: {en: "nothing in this tree shows it", zh: "源码里看不出来"}}

  - id: module-to
    lane: python
    anchor: {symbol: "py:torch.nn.module.Module.to"}
"""

STEPS = ("deps", "import-c", "extension", "pyinit", "init-module", "manager", "init-extension", "module-to")


def prose(title: str, steps: tuple[str, ...] = STEPS) -> str:
    sections = "".join(f"## Step `{step}` {{#{step}}}\n\nWhat happens in {step}.\n\n" for step in steps)
    return f"# {title}\n\nWhat you will know.\n\n{sections}## Onward {{#onward}}\n\nMore.\n"


def write(folder: Path, name: str = "mini", yaml: str = YAML, **files: str) -> Path:
    """A tour folder that is valid but for what the test changes."""
    tour = folder / name
    tour.mkdir(parents=True)
    (tour / "tour.yaml").write_text(yaml)
    for lang in ("en", "zh"):
        (tour / f"{lang}.md").write_text(files.get(lang, prose(f"The {lang} title")))
    return folder


def repository(root: Path, table: str = 'annotations = "docs/tours"\n', **tours: str) -> Path:
    """A team's repository: a ``pyproject.toml`` with a table ``[tool.tour]``, and tours in the folder that it names."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "pyproject.toml").write_text(f'[project]\nname = "ext"\nversion = "1.0"\n\n[tool.tour]\n{table}')
    for name, yaml in tours.items():
        write(root / "docs/tours", name.replace("_", "-"), yaml)
    return root
