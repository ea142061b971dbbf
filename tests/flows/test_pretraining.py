"""The pretraining flow on a few steps: models, ledger, events; and its command line."""

from dataclasses import replace

import pytest
from prefect.client.schemas.objects import State

import tasks.evolution_events
import tasks.pretraining
from flows.command import parse
from flows.pretraining import run
from flows.pretraining_command import COMMAND
from strata.evolution.models import open_model
from strata.evolution.pretraining import BASE, SPECIALISTS
from strata.settings import Settings
from strata.store import Ledger, Store
from tasks.pretraining_parameters import PretrainingParameters


@pytest.fixture
def settings(tmp_path, monkeypatch) -> Settings:
    monkeypatch.setenv("STRATA_HOME", str(tmp_path / "home"))
    return Settings()


@pytest.fixture
def events(monkeypatch) -> list[dict]:
    seen = []
    monkeypatch.setattr(
        tasks.evolution_events, "emit_event", lambda event, **rest: seen.append({"event": event, **rest})
    )
    return seen


@pytest.mark.usefixtures("prefect_api")
def test_models_are_trained_registered_and_announced(settings, events, tmp_path, monkeypatch):
    monkeypatch.setattr(tasks.pretraining, "BASE", replace(BASE, steps=100, batch=4))
    monkeypatch.setattr(
        tasks.pretraining, "SPECIALISTS", tuple(replace(c, steps=100, batch=4) for c in SPECIALISTS[:2])
    )
    checkpoints = run(PretrainingParameters(out=str(tmp_path / "out"), seed=5, steps=2))
    assert [(c.run, c.step) for c in checkpoints] == [("base", 2), ("coding", 2), ("math", 2)]
    store = Store(settings.store_root)
    assert all("tokenizer.json" in open_model(store, checkpoint.model).files for checkpoint in checkpoints)
    assert [event["payload"]["model"] for event in events] == [checkpoint.model for checkpoint in checkpoints]
    assert events[1]["event"] == "strata.checkpoint.registered"
    assert events[1]["resource"]["prefect.resource.name"] == "coding-2"
    with Ledger(settings.ledger) as ledger:
        last = next(run for run in ledger.runs("pretraining") if "models" in run.figures)
    assert last.state == "completed"
    assert last.figures["models"]["math"] == checkpoints[2].model


@pytest.mark.usefixtures("prefect_api")
def test_switched_off_it_says_so(settings, monkeypatch):
    monkeypatch.setenv("ARCHAEOLOGICAL_PHASE_2_ENABLED", "false")
    state = run(PretrainingParameters(), return_state=True)
    assert isinstance(state, State)
    assert state.name == "Skipped"
    with Ledger(settings.ledger) as ledger:
        assert ledger.runs("pretraining")[0].state == "skipped"


def test_the_command_line_fills_the_parameters(capsys):
    parameters, as_json = parse(COMMAND, ["--out", "models", "--seed", "7", "--steps", "10", "--json"])
    assert (parameters, as_json) == (PretrainingParameters(out="models", seed=7, steps=10), True)
    for arguments, message in ((["--steps", "-1"], "--steps: Input should be greater"), (["--out", ""], "--out: ")):
        with pytest.raises(SystemExit) as ended:
            parse(COMMAND, arguments)
        assert ended.value.code == 2
        assert message in capsys.readouterr().err
