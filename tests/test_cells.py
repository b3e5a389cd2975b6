"""Cells in a real kernel: what they show, and what becomes of those that fail, end the kernel, or never end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tour import cells, tours
from tour.errors import TourError
from tour.resources import folder

from . import annotations


def told(into: Path, *codes: str) -> tours.Tour:
    steps = [
        f"  - id: s{number}\n    lane: python\n    anchor: {{symbol: 'py:torch'}}\n    cell: {code}\n"
        for number, code in enumerate(codes)
    ]
    text = annotations.prose("t", tuple(f"s{number}" for number in range(len(codes))))
    yaml = "steps:\n" + "\n".join(steps)
    return tours.load("mini", annotations.write(into, yaml=yaml, en=text, zh=text))


@pytest.fixture
def here() -> cells.Runner:
    return cells.Runner(sys.executable, "0", "3")


def test_cells_share_what_they_make_and_show_what_they_print(tmp_path: Path, here: cells.Runner) -> None:
    tour = told(tmp_path, "'x = 20'", "'x += 1; print(x); x * 2'", "{code: '1/0', raises: ZeroDivisionError}")
    first, second, third = cells.run(tour, here).outcomes
    assert (first.state, first.text) == ("ran", "")
    assert (second.state, second.text, second.why) == ("ran", "21\n42\n", None)
    assert third.state == "ran" and third.text.startswith("ZeroDivisionError")
    assert [outcome.step for outcome in (first, second, third)] == ["s0", "s1", "s2"]


def test_a_cell_that_fails_is_told_and_the_next_runs(tmp_path: Path, here: cells.Runner) -> None:
    tour = told(tmp_path, "'1/0'", "{code: 'x = 1', raises: ValueError}", "{code: '1/0', raises: ValueError}", "'2'")
    outcomes = cells.run(tour, here).outcomes
    assert [outcome.state for outcome in outcomes] == ["failed", "failed", "failed", "ran"]
    assert outcomes[0].why == "ZeroDivisionError: division by zero"
    assert outcomes[1].why is not None and "meant to end with ValueError" in outcomes[1].why


@pytest.mark.parametrize(
    ("code", "state"),
    [("'while True: pass'", "endless"), ("'import os; os._exit(3)'", "died"), ("'input()'", "failed")],
)
def test_a_cell_that_never_ends_or_ends_its_kernel(tmp_path: Path, here: cells.Runner, code: str, state: str) -> None:
    outcomes = cells.run(told(tmp_path, "'1'", code), here, seconds=3).outcomes
    assert [outcome.state for outcome in outcomes] == ["ran", state]
    assert outcomes[1].why
    running = subprocess.run(["ps", "-eo", "ppid,args"], capture_output=True, text=True, check=True).stdout
    ours = [line for line in running.splitlines() if line.split()[0] == str(os.getpid()) and "ipykernel" in line]
    assert ours == []


def test_cells_leave_no_file_behind(tmp_path: Path, here: cells.Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    code = '\'import os; open("x", "w").close(); print(os.listdir())\''
    (outcome,) = cells.run(told(tmp_path / "told", code), here).outcomes
    assert outcome.text == "['x']\n"
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "told"])


def test_a_python_is_named_from_where_we_stand(
    tmp_path: Path, torch_python: cells.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = Path(torch_python.python)
    monkeypatch.chdir(python.parent)
    assert cells.runner(f"./{python.name}") == torch_python
    tour = told(tmp_path, "'import torch; print(torch.__version__)'")
    assert cells.run(tour, cells.runner(f"./{python.name}")).outcomes[0].text.strip() == torch_python.torch


def test_a_python_that_lacks_something_is_told_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(TourError, match="cannot start"):
        cells.runner(str(tmp_path / "python"))
    empty = tmp_path / "empty"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(empty)], check=True)
    with pytest.raises(TourError) as caught:
        cells.runner(str(empty / "bin/python"))
    assert "ipykernel" in caught.value.what and "pip install ipykernel" in str(caught.value.hint)


@pytest.mark.parametrize("name", tours.names(folder("annotations")))
def test_the_cells_of_our_tours_run(name: str, torch_python: cells.Runner) -> None:
    """In the newest torch and in the one that Debian carries; what they print is for the reader, and is not nothing."""
    for outcome in cells.run(tours.load(name, folder("annotations")), torch_python).outcomes:
        assert outcome.state == "ran", f"{outcome.step}: {outcome.why}\n{outcome.text}"
        assert outcome.text.strip(), f"{outcome.step} shows nothing"
