"""A tree's own code generation: run as it stands, kept whole or not at all, laid over the tree and taken off again."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import tour
from tour import build, codegen
from tour.errors import TourError, TreeError
from tour.index import Index, facts_of
from tour.links import Links, Node
from tour.model import Grade, LinkKind, Role
from tour.tree import Tree, TreeKind, generated_home, index_path, with_generated

from .conftest import MINI, REAL_VERSIONS, hears_interrupts, real_tree

GENERATORS = Path(__file__).parent / "codegen"
OPERATORS = "build/aten/src/ATen/Operators_0.cpp"
BINDINGS = "torch/csrc/autograd/generated/python_torch_functions_0.cpp"
LISTED = {
    OPERATORS, BINDINGS, "build/aten/src/ATen/RegisterCPU.cpp", "torch/csrc/lazy/generated/LazyIr.h",
    "build/aten/src/ATen/Operators_1.cpp", "build/aten/src/ATen/RedispatchFunctions.h",
    *(f"build/aten/src/ATen/ops/{name}.h" for name in ("mini_norm", "mini_norm_native", "mini_norm_ops")),
    *(f"build/aten/src/ATen/ops/{name}.h" for name in ("mini_div", "mini_div_native")),
    *(f"torch/csrc/autograd/generated/{name}" for name in ("VariableType_0.cpp", "TraceType_0.cpp")),
    *(f"torch/csrc/autograd/generated/{name}" for name in ("Functions.h", "Functions.cpp")),
    "torch/csrc/inductor/aoti_torch/generated/c_shim_cpu.cpp",
}  # fmt: skip


@pytest.fixture
def tree(tmp_path: Path, own_cache: Path) -> Tree:
    """Minitorch with generators."""
    root = tmp_path / "tree"
    shutil.copytree(MINI / "9.1.0", root)
    shutil.copytree(GENERATORS, root, dirs_exist_ok=True)
    (root / "aten/src/ATen/Config.h.in").write_text(
        '#cmakedefine C10_BUILD_SHARED_LIBS\n#cmakedefine OTHER\n#define A() @AT_X@ "@FLAGS@"\n'
    )
    header = root / "torch/csrc/api/include/torch/version.h.in"
    header.parent.mkdir(parents=True)
    header.write_text("#define TORCH_VERSION_MAJOR @TORCH_VERSION_MAJOR@\n#define P @TORCH_VERSION_PATCH@\n")
    return Tree(root, "9.1.0", TreeKind.FOLDER)


def generated(tree: Tree) -> Tree:
    return codegen.include(tree, codegen.generate(tree))


def state(root: Path) -> dict[str, int]:
    return {path.as_posix(): path.lstat().st_mtime_ns for path in root.rglob("*")}


def test_it_runs_the_generators_and_leaves_the_tree_as_it_is(tree: Tree) -> None:
    before = state(tree.root)
    folder = codegen.generate(tree)
    assert folder == codegen.generated_folder(tree)
    assert (folder / "aten/src/ATen/Operators_0.cpp").is_file() and (folder / BINDINGS).is_file()
    assert (folder / "torch/csrc/lazy/generated/LazyIr.h").is_file(), "the option's former spelling was not found"
    assert state(tree.root) == before
    assert {entry.name for entry in generated_home(tree).iterdir()} == {folder.name, ".lock"}


def test_configured_headers(tree: Tree) -> None:
    folder = codegen.generate(tree)
    assert (folder / "aten/src/ATen/Config.h").read_text() == (
        '#define C10_BUILD_SHARED_LIBS\n/* #undef OTHER */\n#define A() 0 ""\n'
    )
    version = (folder / "torch/csrc/api/include/torch/version.h").read_text()
    assert version == "#define TORCH_VERSION_MAJOR 9\n#define P 0\n"


def test_it_runs_again_only_for_other_inputs(tree: Tree) -> None:
    folder = codegen.generate(tree)
    times = state(folder)
    assert codegen.generate(tree) == folder and state(folder) == times
    shown = codegen.include(tree, folder)
    assert codegen.is_current(shown)
    (tree.root / "torch/functional.py").write_text("# no input of code generation\n")
    assert codegen.is_current(shown)
    with (tree.root / "aten/src/ATen/native/native_functions.yaml").open("a") as entries:
        entries.write("\n- func: another(Tensor x) -> Tensor\n")
    assert not codegen.is_current(shown)
    newer = codegen.generate(tree)
    assert newer != folder and folder.is_dir(), "an index may still show the older one"
    assert codegen.is_current(codegen.include(tree, newer)) and not folder.exists()


def test_every_run_writes_the_same(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(tree, "(options.install_dir / 'Order.cpp').write_text(str(hash('a')))\n")
    told = set()
    for seed in ("1", "2"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        told.add((codegen.generate(tree) / "aten/src/ATen/Order.cpp").read_text())
        codegen.exclude(tree)
    assert len(told) == 1


def test_its_files_are_files_of_the_tree(tree: Tree) -> None:
    assert not any(file.generated for file in tree.files())
    shown = generated(tree)
    assert {file.path for file in shown.files() if file.generated} == LISTED
    assert b"mini_norm::call" in shown.read(OPERATORS)
    assert b"THPVariable_mini_norm" in shown.read(BINDINGS)
    assert shown.read("version.txt") == tree.read("version.txt")
    with pytest.raises(TreeError, match="leaves the tree"):
        shown.read("../outside.cpp")
    with pytest.raises(TreeError, match="gone"):
        shown.read("build/aten/src/ATen/Nowhere.cpp")
    with pytest.raises(TreeError, match="gone"):
        tree.read(OPERATORS)
    assert with_generated(tree) == shown
    assert codegen.exclude(shown) == tree == with_generated(tree)
    assert not [entry for entry in generated_home(tree).iterdir() if entry.is_dir()]


def test_a_real_file_wins(tree: Tree) -> None:
    """A tree that was built has the files itself, those of its ``build`` where the tree's own listing ends."""
    shown = generated(tree)
    for path, text in ((BINDINGS, "int of_the_build;\n"), (OPERATORS, "int also;\n")):
        (tree.root / path).parent.mkdir(parents=True, exist_ok=True)
        (tree.root / path).write_text(text)
    (tree.root / "build/CMakeCache.txt").write_text("")
    files = {file.path: file for file in shown.files()}
    assert set(files) >= LISTED and len(files) == len(shown.files())
    assert not files[BINDINGS].generated and shown.read(BINDINGS) == b"int of_the_build;\n"
    assert files[OPERATORS].size == len("int also;\n") and shown.read(OPERATORS) == b"int also;\n"


