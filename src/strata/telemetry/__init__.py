"""Traces: one from a prompt to every stage that answers it, by OpenTelemetry.

- `exporting`: a block in which this process sends its spans to a collector, where one is named
- `span`: a block that is a span, and the parent of those within it; `begin`: a span that is ended by hand, which is
  nobody's parent by itself; `interval`: one that is over
- `Span`: what is said of it
- `current`: the innermost span here, as others are told of it; `inherited`: that of who started this process
- `is_traceparent`: whether a text is one (W3C Trace Context, section 3.2)

Without a collector nothing of OpenTelemetry is imported, and all of these do nothing but hand on the traceparent that
they were given: what the others trace stays one trace. Nobody's text goes into a span.
"""

from strata.telemetry.context import current, inherited, is_traceparent
from strata.telemetry.exporting import exporting
from strata.telemetry.spans import Span, begin, interval, span

__all__ = ["Span", "begin", "current", "exporting", "inherited", "interval", "is_traceparent", "span"]
