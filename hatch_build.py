"""Bundles the cells' editor where it is not there yet, so that wheel and sdist carry it.

Without npm it says so and goes on: the pages then edit cells in a plain text area. Who installs the wheel or the sdist
needs no node.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class EditorHook(BuildHookInterface):  # type: ignore[type-arg]
    """``editor/`` → ``templates/assets/editor.js``."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the bundle before files are gathered."""
        root = Path(self.root)
        bundle = root / "templates/assets/editor.js"
        if bundle.is_file():
            return
        npm = shutil.which("npm")
        if npm is None:
            self.app.display_warning("npm is missing: the site edits its cells in a plain text area")
            return
        for words in (["ci", "--no-audit", "--no-fund", "--ignore-scripts"], ["run", "build"]):
            try:
                subprocess.run([npm, *words], cwd=root / "editor", check=True, capture_output=True, text=True)
            except (OSError, subprocess.SubprocessError) as error:
                said = str(getattr(error, "stderr", "") or error).strip().splitlines()[-1:]
                self.app.display_warning(f"the editor was not bundled, the site edits in a plain text area: {said}")
                return
