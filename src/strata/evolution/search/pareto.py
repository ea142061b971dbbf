"""Fronts of several objectives, all of which are to be high (NSGA-II: Deb et al. 2002)."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]  # points by objectives


def dominates(scores: Scores) -> NDArray[np.bool_]:
    """`[i, j]`: point i is nowhere lower than point j, and somewhere higher."""
    one, other = scores[:, None, :], scores[None, :, :]
    return np.asarray((one >= other).all(2) & (one > other).any(2))


def fronts(scores: Scores) -> NDArray[np.int64]:
    """The front of every point: 0 for those that no other dominates, 1 for those that only front 0 does, and so on."""
    above = dominates(scores)
    rank = np.full(len(scores), -1)
    front = 0
    while (rank < 0).any():
        left = rank < 0
        rank[left & ~above[left].any(0)] = front
        front += 1
    return rank


def crowding(scores: Scores) -> NDArray[np.float64]:
    """How lonely each point of one front is: the sum over objectives of the gap between its neighbours, by range.

    Points at an end of an objective are infinitely lonely.
    """
    lonely = np.zeros(len(scores))
    for values in scores.T:
        order = np.argsort(values, kind="stable")
        ordered = values[order]
        lonely[order[[0, -1]]] = np.inf
        if ordered[-1] > ordered[0]:
            lonely[order[1:-1]] += (ordered[2:] - ordered[:-2]) / (ordered[-1] - ordered[0])
    return lonely


def best_order(scores: Scores) -> NDArray[np.int64]:
    """Positions from the best to the worst: by front, within one the lonelier first, in order of position if equal."""
    rank = fronts(scores)
    lonely = np.zeros(len(scores))
    for front in np.unique(rank):
        members = rank == front
        lonely[members] = crowding(scores[members])
    return np.lexsort((np.arange(len(scores)), -lonely, rank))


def pareto_front(scores: Mapping[str, Mapping[str, float]]) -> tuple[str, ...]:
    """Names of those that no other dominates, in the order given; scores by name and objective, which all have.

    Memory grows with the front and not with the square of all, of which a ledger can have many.
    """
    if not scores:
        return ()
    objectives = sorted(next(iter(scores.values())))
    points = np.array([[given[objective] for objective in objectives] for given in scores.values()])
    kept: list[int] = []
    for position in np.lexsort(-points.T).tolist():  # whoever dominates a point comes before it
        others, point = points[kept], points[position]
        if not ((others >= point).all(1) & (others > point).any(1)).any():
            kept.append(position)
    names = tuple(scores)
    return tuple(names[position] for position in sorted(kept))
