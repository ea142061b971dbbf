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

_FIRST = 0.4  # share of the time after which a choice must be there, or other ways are tried


@dataclass(frozen=True)
class Mended:
    """bound: microseconds that every choice costs at least that misses no more; 0 where limits stand in the way."""

    chosen: Chosen
    bound: int


def mend(case: Case, demands: Demands, seconds: float) -> Mended:
    """The cheapest choice that meets the demands, as far as was seen in time.

    If the limits of peers are in the way, links of those that bear no more may go; if that is not enough, the choice
    misses as little as was found.
    """
    unmet = demands.unmet(case.there)
    if not unmet:
        return Mended(case.there, 0)
    search = _Search(case, demands, unmet, time.monotonic() + seconds)
    found = search.cheapest(np.zeros(len(case.pairs), bool), _FIRST * seconds)
    if found is None and case.full.any():
        found = search.cheapest(case.full, _FIRST * seconds)
    return found or search.closest(case.full)


class _Search:
    def __init__(self, case: Case, demands: Demands, unmet: Sequence[Demand], deadline: float) -> None:
        self._case, self._demands, self._deadline = case, demands, deadline
        self._known = {each.key: each for each in (*demands.fixed, *unmet)}

    def cheapest(self, droppable: Chosen, first: float) -> Mended | None:
        """None where it is proved that there is none, or none was found in the first seconds."""
        until = min(self._deadline, time.monotonic() + first)
        best, whole = self._completed(self._case.there)
        bound = 0
        while True:
            left = (self._deadline if whole else until) - time.monotonic()
            solved = solve(self._case, self._rows, left, droppable, known=best if whole else None)
            bound = max(bound, solved.bound)
            if solved.chosen is None and solved.sure:
                return None
            if solved.chosen is not None:
                met = not self._learn(self._demands.unmet(solved.chosen))
                completed, complete = (solved.chosen, True) if met else self._completed(solved.chosen)
                if complete and (not whole or self._case.cost(completed) < self._case.cost(best)):
                    best, whole = completed, True
                if met:
                    break
            if left <= 0 or solved.chosen is None:
                break
        return Mended(best, min(bound, self._case.cost(best)[0])) if whole else None

    def closest(self, droppable: Chosen) -> Mended:
        """Miss as little as possible of the demands known, and of those that come up on the way."""
        choices = [self._completed(self._case.there)[0]]
        while (left := self._deadline - time.monotonic()) > 0:
            missing = least_missing(self._case, self._rows, left, droppable)
            solved = solve(self._case, self._rows, left, droppable, missing=missing)
            if solved.chosen is None:
                break
            new = self._learn(self._demands.unmet(solved.chosen))
            choices.append(self._completed(solved.chosen)[0] if new else solved.chosen)
            if not new:
                break
        rows = self._rows
        return Mended(min(choices, key=lambda each: (sum(row.short(each) for row in rows), self._case.cost(each))), 0)

    @property
    def _rows(self) -> list[Demand]:
        return list(self._known.values())

    def _learn(self, demands: Sequence[Demand]) -> bool:
        """Whether any is new."""
        before = len(self._known)
        self._known.update((each.key, each) for each in demands)
        return len(self._known) > before

    def _completed(self, chosen: Chosen) -> tuple[Chosen, bool]:
        """With the cheapest links that meet each demand, and whether limits let all be met."""
        chosen = chosen.copy()
        stuck = set[tuple[bytes, int]]()
        while unmet := [each for each in self._demands.unmet(chosen) if each.key not in stuck]:
            self._learn(unmet)
            stuck.update(demand.key for demand in unmet if not self._meet(chosen, demand))
        return chosen, not stuck

    def _meet(self, chosen: Chosen, demand: Demand) -> bool:
        room = self._case.bears - self._case.degrees(chosen)
        free = demand.links[~chosen[demand.links]]
        for link in free[np.argsort(self._case.microseconds[free], kind="stable")]:
            if not demand.short(chosen):
                break
            ends = self._case.ends[link]
            if (room[ends] > 0).all():
                chosen[link] = True
                room[ends] -= 1
        return not demand.short(chosen)
