"""A request is a span between its caller's and the work's."""

from pathlib import Path

import pytest

from strata.settings import Settings
from strata.telemetry import current, exporting
from tests.benchmarks.support.otlp import Collector
from tests.support.told_api import api_over
from tests.support.told_fleet import ToldFleet, node

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
NODE = "/v1/memory/tensor/nodes/a"


class Seeing(ToldFleet):
    seen: str | None = None

    async def nodes(self):
        self.seen = current()
        return await super().nodes()


def test_a_request_continues_its_caller_s_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    fleet = Seeing([node("a")])
    headers = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
    with Collector() as collector:
        settings = Settings(OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint)
        with exporting("strata-api", settings), api_over(tmp_path, fleet) as api:
            assert api.client.get(NODE, headers=api.headers("read") | headers).status_code == 200
            assert api.get("/metrics").status_code == 200
            seen = fleet.seen
            api.get("/v1/memory/tensor/nodes/nobody")
        found = collector.wait(lambda spans: len(spans) >= 2)
    first, second = found
    assert (first.name, first.trace, first.parent) == ("GET /v1/memory/tensor/nodes/{name}", TRACE, SPAN)
    assert first.attributes == {
        "http.request.method": "GET",
        "http.route": "/v1/memory/tensor/nodes/{name}",
        "http.response.status_code": 200,
    }
    assert first.kind == 2  # SPAN_KIND_SERVER
    assert seen == f"00-{TRACE}-{first.id}-01"
    assert second.trace != TRACE
    assert second.attributes["http.response.status_code"] == 404


def test_without_a_collector_the_caller_s_trace_is_handed_on(tmp_path: Path) -> None:
    fleet = Seeing([node("a")])
    with api_over(tmp_path, fleet) as api:
        for given, seen in ((f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01"), ("00-bad", None)):
            api.client.get(NODE, headers=api.headers("read") | {"traceparent": given})
            assert fleet.seen == seen
