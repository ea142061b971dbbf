"""Judging whole files."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strata.evolution.regression import GatePolicy, NoScores, State, Verdict, judge
from strata.evolution.regression.fixed import better_p_value, states
from strata.evolution.regression.intervals import drop_p_value
from strata.evolution.regression.summary import Summary
from strata.evolution.scores import ItemScore
from tests.support.pairs import draw, fixed_pairs, generator, scores

POLICY = GatePolicy()
DOMAINS = ("coding", "math", "reasoning", "language")


def world(delta, count, seed=1, **more):
    random, deltas = generator(seed), np.broadcast_to(delta, 4)
    pairs = [each for name, d in zip(DOMAINS, deltas, strict=True) for each in draw(random, name, count, d, **more)]
    return scores(pairs)


def test_a_better_model_is_promoted():
    judged = judge(*world(0.04, 1500))
    assert judged.verdict is Verdict.PROMOTE
    assert judged.confidence > 0.95
    assert {each.state for each in judged.domains} == {State.SOUND}
    assert judged.overall.better
    assert judged.overall.low > 0
    assert (judged.missing, judged.affected, judged.items) == ((), (), 6000)


def test_a_drop_in_one_domain_is_a_regression_whatever_is_gained_elsewhere():
    judged = judge(*world([0.05, -0.08, 0.05, 0.05], 1500))
    assert judged.verdict is Verdict.REGRESS
    assert judged.affected == ("math",)
    assert judged.confidence > 0.95
    assert judged.overall.better
    found = judged.domains[1]
    assert found.high < 0
    assert found.difference == pytest.approx(found.candidate_mean - found.reference_mean)
    assert found.low < found.difference < found.high


def test_an_equal_model_is_not_promoted_but_no_regression():
    judged = judge(*world(0.0, 3000))
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert judged.confidence is None
    assert len(judged.missing) == 1
    assert "not shown to be better overall" in judged.missing[0]


def test_few_items_are_inconclusive_and_say_how_many_are_missing():
    judged = judge(*world(-0.01, 100))
    assert judged.verdict is Verdict.INCONCLUSIVE
    coding = judged.domains[0]
    assert coding.state is State.OPEN
    assert 1000 < coding.items_needed < 4000  # 15.1 psi / margin^2 is 2,517 at psi .15
    assert f"coding: undecided; about {coding.items_needed} more items would settle it" in judged.missing


def test_the_reported_interval_is_the_one_that_decides():
    for seed in range(8):
        judged = judge(*world(-0.01, 900, seed=seed))
        for each in judged.domains:
            assert (each.state is State.SOUND) == (each.low > -each.margin)
        assert judged.overall.better == (judged.overall.low > 0)
    assert judged.level == 0.9


def test_a_real_drop_smaller_than_the_margin_is_no_regression():
    judged = judge(*(scores(fixed_pairs("math", 15_000, 500, 700, 5_000))))
    (found,) = judged.domains
    assert found.p_drop < 1e-4
    assert found.state is State.SOUND
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert any("second detector" in sentence for sentence in judged.missing)
    assert judged.shifted == ("math",)


def test_the_anchor_prevents_promotion_but_is_no_regression():
    baseline, candidate = world(0.04, 1500)
    anchor = [replace(score, score=1.0) if score.domain == "math" else score for score in candidate]
    judged = judge(baseline, candidate, POLICY, anchor)
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert judged.anchor[1].state is State.DROPPED
    assert [sentence.partition(" by ")[0] for sentence in judged.missing] == ["math: dropped"]
    assert judge(baseline, candidate, POLICY, candidate).verdict is Verdict.PROMOTE


def test_items_of_one_template_count_for_less():
    random, pairs = generator(1), []
    for template in range(60):
        lean = random.normal(0, 0.25)
        for each in draw(random, "math", 20, float(np.clip(lean, -0.5, 0.5)), psi=0.5, start=20 * template, cluster=20):
            pairs.append(each)
    told = judge(*scores(pairs)).domains[0]
    untold = judge(*scores([replace(each, cluster=None) for each in pairs])).domains[0]
    assert told.clusters == 60
    assert untold.clusters == told.items == untold.items == 1200
    assert told.high - told.low > 1.3 * (untold.high - untold.low)


def test_too_few_clusters_decide_nothing():
    pairs = [each for at in range(6) for each in draw(generator(at), "math", 400, -0.1, start=400 * at, cluster=400)]
    judged = judge(*scores(pairs))
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert "only 6 clusters of items" in judged.missing[0]


def test_graded_scores_are_judged_too():
    random = generator(4)
    baseline = [ItemScore("math", str(at), float(random.normal(-2, 1))) for at in range(800)]
    for shift, verdict in ((0.1, Verdict.PROMOTE), (-0.1, Verdict.REGRESS)):
        candidate = [replace(score, score=score.score + shift + random.normal(0, 0.3)) for score in baseline]
        assert judge(baseline, candidate).verdict is verdict


def test_scores_that_never_differ_are_sound_but_not_better():
    baseline, _ = world(0.0, 1000)
    judged = judge(baseline, baseline)
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert {each.state for each in judged.domains} == {State.SOUND}
    graded = [replace(score, score=score.score / 2) for score in baseline]
    assert judge(graded, graded).verdict is Verdict.INCONCLUSIVE


def test_no_scores():
    with pytest.raises(NoScores):
        judge([], [])


def test_everything_goes_into_json():
    judged = judge(*world(0.04, 300))
    again = json.loads(json.dumps(judged.to_dict()))
    assert again["verdict"] == judged.verdict.value
    assert again["domains"][0]["state"] == judged.domains[0].state.value
    assert again["overall"]["difference"] == judged.overall.difference


flips = st.tuples(st.integers(0, 300), st.integers(0, 60), st.integers(0, 60)).filter(lambda each: sum(each) > 0)


@given(st.lists(flips, min_size=1, max_size=4), st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_swapping_sides_mirrors_and_order_does_not_matter(tables, random):
    pairs = [each for at, table in enumerate(tables) for each in fixed_pairs(f"d{at}", *table)]
    baseline, candidate = scores(pairs)
    judged, swapped = judge(baseline, candidate), judge(candidate, baseline)
    for one, other in zip(judged.domains, swapped.domains, strict=True):
        assert (one.difference, one.low, one.high) == pytest.approx((-other.difference, -other.high, -other.low))
    assert judged.overall.difference == pytest.approx(-swapped.overall.difference)
    if judged.verdict is Verdict.PROMOTE:
        assert swapped.verdict is not Verdict.PROMOTE
    shuffled = list(candidate)
    random.shuffle(shuffled)
    assert judge(baseline, shuffled) == judged


RANK = {Verdict.REGRESS: 0, Verdict.INCONCLUSIVE: 1, Verdict.PROMOTE: 2}


@given(st.integers(50, 400), st.integers(0, 60), st.integers(1, 60), st.integers(1, 60))
@settings(max_examples=40)
def test_more_right_answers_never_make_it_worse(both, gained, lost, mended):
    mended = min(mended, lost)
    before = judge(*scores(fixed_pairs("math", both, gained, lost)))
    after = judge(*scores(fixed_pairs("math", both + mended, gained, lost - mended)))
    assert RANK[after.verdict] >= RANK[before.verdict]
    assert after.domains[0].low >= before.domains[0].low - 1e-9


def test_error_rates_on_the_textbook_size():  # 4000 runs: standard error .0034 at .05
    random, margins, runs = generator(5), POLICY.margins_of(DOMAINS), 4000
    for delta, check in ((np.zeros(4), "false alarm"), (np.array([-0.03, 0, 0, 0]), "sensitivity")):
        sizes = np.ceil(POLICY.fixed_items(4, 0.2 - delta**2, margins)).astype(int)
        items = np.broadcast_to(sizes, (runs, 4))
        gained = random.binomial(items, (0.2 + delta) / 2)
        lost = random.binomial(items - gained, (0.2 - delta) / (2 - 0.2 - delta))
        found = Summary.of_flips(*(array.astype(float) for array in (items, gained, lost)))
        sound, dropped = states(found, drop_p_value(found), margins, POLICY)
        regress, promote = dropped.any(axis=1), sound.all(axis=1) & (better_p_value(found) <= POLICY.alpha)
        if check == "false alarm":
            assert regress.mean() <= 0.06
        else:  # exact McNemar is a little conservative at a size for which .95 is the normal approximation
            assert regress.mean() >= 0.935
        assert promote.mean() <= 0.06


def test_a_drop_is_one_only_after_holm_and_only_beyond_the_margin():
    items, flips = np.full(4, 400.0), np.array([20.0] * 4)
    chance = np.array([33.0, 20, 20, 20])  # lost: 33 against 20 has p = .049
    found = Summary.of_flips(items, flips, chance)
    p_drop, margins = drop_p_value(found), POLICY.margins_of(DOMAINS)
    assert p_drop[0] < 0.05 < 4 * p_drop[0]
    assert not states(found, p_drop, margins, POLICY)[1].any()
    assert states(found, p_drop / 4, margins, POLICY)[1][0]
    many = Summary.of_flips(np.full(4, 40_000.0), np.full(4, 1_000.0), np.full(4, 1_300.0))
    sound, dropped = states(many, drop_p_value(many), margins, POLICY)
    assert sound.all()
    assert not dropped.any()
