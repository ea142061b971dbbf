"""Arrays over domains, made into findings."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from strata.evolution.regression.judgement import Finding, State
from strata.evolution.regression.summary import BoolArray, FloatArray, Summary
from strata.evolution.regression.tally import Tally


@dataclass(frozen=True)
class Tested:
    """What tests say of each domain, arrays of shape (domains,); the meaning of each is that of `Finding`."""

    low: FloatArray
    high: FloatArray
    p_drop: FloatArray
    p_margin: FloatArray
    sound: BoolArray
    dropped: BoolArray
    needed: FloatArray


def findings(
    counted: Mapping[str, Tally], summary: Summary, margins: FloatArray, tested: Tested
) -> tuple[Finding, ...]:
    """One finding a domain, in the order of `counted`."""
    return tuple(
        Finding(
            domain=domain,
            items=len(tally.candidate),
            clusters=int(summary.clusters[at]),
            reference_mean=_mean(tally.reference),
            candidate_mean=_mean(tally.candidate),
            difference=float(summary.difference[at]),
            low=float(tested.low[at]),
            high=float(tested.high[at]),
            margin=float(margins[at]),
            p_drop=float(tested.p_drop[at]),
            p_margin=float(tested.p_margin[at]),
            state=_state(bool(tested.sound[at]), bool(tested.dropped[at])),
            items_needed=0 if tested.sound[at] or tested.dropped[at] else max(1, int(np.ceil(tested.needed[at]))),
        )
        for at, (domain, tally) in enumerate(counted.items())
    )


def _mean(scores: list[float]) -> float:
    return float(np.mean(scores)) if scores else 0.0


def _state(sound: bool, dropped: bool) -> State:
    return State.SOUND if sound else State.DROPPED if dropped else State.OPEN
