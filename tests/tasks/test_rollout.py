"""A rollout as the inference flow takes part in it: drawn once, measured, and announced where it retreats."""

from itertools import count

import pytest

import tasks.inference
import tasks.rollout
from flows.inference import run
from strata.rollout import Draw, Measured, Part, change_percent, note, stand, trial_of
from strata.settings import Settings
from strata.store import IncidentLog
from tasks.inference_parameters import InferenceParameters
from tasks.rollout import work_of
from tests.flows.test_inference import PLAN, FakeEngine

pytestmark = pytest.mark.usefixtures("prefect_api")

PART = Part.OPTIMISER


@pytest.fixture
def settings(tmp_path, monkeypatch) -> Settings:
    for field in Settings.model_fields.values():
        monkeypatch.delenv(str(field.alias), raising=False)
    monkeypatch.setenv("STRATA_HOME", str(tmp_path))
    return Settings()


@pytest.fixture
def engine(monkeypatch) -> FakeEngine:
    fake = FakeEngine(PLAN)
    monkeypatch.setattr(tasks.inference, "engine", fake)
    return fake


@pytest.fixture
def events(monkeypatch) -> list[dict]:
    seen: list[dict] = []
    monkeypatch.setattr(tasks.rollout, "emit_event", lambda event, **rest: seen.append({"event": event, **rest}))
    return seen


def named(settings: Settings, enabled: bool) -> Draw:
    """A unit's draw that comes out so."""
    trial = trial_of(PART, settings)
    return next(draw for draw in (trial.draw(f"answer-{number}") for number in count()) if draw.enabled is enabled)


def parameters_of(draw: Draw, **more) -> InferenceParameters:
    return InferenceParameters(prompts=["Why?"], nodes=2, compare=False, answer_name=draw.unit, **more)


@pytest.mark.parametrize("enabled", [True, False])
def test_a_run_has_it_or_not_as_its_name_is_drawn(settings, engine, events, enabled) -> None:
    change_percent(PART, 50, settings, reason="a try", by="ann")
    for _ in range(2):
        engine.calls.clear()
        run(parameters_of(named(settings, enabled)))
        assert ("reoptimise" in engine.calls) is enabled
    standing = stand(PART, settings)
    assert (standing.enabled, standing.disabled) == ((2, 0) if enabled else (0, 2))
    assert events == []


def test_a_run_that_would_be_the_same_without_it_is_not_compared(settings, engine) -> None:
    change_percent(PART, 50, settings, reason="a try", by="ann")
    run(parameters_of(named(settings, True), node_memory=0))
    assert stand(PART, settings).enabled == 0


def test_the_run_that_shows_it_slower_announces_the_retreat(settings, engine, events) -> None:
    change_percent(PART, 50, settings, reason="a try", by="ann")
    last = named(settings, True)
    trial, parameters = trial_of(PART, settings), parameters_of(last)
    units = [trial.draw(f"run-{number}") for number in range(100)]
    with_it, without = ([draw for draw in units if draw.enabled is enabled] for enabled in (True, False))
    for one, other in zip(with_it[:9], without[:9], strict=True):
        assert note(settings, [Measured(one, "work", 2.0), Measured(other, "work", 1.0)]) == ()
    note(settings, [Measured(without[9], work_of(parameters), 0.01)])  # the run takes 0.05 s a token
    run(parameters)
    (event,) = events
    assert event["event"] == "strata.rollout.retreated"
    assert event["payload"]["part"] == "cross-node-optimiser"
    with IncidentLog(settings.ledger) as log:
        (incident,) = log.open_ones("rollout")
    assert event["payload"]["incident"] == incident.id
    engine.calls.clear()
    run(parameters)
    assert "reoptimise" not in engine.calls
    assert len(events) == 1
