"""A walk, a list or a check on a terminal: calm, within 100 columns, readable without colours.

Colours and boxes come from Rich and go away where the output is no terminal or ``NO_COLOR`` is set. Long walks go
through the reader's pager.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown
from rich.padding import Padding
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.rule import Rule
from rich.style import Style
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from tour.cells import Ran
from tour.changes import Change, Line
from tour.model import Lane, Progress
from tour.render import findings
from tour.render.answers import COLOURS
from tour.render.data import tour_row, witnessed
from tour.render.words import Words, words
from tour.tours import Cell
from tour.views import AnchorView, CodeView, Finding, HopView, PathView, StepView, TourView, WitnessView

if TYPE_CHECKING:  # a walk that is only read pays for no run
    from tour.witness.programs import Passage
    from tour.witness.runs import Observation

WIDTH = 100
SHOWN = 9
"""Lines of code shown for a step."""

MOST_KERNELS = 20
"""Kernels shown of a run."""


def _console() -> Console:
    width = min(WIDTH, Console().width) if sys.stdout.isatty() else WIDTH
    return Console(width=width, highlight=False, soft_wrap=False)


def show(
    view: TourView,
    *,
    step: str | None = None,
    quiet: bool = False,
    pager: bool | None = None,
    observed: Observation | None = None,
) -> None:
    """Print a walk, or one step of it; and what a run of it found."""
    said = words(view.lang)
    console = _console()
    steps = [shown for shown in view.steps if step in {None, shown.id}]
    parts: list[RenderableType] = []
    if step is None:
        parts += _opening(view, said, quiet)
    for shown in steps:
        parts += _step(shown, view, said, quiet, stack=step is not None)
    if step is None and not quiet:
        parts += _questions(view, said)
        parts += [
            Rule(style="dim"),
            Text(view.onward_title, style="bold"),
            Text(""),
            Markdown(_plain(view.onward)),
            Text(""),
        ]
    if step is None:
        parts.append(Text(_summary(view, said), style="dim"))
        if (counts := witnessed(view))["steps"]:
            parts.append(Text(said.seen(counts), style="bold" if observed else "dim"))
            parts.append(Text(_provenance(view, said), style="dim"))
    if observed is not None:
        parts += _observed(observed, said)
    _print(console, Group(*parts), pager)


def _print(console: Console, what: RenderableType, pager: bool | None) -> None:
    with console.capture() as capture:
        console.print(what)
    text = "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"
    long = text.count("\n") > console.height
    if pager if pager is not None else (sys.stdout.isatty() and sys.stdin.isatty() and long):
        # less shows colours as they are (-R) and stays out of the way of what fits on one screen (-F)
        os.environ.setdefault("LESS", "-RFX")
        click.echo_via_pager(text, color=console.color_system is not None)
    else:
        sys.stdout.write(text)


def _opening(view: TourView, said: Words, quiet: bool) -> list[RenderableType]:
    heading = Table.grid(expand=True)
    heading.add_column()
    heading.add_column(justify="right")
    heading.add_row(Text(_unticked(view.title), style="bold"), Text(f"{view.name} · {view.trees}", style="dim"))
    parts: list[RenderableType] = [heading, Rule(style="dim")]
    if not quiet:
        parts += [Markdown(_plain(view.intro)), Text("")]
        if view.follows:
            known = ", ".join(f"{_unticked(title)} ({name})" for name, title in view.follows)
            parts += [Text(f"{said.say('takes_as_known')} {known}", style="dim"), Text("")]
    return [*parts, _lanes(view, said), Text("")]


def _lanes(view: TourView, said: Words) -> Table:
    """The path as one row a lane, one column a step."""
    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim")
    table.add_column()
    for lane in Lane:
        if not any(step.lane is lane for step in view.steps):
            continue
        row = Text()
        for step in view.steps:
            here = step.lane is lane
            mark = f"{step.number:>2} " if here else " · "
            row.append(mark, Style(color=COLOURS[lane], bold=True) if here else Style(dim=True))
        table.add_row(said.lane(lane), row)
    return table


def _observed(observed: Observation, said: Words) -> list[RenderableType]:
    """What a run found, and what to know of it."""
    parts: list[RenderableType] = []
    if observed.crash is not None:
        signal, stack = observed.crash
        parts += [Text(""), Text(said.witness("crashed", signal=signal), style="bold red"), *_stack(stack)]
    if observed.findings:
        parts += [Text(""), Text(said.witness("found"), style="bold red")]
    for finding in observed.findings:
        where = f"{finding.step}: " if finding.step else ""
        parts.append(Padding(Text.assemble((where, "bold"), finding.what), (0, 0, 0, 3)))
    parts += [Text(f"note: {note}", style="dim") for note in observed.notes]
    return parts


SHARE = 0.01
"""Of all the time, what a call must have taken to be printed."""


def show_passage(ran: Passage, lang: str, *, pager: bool | None = None) -> None:
    """Print the way that a program took, the largest first, what took next to nothing left out."""
    said = words(lang)
    tree = ran.tree
    names: dict[Lane, set[tuple[str, str | None]]] = {}
    parts: list[RenderableType] = [Text(said.witness("passage"), "bold"), Rule(style="dim")]
    lines: list[RenderableType] = []
    modules = {module.name for module in ran.imports}
    whole = {True: 0, False: 0}  # a program's calls are not held against the second that an import takes
    for call in tree.below.values():
        whole[call.name in modules] += call.nanoseconds
    waiting = [(call, 0, SHARE * whole[call.name in modules]) for call in reversed(tree.largest())]
    while waiting:
        call, depth, least = waiting.pop()
        names.setdefault(call.lane, set()).add((call.name, call.at))
        below = call.largest()
        waiting += [(other, depth + 1, least) for other in reversed(below)]
        if call.nanoseconds < least or call.lane is Lane.KERNEL:
            continue
        text = Text(f"{call.nanoseconds / 1e6:>9.1f} ms {call.nanoseconds / (tree.nanoseconds or 1):>4.0%} ", "dim")
        text.append("  " * depth + call.name, Style(color=COLOURS[call.lane]))
        text.append(f"  {call.count}×" if call.count > 1 else "", "dim")
        text.append(f"  {call.at}" if call.at else "", "dim underline")
        lines.append(text)
    importing = sum(module.seconds for module in ran.imports if module.depth == 0)
    told = said.witness(
        "took",
        milliseconds=f"{tree.nanoseconds / 1e6:.1f}",
        functions=len(names.get(Lane.PYTHON, ())),
        operators=len(names.get(Lane.DISPATCHER, ())),
        modules=len(ran.imports),
        importing=f"{importing * 1000:.0f}",
    )
    parts += [*lines, Text(""), *_kernels(ran, said), Text(told, "bold")]
    parts.append(Text(f"torch {ran.torch}, Python {ran.python}, {ran.device}", "dim"))
    if ran.version and ran.version != ran.release:
        parts.append(Text(said.witness("places", tree=ran.version, torch=ran.release), "dim"))
    parts += [Text(f"note: {note}", "dim") for note in ran.notes]
    if ran.wrong:
        parts.append(Text(ran.wrong, "bold red"))
    _print(Console(width=200, highlight=False), Group(*parts), pager)


def _kernels(ran: Passage, said: Words) -> list[RenderableType]:
    """What ran on an accelerator: short beside what waits for it, so in a list of its own."""
    from tour.witness.calls import kernels

    found = kernels(ran.tree)
    if not found:
        return []
    lines: list[RenderableType] = [Text(said.witness("kernels", device=ran.device), "bold")]
    for kernel, operators in found[:MOST_KERNELS]:
        text = Text(f"{kernel.nanoseconds / 1e3:>9.1f} µs      ", "dim")
        text.append(f"  {kernel.name}", Style(color=COLOURS[kernel.lane]))
        text.append(f"  {kernel.count}×" if kernel.count > 1 else "", "dim")
        text.append(f"  ← {', '.join(operators)}", "dim")
        text.append(f"  {kernel.at}" if kernel.at else "", "dim underline")
        lines.append(text)
    if len(found) > MOST_KERNELS:
        lines.append(Text(" " * 20 + said.witness("more-kernels", count=len(found) - MOST_KERNELS), "dim"))
    return [*lines, Text("")]


def _provenance(view: TourView, said: Words) -> str:
    """The runs that were looked at, each once."""
    runs = {
        said.witness("provenance", torch=seen.torch, python=seen.python, device=seen.device, date=seen.date): None
        for step in view.steps
        if (seen := step.witness) is not None
    }
    return said.say("semicolon").join(runs)


def _witness(seen: WitnessView, said: Words) -> Text:
    """A mark, how often, how, and where."""
    mark, style = {
        "seen": ("●", "green"),
        "not-seen": ("○", "bold red"),
        "not-visible": ("◌", "dim"),
        "not-run": ("◌", "dim"),
    }[seen.state]
    text = Text(f"{mark} ", style=style)
    if seen.why == "author" and seen.state != "seen":
        text = Text("◌ ", style="dim")
    text.append(said.witness(seen.state, count=seen.count), style=style if seen.state == "seen" else "")
    if seen.why:
        text.append(f"  {said.why(seen.why, seen.detail)}", style="dim")
    if seen.cell:
        text.append(f"  <{seen.cell}>", style="dim")
    return text


def _stack(stack: Iterable[Any]) -> list[RenderableType]:
    """Frames, innermost first."""
    return [
        Padding(
            Text.assemble((frame.name, "" if frame.layer == "native" else "bold"), (f"  {frame.at or ''}", "dim")),
            (0, 0, 0, 5),
        )
        for frame in stack
    ]


def _step(step: StepView, view: TourView, said: Words, quiet: bool, stack: bool = False) -> list[RenderableType]:
    title = Text.assemble(
        (f"{step.number:>2} ", Style(color=COLOURS[step.lane], bold=True)), (_unticked(step.title), "bold")
    )
    parts: list[RenderableType] = [title, Padding(_where(step, said), (0, 0, 0, 3))]
    if step.witness is not None:
        parts.append(Padding(_witness(step.witness, said), (0, 0, 0, 3)))
        if stack and step.witness.stack:
            parts += [Padding(Text(said.witness("stack"), style="dim"), (0, 0, 0, 3)), *_stack(step.witness.stack)]
    if not quiet:
        if step.code is not None:
            parts += [Text(""), Padding(_code(step.code), (0, 0, 0, 3))]
        parts += [Text(""), Padding(Markdown(_plain(step.prose)), (0, 0, 0, 3)), Text("")]
        if step.figure is not None:
            drawn = Text.assemble((said.say("figure") + "  ", "dim"), step.figure.alt)
            parts += [Padding(drawn, (0, 0, 0, 3)), Text("")]
        if step.cell is not None:
            parts += _cell(step.cell, said)
    if step.hop is not None:
        numbers = {other.id: other.number for other in view.steps}
        back = None if step.hop.origin == step.id else numbers[step.hop.origin]
        parts.append(Padding(_hop(step.hop, back, said), (0, 0, 0 if quiet else 1, 3)))
    return parts


def _cell(cell: Cell, said: Words) -> list[RenderableType]:
    """A step's program; its output is for ``tour run`` and for the site."""
    heading = Text(said.say("cell"), style="dim")
    if cell.raises:
        heading.append("  " + said.say("cell_raises", error=cell.raises))
    code = Syntax(cell.code, "python", theme="ansi_dark", background_color="default", word_wrap=True)
    return [Padding(Group(heading, Padding(code, (0, 0, 0, 2))), (0, 0, 0, 3)), Text("")]


