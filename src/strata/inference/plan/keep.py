"""Keep a placement that is still about as good as the best: moving layers costs their transfer, noise moves them back.

Two surveys of the same machines differ by some percent, and equal nodes then change places; what they hold would be
sent again for nothing.
"""

from collections.abc import Sequence

from strata.inference.plan.nodes import Links, NodeProfile
from strata.inference.plan.plan import Plan, priced_stages
from strata.inference.plan.profile import ModelProfile
from strata.inference.plan.workload import Workload

TOLERANCE = 0.10  # of the best plan's seconds


def keep_placement(
    previous: Plan | None, best: Plan, profile: ModelProfile, nodes: Sequence[NodeProfile], links: Links
) -> Plan:
    """`previous` at today's measurements where it is at most TOLERANCE slower than `best` and still fits; else `best`.

    Layers do not stay on mobile nodes where `best` has none there.

    nodes and links are those that `best` was made with. The lower bound returned is that of `best`: it holds for every
    placement.
    """
    if previous is None or not _same_task(previous, best):
        return best
    kept = priced_placement(previous, best, profile, nodes, links)
    if kept is None or any(s.memory_bytes > _memory(nodes, s.node) for s in previous.stages):
        return best
    mobile = {node.node for node in nodes if node.mobile}
    if mobile & {stage.node for stage in previous.stages} and not mobile & {stage.node for stage in best.stages}:
        return best
    return kept if kept.value <= best.value * (1 + TOLERANCE) else best


def priced_placement(
    placed: Plan, best: Plan, profile: ModelProfile, nodes: Sequence[NodeProfile], links: Links
) -> Plan | None:
    """What `placed` costs at the measurements that `best` was made with, under its objective.

    None where it uses a node that was not measured. The lower bound is that of `best`: it holds for every placement.
    """
    if not {stage.node for stage in placed.stages} <= {node.node for node in nodes}:
        return None
    stages = priced_stages(placed.stages, Workload(profile, best.context, best.batch), nodes, links)
    costs = [cost for stage in stages for cost in (stage.seconds, stage.link_seconds)]
    value = sum(costs) if best.objective == "latency" else max(costs)
    exact = best.exact and value <= best.value
    return best.model_copy(update={"stages": stages, "value": max(value, best.lower_bound), "exact": exact})


def _memory(nodes: Sequence[NodeProfile], name: str) -> int:
    return next(node.memory_bytes for node in nodes if node.node == name)


def _same_task(previous: Plan, best: Plan) -> bool:
    """Whether both place the same bytes for the same purpose; a balanced plan has no seconds to compare."""
    fields = ("model", "objective", "context", "batch", "sessions", "dtype", "weights", "kv_cache", "num_layers")
    return best.objective != "balance" and all(getattr(previous, f) == getattr(best, f) for f in fields)
