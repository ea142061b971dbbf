"""What the simulator says of faults that processes met too, and how far the two are apart."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from strata.mesh import Network, Remembering, Scenario, leave_alone, propose
from strata.mesh.simulate import Fault, Figures, Processes, quantiles, simulate_mesh

Numbers = Mapping[str, float]


def foretell(
    scenario: Scenario,
    network: Network,
    faults: Sequence[Fault],
    processes: Processes,
    seeds: Sequence[int],
    progress: Callable[[int], None],
) -> list[Figures]:
    """One run for each seed, all with the same faults."""
    mender, found = Remembering(propose), []
    for seed in seeds:
        found.append(simulate_mesh(scenario, network, mender, seed=seed, faults=faults, processes=processes))
        progress(len(found))
    return found


def best_possible(scenario: Scenario, network: Network, faults: Sequence[Fault], processes: Processes) -> float:
    """The uptime of a mesh that has every link that it can have: no mender does better."""
    full = replace(network, links={**network.links, **network.possible}, possible={})
    # Latencies are given, so that no detectors run: they change no link.
    return simulate_mesh(
        scenario, full, leave_alone, seed=0, detection=[0.0], faults=faults, processes=processes
    ).uptime


def numbers(figures: Figures) -> dict[str, float]:
    """What is compared; not a number where nothing was to be counted."""
    repair = quantiles(figures.repairs) or {}
    detection = quantiles([each.seconds for each in figures.detections]) or {}
    return {
        "uptime": figures.uptime,
        "partitions": figures.partitions,
        "repair_median_seconds": repair.get("median", math.nan),
        "repair_max_seconds": repair.get("max", math.nan),
        "detections": len(figures.detections),
        "detection_median_seconds": detection.get("median", math.nan),
        "detection_p95_seconds": detection.get("p95", math.nan),
        "false_alarms_about_healthy": figures.alarms_about_healthy,
        "false_alarms_about_stopped": len(figures.false_alarms) - figures.alarms_about_healthy,
        "links_added": figures.added,
    }


def compared(measured: Numbers, foretold: Sequence[Numbers]) -> dict[str, dict[str, float | bool | None]]:
    """Of each number what was measured, and mean and range of what was foretold."""
    found = {}
    for name, value in measured.items():
        said = [each[name] for each in foretold if not math.isnan(each[name])]
        low, mean, high = (min(said), statistics.fmean(said), max(said)) if said else (None, None, None)
        known = None if math.isnan(value) else value
        within = None if known is None or low is None else low <= known <= high
        found[name] = {"measured": known, "mean": mean, "low": low, "high": high, "within": within}
    return found
