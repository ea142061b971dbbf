"""What moving layers costs: bytes sent, then a pause in which they are loaded and the tokens computed again."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from strata.inference.placement.problem import Floats
from strata.inference.plan.plan import Plan, StagePlan
from strata.inference.rebalance.situation import Situation, step_seconds


@dataclass(frozen=True)
class MoveCost:
    """bytes_sent: of weights, to all nodes together; send, load and replay in seconds.

    Weights are sent while the sessions go on, which slows them by an unknown share; it counts whole.
    """

    bytes_sent: int
    send: float
    load: float
    replay: float

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.send + self.load + self.replay


def cost_of_move(situation: Situation, before: Plan, after: Plan) -> MoveCost:
    """The cost of changing from `before` to `after` (both priced).

    Weights leave one machine, so all bytes share the rate at which it sends; nodes load side by side, and each that has
    other layers loads its whole stage. Tokens so far go through all stages as prompts do, which the slowest stage for
    them bounds.
    """
    names = [stage.node for stage in after.stages]
    lacking = lacking_bytes(situation, names)
    sent = int(sum(lacking[row, s.first : s.last + 1].sum() for row, s in enumerate(after.stages)))
    held = {(s.node, s.first, s.last) for s in before.stages}
    changed = [stage.weight_bytes for stage in after.stages if (stage.node, stage.first, stage.last) not in held]
    return MoveCost(
        bytes_sent=sent,
        send=sent / situation.rates.send,
        load=max(changed, default=0) / situation.rates.load,
        replay=situation.tokens * max(_row_seconds(situation, stage) for stage in after.stages),
    )


def _row_seconds(situation: Situation, stage: StagePlan) -> float:
    """Seconds in which a stage computes a row of a prompt."""
    rates = situation.rates.replay_seconds
    if not rates:
        return stage.seconds / situation.plan.batch
    layer = rates.get(stage.node, median(rates.values()))
    return layer * (stage.last - stage.first + 1)


def tokens_won(situation: Situation, before: Plan, after: Plan) -> float:
    """How many steps more there are within the horizon if the plan is changed (both priced); below 0: a loss."""
    sessions, horizon = situation.sessions, situation.horizon
    left = max(0.0, horizon - cost_of_move(situation, before, after).seconds)
    return left / step_seconds(after, sessions) - horizon / step_seconds(before, sessions)


def lacking_bytes(situation: Situation, names: Sequence[str]) -> Floats:
    """(N, L) bytes of weights that each named node would have to be sent of each layer; nothing of what it holds."""
    layers = situation.profile.layers
    sizes = np.array([layer.weight_bytes for layer in layers], np.float64)
    sizes[0] += situation.profile.embedding_bytes
    sizes[-1] += situation.profile.head_bytes
    lacking = np.tile(sizes, (len(names), 1))
    for stage in situation.plan.stages:
        if stage.node in names:
            lacking[names.index(stage.node), stage.first : stage.last + 1] = 0.0
    return lacking
