"""What `scripts/bench` measures: indexing against the bare parse and ctags, and a walk against a bare Python.

Every figure is the median of runs taken in turn (A B C A B C …), so that a machine whose speed drifts slows all alike.
"""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from tour.model import Lang
from tour.tree import SourceFile, Tree, open_tree

NO_GRAMMAR = {Lang.OPERATORS, Lang.DERIVATIVES}
"""Read by a YAML library, not by tree-sitter."""

ASKED = (
    "where torch.div",
    "where F.batch_norm",
    "where nn.LSTM",
    "path torch.nn.parallel.replicate torch::cuda::broadcast_coalesced",
    "path F.batch_norm batch_norm_transform_input_kernel",
)

WORKERS = len(os.sched_getaffinity(0))


def bare_parse(root: str, files: list[tuple[str, str]]) -> int:
    """tree-sitter and nothing else, over some files."""
    from tree_sitter import Language, Parser

    packages = {
        "python": "tree_sitter_python", "c": "tree_sitter_c", "cpp": "tree_sitter_cpp", "cuda": "tree_sitter_cuda",
    }  # fmt: skip
    parsers: dict[str, Parser] = {}
    for path, lang in files:
        if lang not in parsers:
            parsers[lang] = Parser(Language(import_module(packages[lang]).language()))
        parsers[lang].parse((Path(root) / path).read_bytes())
    return len(files)


def floor(tree: Tree, files: list[SourceFile]) -> None:
    """The bare parse of the same files with as many workers."""
    todo = [
        (file.path, file.lang.value)
        for file in sorted(files, key=lambda file: -file.size)
        if file.lang not in NO_GRAMMAR
    ]
    with ProcessPoolExecutor(WORKERS) as pool:
        done = sum(pool.map(bare_parse, [str(tree.root)] * 200, [todo[start::200] for start in range(200)]))
    assert done == len(todo)


def ctags(tree: Tree, files: list[SourceFile]) -> None:
    """universal-ctags over the same files, definitions only, one process (it has no workers)."""
    listed = "\n".join(file.path for file in files if file.lang not in NO_GRAMMAR)
    command = ["ctags", "-L", "-", "-f", "-", "--langmap=C++:+.cu.cuh"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(command, input=listed, text=True, cwd=tree.root, check=True, **quiet)  # type: ignore[call-overload]


def walk(tree: Tree) -> None:
    """A bare walk of the tree with `stat` of each file."""
    for folder, folders, files in os.walk(tree.root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for file in files:
            os.lstat(os.path.join(folder, file))  # noqa: PTH118


def run(*command: str, environment: dict[str, str] | None = None) -> None:
    # With its bytecode kept, as an installed program has it.
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**kept, **(environment or {})})


def ask(program: str, question: str, version: str, environment: dict[str, str]) -> None:
    run(program, *shlex.split(question), "--tree", version, "--json", environment=environment)


def peak_memory(command: list[str], environment: dict[str, str]) -> float:
    """The most resident memory, in MB, of a command and all its children together, sampled every 20 ms."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, **environment})
    most = 0
    while process.poll() is None:
        family = {process.pid}
        resident = 0
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(stat[1]) in family or int(entry.name) in family:
                    family.add(int(entry.name))
                    # Pss shares what forked workers have in common, so that the sum is what the machine gave.
                    rollup = (entry / "smaps_rollup").read_text()
                    resident += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
            except (OSError, StopIteration, ValueError):
                continue
        most = max(most, resident)
        time.sleep(0.02)
    return most / 1024


def timed(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def medians(tasks: dict[str, Callable[[], None]], rounds: int) -> dict[str, tuple[float, float, float]]:
    """Minimum, median and maximum of each task's seconds, the tasks taken in turn."""
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(rounds):
        for name, task in tasks.items():
            taken[name].append(timed(task))
            print(f"  round {number + 1}: {name}: {taken[name][-1]:.2f} s", file=sys.stderr)
    return {name: (min(times), statistics.median(times), max(times)) for name, times in taken.items()}


