"""The way that any program took through PyTorch: its calls as a tree, those with the same way there folded into one.

Python's functions in torch's files come from the probe, operators from the torch profiler, with times on one clock. A
call belongs under the call that holds it in time, on the same thread.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
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
    """``file:line`` of a Python function, from torch's folder."""


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
        """Nanoseconds that are no part of what they call."""
        return self.nanoseconds - sum(call.nanoseconds for call in self.below.values())

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


def chrome(threads: dict[int, Sequence[Span]], main: int | None) -> dict[str, object]:
    """The calls as a trace in the format of Chrome's, which Perfetto and speedscope open."""
    first = min((span.start for several in threads.values() for span in several), default=0)
    order = sorted(threads, key=lambda thread: (thread != main, thread))
    events: list[dict[str, object]] = []
    for number, thread in enumerate(order):
        name = "main" if thread == main else f"thread {number}"
        events.append({"name": "thread_name", "ph": "M", "pid": 1, "tid": number, "args": {"name": name}})
        for span in sorted(threads[thread], key=lambda span: (span.start, -span.end)):
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
