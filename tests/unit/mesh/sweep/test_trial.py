"""A sweep's connections while the enhanced transport is rolled out: over real sockets, with and without it."""

from functools import partial
from pathlib import Path

import pytest
import trio

pytest.importorskip("libp2p", reason="NOT TESTED: libp2p is not installed (make setup, or pip install strata[mesh])")

from strata.mesh import Coordinator
from strata.mesh.transport.sending import Sender
from strata.rollout import PIPELINE, Part, Retreat, change_percent, note, stand, trial_of
from strata.settings import Settings
from strata.store import IncidentLog, RolloutLog
from tests.support.agents import COORDINATOR, Agents, agents_of

PART = Part.TRANSPORT
SLOW_SECONDS = 0.03


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in ("LIBP2P_PERFORMANCE_OPT", "LIBP2P_PERFORMANCE_OPT_PERCENT", "STRATA_LEDGER_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STRATA_HOME", str(tmp_path))
    return Settings()


@pytest.fixture
def joining(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each connection that is made, whether this end joins messages."""
    made, begin = list[bool](), Sender.__init__

    def watched(sender, *arguments, joining: bool = True) -> None:
        made.append(joining)
        begin(sender, *arguments, joining=joining)

    monkeypatch.setattr(Sender, "__init__", watched)
    return made


def coordinator_of(agents: Agents, settings: Settings) -> Coordinator:
    return Coordinator(COORDINATOR, agents.roster.membership, trial=trial_of(PART, settings))


@pytest.mark.anyio
async def test_each_members_connection_is_drawn_anew_in_each_sweep(settings: Settings, joining: list[bool]) -> None:
    change_percent(PART, 50, settings, reason="a try", by="ann")
    async with agents_of(["a", "b", "c"], over="libp2p") as agents:
        found = []
        for _ in range(8):
            joining.clear()
            measured = (await coordinator_of(agents, settings).discover()).measured
            assert len(measured) == 3
            assert all(each.seconds > 0 for each in measured)
            # Ours are drawn; the agents', which have no ledger, go by the flag.
            assert joining.count(False) == sum(not each.draw.enabled for each in measured)
            found += measured
    assert {each.draw.enabled for each in found} == {True, False}
    assert len({each.draw.unit for each in found}) == 24
    assert len({each.subject for each in found}) == 3


@pytest.mark.anyio
@pytest.mark.parametrize(("percent", "over"), [(100, "libp2p"), (50, "direct")])
async def test_where_it_makes_no_difference_nothing_is_compared(settings: Settings, percent: int, over: str) -> None:
    change_percent(PART, percent, settings, reason="a try", by="ann")
    async with agents_of(["a"], over=over) as agents:
        found = await coordinator_of(agents, settings).discover()
    assert [each for each in found.measured if each.draw.setting is not None] == []


async def sweeps(settings: Settings, most: int) -> list[Retreat]:
    """Sweep so often, or until it retreats; each member's answer is timed, noted and compared."""
    async with agents_of(["a", "b"], over="libp2p") as agents:
        for _ in range(most):
            found = await coordinator_of(agents, settings).discover()
            if retreats := await trio.to_thread.run_sync(note, settings, found.measured):
                return list(retreats)
    return []


def test_a_slowdown_of_one_arm_ends_in_a_retreat_with_one_incident(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    join = Sender._join

    async def slow(sender: Sender, before: int) -> None:
        await trio.sleep(SLOW_SECONDS)
        await join(sender, before)

    monkeypatch.setattr(Sender, "_join", slow)  # which only connections have that join messages
    change_percent(PART, 50, settings, reason="a try", by="ann")
    (retreat,) = trio.run(partial(sweeps, settings, 100))
    assert retreat.part == PART
    assert trial_of(PART, settings).percent == 0
    with IncidentLog(settings.ledger) as log:
        (incident,) = log.recent(PIPELINE)
    assert (incident.id, incident.state) == (retreat.incident, "open")
    assert incident.figures["ratio"] > 1.05
    assert trio.run(partial(sweeps, settings, 3)) == [], "nothing is left to compare, and it goes on"
    with RolloutLog(settings.ledger) as log:
        assert [each.percent for each in log.history(PART)] == [0, 50]


def test_without_a_slowdown_it_stays(settings: Settings) -> None:
    change_percent(PART, 50, settings, reason="a try", by="ann")
    assert trio.run(partial(sweeps, settings, 40)) == []
    standing = stand(PART, settings)
    assert (standing.trial.percent, standing.enabled + standing.disabled) == (50, 80)
    assert standing.window.found.pairs > 0
    with IncidentLog(settings.ledger) as log:
        assert log.recent(PIPELINE) == ()
