"""What no compiler would take, and what no disk keeps still for: read without a crash, in bounded time and memory."""

from __future__ import annotations

import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tour import build
from tour.index import Index, facts_of, state_of
from tour.links import Links, stored
from tour.links.nodes import node
from tour.model import Lang, Role
from tour.parsers import MOST_BYTES, parse
from tour.tree import Tree, TreeKind

from .conftest import MINI, hears_interrupts


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    shutil.copytree(MINI / "9.1.0", tmp_path / "tree")
    return Tree(tmp_path / "tree", "9.1.0", TreeKind.FOLDER)


def test_unbalanced_braces_cost_no_earlier_definition() -> None:
    source = b"namespace n {\nvoid before() { f(); }\nvoid open() { if (x) {{{ g();\nvoid after() { h(); }\n"
    parsed = parse("a.cpp", source, Lang.CPP)
    assert {"n", "n::before", "n::after"} <= {symbol.qualname for symbol in parsed.symbols}
    assert {mention.name for mention in parsed.mentions} == {"f", "g", "h"}
    assert parse("a.cpp", b"}}}}\nvoid after() {}\n", Lang.CPP).symbols[-1].qualname == "after"


DEEP = 20_000


@pytest.mark.parametrize(
    ("source", "lang"),
    [
        (b"f(" * DEEP + b")" * DEEP, Lang.PYTHON),
        (b"a" + b".b()" * DEEP, Lang.PYTHON),
        (b"a" + b".b" * DEEP + b"()", Lang.PYTHON),
        (b"int x = " + b"f(" * DEEP + b")" * DEEP + b";", Lang.CPP),
        (b"int x = a" + b".b()" * DEEP + b";", Lang.CPP),
        (b"void f() " + b"{" * DEEP + b"}" * DEEP, Lang.C),
        (b"A<" * DEEP + b"int" + b">" * DEEP + b" x = g();", Lang.CUDA),
        (b"namespace a {" * DEEP + b"void f() {}" + b"}" * DEEP, Lang.CPP),
        (b"#if A\n{\n" * DEEP + b"#endif\n" * DEEP, Lang.CPP),
        (b"if (a) {} else " * DEEP + b"f();", Lang.C),
        (b"- func: f() -> ()\n  x: " + b"[" * DEEP * 10 + b"]" * DEEP * 10, Lang.OPERATORS),
        (b"- " * DEEP * 10, Lang.OPERATORS),
    ],
    ids=range(12),
)
def test_depth_is_no_recursion(source: bytes, lang: Lang) -> None:
    """In a process of its own: what overruns C's stack takes the interpreter with it."""
    program = (
        "import re, sys; from tour.model import Lang; from tour.parsers import parse\n"
        "parse('a', sys.stdin.buffer.read(), Lang(sys.argv[1]))\n"
        # ru_maxrss would count what the test's own process had before it became this one
        "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])"
    )
    command = [sys.executable, "-c", program, lang.value]
    done = subprocess.run(command, input=source, capture_output=True, timeout=60, check=True)
    assert int(done.stdout) < 300_000, "kilobytes"


