"""One number from scores by domain."""

from collections.abc import Mapping
from types import MappingProxyType

# How much a domain counts, unless somebody says otherwise; history files count it so.
FITNESS_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"coding": 0.30, "math": 0.25, "reasoning": 0.25, "language": 0.20}
)


def fitness(scores: Mapping[str, float], weights: Mapping[str, float] = FITNESS_WEIGHTS) -> float:
    """Weighted sum of the scores by domain. Raises KeyError for a domain that has none."""
    return sum(weight * scores[domain] for domain, weight in weights.items())
