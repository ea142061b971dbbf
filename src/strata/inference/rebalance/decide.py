"""Whether layers should move, and afterwards whether it paid.

Layers move when all of this holds, and otherwise stay:

1. the best other plan takes at least MIN_GAIN less between two steps, by the median of each stage's windows, and
2. also if every node that loses layers is as fast as in its fastest window: what was slow once or twice is noise, a
   slow machine is slow in every window, and
3. over the horizon it gives more tokens although the move's cost goes by without any, and
4. no move away from the same bottleneck was undone of late (`barred`).

A move is undone when less than DELIVERED of the gain that was predicted is measured afterwards.
"""

from collections.abc import Set
from dataclasses import dataclass

from strata.inference.plan.plan import Plan
from strata.inference.rebalance.candidates import candidates, fits
from strata.inference.rebalance.cost import MoveCost, cost_of_move, tokens_won
from strata.inference.rebalance.situation import Situation, measured_nodes, priced, step_seconds, trusted_nodes

MIN_GAIN = 0.15
DELIVERED = 0.5
WINDOWS = 5  # that a decision is made by, at least; see tests/unit/inference/rebalance/test_noise.py


@dataclass(frozen=True)
class Stay:
    """Nothing moves. `before`: the present plan at measured speeds."""

    why: str
    before: Plan
    seconds: float


@dataclass(frozen=True)
class Move:
    """Change from `before` to `plan`, both at measured speeds; seconds and gain are those between two steps."""

    why: str
    before: Plan
    seconds: float
    plan: Plan
    gain: float
    cost: MoveCost

    @property
    def predicted(self) -> float:
        """Seconds between two steps after the move."""
        return self.seconds - self.gain


Decision = Move | Stay


def decide(situation: Situation, barred: Set[str] = frozenset()) -> Decision:
    """What to do; barred: bottlenecks (as `Plan.bottleneck` has them) that a move lately failed to relieve."""
    sessions = situation.sessions
    before = priced(situation.plan, situation, measured_nodes(situation, situation.pooled))
    seconds = step_seconds(before, sessions)
    enough = [
        plan
        for plan in candidates(situation, trusted_nodes(situation, situation.pooled))
        if not _same(plan, before) and fits(situation, plan)
        if seconds - step_seconds(plan, sessions) >= MIN_GAIN * seconds
    ]
    if not enough:
        return Stay(f"no other plan is {MIN_GAIN:.0%} faster", before, seconds)
    plan = max(enough, key=lambda each: tokens_won(situation, before, each))
    cost = cost_of_move(situation, before, plan)
    if tokens_won(situation, before, plan) <= 0:
        why = f"moving takes {cost.seconds:.1f} s, which {situation.horizon:.0f} s of work do not bring back"
        return Stay(why, before, seconds)
    if _gain_at_least(situation, before, plan) < MIN_GAIN:
        return Stay("some windows show no such gain: it may be noise", before, seconds)
    if before.bottleneck in barred:
        return Stay(f"a move away from the {before.bottleneck} was undone lately", before, seconds)
    gain = seconds - step_seconds(plan, sessions)
    return Move(_why(before, sessions), before, seconds, _renewed(plan, situation), gain, cost)


@dataclass(frozen=True)
class Judgement:
    """Whether a move stays, and why."""

    kept: bool
    why: str


def judge(before: float, predicted: float, after: float) -> Judgement:
    """Compare what was measured before and after a move, and what was predicted; seconds between two steps."""
    found = f"{before * 1e3:.1f} ms became {after * 1e3:.1f} ms where {predicted * 1e3:.1f} ms were predicted"
    if before - after >= DELIVERED * (before - predicted):
        return Judgement(True, found)
    return Judgement(False, f"{found}: less than {DELIVERED:.0%} of the gain")


def _gain_at_least(situation: Situation, before: Plan, plan: Plan) -> float:
    """The share of the time that `plan` saves where the nodes that lose layers are at their fastest."""
    kept = {stage.node: stage.last - stage.first for stage in plan.stages}
    window = dict(situation.pooled)
    for stage in before.stages:
        if kept.get(stage.node, -1) < stage.last - stage.first:
            window[stage.node] = min(each[stage.node] for each in situation.windows)
    now, then = measured_nodes(situation, window), trusted_nodes(situation, window)
    old, new = (priced(before, situation, now), priced(plan, situation, then))
    return 1 - step_seconds(new, situation.sessions) / step_seconds(old, situation.sessions)


def _why(before: Plan, sessions: int) -> str:
    slowest = max(max(s.seconds, s.link_seconds) for s in before.stages)
    total = sum(s.seconds + s.link_seconds for s in before.stages)
    if total / sessions > slowest:
        return f"a round through all stages takes {total * 1e3:.1f} ms"
    return f"the {before.bottleneck} takes {slowest * 1e3:.1f} ms"


def _renewed(plan: Plan, situation: Situation) -> Plan:
    """The plan under the objective that the sessions have; nothing is proven of it."""
    objective = "throughput" if situation.sessions > 1 else "latency"
    costs = [cost for stage in plan.stages for cost in (stage.seconds, stage.link_seconds)]
    value = max(costs) if objective == "throughput" else sum(costs)
    return plan.model_copy(update={"objective": objective, "value": value, "lower_bound": 0.0, "exact": False})


def _same(plan: Plan, other: Plan) -> bool:
    return [(s.node, s.first, s.last) for s in plan.stages] == [(s.node, s.first, s.last) for s in other.stages]
