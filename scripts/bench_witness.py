"""What watching a run costs: a tour's program alone, with the Python probe, with the profiler too, and under gdb.

Each figure is the median of rounds in turn, so that a machine whose speed drifts slows all alike. Processor time stands
beside the wall clock's, which a busy machine makes long. Prints a Markdown table.

    python scripts/bench_witness.py [--python PATH] [--tree VERSION] [--rounds N] [TOUR…]
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

import tour
from tour import tours, views
from tour.index import Index
from tour.resources import folder
from tour.tree import index_path, open_tree
from tour.witness import native, runs, runtimes
from tour.witness.children import run


def spent() -> float:
    """Processor seconds of all children so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def alone(watch: runs.Watch) -> None:
    """The program as the probe runs it, with nothing watched."""
    with tempfile.TemporaryDirectory(prefix="tour-") as made:
        spec = {"folder": made, "root": "/", "watch": [], "slots": 0, "program": watch.program()}
        written = Path(made) / "probe.json"
        written.write_text(json.dumps(spec))
        command = [watch.runtime.program, str(runs.PROBE), str(written)]
        ended = run(command, seconds=600, environment=runs.environment(), folder=Path(made))
        assert ended.code == 0, ended.output


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", metavar="TOUR", nargs="*", default=["batch-norm-cpu"])
    parser.add_argument("--python", default=str(Path(__file__).parents[1] / ".venv-torch/bin/python"))
    parser.add_argument("--tree", default="2.6.0")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    tree = open_tree(options.tree)
    runtime = runtimes.runtime(options.python)
    for name in options.names:
        told = tours.load(name, folder("annotations"))
        with Index(index_path(tree)) as index:
            read = views.reader(tree, index)
            watch = tour.under_watch(told, tree, index, read, runtime)
            taken: dict[str, list[tuple[float, float]]] = {}

            def probe(watch: runs.Watch = watch, profiler: bool = False) -> None:
                with tempfile.TemporaryDirectory(prefix="tour-") as made:
                    watch.probe(Path(made), 600, profiler=profiler)

            tasks = {
                "the program alone": lambda watch=watch: alone(watch),
                "with the Python probe": probe,
                "with the probe and the torch profiler": lambda probe=probe: probe(profiler=True),
            }
            for number in range(options.rounds):
                for task, work in tasks.items():
                    start, before = time.perf_counter(), spent()
                    work()
                    taken.setdefault(task, []).append((time.perf_counter() - start, spent() - before))
                start, before = time.perf_counter(), spent()
                observed = watch.run(index, read, seconds=600, debugger=True, date="")
                whole = (time.perf_counter() - start, spent() - before)
                taken.setdefault("`tour trace --run`, all of it", []).append(whole)
                for run_name, seconds in observed.seconds.items():
                    if run_name != "python":
                        taken.setdefault(f"under gdb ({run_name})", []).append((seconds, float("nan")))
                print(f"  round {number + 1} of {name}", file=sys.stderr)
        base = statistics.median(wall for wall, _ in taken["the program alone"])
        least = statistics.median(cpu for _, cpu in taken["the program alone"])
        print(f"\n### `{name}`, torch {runtime.torch}, gdb {native.version()}, {options.rounds} rounds\n")
        print("| | median, s | min – max | ratio | processor, s | ratio |\n| --- | ---: | ---: | ---: | ---: | ---: |")
        for task, times in taken.items():
            walls = [wall for wall, _ in times]
            middle, used = statistics.median(walls), statistics.median(cpu for _, cpu in times)
            processor = f"{used:.1f} | {used / least:.2f}" if used == used else "– | –"
            print(
                f"| {task} | {middle:.1f} | {min(walls):.1f} – {max(walls):.1f} | {middle / base:.2f} | {processor} |"
            )


if __name__ == "__main__":
    main()
