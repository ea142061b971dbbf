"""Traces of nodes in this process: what a session's spans count, what a failure looks like, and who is not traced."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from strata.inference.models.checkpoint import Checkpoint
from strata.inference.run.generate import GenerationParams
from strata.settings import Settings
from strata.telemetry import exporting, span
from tests.benchmarks.support.otlp import Collector, Got
from tests.support.nodes import mesh_of, split
from tests.unit.inference.run.test_standby import Silent

pytestmark = pytest.mark.anyio

LONG = [[index % 256 for index in range(200)]]
NEW = 6
PARAMS = GenerationParams(max_new_tokens=NEW)


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    with Collector() as collector:
        yield collector


def _to(collector: Collector) -> Settings:
    return Settings(OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint)


def _of(found: list[Got], name: str) -> list[Got]:
    return [each for each in found if each.name == name]


async def test_slices_of_a_prompt_are_its_prefill(tmp_path: Path, folder: Path, collector: Collector) -> None:
    checkpoint, plan = Checkpoint.open(folder), split(folder, "ab", [2], context=256)
    with exporting("test", _to(collector)):
        async with mesh_of(tmp_path) as mesh, mesh.connect() as coordinator:
            await coordinator.distribute(checkpoint, plan)
            with span("asked"):
                result = await coordinator.generate(checkpoint, plan, LONG, PARAMS)
    found = collector.wait(lambda spans: len(_of(list(spans), "stage")) == 2)
    (generate,) = _of(found, "generate")
    assert {each.parent for each in _of(found, "stage")} == {generate.id}
    prefills = sorted(_of(found, "prefill"), key=lambda each: each.attributes["strata.steps"])
    assert [each.attributes["strata.steps"] for each in prefills] == [1, 4]
    assert [each.attributes["strata.tokens"] for each in prefills] == [200, 200]
    assert [each.attributes["strata.steps"] for each in _of(found, "decoding")] == [NEW - 1] * 2
    (prompt,), (first,) = _of(found, "prompt"), _of(found, "first token")
    assert prompt.attributes == {"strata.tokens": 200}
    assert prompt.ended - prompt.began == pytest.approx(1e9 * result.seconds_to_first_token, rel=0.01)
    assert first.ended - first.began >= prompt.ended - prompt.began
    (asked,) = _of(found, "asked")
    assert generate.parent == asked.id


async def test_a_recovery_is_a_span_of_its_answer(tmp_path: Path, folder: Path, collector: Collector, at_token) -> None:
    checkpoint, plan = Checkpoint.open(folder), split(folder, "ab", [2])
    with exporting("test", _to(collector)):
        async with mesh_of(tmp_path, nodes=3) as mesh, mesh.connect() as coordinator:
            await coordinator.distribute(checkpoint, plan)
            at_token(3, mesh.scopes["b"].cancel)
            result = await coordinator.generate(checkpoint, plan, [[1, 2]], PARAMS, watcher=Silent())
    found = collector.wait(lambda spans: len(_of(list(spans), "generate")) == 1)
    (generate,), (recovery,) = _of(found, "generate"), _of(found, "recovery")
    assert recovery.parent == generate.id
    assert recovery.attributes["strata.node"] == "b"
    assert recovery.ended - recovery.began == pytest.approx(1e9 * result.recoveries[0].seconds, rel=0.01)
    assert generate.attributes == {"strata.rows": 1, "strata.tokens": NEW, "strata.recoveries": 1}
    stages = _of(found, "stage")
    assert {each.parent for each in stages} == {generate.id}
    assert {each.failed for each in stages if each.attributes["strata.layers"] == [0, 1]} == {True, False}


async def test_a_session_that_nobody_traces_has_no_spans(tmp_path: Path, folder: Path, collector: Collector) -> None:
    """A coordinator without a collector, of a caller without a trace."""
    checkpoint, plan = Checkpoint.open(folder), split(folder, "a", [])
    async with mesh_of(tmp_path, nodes=1) as mesh, mesh.connect() as coordinator:
        await coordinator.distribute(checkpoint, plan)
        done = trio.Event()

        async def generate() -> None:
            await coordinator.generate(checkpoint, plan, [[1, 2]], PARAMS)
            done.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(generate)
            await done.wait()
    with exporting("test", _to(collector)), span("alone"):
        pass
    found = collector.wait(lambda spans: len(spans) > 0)
    assert [each.name for each in found] == ["alone"]
