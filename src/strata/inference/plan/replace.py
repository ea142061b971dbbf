"""A placement without the nodes that are gone: to idle nodes where they have the memory, or else all layers anew."""

from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import replace

from strata.inference.placement.partition import Infeasible
from strata.inference.plan.nodes import Links, NodeProfile
from strata.inference.plan.plan import Layers, Plan, StagePlan, balanced_plan, make_plan
from strata.inference.plan.profile import ModelProfile


def replace_nodes(
    plan: Plan,
    profile: ModelProfile,
    nodes: Sequence[NodeProfile],
    standbys: Mapping[str, Set[Layers]] | None = None,
) -> Plan:
    """`plan` on `nodes` only, of which the memory alone is looked at: a survey takes seconds, and a reader waits.

    A stage whose node is not among them goes to an idle node that has it in memory, as `standbys` says, or else to the
    one with the least memory that holds it, and the others stay where they are; where a stage finds none, the layers
    are split evenly over all nodes, or else as their memory allows. A mobile node inherits where there is no other way.
    Raises Infeasible.
    """
    used = {stage.node for stage in plan.stages}
    settled = [node for node in nodes if not node.mobile or node.node in used]
    if len(settled) < len(nodes):
        with suppress(Infeasible):
            return replace_nodes(plan, profile, settled, standbys)
    substituted = _substitute(plan, nodes, standbys or {})
    if substituted is not None:
        return substituted
    if not nodes:
        raise Infeasible(sum(stage.memory_bytes for stage in plan.stages), "no node is left", proven=True)
    try:
        return balanced_plan(profile, nodes[: len(profile.layers)], plan.context, plan.batch)
    except Infeasible:
        alike = [replace(node, flops=1.0, bandwidth=1.0) for node in nodes]
        links = Links.uniform(len(nodes), 0.0, float("inf"))
        return make_plan(profile, alike, links, "throughput", context=plan.context, batch=plan.batch)


def _substitute(plan: Plan, nodes: Sequence[NodeProfile], standbys: Mapping[str, Set[Layers]]) -> Plan | None:
    used = {stage.node for stage in plan.stages}
    there = {node.node for node in nodes}
    idle = sorted((node for node in nodes if node.node not in used), key=lambda node: node.memory_bytes)
    orphans = [stage for stage in plan.stages if stage.node not in there]
    heir: dict[str, str] = {}
    for stage in sorted(orphans, key=lambda stage: -stage.memory_bytes):
        fitting = [node for node in idle if node.memory_bytes >= stage.memory_bytes]
        if not fitting:
            return None
        chosen = next((node for node in fitting if stage.layers in standbys.get(node.node, ())), fitting[0])
        idle.remove(chosen)
        heir[stage.node] = chosen.node
    stages = tuple(_moved(stage, heir.get(stage.node, stage.node)) for stage in plan.stages)
    # Nobody has measured the heirs, so the value is an estimate; the bound holds, for it was made for more nodes.
    return plan.model_copy(update={"stages": stages, "exact": plan.exact and not orphans})


def _moved(stage: StagePlan, node: str) -> StagePlan:
    return stage.model_copy(update={"node": node})
