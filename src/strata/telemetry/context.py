"""Which span is open, in the form in which W3C Trace Context (section 3.2) hands it on: `00-<trace>-<span>-<flags>`.

It is kept as that text, so that a process that traces nothing itself passes it on all the same.
"""

import os
import re
from contextvars import ContextVar

_FORM = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
innermost: ContextVar[str | None] = ContextVar("traceparent", default=None)


def is_traceparent(text: str) -> bool:
    """Whether this is a traceparent of version 00 that names a trace and a span: neither may be all zeros."""
    found = _FORM.fullmatch(text)
    return found is not None and all(part.strip("0") for part in found.groups())


def current() -> str | None:
    """The innermost open span of this task or thread."""
    return innermost.get()


def inherited() -> str | None:
    """The span of who started this process, by the environment variable TRACEPARENT, as OpenTelemetry has it."""
    given = os.environ.get("TRACEPARENT", "")
    return given if is_traceparent(given) else None
