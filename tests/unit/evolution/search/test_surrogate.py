"""The surrogate: exact where it must be, and useful on the synthetic landscape."""

import numpy as np
import pytest

from strata.evolution.history import fitness
from strata.evolution.search import STRATEGIES, Past, Search
from strata.evolution.search.genome import draw
from strata.evolution.search.surrogate import draw_scores, features, kernel
from tests.unit.evolution.search.landscape import scores, space

WHERE = space()


def told(generations=12, children=8):
    search = Search(STRATEGIES["random"], Past(WHERE), 3)
    for _ in range(generations):
        search.tell([scores(WHERE, genome) for genome in search.ask(children)])
    return search.past


def test_kernels_are_positive_and_one_on_the_diagonal():
    genomes = [draw(WHERE, np.random.default_rng(seed)) for seed in range(60)]
    known = features(WHERE, genomes)
    matrix = kernel(known, known, 0.3, (0.4, 0.4, 0.2))
    np.testing.assert_allclose(matrix, matrix.T)
    np.testing.assert_allclose(np.diag(matrix), 1)
    assert np.linalg.eigvalsh(matrix).min() > -1e-9


def test_predictions_follow_the_landscape():
    new = [draw(WHERE, np.random.default_rng(1000 + seed)) for seed in range(80)]
    truth = np.array([fitness(scores(WHERE, genome)) for genome in new])
    mean = draw_scores(told(), new, 1, np.random.default_rng(0), boldness=0.0)[0]
    assert np.corrcoef(mean, truth)[0, 1] > 0.6
    assert np.abs(mean - truth).mean() < truth.std()


def test_draws_spread_less_where_trials_are():
    past = told()
    seen = [trial.genome for trial in past.scored[:40]]
    unseen = [draw(WHERE, np.random.default_rng(1000 + seed)) for seed in range(40)]
    draws = draw_scores(past, seen + unseen, 400, np.random.default_rng(0))
    spread = draws.std(0)
    assert spread[:40].mean() < 0.8 * spread[40:].mean()
    assert draws.mean(0) == pytest.approx(
        draw_scores(past, seen + unseen, 1, np.random.default_rng(1), 0.0)[0], abs=0.02
    )