def _questions(view: TourView, said: Words) -> list[RenderableType]:
    """What a reader can now answer; the answers stand below all questions, out of sight of who reads on slowly."""
    if not view.questions:
        return []
    parts: list[RenderableType] = [Rule(style="dim"), Text(said.say("questions"), style="bold"), Text("")]
    for number, asked in enumerate(view.questions, start=1):
        parts.append(Markdown(f"{number}. {_plain(asked.text)}"))
    parts += [Text(""), Text(said.say("answers"), style="dim"), Text("")]
    for number, asked in enumerate(view.questions, start=1):
        parts.append(Padding(Markdown(f"*{number}.* {_plain(asked.answer)}"), (0, 0, 1, 3)))
    return parts


def show_anchor(view: AnchorView, lang: str) -> None:
    """Print an anchor as ``tour.yaml`` has it, and where it leads in each tree."""
    said = words(lang)
    lines = [Text("anchor:")]
    for key, value in view.anchor.written.items():
        lines.append(Text(f"  {key}: {json.dumps(value, ensure_ascii=False)}"))
    lines.append(Text(""))
    width = max((len(version) for version, _ in view.found), default=0)
    for version, place in view.found:
        line = Text(version.ljust(width) + "  ", "dim")
        if place.symbol is not None:
            line.append(f"{place.symbol.file}:{place.line}", "underline").append("  ")
        style = {"exact": "green", "lost": "bold red"}.get(place.located, "yellow")
        line.append(said.located(place.located), style)
        if place.note:
            line.append(f": {place.note}", "dim")
        lines.append(line)
    lines += [Text(f"{version}  " + said.say("no_index"), "dim") for version in view.unread]
    _lines(_console(), lines)