def test_a_file_of_fifty_megabytes(tree: Tree, tmp_path: Path) -> None:
    """Read as far as memory allows, said to be cut, and in seconds."""
    unit = b"namespace n { struct S : B<int> { void f(int a) { g(a, h<int>(a)); } }; }\n"
    (tree.root / "generated.cpp").write_bytes(unit * (50_000_000 // len(unit)))
    (tree.root / "line.py").write_bytes(b"x = [" + b"f(1), " * (MOST_BYTES // 3) + b"]\n")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    program = (
        "import sys; from pathlib import Path; from tour import build; from tour.tree import Tree, TreeKind\n"
        "if __name__ == '__main__':\n"
        "    build.update(Tree(Path(sys.argv[1]), '9.1.0', TreeKind.FOLDER), Path(sys.argv[2]))\n"
    )
    script = tmp_path / "run.py"
    script.write_text(program)
    index = tmp_path / "i.sqlite"
    subprocess.run([sys.executable, script, tree.root, index], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime - before.ru_utime < 60
    assert after.ru_maxrss < 1_000_000, "kilobytes"
    with Index(index) as now:
        said = {at.file: what for at, what in now.problems() if "MB" in what}
        assert said == {
            "generated.cpp": "50 MB, of which only the first 3 are read",
            "line.py": "6 MB, of which only the first 3 are read",
        }
        assert now.symbols("n::S::f") and now.symbols("torch.functional.einsum")


def test_a_name_as_long_as_a_file() -> None:
    parsed = parse("a.cpp", b"void " + b"f" * 100_000 + b"() { " + b"g" * 100_000 + b"(); }", Lang.CPP)
    assert all(len(symbol.qualname) <= 300 for symbol in parsed.symbols)
    assert all(len(mention.name) <= 300 for mention in parsed.mentions)


def test_yaml_of_another_day() -> None:
    """Keys that nobody knows yet, values of another kind, an entry that is no mapping."""
    source = b"""- func: a(Tensor self) -> Tensor
  tags: [core, {new: 1}]
  of_tomorrow: {x: [1, 2]}
  dispatch: CPU
- func: b(Tensor self) -> Tensor
  dispatch:
    [CPU, CUDA]: not_a_scalar
    CUDA: kernel
    Meta: [1]
- just a word
- [1, 2]
"""
    parsed = parse("native_functions.yaml", source, Lang.OPERATORS)
    assert [symbol.qualname for symbol in parsed.symbols] == ["aten::a", "aten::b"]
    said = [(mention.name, mention.target) for mention in parsed.mentions if mention.role is Role.DISPATCH]
    assert said == [("kernel", "CUDA")]
    assert len(parsed.problems) == 2


CYCLES = {
    "p/__init__.py": "from p.a import *\n",
    "p/a.py": "from p.b import *\nfrom p.c import *\nfrom p.d import *\nfrom p import b\nclass A(B): pass\n",
    "p/b.py": "from p.c import *\nfrom p.a import *\nfrom p.d import *\nimport p.a\nclass B(A): pass\n",
    "p/c.py": "from p.a import *\nfrom p.b import *\nfrom p.d import *\nfrom p.c import x as x\nx = x\n",
    "p/d.py": (
        "from p.c import *\nfrom p.b import *\nfrom p.a import *\n"
        "class C(C): pass\nclass D(A, B):\n    def f(self):\n        self.nowhere()\n        super().nowhere()\n"
        "        nothing()\n        p.a.nothing.more()\n        x.y()\n"
    ),
}


def test_circles_end(tmp_path: Path) -> None:
    """Modules that import each other, names that stand for themselves, classes that are their own ancestors."""
    for path, text in CYCLES.items():
        (tmp_path / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / path).write_text(text)
    (tmp_path / "tree/a.cpp").write_text("struct A : B { void f() { g(); } };\nstruct B : A { void g() { f(); } };\n")
    (tmp_path / "tree/loop").symlink_to(tmp_path / "tree")
    (tmp_path / "tree/self.py").symlink_to("self.py")
    build.update(Tree(tmp_path / "tree", "1", TreeKind.FOLDER), tmp_path / "i.sqlite")
    start = time.process_time()
    with Index(tmp_path / "i.sqlite") as index:
        links = Links(index)
        for path in (*CYCLES, "a.cpp"):
            for symbol in index.symbols_in(path):
                for link in links.leaving(node(symbol)):
                    assert stored(index, node(symbol)) and link.target
    assert time.process_time() - start < 5


RUN = """
import sys
from pathlib import Path
from tour import build
from tour.tree import Tree, TreeKind
if __name__ == "__main__":
    try:
        build.update(Tree(Path(sys.argv[1]), "9.1.0", TreeKind.FOLDER), Path(sys.argv[2]))
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupt_at_any_moment_leaves_the_old_index(tree: Tree, tmp_path: Path, how: signal.Signals) -> None:
    choose = random.Random(how)
    old = tmp_path / "old.sqlite"
    script = tmp_path / "run.py"
    script.write_text(RUN)
    build.update(tree, old)
    before = list(facts_of(old))
    for name in range(4):
        (tree.root / f"big{name}.py").write_text("".join(f"def f{n}():\n    g{n}(1)\n" for n in range(4000)))
    build.update(tree, tmp_path / "new.sqlite")
    after = list(facts_of(tmp_path / "new.sqlite"))
    stopped = 0
    for number in range(8):
        index = Path(shutil.copy(old, tmp_path / f"{number}.sqlite"))
        process = subprocess.Popen(
            [sys.executable, script, tree.root, index], stderr=subprocess.DEVNULL, preexec_fn=hears_interrupts
        )
        time.sleep(choose.uniform(0.05, 0.6))
        process.send_signal(how)
        if process.wait(timeout=60) == 0:
            continue  # it was done before
        stopped += 1
        assert state_of(index) == "ready"
        assert list(facts_of(index)) in (before, after)  # the signal may come just after the commit
    assert stopped
    build.update(tree, index)
    assert list(facts_of(index)) == after


def edit(root: Path, choose: random.Random, step: int) -> None:
    """One change such as a developer makes."""
    files = sorted(path for path in root.rglob("*") if path.suffix in {".py", ".cpp", ".h", ".cu", ".c"})
    file = choose.choice(files)
    text = file.read_text()
    python = file.suffix == ".py"
    match choose.randrange(9):
        case 0:
            text += (
                f"\n\ndef added{step}(x):\n    return f(x)\n" if python else f"\nint added{step}() {{ return f(); }}\n"
            )
        case 1:
            lines = text.splitlines(keepends=True)
            at = choose.randrange(len(lines) + 1)
            text = "".join(lines[:at] + lines[at + choose.randrange(1, 8) :])
        case 2:
            text = text.replace("def ", f"def renamed{step}_", 1).replace("(const", f"_{step}(const", 1)
        case 3:
            text = f"#define MINI_ATTRIBUTE{step} __attribute__((noinline))\n{text}" if not python else text + "\n"
        case 4:
            text = "\n".join(line for line in text.splitlines() if not line.startswith("#define")) + "\n"
        case 5:
            known = choose.randrange(step + 1)
            text += "" if python else f"class MINI_ATTRIBUTE{known} C{step} {{ void f() {{}} }};\n"
        case 6:
            text = f"#if A\n{text}" if choose.random() < 0.5 else f"{text}\n#endif\n"
        case 7:
            file.rename(file.with_name(f"moved{step}{file.suffix}"))
            return
        case _:
            file.unlink()
            return
    file.write_text(text)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_edits_add_up_to_a_cold_index(tree: Tree, tmp_path: Path, seed: int) -> None:
    choose = random.Random(seed)
    index = tmp_path / "i.sqlite"
    build.update(tree, index)
    for step in range(12):
        for _ in range(choose.choice([1, 1, 1, 4])):
            edit(tree.root, choose, step)
        build.update(tree, index)
        cold = tmp_path / "cold.sqlite"
        cold.unlink(missing_ok=True)
        build.update(tree, cold)
        assert list(facts_of(index)) == list(facts_of(cold)), step
