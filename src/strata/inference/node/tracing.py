"""What a session was on this node, as spans: the stage as a whole, its prefill, its decoding, its waits for a batch.

A token is no span of its own: a span says how many steps there were, and how long they took together. Times are those
of `time.perf_counter`.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from strata.inference.protocol.messages import Open
from strata.telemetry import Span, begin, interval


@dataclass
class Tally:
    """Steps of one kind: from the first to the last, rows by tokens, seconds in batches that they were part of, and
    seconds that they waited for these.
    """

    began: float = 0.0
    ended: float = 0.0
    steps: int = 0
    tokens: int = 0
    busy: float = 0.0
    waited: float = 0.0


class SessionTrace:
    """Counts while the session runs; the spans are made when it has ended."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._prefill, self._decoding = Tally(), Tally()
        self._now = self._prefill
        self._longest = 0.0

    @classmethod
    def of(cls, order: Open, layers: tuple[int, int]) -> "SessionTrace | None":
        """The session's, where its coordinator traces it and this process exports spans."""
        span = begin("stage", order.traceparent, layers=layers, rows=len(order.padding))
        return None if span is None else cls(span)

    @contextmanager
    def step(self, rows: int, tokens: int, more: bool) -> Iterator[None]:
        """A step is computed and sent on within the block. The prefill ends with the first that nothing follows."""
        tally, began = self._now, time.perf_counter()
        tally.began = tally.began or began
        yield
        tally.steps, tally.tokens, tally.ended = tally.steps + 1, tally.tokens + rows * tokens, time.perf_counter()
        if not more:
            self._now = self._decoding

    def computed(self, waited: float, busy: float) -> None:
        """A piece of the step waited so many seconds to be computed, and was for so many."""
        self._now.waited += waited
        self._now.busy += busy
        self._longest = max(self._longest, waited)

    def end(self, fault: str | None) -> None:
        """The session is over; fault: what kind of error ended it, None where it was closed."""
        parent = self._span.traceparent
        tallies = [tally for tally in (self._prefill, self._decoding) if tally.steps]
        for tally in tallies:
            name = "prefill" if tally is self._prefill else "decoding"
            interval(
                name, tally.began, tally.ended, parent, steps=tally.steps, tokens=tally.tokens, busy_seconds=tally.busy
            )
        if tallies:
            waited, steps = sum(tally.waited for tally in tallies), sum(tally.steps for tally in tallies)
            interval(
                "batching wait",
                tallies[0].began,
                tallies[-1].ended,
                parent,
                waited_seconds=waited,
                longest_seconds=self._longest,
                steps=steps,
            )
        if fault is not None:
            self._span.fail(fault)
        self._span.end()