def show_diff(
    name: str,
    before: str,
    after: str,
    changed: Sequence[Change],
    lang: str,
    *,
    quiet: bool = False,
    pager: bool | None = None,
) -> None:
    """Print what changed under each step; without colours what went is ``[-…-]`` and what came ``{+…+}``."""
    said = words(lang)
    console = _console()
    parts: list[RenderableType] = [Text(f"{name}  {before} → {after}", "bold"), Text("")]
    for change in changed:
        states = ", ".join(said.change(state) for state in change.states)
        heading = Text.assemble((f"{change.number:>2} ", "dim"), (_unticked(change.title), "bold"))
        style = "dim" if change.states in {("same",), ("absent",)} else "yellow"
        line = Text(states, "bold red" if "lost" in change.states else style)
        if change.hunks:
            line.append(f"  −{change.removed} +{change.added}", "dim")
        places = [str(at) for at in (change.before, change.after) if at]
        line.append("  " + " → ".join(dict.fromkeys(places)), "dim")
        if "renamed" in change.states:
            line.append(f"  {change.symbol_before} → {change.symbol_after}", "dim")
        notes = [Text(note, "yellow") for note in change.notes]
        parts += [heading, *(Padding(told, (0, 0, 0, 3)) for told in (line, *notes))]
        if change.hunks and not quiet:
            parts.append(Text(""))
            for hunk in change.hunks:
                parts += [Padding(_changed(line, console), (0, 0, 0, 3)) for line in hunk]
                parts.append(Text(""))
    _print(console, Group(*parts), pager)


