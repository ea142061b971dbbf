"""The evolution flow on the shipped models, small: what it leaves in the ledger, the store and on the terminal."""

import io
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from rich.console import Console
from transformers import AutoConfig, AutoModelForCausalLM

import tasks.evolution
from flows import evolution_summary
from flows.evolution import run
from strata.evolution.lineage import Championship
from strata.evolution.merge import MergePool
from strata.evolution.rounds import judging, workshop
from strata.settings import Settings
from strata.store import GenerationLog, Ledger, Store
from tasks.evolution_parameters import EvolutionParameters

pytestmark = pytest.mark.usefixtures("prefect_api")

SMALL = EvolutionParameters(generations=1, children=2, search_items=20, gate_items=50, workers=1)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("STRATA_HOME", str(tmp_path))
    return Settings()


@pytest.fixture
def _one_worker(home: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """For all runs of a test: a worker takes seconds to start."""
    with MergePool(Store(home.store_root)) as pool:
        monkeypatch.setattr(workshop, "MergePool", lambda *_, **__: nullcontext(pool))
        yield


@pytest.mark.usefixtures("_one_worker")
def test_a_generation_of_the_shipped_models(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tasks.evolution, "HELD_BACK", 50)
    monkeypatch.setattr(judging, "FIRST", 50)
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

    written = io.StringIO()
    monkeypatch.setattr(evolution_summary, "console", Console(file=written, width=120))
    evolution_summary.show(outcome)
    assert "reasoning" in written.getvalue()
    assert evolution_summary.as_dictionary(outcome)["comparison"]["items"] == 200

    # The same again goes on with the next generation, from what the search has learnt.
    again = run(SMALL)
    assert again.generations[0].conclusion.generation == 2
    # Models of another kind need a folder of their own.
    config = AutoConfig.from_pretrained("data/evolution/base", num_hidden_layers=2)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path / "other")
    other = run(SMALL.model_copy(update={"parents": [str(tmp_path / "other")], "base": ""}), return_state=True)
    assert "does not fit the champion of this STRATA_HOME" in other.message
    recipes = {child.recipe for each in (outcome, again) for child in each.generations[0].children}
    assert len(recipes) == 4


def test_switched_off(home: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ARCHAEOLOGICAL_PHASE_2_ENABLED", "false")
    state = run(SMALL, return_state=True)
    assert (state.name, state.is_completed()) == ("Skipped", True)


def test_founders_that_do_not_fit_are_named(home: Settings, tmp_path: Path):
    state = run(SMALL.model_copy(update={"parents": [str(tmp_path / "nothing")]}), return_state=True)
    assert state.is_failed()
    assert "holds no model" in state.message
