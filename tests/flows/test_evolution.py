"""The evolution flow on the shipped models, small: what it leaves in the ledger, the store and on the terminal."""

import io
from pathlib import Path

import pytest
from rich.console import Console
from transformers import AutoConfig, AutoModelForCausalLM

import flows.evolution
import tasks.evolution_turn
from flows import evolution_summary
from flows.evolution import run
from strata.evolution.lineage import Championship
from strata.evolution.regression import Finding, Judgement, Overall, State, Verdict
from strata.evolution.report import Chronicle
from strata.evolution.rounds import rounds, watch
from strata.settings import Settings
from strata.store import GenerationLog, Ledger, Store
from tasks.evolution_parameters import EvolutionParameters
from tasks.evolution_report import page_path, picture_path
from tasks.evolution_turn import turn
from tasks.occasion import Occasion

pytestmark = pytest.mark.usefixtures("prefect_api")

SMALL = EvolutionParameters(generations=1, children=2, search_items=20, gate_items=200, comparison_items=50, workers=1)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("STRATA_HOME", str(tmp_path))
    return Settings()


def test_a_generation_of_the_shipped_models(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    outcome = run(SMALL)
    (generation,) = outcome.generations
    assert [child.failure for child in generation.children] == [None, None]
    with GenerationLog(home.ledger) as log, Ledger(home.ledger) as ledger:
        (found,) = log.recent()
        assert found.state == generation.conclusion.ending
        assert [(each.pipeline, each.state) for each in ledger.runs()] == [("evolution", "completed")]
    store = Store(home.store_root)
    with Championship(store, home.ledger) as championship:
        assert championship.standing().digest == generation.conclusion.champion
    page = store.read(store.ref("evolution-report", "latest").digest)
    assert b"<svg" in page
    assert page_path(home).read_bytes() == page
    assert picture_path(home).read_bytes().startswith(b"\x89PNG")

    written = io.StringIO()
    monkeypatch.setattr(evolution_summary, "console", Console(file=written, width=120))
    evolution_summary.show(outcome)
    shown = written.getvalue()
    assert "reasoning" in shown
    assert "● champion   ∘ child" in shown
    assert f": {generation.conclusion.ending}" in shown
    assert str(page_path(home)) in shown
    assert evolution_summary.as_dictionary(outcome)["comparison"]["items"] == 200
    # The founders, which were scored on the same items, are compared with the children.
    with Ledger(home.ledger) as ledger:
        told = Chronicle(store, ledger)
        assert len(told.scores) == 7
        assert {"reasoning", "math"} & {model.name for model in told.front()}

    # The same again goes on with the next generation, from what the search has learnt. With the schedule off nothing is
    # promoted without a person.
    monkeypatch.setenv("ARCHAEOLOGICAL_EVOLUTION_SCHEDULER", "false")
    again = run(SMALL)
    assert again.generations[0].conclusion.generation == 2
    assert again.generations[0].conclusion.ending in {"proposed", "kept"}
    assert again.generations[0].conclusion.champion == generation.conclusion.champion
    # Models of another kind need a folder of their own.
    config = AutoConfig.from_pretrained("data/evolution/base", num_hidden_layers=2)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path / "other")
    other = run(SMALL.model_copy(update={"parents": [str(tmp_path / "other")], "base": ""}), return_state=True)
    assert "does not fit the champion of this STRATA_HOME" in other.message
    recipes = {child.recipe for each in (outcome, again) for child in each.generations[0].children}
    assert len(recipes) == 4


def test_a_champion_that_turns_out_worse_is_rolled_back_and_explained(home: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rounds, "judge_candidate", lambda *_, **__: verdict(Verdict.PROMOTE))
    monkeypatch.setattr(watch, "judge_candidate", lambda *_, **__: verdict(Verdict.REGRESS, math=-0.1))
    (generation,) = run(SMALL).generations
    assert generation.conclusion.ending == "kept"
    store = Store(home.store_root)
    with Championship(store, home.ledger) as championship:
        back, there, first = championship.history()
    assert (back.kind, back.digest, there.digest) == ("regression", first.digest, generation.conclusion.candidate)
    page = (home.home / "reports" / "incident-1.html").read_text()
    assert "rolled back to base" in page
    assert "worse than the champion before it in math" in page


def verdict(said: Verdict, **dropped: float) -> Judgement:
    """A judgement on two domains, of which those of `dropped` did."""
    found = [
        Finding(
            *(domain, 300, 300, 0.7, 0.7 + gain, gain, gain - 0.02, gain + 0.02, 0.04, 0.01, 0.01),
            State.DROPPED if domain in dropped else State.SOUND,
            0,
        )
        for domain, gain in {"coding": 0.05, "math": 0.05, **dropped}.items()
    ]
    overall = Overall(0.03, 0.01, 0.05, 0.01, True, 0)
    return Judgement(said, 0.97, tuple(dropped), (), 600, tuple(found), (), overall, (), 0.9, True)


def test_switched_off(home: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ARCHAEOLOGICAL_PHASE_2_ENABLED", "false")
    state = run(SMALL, return_state=True)
    assert (state.name, state.is_completed()) == ("Skipped", True)


@pytest.mark.parametrize(
    ("by", "words"), [("schedule", "was started by a schedule"), ("event", "was started by an event")]
)
def test_with_the_schedule_off_only_people_start_it(
    home: Settings, monkeypatch: pytest.MonkeyPatch, by: str, words: str
):
    monkeypatch.setenv("ARCHAEOLOGICAL_EVOLUTION_SCHEDULER", "false")
    monkeypatch.setattr(flows.evolution, "occasion", lambda: Occasion("1", "a-run", True, by))
    state = run(SMALL, return_state=True)
    assert (state.name, state.is_completed()) == ("Skipped", True)
    assert words in state.message


def test_beside_a_training_it_takes_no_memory_that_is_not_free(home: Settings, monkeypatch: pytest.MonkeyPatch):
    """And says what is missing; nothing is entered, and the process's priority is as it was."""
    monkeypatch.setattr(tasks.evolution_turn, "available_memory", lambda: 1 << 20)
    monkeypatch.setattr(flows.evolution, "be_modest", lambda: pytest.fail("nothing was admitted"))
    state = run(SMALL.model_copy(update={"beside_training": True}), return_state=True)
    assert (state.name, state.is_completed()) == ("Skipped", True)
    assert "Not enough memory beside the training now" in state.message
    with Ledger(home.ledger) as ledger, GenerationLog(home.ledger) as log:
        (line,) = ledger.runs("evolution")
        assert log.recent() == ()
    assert line.state == "skipped"
    assert line.figures["workers"] == 0
    assert line.figures["predicted"] + line.figures["held_back"] > line.figures["free"]


def test_beside_a_training_it_waits_for_nobody(home: Settings):
    with turn(home, wait=False):
        state = run(SMALL.model_copy(update={"beside_training": True}), return_state=True)
    assert state.name == "Skipped"
    assert "Another run breeds" in state.message


def test_founders_that_do_not_fit_are_named(home: Settings, tmp_path: Path):
    state = run(SMALL.model_copy(update={"parents": [str(tmp_path / "nothing")]}), return_state=True)
    assert state.is_failed()
    assert "holds no model" in state.message
