"""The way that any program took through PyTorch: its calls as a tree, those with the same way there folded into one.

Python's functions in torch's files come from the probe, operators from the torch profiler, with times on one clock. A
call belongs under the call that holds it in time, on the same thread. What an accelerator does belongs under the
operator that launched it, and runs later.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tour.model import Lane

ALL = "program"
"""The name at the top of a tree."""


class Span(NamedTuple):
    """One call."""

    start: int
    """In nanoseconds."""
    end: int
    name: str
    lane: Lane
    at: str | None
    """``file:line``: of a Python function from torch's folder, of an operator or a kernel from the tree's."""
    launched: tuple[Launch, ...] = ()


class Launch(NamedTuple):
    """What an operator had an accelerator do."""

    name: str
    """Demangled, without parameters."""
    nanoseconds: int
    """On the accelerator."""
    at: str | None


@dataclass(slots=True)
class Call:
    """All calls that came the same way."""

    name: str
    lane: Lane
    at: str | None = None
    count: int = 0
    nanoseconds: int = 0
    """With all that they call."""
    below: dict[tuple[str, str | None], Call] = field(default_factory=dict)

    @property
    def own(self) -> int:
        """Nanoseconds that are no part of what they call; an accelerator's are no part of the processor's."""
        return self.nanoseconds - sum(call.nanoseconds for call in self.below.values() if call.lane is not Lane.KERNEL)

    def largest(self, share: float = 0.0) -> list[Call]:
        """What they call, that which took longest first, as far as it took that share of the time."""
        least = share * self.nanoseconds
        return sorted(
            (call for call in self.below.values() if call.nanoseconds >= least),
            key=lambda call: (-call.nanoseconds, call.name),
        )


@dataclass(frozen=True, slots=True)
class Code:
    """A Python function that was called."""

    name: str
    at: str


def spans(events: array[int], codes: dict[int, Code]) -> dict[int, list[Span]]:
    """The calls on each thread, from the probe's begins and ends; a call without an end ends with the last event."""
    open_calls: dict[int, list[tuple[int, int]]] = {}
    made: dict[int, list[Span]] = {}
    last = 0
    for place in range(0, len(events) - len(events) % 3, 3):
        at, thread, number = events[place : place + 3]
        last = max(last, at)
        stack = open_calls.setdefault(thread, [])
        if number > 0:
            stack.append((number, at))
            continue
        while stack:
            opened, start = stack.pop()
            made.setdefault(thread, []).append(_span(opened, start, at, codes))
            if opened == -number:
                break
    for thread, stack in open_calls.items():
        made.setdefault(thread, []).extend(_span(opened, start, last, codes) for opened, start in stack)
    return made


def _span(number: int, start: int, end: int, codes: dict[int, Code]) -> Span:
    code = codes.get(number, Code("?", "?"))
    return Span(start, end, code.name, Lane.PYTHON, code.at)


def folded(threads: Iterable[Sequence[Span]]) -> Call:
    """The tree of all calls; what a thread did stands beside what the others did."""
    top = Call(ALL, Lane.PYTHON, count=1)
    for several in threads:
        for way, span in nested(several):
            call = top
            for outer in (*way, span):
                call = call.below.setdefault((outer.name, outer.at), Call(outer.name, outer.lane, outer.at))
            call.count += 1
            # a function that calls itself on the way is not counted twice
            call.nanoseconds += span.end - span.start
            for launch in span.launched:
                kernel = call.below.setdefault((launch.name, launch.at), Call(launch.name, Lane.KERNEL, launch.at))
                kernel.count += 1
                kernel.nanoseconds += launch.nanoseconds
    top.nanoseconds = sum(call.nanoseconds for call in top.below.values())
    return top


def nested(several: Sequence[Span]) -> Iterator[tuple[tuple[Span, ...], Span]]:
    """Each call with those around it, outermost first, in order of time."""
    stack: list[Span] = []
    for span in sorted(several, key=lambda span: (span.start, -span.end)):
        while stack and stack[-1].end <= span.start:
            stack.pop()
        while stack and stack[-1].end < span.end:
            stack.pop()  # clocks that differ by a little: it cannot hold what ends later
        yield tuple(stack), span
        stack.append(span)


def kernels(tree: Call) -> list[tuple[Call, list[str]]]:
    """What an accelerator did, each kernel once, that which took longest first, with the operators that launched it."""
    found: dict[tuple[str, str | None], tuple[Call, list[str]]] = {}
    waiting = [tree]
    while waiting:
        call = waiting.pop()
        for below in call.below.values():
            if below.lane is not Lane.KERNEL:
                waiting.append(below)
                continue
            whole, operators = found.setdefault((below.name, below.at), (Call(below.name, below.lane, below.at), []))
            whole.count += below.count
            whole.nanoseconds += below.nanoseconds
            if call.name not in operators:
                operators.append(call.name)
    return sorted(found.values(), key=lambda one: (-one[0].nanoseconds, one[0].name))


def chrome(
    threads: Mapping[int, Sequence[Span]], main: int | None, devices: Mapping[str, Sequence[Span]] | None = None
) -> dict[str, object]:
    """The calls as a trace in the format of Chrome's, which Perfetto and speedscope open.

    ``devices`` are what accelerators did, by the name of the device and its stream, each on a track of its own.
    """
    tracks = [
        ("main" if thread == main else f"thread {number}", threads[thread])
        for number, thread in enumerate(sorted(threads, key=lambda thread: (thread != main, thread)))
    ]
    tracks += sorted((devices or {}).items())
    first = min((span.start for _, several in tracks for span in several), default=0)
    events: list[dict[str, object]] = []
    for number, (name, several) in enumerate(tracks):
        events.append({"name": "thread_name", "ph": "M", "pid": 1, "tid": number, "args": {"name": name}})
        for span in sorted(several, key=lambda span: (span.start, -span.end)):
            event: dict[str, object] = {
                "name": span.name,
                "cat": span.lane.value,
                "ph": "X",
                "pid": 1,
                "tid": number,
                "ts": (span.start - first) / 1000,
                "dur": (span.end - span.start) / 1000,
            }
            if span.at:
                event["args"] = {"at": span.at}
            events.append(event)
    return {"traceEvents": events, "displayTimeUnit": "ms"}
