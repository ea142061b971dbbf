"""Whether this process exports its spans: only where a collector is named, and without it being able to harm."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from strata.settings import Settings
from strata.telemetry import spans

log = logging.getLogger(__name__)

TRACES_ENDPOINT = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
DISABLED = "OTEL_SDK_DISABLED"


def endpoint_of(settings: Settings) -> str | None:
    """Where traces go, by OpenTelemetry's variables (OTLP exporter, "Endpoint URLs for OTLP/HTTP"); None: nowhere."""
    if os.environ.get(DISABLED, "").strip().lower() == "true":
        return None
    if own := os.environ.get(TRACES_ENDPOINT):
        return own
    return settings.otlp_endpoint and settings.otlp_endpoint.rstrip("/") + "/v1/traces"


@contextmanager
def exporting(service: str, settings: Settings, **resource: str) -> Iterator[None]:
    """Export the spans of this process within the block, if a collector is named, and it does not do so already.

    resource: what else is said of the process. At the end what is left is sent, for some seconds at most. What goes
    wrong is logged: it costs spans, and nothing else.
    """
    endpoint = endpoint_of(settings)
    if endpoint is None or spans.exporter is not None:
        yield
        return
    try:
        from strata.telemetry.otlp import OtlpExporter

        made = OtlpExporter(endpoint, service, resource)
    except Exception as error:  # whatever is wrong with tracing, the work goes on without it
        log.warning("no traces are exported (they need the extra `tracing`): %s: %s", type(error).__name__, error)
        yield
        return
    spans.exporter = made
    try:
        yield
    finally:
        spans.exporter = None
        made.close()
