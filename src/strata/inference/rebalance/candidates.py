"""Placements that a running pipeline could change to."""

from collections.abc import Iterator, Sequence

import numpy as np

from strata.inference.placement import ordered
from strata.inference.placement.problem import Infeasible, Objective, Problem, Stages
from strata.inference.plan.nodes import NodeProfile
from strata.inference.plan.plan import Plan, StagePlan, make_plan
from strata.inference.rebalance.cost import lacking_bytes, tokens_won
from strata.inference.rebalance.situation import Situation, priced

# Of the best plan's seconds, given up for sending fewer layers. Much of it pays where the head, say, takes so long that
# a few percent are gained only by having nearly all layers elsewhere, in fewer and larger stages.
SLACKS = (0.03, 0.1)
OBJECTIVES: tuple[Objective, ...] = ("throughput", "latency")


def candidates(situation: Situation, nodes: Sequence[NodeProfile]) -> Iterator[Plan]:
    """Plans within every node's memory, priced at the speed of `nodes`.

    First those that keep the order of the stages, but for the last, which has the head: on the same nodes or fewer,
    then with idle nodes put in between, one after the other for as long as each makes it faster; then the best in any
    order, which may move everything.
    """
    before = priced(situation.plan, situation, nodes)
    for objective in OBJECTIVES:
        order = [stage.node for stage in situation.plan.stages]
        idle = [node.node for node in nodes if node.node not in order]
        worth = 0.0
        for names in [order, *([*order[:at], *order[at + 1 :], order[at]] for at in range(len(order) - 1))]:
            for slack in SLACKS:
                best = _in_order(situation, nodes, names, objective, slack)
                if best is not None:
                    value = tokens_won(situation, before, best)
                    order, worth = (names, value) if value > worth else (order, worth)
                    yield best
        while idle:
            found = [
                (tokens_won(situation, before, plan), name, names, plan)
                for name in idle
                for names in ([*order[:at], name, *order[at:]] for at in range(len(order) + 1))
                for slack in SLACKS
                if (plan := _in_order(situation, nodes, names, objective, slack)) is not None
            ]
            value, name, order, plan = max(found, key=lambda each: each[0], default=(0.0, "", order, situation.plan))
            if value <= worth:
                break
            idle.remove(name)
            worth = value
            yield plan
        try:
            free = make_plan(
                situation.profile, nodes, situation.links, objective,
                context=situation.plan.context, batch=situation.plan.batch,
            )  # fmt: skip
        except Infeasible:
            continue
        if fits(situation, free):
            yield situation.plan.model_copy(update={"stages": free.stages, "sessions": 1})


def fits(situation: Situation, plan: Plan) -> bool:
    """Whether every node of the plan has the memory for its stage and the KV caches of all sessions."""
    budgets = {node.node: node.memory_bytes for node in situation.nodes}
    others = situation.sessions - 1  # a stage's own count has one session
    return all(stage.memory_bytes + others * stage.kv_bytes <= budgets.get(stage.node, -1) for stage in plan.stages)


def _in_order(
    situation: Situation, nodes: Sequence[NodeProfile], names: Sequence[str], objective: Objective, slack: float
) -> Plan | None:
    """Of the plans that use some of the named nodes in this order, and are the best but for `slack`, the nearest."""
    index = {node.node: number for number, node in enumerate(nodes)}
    chosen = [index[name] for name in names]
    if not chosen:
        return None
    workload, used = situation.workload, [nodes[number] for number in chosen]
    capacity = [max(0, node.memory_bytes - workload.spare_bytes) for node in used]
    hops = workload.link_seconds(situation.links)[np.ix_(chosen, chosen)]
    cached = [situation.sessions * workload.kv_bytes(layer, layer) for layer in range(len(situation.profile.layers))]
    sizes = lacking_bytes(situation, [""])[0] + cached
    problem = Problem.of(workload.layer_seconds(used), sizes, capacity, hops)
    found = ordered.solve(problem, objective, lacking_bytes(situation, names), slack)
    return None if found is None else priced(_plan(situation, used, found), situation, nodes)


def _plan(situation: Situation, used: Sequence[NodeProfile], found: Stages) -> Plan:
    workload, profile = situation.workload, situation.profile
    stages = tuple(
        StagePlan(
            node=used[span.node].node,
            first=span.first,
            last=span.last,
            weight_bytes=profile.stage_weight_bytes(span.first, span.last),
            kv_bytes=workload.kv_bytes(span.first, span.last),
            workspace_bytes=workload.workspace_bytes,
            seconds=0.0,
            link_seconds=0.0,
        )
        for span in found
    )
    return situation.plan.model_copy(update={"stages": stages, "sessions": 1})
