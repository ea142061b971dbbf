"""Weighted max-min fair rates by progressive filling.

The rates of all flows grow together, each in proportion to its weight; where something is used up, or a flow has what
it asked for, the flows concerned stop there, the others go on (Bertsekas and Gallager, "Data Networks", 1992, 6.5.2).
For fixed routes that is the fair allocation: none can get more but at the cost of one that has no more for its weight.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
DEMAND, NOTHING = -1, -2  # what a flow is bound by, where it is no resource
_SAME = 1 + 1e-12  # levels that differ less are one: they would be the same but for rounding


def fill(
    uses: Sequence[Sequence[int]],
    capacity: NDArray[np.float64],
    weights: NDArray[np.float64],
    asked: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The rate of each flow, and which resource binds it, or DEMAND, or NOTHING with a rate of inf.

    uses: the resources of each flow, each once. capacity: of each resource. Anything may be inf.
    """
    lengths = np.array([len(each) for each in uses], np.int64)
    flat = np.fromiter((resource for each in uses for resource in each), np.int64, lengths.sum())
    users = _grouped(flat, np.repeat(np.arange(len(uses)), lengths), len(capacity))
    starts = np.concatenate([[0], np.cumsum(lengths)])
    rates = np.full(len(uses), np.inf)
    bound = np.full(len(uses), NOTHING, np.int64)
    growing = np.ones(len(uses), bool)
    left = capacity.astype(float)
    weight = np.bincount(flat, np.repeat(weights, lengths), len(capacity)).astype(float)  # of nothing it counts in int
    count = np.bincount(flat, minlength=len(capacity))
    full_at = asked / weights
    by_demand = np.argsort(full_at, kind="stable")
    next_full = 0
    while growing.any():
        # Level up to which each resource lasts if all that grow go on; weights are whole, so sums of them are exact.
        lasts = np.divide(left, weight, out=np.full(len(left), np.inf), where=count > 0)
        while not growing[by_demand[next_full]]:
            next_full += 1
        level = min(float(lasts.min(initial=np.inf)), float(full_at[by_demand[next_full]]))
        if np.isinf(level):
            break
        stopped: list[tuple[int, int]] = []
        for resource in np.flatnonzero(lasts <= level * _SAME):
            stopped += [(int(flow), int(resource)) for flow in users[resource] if growing[flow]]
        while next_full < len(by_demand) and full_at[flow := by_demand[next_full]] <= level * _SAME:
            stopped += [(int(flow), DEMAND)] if growing[flow] else []
            next_full += 1
        for flow, by in dict(reversed(stopped)).items():
            growing[flow] = False
            rates[flow] = asked[flow] if by == DEMAND else level * weights[flow]
            bound[flow] = by
            own = flat[starts[flow] : starts[flow + 1]]
            left[own] -= rates[flow]
            weight[own] -= weights[flow]
            count[own] -= 1
        np.maximum(left, 0.0, out=left)
    return rates, bound


def _grouped(keys: NDArray[np.int64], values: NDArray[np.int64], count: int) -> list[NDArray[np.int64]]:
    """The values of each key."""
    order = np.argsort(keys, kind="stable")
    return np.split(values[order], np.cumsum(np.bincount(keys, minlength=count))[:-1]) if count else []
