"""The index as SCIP: read back by the schema's makers, held against its grammar, its linter's rules and the code."""

from __future__ import annotations

import json
import keyword
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

import tour as door
from tour import build, scip
from tour.errors import StaleIndex, TourError
from tour.scip.symbols import _shape
from tour.tree import Tree, TreeKind, index_path

from .conftest import MINI, REAL_VERSIONS, SHAPES, real_tree
from .test_cli import Run, tour  # noqa: F401 – the fixture

MODULES = Path(__file__).parents[1] / "editor/node_modules"
DEFINITION, IMPORT, TEST, FORWARD = 1, 2, 0x20, 0x40

_NAME = r"(?:[\w+$-]+|`(?:[^`]|``)+`)"
_DESCRIPTOR = re.compile(rf"{_NAME}(?:/|#|!|\.|:|\([\w+$-]*\)\.)|\[{_NAME}\]|\({_NAME}\)", re.ASCII)
_SYMBOL = re.compile(
    r"(?P<scheme>(?:[^ ]|  )+) (?P<manager>(?:[^ ]|  )+) (?P<name>(?:[^ ]|  )+) (?P<version>(?:[^ ]|  )+) "
)


def descriptors(symbol: str) -> list[str]:
    """The descriptors of a symbol, by the grammar in ``scip.proto``."""
    head = _SYMBOL.match(symbol)
    assert head and not head["scheme"].startswith("local"), symbol
    found, at = [], head.end()
    while at < len(symbol):
        one = _DESCRIPTOR.match(symbol, at)
        assert one, symbol
        quoted = re.match(r"[(\[]?`(.*)`", one[0])
        assert not quoted or re.search(r"[^\w+$-]", quoted[1], re.ASCII), f"{symbol}: needs no backticks"
        found.append(one[0])
        at = one.end()
    assert found, symbol
    return found


