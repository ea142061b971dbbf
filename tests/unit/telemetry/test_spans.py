"""Spans: nothing of them where no collector is named, and where one is, what it is sent."""

import subprocess
import sys
import threading
import time

import pytest
import trio

from strata.settings import Settings
from strata.telemetry import begin, current, exporting, interval, span, spans
from tests.benchmarks.support.otlp import Collector, Got

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_SDK_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")


def _to(endpoint: str | None) -> Settings:
    return Settings(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)


def _named(collector: Collector, *names: str) -> dict[str, Got]:
    found = collector.wait(lambda all_: set(names) <= {each.name for each in all_})
    return {each.name: each for each in found}


def test_without_a_collector_a_traceparent_is_handed_on_and_nothing_else_happens() -> None:
    assert current() is None
    with exporting("test", _to(None)), span("outer", PARENT, anything=1) as outer:
        assert spans.exporter is None
        assert outer.traceparent == current() == PARENT
        outer.event("now")
        outer.rename("other")
        outer.fail("Error")
        with span("inner", "no traceparent") as inner:
            assert inner.traceparent == current() == PARENT
        assert begin("stage", PARENT) is None
        interval("over", 0.0, 1.0)
    assert current() is None


def test_without_a_collector_nothing_of_opentelemetry_is_imported_by_a_node() -> None:
    code = (
        "import sys; import strata.inference.node.daemon; from strata.settings import Settings\n"
        "from strata.telemetry import exporting, span\n"
        "with exporting('strata-node', Settings()), span('x'): pass\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry', 'google.protobuf', 'requests'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_span_is_the_child_of_the_one_around_it_or_of_who_is_named() -> None:
    with Collector() as collector:
        with exporting("test", _to(collector.endpoint), node="a"), span("outer", PARENT, count=2, names=["a", "b"]):
            with span("inner") as inner:
                assert inner.traceparent == current()
                inner.set({"http.route": "/v1"}, late=True)
            interval("over", time.perf_counter() - 2, time.perf_counter() - 1, layers=(0, 3))
            stage = begin("stage", current())
            assert stage is not None
            stage.rename("renamed")
            stage.end()
            with exporting("another", _to(collector.endpoint)):  # this process does so already
                assert begin("nobody's", None) is None
        got = _named(collector, "outer", "inner", "over", "renamed")
    assert {each.trace for each in got.values()} == {PARENT.split("-")[1]}
    assert got["outer"].parent == PARENT.split("-")[2]
    assert {got[name].parent for name in ("inner", "over", "renamed")} == {got["outer"].id}
    assert got["outer"].attributes == {"strata.count": 2, "strata.names": ["a", "b"]}
    assert got["inner"].attributes == {"http.route": "/v1", "strata.late": True}
    assert got["over"].attributes == {"strata.layers": [0, 3]}
    assert got["over"].ended - got["over"].began == pytest.approx(1e9, rel=1e-3)
    assert got["outer"].began - got["over"].began == pytest.approx(2e9, rel=0.5)
    assert {(each.service, each.node) for each in got.values()} == {("test", "a")}
    assert set(collector.posts) == {"/v1/traces"}
    assert spans.exporter is None


async def _stopped() -> None:
    with trio.CancelScope() as scope, span("stopped") as stopped:
        scope.cancel()
        stopped.event("now")
        await trio.lowlevel.checkpoint()


def test_an_error_is_told_by_its_kind_and_not_by_what_it_says() -> None:
    with Collector() as collector:
        with exporting("test", _to(collector.endpoint)):
            with pytest.raises(ValueError, match="secret"), span("broken"):
                raise ValueError("a secret prompt")
            trio.run(_stopped)
        got = _named(collector, "broken", "stopped")
    assert got["broken"].failed
    assert got["broken"].attributes == {"error.type": "ValueError"}
    assert "secret" not in repr(got)
    assert not got["stopped"].failed
    assert got["stopped"].attributes == {"strata.cancelled": True}


@pytest.mark.anyio
async def test_tasks_and_threads_inherit_the_span_of_who_started_them() -> None:
    seen: list[str | None] = []

    async def child() -> None:
        seen.append(current())
        with span("sibling", PARENT.replace("b7", "b8")):
            await trio.lowlevel.checkpoint()

    with span("outer", PARENT):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child)
            nursery.start_soon(child)
        seen.append(await trio.to_thread.run_sync(current))
        assert current() == PARENT
    assert seen == [PARENT] * 3


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "not a place", "http://127.0.0.1:1/?x"])
def test_a_collector_that_is_not_there_fails_nothing_and_holds_up_nothing_for_long(endpoint: str) -> None:
    began = time.perf_counter()
    with exporting("test", _to(endpoint)), span("lost"):
        for _ in range(3000):  # more than its queue takes
            interval("lost too", 0.0, 1.0)
    assert time.perf_counter() - began < 10
    assert spans.exporter is None


def test_a_collector_that_does_not_answer_is_not_waited_for() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.perf_counter()
        with exporting("test", _to(f"http://127.0.0.1:{silent.getsockname()[1]}")), span("lost"):
            pass
        assert time.perf_counter() - began < 5


def test_where_the_packages_are_missing_the_work_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "strata.telemetry.otlp", None)
    with exporting("test", _to("http://127.0.0.1:9")), span("untraced") as untraced:
        assert (spans.exporter, untraced.traceparent) == (None, None)
    assert "the extra `tracing`" in caplog.text


def test_opentelemetrys_own_variables_count(monkeypatch: pytest.MonkeyPatch) -> None:
    from strata.telemetry.exporting import endpoint_of

    assert endpoint_of(_to(None)) is None
    assert endpoint_of(_to("http://collector:4318/")) == "http://collector:4318/v1/traces"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://other/traces")
    assert endpoint_of(_to(None)) == "http://other/traces"
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert endpoint_of(_to("http://collector:4318")) is None


def test_threads_have_spans_of_their_own() -> None:
    seen: list[str | None] = []
    with span("outer", PARENT):
        thread = threading.Thread(target=lambda: seen.append(current()))
        thread.start()
        thread.join()
    assert seen == [None]
