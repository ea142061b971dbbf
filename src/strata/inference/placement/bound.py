"""Proofs and placements for many nodes: Lagrangian relaxation of the rule that a node has at most one stage.

A price of at least zero on every visit of a node, less the sum of all prices, makes no placement dearer. So for any
prices, the cheapest walk less their sum is a lower bound on the latency; and if with time left out of account that
difference is above zero, no placement exists at all. Prices rise where the walk comes back and fall where it does not
go (subgradient steps); the same prices steer the elementary pass towards nodes that nothing else needs.
"""

from collections.abc import Iterator

import numpy as np

from strata.inference.placement.problem import Floats, Problem, Stages
from strata.inference.placement.sweep import Stretch, Walk, sweep

# A difference must stand out from rounding before it counts as a proof.
_ROUNDING = 1e-9

# How prices move; found by trial on the families of tests/benchmarks/planner.py.
_DEFLECTION, _PATIENCE, _SHRINK, _LEAST_SCALE = 0.7, 4, 0.7, 0.01
_OPTIMISM = 1.3  # the value aimed at, by the bound, before any placement is known
_ELEMENTARY_EVERY = 3


class NoPlacement(Exception):
    """Proven: no placement exists within the limit. An answer within these files, not an error that leaves them."""


class Search:
    """Looks for placements within limits; the prices learnt at one limit are where the next one begins."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._prices = _capabilities(Stretch.within(problem))

    def within(self, limit: float, rounds: int) -> Stages | None:
        """Stages that, like the links between them, take at most `limit` seconds; None if undecided.

        Raises NoPlacement if there are provably none.
        """
        stretch = Stretch.within(self._problem, limit).untimed()
        best: Walk | None = None
        # What a node can take at this limit makes good prices where links hardly matter; learnt ones where they do.
        for prices in (_capabilities(stretch), self._prices):
            walk, stages = _attempt(stretch, prices)
            if stages is not None:
                return stages
            if best is None or walk.cost > best.cost:
                best, self._prices = walk, prices
        assert best is not None
        walk, prices = best, self._prices
        for _ in range(rounds):
            excess = walk.visits - 1.0
            # Towards a cost a little above the prices' sum of one: that would be the proof.
            prices = np.maximum(prices + (1.05 - walk.cost) / float(excess @ excess) * excess, 0.0)
            prices /= prices.sum() or 1.0
            walk, stages = _attempt(stretch, prices)
            if stages is not None:
                return stages
            if walk.cost > best.cost:
                best, self._prices = walk, prices
        return None


def _attempt(stretch: Stretch, prices: Floats) -> tuple[Walk, Stages | None]:
    """The cheapest walk at prices that sum to one, and a placement if one turns up; raises NoPlacement."""
    walk = sweep(stretch, prices, elementary=False)
    if walk is None or walk.cost > 1 + _ROUNDING:
        raise NoPlacement
    found = walk if walk.visits.max() <= 1 else sweep(stretch, prices, elementary=True)
    return walk, found.stages if found else None


def latency_bounds(problem: Problem, rounds: int) -> Iterator[tuple[float, Stages | None]]:
    """Yield, at prices that get better, a lower bound on the latency and perhaps a placement.

    Steps are Polyak's, towards the best placement's value, along directions that keep a part of the one before
    (Camerini, Fratta & Maffioli 1975), which zigzag less. Raises NoPlacement.
    """
    stretch = Stretch.within(problem)
    prices = kept = np.zeros(problem.nodes)
    direction = np.zeros(problem.nodes)
    lower, upper, stalled, scale = 0.0, np.inf, 0, 1.0
    for turn in range(rounds):
        walk = sweep(stretch, prices, elementary=False)
        if walk is None:
            raise NoPlacement
        bound = (walk.cost - float(prices.sum())) * (1 - _ROUNDING)
        found = walk if walk.visits.max() <= 1 else None
        if found is None and turn % _ELEMENTARY_EVERY == 0:
            found = sweep(stretch, prices, elementary=True)
        if found is not None:
            upper = min(upper, problem.value(found.stages, "latency"))
        yield bound, found.stages if found else None
        if bound > lower:
            lower, kept, stalled = bound, prices, 0
        else:
            stalled += 1
        if stalled == _PATIENCE:  # overshooting: shorter steps from the best prices so far
            stalled, scale, prices, direction = 0, scale * _SHRINK, kept, np.zeros(problem.nodes)
            continue
        excess = walk.visits - 1.0
        excess[(prices <= 0) & (excess < 0)] = 0.0  # such prices cannot fall further
        direction = excess + _DEFLECTION * direction
        norm = float(direction @ direction)
        if not norm or scale < _LEAST_SCALE or lower >= upper * (1 - _ROUNDING):
            return
        goal = upper if np.isfinite(upper) else _OPTIMISM * lower
        prices = np.maximum(prices + scale * max(goal - bound, 0.0) / norm * direction, 0.0)


def _capabilities(stretch: Stretch) -> Floats:
    """(N,) first prices: the largest share of the layers that one stage of each node can take."""
    ends = np.arange(stretch.earliest.shape[1])
    most = (ends - stretch.earliest).max(axis=1).astype(np.float64)
    shares: Floats = most / (most.sum() or 1.0)
    return shares
