"""Spans to a collector, by OTLP over HTTP: in batches, from a thread of their own. Imported only where one is named."""

import logging
import os
import threading
from collections.abc import Mapping

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from strata.telemetry.spans import NOTHING, Value, wall_nanoseconds

EXPORT_SECONDS = 3.0  # for a batch, with all attempts; a collector that takes longer loses it
CLOSE_SECONDS = 2.0
TIMEOUTS = ("OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT")

_propagator = TraceContextTextMapPropagator()


class OtlpSpan:
    """A span of the SDK."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        carrier: dict[str, str] = {}
        _propagator.inject(carrier, trace.set_span_in_context(span, Context()))
        self.traceparent = carrier.get("traceparent")

    def set(self, standard: Mapping[str, Value] = NOTHING, /, **own: Value) -> None:
        """As `Span`."""
        self._span.set_attributes({**standard, **{f"strata.{name}": value for name, value in own.items()}})

    def event(self, name: str) -> None:
        """As `Span`."""
        self._span.add_event(name)

    def rename(self, name: str) -> None:
        """As `Span`."""
        self._span.update_name(name)

    def fail(self, kind: str) -> None:
        """As `Span`."""
        self._span.set_attribute("error.type", kind)
        self._span.set_status(Status(StatusCode.ERROR))

    def end(self, at: float | None = None) -> None:
        """As `Span`."""
        self._span.end(wall_nanoseconds(at))


class OtlpExporter:
    """Sends what `start` began to the endpoint, once it has ended; drops it where the collector does not keep up."""

    def __init__(self, endpoint: str, service: str, resource: Mapping[str, str]) -> None:
        logging.getLogger("opentelemetry").setLevel(logging.ERROR)  # not each attempt: that it was for nothing
        timeout = None if any(name in os.environ for name in TIMEOUTS) else EXPORT_SECONDS
        about = {f"strata.{name}": value for name, value in resource.items()}
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": service, **about}), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, timeout=timeout)))
        self._tracer = self._provider.get_tracer("strata")

    def start(self, name: str, parent: str | None, at: float | None, *, serves: bool) -> OtlpSpan:
        """As `Exporter`."""
        carrier = {} if parent is None else {"traceparent": parent}
        context = _propagator.extract(carrier, Context())
        kind = SpanKind.SERVER if serves else SpanKind.INTERNAL
        return OtlpSpan(self._tracer.start_span(name, context, kind, start_time=wall_nanoseconds(at)))

    def close(self) -> None:
        """Send what is left, for some seconds at most."""
        closing = threading.Thread(target=self._provider.shutdown, name="closing traces", daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)
