"""Cut layers into exactly so many stages of even size: what to do when nothing about the nodes has been measured."""

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from strata.inference.placement.problem import InvalidProblem


def balance(sizes: ArrayLike, stages: int) -> tuple[tuple[int, int], ...]:
    """Cut `sizes` (L,) into `stages` contiguous, non-empty parts; returns (first, last) of each, inclusive.

    The largest part is as small as it can be; among those cuts the sum of squares is smallest; ties go to the earliest
    cuts. Dynamic programme, O(stages L^2). Raises InvalidProblem if there are fewer layers than stages.
    """
    weights = np.asarray(sizes, dtype=np.float64)
    layers = len(weights)
    if weights.ndim != 1 or not (weights >= 0).all() or not np.isfinite(weights).all():
        raise InvalidProblem("sizes must be finite and not negative")
    if not 1 <= stages <= layers:
        raise InvalidProblem(f"{layers} layers cannot be cut into {stages} stages")
    before = np.concatenate([[0.0], np.cumsum(weights)])
    parts = np.where(
        np.triu(np.ones((layers + 1, layers + 1), dtype=bool), 1), before[None, :] - before[:, None], np.inf
    )

    def best(costs: np.ndarray, largest: bool) -> tuple[float, list[int]]:
        """Cheapest cut points by the largest or the sum of `costs[i, j]` of the parts i..j-1."""
        totals, origins = costs[0], []
        for _ in range(stages - 1):
            candidates = np.maximum(totals[:, None], costs) if largest else totals[:, None] + costs
            origins.append(candidates.argmin(axis=0))
            totals = candidates.min(axis=0)
        cuts = [layers]
        for origin in reversed(origins):
            cuts.append(int(origin[cuts[-1]]))
        return float(totals[layers]), [0, *reversed(cuts)]

    limit, _ = best(parts, largest=True)
    # Squares of shares, so that bytes of large models neither overflow nor drown each other.
    shares = np.where(parts <= limit, parts / (before[-1] or 1.0), np.inf) ** 2
    _, cuts = best(shares, largest=False)
    return tuple((first, end - 1) for first, end in pairwise(cuts))
