"""Room beside somebody who needs memory: what is predicted of a generation, and who is admitted."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.evolution.merge import IDLE_BYTES, predict_bytes
from strata.evolution.models import put_model
from strata.evolution.rounds import Admission, Forecast, admit, forecast
from strata.evolution.search import STRATEGIES, TECHNIQUES, Past, Search, Space, to_recipe
from strata.store import Store
from strata.store.errors import BlobMissing

SHIPPED = Path("data/evolution")
MIB = 1 << 20


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def put(store: Store, *names: str) -> list[str]:
    return [put_model(store, SHIPPED / name).digest for name in names]


def test_no_recipe_that_the_search_asks_for_takes_more_than_was_predicted(store: Store):
    *parents, base = put(store, "coding", "math", "reasoning", "language", "base")
    expected = forecast(store, parents, base, children=8)
    space = Space(tuple(parents), base, 3, tuple(TECHNIQUES))
    asked = Search(STRATEGIES["random"], Past(space), seed=1).ask(200)
    assert {genome.method for genome in asked} == set(space.usable)
    needs = [IDLE_BYTES + predict_bytes(store, to_recipe(space, genome)) for genome in asked]
    assert 0.9 * expected.worker < max(needs) <= expected.worker


def test_more_and_larger_models_take_more(store: Store):
    parents = put(store, "coding", "math")
    two = forecast(store, parents, None, children=4)
    assert two.process < forecast(store, parents, None, children=8).process
    assert two.worker < forecast(store, [*parents, *put(store, "language")], None, children=4).worker


def test_a_model_whose_files_are_gone_is_told(store: Store):
    parents = put(store, "coding", "math")
    for path in (store.layout.root / "blobs").rglob("*"):
        if path.is_file() and path.stat().st_size > MIB:
            path.unlink()
    with pytest.raises(BlobMissing):
        forecast(store, parents, None, children=4)


@given(
    process=st.integers(1, 1 << 40),
    worker=st.integers(1, 1 << 40),
    free=st.integers(0, 1 << 42),
    held_back=st.integers(0, 1 << 42),
    workers=st.integers(1, 64),
)
def test_what_is_held_back_is_never_taken(process: int, worker: int, free: int, held_back: int, workers: int):
    admitted = admit(Forecast(process, worker), free=free, held_back=held_back, workers=workers)
    assert 0 <= admitted.workers <= workers
    if admitted.workers:
        assert admitted.predicted + held_back <= free
        assert admitted.workers * worker <= admitted.merging <= free - held_back - process
    else:
        assert process + worker + held_back > free
    if admitted.workers < workers:  # one more would not have fitted
        assert process + (admitted.workers + 1) * worker + held_back > free


def test_the_figures_of_a_refusal_say_what_is_missing():
    refused = admit(Forecast(700 * MIB, 600 * MIB), free=2000 * MIB, held_back=1024 * MIB, workers=2)
    assert refused == Admission(1300 * MIB, 2000 * MIB, 1024 * MIB, 276 * MIB, 0)