def test_the_index_follows(tree: Tree, tmp_path: Path) -> None:
    index = tmp_path / "i.sqlite"
    build.update(tree, index)
    plain = list(facts_of(index))
    shown = generated(tree)
    report = build.update(shown, index)
    assert (report.parsed, report.generated, report.removed) == (len(LISTED), len(LISTED), 0)
    assert build.update(shown, index).parsed == 0
    assert build.update(tree, index).removed == len(LISTED)
    assert list(facts_of(index)) == plain


def test_links_lead_through_it(tree: Tree, tmp_path: Path) -> None:
    build.update(generated(tree), tmp_path / "i.sqlite")
    with Index(tmp_path / "i.sqlite") as index:
        row = index.mentions_of("mini_norm", Role.ENTRY)[0]
        assert (row.target, row.file) == ("THPVariable_mini_norm", BINDINGS)
        links, at = Links(index), "cpp:torch::autograd::THPVariable_mini_norm"
        for target in ("cpp:at::mini_norm", "cpp:at::_ops::mini_norm::call", "op:aten::mini_norm"):
            link = next(link for link in links.leaving(Node(at)) if link.target == target)
            assert link.grade is Grade.EXACT
            at = target
        assert (link.rule, link.at.file, link.at.line) == ("generated/into-dispatcher", OPERATORS, 4)
        bodies = links.leaving(Node("cpp:at::wrapper_CPU_mini_norm"), None, ("generated",))
        assert [(link.target, link.at.line) for link in bodies] == [
            ("cpp:at::meta::structured_mini_norm::meta", 7),
            ("cpp:at::native::structured_mini_norm_cpu::impl", 8),
        ]
        assert not links.leaving(Node("cpp:at::wrapper_CPU_other"), None, ("generated",)), "no class ends before it"


WAY = [
    ("cpp:torch::autograd::THPVariable_mini_div", None),
    ("cpp:at::mini_div", None),
    ("cpp:at::_ops::mini_div::call", None),
    ("op:aten::mini_div", None),
    ("cpp:torch::autograd::VariableType::mini_div", "Autograd"),
    ("cpp:at::redispatch::mini_div", None),
    ("cpp:at::_ops::mini_div::redispatch", None),
    ("op:aten::mini_div", None),
    ("cpp:at::wrapper_CPU_mini_div", "CPU"),
    ("cpp:at::native::structured_mini_div_out::impl", None),
    ("cpp:at::native::mini_div_stub", None),
    ("cpp:at::native::mini_div_kernel", "CPU"),
]
"""What a call of a differentiable operator goes through: the operator above autograd, then again below."""


