"""The wheel, installed into an empty environment far from the repository, does what the repository does."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import real_tree

ROOT = Path(__file__).parents[1]


@pytest.mark.real
def test_the_installed_wheel_works(tmp_path: Path) -> None:
    real_tree("2.6.0")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "VIRTUAL_ENV"}}

    def run(*command: str | Path) -> str:
        done = subprocess.run(
            [str(word) for word in command], cwd=elsewhere, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, ROOT)
    wheel = next(tmp_path.glob("*.whl"))
    run(sys.executable, "-m", "venv", tmp_path / "env")
    run(tmp_path / "env/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel)
    tour = tmp_path / "env/bin/tour"
    assert str(ROOT) not in run(tmp_path / "env/bin/python", "-c", "import tour; print(tour.__file__)")
    run(tour, "index", "2.6.0")
    told = json.loads(run(tour, "trace", "import-torch", "--json", "--tree", "2.6.0"))
    assert {step["located"] for step in told["steps"]} == {"exact"}
    assert "return initModule();" in run(tour, "trace", "import-torch", "--lang", "zh", "--tree", "2.6.0")
    (elsewhere / "page.md").write_text("```tour import-torch steps=pyinit tree=2.6.0\n```\n")
    page = run(tmp_path / "env/bin/python", "-m", "markdown", "-x", "tour", "page.md")
    assert "return initModule();" in re.sub(r"<[^>]*>", "", page)
    run(tour, "build", "--tree", "2.6.0", "--out", elsewhere / "site")
    for page in ("index.html", "zh/tours/import-torch/index.html", "source/2.6.0/torch/csrc/stub.c.html"):
        assert (elsewhere / "site" / page).is_file()
