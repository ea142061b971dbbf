"""The integer programme of a choice of links: the cheapest that meets the demands known so far, within every limit."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, eye_array, hstack

from strata.mesh.topology.case import Case, Chosen
from strata.mesh.topology.demands import Demand

_TIE = 0.5  # microseconds, shared out among all links: of two choices that cost the same, the one with fewer changes
_TINY = 1e-6


@dataclass(frozen=True)
class Solved:
    """chosen: None where none was found. bound: microseconds that every choice costs at least."""

    chosen: Chosen | None
    bound: int
    best: bool  # nothing is cheaper, or, without a choice, there is none


def solve(case: Case, demands: Sequence[Demand], seconds: float, droppable: Chosen, missing: int = 0) -> Solved:
    """Solve it (by HiGHS). Links that are there stay, but for the droppable ones.

    missing: what all demands together may be short of.
    """
    count, rows = len(case.pairs), len(demands)
    tie = _TIE / (count + 1)
    costs = np.where(case.there, -tie, case.microseconds + tie)
    solved = milp(
        np.concatenate([costs, np.zeros(rows)]),
        integrality=np.ones(count + rows, np.int64),
        bounds=Bounds(
            np.concatenate([case.there & ~droppable, np.zeros(rows)]),
            np.concatenate([np.ones(count), [min(each.least, missing) for each in demands]]),
        ),
        constraints=[*_constraints(case, demands), _in_all(count, rows, missing)],
        options={"time_limit": max(seconds, 0.01), "mip_rel_gap": 0.0},
    )
    dropped = tie * case.there.sum()  # the programme's cost starts at what keeping all links is worth
    below = solved.mip_dual_bound
    bound = 0 if below is None or not math.isfinite(below) else math.ceil(below + dropped - _TIE - _TINY)
    return Solved(None if solved.x is None else solved.x[:count] > 0.5, max(bound, 0), solved.status in (0, 2))


def least_missing(case: Case, demands: Sequence[Demand], seconds: float, droppable: Chosen) -> int:
    """What all demands together are short of at least, whatever is chosen, as far as the time lets see."""
    count, rows = len(case.pairs), len(demands)
    solved = milp(
        np.concatenate([np.zeros(count), np.ones(rows)]),
        integrality=np.ones(count + rows, np.int64),
        bounds=Bounds(
            np.concatenate([case.there & ~droppable, np.zeros(rows)]),
            np.concatenate([np.ones(count), [each.least for each in demands]]),
        ),
        constraints=_constraints(case, demands),
        options={"time_limit": max(seconds, 0.01)},
    )
    return sum(each.least for each in demands) if solved.x is None else round(solved.fun)


def _constraints(case: Case, demands: Sequence[Demand]) -> list[LinearConstraint]:
    """Of each demand, and of each peer that could get more links than it bears."""
    count, rows = len(case.pairs), len(demands)
    columns = np.concatenate([each.links for each in demands])
    matrix = csr_array(
        (np.ones(len(columns)), (np.repeat(np.arange(rows), [len(each.links) for each in demands]), columns)),
        shape=(rows, count),
    )
    peers = np.repeat(np.arange(count), 2)
    held = csr_array((np.ones(2 * count), (case.ends.ravel(), peers)), shape=(len(case.names), count))
    tight = np.flatnonzero(case.degrees(np.ones(count, bool)) > case.bears)
    return [
        LinearConstraint(hstack([matrix, eye_array(rows)], format="csr"), lb=[each.least for each in demands]),
        LinearConstraint(hstack([held[tight], csr_array((len(tight), rows))], format="csr"), ub=case.bears[tight]),
    ]


def _in_all(count: int, rows: int, missing: int) -> LinearConstraint:
    return LinearConstraint(csr_array(np.concatenate([np.zeros(count), np.ones(rows)])[None]), ub=missing)
