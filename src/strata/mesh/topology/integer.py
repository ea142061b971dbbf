"""Integer programmes that are nearly linear: min costs x, matrix x <= most, x whole within bounds.

With many columns HiGHS can spend minutes on a programme, and does not see the time pass. The linear relaxation is
solved in no time, and often its solution is whole. If not, its reduced costs say which columns no solution can have
that costs little more: without these the programme is small. Where nothing costs so little, more is allowed.
"""

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csc_array

Numbers = NDArray[np.float64]
_MORE = (0.02, 0.2, math.inf)  # shares of the relaxation's cost that a solution may cost more
_MOST_ENTRIES = 100_000  # of a matrix that is given to HiGHS as a whole, when it is not known what can be left out
_TINY = 1e-6


@dataclass(frozen=True)
class Optimum:
    """values: None where none was found. bound: no solution costs less. sure: it is the best, or there is none."""

    values: Numbers | None
    bound: float
    sure: bool


@dataclass(frozen=True)
class Programme:
    """start: what is subtracted from costs as a matter of form; shares of costs are counted without it."""

    costs: Numbers
    matrix: csc_array
    most: Numbers
    low: Numbers
    high: Numbers
    start: float = 0.0

    def optimum(self, seconds: float, known: float = math.inf) -> Optimum:
        """known: a solution costs as much; those that cost more are not looked for."""
        deadline = time.monotonic() + seconds
        free = self.low < self.high
        if not free.any():
            return self._only(self.low)
        columns: Any = self.matrix[:, np.flatnonzero(free)]  # linprog takes sparse ones, its stubs do not know
        relaxed = linprog(
            self.costs[free],
            A_ub=columns,
            b_ub=self.most - self.matrix[:, np.flatnonzero(~free)] @ self.low[~free],
            bounds=list(zip(self.low[free], self.high[free], strict=True)),
            options={"time_limit": max(seconds, 0.01)},
        )
        if relaxed.fun is None or relaxed.status != 0:
            return Optimum(None, -math.inf, relaxed.status == 2)
        below = float(relaxed.fun + self.costs[~free] @ self.low[~free])
        values = self.low.copy()
        values[free] = relaxed.x
        if np.abs(values - np.round(values)).max() < _TINY:
            return Optimum(np.round(values), below, sure=True)
        up, down = np.zeros(len(values)), np.zeros(len(values))
        up[free], down[free] = relaxed.lower.marginals, -relaxed.upper.marginals
        bound = below
        for more in _MORE:
            within = min(below + more * (below + self.start) + 1, known + _TINY)
            low = np.where(down > within - below, self.high, self.low)
            high = np.where(up > within - below, self.low, self.high)
            found = self._between(low, high, deadline - time.monotonic(), whole=math.isinf(within))
            if not found.sure or math.isinf(within) or (found.values is not None and found.bound <= within):
                return Optimum(found.values, max(min(found.bound, within), bound), found.sure)
            bound = max(bound, within)  # nothing costs less
        return Optimum(None, bound, sure=False)

    def _between(self, low: Numbers, high: Numbers, seconds: float, *, whole: bool) -> Optimum:
        free = np.flatnonzero(low < high)
        fixed = np.flatnonzero(low >= high)
        if not len(free):
            return self._only(low)
        matrix = self.matrix[:, free]
        if seconds <= 0 or (whole and matrix.nnz > _MOST_ENTRIES):
            return Optimum(None, -math.inf, sure=False)
        spent = float(self.costs[fixed] @ low[fixed])
        solved = milp(
            self.costs[free],
            integrality=np.ones(len(free), np.int64),
            bounds=Bounds(low[free], high[free]),
            constraints=LinearConstraint(matrix, ub=self.most - self.matrix[:, fixed] @ low[fixed]),
            options={"time_limit": seconds, "mip_rel_gap": 0.0},
        )
        bound = -math.inf if solved.mip_dual_bound is None else solved.mip_dual_bound + spent
        if solved.x is None:
            return Optimum(None, bound, solved.status == 2)
        values = low.copy()
        values[free] = np.round(solved.x)
        return Optimum(values, bound, solved.status == 0)

    def _only(self, values: Numbers) -> Optimum:
        """Where there is no choice."""
        if (self.matrix @ values > self.most + _TINY).any():
            return Optimum(None, math.inf, sure=True)
        return Optimum(values, float(self.costs @ values), sure=True)