def test_a_route_passes_autograd_before_the_kernel(tree: Tree, own_cache: Path) -> None:
    shown = generated(tree)
    build.update(shown, index_path(shown))
    for start in ("torch.mini_div", "aten::mini_div"):
        route = tour.path(start, "at::native::mini_div_kernel", shown)[0]
        passed = [(link.target, link.key) for link in route]
        assert passed == WAY[-len(passed) :] and len(passed) == (12 if start.startswith("torch") else 8)
        assert all(link.grade is Grade.EXACT for link in route)
    own = next(link for link in route if link.target == "cpp:at::redispatch::mini_div")
    assert own.target_at is not None and own.target_at.line == 5, "the overload of another operator"
    composed, traced = "aten::mini_sum", "torch::TraceType::mini_div"
    for start in (composed, traced):
        passed = [(link.target, link.key) for link in tour.path(start, "at::native::mini_div_kernel", shown)[0]]
        assert passed[-8:] == WAY[-8:], start


def test_without_generated_code_facts_stand_for_it(tree: Tree, own_cache: Path) -> None:
    build.update(tree, index_path(tree))
    route = tour.path("torch.mini_div", "at::native::mini_div_kernel", tree)[0]
    rules = ["operators/binding", "dispatcher/structured", "cpp_calls/scope", "stubs/register"]
    assert [link.rule for link in route if link.rule != "dispatcher/structured-delegate"] == rules


def test_the_node_that_generated_code_makes(tree: Tree, own_cache: Path) -> None:
    shown = generated(tree)
    build.update(shown, index_path(shown))
    made = "cpp:torch::autograd::generated::MiniDivBackward0"
    below = [
        (layer.symbol, layer.at and layer.at.file.rpartition("/")[2])
        for layer in tour.where("torch.mini_div", shown, backward=True).layers
    ]
    assert below[1:4] == [(made, "derivatives.yaml"), (made, "Functions.h"), (f"{made}::apply", "Functions.cpp")]
    with Index(index_path(shown)) as index:
        links = Links(index)
        making = links.leaving(Node("cpp:torch::autograd::VariableType::mini_div"), None, ("generated",))
        assert [(link.target, link.kind, link.at.line) for link in making][:1] == [(made, LinkKind.DIFFERENTIATES, 6)]
    route = tour.path("torch::autograd::VariableType::mini_div", "MiniDivBackward0", shown)[0]
    assert [link.rule for link in route] == ["generated/node"]


def edit(tree: Tree, text: str) -> None:
    file = tree.root / "torchgen/gen.py"
    file.write_text(file.read_text() + text)


def without_torchgen(tree: Tree) -> None:
    shutil.rmtree(tree.root / "torchgen")


@pytest.mark.parametrize(
    ("harm", "what", "hint"),
    [
        (without_torchgen, "lacks torchgen/gen.py", "from 1.13 on"),
        (lambda tree: edit(tree, "import nothing_of_this_name\n"), "needs nothing_of_this_name", "pip install"),
        (lambda tree: edit(tree, "print('so far')\nraise KeyError('an op')\n"), "failed: KeyError: 'an op'", ".log"),
    ],
    ids=["no torchgen", "no module", "failure"],
)  # fmt: skip
def test_what_fails_is_said_and_the_old_stays(tree: Tree, harm: Callable[[Tree], None], what: str, hint: str) -> None:
    shown = generated(tree)
    harm(tree)
    with pytest.raises(TourError, match=what) as error:
        codegen.generate(tree)
    assert hint in str(error.value.hint)
    assert with_generated(tree) == shown and shown.read(OPERATORS)
    folders = [entry for entry in generated_home(tree).iterdir() if entry.is_dir()]
    assert folders == [shown.generated]
    if ".log" in hint:
        log = Path(str(error.value.hint).split()[-1].rstrip("."))
        assert "so far" in log.read_text()


RUN = """
import sys
from pathlib import Path
from tour import codegen
from tour.tree import Tree, TreeKind
codegen.generate(Tree(Path(sys.argv[1]), "9.1.0", TreeKind.FOLDER))
"""


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupt_leaves_the_old_and_ends_the_generators(tree: Tree, how: signal.Signals) -> None:
    shown = generated(tree)
    mark = tree.root.parent / "running"
    edit(tree, f"import os, time\nPath({str(mark)!r}).write_text(str(os.getpid()))\ntime.sleep(60)\n")
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, tree.root], stderr=subprocess.DEVNULL, preexec_fn=hears_interrupts
    )
    while not (mark.exists() and mark.read_text()):
        time.sleep(0.05)
    process.send_signal(how)
    process.wait(10)
    child = int(mark.read_text())
    if how is signal.SIGKILL:  # nobody is left to end it
        os.kill(child, signal.SIGKILL)
    else:
        end = time.monotonic() + 20
        while is_running(child):  # whoever inherits it has yet to hear that it ended
            assert time.monotonic() < end, "the generator runs on"
            time.sleep(0.05)
        assert [entry for entry in generated_home(tree).iterdir() if entry.is_dir()] == [shown.generated]
    assert with_generated(tree) == shown and shown.read(OPERATORS)
    shutil.copytree(GENERATORS, tree.root, dirs_exist_ok=True)
    edit(tree, "# once more\n")
    assert codegen.is_current(generated(tree))
    assert len([entry for entry in generated_home(tree).iterdir() if entry.is_dir()]) == 1


