"""What prose names, held against a tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from tour import prose, tours
from tour.index import Index
from tour.tree import Tree

from . import annotations

LINE = "What happens in pyinit."


ASKED = "## Questions {#questions}\n\n### Why `{}`?\n\nFor\n`{}`.\n\n## Onward"


def told(folder: Path, text: str) -> tours.Tour:
    english = annotations.prose("The en title").replace(LINE, text)
    return tours.load("mini", annotations.write(folder, en=english))


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("`torch/__init__.py` and `csrc/`", []),
        ("`torch/__init__.pyx`", ["torch/__init__.pyx"]),
        ("`Module.to` calls `_apply`", []),
        ("`Module.from_nowhere`", ["Module.from_nowhere"]),
        ("`initModule`, `c:PyInit__C`, `from torch._C import *`", []),
        ("`initModulle`", ["initModulle"]),
        ("`THPVariable_mini_norm` is written by a template", []),
        ("`THPVariable_relux` is not", ["THPVariable_relux"]),
        ("`True`, `-1`, `.pyi`, `len(x)`, `tour where F.nothing_at_all`", []),
        ("```python\nnothing_at_all\n```\n`nor_this`", ["nor_this"]),
    ],
)
def test_names_that_the_tree_lacks_are_told(
    mini: tuple[Tree, Index], tmp_path: Path, text: str, missing: list[str]
) -> None:
    tree, index = mini
    ours = [name for name in prose.named(told(tmp_path, text)) if name.step == "pyinit" and name.text != "pyinit"]
    assert [name.text for name in prose.missing(ours, tree, index)] == missing


def test_headings_questions_and_reasons_are_held_against_the_tree_too(tmp_path: Path) -> None:
    text = annotations.prose("The `first` title").replace(
        "## Onward", ASKED.replace("{}", "second", 1).replace("{}", "third")
    )
    text = text.replace("## Step `pyinit`", "## Step `fourth`")
    yaml = annotations.YAML.replace("nothing in this tree shows it", "`fifth` says so")
    tour = tours.load("mini", annotations.write(tmp_path, yaml=yaml, en=text, zh=text))
    found = {name.text: name for name in prose.named(tour) if name.file.endswith(("en.md", ".yaml"))}
    for text, step in (("first", "onward"), ("second", "questions"), ("third", "questions"), ("fourth", "pyinit")):
        named = found[text]
        assert named.step == step and f"`{text}`" in Path(named.file).read_text().splitlines()[named.line - 1]
    assert found["fifth"].step == "init-extension" and found["fifth"].file == str(tour.file)
    assert "`fifth`" in Path(found["fifth"].file).read_text().splitlines()[found["fifth"].line - 1]


def test_a_name_is_told_with_its_line(tmp_path: Path) -> None:
    tour = told(tmp_path, "One line.\n\nAnother with `a_name`.")
    (found,) = [name for name in prose.named(tour) if name.text == "a_name"]
    assert found.file == str(tmp_path / "mini/en.md") and found.step == "pyinit"
    assert "`a_name`" in (tmp_path / "mini/en.md").read_text().splitlines()[found.line - 1]
