"""Samples of the fleet's memory: taken, and an incident for who is above the budget, once."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio
import trio.testing

from strata.api.sampling import OVER_BUDGET, PIPELINE, record, sample
from strata.store import IncidentLog, LedgerError, MemoryLog
from tests.support.told_fleet import STATUS, ToldFleet, node

NOW = datetime(2026, 11, 27, 1, 2, 3, tzinfo=UTC)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[MemoryLog]:
    with MemoryLog(f"sqlite:///{tmp_path / 'ledger.sqlite'}") as log:
        yield log


def test_who_answers_is_sampled_with_all_that_it_says(log: MemoryLog) -> None:
    record([node("a"), node("b", reachable=False)], log, NOW)
    (found,) = log.latest()
    assert (found.node, found.taken, found.budget, found.used, found.figures) == ("a", NOW, 1000, 775, STATUS)


def test_a_node_above_its_budget_is_one_incident_until_it_is_within(log: MemoryLog) -> None:
    incidents = IncidentLog(log)
    over, within = node("a", runtime_bytes=251), node("a", runtime_bytes=250)
    for states in ([over, node("b")], [over], [node("a", reachable=False)]):
        record(states, log, NOW)
        (incident,) = incidents.open_ones(PIPELINE, OVER_BUDGET)
        assert (incident.subject, incident.detail) == ("a", "it holds 1,001 bytes of a budget of 1,000")
        assert incident.figures["over_bytes"] == 1
        assert incident.figures["runtime_bytes"] == 251
    record([within], log, NOW)
    (incident,) = incidents.recent()
    assert (incident.state, incident.response) == ("resolved", "it holds 1,000 bytes, within its budget of 1,000")
    record([over], log, NOW)
    assert len(incidents.recent()) == 2


def test_sampling_goes_on_at_its_pace_whatever_happens(log: MemoryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet, taken = ToldFleet([node("a")]), []
    failures = iter([None, LedgerError("the disk is full"), None, None])

    def noting(states, samples, now) -> None:
        taken.append(trio.current_time() if False else len(states))
        if (failure := next(failures, None)) is not None:
            raise failure

    monkeypatch.setattr("strata.api.sampling.record", noting)

    async def watch() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sample, fleet, log, 30.0)
            await trio.sleep(45)
            assert len(taken) == 2
            fleet.states = None
            await trio.sleep(30)
            assert len(taken) == 2
            fleet.states = [node("a"), node("b")]
            await trio.sleep(30)
            assert taken == [1, 1, 2]
            nursery.cancel_scope.cancel()

    trio.run(watch, clock=trio.testing.MockClock(autojump_threshold=0.01))
