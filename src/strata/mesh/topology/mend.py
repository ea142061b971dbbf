"""Choices of links that meet all demands: one that is found at once, and the cheapest, as far as time goes.

The programme knows some demands only. What its choice does not meet is demanded from then on; when nothing is left
unmet, its choice is the cheapest of all. On the way each choice is made whole link by link, so that there is one
whenever time is up, and each bound of a programme is one of the whole.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from strata.mesh.topology.case import Case, Chosen
from strata.mesh.topology.demands import Demand, Demands
from strata.mesh.topology.programme import least_missing, solve


@dataclass(frozen=True)
class Mended:
    """bound: microseconds that every choice costs at least that misses no more. whole: all demands are met."""

    chosen: Chosen
    bound: int
    whole: bool


def mend(case: Case, demands: Demands, deadline: float) -> Mended:
    """The cheapest choice that meets the demands.

    If the limits of peers are in the way, links of those that bear no more may go; if that is not enough, the choice
    misses as little as was found. deadline: by `time.monotonic`.
    """
    if not demands.unmet(case.there):
        return Mended(case.there, 0, whole=True)
    nothing = np.zeros(len(case.pairs), bool)
    search = _Search(case, demands, deadline)
    found = search.cheapest(nothing)
    if found is None and case.full.any():
        found = search.cheapest(case.full)
    return found or search.closest(case.full)


class _Search:
    def __init__(self, case: Case, demands: Demands, deadline: float) -> None:
        self._case, self._demands, self._deadline = case, demands, deadline
        self._known = {each.key: each for each in demands.fixed}
        self._learn(demands.unmet(case.there))

    def cheapest(self, droppable: Chosen) -> Mended | None:
        """None where it is proved that there is none, or none was found in time."""
        best: Chosen | None = None
        bound = 0
        while True:
            solved = solve(self._case, self._rows, self._left, droppable)
            bound = max(bound, solved.bound)
            if solved.chosen is None and solved.best:
                return None
            start = self._case.there if solved.chosen is None else solved.chosen
            new = self._learn(self._demands.unmet(start))
            if not new and solved.chosen is not None:
                best = self._better(best, start)
                break
            whole = self._made_whole(start)
            if whole is not None:
                best = self._better(best, whole)
            if self._left <= 0:
                break
        return None if best is None else Mended(best, min(bound, self._case.cost(best)[0]), whole=True)

    def closest(self, droppable: Chosen) -> Mended:
        """Miss as little as possible of the demands known, and of those that come up on the way."""
        while True:
            missing = least_missing(self._case, self._rows, self._left, droppable)
            solved = solve(self._case, self._rows, self._left, droppable, missing)
            chosen = self._case.there if solved.chosen is None else solved.chosen
            if not self._learn(self._demands.unmet(chosen)) or self._left <= 0:
                return Mended(chosen, 0, whole=False)

    @property
    def _rows(self) -> list[Demand]:
        return list(self._known.values())

    @property
    def _left(self) -> float:
        return self._deadline - time.monotonic()

    def _learn(self, demands: Sequence[Demand]) -> bool:
        """Whether any is new."""
        before = len(self._known)
        self._known.update((each.key, each) for each in demands)
        return len(self._known) > before

    def _better(self, one: Chosen | None, other: Chosen) -> Chosen:
        return other if one is None else min(one, other, key=self._case.cost)

    def _made_whole(self, chosen: Chosen) -> Chosen | None:
        """With the cheapest links that meet each demand. None where limits do not let it."""
        chosen = chosen.copy()
        while unmet := self._demands.unmet(chosen):
            self._learn(unmet)
            for demand in unmet:
                if not self._meet(chosen, demand):
                    return None
        return chosen

    def _meet(self, chosen: Chosen, demand: Demand) -> bool:
        short = demand.short(chosen)
        if not short:
            return True
        room = self._case.degrees(chosen) < self._case.bears
        free = demand.links[~chosen[demand.links] & room[self._case.ends[demand.links]].all(axis=1)]
        for link in free[np.argsort(self._case.microseconds[free], kind="stable")]:
            if (self._case.degrees(chosen) < self._case.bears)[self._case.ends[link]].all():
                chosen[link] = True
                short -= 1
            if not short:
                return True
        return False