def _changed(line: Line, console: Console) -> Text:
    """A line of a hunk with both its numbers."""
    numbers = f"{line.before or '':>5} {line.after or '':>5}  "
    text = Text(numbers, "dim", overflow="fold")
    coloured = console.color_system is not None
    for kind, piece in line.pieces:
        if kind == " ":
            text.append(piece, "none")
        elif coloured:
            text.append(piece, "red strike" if kind == "-" else "green")
        else:
            text.append(f"[-{piece}-]" if kind == "-" else f"{{+{piece}+}}")
    return text


def show_paths(paths: Sequence[PathView], steps: Mapping[str, int], lang: str) -> None:
    """Print learning paths: whom each is for, and its tours in their order with a sentence why."""
    said = words(lang)
    lines: list[Text] = []
    for path in paths:
        lines += [Text.assemble((_unticked(path.title), "bold"), (f"  {path.id}", "dim")), Text(_unticked(path.reader))]
        for place, leg in enumerate(path.legs, start=1):
            count = said.say("steps_count", steps=steps[leg.tour])
            lines.append(
                Text.assemble(f"{place:>3}  ", (leg.tour, "bold"), f"  {_unticked(leg.title)}", (f"  {count}", "dim"))
            )
            lines.append(Text(f"     {_unticked(leg.why)}", "dim"))
        lines.append(Text())
    _lines(_console(), lines[:-1])


def show_run(name: str, ran: Ran, stored: Path | None) -> None:
    """Print what each cell of a tour showed, how long it took, what went wrong, and where it was stored."""
    lines: list[Text] = []
    for outcome in ran.outcomes:
        heading = Text.assemble((f"{name} ", "dim"), (outcome.step, "bold"), (f"  {outcome.seconds:.1f} s", "dim"))
        if outcome.why:
            heading.append(f"  {outcome.why}", "bold red")
        lines += [heading, *(Text(f"  {line}") for line in outcome.text.splitlines())]
    if stored:
        lines.append(Text(f"{name}: stored in {stored}", "dim"))
    _lines(_console(), lines)


def _where(step: StepView, said: Words) -> Text:
    where = Text()
    if step.file is not None:
        where.append(f"{step.file}:{step.line}", style="underline")
        where.append("  ")
    where.append(f"{said.lane(step.lane)} · {step.symbol}", style="dim")
    if step.included:
        where.append(f"  {_unticked(said.say('taken_from', tour=step.included.title))}", style="dim")
    if not step.has_tree:
        where.append(f"  {said.say('no_tree', tree=step.tree)}", style="yellow")
    elif step.located != "exact":
        where.append(f"  {said.located(step.located)}", style="bold red" if step.located == "lost" else "yellow")
        if step.note:
            where.append(f": {step.note}", style="dim")
    return where


