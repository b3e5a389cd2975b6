"""A tour as a Jupyter notebook: its steps in Markdown, its cells as code with what they showed when recorded.

Written as plain JSON of nbformat 4.5, so that no Jupyter is needed to make one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from tour.render import markdown
from tour.render.words import words
from tour.views import StepView, TourView


def notebook(view: TourView, told: Mapping[str, TourView]) -> str:
    """The text of an ``.ipynb``; ``told`` are the tours that are exported with it, by name, for links to them."""
    said = words(view.lang)
    cells = [_prose("tour", markdown.opening(view, told, said, "ipynb"))]
    for step in view.steps:
        parts = [
            markdown.heading(step),
            markdown.where(step, view, said),
            markdown.origin(step, view, told, said, "ipynb"),
            markdown.linked(step.prose, view, told, "ipynb"),
            markdown.code(step),
            markdown.figure(step, said),
            markdown.marks(step, view, said),
        ]
        cells.append(_prose(f"{step.id}-prose", parts))
        if step.cell:
            cells.append(_program(step))
    cells.append(_prose("closing", markdown.closing(view, told, said, "ipynb")))
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "tour": {"name": view.name, "lang": view.lang, "version": view.tree.version},
    }
    made = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def _prose(name: str, parts: list[str]) -> dict[str, Any]:
    text = "\n\n".join(part for part in parts if part)
    return {"cell_type": "markdown", "id": _id(name), "metadata": {}, "source": _lines(text)}


def _program(step: StepView) -> dict[str, Any]:
    """A code cell with the outputs of a recording that the program was not changed after."""
    assert step.cell is not None
    recording = markdown.recorded(step)
    outputs = [_output(output) for output in recording.outputs] if recording else []
    made = f"{recording.device}, torch {recording.torch}, {recording.date}" if recording else None
    return {
        "cell_type": "code",
        "id": _id(step.id),
        "metadata": {
            **({"tags": ["raises-exception"]} if step.cell.raises else {}),
            **({"tour": {"recorded": made}} if made else {}),
        },
        "execution_count": None,
        "source": _lines(step.cell.code.rstrip()),
        "outputs": outputs,
    }


def _output(output: Mapping[str, Any]) -> dict[str, Any]:
    """An output with what nbformat asks of its kind."""
    kind = output["output_type"]
    if kind == "stream":
        return {"output_type": kind, "name": output.get("name", "stdout"), "text": output["text"]}
    if kind == "error":
        return {"output_type": kind, **{key: output[key] for key in ("ename", "evalue", "traceback")}}
    extra = {"execution_count": None} if kind == "execute_result" else {}
    return {"output_type": kind, "data": output["data"], "metadata": output.get("metadata", {}), **extra}


def _id(name: str) -> str:
    """A cell's id: of at most 64 letters, digits, ``-`` and ``_``."""
    return re.sub(r"[^\w-]", "-", name, flags=re.ASCII)[:64]


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)
