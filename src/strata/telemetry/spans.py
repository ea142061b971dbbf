"""Spans, wherever they go: to the exporter of this process, or nowhere."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

from strata.telemetry.context import innermost, is_traceparent

Value = str | bool | int | float | Sequence[str] | Sequence[int]
NOTHING: Mapping[str, Value] = {}


class Span(Protocol):
    """A piece of work under way."""

    @property
    def traceparent(self) -> str | None:
        """How others name it as the parent of theirs."""
        ...

    def set(self, standard: Mapping[str, Value] = NOTHING, /, **own: Value) -> None:
        """Say more of it: by names of OpenTelemetry's conventions, and by our own, which get `strata.` before them."""
        ...

    def event(self, name: str) -> None:
        """Something happens now."""
        ...

    def rename(self, name: str) -> None:
        """Call it something else."""
        ...

    def fail(self, kind: str) -> None:
        """It ends in an error of this kind. What the error says may quote a prompt, and stays here."""
        ...

    def end(self, at: float | None = None) -> None:
        """It is over: now, or at a time by `time.perf_counter`."""
        ...


class Exporter(Protocol):
    """Who makes spans and sends them away; never blocks, and never raises."""

    def start(self, name: str, parent: str | None, at: float | None, *, serves: bool) -> Span:
        """Begin one, now or at a time by `time.perf_counter`. serves: it answers another process's request."""
        ...


class Untraced:
    """A span of a process that exports none: the one around it, for those who are told."""

    def __init__(self, traceparent: str | None) -> None:
        self.traceparent = traceparent

    def set(self, standard: Mapping[str, Value] = NOTHING, /, **own: Value) -> None:
        """Nothing."""

    def event(self, name: str) -> None:
        """Nothing."""

    def rename(self, name: str) -> None:
        """Nothing."""

    def fail(self, kind: str) -> None:
        """Nothing."""

    def end(self, at: float | None = None) -> None:
        """Nothing."""


exporter: Exporter | None = None
"""This process's, while it has one; `exporting` sets it."""


@contextmanager
def span(name: str, parent: str | None = None, *, serves: bool = False, **attributes: Value) -> Iterator[Span]:
    """The block is a span; its parent is `parent`, if that is a traceparent, or else the innermost one here."""
    made = _make(name, parent, None, serves=serves) or Untraced(_parent(parent))
    made.set(**attributes)
    token = innermost.set(made.traceparent)
    try:
        yield made
    except Exception as error:
        made.fail(type(error).__name__)
        raise
    except BaseException:
        made.set(cancelled=True)
        raise
    finally:
        innermost.reset(token)
        made.end()


def begin(name: str, parent: str | None, **attributes: Value) -> Span | None:
    """A span under `parent`; None where that is no traceparent or no spans are exported."""
    if parent is None or not is_traceparent(parent):
        return None
    made = _make(name, parent, None)
    if made is not None:
        made.set(**attributes)
    return made


def interval(name: str, began: float, ended: float, parent: str | None = None, **attributes: Value) -> None:
    """A span that is over: from `began` to `ended`, by `time.perf_counter`."""
    made = _make(name, parent, began)
    if made is not None:
        made.set(**attributes)
        made.end(ended)


_OFFSET = time.time_ns() - time.perf_counter_ns()


def wall_nanoseconds(at: float | None) -> int:
    """A time of `time.perf_counter`, None for now, in nanoseconds since 1970.

    By one offset for the life of the process: two that were taken apart could put a span before the one it is part of.
    """
    return _OFFSET + (time.perf_counter_ns() if at is None else round(at * 1e9))


def _make(name: str, parent: str | None, at: float | None, *, serves: bool = False) -> Span | None:
    return None if exporter is None else exporter.start(name, _parent(parent), at, serves=serves)


def _parent(given: str | None) -> str | None:
    return given if given is not None and is_traceparent(given) else innermost.get()
