"""Pairs counted up, cluster by cluster, as they come in."""

from collections.abc import Iterable

import numpy as np

from strata.evolution.regression.pairs import Pair
from strata.evolution.regression.summary import FloatArray, Summary


class Tally:
    """One domain's scores of a reference and of the candidate on the same items."""

    def __init__(self) -> None:
        self.reference: list[float] = []
        self.candidate: list[float] = []
        self.labels: list[int] = []
        """Which cluster each item is in, from 0."""
        self._clusters: dict[str | int, int] = {}

    def add(self, cluster: str | None, reference: float, candidate: float) -> None:
        """Count one item. Its cluster may have been met before; None: it is one of its own."""
        key = len(self.labels) if cluster is None else cluster
        self.labels.append(self._clusters.setdefault(key, len(self._clusters)))
        self.reference.append(reference)
        self.candidate.append(candidate)

    @property
    def differences(self) -> FloatArray:
        """Candidate minus reference, by item."""
        return np.array(self.candidate, dtype=np.float64) - np.array(self.reference, dtype=np.float64)

    @property
    def sums(self) -> FloatArray:
        """Sum of the differences, by cluster."""
        return self._by_cluster(self.differences)

    @property
    def sizes(self) -> FloatArray:
        """Number of items, by cluster."""
        return self._by_cluster(np.ones(len(self.labels)))

    def means(self, scores: list[float]) -> FloatArray:
        """Mean of scores that are listed by item, such as `candidate`, by cluster."""
        return self._by_cluster(np.array(scores, dtype=np.float64)) / self.sizes

    def _by_cluster(self, values: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(np.array(self.labels, dtype=np.intp), weights=values), dtype=np.float64)

    @property
    def binary(self) -> bool:
        """Whether the differences are trinomial: scores 0 and 1, one item a cluster."""
        alone = len(self._clusters) == len(self.labels)
        return alone and set(self.reference) | set(self.candidate) <= {0.0, 1.0}

    def numbers(self) -> tuple[float, ...]:
        """The fields of a `Summary`, for this domain."""
        sums, sizes = self.sums, self.sizes
        scores = self.reference + self.candidate
        unit = not scores or (min(scores) >= 0 and max(scores) <= 1)
        scale = 1.0 if unit else float(np.abs(self.differences).max())
        totals = (sizes.sum(), sums.sum(), len(sums), sums @ sums, sums @ sizes, sizes @ sizes)
        return (*map(float, totals), float(self.binary), scale)


def count(pairs: Iterable[Pair], tallies: dict[str, Tally], *, anchor: bool = False) -> None:
    """Add pairs to the tallies of their domains: differences to the baseline, or to the anchor."""
    for each in pairs:
        reference = each.anchor if anchor else each.baseline
        assert reference is not None, "whoever takes pairs checks that the anchor has answered all of them"
        tallies[each.domain].add(each.cluster, reference, each.candidate)


def summarize(tallies: Iterable[Tally]) -> Summary:
    """Of all domains, arrays of shape (domains,)."""
    rows = np.array([tally.numbers() for tally in tallies], dtype=np.float64).T
    items, total, clusters, squares, cross, sizes, binary, scale = rows
    return Summary(items, total, clusters, squares, cross, sizes, binary.astype(np.bool_), scale)
