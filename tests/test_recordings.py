"""Recordings: what is stored, when it is stale, and that nothing else is stored."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tour import cells, recordings, tours, views
from tour.errors import AnnotationError, TourError
from tour.resources import folder

from .test_cells import told

HERE = cells.Runner(sys.executable, "0", "3")


def stored(file: Path) -> Any:
    notebook = json.loads(file.read_text())
    nbformat.validate(notebook)
    return notebook


def test_a_run_is_stored_as_a_notebook_with_where_and_when_it_was_made(tmp_path: Path) -> None:
    tour = told(tmp_path, "'x = 1; print(x)'", "{code: '1/0', raises: ZeroDivisionError}")
    file = cells.record(tour, cells.run(tour, HERE, device="cpu"))
    assert file == tour.file.parent / "recordings/cpu.ipynb"
    notebook = stored(file)
    made = notebook["metadata"]["tour"]
    assert made["device"]["kind"] == "cpu" and made["device"]["name"] and made["python"] == sys.version.split()[0]
    assert set(made) == {"device", "torch", "git", "python", "platform", "threads", "date"}
    assert [cell["id"] for cell in notebook["cells"]] == ["s0", "s1"]
    assert notebook["cells"][1]["metadata"]["tags"] == ["raises-exception"]
    assert all("seconds" in cell["metadata"] for cell in notebook["cells"])
    (found,) = recordings.load(tour)
    assert found.cells["s0"].outputs[0]["text"] == "1\n"
    assert found.cells["s1"].outputs[0]["ename"] == "ZeroDivisionError"


def test_a_second_run_that_shows_the_same_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    tour = told(tmp_path, "'import random, os; print(random.random(), os.getcwd(), object())'")
    file = cells.record(tour, cells.run(tour, HERE))
    assert file is not None
    text = file.read_text()
    assert str(Path.home()) not in text and "0x…" in text
    assert cells.record(tour, cells.run(tour, HERE)) is None
    assert file.read_text() == text


def test_several_recordings_stand_side_by_side(tmp_path: Path) -> None:
    tour = told(tmp_path, "'1'")
    ran = cells.run(tour, HERE)
    cells.record(tour, ran)
    gpu = cells.Ran({**ran.facts, "device": {"kind": "cuda", "id": "GPU-1", "name": "NVIDIA H200"}}, ran.outcomes)
    file = cells.record(tour, gpu)
    assert file is not None and file.name == "nvidia-h200.ipynb" and "GPU-1" not in file.read_text()
    cells.record(tour, ran, "cpu-1.13.1")
    assert [found.name for found in recordings.load(tour)] == ["cpu", "cpu-1.13.1", "nvidia-h200"]
    with pytest.raises(TourError, match="cannot be called"):
        cells.record(tour, ran, "../x")


@pytest.mark.parametrize("code", ["'1/0'", "{code: 'x = 1', raises: ValueError}", "{code: '1/0', raises: ValueError}"])
def test_nothing_is_stored_where_a_cell_fails(tmp_path: Path, code: str) -> None:
    tour = told(tmp_path, "'print(1)'", code)
    with pytest.raises(TourError, match="nothing was stored"):
        cells.record(tour, cells.run(tour, HERE))
    assert not (tour.file.parent / "recordings").exists()


def test_an_output_is_stale_from_the_first_cell_that_changed(tmp_path: Path) -> None:
    tour = told(tmp_path / "old", "'x = 1; print(x)'", "'print(x)'", "'print(3)'")
    cells.record(tour, cells.run(tour, HERE))
    (recording,) = recordings.load(tour)
    assert not any(recording.stale(tour, step) for step in ("s0", "s1", "s2"))
    changed = told(tmp_path / "new", "'x = 1; print(x)'", "'print(x, 2)'", "'print(3)'", "'print(4)'")
    assert [recording.stale(changed, f"s{n}") for n in range(4)] == [False, True, True, True]
    findings = views.check_recordings(changed, [recording])
    assert [(finding.step, finding.fatal) for finding in findings] == [("s1", False), ("s2", False), ("s3", False)]
    assert [finding.what for finding in views.check_recordings(tour, [])] == ["no run is recorded: `tour run mini`"]
    assert "earlier program" in findings[0].what and "lacks this cell" in findings[2].what
    assert all(finding.line > 0 and "tour run mini" in finding.what for finding in findings)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"metadata": {"tour": {}}, "cells": []}', "\x00", "{"])
def test_a_file_that_is_no_recording_is_one_clear_error(tmp_path: Path, text: str) -> None:
    tour = told(tmp_path, "'1'")
    file = tour.file.parent / "recordings/cpu.ipynb"
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(AnnotationError) as caught:
        recordings.load(tour)
    assert caught.value.at == str(file) and "tour run mini" in str(caught.value.hint)
    assert cells.record(tour, cells.run(tour, HERE)) == file, "a run makes it anew"


def test_outputs_are_bounded(tmp_path: Path) -> None:
    html = (
        "from IPython.display import display, HTML; display(HTML(chr(60) + chr(112) + chr(62) + 50_000_000 * chr(120)))"
    )
    loud = "for _ in range(50): print(1_000_000 * chr(121))"
    error = "raise ValueError(10_000_000 * chr(122))"
    tour = told(tmp_path, f"'{loud}'", f"'{html}'", f"{{code: '{error}', raises: ValueError}}", "'print(1)'")
    file = cells.record(tour, cells.run(tour, HERE))
    assert file is not None and file.stat().st_size < 60_000
    (recording,) = recordings.load(tour)
    shown = {step: recording.cells[step].outputs for step in recording.cells}
    assert "cut here" in shown["s0"][-1]["text"]
    assert "left out" in shown["s1"][0]["data"]["text/plain"] or "HTML object" in shown["s1"][0]["data"]["text/plain"]
    assert shown["s3"][0]["text"] == "1\n"


def test_a_device_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    tour = told(tmp_path, "'1'")
    with pytest.raises(TourError, match="sees no GPU"):
        cells.run(tour, HERE, device="cuda")


def frames_of(traceback: str) -> list[tuple[str, int, str | None]]:
    output = {"output_type": "error", "ename": "E", "evalue": "", "traceback": traceback.split("\n")}
    return [(frame.file, frame.line, frame.text) for frame in recordings.frames(output)]


def test_the_frames_of_a_traceback_are_read_as_ipython_and_python_write_them() -> None:
    told = (
        "\x1b[36mFile \x1b[39m\x1b[32m/x/torch/venv/lib/site-packages/torch/nn/modules/module.py:12\x1b[39m, in call\n"
        "\x1b[32m     11\x1b[39m above\n\x1b[32m-> \x1b[39m\x1b[32m12\x1b[39m     return f(x)\n"
        'Traceback (most recent call last):\n  File "/y/torch/functional.py", line 7, in g\n    return h()\n'
        "File /y/other/thing.py:9, in k\n---> 9 no()"
    )
    assert frames_of(told) == [
        ("torch/nn/modules/module.py", 12, "return f(x)"),
        ("torch/functional.py", 7, "return h()"),
    ]


def test_a_line_is_found_in_another_version_by_its_code() -> None:
    frame = recordings.Frame("torch/x.py", 5, "return f(x)")
    source = "a\n    return f(x)\nb\nc\nd\n  return f(x)\n"
    assert recordings.line_in(source, frame, same_version=True) == 5
    assert recordings.line_in(source, frame, same_version=False) == 6
    assert recordings.line_in("a\n", frame, same_version=False) is None
    assert recordings.line_in("a\n", frame, same_version=True) is None


@pytest.mark.parametrize("name", tours.names(folder("annotations")))
def test_our_recordings_are_of_our_cells(name: str) -> None:
    tour = tours.load(name, folder("annotations"))
    for found in recordings.load(tour):
        text = (tour.file.parent / recordings.FOLDER / f"{found.name}.ipynb").read_text()
        assert len(text) < 60_000 and "/root/" not in text and "/home/" not in text and "/tmp/" not in text


def test_the_command_stores_says_so_and_checks(tmp_path: Path) -> None:
    """`tour check` tells what changed since, and does not fail for it."""
    import shutil

    package = tmp_path / "package"
    shutil.copytree(Path(__file__).parents[1] / "tour", package / "tour", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(folder("templates"), package / "templates")
    told(package / "annotations", "'print(1)'")
    shutil.copy(folder("annotations") / "tour.schema.json", package / "annotations")
    tree = Path(__file__).parent / "minitorch/9.1.0"
    import os

    environment = {**os.environ, "PYTHONPATH": str(package), "XDG_CACHE_HOME": str(tmp_path / "cache"), "NO_COLOR": "1"}

    def tour(*words: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "tour", *words], capture_output=True, text=True, env=environment, cwd=tmp_path
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    pretends = tmp_path / "pretends/torch"
    pretends.mkdir(parents=True)
    (pretends / "__init__.py").write_text("__version__ = '9.1.0'\nmanual_seed = get_num_threads = lambda *a: 1\n")
    (pretends / "version.py").write_text("git_version = 'abc'\n")
    (pretends / "cuda.py").write_text("is_available = lambda: False\n")
    with (pretends / "__init__.py").open("a") as file:
        file.write("from . import cuda, version\n")
    environment["PYTHONPATH"] += os.pathsep + str(pretends.parent)
    assert "stored in" not in tour("run", "mini", "--no-record")
    assert "stored in" in tour("run", "mini", "--as", "pretended")
    assert "stored in" not in tour("run", "mini", "--as", "pretended")
    written = package / "annotations/mini/tour.yaml"
    tour("index", str(tree))
    assert "recording" not in tour("check", "mini", "--tree", str(tree))
    written.write_text(written.read_text().replace("print(1)", "print(2)"))
    assert "the recording `pretended` is of an earlier program" in tour("check", "mini", "--tree", str(tree))
    written.write_text(written.read_text().replace("print(2)", "1/0"))
    tour("run", "mini", code=1)
