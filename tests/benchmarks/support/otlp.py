"""A collector of traces: OTLP over HTTP on loopback, as real ones take it, which keeps what comes."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

WAIT_SECONDS = 20.0


@dataclass(frozen=True)
class Got:
    """A span as it came: ids in hex, times in nanoseconds; parent: empty for a root."""

    service: str
    node: str
    name: str
    trace: str
    id: str
    parent: str
    began: int
    ended: int
    kind: int
    failed: bool
    attributes: dict[str, Any]


class Collector:
    """A context manager; `endpoint` is what OTEL_EXPORTER_OTLP_ENDPOINT is set to."""

    def __init__(self) -> None:
        self._spans: list[Got] = []
        self._came = threading.Condition()
        self.posts: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer._take(self.path, ExportTraceServiceRequest.FromString(body))
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Collector":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Be gone; twice is fine."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait(self, enough: Callable[[Sequence[Got]], bool]) -> list[Got]:
        """All spans that came, once they are enough; raises AssertionError where they never are."""
        with self._came:
            if not self._came.wait_for(lambda: enough(self._spans), WAIT_SECONDS):
                raise AssertionError(f"only these spans came: {sorted((s.service, s.name) for s in self._spans)}")
            return list(self._spans)

    def _take(self, path: str, request: ExportTraceServiceRequest) -> None:
        with self._came:
            self.posts.append(path)
            for resource in request.resource_spans:
                about = _attributes(resource.resource.attributes)
                for scope in resource.scope_spans:
                    self._spans += [_got(about, span) for span in scope.spans]
            self._came.notify_all()


def _got(about: dict[str, Any], span: Any) -> Got:
    return Got(
        service=about["service.name"],
        node=about.get("strata.node", ""),
        name=span.name,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        began=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
        kind=span.kind,
        failed=span.status.code == 2,
        attributes=_attributes(span.attributes),
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    found = getattr(value, kind)
    return [_value(each) for each in found.values] if kind == "array_value" else found
