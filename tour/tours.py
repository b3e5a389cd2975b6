"""Tours as their authors wrote them: ``tour.yaml`` and one Markdown file a language, checked and turned into records.

Needs no index and no tree. Every complaint names the file, the line, and what was expected there. The format is told
in ``annotations/README.md``.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tour.errors import AnnotationError, UnknownName
from tour.model import LANGS, Lane, LinkKind

ONWARD = "onward"
"""The id of the closing section."""

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SYMBOL = re.compile(r"(py|c|cpp|op):\S.*")
_VERSIONS = re.compile(r"\s*(~=|==|!=|<=|>=|<|>)\s*\d+(\.\d+)*(\s*,\s*(~=|==|!=|<=|>=|<|>)\s*\d+(\.\d+)*)*\s*")
_HEADING = re.compile(r"(?m)^(#{1,2}) +(.+?)(?: +\{#([\w-]+)\})? *$")


@dataclass(frozen=True, slots=True)
class Anchor:
    """How a step names its place."""

    symbol: str
    file: str | None
    statement: str | None
    after: str | None
    through: str | None
    formerly: tuple[str, ...]
    versions: str | None
    """PEP 440 specifier of the versions it is meant for; ``None`` for all."""
    line: int
    """Line in ``tour.yaml``."""


@dataclass(frozen=True, slots=True)
class Hop:
    """How a step leads to the next one in the story."""

    kind: LinkKind
    origin: str
    """Id of the step whose code holds the fact."""
    because: dict[str, str] | None
    """The author's reason by language, where the source cannot show it."""
    line: int


@dataclass(frozen=True, slots=True)
class Step:
    """One stop of a tour."""

    id: str
    lane: Lane
    anchors: tuple[Anchor, ...]
    versions: str | None
    hop: Hop | None
    line: int


@dataclass(frozen=True, slots=True)
class Section:
    """One heading of the prose with what stands under it."""

    title: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Prose:
    """A tour's words in one language."""

    title: str
    intro: str
    sections: dict[str, Section]
    """By step id, and ``onward``."""


@dataclass(frozen=True, slots=True)
class Tour:
    """A walkthrough."""

    name: str
    file: Path
    steps: tuple[Step, ...]
    prose: dict[str, Prose]
    """By language."""
    digest: str
    """Of ``tour.yaml``: what places and proofs depend on, besides the tree."""


def names(folder: Path) -> list[str]:
    """The tours in a folder of annotations."""
    return sorted(found.parent.name for found in folder.glob("*/tour.yaml"))


def passing(folder: Path) -> dict[str, list[tuple[str, str]]]:
    """For each symbol that an anchor names the tours and steps that pass it.

    A tour that cannot be read is left out: here it is no reader's question.
    """
    passes: dict[str, list[tuple[str, str]]] = {}
    for name in names(folder):
        try:
            told = load(name, folder)
        except AnnotationError:
            continue
        for step in told.steps:
            for symbol in dict.fromkeys(anchor.symbol for anchor in step.anchors):
                passes.setdefault(symbol, []).append((name, step.id))
    return passes


def load(name: str, folder: Path) -> Tour:
    """Read one tour. Raises ``UnknownName`` with the nearest names, or ``AnnotationError`` with file and line."""
    file = folder / name / "tour.yaml"
    if not _ID.fullmatch(name) or not file.is_file():
        known = names(folder)
        nearest = tuple(difflib.get_close_matches(name, known, n=3, cutoff=0.4))
        hint = f"The nearest: {', '.join(nearest)}." if nearest else f"There are: {', '.join(known) or 'none'}."
        raise UnknownName(f"there is no tour {name!r}", nearest, hint=hint)
    text = _read(file)
    steps = _steps(file, text)
    prose = {lang: _prose(file.with_name(f"{lang}.md"), [step.id for step in steps]) for lang in LANGS}
    return Tour(name, file, steps, prose, hashlib.blake2b(text.encode(), digest_size=16).hexdigest())


