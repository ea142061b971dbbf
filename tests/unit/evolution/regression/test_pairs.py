"""Joining results by item: what does not match is named with its side and its item."""

import pytest

from strata.evolution.regression import Pair, UnpairedScores, pair
from strata.evolution.scores import ItemScore
from tests.support.pairs import draw, generator, scores


def side(*rows):
    return [ItemScore(*row) for row in rows]


A = side(("math", "a", 0.0), ("math", "b", 1.0, "sums"))


def test_scores_are_joined_by_domain_and_item_in_any_order():
    candidate = side(("math", "b", 0.5, "sums"), ("math", "a", 1.0))
    anchor = side(("math", "a", 0.25), ("math", "b", 0.75, "sums"))
    assert pair(A, candidate, anchor) == (
        Pair("math", "a", None, 0.0, 1.0, 0.25),
        Pair("math", "b", "sums", 1.0, 0.5, 0.75),
    )
    assert pair(A, candidate)[0].anchor is None


def test_what_was_drawn_comes_back():
    pairs = draw(generator(1), "math", 50, 0.1, cluster=5)
    assert list(pair(*scores(pairs))) == pairs


@pytest.mark.parametrize(
    ("candidate", "message"),
    [
        (side(("math", "a", 0.0)), "new.jsonl lacks 1 item.* of old.jsonl, such as 'b' of 'math'"),
        (A + side(("math", "c", 0.0)), "old.jsonl lacks 1 item.* of new.jsonl, such as 'c'"),
        (A + side(("law", "a", 0.0)), "old.jsonl lacks domain 'law', which new.jsonl has"),
        (A + side(("math", "a", 1.0)), "new.jsonl has item 'a' of domain 'math' twice"),
        (side(("math", "a", 0.0), ("math", "b", 1.0, "x")), "cluster 'sums' by old.jsonl, in 'x' by new.jsonl"),
        (side(("math", "a", 0.0), ("math", "b", 1.0)), "cluster 'sums' by old.jsonl, in None by new.jsonl"),
    ],
)
def test_what_does_not_match_is_named(candidate, message):
    with pytest.raises(UnpairedScores, match=message):
        pair(A, candidate, names=("old.jsonl", "new.jsonl", ""))


def test_the_anchor_must_have_answered_everything():
    with pytest.raises(UnpairedScores, match="the anchor lacks 1 item"):
        pair(A, A, A[:1])
    with pytest.raises(UnpairedScores, match="the anchor lacks domain"):
        pair(A, A, [])
