"""The cluster-robust variance against its definition, and against the plain one without clusters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.evolution.regression import Pair
from strata.evolution.regression.summary import Summary
from strata.evolution.regression.tally import Tally, count, summarize
from tests.support.pairs import draw, generator


def tally_of(rows):
    tally = Tally()
    for cluster, before, after in rows:
        tally.add(cluster, before, after)
    return tally


scores = st.sampled_from([0.0, 0.25, 0.5, 1.0])
rows = st.lists(st.tuples(st.none() | st.sampled_from("abcdef"), scores, scores), min_size=2, max_size=60)


@given(rows)
def test_the_variance_is_that_of_liang_and_zeger(found):
    summary = summarize([tally_of(found)])
    groups: dict[object, list[float]] = {}
    for at, (cluster, before, after) in enumerate(found):
        groups.setdefault(at if cluster is None else cluster, []).append(after - before)
    mean = sum(map(sum, groups.values())) / len(found)
    residuals = sum(sum(value - mean for value in values) ** 2 for values in groups.values())
    expected = len(groups) / max(len(groups) - 1, 1) * residuals / len(found) ** 2
    assert summary.difference[0] == pytest.approx(mean)
    assert summary.variance()[0] == pytest.approx(expected, abs=1e-12)
    assert summary.clusters[0] == len(groups)
    assert summary.variance(1.0)[0] > summary.variance()[0]


@given(rows, st.randoms(use_true_random=False))
def test_order_does_not_matter(found, random):
    shuffled = list(found)
    random.shuffle(shuffled)
    for one, other in zip(tally_of(found).numbers(), tally_of(shuffled).numbers(), strict=True):
        assert one == pytest.approx(other)


def test_without_clusters_it_is_the_usual_standard_error():
    random = generator(1)
    found = [(None, *random.random(2)) for _ in range(100)]
    differences = np.array([after - before for _, before, after in found])
    expected = differences.std(ddof=1) / np.sqrt(100)
    assert np.sqrt(summarize([tally_of(found)]).variance()[0]) == pytest.approx(expected)


def test_binary_is_seen_in_the_scores_and_the_clusters():
    assert tally_of([(None, 0.0, 1.0), ("a", 1.0, 1.0)]).binary
    assert not tally_of([("a", 0.0, 1.0), ("a", 1.0, 1.0)]).binary
    assert not tally_of([(None, 0.0, 0.5)]).binary


def test_counted_pairs_give_the_same_as_flips():
    pairs = draw(generator(3), "math", 200, 0.05)
    tallies = {"math": Tally()}
    count(pairs, tallies)
    gained, lost = (np.array([float(sum(each.candidate - each.baseline == s for each in pairs))]) for s in (1, -1))
    counted, expected = summarize(tallies.values()), Summary.of_flips(np.array([200.0]), gained, lost)
    assert (counted.gained, counted.lost) == (gained, lost)
    assert counted.variance() == pytest.approx(expected.variance())


def test_scale_is_one_for_shares_and_the_largest_difference_otherwise():
    assert summarize([tally_of([(None, 0.2, 0.4)])]).scale[0] == 1
    assert summarize([tally_of([(None, -7.0, -4.0)])]).scale[0] == 3


def test_an_anchor_is_counted_apart():
    tallies = {"math": Tally()}
    count([Pair("math", "a", None, 0.0, 1.0, 0.5)], tallies, anchor=True)
    assert summarize(tallies.values()).difference[0] == 0.5