class _Mapping:
    """A YAML mapping whose keys are asked for one by one, so that what is left over is what nobody knows."""

    def __init__(self, node: yaml.Node, file: Path, what: str) -> None:
        self.file, self.what, self.line = file, what, node.start_mark.line + 1
        if not isinstance(node, yaml.MappingNode):
            raise self.wrong(f"{what}: expected keys and values", self.line)
        self._values: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if key.value in self._values:
                raise self.wrong(f"{what}: {key.value!r} stands here twice", key.start_mark.line + 1)
            self._values[key.value] = value

    def wrong(self, what: str, line: int | None = None) -> AnnotationError:
        return AnnotationError(
            what, at=f"{self.file}:{line or self.line}", hint="annotations/README.md has the format."
        )

    def take(self, key: str) -> yaml.Node | None:
        return self._values.pop(key, None)

    def text(self, key: str, pattern: re.Pattern[str] | None = None, expected: str = "text") -> str | None:
        node = self.take(key)
        if node is None:
            return None
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
            raise self.wrong(f"{self.what}: {key} expects {expected}", node.start_mark.line + 1)
        if pattern and not pattern.fullmatch(node.value):
            raise self.wrong(f"{self.what}: {key} is {node.value!r}, expected {expected}", node.start_mark.line + 1)
        return str(node.value).strip()

    def need(self, key: str, pattern: re.Pattern[str] | None = None, expected: str = "text") -> str:
        value = self.text(key, pattern, expected)
        if value is None:
            raise self.wrong(f"{self.what}: {key} is missing")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        node = self.take(key)
        if node is None:
            return ()
        if not isinstance(node, yaml.SequenceNode):
            raise self.wrong(f"{self.what}: {key} expects a list", node.start_mark.line + 1)
        return tuple(str(item.value) for item in node.value)

    def choice(self, key: str, choices: type[Lane] | type[LinkKind]) -> Any:
        value = self.need(key)
        try:
            return choices(value)
        except ValueError:
            raise self.wrong(f"{self.what}: {key} is {value!r}, expected one of {', '.join(choices)}") from None

    def versions(self) -> str | None:
        return self.text("versions", _VERSIONS, 'comparisons such as ">=2.1,<3"')

    def done(self) -> None:
        if self._values:
            key, node = next(iter(self._values.items()))
            raise self.wrong(f"{self.what}: unknown key {key!r}", node.start_mark.line + 1)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise AnnotationError("the file is missing", at=str(file), hint="Each tour has en.md and zh.md.") from None
    except UnicodeDecodeError as error:
        raise AnnotationError(f"not UTF-8 at byte {error.start}", at=str(file)) from None


def _steps(file: Path, text: str) -> tuple[Step, ...]:
    try:
        document = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise AnnotationError(f"not valid YAML: {error.problem}", at=f"{file}:{mark.line + 1 if mark else 1}") from None
    if document is None:
        raise AnnotationError("the file is empty, expected steps:", at=f"{file}:1")
    top = _Mapping(document, file, "tour")
    nodes = top.take("steps")
    top.done()
    if not isinstance(nodes, yaml.SequenceNode) or not nodes.value:
        raise top.wrong("tour: steps expects a list with at least one step")
    steps: list[Step] = []
    for node in nodes.value:
        step = _step(_Mapping(node, file, "step"), {step.id for step in steps})
        steps.append(step)
    if (last := steps[-1].hop) is not None:
        raise AnnotationError(
            f"step {steps[-1].id!r} is the last and cannot hop on", at=f"{file}:{last.line}", hint="Take its hop away."
        )
    return tuple(steps)


def _step(mapping: _Mapping, earlier: set[str]) -> Step:
    step_id = mapping.need("id", _ID, "lower-case words joined by -")
    mapping.what = f"step {step_id!r}"
    if step_id in earlier or step_id == ONWARD:
        raise mapping.wrong(f"step id {step_id!r} is taken")
    lane = mapping.choice("lane", Lane)
    anchor = mapping.take("anchor")
    if anchor is None:
        raise mapping.wrong(f"{mapping.what}: anchor is missing")
    nodes = anchor.value if isinstance(anchor, yaml.SequenceNode) else [anchor]
    anchors = tuple(_anchor(_Mapping(node, mapping.file, f"anchor of {step_id!r}")) for node in nodes)
    versions = mapping.versions()
    hop_node = mapping.take("hop")
    hop = _hop(hop_node, mapping, step_id, earlier) if hop_node is not None else None
    mapping.done()
    return Step(step_id, lane, anchors, versions, hop, mapping.line)