def decoded(file: Path) -> dict[str, Any]:
    """An index read by others' bindings; on a developer's machine it skips without them, in CI it fails."""
    if not (MODULES / "@c4312/scip").is_dir() and not os.environ.get("CI"):
        pytest.skip("the schema's own bindings are not here: scripts/test brings them")
    done = subprocess.run(
        ["node", str(Path(__file__).with_name("scip_decode.cjs")), str(MODULES), str(file)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def occurrences(index: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for document in index["documents"]:
        for occurrence in document["occurrences"]:
            yield document, occurrence


def spelt(root: Path, document: dict[str, Any], occurrence: dict[str, Any], texts: dict[str, list[str]]) -> str:
    """What stands in the source at a range."""
    path = document["relativePath"]
    if path not in texts:
        text = (root / path).read_bytes().decode("utf-8", "replace")
        texts[path] = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    line, first, last = occurrence["range"]
    assert 0 <= first <= last <= len(texts[path][line])
    return texts[path][line][first:last]


def lint(index: dict[str, Any], root: Path) -> Counter[str]:
    """The rules of ``scip lint`` and of the schema's comments, and what the code says at each range.

    Gives how often a range spells the name of its symbol (``name``), a word that a macro makes the name of or an alias
    (``other``), or nothing (``file``).
    """
    assert index["metadata"]["textDocumentEncoding"] == 1 and index["metadata"]["toolInfo"]["name"] == "tour"
    assert Path(unquote(urlsplit(index["metadata"]["projectRoot"]).path)) == root
    outside = [one["symbol"] for one in index["externalSymbols"]]
    assert len(outside) == len(set(outside))
    paths = [document["relativePath"] for document in index["documents"]]
    assert len(paths) == len(set(paths)) and not any(path.startswith("/") or ".." in path.split("/") for path in paths)
    named: dict[str, str] = {}
    for document in index["documents"]:
        assert document["positionEncoding"] == 3 and (root / document["relativePath"]).is_file()
        own = [one["symbol"] for one in document["symbols"]]
        assert len(own) == len(set(own)), document["relativePath"]
        named |= {one["symbol"]: one["displayName"] for one in document["symbols"]}
    assert all(named.values())
    assert not named.keys() & set(outside)
    known = named.keys() | set(outside)
    called = named | {one["symbol"]: one["displayName"] for one in index["externalSymbols"]}
    for one in [*(one for document in index["documents"] for one in document["symbols"]), *index["externalSymbols"]]:
        descriptors(one["symbol"])
        related = [relation["symbol"] for relation in one["relationships"]]
        assert len(related) == len(set(related)) and one["symbol"] not in related
        for relation in one["relationships"]:
            assert relation["symbol"] in known, one
            assert any(relation[flag] for flag in ("isReference", "isImplementation", "isDefinition"))
    seen: set[tuple[Any, ...]] = set()
    texts: dict[str, list[str]] = {}
    counts: Counter[str] = Counter()
    defined = set()
    for document, occurrence in occurrences(index):
        symbol, roles = occurrence["symbol"], occurrence["symbolRoles"]
        assert symbol in known, symbol
        assert not (roles & DEFINITION and roles & FORWARD)
        key = (document["relativePath"], *occurrence["range"], symbol, roles)
        assert key not in seen, key
        seen.add(key)
        if roles & DEFINITION:
            defined.add(symbol)
        if occurrence["enclosingRange"]:
            start, _, end, _ = occurrence["enclosingRange"]
            assert start <= occurrence["range"][0] <= end
        text = spelt(root, document, occurrence, texts)
        name = called[symbol]
        is_include = symbol.startswith("tour-file") and roles & IMPORT
        good = text == name or (is_include and name.endswith(text))
        counts["file" if not text else "name" if good else "other"] += 1
        if document["language"] == "Python" and text:
            assert text.isidentifier() and not keyword.iskeyword(text), (document["relativePath"], occurrence)
            assert good or not roles & DEFINITION, (text, name)
        if not text:
            assert symbol.startswith("tour-file") or descriptors(symbol)[-1].endswith("/")
    return counts


@pytest.fixture
def tree(own_cache: Path, tmp_path: Path) -> Tree:
    root = tmp_path / "pytorch-9.1.0"
    root.mkdir()
    for file in (MINI / "9.1.0").rglob("*"):
        if file.is_file():
            copy = root / file.relative_to(MINI / "9.1.0")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    return Tree(root, "9.1.0", TreeKind.FOLDER)


def written(tree: Tree, tmp_path: Path) -> dict[str, Any]:
    build.update(tree, index_path(tree))
    told = door.export_index(tree, tmp_path / "made/index.scip")
    index = decoded(tmp_path / "made/index.scip")
    assert (told.documents, told.outside) == (len(index["documents"]), len(index["externalSymbols"]))
    assert told.occurrences <= sum(1 for _ in occurrences(index))
    assert [file.name for file in (tmp_path / "made").iterdir()] == ["index.scip"]
    return index


def of(index: dict[str, Any], path: str, line: int, text: str, root: Path) -> list[dict[str, Any]]:
    """The occurrences at a word of a line, which counts from 1."""
    texts: dict[str, list[str]] = {}
    return [
        occurrence
        for document, occurrence in occurrences(index)
        if document["relativePath"] == path
        and occurrence["range"][0] == line - 1
        and spelt(root, document, occurrence, texts) == text
    ]


def information(index: dict[str, Any], symbol: str) -> dict[str, Any]:
    told = [*(one for document in index["documents"] for one in document["symbols"]), *index["externalSymbols"]]
    (found,) = [one for one in told if one["symbol"] == symbol]
    return found


def test_an_index_keeps_the_rules_of_the_format(tree: Tree, tmp_path: Path) -> None:
    counts = lint(written(tree, tmp_path), tree.root)
    assert counts["name"] > 10 * counts["other"]


def test_each_language_has_its_symbols(tree: Tree, tmp_path: Path) -> None:
    source = {
        "torch/walk.py": (
            'class Base:\n    """What it is."""\n\n    def go(self): ...\n\n\nclass Heir(Base):\n    def go(self):\n'
            "        é = 'ü'; return helper(é)\n\n\ndef helper(x):\n    return Heir()\n"
        ),
        "torch/ride.py": "from torch.walk import Heir as H, helper\nü = '🚀'; helper(H().go())\n",
        "torch/csrc/ride.h": (
            "namespace ride {\n// How far.\nint far(int metres);\nint far(double miles, int more = 3);\nstruct Car {\n"
            "  int drive(int x);\n};\n}\n"
        ),
        "torch/csrc/ride.cpp": (
            '#include "ride.h"\nnamespace ride {\nint far(int m) { return m; }\n'
            "int far(double m, int more) { return 2; }\nint Car::drive(int y) { return far(y); }\n}\n"
        ),
        "torch/csrc/one.cpp": "namespace {\nint same(int x) { return x; }\n}\nint one() { return same(1); }\n",
        "torch/csrc/two.cpp": "namespace {\nint same(int x) { return x; }\n}\nint two() { return same(2); }\n",
    }
    for name, text in source.items():
        (tree.root / name).write_text(text)
    index = written(tree, tmp_path)
    lint(index, tree.root)
    head = "tour-py . pytorch 9.1.0 torch/walk/"
    (heir,) = of(index, "torch/walk.py", 7, "Heir", tree.root)
    assert heir["symbol"] == f"{head}Heir#" and heir["symbolRoles"] == DEFINITION
    assert heir["enclosingRange"] == [6, 0, 8, 33]
    (base,) = of(index, "torch/walk.py", 7, "Base", tree.root)
    assert base["symbol"] == f"{head}Base#" and not base["symbolRoles"]
    assert information(index, base["symbol"])["documentation"] == ["What it is."]
    (implements,) = information(index, heir["symbol"])["relationships"]
    assert (implements["symbol"], implements["isImplementation"], implements["isReference"]) == (
        f"{head}Base#",
        True,
        False,
    )
    (overrides,) = information(index, f"{head}Heir#go().")["relationships"]
    assert (overrides["symbol"], overrides["isImplementation"], overrides["isReference"]) == (
        f"{head}Base#go().",
        True,
        True,
    )
    (called,) = of(index, "torch/ride.py", 2, "helper", tree.root)  # behind two characters that are no ASCII
    assert (called["symbol"], called["range"]) == (f"{head}helper().", [1, 9, 15])
    (imported,) = of(index, "torch/ride.py", 1, "helper", tree.root)
    assert (imported["symbol"], imported["symbolRoles"]) == (f"{head}helper().", IMPORT)

    head = "tour-cpp . pytorch 9.1.0 ride/"
    declared = [of(index, "torch/csrc/ride.h", line, "far", tree.root)[0] for line in (3, 4)]
    defined = [of(index, "torch/csrc/ride.cpp", line, "far", tree.root)[0] for line in (3, 4)]
    assert [one["symbol"] for one in declared] == [one["symbol"] for one in defined]
    assert declared[0]["symbol"] != declared[1]["symbol"]
    assert [one["symbolRoles"] for one in (*declared, *defined)] == [FORWARD, FORWARD, DEFINITION, DEFINITION]
    (method,) = of(index, "torch/csrc/ride.cpp", 5, "drive", tree.root)
    assert (method["symbol"], method["symbolRoles"]) == (f"{head}Car#drive().", DEFINITION)
    (included,) = of(index, "torch/csrc/ride.cpp", 1, "ride.h", tree.root)
    assert included["symbol"] == "tour-file . pytorch 9.1.0 `torch/csrc/ride.h`/"
    told = information(index, declared[0]["symbol"])
    assert told["signatureDocumentation"]["text"] == "far(int m)"
    same = {of(index, f"torch/csrc/{name}.cpp", 2, "same", tree.root)[0]["symbol"] for name in ("one", "two")}
    assert len(same) == 2  # of anonymous namespaces


def test_a_name_that_cpp_gives_to_python_leads_to_what_is_behind_it(tree: Tree, tmp_path: Path) -> None:
    (tree.root / "torch/uses.py").write_text("import torch\n\n\ndef use(x):\n    return torch.mini_add(x, x)\n")
    index = written(tree, tmp_path)
    (used,) = of(index, "torch/uses.py", 5, "mini_add", tree.root)
    assert used["symbol"] == "tour-py . pytorch 9.1.0 torch/mini_add."
    behind = {one["symbol"]: one["isDefinition"] for one in information(index, used["symbol"])["relationships"]}
    operator = "tour-op . pytorch 9.1.0 aten/mini_add()."
    assert behind[operator] and all(symbol.startswith("tour-op ") for symbol in behind)
    assert any(
        occurrence["symbol"] == operator and occurrence["symbolRoles"] & DEFINITION
        for _, occurrence in occurrences(index)
    )


def test_guesses_are_left_out_and_counted(tree: Tree, tmp_path: Path) -> None:
    (tree.root / "torch/guess.py").write_text("def take(thing):\n    return thing.extra()\n")
    index = written(tree, tmp_path)
    assert of(index, "torch/guess.py", 2, "extra", tree.root) == []
    assert scip.write(tree, tmp_path / "again.scip", "1").guesses > 0


def test_a_project_has_a_package_of_its_own(own_cache: Path, tmp_path: Path) -> None:
    project = Tree(SHAPES, "0.3.1", TreeKind.FOLDER, name="minishapes")
    index = written(project, tmp_path)
    lint(index, SHAPES)
    assert all(" . minishapes 0.3.1 " in one["symbol"] for _, one in occurrences(index))


def test_what_goes_wrong_leaves_no_file(tree: Tree, tmp_path: Path) -> None:
    build.update(tree, index_path(tree))
    (tree.root / "torch/engine.py").write_text("changed = 1\n")
    with pytest.raises(StaleIndex, match="changed since it was indexed"):
        door.export_index(tree, tmp_path / "out/index.scip")
    assert list((tmp_path / "out").iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(TourError, match="cannot write"):
        door.export_index(tree, tmp_path / "file/index.scip")


def test_many_files_are_told_by_several_processes(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build.update(tree, index_path(tree))
    said: list[tuple[int, int | None]] = []
    alone = scip.write(tree, tmp_path / "alone.scip", "1")
    monkeypatch.setattr(scip, "_FEW", 0)
    monkeypatch.setattr(scip, "_AFRESH", 3)
    many = scip.write(tree, tmp_path / "many.scip", "1", lambda what, done, total: said.append((done, total)))
    assert (tmp_path / "many.scip").read_bytes() == (tmp_path / "alone.scip").read_bytes()
    assert replace(many, file="") == replace(alone, file="")
    assert [done for done, _ in said] == list(range(many.documents))
    (tree.root / "torch/engine.py").unlink()
    with pytest.raises(TourError, match="the file is gone"):
        scip.write(tree, tmp_path / "gone.scip", "1")
    assert not (tmp_path / "gone.scip").exists()


def test_the_command_writes_it(tour: Run, tree: Tree, tmp_path: Path) -> None:  # noqa: F811
    out = tmp_path / "out/index.scip"
    told = tour.json("index", tree.root, "--scip", out)["scip"]
    assert told["file"] == str(out) and told["documents"] == 34 and told["guesses"] > 0
    lint(decoded(out), tree.root)
    assert "names were left out, for their meaning is a guess" in tour("index", tree.root, "--scip", out).stdout
    assert "cannot write" in tour("index", tree.root, "--scip", out / "below.scip", code=2).stderr
    without = "import sys; sys.modules['google.protobuf'] = None; from tour.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", without, "index", str(tree.root), "--scip", "x.scip"],
        capture_output=True, text=True, env=tour.environment, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2 and "pip install 'tour-pytorch[scip]'" in done.stderr and "Traceback" not in done.stderr


def test_odd_names_are_escaped(tree: Tree, tmp_path: Path) -> None:
    (tree.root / "torch/odd-name.py").write_text("größe = 1\n")
    (tree.root / "torch/csrc/odd.h").write_text(
        "struct Odd {\n  bool operator==(const Odd& o) const { return true; }\n  int operator()(int x) { return x; }\n"
        "  ~Odd() {}\n};\n"
    )
    index = written(tree, tmp_path)
    lint(index, tree.root)
    symbols = {occurrence["symbol"] for _, occurrence in occurrences(index)}
    assert "tour-py . pytorch 9.1.0 torch/`odd-name`/".replace("`", "") + "`größe`." in symbols
    assert "tour-cpp . pytorch 9.1.0 Odd#`operator==`()." in symbols
    assert "tour-cpp . pytorch 9.1.0 Odd#`~Odd`()." in symbols


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("(const at::Tensor& self)", "(const Tensor &input)", True),
        ("(int x, double y = 3)", "(int, double)", True),
        ("(int x)", "(double x)", False),
        ("(std::function<void(int, int)> f)", "(function<void(int,int)> g)", True),
        ("()", "(void)", True),
        ("(int x) const", "(int x)", False),
        ("(const unsigned int n)", "(const unsigned int count)", True),
    ],
)
def test_overloads_are_told_apart_by_their_types(one: str, other: str, same: bool) -> None:
    assert (_shape(one) == _shape(other)) is same


@pytest.mark.real
@pytest.mark.parametrize("version", REAL_VERSIONS)
def test_files_of_the_real_trees(version: str, tmp_path: Path) -> None:
    """Python, C++, CUDA and the operators, with every name in them."""
    tree = real_tree(version)
    build.update(tree, index_path(tree))
    files = {
        "torch/nn/modules/batchnorm.py", "torch/nn/modules/module.py", "torch/nn/modules/__init__.py",
        "torch/functional.py", "torch/csrc/api/include/torch/nn/module.h", "torch/csrc/api/src/nn/module.cpp",
        "torch/csrc/stub.c",
        "aten/src/ATen/native/Normalization.cpp", "aten/src/ATen/native/cuda/Normalization.cu",
        "aten/src/ATen/native/native_functions.yaml",
    }  # fmt: skip
    told = scip.write(tree, tmp_path / "index.scip", "1", only=files)
    index = decoded(tmp_path / "index.scip")
    assert {document["relativePath"] for document in index["documents"]} == files and told.documents == len(files)
    assert {document["language"] for document in index["documents"]} == {"Python", "C", "CPP", "CUDA", "YAML"}
    counts = lint(index, tree.root)
    assert counts["name"] > 5000 and counts["name"] > 3 * counts["other"]
    head = f"tour-py . pytorch {version} torch/nn/modules/"
    overridden = {one["symbol"] for one in information(index, f"{head}module/Module#train().")["relationships"]}
    assert not overridden
    bases = [one["symbol"] for one in information(index, f"{head}batchnorm/BatchNorm2d#")["relationships"]]
    assert bases == [f"{head}batchnorm/_BatchNorm#"]
    kernel = f"tour-cpp . pytorch {version} at/native/batch_norm_cpu()."
    assert (
        sum(one["symbol"] == kernel for _, one in occurrences(index)) >= 2
    )  # its definition, and the operator's entry
