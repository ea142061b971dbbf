"""What the gate demands: margins, error rates, and how many items it may use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from scipy.special import ndtri

from strata.errors import StrataError
from strata.evolution.regression.summary import FloatArray

MARGINS: Mapping[str, float] = MappingProxyType({"coding": 0.03, "math": 0.04, "reasoning": 0.03, "language": 0.04})


class BadPolicy(StrataError):
    """A demand that no data can meet or that contradicts itself."""


@dataclass(frozen=True)
class GatePolicy:
    """The demands on a candidate. Differences are candidate minus reference, in the unit of the scores.

    `margins`, `default_margin`: the drop of a domain's mean that must not pass, and the one of domains not named.
    `overall_margin`: the same for the unweighted mean of all domains; see `margins_of`.
    `alpha`: at most this share of candidates that are nowhere worse is called a regression, and at most this share of
    those that are not better overall is promoted. `beta`: at most this share of drops of a margin is not flagged, or is
    passed as harmless. `gain`: the overall improvement that is found with probability 1 - beta; a smaller one is
    promoted too if it can be shown, but the search for it is given up sooner.
    `cap`: items of a domain, as a multiple of what a test of fixed size with these error rates takes at the variance
    that was seen. `most_items`: an absolute limit a domain. `fewest_items`, `fewest_clusters`: nothing is decided on
    less. `shift_share`: the share of honest promotions that the second detector may hold up.
    """

    margins: Mapping[str, float] = field(default_factory=lambda: MARGINS)
    default_margin: float = 0.05
    overall_margin: float = 0.05
    alpha: float = 0.05
    beta: float = 0.05
    gain: float = 0.02
    cap: float = 1.5
    most_items: int = 50_000
    fewest_items: int = 50
    fewest_clusters: int = 20
    shift_share: float = 0.02

    def __post_init__(self) -> None:
        """Raise BadPolicy for what makes no sense."""
        positive = {f"margin of {name}": value for name, value in self.margins.items()}
        positive |= {name: getattr(self, name) for name in ("default_margin", "overall_margin", "gain")}
        for name, value in positive.items():
            if not 0 < value < np.inf:
                raise BadPolicy(f"{name.replace('_', ' ')} must be a positive number, not {value}")
        for name in ("alpha", "beta", "shift_share"):
            if not 0 < getattr(self, name) <= 0.2:
                raise BadPolicy(f"{name.replace('_', ' ')} must lie between 0 and 0.2, not {getattr(self, name)}")
        if not 1.25 <= self.cap < np.inf:
            raise BadPolicy(f"the cap must be at least 1.25, without which the error rates do not hold, not {self.cap}")
        if self.fewest_items < 2 or self.fewest_clusters < 2 or self.most_items < self.fewest_items:
            raise BadPolicy("fewest items and clusters are at least 2, most items not below fewest")

    def margins_of(self, domains: Sequence[str]) -> FloatArray:
        """Margins of these domains, shape (domains,).

        Where their mean exceeds the overall margin they shrink in proportion. A mean drop of the overall margin then
        is a drop of a domain's own margin somewhere, so that the tests by domain answer for it as well.
        """
        margins = np.array([self.margins.get(domain, self.default_margin) for domain in domains])
        return margins * min(1.0, self.overall_margin / float(margins.mean()))

    def fixed_items(self, domains: int, variance: FloatArray, margin: FloatArray) -> FloatArray:
        """Items a domain of a test of fixed size: (z(alpha / domains) + z(beta))^2 variance / margin^2.

        `variance` is that of one item's difference, times the design effect if items come in clusters. One-sided,
        Bonferroni over the domains. For binary scores the variance is about psi, the share of items on which the two
        models differ; four domains at alpha = beta = .05 take 15.1 psi / margin^2, one domain takes 10.8.
        """
        spread = ndtri(1 - self.alpha / domains) + ndtri(1 - self.beta)
        return np.asarray(spread**2 * variance / margin**2, dtype=np.float64)

    def gain_items(self, variance: float) -> float:
        """Items a domain after which an overall gain of `gain` shows; `variance` is items times that of the mean."""
        return float((ndtri(1 - self.alpha) + ndtri(1 - self.beta)) ** 2 * variance / self.gain**2)
