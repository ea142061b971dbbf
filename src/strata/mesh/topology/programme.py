"""The programme of a choice of links: the cheapest that meets the demands known so far, within every limit."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array, eye_array, hstack, vstack

from strata.mesh.topology.case import Case, Chosen
from strata.mesh.topology.demands import Demand
from strata.mesh.topology.integer import Numbers, Programme

_TIE = 0.4  # microseconds, shared out among all links: of two choices that cost the same, the one with fewer changes


@dataclass(frozen=True)
class Solved:
    """chosen: None where none was found. bound: microseconds that every choice costs at least."""

    chosen: Chosen | None
    bound: int
    sure: bool  # nothing is cheaper, or, without a choice, there is none


def solve(
    case: Case,
    demands: Sequence[Demand],
    seconds: float,
    droppable: Chosen,
    *,
    known: Chosen | None = None,
    missing: int = 0,
) -> Solved:
    """Solve it. Links that are there stay, but for the droppable ones.

    known: a choice that meets the demands. missing: what all demands together may be short of.
    """
    tie = _TIE / (len(case.pairs) + 1)
    costs = np.where(case.there, -tie, case.microseconds + tie)
    start = float(tie * case.there.sum())  # the programme's cost starts at what keeping all links is worth
    programme = _programme(case, demands, droppable, np.concatenate([costs, np.zeros(len(demands))]), missing=missing)
    found = replace(programme, start=start).optimum(seconds, math.inf if known is None else float(costs[known].sum()))
    bound = math.ceil(found.bound + start - 0.5) if math.isfinite(found.bound) else 0
    chosen = None if found.values is None else found.values[: len(costs)] > 0.5
    return Solved(chosen, max(bound, 0), found.sure)


def least_missing(case: Case, demands: Sequence[Demand], seconds: float, droppable: Chosen) -> int:
    """What all demands together are short of at least, whatever is chosen, as far as the time lets see."""
    costs = np.concatenate([np.zeros(len(case.pairs)), np.ones(len(demands))])
    everything = sum(each.least for each in demands)
    found = _programme(case, demands, droppable, costs, missing=everything).optimum(seconds)
    return everything if found.values is None else round(float(costs @ found.values))


def _programme(case: Case, demands: Sequence[Demand], droppable: Chosen, costs: Numbers, *, missing: int) -> Programme:
    """Columns: whether each link is there, and what each demand is short of. Rows: the demands, the links of each peer
    that could get more than it bears, and what is short in all.
    """
    count, rows = len(case.pairs), len(demands)
    columns = np.concatenate([each.links for each in demands])
    met = csr_array(
        (np.ones(len(columns)), (np.repeat(np.arange(rows), [len(each.links) for each in demands]), columns)),
        shape=(rows, count),
    )
    held = csr_array(
        (np.ones(2 * count), (case.ends.ravel(), np.repeat(np.arange(count), 2))), shape=(len(case.names), count)
    )
    tight = np.flatnonzero(case.degrees(np.ones(count, bool)) > case.bears)
    least = [each.least for each in demands]
    matrix = vstack(
        [
            hstack([-met, -eye_array(rows)]),
            hstack([held[tight], csr_array((len(tight), rows))]),
            hstack([csr_array((1, count)), csr_array(np.ones((1, rows)))]),
        ],
        format="csc",
    )
    return Programme(
        costs,
        matrix,
        np.concatenate([np.negative(least), case.bears[tight], [missing]]).astype(float),
        np.concatenate([case.there & ~droppable, np.zeros(rows)]).astype(float),
        np.concatenate([np.ones(count), np.minimum(least, missing)]).astype(float),
    )
