"""What the tests need to know of paired differences: six numbers a domain, as arrays over any number of runs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Summary:
    """Sufficient statistics of differences d (candidate minus reference), arrays of one shape (..., domains).

    With t_c the sum of d and n_c the number of items in cluster c: `items` is the sum of n_c, `total` of t_c, `squares`
    of t_c^2, `cross` of t_c n_c, `sizes` of n_c^2; `clusters` counts them. An item without a cluster is one of its own.
    `binary`: every d is -1, 0 or 1 from scores 0 and 1, and no cluster holds two items, so that the law is
    trinomial. `scale`: the largest difference an item can show; 1 for scores from 0 to 1, otherwise the largest seen.
    """

    items: FloatArray
    total: FloatArray
    clusters: FloatArray
    squares: FloatArray
    cross: FloatArray
    sizes: FloatArray
    binary: BoolArray
    scale: FloatArray

    @classmethod
    def of_flips(cls, items: FloatArray, gained: FloatArray, lost: FloatArray) -> "Summary":
        """Of binary scores without clusters: how many items only the candidate, or only the reference, got right."""
        total, flips = gained - lost, gained + lost
        return cls(items, total, items, flips, total, items, np.ones_like(items, dtype=np.bool_), np.ones_like(items))

    @property
    def difference(self) -> FloatArray:
        """Mean of d."""
        return self.total / np.maximum(self.items, 1)

    @property
    def gained(self) -> FloatArray:
        """Items with d = 1, where `binary`."""
        return (self.squares + self.total) / 2

    @property
    def lost(self) -> FloatArray:
        """Items with d = -1, where `binary`."""
        return (self.squares - self.total) / 2

    def variance(self, pseudo: float = 0.0) -> FloatArray:
        """Variance of `difference`, robust to any dependence within clusters (Liang & Zeger 1986).

        It is that of a ratio of cluster sums to cluster sizes, G / (G - 1) times the sum of squared residuals
        t_c - mean * n_c, over items^2; with single items the usual s^2 / n. `pseudo` adds that many squared
        residuals of a cluster of mean size whose items differ by `scale` in directions of their own: a sequential test
        must not take a few equal differences for certainty.
        """
        mean = self.difference
        residuals = self.squares - 2 * mean * self.cross + mean**2 * self.sizes
        freed = self.clusters / np.maximum(self.clusters - 1, 1)
        largest = self.scale**2 * self.sizes / np.maximum(self.items, 1)
        spread = np.maximum(freed * residuals + pseudo * largest, 0.0)
        return np.asarray(spread / np.maximum(self.items, 1) ** 2, dtype=np.float64)
