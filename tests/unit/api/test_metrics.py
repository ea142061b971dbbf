"""Metrics: what is counted, how things stand, and that no label grows without bound."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families

from strata.api import Piece, Prompt
from strata.api.gauges import STALE, Standing
from strata.api.metrics import MeteredFleet, Metrics
from strata.store import ChampionLog, Explanation, Ledger, LedgerError, MemoryLog, MemorySample
from tests.support.told_api import Api, api_over
from tests.support.told_fleet import STATUS, ToldFleet, node


@pytest.fixture
def api(tmp_path: Path):
    with api_over(tmp_path, ToldFleet([node("a")]), LIBP2P_MESH_RELIABILITY=False) as api:
        yield api


Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scraped(api: Api) -> Samples:
    answer = api.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, tuple(sorted(labels.items()))))


def test_requests_are_counted_by_the_template_of_their_route(api: Api) -> None:
    for name in ("a", "b", "c"):
        api.get(f"/v1/memory/tensor/nodes/{name}")
    api.client.get("/v1/memory/tensor/nodes")
    for path in ("/no/such/thing", "/other", "/etc/passwd"):
        api.get(path)
    api.client.request("BREW", "/coffee")
    samples = scraped(api)
    route = "/v1/memory/tensor/nodes/{name}"
    assert value(samples, "strata_http_requests_total", route=route, method="GET", status="200") == 1
    assert value(samples, "strata_http_requests_total", route=route, method="GET", status="404") == 2
    assert value(samples, "strata_http_request_seconds_count", route=route, method="GET") == 3
    assert value(samples, "strata_http_request_seconds_bucket", route=route, method="GET", le="+Inf") == 3
    labels = [dict(labels) for (name, labels) in samples if name == "strata_http_requests_total"]
    assert {each["route"] for each in labels} <= {route, "/v1/memory/tensor/nodes", "none"}
    assert {each["method"] for each in labels} == {"GET", "other"}


def test_a_scrape_needs_the_scope_to_read(api: Api) -> None:
    assert api.client.get("/metrics").status_code == 401
    assert api.get("/metrics", "infer").status_code == 403


def test_nodes_are_told_by_their_latest_samples_without_asking_them(api: Api) -> None:
    api.fleet.states = None  # it would raise
    now = datetime.now(UTC)
    log = MemoryLog(api.ledger)
    log.add([MemorySample("gone", now - timedelta(seconds=30), 1000, 5, STATUS)])
    log.add([MemorySample("a", now, 1000, 775, STATUS)])
    samples = scraped(api)
    assert value(samples, "strata_node_memory_bytes", node="a", category="weights") == 600
    assert value(samples, "strata_node_budget_bytes", node="a") == 1000
    assert value(samples, "strata_node_sessions", node="a") == 2
    assert value(samples, "strata_node_sent_bytes_total", node="a") == 7
    assert value(samples, "strata_node_received_bytes_total", node="a") == 8
    assert value(samples, "strata_node_reachable", node="a") == 1
    assert value(samples, "strata_node_reachable", node="gone") == 0
    assert value(samples, "strata_node_memory_bytes", node="gone", category="weights") is None


def test_when_sampling_has_stopped_nobody_is_said_to_be_reachable(api: Api) -> None:
    MemoryLog(api.ledger).add([MemorySample("a", datetime.now(UTC) - STALE, 1000, 775, STATUS)])
    assert value(scraped(api), "strata_node_reachable", node="a") == 0


def test_the_mesh_the_champion_and_the_flags(api: Api) -> None:
    run = api.ledger.start_run("mesh", "1")
    sweep = {"alive": 5, "links": 6, "articulation_points": ["a", "b"], "at": 1.5e9}
    api.ledger.finish_run(run, "completed", {"sweeps": [{**sweep, "links": 4}, sweep]})
    api.ledger.start_run("mesh", "1")  # under way: it has found nothing yet
    ChampionLog(api.ledger).move("0" * 64, expected=None, why=Explanation("promotion", "the first"))
    samples = scraped(api)
    assert value(samples, "strata_mesh_live_members") == 5
    assert value(samples, "strata_mesh_links") == 6
    assert value(samples, "strata_mesh_articulation_points") == 2
    assert value(samples, "strata_mesh_sweep_timestamp_seconds") == 1.5e9
    assert value(samples, "strata_champion_revision") == 1
    assert value(samples, "strata_flag", flag="LIBP2P_MESH_RELIABILITY") == 0
    assert value(samples, "strata_flag", flag="LIBP2P_PERFORMANCE_OPT") == 1
    assert value(samples, "strata_ledger_reachable") == 1


def test_before_there_is_anything_a_scrape_says_so(api: Api) -> None:
    samples = scraped(api)
    assert value(samples, "strata_champion_revision") == 0
    assert value(samples, "strata_mesh_links") is None


def test_many_who_scrape_read_the_ledger_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    reads, now = [], [100.0]
    latest = MemoryLog.latest
    monkeypatch.setattr(MemoryLog, "latest", lambda self: reads.append(1) or latest(self))
    standing = Standing(api.client.app.state.context, seconds=5.0, clock=lambda: now[0])
    for now[0] in (100.0, 104.9, 105.0, 106.0):
        standing.collect()
    assert len(reads) == 2


def test_a_ledger_that_does_not_answer_costs_its_gauges_only(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise LedgerError("the disk is full")

    monkeypatch.setattr(MemoryLog, "latest", broken)
    samples = scraped(api)
    assert value(samples, "strata_ledger_reachable") == 0
    assert value(samples, "strata_flag", flag="LIBP2P_PERFORMANCE_OPT") == 1
    assert isinstance(api.ledger, Ledger)


def test_answers_are_counted_and_come_through_unchanged() -> None:
    pieces = [Piece("one"), Piece(" two"), Piece(" three", "stop", prompt_tokens=4, tokens=3)]
    fleet, metrics = ToldFleet((), pieces), Metrics()

    async def ask() -> list[Piece]:
        async with MeteredFleet(fleet, metrics).answer(Prompt("tiny", text="Count.")) as answer:
            return [piece async for piece in answer]

    assert trio.run(ask) == pieces
    assert fleet.asked == [Prompt("tiny", text="Count.")]
    read = metrics.registry.get_sample_value
    assert read("strata_tokens_generated_total") == 3
    assert read("strata_first_token_seconds_count") == read("strata_token_seconds_count") == 1


def test_waiting_for_a_piece_can_be_cancelled_and_begun_again() -> None:
    class Slow(ToldFleet):
        @asynccontextmanager
        async def answer(self, prompt: Prompt):
            send, pieces = trio.open_memory_channel[Piece](1)
            self.send = send
            yield pieces

    fleet, metrics = Slow(), Metrics()

    async def ask() -> Piece:
        async with MeteredFleet(fleet, metrics).answer(Prompt("tiny", text="Wait.")) as answer:
            with trio.CancelScope() as scope:
                scope.cancel()
                await anext(answer)
            assert scope.cancelled_caught
            await fleet.send.send(Piece("now", "stop", tokens=1))
            return await anext(answer)

    assert trio.run(ask).text == "now"
    assert metrics.registry.get_sample_value("strata_tokens_generated_total") == 1
