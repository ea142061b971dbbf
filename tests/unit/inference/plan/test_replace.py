"""Placements without the nodes that are gone."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.inference.plan import Infeasible, balanced_plan, make_plan
from strata.inference.plan.nodes import Links, NodeProfile
from strata.inference.plan.profile import LayerProfile, ModelProfile
from strata.inference.plan.replace import replace_nodes

MEBIBYTE = 1 << 20
MODEL = ModelProfile(
    name="tiny", architecture="llama", dtype="float32",
    layers=(LayerProfile(weight_bytes=64 * MEBIBYTE, flops_per_token=1, kv_bytes_per_token=1024),) * 6,
    embedding_bytes=MEBIBYTE, head_bytes=MEBIBYTE, shared_bytes=0, tied=False,
    hidden_size=8, vocab_size=100, widest=32, max_context=4096,
)  # fmt: skip
CONTEXT = 64


def nodes(**mebibytes: int) -> list[NodeProfile]:
    """Nodes by name, with memory in MiB."""
    return [NodeProfile(name, size * MEBIBYTE, 1.0, 1.0) for name, size in mebibytes.items()]


PLAN = balanced_plan(MODEL, nodes(a=1000, b=1000, c=1000), context=CONTEXT)


def test_the_smallest_idle_node_that_suffices_takes_the_stage() -> None:
    plan = replace_nodes(PLAN, MODEL, nodes(a=1000, c=1000, tiny=100, large=2000, enough=200))
    assert [stage.node for stage in plan.stages] == ["a", "enough", "c"]
    assert [(stage.first, stage.last) for stage in plan.stages] == [(0, 1), (2, 3), (4, 5)]


def test_an_idle_node_that_has_the_stage_in_memory_takes_it_before_a_smaller_one() -> None:
    left = nodes(a=1000, c=1000, large=2000, tiny=100, enough=200)
    standbys = {"enough": {(4, 5)}, "large": {(0, 1), (2, 3)}, "tiny": {(2, 3)}, "gone": {(2, 3)}}
    assert [stage.node for stage in replace_nodes(PLAN, MODEL, left, standbys).stages] == ["a", "large", "c"]
    without_two = replace_nodes(PLAN, MODEL, nodes(c=1000, large=2000, other=2000), {"other": {(2, 3)}})
    assert [stage.node for stage in without_two.stages] == ["large", "other", "c"]


def test_a_plan_that_has_lost_nobody_stays() -> None:
    assert replace_nodes(PLAN, MODEL, nodes(a=1000, b=1000, c=1000, d=1000)) == PLAN


def test_without_an_idle_node_the_layers_are_spread_evenly() -> None:
    plan = replace_nodes(PLAN, MODEL, nodes(a=1000, c=1000))
    assert [(stage.node, stage.first, stage.last) for stage in plan.stages] == [("a", 0, 2), ("c", 3, 5)]


def test_a_small_survivor_gets_what_it_can_hold() -> None:
    plan = replace_nodes(PLAN, MODEL, nodes(a=1000, c=120))
    assert [(stage.node, stage.last - stage.first + 1) for stage in plan.stages if stage.node == "c"] in (
        [],
        [("c", 1)],
    )
    assert plan.num_layers == 6


def test_no_node_left_is_infeasible() -> None:
    with pytest.raises(Infeasible, match="no node is left"):
        replace_nodes(PLAN, MODEL, [])


@given(sizes=st.dictionaries(st.sampled_from("abcdefg"), st.integers(0, 700), min_size=1))
def test_whatever_is_left_is_used_within_its_memory(sizes: dict[str, int]) -> None:
    left = nodes(**sizes)
    alike = Links.uniform(len(left), 0.0, float("inf"))
    try:
        plan = replace_nodes(PLAN, MODEL, left)
    except Infeasible:
        with pytest.raises(Infeasible):
            make_plan(MODEL, left, alike, "throughput", context=CONTEXT)
        return
    memory = {node.node: node.memory_bytes for node in left}
    assert plan.num_layers == 6
    kept = {stage.node for stage in PLAN.stages} & set(sizes)
    for stage in plan.stages:
        if stage not in PLAN.stages or stage.node not in kept:
            assert stage.memory_bytes <= memory[stage.node]


def test_a_mobile_node_inherits_only_where_there_is_no_other_way() -> None:
    phone, *others = (*nodes(phone=500), *nodes(a=1000, c=1000))
    phone = replace(phone, mobile=True)
    assert [stage.node for stage in replace_nodes(PLAN, MODEL, [phone, *others]).stages] == ["a", "c"]
    assert [stage.node for stage in replace_nodes(PLAN, MODEL, [phone, *nodes(a=200, c=200)]).stages] == [
        "a", "phone", "c"
    ]  # fmt: skip
    held = PLAN.model_copy(update={"stages": (PLAN.stages[0].model_copy(update={"node": "phone"}), *PLAN.stages[1:])})
    assert [stage.node for stage in replace_nodes(held, MODEL, [phone, *nodes(c=1000, d=1000)]).stages] == [
        "phone", "d", "c"
    ]  # fmt: skip
