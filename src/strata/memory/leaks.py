"""Leaks by their trend: does what a process holds after each request grow from request to request?

The test is that of Mann (1945) and Kendall (1975) for a trend that only rises: the p-value of Kendall's tau between the
samples and their order, its variance corrected for ties. The slope is that of Theil and Sen (Sen 1968), the median over
all pairs of samples, which outliers hardly move. A leak is both: p below a level, and a slope above a tolerance, as a
trend of a few bytes can be certain and still harmless.

The p-value is right for samples whose order carries no information when nothing leaks: noise of any distribution, with
any ties. It is wrong for samples that remember the one before, such as a random walk; and a rhythm, such as that of a
garbage collector, must come round several times in a window. One step alone has a slope of 0, except within a
sixteenth of a window of its middle, where more than half of all pairs rise over it: there it is taken for a leak, once.

It is written out here because scipy.stats, which the tests compare it with, takes 20 MB of the process that it watches.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from strata.errors import StrataError

ALPHA = 0.01
WINDOW = 64
_EXACT = 33
SMALLEST_WINDOW = 16  # a rise throughout has p = 1/16! = 5e-14 there: below the level of the 100,000th window at 0.01

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Trend:
    """slope: units of the samples per request; p_value: how often chance alone gives a rise as steady as this."""

    slope: float
    p_value: float


class Leak(StrataError):
    """What is held grows with every request, by `slope` units; chance gives such a rise with `p_value`."""

    def __init__(self, what: str, trend: Trend) -> None:
        super().__init__(
            f"{what} grow by {trend.slope:,.4g} per request (p = {trend.p_value:.2g}): something keeps them"
        )
        self.what, self.slope, self.p_value = what, trend.slope, trend.p_value


def trend(samples: Sequence[float]) -> Trend:
    """The trend of samples, one per request, in order. Raises ValueError below 3 samples or for one not finite."""
    values = np.asarray(samples, dtype=np.float64)
    if values.ndim != 1 or len(values) < 3 or not np.isfinite(values).all():
        raise ValueError("a trend needs 3 finite samples or more")
    if (values == values[0]).all():
        return Trend(0.0, 1.0)  # tau is not defined for what does not change
    earlier, later = np.triu_indices(len(values), 1)
    rises = values[later] - values[earlier]
    return Trend(float(np.median(rises / (later - earlier))), p_value(values, rises))


def p_value(values: Floats, rises: Floats) -> float:
    """The probability of as many rising pairs by chance; exact for up to 33 samples without ties, else approximate."""
    n, falling = len(values), int((rises < 0).sum())
    ties = np.unique(values, return_counts=True)[1]
    if n <= _EXACT and len(ties) == n:
        orders = _orders(n)
        return sum(orders[: falling + 1]) / sum(orders)
    variance = n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())
    return math.erfc((int((rises > 0).sum()) - falling) / math.sqrt(variance / 9)) / 2


@lru_cache(maxsize=4)
def _orders(n: int) -> list[int]:
    """How many orders of n samples have 0, 1, 2, ... falling pairs (Mahon's numbers)."""
    counts = [1]
    for k in range(2, n + 1):
        wider = [0] * (len(counts) + k - 1)
        for falling, count in enumerate(counts):
            for more in range(k):
                wider[falling + more] += count
        counts = wider
    return counts


def check(what: str, samples: Sequence[float], *, alpha: float = ALPHA, tolerance: float) -> Trend:
    """Test samples, once: returns their trend, or raises Leak when p < alpha and the slope is above `tolerance`.

    what: names the samples, such as "live tensors" or "resident bytes"; tolerance: of their unit, per request. Where
    nothing leaks it raises with a probability of at most about alpha. Raises ValueError as `trend` does.
    """
    found = trend(samples)
    if found.p_value < alpha and found.slope > tolerance:
        raise Leak(what, found)
    return found


def level(alpha: float, number: int) -> float:
    """The level of the window of that number, counted from 1: alpha * 6 / (pi * number)^2.

    Over all windows, however many, the levels sum to alpha: by Bonferroni's inequality that bounds the probability of
    ever being wrong.
    """
    return alpha * 6 / (math.pi * number) ** 2


class LeakMonitor:
    """Watches a process for as long as it lives: keeps up to `window` samples, tests them when it is full, begins anew.

    Samples are compared with those of the same group only, such as those taken under the same load: each group has a
    window of its own, and what differs between groups, by however much, is no trend.

    Where nothing leaks, and samples are as the module says, the probability that it ever raises Leak is at most about
    `alpha` (Bonferroni's bound), whatever the number of requests: windows do not overlap, and each has its `level`. A
    leak strong enough to be seen in one window is reported less than two windows after it begins. `warm_up` samples at
    first are not looked at.

    what, tolerance: as for `check`. Raises ValueError for settings that make no sense.
    """

    def __init__(
        self, what: str, *, tolerance: float, alpha: float = ALPHA, window: int = WINDOW, warm_up: int = 0
    ) -> None:
        if not 0 < alpha < 1 or not tolerance >= 0 or window < SMALLEST_WINDOW or warm_up < 0:
            raise ValueError(
                f"a monitor needs 0 < alpha < 1, tolerance >= 0, window >= {SMALLEST_WINDOW} and warm_up >= 0"
            )
        self._what = what
        self._tolerance = tolerance
        self._alpha = alpha
        self._window = window
        self._skip = warm_up
        self._samples: dict[Hashable, list[float]] = {}
        self._tested = 0

    @property
    def tested(self) -> int:
        """Windows that were full so far."""
        return self._tested

    def is_steady(self, found: Trend) -> bool:
        """Whether a window shows no rise to speak of; stricter than that it is no leak, which later windows must prove
        by ever smaller levels.
        """
        return found.slope <= self._tolerance or found.p_value >= self._alpha

    def note(self, sample: float, group: Hashable = None) -> Trend | None:
        """Take the sample of one request; returns the trend of the window that it fills, None while none is full.

        Raises Leak, and can be used on; ValueError for a sample that is not finite, which is then left out.
        """
        if not math.isfinite(sample):
            raise ValueError("a sample must be finite")
        if self._skip:
            self._skip -= 1
            return None
        samples = self._samples.setdefault(group, [])
        samples.append(sample)
        if len(samples) < self._window:
            return None
        del self._samples[group]
        self._tested += 1
        return check(self._what, samples, alpha=level(self._alpha, self._tested), tolerance=self._tolerance)