def table(title: str, results: dict[str, tuple[float, float, float]], base: str, unit: float = 1.0) -> None:
    name = {1.0: "s", 1000.0: "ms"}[unit]
    print(f"\n### {title}\n\n| | median, {name} | min – max | ratio |\n| --- | ---: | ---: | ---: |")
    for task, (least, middle, most) in results.items():
        digits = 2 if unit == 1.0 else 0
        print(
            f"| {task} | {middle * unit:.{digits}f} | {least * unit:.{digits}f} – {most * unit:.{digits}f} "
            f"| {middle / results[base][1]:.2f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    tree = open_tree(options.version)
    files = tree.files()
    program = shutil.which("tour")
    assert program
    with tempfile.TemporaryDirectory() as temporary:
        cache = Path(temporary) / "tour"
        (cache / "trees").mkdir(parents=True)
        copy = cache / "trees" / tree.root.name
        shutil.copytree(tree.root, copy, symlinks=True)
        own = {"XDG_CACHE_HOME": temporary}
        touched = copy / "torch/nn/modules/module.py"

        def cold() -> None:
            shutil.rmtree(cache / "index", ignore_errors=True)
            run(program, "index", options.version, environment=own)

        def one_changed() -> None:
            with touched.open("a") as file:
                file.write("\n# changed\n")
            run(program, "index", options.version, environment=own)

        print(
            f"Machine: {WORKERS} cores, {platform.machine()}, Python {platform.python_version()}, "
            f"tree-sitter {version('tree-sitter')}; PyTorch {options.version}, {len(files)} files, "
            f"{sum(file.size for file in files) / 1e6:.0f} MB; {options.rounds} rounds in turn; "
            f"{time.strftime('%Y-%m-%d')}."
        )
        tasks = {
            "tree-sitter parse alone (the floor)": lambda: floor(tree, files),
            "universal-ctags, definitions only": lambda: ctags(tree, files),
            "`tour index`, cold": cold,
        }
        table("A cold index", medians(tasks, options.rounds), "tree-sitter parse alone (the floor)")
        tasks = {
            "walk with `stat` alone": lambda: walk(tree),
            "`tour index`, nothing changed": lambda: run(program, "index", options.version, environment=own),
            "`tour index`, one file changed": one_changed,
        }
        table("An index that is there", medians(tasks, options.rounds * 3), "walk with `stat` alone", 1000.0)
        cold()
        index = next((cache / "index").glob("*.sqlite"))
        walk_command = (program, "trace", "import-torch", "--json", "--tree", options.version)
        first = timed(lambda: run(*walk_command, environment=own))
        asked = {question: timed(partial(ask, program, question, options.version, own)) for question in ASKED}
        bare = '`python -c "import sqlite3, click"`'
        tasks = {
            bare: lambda: run(sys.executable, "-c", "import sqlite3, click"),
            "`tour trace import-torch --json`": lambda: run(*walk_command, environment=own),
            **{
                f"`tour {question} --json`": partial(ask, program, question, options.version, own) for question in ASKED
            },
        }
        table("A walk, and questions", medians(tasks, options.rounds * 5), bare, 1000.0)
        print(f"\nThe first walk after an index was built proves every hop anew: {first * 1000:.0f} ms. Answers are")
        print("remembered too; the first time they took, in ms (the first of all also reads the tours):")
        print(", ".join(f"`{question}` {taken * 1000:.0f}" for question, taken in asked.items()) + ".")
        size = index.stat().st_size / 1e6
        shutil.rmtree(cache / "index")
        peak = peak_memory([program, "index", options.version], own)
        print(f"\nIndex size: {size:.0f} MB. Peak memory of a cold index, all processes together: {peak:.0f} MB.")


if __name__ == "__main__":
    main()
