"""Telling two kinds of records apart, as an eavesdropper would who has examples of both.

Statistics: records are labelled at random (by a seed) before they are made, so under the hypothesis that a record does
not depend on its label every classifier's hits on records that it has not learned from are binomial with p = 1/2, and
ranks of times are exchangeable, however the machine behaved meanwhile. A finding is a p-value below `ALARM`, one
sided; a test with k of them is wrong about once in 10^6 / k runs.
"""

import numpy as np
from scipy.stats import binomtest, mannwhitneyu

ALARM = 1e-6


def rows(records: list[bytes]) -> np.ndarray:
    """Records of one size as rows of bits."""
    return np.unpackbits(np.array([np.frombuffer(record, np.uint8) for record in records]), axis=1).astype(float)


def by_centroid(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    """The class whose mean record is nearer: sees small differences in many places."""
    means = [train[labels == each].mean(axis=0) for each in (0, 1)]
    distances = [((test - mean) ** 2).sum(axis=1) for mean in means]
    return (distances[1] < distances[0]).astype(int)


def by_one_bit(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    """The bit that says most about the class in the examples: sees a large difference in one place."""
    difference = train[labels == 1].mean(axis=0) - train[labels == 0].mean(axis=0)
    best = int(np.abs(difference).argmax())
    return (test[:, best] > 0.5).astype(int) if difference[best] > 0 else (test[:, best] < 0.5).astype(int)


def p_of_bytes(records: list[bytes], labels: np.ndarray) -> dict[str, float]:
    """p-value of each classifier's hits on the second half, having learned from the first."""
    data, half = rows(records), len(records) // 2
    found = {}
    for classify in (by_centroid, by_one_bit):
        hits = int((classify(data[:half], labels[:half], data[half:]) == labels[half:]).sum())
        found[classify.__name__] = float(binomtest(hits, len(records) - half, 0.5, alternative="greater").pvalue)
    return found


def p_of_times(times: np.ndarray, labels: np.ndarray) -> float:
    """p-value of one class being slower or faster than the other (Mann-Whitney, two sided)."""
    return float(mannwhitneyu(times[labels == 0], times[labels == 1]).pvalue)
