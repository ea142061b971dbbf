"""Asking, telling, stopping and going on; what every strategy keeps; that learning pays on a synthetic landscape."""

import json
from dataclasses import replace

import numpy as np
import pytest

from strata.evolution.history import FITNESS_WEIGHTS
from strata.evolution.search import STRATEGIES, BadSearch, Past, Search, Trial, recall, to_recipe
from strata.evolution.search.bandit import beliefs, choose
from strata.evolution.search.genome import draw, key
from tests.unit.evolution.search.landscape import GOOD, scores, space

WHERE = space()


def run(strategy, generations, seed=0, children=6, noise=0.0, where=WHERE, search=None):
    search = search or Search(strategy, Past(where), seed)
    for _ in range(generations):
        search.tell([scores(where, genome, noise, seed) for genome in search.ask(children)])
    return search


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_a_search_goes_on_as_if_it_had_not_been_stopped(strategy):
    whole = run(strategy, 6)
    halted = run(strategy, 3)
    asked = halted.ask(6)
    resumed = Search.from_json(strategy, WHERE, halted.to_json())  # killed between ask and tell
    assert resumed.ask(6) == asked
    resumed = run(strategy, 3, search=resumed)
    assert resumed.past.trials == whole.past.trials
    assert resumed.to_json() == whole.to_json()
    assert run(strategy, 3, seed=1).past.trials != whole.past.trials[:18]


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_no_recipe_is_proposed_twice(strategy):
    where = space(("karcher", "slerp", "linear"), base=None, layers=1, groups=1, layered=(), single=())
    search = run(strategy, 8, where=where)
    names = [key(where, trial.genome) for trial in search.past.trials]
    assert len(names) == len(set(names)) == 48


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_failed_children_are_remembered_and_not_varied(strategy):
    search = Search(strategy, Past(WHERE), 0)
    for _ in range(4):
        children = search.ask(6)
        search.tell([None if genome.method != GOOD else scores(WHERE, genome) for genome in children])
    assert len(search.past.trials) == 24
    assert all(trial.genome.method == GOOD for trial in search.past.scored)
    nothing = Search(strategy, Past(WHERE), 0)
    for _ in range(3):
        nothing.tell([None] * len(nothing.ask(6)))
    assert nothing.past.best is None
    assert nothing.past.front(5) == ()


def test_a_space_that_is_used_up_gives_fewer_children():
    where = space(("karcher",), base=None)  # eleven choices of at least two of four parents
    search = Search(STRATEGIES["random"], Past(where), 0)
    asked = search.ask(20)
    assert len(asked) == 11
    search.tell([None] * 11)
    assert search.ask(20) == ()


@pytest.mark.parametrize("name", ["adaptive", "genetic", "cma-es"])
def test_learning_beats_drawing_on_a_synthetic_landscape(name):
    def mean_of_last(strategy):
        ends = [run(strategy, 10, seed, noise=0.01).past.fitness[-6:].mean() for seed in range(2)]
        return np.mean(ends)

    assert mean_of_last(STRATEGIES[name]) > mean_of_last(STRATEGIES["random"]) + 0.03


def test_adaptive_finds_the_technique():
    trials = run(STRATEGIES["adaptive"], 10, noise=0.01).past.trials
    methods = [trial.genome.method for trial in trials[-18:]]
    assert methods.count(GOOD) > len(methods) / 2


def test_the_front_holds_who_is_best_in_any_domain():
    past = run(STRATEGIES["genetic"], 6).past
    front = past.front(1000)
    for column in past.scores.T:
        assert any(past.scored[i] in front for i in np.flatnonzero(column == column.max()))
    assert past.best in front
    assert len(past.front(3)) == 3


def test_results_that_do_not_fit_are_refused_and_change_nothing():
    search = Search(STRATEGIES["random"], Past(WHERE), 0)
    with pytest.raises(BadSearch, match="2 results for 0 children"):
        search.tell([None, None])
    search.ask(2)
    good = {"coding": 0.5, "math": 0.5, "reasoning": 0.5, "language": 0.5}
    for bad in ([good], [good, {"math": 0.5}], [good, good | {"math": float("nan")}]):
        with pytest.raises(BadSearch):
            search.tell(bad)
    assert search.past.trials == ()
    search.tell([good, None])
    with pytest.raises(BadSearch, match="children"):
        search.ask(0)


def test_states_that_are_none_are_refused():
    search = run(STRATEGIES["random"], 1)
    state = json.loads(search.to_json())
    changes = [{"format": 9}, {"strategy": "other"}, {"trials": [{}]}, {"weights": 3}, {"seed": None}]
    for text in ["", "[]", "{}", "[" * 100_000, *(json.dumps(state | change) for change in changes)]:
        with pytest.raises(BadSearch):
            Search.from_json(STRATEGIES["random"], WHERE, text)
    with pytest.raises(BadSearch, match="space"):
        Search.from_json(STRATEGIES["random"], space(groups=1), search.to_json())


def test_the_bandit_believes_what_it_saw_and_discounts_the_old():
    genome = draw(WHERE, np.random.default_rng(0))

    def past(*generations):
        """Every generation: fitness by method."""
        trials = [
            Trial(replace(genome, method=method), dict.fromkeys(FITNESS_WEIGHTS, value), generation)
            for generation, row in enumerate(generations)
            for method, value in row.items()
        ]
        return Past(WHERE, tuple(trials))

    even = {"linear": 0.5, "ties": 0.5}
    up, down = {"linear": 0.52, "ties": 0.4}, {"linear": 0.42, "ties": 0.5}
    known = beliefs(past(even, up, up))
    assert known["linear"].mean > known["slerp"].mean > known["ties"].mean
    assert known["linear"].deviation < known["slerp"].deviation
    assert choose(past(even, up, up, up, up), 200, np.random.default_rng(0)).count("ties") < 20
    changed = beliefs(past(even, up, down, down, down, down))
    assert changed["ties"].mean > changed["linear"].mean


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_a_search_goes_on_from_the_recipes_of_an_earlier_run(strategy):
    earlier = run(STRATEGIES["random"], 3).past.scored
    records = [(to_recipe(WHERE, trial.genome), trial.scores) for trial in earlier]
    other = space(parents=tuple(letter * 64 for letter in "0123"))
    foreign = (to_recipe(other, draw(other, np.random.default_rng(0))), earlier[0].scores)
    known = recall(WHERE, [*records, foreign])
    assert [key(WHERE, trial.genome) for trial in known] == [key(WHERE, trial.genome) for trial in earlier]
    search = run(strategy, 2, search=Search(strategy, Past(WHERE, known), 0))
    names = [key(WHERE, trial.genome) for trial in search.past.trials]
    assert len(names) == len(set(names)) == len(known) + 12
    assert search.past.generations == 3


def test_earlier_runs_give_priors_that_later_trials_overrule():
    past = Past(WHERE, rewards={"slerp": (0.05,) * 30, "linear": (-0.05,) * 30})
    known = beliefs(past)
    assert known["slerp"].mean > known["ties"].mean > known["linear"].mean
    assert known["slerp"].deviation < known["ties"].deviation
    told = beliefs(replace(past, trials=run(STRATEGIES["random"], 30).past.trials))
    assert told[GOOD].mean > told["slerp"].mean
