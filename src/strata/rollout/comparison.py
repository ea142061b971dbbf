"""Is work slower with a part than without it? A test that may be asked after every sample, for ever.

**Pairs.** The samples of one subject are taken two by two in the order in which they came, and of those pairs the ones
count in which one unit had the part and the other had not. Which of the two had it was decided by a draw that knows
nothing of them, and is as likely the one as the other, whatever the percentage, and however load and speed change from
pair to pair (Fisher, The Design of Experiments, 1935). So where the part makes no unit slower by more than `TOLERANCE`,
the unit with it, that taken off, is the slower one of its pair with a probability of at most 1/2, each pair anew.

**Evidence.** Against that stands a bet on each pair: the likelihood that the slower ones come with a probability p
above 1/2, over that they come with 1/2, averaged over all such p (Robbins 1970; Howard, Ramdas, McAuliffe and Sekhon
2021). Nobody is expected to win a bet on what is as likely as not, so the chance that the evidence ever reaches 1/a,
however often one looks, is at most a (Ville 1939).

**Windows.** A part that has been good for months would have gathered so much evidence for itself that it could be bad
for weeks. So the evidence begins anew after each window of samples, and window number k may be wrong with a probability
of 6 alpha / (pi k)^2: all of them together with alpha (Bonferroni). So long as one setting of a rollout counts, the
chance that it retreats though nothing is wrong is at most `ALPHA`, whatever the distribution of what is measured.

What the test does not see: work that fails instead of being slow, and what is slower by less than the tolerance.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strata.store import RolloutSample

ALPHA = 0.01
TOLERANCE = 0.05  # slower by so much is no reason to retreat
PAIRS_OF_WINDOW = 64


@dataclass(frozen=True)
class Comparison:
    """pairs: that count, in `slower` of which the unit with the part was slower by more than the tolerance.

    ratio: the median over the pairs of seconds with the part by seconds without it; None where there is no pair.
    """

    pairs: int
    slower: int
    ratio: float | None

    @property
    def evidence(self) -> float:
        """That the part is slower by more than the tolerance: 1 is none at all."""
        return evidence(self.pairs, self.slower)


def evidence(pairs: int, slower: int) -> float:
    """Of so many slower ones among so many pairs: the average of p^slower (1-p)^(pairs-slower) 2^pairs over p > 1/2.

    That integral is a sum of binomial coefficients over one of them.
    """
    above = sum(math.comb(pairs + 1, count) for count in range(slower + 1))
    return above / ((pairs + 1) * math.comb(pairs, slower))


def threshold(window: int, alpha: float = ALPHA) -> float:
    """What the evidence of the window of that number, counted from 1, must reach for a retreat."""
    return (math.pi * window) ** 2 / (6 * alpha)


def samples_of_window(percent: int) -> int:
    """After how many samples a window is expected to have its pairs; ValueError where there are none at this share."""
    if not 0 < percent < 100:
        raise ValueError("where all work is alike there is nothing to compare")
    share = percent / 100
    return math.ceil(PAIRS_OF_WINDOW / (share * (1 - share)))


def compare(samples: "Iterable[RolloutSample]", tolerance: float = TOLERANCE) -> Comparison:
    """Samples of one window, in the order in which they came; of a unit that has several the first counts."""
    ratios = [enabled / disabled for enabled, disabled in _pairs(samples)]
    slower = sum(ratio > 1 + tolerance for ratio in ratios)
    return Comparison(len(ratios), slower, sorted(ratios)[len(ratios) // 2] if ratios else None)


def _pairs(samples: "Iterable[RolloutSample]") -> Iterator[tuple[float, float]]:
    """Values with the part and without it."""
    seen: set[str] = set()
    waiting: defaultdict[str, list[RolloutSample]] = defaultdict(list)
    for sample in samples:
        if sample.unit in seen:
            continue
        seen.add(sample.unit)
        pair = waiting[sample.subject]
        pair.append(sample)
        if len(pair) == 2:
            one, other = waiting.pop(sample.subject)
            if one.enabled != other.enabled:
                yield (one.value, other.value) if one.enabled else (other.value, one.value)
