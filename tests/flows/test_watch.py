"""The watch and the way back, as flows: what they find, announce and change, and what the switches do to them."""

from pathlib import Path

import pytest

import tasks.evolution_events
from flows.rollback import run as roll_back
from flows.watch import run as watch
from strata.evolution.lineage import Championship
from strata.settings import Settings
from strata.store import IncidentLog, Ledger, Store
from tasks.rollback_parameters import RollbackParameters
from tasks.watch_parameters import WatchParameters
from tests.support.champions import SHIPPED, plant, spoiled

pytestmark = pytest.mark.usefixtures("prefect_api")

FEW = WatchParameters(items=300)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("STRATA_HOME", str(tmp_path / "home"))
    return Settings()


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    seen: list[dict] = []
    monkeypatch.setattr(
        tasks.evolution_events, "emit_event", lambda event, **rest: seen.append({"event": event, **rest})
    )
    return seen


def champion(settings: Settings) -> str:
    with Championship(Store(settings.store_root), settings.ledger) as championship:
        return championship.standing().digest


def incidents(settings: Settings) -> list[str]:
    with IncidentLog(settings.ledger) as log:
        return [incident.state for incident in log.recent("evolution")]


def test_a_regression_is_found_announced_and_rolled_back(settings, events, tmp_path):
    good, bad = plant(settings, SHIPPED / "coding", spoiled(tmp_path / "spoiled"))
    found = watch(FEW)
    assert (found.champion, found.previous, found.look) == (bad, good, 2)
    assert incidents(settings) == ["open"]
    (event,) = events
    assert event["event"] == "strata.evolution.regressed"
    assert event["payload"]["champion"] == bad
    assert champion(settings) == bad  # the watch itself moves nothing

    # A second look announces what is known, and neither judges nor opens another incident.
    again = watch(FEW)
    assert (again.judgement, again.incident) == (None, found.incident)
    assert [each["payload"] for each in events] == [event["payload"]] * 2

    asked = RollbackParameters(expected=bad, reason=event["payload"]["reason"], regressed=True, automatic=True)
    done = roll_back(asked)
    assert (done.left, done.target) == (bad, good)
    assert champion(settings) == good
    assert incidents(settings) == ["resolved"]
    assert events[-1]["event"] == "strata.evolution.rolled-back"

    # The event may come twice; and a champion that came by a rollback is not watched.
    assert roll_back(asked).target == good
    assert champion(settings) == good
    assert watch(FEW, return_state=True).name == "Skipped"


def test_with_automated_rollback_off_the_incident_stays_open(settings, events, tmp_path, monkeypatch):
    monkeypatch.setenv("EVOLUTION_AUTOMATED_ROLLBACK", "false")
    good, bad = plant(settings, SHIPPED / "coding", spoiled(tmp_path / "spoiled"))
    watch(FEW)
    asked = RollbackParameters(expected=bad, regressed=True, automatic=True)
    state = roll_back(asked, return_state=True)
    assert (state.name, state.is_completed()) == ("Skipped", True)
    assert "the incident stays open" in state.message
    assert (champion(settings), incidents(settings)) == (bad, ["open"])
    # A person may roll back all the same.
    assert roll_back(RollbackParameters()).target == good


def test_a_champion_that_is_as_good_stays_and_looks_get_stricter(settings, events):
    plant(settings, SHIPPED / "coding", SHIPPED / "base", SHIPPED / "math")
    first = watch(WatchParameters(items=200))
    second = watch(WatchParameters(items=200))
    assert (first.look, second.look) == (2, 3)
    assert first.judgement["verdict"] != "regress"
    assert first.judgement["domains"] != second.judgement["domains"]
    assert events == []


def test_another_champion_than_expected_stays(settings, events):
    first, second = plant(settings, SHIPPED / "coding", SHIPPED / "math")
    state = roll_back(RollbackParameters(expected="0" * 64), return_state=True)
    assert (state.name, champion(settings)) == ("Skipped", second)
    assert "it stays" in state.message
    assert roll_back(RollbackParameters(to="coding")).target == first
    assert roll_back(RollbackParameters(to=second[:12])).target == second


def test_what_cannot_be_rolled_back_to_is_named(settings, events):
    empty = roll_back(return_state=True)
    assert (empty.name, "There is no champion to roll back from" in empty.message) == ("Skipped", True)
    plant(settings, SHIPPED / "coding")
    state = roll_back(RollbackParameters(to="nobody"), return_state=True)
    assert state.is_failed()
    assert "'nobody' was never champion" in state.message


@pytest.mark.parametrize("switch", ["ARCHAEOLOGICAL_PHASE_2_ENABLED", "EVOLUTION_REGRESSION_DETECTION"])
def test_switched_off(settings, monkeypatch, switch):
    monkeypatch.setenv(switch, "false")
    assert watch(return_state=True).name == "Skipped"
    with Ledger(settings.ledger) as ledger:
        assert [run.state for run in ledger.runs()] == ["skipped"]
