"""Questions that people asked about PyTorch's sources, each as one command with the right answer near its top.

``checks/questions.txt`` holds them; each answer was read by eye in its tree before it was written there.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner

from tour import build
from tour.cli import main
from tour.tree import index_path

from .conftest import real_tree

QUESTIONS = Path(__file__).parent / "checks" / "questions.txt"


@dataclass(frozen=True)
class Question:
    version: str
    command: str
    within: int
    """The answer stands among so many first layers, or links of a route."""
    answer: str
    """Symbol, place and dispatch key of a layer; target of a link and the place that shows it."""


def questions() -> list[Question]:
    rows = [line.split(" | ") for line in QUESTIONS.read_text().splitlines() if line and not line.startswith("#")]
    return [Question(version, command, int(within), answer) for version, command, within, answer in rows]


@cache
def answers(version: str, command: str) -> list[str]:
    """What the command says, a line for each layer or link."""
    tree = real_tree(version)
    build.update(tree, index_path(tree))
    ran = CliRunner().invoke(main, [*shlex.split(command), "--tree", version, "--json"])
    assert ran.exit_code == 0, ran.output
    said = json.loads(ran.stdout)
    if "layers" not in said:
        return [f"{link['to']} {link['at']['file']}:{link['at']['line']}" for link in said["links"]]
    return [
        f"{layer['symbol']} {layer['file']}:{layer['line']}"
        + (f" [{layer['dispatch_key']}]" if layer["dispatch_key"] else "")
        for layer in said["layers"]
    ]


@pytest.mark.real
@pytest.mark.parametrize("asked", questions(), ids=lambda asked: f"{asked.version}-{asked.command[:60]}")
def test_the_answer_stands_near_the_top(asked: Question) -> None:
    first = answers(asked.version, asked.command)[: asked.within]
    assert asked.answer in first, first


def test_every_question_is_asked_of_both_trees() -> None:
    asked: dict[str, set[str]] = {}
    for question in questions():
        asked.setdefault(question.version, set()).add(question.command)
    assert len(set(map(frozenset, asked.values()))) == 1 and len(asked) == 2
