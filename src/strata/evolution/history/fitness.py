"""One number from scores by domain."""

from collections.abc import Collection, Mapping
from types import MappingProxyType

# How much a domain counts, unless somebody says otherwise; history files count it so.
FITNESS_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"coding": 0.30, "math": 0.25, "reasoning": 0.25, "language": 0.20}
)


def weights_of(domains: Collection[str]) -> Mapping[str, float]:
    """How much each domain counts: by `FITNESS_WEIGHTS` where they are its domains, else all alike. They sum to 1."""
    if set(domains) == set(FITNESS_WEIGHTS):
        return FITNESS_WEIGHTS
    return {domain: 1 / len(domains) for domain in domains}


def fitness(scores: Mapping[str, float], weights: Mapping[str, float] | None = None) -> float:
    """Weighted sum of the scores by domain; by `weights_of` the domains unless told otherwise.

    Raises KeyError for a domain of `weights` that has no score.
    """
    weights = weights_of(scores) if weights is None else weights
    return sum(weight * scores[domain] for domain, weight in weights.items())