def _anchor(mapping: _Mapping) -> Anchor:
    anchor = Anchor(
        symbol=mapping.need("symbol", _SYMBOL, "py:, c:, cpp: or op: and a qualified name"),
        file=mapping.text("file"),
        statement=mapping.text("statement"),
        after=mapping.text("after"),
        through=mapping.text("through"),
        formerly=mapping.texts("formerly"),
        versions=mapping.versions(),
        line=mapping.line,
    )
    mapping.done()
    if anchor.statement is None and (anchor.after or anchor.through):
        raise mapping.wrong(f"{mapping.what}: after and through go with a statement")
    return anchor


def _hop(node: yaml.Node, step: _Mapping, step_id: str, earlier: set[str]) -> Hop:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.ScalarNode):
        kind = yaml.MappingNode("map", [(yaml.ScalarNode("str", "kind", node.start_mark), node)], node.start_mark)
        node = kind
    mapping = _Mapping(node, step.file, f"hop of {step_id!r}")
    hop_kind = mapping.choice("kind", LinkKind)
    origin = mapping.text("from") or step_id
    if origin != step_id and origin not in earlier:
        raise mapping.wrong(f"{mapping.what}: from is {origin!r}, expected an earlier step")
    because_node = mapping.take("because")
    because = None
    if because_node is not None:
        words = _Mapping(because_node, step.file, f"because of {step_id!r}")
        because = {lang: words.need(lang) for lang in LANGS}
        words.done()
    mapping.done()
    return Hop(hop_kind, origin, because, line)


def _prose(file: Path, step_ids: list[str]) -> Prose:
    text = _read(file)
    sections = list(_sections(text))
    if not sections or sections[0][0] != 1:
        raise AnnotationError("expected the tour's title, `# …`, first", at=f"{file}:1")
    _, _, opening = sections[0]
    found: dict[str, Section] = {}
    for level, section_id, section in sections[1:]:
        at = f"{file}:{section.line}"
        if level != 2 or section_id is None:
            raise AnnotationError(f"heading {section.title!r} lacks its id", at=at, hint="Write `## Title {#step-id}`.")
        if section_id in found:
            raise AnnotationError(f"step {section_id!r} has its prose twice", at=at)
        if section_id != ONWARD and section_id not in step_ids:
            near = difflib.get_close_matches(section_id, step_ids, n=1)
            hint = f"The nearest step is {near[0]}." if near else None
            raise AnnotationError(f"prose for a step {section_id!r} that tour.yaml lacks", at=at, hint=hint)
        found[section_id] = section
    missing = [step for step in [*step_ids, ONWARD] if step not in found]
    if missing:
        raise AnnotationError(f"no prose for {missing[0]!r}", at=str(file), hint=f"Add `## … {{#{missing[0]}}}`.")
    order = [section for section in found if section != ONWARD]
    if order != step_ids or list(found)[-1] != ONWARD:
        first = next(
            (got for got, want in zip(found, [*step_ids, ONWARD], strict=False) if got != want), list(found)[-1]
        )
        raise AnnotationError(f"{first!r} is out of order", at=f"{file}:{found[first].line}", hint="tour.yaml leads.")
    return Prose(opening.title, opening.text, found)


def _sections(text: str) -> Iterator[tuple[int, str | None, Section]]:
    """Level, id and section for each heading outside fenced code."""
    fenced = [(match.start(), match.end()) for match in re.finditer(r"(?ms)^(```+|~~~+).*?^\1", text)]
    headings = [
        match for match in _HEADING.finditer(text) if not any(start <= match.start() < end for start, end in fenced)
    ]
    for heading, following in zip(headings, [*headings[1:], None], strict=False):
        body = text[heading.end() : following.start() if following else len(text)].strip()
        line = text.count("\n", 0, heading.start()) + 1
        yield len(heading[1]), heading[3], Section(heading[2], body, line)


def applies(versions: str | None, version: str) -> bool:
    """Whether a step or an anchor is meant for a tree's version; pre-releases count as the release they lead to."""
    if versions is None:
        return True
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

    return Version(Version(version).base_version) in SpecifierSet(versions)
