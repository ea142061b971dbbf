"""How often noise alone moves layers, and whether a node that became slow is always moved away from: by simulation.

Each window of each stage is off by a factor of its own (log-normal, 15 %: more than what a quiet machine shows), and in
one of ten windows a stage has a hiccup of up to three times its time.
"""

import numpy as np
import pytest

from strata.inference.plan import balanced_plan
from strata.inference.rebalance.decide import WINDOWS, Move, decide
from tests.support.situations import machines, model, situation, windows

NODES, LAYERS = 8, 20
TRIALS = 200
PLAN = balanced_plan(model(LAYERS), machines(NODES), 100)


def _trial(seed: int, speed: dict[str, float]):
    random = np.random.default_rng(seed)
    noise = []
    for _ in range(WINDOWS):
        factors = np.exp(random.normal(0.0, 0.15, NODES))
        hiccups = np.where(random.random(NODES) < 0.1, random.uniform(1, 3, NODES), 1.0)
        noise.append({f"n{index}": factor for index, factor in enumerate(factors * hiccups)})
    return decide(situation(LAYERS, NODES, plan=PLAN, sessions=24, windows=windows(PLAN, speed, noise)))


def test_noise_alone_hardly_ever_moves_layers() -> None:
    moves = sum(isinstance(_trial(seed, {}), Move) for seed in range(TRIALS))
    assert moves <= 0.02 * TRIALS


@pytest.mark.parametrize("slow", ["n0", "n3", "n7"])
def test_a_node_of_a_quarter_of_its_speed_is_always_relieved(slow: str) -> None:
    held = next(s.last - s.first + 1 for s in PLAN.stages if s.node == slow)
    for seed in range(60):
        decision = _trial(seed, {slow: 4.0})
        assert isinstance(decision, Move), decision.why
        assert sum(s.last - s.first + 1 for s in decision.plan.stages if s.node == slow) < held
