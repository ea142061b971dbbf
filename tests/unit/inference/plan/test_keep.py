"""A placement stays where it is until moving it pays."""

from dataclasses import replace

import pytest

from strata.inference.plan import make_plan
from strata.inference.plan.keep import TOLERANCE, keep_placement, priced_placement
from strata.inference.plan.nodes import Links, NodeProfile
from strata.inference.plan.profile import LayerProfile, ModelProfile

LAYER = LayerProfile(weight_bytes=40_000_000, flops_per_token=20_000_000, kv_bytes_per_token=100)
MODEL = ModelProfile(
    name="tiny",
    architecture="llama",
    dtype="float32",
    layers=(LAYER,) * 6,
    embedding_bytes=1_000_000,
    head_bytes=1_000_000,
    shared_bytes=0,
    tied=False,
    hidden_size=8,
    vocab_size=100,
    widest=32,
    max_context=4096,
)
LINKS = Links.uniform(3, 1e-4, 1e9)


def nodes(*bandwidths, megabytes=200):
    return [NodeProfile(f"n{i}", megabytes * 1_000_000, 1e12, b) for i, b in enumerate(bandwidths)]


def plan(measured, objective="latency", context=100):
    return make_plan(MODEL, measured, LINKS, objective, context=context)


@pytest.mark.parametrize("objective", ["latency", "throughput"])
def test_noise_moves_nothing_and_the_price_is_todays(objective):
    yesterday = plan(nodes(10e9, 9.9e9, 9e9), objective)
    measured = nodes(9.9e9, 10e9, 9.1e9)
    best = plan(measured, objective)
    assert [s.node for s in best.stages] != [s.node for s in yesterday.stages]
    kept = keep_placement(yesterday, best, MODEL, measured, LINKS)
    assert [(s.node, s.first, s.last) for s in kept.stages] == [(s.node, s.first, s.last) for s in yesterday.stages]
    assert best.value <= kept.value <= best.value * (1 + TOLERANCE)
    held = kept.stages[0].last - kept.stages[0].first + 1
    bandwidth = next(node.bandwidth for node in measured if node.node == kept.stages[0].node)
    assert kept.stages[0].seconds == pytest.approx(held * 40e6 / bandwidth, rel=0.05)
    assert kept.exact == (kept.value == best.value)
    assert kept.lower_bound == best.lower_bound


def test_the_same_measurements_keep_an_optimal_plan_optimal():
    measured = nodes(10e9, 9e9, 8e9)
    best = plan(measured)
    assert keep_placement(best, best, MODEL, measured, LINKS) == best


def test_a_node_that_became_slow_loses_its_layers():
    yesterday = plan(nodes(10e9, 9e9, 1e9))
    measured = nodes(1e9, 9e9, 10e9)
    best = plan(measured)
    assert keep_placement(yesterday, best, MODEL, measured, LINKS) is best


def test_what_no_longer_applies_is_not_kept():
    measured = nodes(10e9, 9e9, 8e9)
    best = plan(measured)
    gone = best.model_copy(update={"stages": (best.stages[0].model_copy(update={"node": "x"}), *best.stages[1:])})
    for previous in (None, gone, plan(measured, context=200), best.model_copy(update={"dtype": "bfloat16"})):
        assert keep_placement(previous, best, MODEL, measured, LINKS) is best


def test_a_budget_that_shrank_is_respected():
    yesterday = plan(nodes(10e9, 9e9, 8e9, megabytes=250))
    assert max(stage.memory_bytes for stage in yesterday.stages) > 150_000_000
    measured = nodes(10e9, 9e9, 8e9, megabytes=150)
    best = plan(measured)
    assert keep_placement(yesterday, best, MODEL, measured, LINKS) is best


def test_layers_do_not_stay_on_a_mobile_node_that_is_needed_no_more():
    measured = nodes(10e9, 9.9e9, 9e9)
    yesterday = plan(measured)
    (used,) = {stage.node for stage in yesterday.stages} & {"n0"}
    today = [replace(node, mobile=node.node == used) for node in measured]
    best = plan(today)
    assert used not in {stage.node for stage in best.stages}
    assert keep_placement(yesterday, best, MODEL, today, LINKS) == best
    assert keep_placement(yesterday, yesterday, MODEL, today, LINKS).stages == yesterday.stages


def test_a_placement_is_priced_at_todays_measurements():
    yesterday = plan(nodes(10e9, 9e9, 1e9))
    measured = nodes(1e9, 9e9, 10e9)
    best = plan(measured)
    priced = priced_placement(yesterday, best, MODEL, measured, LINKS)
    assert [(s.node, s.first, s.last) for s in priced.stages] == [(s.node, s.first, s.last) for s in yesterday.stages]
    assert priced.value == pytest.approx(sum(s.seconds + s.link_seconds for s in priced.stages))
    assert priced.value > best.value
    assert priced.lower_bound == best.lower_bound
    assert priced_placement(yesterday, best, MODEL, measured[1:], LINKS.among([1, 2])) is None
