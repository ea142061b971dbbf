"""When layers move, where to, and what is never done."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strata.inference.placement.problem import InvalidProblem
from strata.inference.plan import balanced_plan
from strata.inference.plan.nodes import Links
from strata.inference.rebalance.cost import cost_of_move
from strata.inference.rebalance.decide import MIN_GAIN, Move, Stay, decide, judge
from strata.inference.rebalance.situation import Rates, measured_nodes, priced, step_seconds, trusted_nodes
from tests.support.situations import machines, model, situation, windows


def spans(plan) -> list[tuple[str, int, int]]:
    return [(stage.node, stage.first, stage.last) for stage in plan.stages]


def test_even_speeds_move_nothing():
    decision = decide(situation())
    assert isinstance(decision, Stay)
    assert decision.seconds == pytest.approx(3e-3, rel=0.03)


def test_a_slow_node_gives_layers_to_its_neighbours_and_the_order_stays():
    now = situation(layers=12, used=4, speed={"n1": 4.0})
    decision = decide(now)
    assert isinstance(decision, Move)
    assert decision.seconds == pytest.approx(12e-3, rel=0.03)
    assert decision.predicted == pytest.approx(4e-3, rel=0.03)
    assert [name for name, _, _ in spans(decision.plan)] in (["n0", "n1", "n2", "n3"], ["n0", "n2", "n3"])
    assert "stage on n1" in decision.why
    assert decision.cost.bytes_sent < 0.6 * now.profile.total_bytes


def test_an_idle_node_takes_the_place_of_a_slow_one_and_nothing_else_moves():
    decision = decide(situation(layers=12, used=4, idle=1, speed={"n1": 4.0}))
    assert isinstance(decision, Move)
    assert decision.predicted == pytest.approx(3e-3, rel=0.05)
    moved = {name for name, *_ in spans(decision.plan)}
    assert "n4" in moved
    assert decision.cost.bytes_sent <= 4 * 40_000_000


def test_a_returned_node_is_used_again():
    """Three nodes hold what four held before one of them died; it is back."""
    decision = decide(situation(layers=12, used=3, idle=1))
    assert isinstance(decision, Move)
    assert {stage.node for stage in decision.plan.stages} == {"n0", "n1", "n2", "n3"}
    assert decision.predicted == pytest.approx(3e-3, rel=0.05)


def test_one_session_is_after_the_whole_round_and_leaves_a_slow_node_out():
    decision = decide(situation(layers=12, used=4, speed={"n1": 4.0}, sessions=1, megabytes=600))
    assert isinstance(decision, Move)
    assert decision.seconds == pytest.approx(21e-3, rel=0.03)
    assert "n1" not in {stage.node for stage in decision.plan.stages}
    assert decision.plan.objective == "latency"


def test_a_slow_link_is_left_out():
    links = [[1e-5] * 4 for _ in range(4)]
    links[1][2] = 20e-3
    decision = decide(situation(links=Links.of(links, [[1e12] * 4] * 4)))
    assert isinstance(decision, Move)
    pairs = [(a.node, b.node) for a, b in zip(decision.plan.stages, decision.plan.stages[1:], strict=False)]
    assert ("n1", "n2") not in pairs


def test_what_the_horizon_does_not_bring_back_stays():
    slow = situation(speed={"n1": 4.0})
    assert isinstance(decide(slow), Move)
    for dear in (replace(slow, horizon=0.1), replace(slow, rates=Rates(send=1e5, load=1e9))):
        decision = decide(dear)
        assert isinstance(decision, Stay)
        assert "do not bring back" in decision.why


def test_a_node_that_was_fast_in_one_window_keeps_its_layers():
    now = situation(speed={"n1": 4.0})
    healthy = windows(now.plan, {})[0]
    decision = decide(replace(now, windows=[*now.windows * 4, healthy]))
    assert isinstance(decision, Stay)
    assert "noise" in decision.why


def test_a_barred_bottleneck_stays_and_another_does_not():
    now = situation(speed={"n1": 4.0})
    assert isinstance(decide(now, frozenset({"stage on n1"})), Stay)
    assert isinstance(decide(now, frozenset({"stage on n2"})), Move)


def test_the_sessions_kv_caches_count_against_the_memory():
    """A node has room for the layers of a slow neighbour, but not for their caches of a thousand sessions too."""
    roomy = situation(speed={"n1": 4.0}, megabytes=220)
    assert isinstance(decide(roomy), Move)
    crowded = replace(roomy, sessions=1500)
    assert isinstance(decide(crowded), Stay)


def test_unmeasured_stages_and_absent_nodes_are_refused():
    now = situation()
    with pytest.raises(InvalidProblem, match="n0 was not measured"):
        replace(now, windows=[{"n1": 1.0, "n2": 1.0, "n3": 1.0}])
    with pytest.raises(InvalidProblem, match="n3, which holds a stage"):
        replace(now, nodes=machines(3), links=Links.uniform(3, 0.0, 1e9))


@settings(max_examples=60, deadline=None)
@given(
    layers=st.integers(4, 20),
    used=st.integers(1, 4),
    idle=st.integers(0, 2),
    megabytes=st.integers(150, 1200),
    sessions=st.sampled_from([1, 3, 50, 400]),
    speeds=st.lists(st.floats(0.2, 5.0), min_size=6, max_size=6),
    horizon=st.floats(0.1, 1e4),
    tokens=st.integers(0, 5000),
)
def test_a_move_never_exceeds_memory_and_never_predicts_a_loss(
    layers, used, idle, megabytes, sessions, speeds, horizon, tokens
):
    speed = {f"n{index}": factor for index, factor in enumerate(speeds)}
    now = situation(layers, used, idle, speed, sessions, plan=None, megabytes=20_000, horizon=horizon, tokens=tokens)
    now = replace(now, nodes=machines(used + idle, megabytes))
    decision = decide(now)
    assert priced(now.plan, now, measured_nodes(now, now.pooled)) == decision.before
    if isinstance(decision, Stay):
        return
    assert decision.gain >= MIN_GAIN * decision.seconds
    assert decision.plan.num_layers == layers
    assert type(decision.plan).model_validate(decision.plan.model_dump()) == decision.plan
    for stage in decision.plan.stages:
        assert stage.memory_bytes + (sessions - 1) * stage.kv_bytes <= megabytes * 1_000_000
    assert step_seconds(decision.plan, sessions) == pytest.approx(decision.predicted)
    spent = (horizon - decision.cost.seconds) / decision.predicted
    assert spent > horizon / decision.seconds


def test_a_move_is_judged_by_half_of_what_it_promised():
    assert judge(before=10.0, predicted=6.0, after=7.9).kept
    assert not judge(before=10.0, predicted=6.0, after=8.1).kept
    assert not judge(before=10.0, predicted=6.0, after=11.0).kept
    assert "less than 50%" in judge(10.0, 6.0, 9.0).why


def test_the_cost_counts_what_is_sent_loaded_and_computed_again():
    rates = Rates(send=1e8, load=2e8, replay_seconds={"n0": 1e-4, "n1": 5e-4, "n2": 3e-4})
    now = situation(layers=12, used=3, idle=1, tokens=1000, rates=rates)
    decision = decide(now)
    assert isinstance(decision, Move)
    cost = decision.cost
    assert cost.send == pytest.approx(cost.bytes_sent / 1e8)
    assert cost.load == pytest.approx(max(stage.weight_bytes for stage in decision.plan.stages) / 2e8)
    layers = {stage.node: stage.last - stage.first + 1 for stage in decision.plan.stages}
    assert "n3" in layers  # of which no prompt was measured: as the median, n2
    row = max(1e-4 * layers["n0"], 5e-4 * layers["n1"], 3e-4 * layers["n2"], 3e-4 * layers["n3"])
    assert cost.replay == pytest.approx(1000 * row)
    assert cost.seconds == pytest.approx(cost.send + cost.load + cost.replay)


def test_feeding_anew_grows_with_the_tokens_and_with_the_layers_of_a_stage():
    now = situation(layers=12, used=4)
    wide, narrow = (balanced_plan(now.profile, machines(count), 100) for count in (2, 4))

    def replay(plan, tokens: int) -> float:
        return cost_of_move(replace(now, tokens=tokens), now.plan, plan).replay

    assert replay(narrow, 500) == pytest.approx(5 * replay(narrow, 100))
    assert replay(wide, 100) == pytest.approx(2 * replay(narrow, 100))


def test_without_a_measured_prompt_a_token_takes_a_step_of_the_slowest_stage():
    now = situation(layers=12, used=4, speed={"n2": 2.0}, rates=Rates(send=1e9, load=1e9), tokens=100, sessions=1)
    before = priced(now.plan, now, measured_nodes(now, now.pooled))
    assert cost_of_move(now, before, before).replay == pytest.approx(100 * 6e-3, rel=0.03)


def _uneven(sizes: dict[str, int], profile=None):
    """A plan of stages of so many layers."""
    even = balanced_plan(profile or model(sum(sizes.values())), machines(len(sizes), 4000), 100)
    first, stages = 0, []
    for stage, (name, layers) in zip(even.stages, sizes.items(), strict=True):
        bounds = {"node": name, "first": first, "last": first + layers - 1}
        stages.append(stage.model_copy(update=bounds))
        first += layers
    return even.model_copy(update={"stages": tuple(stages)})


def test_a_node_that_was_hardly_at_work_is_not_taken_for_the_fastest():
    """n3 has one layer of thirteen, which by its profile takes a tenth of the time: it may be a burst."""
    plan = _uneven({"n0": 4, "n1": 4, "n2": 4, "n3": 1})
    now = situation(layers=13, plan=plan, speed={"n1": 4.0, "n2": 0.8, "n3": 0.1})
    own, trusted = (nodes(now, now.pooled) for nodes in (measured_nodes, trusted_nodes))
    assert own[3].bandwidth > 5 * own[2].bandwidth
    assert trusted[3].bandwidth == trusted[2].bandwidth == own[2].bandwidth
    assert [node.bandwidth for node in trusted[:3]] == [node.bandwidth for node in own[:3]]
    decision = decide(now)
    assert isinstance(decision, Move)
    assert decision.before == priced(plan, now, own)
    # By the fastest that was well measured, thirteen layers take four nodes at least so long.
    assert decision.predicted >= 13 * 0.8e-3 / 4 * 0.97


def test_an_idle_node_is_not_taken_for_faster_than_those_that_were_measured():
    now = situation(layers=13, plan=_uneven({"n0": 6, "n1": 5, "n2": 1, "n3": 1}), idle=1, speed={"n2": 0.1, "n3": 0.1})
    trusted = trusted_nodes(now, now.pooled)
    assert trusted[4].bandwidth == pytest.approx(max(trusted[0].bandwidth, trusted[1].bandwidth))


def test_a_few_percent_do_not_move_everything():
    """The head takes as long as seven layers, and n4 would be 4 % faster with it than n5, which has it."""
    profile = replace(model(12), head_bytes=7 * 40_000_000)
    plan = _uneven({"n0": 2, "n1": 2, "n2": 3, "n3": 2, "n4": 2, "n5": 1}, profile)
    (window,) = windows(plan, {"n2": 4.0})
    now = situation(plan=plan, profile=profile, nodes=machines(6, 4000), links=Links.uniform(6, 1e-5, 1e9),
                    windows=[window | {"n5": 8e-3 * 1.04}], sessions=24, tokens=1500,
                    rates=Rates(send=1e8, load=2e8, replay_seconds={"n0": 4e-3}))  # fmt: skip
    decision = decide(now)
    assert isinstance(decision, Move)
    assert [name for name, _, _ in spans(decision.plan)][-1] == "n5"
    assert decision.cost.bytes_sent <= 40_000_000


def test_the_head_goes_to_a_faster_node_and_the_other_layers_stay_where_they_are():
    profile = replace(model(12), head_bytes=7 * 40_000_000)
    plan = _uneven({"n0": 2, "n1": 2, "n2": 3, "n3": 2, "n4": 2, "n5": 1}, profile)
    (window,) = windows(plan, {})
    rates = Rates(send=1e8, load=2e8, replay_seconds={"n0": 4e-3})
    now = situation(plan=plan, profile=profile, nodes=machines(6, 4000), links=Links.uniform(6, 1e-5, 1e9),
                    windows=[window | {"n5": 8e-3 * 2}], sessions=24, tokens=1500, rates=rates)  # fmt: skip
    decision = decide(now)
    assert isinstance(decision, Move)
    assert decision.predicted == pytest.approx(8e-3, rel=0.11)
    assert spans(decision.plan)[-1][1:] == (11, 11)
    assert max(stage.last - stage.first for stage in decision.plan.stages) < 5
