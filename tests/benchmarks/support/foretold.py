"""What the simulator says of faults that processes met too, and how far the two are apart."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from random import Random

import numpy as np
from scipy.stats import rankdata

from strata.mesh import Network, Pair, Proposal, Scenario, leave_alone, propose
from strata.mesh.simulate import Fault, Figures, Processes, quantiles, simulate_mesh

Numbers = Mapping[str, float]
_ROUNDING = 1e-9


class Measuring:
    """A mender that measures round trips anew each time; of a mesh on one bridge they differ by chance only.

    So it is by chance which of many links that do as well is the cheapest.
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def __call__(self, network: Network) -> Proposal:
        """What `propose` wants of a network in which every possible link has the quality of some other one."""
        qualities = [*network.possible.values()]
        self._random.shuffle(qualities)
        return propose(replace(network, possible=dict(zip(network.possible, qualities, strict=True))))


@dataclass(frozen=True)
class Given:
    """What a prediction goes from. starting, sweeping: what starts and sweeps took when nothing was wrong, in seconds.

    It is not said which of these a start or a sweep takes under the faults, so each seed takes one of them.
    """

    scenario: Scenario
    network: Network
    faults: Sequence[Fault]
    keepers: Mapping[Pair, str]
    starting: Sequence[float]
    sweeping: Sequence[float]
    dialling: float

    def at(self, seed: int) -> tuple[Scenario, Processes]:
        """With what that seed takes."""
        source = Random(seed)
        processes = Processes(source.choice(self.starting), self.dialling, dict(self.keepers))
        return replace(self.scenario, sweep_seconds=source.choice(self.sweeping)), processes


def foretell(given: Given, seeds: Sequence[int], progress: Callable[[int], None]) -> list[Figures]:
    """One run for each seed, all with the same faults, on all processors."""
    found = []
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        for run in pool.map(partial(_foretold, given), seeds):
            found.append(run)
            progress(len(found))
    return found


def _foretold(given: Given, seed: int) -> Figures:
    scenario, processes = given.at(seed)
    return simulate_mesh(scenario, given.network, Measuring(seed), seed=seed, faults=given.faults, processes=processes)


def best_possible(given: Given) -> float:
    """The uptime of a mesh that has every link that it can have: no mender does better."""
    scenario, processes = given.at(0)
    network = given.network
    full = replace(network, links={**network.links, **network.possible}, possible={})
    # Latencies are given, so that no detectors run: they change no link.
    run = simulate_mesh(scenario, full, leave_alone, seed=0, detection=[0.0], faults=given.faults, processes=processes)
    return run.uptime


def numbers(figures: Figures) -> dict[str, float]:
    """What is compared; not a number where nothing was to be counted."""
    repair = quantiles(figures.repairs) or {}
    detection = quantiles([each.seconds for each in figures.detections]) or {}
    noticed = [each.stalled_seconds for each in figures.false_alarms if each.stalled_seconds is not None]
    return {
        "uptime": figures.uptime,
        "partitions": figures.partitions,
        "repair_median_seconds": repair.get("median", math.nan),
        "repair_max_seconds": repair.get("max", math.nan),
        "detections": len(figures.detections),
        "detection_median_seconds": detection.get("median", math.nan),
        "detection_p95_seconds": detection.get("p95", math.nan),
        "stop_detections": len(noticed),
        "stop_detection_median_seconds": (quantiles(noticed) or {}).get("median", math.nan),
        "false_alarms": len(figures.false_alarms) - len(noticed),
        "links_added": figures.added,
    }


def compared(measured: Numbers, foretold: Sequence[Numbers]) -> dict[str, dict[str, float | None]]:
    """Of each number what was measured, mean and range of what was foretold, and `p` of the two being alike.

    p: if what was measured were one more run of the simulator, how often it would be so far out, on either side: twice
    the share of all runs, itself among them, that are as far out as it is.
    """
    found = {}
    for name, value in measured.items():
        said = [each[name] for each in foretold if not math.isnan(each[name])]
        low, mean, high = (min(said), statistics.fmean(said), max(said)) if said else (None, None, None)
        known = None if math.isnan(value) else value
        p = None if known is None or not said else float(_p_values([known, *said])[0])
        found[name] = {"measured": known, "mean": mean, "low": low, "high": high, "p": p}
    return found


def p_of_all(measured: Numbers, foretold: Sequence[Numbers]) -> float:
    """The same for all numbers together, which depend on each other: as a permutation test.

    Every run is compared with all others as what was measured is, and its p-values are multiplied; the share of runs
    whose product is at most that of the measured one (Fisher's combination, its distribution taken from the runs).
    """
    runs = [measured, *foretold]
    p_values = np.array([_p_values([run[name] for run in runs]) for name in measured])
    products = np.nansum(np.log(p_values), axis=0)  # what is not there says nothing
    return float(np.mean(products <= products[0] + _ROUNDING))


def _p_values(values: Sequence[float]) -> np.ndarray:
    """Of each among all of them, itself included, two-sided; not a number where it is none."""
    known = np.array(values)
    count = np.count_nonzero(~np.isnan(known))
    as_far = np.minimum(*(rankdata(each, "max", nan_policy="omit") for each in (known, -known)))
    return np.minimum(1.0, 2 * as_far / count)
