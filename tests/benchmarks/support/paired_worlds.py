"""Pairs of models whose true differences are known, as a source of paired differences.

A world draws, for many runs at once, the six sums of a `Summary`: `draw(random, items)` takes how many items of each
domain each run wants, shape (runs, domains), and gives an array of shape (6, runs, domains).
"""

from dataclasses import dataclass

import numpy as np

from strata.evolution.regression.tally import Tally

CLUSTER = 8
"""Items made from one template, in the worlds that have templates."""
_AFFECTED = 0.5
"""Share of templates on which the two models differ at all."""


@dataclass(frozen=True)
class Flips:
    """Right or wrong, every item for itself: on a share `psi` the models differ, and the mean moves by `delta`."""

    delta: np.ndarray
    psi: np.ndarray
    binary = True

    def draw(self, random, items):
        gained = random.binomial(items, (self.psi + self.delta) / 2)
        lost = random.binomial(items - gained, (self.psi - self.delta) / (2 - self.psi - self.delta))
        return np.array([items, gained - lost, items, gained + lost, gained - lost, items], dtype=float)

    def variance(self):
        """Of one item's difference; with templates times the design effect."""
        return self.psi - self.delta**2


@dataclass(frozen=True)
class Templates(Flips):
    """The same shares, but items come in templates of `CLUSTER`, each drawn once.

    Half of the templates are the same to both models; on the others the candidate's share of the flips is drawn anew
    for each template from a Beta law, the uniform one where there is no difference, so that flips of a template agree.
    """

    binary = False

    def draw(self, random, items):
        count, sums, _ = self._templates(random, items)
        total, sizes = sums.sum(-1), CLUSTER * CLUSTER * count
        return np.array([CLUSTER * count, total, count, (sums**2).sum(-1), CLUSTER * total, sizes], dtype=float)

    def _templates(self, random, items):
        """How many templates, and for each of them the sum of its differences and its flips."""
        count = items // CLUSTER
        shape = (*items.shape, max(int(count.max()), 1))
        used = np.arange(shape[-1]) < count[..., None]
        touched = used & (random.random(shape) < _AFFECTED)
        share = np.clip((1 + self.delta / self.psi) / 2, 1e-9, 1 - 1e-9)[:, None]
        flips = random.binomial(CLUSTER * touched, np.broadcast_to((self.psi / _AFFECTED)[:, None], shape))
        gained = random.binomial(flips, random.beta(2 * share, 2 * (1 - share), size=shape))
        return count, 2.0 * gained - flips, flips

    def variance(self):
        lean = self.delta / self.psi
        agreement = lean**2 + (1 - lean**2) / 3  # of two flips of a template; Beta(2s, 2 - 2s) has variance s(1-s)/3
        pairs = (CLUSTER - 1) * self.psi**2 / _AFFECTED
        return self.psi + pairs * agreement - CLUSTER * self.delta**2


@dataclass(frozen=True)
class Untold(Templates):
    """The same, judged by somebody who was not told of the templates."""

    binary = True

    def draw(self, random, items):
        count, sums, flips = self._templates(random, items)
        seen, total = CLUSTER * count, sums.sum(-1)
        return np.array([seen, total, seen, flips.sum(-1), total, seen], dtype=float)


@dataclass(frozen=True)
class Graded(Flips):
    """Scores of any size with heavy tails: differences are Student's t with 5 degrees of freedom, of variance `psi`."""

    binary = False

    def draw(self, random, items):
        shape = (*items.shape, max(int(items.max()), 1))
        used = np.arange(shape[-1]) < items[..., None]
        scale = np.sqrt(self.psi * 3 / 5)
        found = np.where(used, self.delta[:, None] + scale[:, None] * random.standard_t(5, shape), 0.0)
        total = found.sum(-1)
        return np.array([items, total, items, (found**2).sum(-1), total, items], dtype=float)

    def variance(self):
        return self.psi


def collapsing(random, templates, share):
    """One domain, counted: right answers by template, of which a share collapses to none and the rest makes up for it.

    Apart from that both models' chances differ by template, at random and alike.
    """
    chance, lean = random.beta(2, 1.2, templates), random.normal(0, 0.04, templates)
    before, after = np.clip(chance - lean, 0, 1), np.clip(chance + lean, 0, 1)
    lost = int(share * templates)
    spared = (1 - after[lost:]).sum()
    after[lost:] += (1 - after[lost:]) * min(1.0, before[:lost].sum() / spared)
    after[:lost] = 0
    tally = Tally()
    for template in range(templates):
        for _ in range(CLUSTER):
            right = random.random(2) < (before[template], after[template])
            tally.add(str(template), float(right[0]), float(right[1]))
    return tally
