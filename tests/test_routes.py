"""Which of the routes between two names a program takes, seen with a small torch of Python files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import tour
from tour.model import At, Grade, Link, LinkKind
from tour.render import answers, data
from tour.witness import routes as on_routes
from tour.witness.routes import Taken

from .test_probe import Machine, machine

__all__ = ["machine"]

PASSES = "import torch\nprint(torch.nn.in_thread([1, 2]))\n"


def call(source: str, target: str, file: str = "torch/nn.py") -> Link:
    return Link(LinkKind.CALLS, source, target, At(file, 1), At(file, 1), "t/t", Grade.EXACT)


def run(made: Machine, text: str, routes: list[list[Link]] | None = None) -> tuple[list[list[Link]], Taken]:
    tour.update(made.tree)
    routes = routes or tour.path("torch.nn._loop", "torch.nn.helper", made.tree)
    return routes, tour.taken(routes, text, made.tree, python=str(made.python), debugger=False, seconds=60)


def test_a_route_is_taken_or_not(machine: Callable[..., Machine]) -> None:
    made = machine()
    routes, passed = run(made, PASSES)
    assert [link.target for link in routes[0]] == ["py:torch.nn.helper"]
    sighting = passed.of(routes[0][0])
    assert sighting is not None and (sighting.state, sighting.count) == ("seen", 2)
    assert passed.verdict(routes[0]) == "taken"
    _, beside = run(made, "import torch\n")
    assert beside.verdict(routes[0]) == "not-taken"
    assert beside.observation.findings == []


def test_what_cannot_be_seen_says_nothing(machine: Callable[..., Machine]) -> None:
    inner = call("py:torch.nn.helper", "cpp:at::native::leaf", "aten/src/ATen/native/Relu.cpp")
    route = [call("py:torch.nn._loop", "py:torch.nn.helper"), inner]
    _, ran = run(machine(), PASSES, [route])
    assert ran.verdict(route) == "unknown"
    told = ran.of(inner)
    assert told is not None and (told.state, told.why) == ("not-run", "gdb")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import torch\ntorch.nn.helper(1)\n1 / 0\n", "division by zero"),
        ("import torch, os\nos._exit(7)\n", "exit code 7"),
    ],
)
def test_a_program_that_goes_wrong_is_told(machine: Callable[..., Machine], text: str, said: str) -> None:
    routes, ran = run(machine(), text)
    assert [found.what for found in ran.observation.findings if said in found.what]
    assert ran.verdict(routes[0]) == ("taken" if "zero" in said else "not-taken")


def test_a_script_is_run_by_its_name(tmp_path: Path, machine: Callable[..., Machine]) -> None:
    script = tmp_path / "it's mine.py"
    script.write_text("if __name__ == '__main__':\n    import torch\n    torch.nn.in_thread([1])\n")
    routes, ran = run(machine(), str(script))
    assert ran.verdict(routes[0]) == "taken"
    assert on_routes.program("x = 1\n") == "x = 1\n" and on_routes.program("y" * 5000) == "y" * 5000


@pytest.mark.parametrize(("lang", "word"), [("en", "this way was taken"), ("zh", "走的是这条路")])
def test_the_run_is_told_beside_the_links(
    machine: Callable[..., Machine], lang: str, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made = machine()
    routes, ran = run(made, PASSES)
    answers.show_path("a", "b", routes, "torch", lang, ran)
    printed = capsys.readouterr().out
    assert word in printed and "● " in printed and "2" in printed and "torch 9.1.0" in printed
    told = json.loads(data.dumps(data.path("a", "b", routes, made.tree, ran)))["run"]
    assert told["routes"][0]["verdict"] == "taken"
    assert told["routes"][0]["places"][0]["state"] == "seen"
    assert "run" not in data.path("a", "b", routes, made.tree)
