"""Where the memory of a node is going: how fast it fills, how sure that is, and when its budget would be full.

The rate is the slope of Theil and Sen: the median over all pairs of samples. Its confidence interval is Sen's (1968),
from the order of the pairs' slopes and the variance of Kendall's S. Samples taken every some seconds resemble those
before them, which makes a trend look surer than it is: that variance is multiplied by what Hamed and Rao (1998, Journal
of Hydrology 204, 182-196) found it to be too small by, from the autocorrelation of the ranks about the trend, summed
over the first lags as long as it is positive (Geyer 1992, Statistical Science 7, 473-483). A walk that remembers
everything is not cured by that: its trend is one of the past.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from strata.memory.leaks import Floats, p_value

CONFIDENCE = 0.95
FEWEST = 8
MOST = 256  # samples that are looked at: all pairs of more take long, and neighbours say the same


@dataclass(frozen=True)
class Outlook:
    """slope: bytes a second, which is between `low` and `high` with the confidence asked for (infinite where so few
    samples cannot say); p_value: of a rise as steady as this by chance.

    Seconds until the budget is full if it goes on like this: `likely` at the slope, `earliest` at `high`, `latest` at
    `low`; None is never. samples: as many as were looked at.
    """

    slope: float
    low: float
    high: float
    p_value: float
    likely: float | None
    earliest: float | None
    latest: float | None
    samples: int

    @property
    def rises(self) -> bool:
        """Whether it fills, at the confidence asked for."""
        return self.low > 0

    @property
    def sentence(self) -> str:
        """The same in words."""
        if self.earliest == 0.0 and self.likely == 0.0:
            return "the budget is full"
        if self.rises:
            assert self.likely is not None
            assert self.earliest is not None
            assert self.latest is not None
            return f"full in {_span(self.likely)} ({_span(self.earliest)} to {_span(self.latest)})"
        if self.earliest is None:
            return "not filling"
        return f"no steady rise; not full before {_span(self.earliest)}"


def outlook(
    times: Sequence[float], used: Sequence[float], budget: float, confidence: float = CONFIDENCE
) -> Outlook | None:
    """What samples of `used` bytes at `times` (seconds, rising) say of the budget; None where they are too few to say.

    Raises ValueError for times that do not rise, another number of samples, figures that are not finite.
    """
    if not 0 < confidence < 1:
        raise ValueError("a confidence is between 0 and 1")
    at, values = np.asarray(times, dtype=np.float64), np.asarray(used, dtype=np.float64)
    if at.shape != values.shape or at.ndim != 1 or not (np.isfinite(at).all() and np.isfinite(values).all()):
        raise ValueError("samples are finite numbers, one for each time")
    if (np.diff(at) <= 0).any():
        raise ValueError("the times of samples rise")
    if len(at) < FEWEST:
        return None
    chosen = np.unique(np.linspace(0, len(at) - 1, min(MOST, len(at))).round().astype(int))
    at, values = at[chosen], values[chosen]
    earlier, later = np.triu_indices(len(at), 1)
    rises = values[later] - values[earlier]
    slopes = np.sort(rises / (at[later] - at[earlier]))
    slope = float(np.median(slopes))
    factor = _inflation(values - slope * at)
    low, high = _interval(slopes, math.sqrt(_variance(values) * factor), confidence)
    free = max(0.0, budget - float(values[-1]))
    return Outlook(
        slope=slope,
        low=low,
        high=high,
        p_value=_widened(p_value(values, rises), factor) if rises.any() else 1.0,
        likely=_seconds(free, slope),
        earliest=_seconds(free, high),
        latest=_seconds(free, low),
        samples=len(at),
    )


def _variance(values: Floats) -> float:
    """Of Kendall's S, corrected for ties (Kendall 1975)."""
    n, ties = len(values), np.unique(values, return_counts=True)[1]
    return (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18


def _interval(slopes: Floats, deviation: float, confidence: float) -> tuple[float, float]:
    """Sen's: the slopes of the ranks that S has its confidence interval at."""
    half = NormalDist().inv_cdf((1 + confidence) / 2) * deviation
    low, high = math.floor((len(slopes) - half) / 2) - 1, math.ceil((len(slopes) + half) / 2)
    return (
        float(slopes[low]) if low >= 0 else -math.inf,
        float(slopes[high]) if high < len(slopes) else math.inf,
    )


def _inflation(rest: Floats) -> float:
    """By how much S varies more than if samples did not remember each other; 1 or more. rest: what is no trend."""
    n = len(rest)
    ranks = np.searchsorted(np.sort(rest), rest).astype(np.float64)
    ranks -= ranks.mean()
    power = float(ranks @ ranks)
    if power == 0:
        return 1.0
    total = 0.0
    for lag in range(1, n - 2):
        correlation = float(ranks[:-lag] @ ranks[lag:]) / power
        if correlation <= 0:
            break
        total += (n - lag) * (n - lag - 1) * (n - lag - 2) * correlation
    return 1 + 2 * total / (n * (n - 1) * (n - 2))


def _widened(p: float, factor: float) -> float:
    """The p-value where S varies `factor` times as much."""
    if factor == 1.0 or not 0 < p < 1:
        return p
    return NormalDist().cdf(NormalDist().inv_cdf(p) / math.sqrt(factor))


def _seconds(free: float, slope: float) -> float | None:
    if free <= 0:
        return 0.0
    return free / slope if slope > 0 else None


def _span(seconds: float) -> str:
    """A time for people, in its largest unit."""
    for unit, size in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:.0f} s"
