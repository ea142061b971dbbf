"""What the optimiser knows: a plan under way, the nodes, the links, and how long each stage took of late.

A node's speed is its profile's, times how far the profile was off for the stage that it holds: a stage that takes twice
what its profile says is on a node of half the FLOP/s and bandwidth. A node that holds no stage is taken to be as far
off its profile as the median of those that do.

A stage of few layers is a poor sample of its node: the node is at work for a small part of the time only, and does not
show how fast it would be if it were always. So where layers might go to, nodes without a stage, or with one of less
than HARDLY of the layers that a stage has on average, are not taken for faster than the fastest of the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from strata.inference.placement.problem import InvalidProblem
from strata.inference.plan.nodes import Links, NodeProfile
from strata.inference.plan.plan import Plan, priced_stages
from strata.inference.plan.profile import ModelProfile
from strata.inference.plan.workload import Workload

HARDLY = 0.5

Window = Mapping[str, float]
"""Seconds of a decode step of the plan's batch by the node that holds the stage, over one stretch of time."""


@dataclass(frozen=True)
class Rates:
    """What moving layers costs: bytes/s to send and to load, and seconds to compute a row (a token) of a prompt again.

    replay_seconds: in one layer of each node that was measured; others are taken to be as their median. Where no prompt
    was measured, a decode step's seconds are taken, of which it needs fewer.
    """

    send: float
    load: float
    replay_seconds: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (self.send > 0 and self.load > 0) or min(self.replay_seconds.values(), default=0.0) < 0:
            raise InvalidProblem("rates must be positive")


@dataclass(frozen=True)
class Situation:
    """A plan under way.

    nodes: those that answer, with their whole memory budgets; links: between them, in the same order. windows: at least
    one, the oldest first. sessions: that run at the same time; tokens: all those so far, of all rows, which are to be
    computed again after a move. horizon: seconds for which the work is expected to go on.
    """

    plan: Plan
    profile: ModelProfile
    nodes: Sequence[NodeProfile]
    links: Links
    windows: Sequence[Window]
    sessions: int
    tokens: int
    rates: Rates
    horizon: float

    def __post_init__(self) -> None:
        if not self.windows or self.sessions < 1 or self.tokens < 0 or not self.horizon > 0:
            raise InvalidProblem("a situation needs a window, a session, and a horizon above 0 seconds")
        if len(self.links.latency) != len(self.nodes):
            raise InvalidProblem(f"links describe {len(self.links.latency)} nodes, not {len(self.nodes)}")
        answering = {node.node for node in self.nodes}
        for stage in self.plan.stages:
            if stage.node not in answering:
                raise InvalidProblem(f"node {stage.node}, which holds a stage, is not among the nodes")
            if not all(window.get(stage.node, 0.0) > 0 for window in self.windows):
                raise InvalidProblem(f"the stage on {stage.node} was not measured")

    @property
    def pooled(self) -> Window:
        """The median of each stage's windows."""
        return {stage.node: median(w[stage.node] for w in self.windows) for stage in self.plan.stages}

    @property
    def workload(self) -> Workload:
        """What a step asks of a stage."""
        return Workload(self.profile, self.plan.context, self.plan.batch)


def measured_nodes(situation: Situation, window: Window) -> tuple[NodeProfile, ...]:
    """The nodes at the speed that `window` shows, in their order."""
    return _slowed(situation.nodes, _factors(situation, window))


def trusted_nodes(situation: Situation, window: Window) -> tuple[NodeProfile, ...]:
    """The same, for what is to be expected of them: none of those that were hardly measured is the fastest."""
    factors, stages = _factors(situation, window), situation.plan.stages
    fewest = HARDLY * situation.plan.num_layers / len(stages)
    measured = {stage.node for stage in stages if stage.last - stage.first + 1 >= fewest}
    fastest = min(factors[node] for node in measured)
    bounded = {node: factor if node in measured else max(factor, fastest) for node, factor in factors.items()}
    return _slowed(situation.nodes, bounded)


def _factors(situation: Situation, window: Window) -> dict[str, float]:
    """How many times as long as by its profile each node takes."""
    nodes = situation.nodes
    expected = dict(zip((n.node for n in nodes), situation.workload.layer_seconds(nodes), strict=True))
    factors = {
        stage.node: window[stage.node] / float(expected[stage.node][stage.first : stage.last + 1].sum())
        for stage in situation.plan.stages
    }
    usual = median(factors.values())
    return {node.node: factors.get(node.node, usual) for node in nodes}


def _slowed(nodes: Sequence[NodeProfile], factors: Mapping[str, float]) -> tuple[NodeProfile, ...]:
    return tuple(
        replace(node, flops=node.flops / factors[node.node], bandwidth=node.bandwidth / factors[node.node])
        for node in nodes
    )


def priced(plan: Plan, situation: Situation, nodes: Sequence[NodeProfile]) -> Plan:
    """`plan` with the seconds that its stages and links take at the speed of `nodes` (those of the situation)."""
    stages = priced_stages(plan.stages, situation.workload, nodes, situation.links)
    return plan.model_copy(update={"stages": stages})


def step_seconds(plan: Plan, sessions: int) -> float:
    """Seconds between two steps, of any of so many sessions: the slowest stage or link, or a whole round by sessions.

    One session waits for every stage in turn; with many of them it is the bottleneck that sets the pace.
    """
    costs = [cost for stage in plan.stages for cost in (stage.seconds, stage.link_seconds)]
    return max(*costs, sum(costs) / sessions)
