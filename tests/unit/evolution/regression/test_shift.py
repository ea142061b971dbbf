"""The second detector sees collapses behind a kept mean, and does not mind honest candidates."""

import numpy as np
import pytest
from scipy import stats

from strata.evolution.regression import Verdict, judge
from strata.evolution.regression.shift import shift_p_value, shifted_domains
from strata.evolution.regression.tally import Tally, count
from strata.evolution.scores import ItemScore
from tests.support.pairs import draw, fixed_pairs, generator, scores


def tally_of(rows):
    tally = Tally()
    for row in rows:
        tally.add(*row)
    return tally


def graded(random, shift, items=120):
    truth = random.random(items)
    before, after = (np.clip(truth + by + random.normal(0, 0.1, items), 0, 1) for by in (0, shift))
    return tally_of([(None, *map(float, row)) for row in zip(before, after, strict=True)])


def test_equal_models_are_held_up_at_most_by_the_stated_share():
    random = generator(1)
    values = np.array([shift_p_value(graded(random, 0.0)) for _ in range(120)])
    for level in (0.05, 0.2):  # the exchange test is exact: three standard errors above the level at most
        assert np.mean(values <= level) <= level + 3 * np.sqrt(level * (1 - level) / 120)


def test_better_models_are_not_held_up():
    random = generator(2)
    assert not any(shifted_domains({"math": graded(random, 0.1)}, 0.05) for _ in range(40))


def test_worse_models_are_seen():
    random = generator(3)
    assert all(shifted_domains({"math": graded(random, -0.1)}, 0.02) for _ in range(20))


def test_binary_scores_are_tested_exactly():
    tallies = {"math": Tally()}
    count(fixed_pairs("math", 50, 4, 17), tallies)
    expected = stats.binomtest(4, 21, 0.5, "less").pvalue
    assert shift_p_value(tallies["math"]) == pytest.approx(expected)


def templates(random, collapsed, gain):
    """40 templates of 10 items; some fail altogether, the others gain."""
    rows = []
    for template in range(40):
        for _ in range(10):
            before = float(random.random() < 0.6)
            chance = 0.0 if template < collapsed else 0.6 + gain
            rows.append((f"t{template}", before, float(random.random() < chance)))
    return tally_of(rows)


def test_templates_that_collapse_are_seen_behind_a_better_mean():
    random = generator(4)
    collapsing = templates(random, 12, 0.35)
    assert collapsing.differences.mean() > 0.03
    assert shift_p_value(collapsing) < 0.005
    assert shift_p_value(templates(random, 0, 0.05)) > 0.1


def test_a_shift_turns_a_promotion_into_inconclusive():
    random, baseline, candidate = generator(5), [], []
    for template in range(200):
        for item in range(10):
            name, cluster = f"{template}-{item}", f"t{template}"
            before = float(random.random() < 0.6)
            after = float(random.random() < (0.0 if template < 30 else 0.85))
            baseline.append(ItemScore("math", name, before, cluster))
            candidate.append(ItemScore("math", name, after, cluster))
    judged = judge(baseline, candidate)
    assert judged.overall.better
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert judged.missing == ("math: the scores' distribution moved down, by the second detector",)


def test_nothing_and_no_difference_are_no_shift():
    assert shift_p_value(Tally()) == 1
    assert shift_p_value(tally_of([("a", 0.5, 0.5), ("a", 0.2, 0.2)])) == 1


def test_the_same_data_give_the_same_answer():
    first, second = (graded(generator(6), -0.02) for _ in range(2))
    assert shift_p_value(first) == shift_p_value(second)


def test_many_values_are_looked_at_by_quantiles():
    random = generator(7)
    rows = [(None, float(b), float(b - 0.2)) for b in random.random(3000)]
    assert shift_p_value(tally_of(rows)) < 0.01


def test_drawn_pairs_without_a_difference_pass():
    pairs = draw(generator(8), "math", 400, 0.0, cluster=8)
    assert not judge(*scores(pairs)).shifted


def test_the_share_is_kept_over_all_domains_together():
    tallies = {name: Tally() for name in ("math", "coding")}
    count(fixed_pairs("math", 50, 4, 15), tallies)  # p = .0096
    assert shifted_domains({"math": tallies["math"]}, 0.012) == ("math",)
    assert shifted_domains(tallies, 0.012) == ()
