"""What the documents say is there, and what is there is said."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click
import pytest

from tour import build, cli, fences, links, model
from tour.resources import folder
from tour.tree import index_path

from .conftest import REAL_VERSIONS, real_tree

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("command", list(cli.COMMANDS))
def test_every_command_is_in_the_readme_and_has_help(command: str) -> None:
    assert f"tour {command}" in README
    found = cli.main.get_command(click.Context(cli.main), command)
    assert found is not None and found.help


@pytest.mark.parametrize("linker", list(links.LINKERS))
def test_every_linker_states_what_it_cannot_see(linker: str) -> None:
    text = (Path(links.__file__).parent / f"{linker}.py").read_text()
    assert "Cannot see:" in text.split('"""')[1]


def test_the_format_names_every_kind_of_hop_and_lane() -> None:
    text = (folder("annotations") / "README.md").read_text()
    for word in [*model.LinkKind, *model.Lane]:
        assert re.search(rf"\b{word.value}\b", text), word


def test_local_links_of_the_documents_lead_somewhere() -> None:
    top = ("README.md", "BENCHMARKS.md", "CONTRIBUTING.md", "docs/embedding.md")
    for document in (ROOT / name for name in (*top, "annotations/README.md", "examples/team-extension/README.md")):
        text = re.sub(r"`[^`\n]+`", "", document.read_text())  # what is quoted is no link
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
            assert (document.parent / link).exists(), f"{document.name}: {link}"


def test_what_hosts_and_fences_may_say_is_told() -> None:
    text = (ROOT / "docs/embedding.md").read_text()
    script = (folder("templates") / "assets/embed.js").read_text()
    for message in re.findall(r'"(tour:\w+)"', script):
        assert f'type: "{message}"' in text, message
    for key in {key for keys in fences.KEYS.values() for key in keys}:
        assert f"`{key}=`" in text, key
    for option in fences.TourExtension().config:
        assert f"`{option}`" in text, option


@pytest.mark.real
def test_the_readme_has_the_table_of_tours_as_it_is() -> None:
    for version in REAL_VERSIONS:
        tree = real_tree(version)
        build.update(tree, index_path(tree))
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        from tours_table import table, written
    finally:
        sys.path.pop(0)
    assert written(README, table()) == README, "scripts/tours-table writes it anew"
