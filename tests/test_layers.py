"""Who may import whom: the table of the architecture, checked against every import in the package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "tour"

LAYERS: dict[str, set[str]] = {
    "errors": set(),
    "model": set(),
    "resources": set(),
    "digests": set(),
    "repository": {"errors", "resources"},
    "crosslinks": set(),
    "tree": {"errors", "model", "digests"},
    "projects": {"errors", "model", "tree"},
    "origins": {"errors", "model", "tree", "projects", "origins.children", "origins.releases"},
    "codegen": {"errors", "model", "tree"},
    "parsers": {"errors", "model", "parsers"},
    "index": {"errors", "model", "digests"},
    "shelf": {"model", "index"},
    "form": {"errors"},
    "figures": {"errors", "model"},
    "tours": {"errors", "model", "repository", "crosslinks", "digests", "form", "figures"},
    "paths": {"errors", "repository", "form"},
    "links": {
        "errors",
        "model",
        "index",
        "links.nodes",
        "links.python_names",
        "links.python_scopes",
        "links.python_syntax",
        "links.python_calls",
        "links.python_callers",
        "links.python_receivers",
        "links.cpp_scopes",
        "links.generated",
        "links.operators",
        "links.precise",
        "links.inheritance",
        "links.threads",
    },
    "answers": {"errors", "model", "digests"},
    "meaning": {"errors", "model", "index", "links"},
    "layers": {"errors", "model", "index", "links", "meaning", "answers"},
    "dispatch": {"errors", "model", "index", "links"},
    "route": {"errors", "model", "index", "links", "dispatch"},
    "questions": {"errors", "model", "index", "links", "answers", "meaning", "layers", "route"},
    "excerpts": {"errors", "model", "index", "links", "meaning", "anchors"},
    "build": {"errors", "model", "tree", "parsers", "index"},
    "statements": set(),
    "anchors": {"errors", "model", "index", "tours", "statements"},
    "proof": {"errors", "model", "index", "tours", "anchors", "answers", "links", "route"},
    "references": {"model", "index", "links", "answers"},
    "symbols": {"model", "index"},
    "operators": {"model", "index", "links", "references"},
    "revisions": {"errors", "model", "tree"},
    "edits": {"errors"},
    "repairs": {"errors", "model", "index", "links", "tours", "form", "edits", "statements", "anchors", "proof"},
    "drafts": {"errors", "model", "index", "tours", "anchors", "proof", "layers"},
    "codetours": {"errors", "model", "index", "tours", "anchors", "drafts"},
    "changes": {"model", "index", "tours", "anchors"},
    "prose": {"errors", "model", "tree", "index", "tours"},
    "precise": {"errors", "model", "tree", "index", "codegen", "parsers.clang"},
    "recordings": {"errors", "tours"},
    "witness": {"errors", "model", "index", "tours", "anchors", "links", "witness"},
    "views": {
        "errors",
        "model",
        "index",
        "links",
        "paths",
        "tours",
        "anchors",
        "changes",
        "proof",
        "recordings",
        "references",
        "repairs",
        "tree",
        "witness",
    },
    "home": {"views"},
    "families": {"model", "index", "links", "views"},
    "notebooks": set(),
    "cells": {"errors", "model", "tours", "recordings", "resources", "notebooks"},
    "doctor": {"errors", "tree", "resources", "tours", "doctor"},
    "render": {
        "doctor",
        "errors",
        "model",
        "tours",
        "cells",
        "changes",
        "crosslinks",
        "excerpts",
        "home",
        "policy",
        "recordings",
        "operators",
        "references",
        "repairs",
        "symbols",
        "views",
        "answers",
        "layers",
        "resources",
        "render",
        "witness",
    },
    "policy": set(),
    "scip": {"errors", "model", "tree", "index", "links", "references", "scip"},
    "library": {"errors", "model", "tree", "index", "links", "operators", "views", "render"},
    "stock": {"errors", "model", "tree", "index", "links", "operators", "symbols", "views"},
    "site": {"errors", "model", "stock", "views", "render", "resources", "policy"},
    "fences": {"errors", "model", "repository", "tours", "views", "render"},
    "server": {"errors", "model", "resources", "server"},
    "mcp": {"errors", "model", "tree", "tours", "resources", "render"},
    "cli": {"*"},
    "__main__": {"cli"},
    "__init__": {"*"},
}
"""For each module or folder of the package, what of ours it may import. The door and ``cli`` tie it all together."""

CLI = {file.relative_to(PACKAGE).as_posix() for file in (PACKAGE / "cli").glob("*.py")}
DOORS = {
    "tree_sitter": {"parsers/treesitter.py", "parsers/python.py", "parsers/c_family.py"},
    "sqlite3": {"index.py"},
    "rich": {"render/terminal.py"},
    "jinja2": {"render/html.py"},
    "pygments": {"render/source.py"},
    "mkdocs": {"site.py"},
    "click": {*CLI, "render/terminal.py", "render/answers.py", "render/checks.py"},
    "yaml": {"parsers/op_yaml.py", "form.py", "edits.py"},
    "fastjsonschema": {"form.py"},
    "nbclient": {"notebooks.py"},
    "nbformat": {"notebooks.py"},
    "jupyter_client": {"notebooks.py", "server/live.py"},
    "jupyter_server": {"server/live.py"},
    "tornado": {"server/live.py"},
    "mcp": {"mcp.py"},
    "pydantic": {"mcp.py"},
    "google": {"scip/schema.py"},
    "traitlets": {"server/live.py"},
    "diff_match_patch": {"changes.py"},
    "filelock": {"tree.py"},
    "cxxfilt": {"meaning.py", "witness/binaries.py"},
    "gdb": {"witness/debugger.py"},
    "torch": {"witness/probe.py"},
    "clang": {"parsers/clang.py"},
    "clang_tidy": {"precise.py"},
}
"""For each third party the modules that may import it."""


def imports(file: Path) -> Iterator[tuple[str, bool]]:
    """Each imported module, and whether only the type checker sees the import."""
    tree = ast.parse(file.read_text())
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in typing_only
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: relative import"
            if node.module in {"tour", *(f"tour.{folder.name}" for folder in PACKAGE.iterdir() if folder.is_dir())}:
                for alias in node.names:
                    submodule = PACKAGE.parent / node.module.replace(".", "/") / f"{alias.name}.py"
                    inside = submodule.exists() or submodule.with_suffix("").is_dir()
                    yield f"{node.module}.{alias.name}" if inside else str(node.module), id(node) in typing_only
            else:
                yield str(node.module), id(node) in typing_only


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=[file.relative_to(PACKAGE).as_posix() for file in FILES])
def test_imports_go_one_way(file: Path) -> None:
    here = file.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
    layer = here.partition(".")[0]
    assert layer in LAYERS, f"{here} has no place in the table"
    for module, _ in imports(file):
        if not module.startswith("tour.") or "*" in LAYERS[layer]:
            continue
        ours = module.removeprefix("tour.")
        if here == layer and (PACKAGE / layer).is_dir() and ours.startswith(f"{layer}."):
            continue  # a folder's __init__ gathers its modules
        allowed = any(ours == entry or ours.startswith(f"{entry}.") for entry in LAYERS[layer])
        assert allowed, f"{here} must not import {ours}"


@pytest.mark.parametrize("party", DOORS)
def test_each_third_party_has_its_door(party: str) -> None:
    users = {
        file.relative_to(PACKAGE).as_posix()
        for file in FILES
        for module, typing_only in imports(file)
        if module.partition(".")[0] == party and not typing_only
    }
    assert users <= DOORS[party]
