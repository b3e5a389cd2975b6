"""Hops: what proves one, what does not, and that what is remembered is what would be worked out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tour import build, proof, tours, views
from tour.index import Index
from tour.tree import Tree, TreeKind

from . import annotations
from .annotations import YAML
from .conftest import MINI, mini_tree


def walk(folder: Path, tree: Tree, index: Index) -> dict[str, proof.Passage]:
    tour = tours.load("mini", folder)
    return {passage.step.id: passage for passage in proof.walk(tour, index, tree.read, tree.version)}


def test_each_hop_has_its_fact(tmp_path: Path, mini: tuple[Tree, Index]) -> None:
    tree, index = mini
    passages = walk(annotations.write(tmp_path), tree, index)
    assert {passage.place.located for passage in passages.values()} == {"exact"}
    told = {
        step: (passage.to, passage.proof.grade, passage.proof.at and passage.proof.at.file)
        for step, passage in passages.items()
        if passage.proof
    }
    assert told == {
        "deps": ("import-c", "exact", "torch/__init__.py"),
        "import-c": ("extension", "exact", "torch/__init__.py"),
        "extension": ("pyinit", "exact", "setup.py"),
        "pyinit": ("init-module", "exact", "torch/csrc/stub.c"),
        "init-module": ("manager", "exact", "torch/__init__.py"),
        "manager": ("init-extension", "exact", "torch/csrc/Module.cpp"),
        "init-extension": ("module-to", "asserted", None),
    }
    assert passages["module-to"].to is None
    binds = passages["manager"].proof
    assert binds is not None and [link.kind.value for link in binds.links] == ["calls", "binds"]


@pytest.mark.parametrize(
    ("change", "step", "said"),
    [
        (("hop: init\n", "hop: calls\n"), "extension", "no calls link from py:setup.configure"),
        (("hop: calls\n", "hop: launches\n"), "pyinit", "no launches link"),
        (("{kind: then, from: import-c}", "{kind: then, from: extension}"), "init-module", "not in one body"),
    ],
)
def test_what_the_source_does_not_show_is_not_proven(
    tmp_path: Path, mini: tuple[Tree, Index], change: tuple[str, str], step: str, said: str
) -> None:
    tree, index = mini
    passage = walk(annotations.write(tmp_path, yaml=YAML.replace(*change, 1)), tree, index)[step]
    assert passage.proof is not None
    assert passage.proof.grade == "none" and said in str(passage.proof.problem)


def test_order_matters_to_then(tmp_path: Path, mini: tuple[Tree, Index]) -> None:
    tree, index = mini
    backwards = YAML.replace(
        'anchor: {symbol: "cpp:initModule"}', 'anchor: {symbol: "py:torch", statement: "_C._initExtension("}'
    )
    backwards = backwards.replace("_C._initExtension(_manager())", "import os").replace(
        "_C._initExtension(manager())", "import os"
    )
    backwards = backwards.replace("from: import-c", "from: init-module")
    passage = walk(annotations.write(tmp_path, yaml=backwards), tree, index)["init-module"]
    assert passage.proof is not None and "does not come after" in str(passage.proof.problem)


def test_what_is_remembered_equals_what_is_worked_out(tmp_path: Path, mini: tuple[Tree, Index]) -> None:
    tree, index = mini
    folder = annotations.write(tmp_path)
    first = walk(folder, tree, index)
    again = walk(folder, tree, index)
    assert first == again
    tour = tours.load("mini", folder)
    assert list(first.values()) == proof.passages(tour, index, tree.read, tree.version)


def test_memory_ends_where_the_facts_change(tmp_path: Path) -> None:
    shutil.copytree(MINI / "9.1.0", tmp_path / "tree")
    tree = Tree(tmp_path / "tree", "9.1.0", TreeKind.FOLDER)
    folder, index = annotations.write(tmp_path), tmp_path / "i.sqlite"
    build.update(tree, index)
    with Index(index) as now:
        before = walk(folder, tree, now)["pyinit"].place.line
    stub = tree.root / "torch/csrc/stub.c"
    stub.write_text("// moved down\n" + stub.read_text())
    build.update(tree, index)
    with Index(index) as now:
        assert walk(folder, tree, now)["pyinit"].place.line == before + 1


def test_check_tells_the_annotation_and_the_line(tmp_path: Path, mini: tuple[Tree, Index]) -> None:
    tree, index = mini
    yaml = YAML.replace("c:PyInit__C", "c:PyInit__D").replace(
        "py:torch.nn.module.Module.to", "py:torch.nn.old.Module._apply"
    )
    tour = tours.load("mini", annotations.write(tmp_path, yaml=yaml))
    found = {(finding.step, finding.line, finding.fatal): finding.what for finding in views.check(tour, tree, index)}
    assert found[("pyinit", 19, True)].startswith("lost: no c:PyInit__D")
    assert found[("module-to", 41, False)].startswith("moved: now py:torch.nn.module.Module._apply")
    assert ("extension", 15, True) in found and ("pyinit", 20, True) in found


def test_a_file_that_changed_since_is_not_shown(tmp_path: Path) -> None:
    from tour.errors import StaleIndex

    shutil.copytree(MINI / "9.1.0", tmp_path / "tree")
    tree = Tree(tmp_path / "tree", "9.1.0", TreeKind.FOLDER)
    build.update(tree, tmp_path / "i.sqlite")
    (tree.root / "torch/csrc/stub.c").write_text("int nothing;\n")
    tour = tours.load("mini", annotations.write(tmp_path))
    with Index(tmp_path / "i.sqlite") as index, pytest.raises(StaleIndex, match=r"stub\.c"):
        views.tour_view(tour, tree, index, "en")


def test_the_view_lights_what_the_step_names(tmp_path: Path) -> None:
    tree = mini_tree("9.1.0")
    build.update(tree, tmp_path / "i.sqlite")
    tour = tours.load("mini", annotations.write(tmp_path))
    with Index(tmp_path / "i.sqlite") as index:
        view = views.tour_view(tour, tree, index, "en")
    for step in view.steps:
        assert step.code is not None and step.line is not None
        shown = dict(enumerate(step.code.lines, start=step.code.first_line))
        assert step.code.lit[0] <= step.line <= step.code.lit[1]
        assert shown[step.line].strip()
    pyinit = view.steps[3].code
    assert pyinit is not None and "initModule" in "\n".join(pyinit.lines)


def steps(*anchors: str, hop: str) -> str:
    """A tour of two steps and one hop between them."""
    lanes = "    lane: python\n    anchor: {}\n"
    first, second = (f"  - id: {name}\n{lanes.format(anchor)}" for name, anchor in zip("ab", anchors, strict=True))
    return f"steps:\n{first}    hop: {hop}\n{second}"


@pytest.mark.parametrize(
    ("first", "second", "hop", "grade"),
    [
        ("{symbol: 'py:torch.functional.einsum'}", "{symbol: 'py:torch.functional.einsum.inner'}", "contains", "exact"),
        ("{symbol: 'py:torch.functional.einsum.inner'}", "{symbol: 'py:torch.functional.einsum'}", "contains", "none"),
        ("{symbol: 'py:torch.functional.einsum'}", "{symbol: 'py:torch.functional.einsum'}", "contains", "none"),
        (
            "{symbol: 'py:torch.functional.einsum', statement: 'Layer(1)'}",
            "{symbol: 'py:torch.functional.einsum.inner'}",
            "contains",
            "none",
        ),
        (
            "{symbol: 'py:use.use'}",
            "{symbol: 'cpp:initJoints', statement: 'py::class_<MiniFuture>(m,'}",
            "binds",
            "exact",
        ),
        ("{symbol: 'py:use.use'}", "{symbol: 'cpp:initJoints', statement: 'm.def(\"mini_free\"'}", "binds", "none"),
    ],
)
def test_a_definition_inside_another_and_a_binding_statement_are_facts(
    tmp_path: Path, first: str, second: str, hop: str, grade: str
) -> None:
    shutil.copytree(MINI / "9.1.0", tmp_path / "tree")
    (tmp_path / "tree/use.py").write_text("import torch\n\n\ndef use():\n    return torch._C.MiniFuture()\n")
    tree = Tree(tmp_path / "tree", "9.1.0", TreeKind.FOLDER)
    build.update(tree, tmp_path / "i.sqlite")
    text = annotations.prose("t", ("a", "b"))
    yaml = steps(first, second, hop=hop)
    told = annotations.write(tmp_path / "told", yaml=yaml, en=text, zh=text)
    with Index(tmp_path / "i.sqlite") as index:
        passage = walk(told, tree, index)["a"]
    assert passage.proof is not None and passage.proof.grade == grade, passage.proof
