"""The plan on top of the partition: memory and seconds of stages, tied weights, errors, its JSON."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.inference.plan import Infeasible, InvalidPlan, InvalidProblem, Plan, balanced_plan, make_plan
from strata.inference.plan.nodes import Links, NodeProfile
from strata.inference.plan.plan import with_most_sessions
from strata.inference.plan.profile import LayerProfile, ModelProfile
from strata.inference.plan.workload import RESERVE_BYTES, Workload

LAYER = LayerProfile(weight_bytes=4_000_000, flops_per_token=2_000_000, kv_bytes_per_token=100)


def model(layers=6, tied=True):
    """Embedding and head of 3 MB each, the same tensor if tied."""
    return ModelProfile(
        name="tiny",
        architecture="llama",
        dtype="float32",
        layers=(LAYER,) * layers,
        embedding_bytes=3_000_000,
        head_bytes=3_000_000,
        shared_bytes=3_000_000 * tied,
        tied=tied,
        hidden_size=8,
        vocab_size=100,
        widest=32,
        max_context=4096,
    )


def node(name, megabytes, flops=1e12, bandwidth=1e9):
    """A node with so many MB beyond what workspace (of 100 tokens) and reserve take."""
    spare = Workload(model(), 100, 1).spare_bytes
    return NodeProfile(name, spare + int(megabytes * 1e6), flops, bandwidth)


def no_links(count):
    return Links.uniform(count, 0.0, 1e12)


def test_a_stage_holds_its_layers_and_what_its_ends_need():
    nodes = [node("a", 16), node("b", 16)]
    plan = make_plan(model(), nodes, no_links(2), context=100)
    first, second = plan.stages
    assert (first.node, second.node) == ("a", "b")
    assert (first.first, first.last, second.first, second.last) == (0, 2, 3, 5)
    assert first.weight_bytes == second.weight_bytes == 3 * 4_000_000 + 3_000_000
    assert first.kv_bytes == 3 * 100 * 100
    assert first.memory_bytes <= nodes[0].memory_bytes
    assert plan.num_layers == 6


def test_tied_weights_count_once_on_one_node_and_twice_on_two():
    whole = 6 * 4 + 3 + 0.06
    plan = make_plan(model(), [node("a", whole)], no_links(1), context=100)
    assert plan.stages[0].weight_bytes == 27_000_000
    with pytest.raises(Infeasible) as caught:
        make_plan(model(tied=False), [node("a", whole)], no_links(1), context=100)
    assert caught.value.missing_bytes == 3_000_000
    with pytest.raises(Infeasible) as caught:
        make_plan(model(), [node("a", whole / 2), node("b", whole / 2)], no_links(2), context=100)
    assert caught.value.missing_bytes == 3_000_000


def test_one_node_with_tied_weights_beats_a_slower_pair():
    nodes = [node("a", 27.1), node("slow", 40, bandwidth=1e7)]
    plan = make_plan(model(), nodes, no_links(2), context=100)
    assert [stage.node for stage in plan.stages] == ["a"]
    assert plan.exact
    assert plan.lower_bound == plan.value


def test_seconds_are_the_longer_of_reading_and_computing():
    reader = make_plan(model(), [node("a", 99, flops=1e18, bandwidth=1e6)], no_links(1), context=100)
    assert reader.value == pytest.approx((6 * (4_000_000 + 100 * 100) + 3_000_000) / 1e6)
    computer = make_plan(model(), [node("a", 99, flops=1e3, bandwidth=1e18)], no_links(1), context=100)
    assert computer.value == pytest.approx((6 * 2_000_000 + 2 * 8 * 100) / 1e3)


def test_experts_are_read_only_as_far_as_tokens_use_them():
    few = replace(model(), layers=(LayerProfile(40_000_000, 2_000_000, 0),))
    one, many = (
        make_plan(few, [NodeProfile("a", 1 << 40, 1e18, 1e6)], no_links(1), context=1, batch=batch).value
        for batch in (1, 1000)
    )
    assert one == pytest.approx(4 + 3)
    assert many == pytest.approx(40 + 3)


def test_links_cost_latency_and_bandwidth_and_are_directed():
    nodes = [node("a", 16), node("b", 16)]
    links = Links.of([[0, 9.0], [0.5, 0]], [[1, 64], [64, 1]])
    plan = make_plan(model(), nodes, links, context=100)
    assert [stage.node for stage in plan.stages] == ["b", "a"]
    assert plan.stages[0].link_seconds == pytest.approx(0.5 + 8 * 4 / 64)
    assert plan.bottleneck == "link from b to a"
    assert make_plan(model(), nodes, no_links(2), context=100).bottleneck.startswith("stage on")


def test_a_sliding_window_caps_the_cache():
    windowed = replace(model(), layers=(replace(LAYER, window=10),) * 6)
    workload = Workload(windowed, 4096, 3)
    assert workload.kv_bytes(0, 5) == 6 * 3 * 10 * 100


def test_workspace_follows_the_stated_formula():
    workload = Workload(model(), 50, 2)
    assert workload.workspace_bytes == 2 * (50 * (4 * 8 + 2 * 32) * 4 + 50 * 50 + 4 * 100)
    assert workload.spare_bytes == workload.workspace_bytes + RESERVE_BYTES


def test_nodes_smaller_than_the_reserve_are_left_out():
    nodes = [NodeProfile("tiny", 1000, 1e12, 1e9), node("big", 40)]
    assert [stage.node for stage in make_plan(model(), nodes, no_links(2), context=100).stages] == ["big"]


def test_balanced_uses_every_node_in_order():
    nodes = [node(name, 40) for name in "cab"]
    plan = balanced_plan(model(), nodes, context=100)
    assert [stage.node for stage in plan.stages] == ["c", "a", "b"]
    assert plan.objective == "balance"
    assert plan.value == max(stage.weight_bytes + stage.kv_bytes for stage in plan.stages) == plan.lower_bound
    assert Plan.from_json(plan.to_json()) == plan


def test_balanced_on_one_node_counts_tied_weights_once():
    assert balanced_plan(model(), [node("a", 27.1)], context=100).stages[0].weight_bytes == 27_000_000


def test_balanced_names_the_node_that_is_too_small():
    with pytest.raises(Infeasible, match="node b would hold layers 3 to 5") as caught:
        balanced_plan(model(), [node("a", 40), node("b", 15)], context=100)
    assert caught.value.missing_bytes == 30_000


@pytest.mark.parametrize(
    ("nodes", "links", "options", "message"),
    [
        ([], no_links(0), {}, "no nodes"),
        ([node("a", 40), node("a", 40)], no_links(2), {}, "same name"),
        ([node("a", 40)], no_links(2), {}, "links describe 2 nodes"),
        ([node("a", 40)], no_links(1), {"context": 5000}, "at most 4096 tokens"),
        ([node("a", 40)], no_links(1), {"batch": 0}, "at least 1"),
    ],
)
def test_refuses_wrong_input(nodes, links, options, message):
    with pytest.raises(InvalidProblem, match=message):
        make_plan(model(), nodes, links, **options)


def test_more_nodes_than_layers_cannot_be_balanced():
    with pytest.raises(InvalidProblem, match="2 layers cannot be cut into 3 stages"):
        balanced_plan(model(layers=2), [node(name, 40) for name in "abc"], context=100)


@pytest.mark.parametrize("wrong", [(-1, 1, 1), (1, 0, 1), (1, 1, float("nan"))])
def test_a_node_profile_must_make_sense(wrong):
    with pytest.raises(InvalidProblem):
        NodeProfile("a", *wrong)


@pytest.mark.parametrize(
    "wrong", [([[0, 1]], [[0, 1]]), ([[0.0]], [[1, 2]]), ([[-1]], [[1]]), ([[0]], [[float("nan")]])]
)
def test_links_must_be_square_and_not_negative(wrong):
    with pytest.raises(InvalidProblem):
        Links.of(*wrong)


def test_no_bandwidth_means_no_link():
    nodes = [node("a", 16), node("b", 16)]
    links = Links.of([[0, 0], [0, 0]], [[0, 0], [1e9, 0]])
    assert [stage.node for stage in make_plan(model(), nodes, links, context=100).stages] == ["b", "a"]


def valid():
    return json.loads(make_plan(model(), [node("a", 16), node("b", 16)], no_links(2), context=100).to_json())


@pytest.mark.parametrize(
    "change",
    [
        lambda plan: plan.update(extra=1),
        lambda plan: plan.pop("batch"),
        lambda plan: plan.update(batch="1"),
        lambda plan: plan.update(objective="speed"),
        lambda plan: plan.update(stages=[]),
        lambda plan: plan.update(lower_bound=plan["value"] * 2),
        lambda plan: plan["stages"][0].update(node=plan["stages"][1]["node"]),
        lambda plan: plan["stages"][0].update(first=1),
        lambda plan: plan["stages"][1].update(first=4),
        lambda plan: plan["stages"][1].update(seconds=-1.0),
        lambda plan: plan["stages"][1].update(memory=1),
    ],
)
def test_json_is_strict(change):
    plan = valid()
    assert Plan.from_json(json.dumps(plan))
    change(plan)
    with pytest.raises(InvalidPlan):
        Plan.from_json(json.dumps(plan))


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_other_text_is_refused(text):
    with pytest.raises(InvalidPlan):
        Plan.from_json(text)


def test_a_plan_says_how_weights_are_held_and_old_ones_are_read():
    packed = replace(model(), weights="int8")
    nodes = [node("a", 16), node("b", 16)]
    for plan in (make_plan(packed, nodes, no_links(2), context=100), balanced_plan(packed, nodes, context=100)):
        assert plan.weights == "int8"
        assert Plan.from_json(plan.to_json()) == plan
    old = json.loads(make_plan(model(), nodes, no_links(2), context=100).to_json())
    del old["weights"]
    assert Plan.from_json(json.dumps(old)).weights is None


def test_sessions_take_memory_for_their_caches_and_no_time():
    nodes = [node("a", 16), node("b", 16)]
    alone, many = (make_plan(model(), nodes, no_links(2), context=100, sessions=count) for count in (1, 4))
    assert [stage.kv_bytes for stage in many.stages] == [4 * stage.kv_bytes for stage in alone.stages]
    assert [stage.workspace_bytes for stage in many.stages] == [stage.workspace_bytes for stage in alone.stages]
    assert many.value == alone.value
    assert (alone.sessions, many.sessions) == (1, 4)
    assert balanced_plan(model(), nodes, 100, sessions=4).stages[0].kv_bytes == many.stages[0].kv_bytes


def test_a_cache_in_8_bits_wants_room_for_one_layer_of_each_session_unpacked():
    layers = (replace(LAYER, kv_bytes_per_token=30, unpacked_bytes_per_token=100),) * 6
    packed = replace(model(), kv_cache="int8", layers=layers)
    workload = Workload(packed, 100, 1, sessions=2)
    assert workload.kv_bytes(0, 2) == 2 * 100 * (3 * 30 + 100)
    assert workload.spare_bytes == Workload(model(), 100, 1, sessions=2).spare_bytes + 2 * 100 * 100
    # What a planner may give to layers and what a stage is found to take are the same.
    nodes = [NodeProfile(name, workload.spare_bytes + 15_018_000, 1e12, 1e9) for name in "ab"]
    plan = make_plan(packed, nodes, no_links(2), context=100, sessions=2)
    assert [stage.memory_bytes for stage in plan.stages] == [node.memory_bytes for node in nodes]
    assert plan.kv_cache == "int8"
    assert Plan.from_json(plan.to_json()) == plan


def test_where_memory_is_short_fewer_sessions_have_room():
    nodes = [node("a", 15.2), node("b", 15.2)]  # 0.2 MB for caches, of which each session takes 0.03
    plan = with_most_sessions(lambda count: balanced_plan(model(), nodes, 100, sessions=count), 20)
    assert plan.sessions == 5
    with pytest.raises(Infeasible):
        with_most_sessions(lambda count: balanced_plan(model(), [node("a", 9), node("b", 9)], 100, sessions=count), 20)


def mobile(name, megabytes, **speeds):
    return replace(node(name, megabytes, **speeds), mobile=True)


@pytest.mark.parametrize("objective", ["latency", "throughput"])
def test_a_mobile_node_holds_layers_only_where_they_fit_nowhere_else(objective):
    phone, servers = mobile("phone", 100, bandwidth=1e10), [node("a", 16), node("b", 16)]
    plan = make_plan(model(), [phone, *servers], no_links(3), objective, context=100)
    assert plan == make_plan(model(), servers, no_links(2), objective, context=100)
    needed = make_plan(model(), [phone, servers[0]], no_links(2), objective, context=100)
    assert "phone" in {stage.node for stage in needed.stages}
    assert make_plan(model(), [phone], no_links(1), objective, context=100).stages[0].node == "phone"


def test_the_links_of_the_others_are_theirs_where_a_mobile_node_is_left_out():
    nodes = [mobile("phone", 100), node("a", 16), node("b", 16)]
    latency = [[0.0, 1.0, 2.0], [3.0, 0.0, 0.004], [5.0, 0.005, 0.0]]
    plan = make_plan(model(), nodes, Links.of(latency, [[1e12] * 3] * 3), context=100)
    assert [stage.node for stage in plan.stages] == ["a", "b"]
    assert plan.stages[0].link_seconds == pytest.approx(0.004, rel=1e-3)


def test_an_even_split_leaves_mobile_nodes_out_where_it_can():
    phone, servers = mobile("phone", 100), [node("a", 16), node("b", 16)]
    assert balanced_plan(model(), [phone, *servers], context=100) == balanced_plan(model(), servers, context=100)
    assert len(balanced_plan(model(), [phone, servers[0]], context=100).stages) == 2