def _code(code: CodeView) -> RenderableType:
    """The lit lines and a little around them."""
    first, last = code.lit
    top = max(code.first_line, first - 1)
    bottom = min(code.first_line + len(code.lines) - 1, max(last + 1, top + 4), top + SHOWN - 1)
    shown = "\n".join(line[: WIDTH - 12] for line in code.lines[top - code.first_line : bottom - code.first_line + 1])
    lexer = {"python": "python", "operators": "yaml", "derivatives": "yaml", "c": "c"}.get(code.lang.value, "cpp")
    return Syntax(
        shown,
        lexer,
        theme="ansi_dark",
        line_numbers=True,
        start_line=top,
        highlight_lines=set(range(first, last + 1)),
        background_color="default",
        word_wrap=False,
    )


def _hop(hop: HopView, back: int | None, said: Words) -> Text:
    """``back`` is the number of the earlier step that holds the fact, where it is not this one."""
    text = Text("↓ ", style="dim")
    if back is not None:
        text = Text("↑ " + said.say("hop_back", number=back) + " ", style="dim")
    text.append(said.hop(hop.kind), style="dim")
    if hop.at is not None:
        text.append(f"  {hop.at}", style="dim underline")
    style = {"exact": "green", "none": "bold red"}.get(hop.grade, "yellow")
    text.append(f"  {said.grade(hop.grade)}", style=style)
    candidates = max((link.candidates for link in hop.links), default=1)
    if candidates > 1:
        text.append(" (" + said.say("candidates", count=candidates) + ")", style="yellow")
    if len(hop.links) > 1:
        text.append("  " + " → ".join(link.target.partition(":")[2] for link in hop.links), style="dim")
    if hop.because:
        text.append(f"  {_unticked(hop.because)}", style="dim")
    return text


def _summary(view: TourView, said: Words) -> str:
    return said.say("summary", **tour_row(view))


def _plain(markdown: str) -> str:
    """Prose for a terminal: a link to another step is its text alone."""
    return re.sub(r"\[([^\]]+)\]\(#[\w.-]+\)", r"\1", markdown)


def _unticked(title: str) -> str:
    return title.replace("`", "")


def _lines(console: Console, lines: Iterable[Text]) -> None:
    """Lines as long as they are, so that a ``file:line`` is never broken."""
    with console.capture() as capture:
        for line in lines:
            console.print(line, soft_wrap=True)
    sys.stdout.write(capture.get())


def show_trees(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the trees at hand."""
    shown = [{**row, "generated": _generated(**row["generated"])} for row in rows]
    _table(shown, ("name", "version", "kind", "index", "generated", "path"))


def _generated(state: str, files: int) -> str:
    return {"absent": "no", "current": f"{files} files"}.get(state, f"{files} files, {state}")


def show_tours(rows: Sequence[Mapping[str, Any]], lang: str) -> None:
    """Print the list of tours."""
    said = words(lang)
    shown = [
        {
            "tour": row["tour"],
            "title": _unticked(row["title"]),
            "state": said.say("summary", **row),
        }
        for row in rows
    ]
    _table(shown, ("tour", "title", "state"))


def show_check(found: Iterable[Finding], checked: Iterable[Mapping[str, Any]]) -> None:
    """Print what a check found, as ``file:line`` of the annotation, and a line for each tour and tree."""
    for finding in found:
        click.echo(findings.text(finding))
    for row in checked:
        click.echo(
            f"{row['tour']} in {row['tree']}: {row['located']} of {row['steps']} steps located; "
            f"hops: {row['exact']} exact, "
            f"{row['name']} by name, {row['asserted']} asserted, {row['none']} unproven"
        )


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Columns as wide as they need; the last one is never cut, so that paths can be copied."""
    widths = {column: max(len(column), *(len(str(row[column])) for row in rows)) for column in columns[:-1]}
    for row in [{column: column for column in columns}, *rows]:
        cells = [str(row[column]).ljust(widths.get(column, 0)) for column in columns]
        click.secho("  ".join(cells).rstrip(), dim=row is not rows[0] and row.get(columns[0]) == columns[0])


@contextmanager
def progress() -> Iterator[Progress]:
    """A progress bar on standard error while it lasts; nothing where that is no terminal.

    It draws when it is called, from no thread of its own: the work may fork.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal, auto_refresh=False) as bar:
        tasks: dict[str, Any] = {}

        def step(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)
            bar.refresh()

        yield step