def test_two_at_once_wait_for_each_other(tree: Tree) -> None:
    runs = [subprocess.Popen([sys.executable, "-c", RUN, tree.root]) for _ in range(2)]
    assert [run.wait(60) for run in runs] == [0, 0]
    assert codegen.generated_folder(tree).is_dir()


WAYS = {
    "2.6.0": {
        "torch::autograd::THPVariable_batch_norm": ("python_torch_functions_2.cpp", 2247),
        "at::batch_norm": ("batch_norm.h", 26),
        "at::_ops::batch_norm::call": ("Operators_2.cpp", 1421),
        "torch::autograd::VariableType::native_batch_norm": ("VariableType_1.cpp", 11310),
        "at::wrapper_CPU__native_batch_norm": ("RegisterCPU.cpp", 8832),
    },
    "1.13.1": {
        "torch::autograd::THPVariable_batch_norm": ("python_torch_functions_2.cpp", 2075),
        "at::batch_norm": ("batch_norm.h", 26),
        "at::_ops::batch_norm::call": ("Operators_2.cpp", 1356),
        "torch::autograd::VariableType::native_batch_norm": ("VariableType_1.cpp", None),
        "at::wrapper__native_batch_norm": ("RegisterCPU.cpp", 8628),
    },
}
"""Where batch norm's way through generated code goes; the line that is left open moves with the Python that runs it."""


NAMES = ("Operators", "VariableType", "python_torch_functions")


@pytest.mark.real
@pytest.mark.parametrize("version", REAL_VERSIONS)
def test_the_code_that_a_real_tree_generates(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batch norm's way through it, each place with the line that was read by eye."""
    tree = replace(real_tree(version), generated=None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = state(tree.root)
    folder = codegen.generate(tree)
    assert state(tree.root) == before
    shown = replace(tree, generated=folder)
    files = [file for file in shown.files() if file.generated]
    assert len(files) > 6500 and not any(file.path.endswith("Everything.cpp") for file in files)
    passed = (
        "native_functions.yaml",
        "batch_norm.h",
        "_batch_norm_impl_index.h",
        "native/Normalization.cpp",
        "RedispatchFunctions.h",
        "RegisterCompositeImplicitAutograd.cpp",
        "RegisterCPU.cpp",
        *(f"{name}_{n}.cpp" for n in range(5) for name in NAMES),
    )
    files = [file for file in shown.files() if file.path.endswith(passed)]  # the rest is only more of the same
    monkeypatch.setattr(Tree, "files", lambda self: files)
    build.update(shown, index_path(shown))
    with Index(index_path(shown)) as index:
        for name, (file, line) in WAYS[version].items():
            found = [
                symbol
                for symbol in index.symbols(name, "cpp")
                if symbol.is_definition and symbol.file.endswith(f"/{file}")
            ]
            assert len(found) == 1 and line in {found[0].line, None}, name
            text = shown.read(found[0].file).splitlines()[found[0].line - 1].decode()
            assert re.search(rf"[ :]{found[0].name}\(", text)
        rows = [row for row in index.mentions_of("batch_norm", Role.ENTRY) if row.target == "THPVariable_batch_norm"]
        assert [row.file.rpartition("/")[2] for row in rows] == ["python_torch_functions_2.cpp"]
        links = Links(index)
        asked = links.leaving(Node("cpp:at::_ops::add_Tensor::call"), None, ("generated",))
        assert [(link.target, link.grade) for link in asked] == [("op:aten::add.Tensor", Grade.EXACT)]
    route = tour.path("torch::autograd::THPVariable_batch_norm", "at::native::batch_norm_cpu", shown)[0]
    assert all(link.grade is Grade.EXACT for link in route)
    passed = [link.target.removeprefix("cpp:") for link in route]
    assert [name for name in passed if name in WAYS[version]] == [*WAYS[version]][1:]
    twice = [at for at, name in enumerate(passed) if name == "op:aten::native_batch_norm"]
    assert [passed[at + 1] for at in twice] == [*WAYS[version]][-2:], "above autograd, then below it"
