"""How often a mesh falls apart, and for how long: mended by sweeps, left alone, and with as many random links.

All of it is simulated, with the scenario and the requirements that data/mesh/resilience.json stated before the first
run. Two meshes of 30 nodes: `sparse`, a random tree with six links more, and `dialling`, where each node dials two at
random. Each seed is another mesh and other faults; the three meshes compared meet the same ones, and the random links
come in the same sweeps and numbers as those of the mender. `all` has every possible link, so that only splits and
nothing else is left: no mender can do better, and its uptime is `limit`.

- `partitions`: instants at which two live nodes lose their last path of live links, over all seeds
- `uptime`: of ordered pairs of live nodes, the share of time with a path
- detection: seconds from a crash until another member holds the node dead, of every observer, message by message with
  the real detector; the long simulations draw from these
- repair: seconds from a partition until all live nodes have paths again
- false alarms: with 10% of the nodes slow (they do nothing for a while, again and again), live members that somebody
  holds dead; beside it the same of SWIM without local health, longer suspicion and naps

`ours` and `peer` are uptimes, the lower one of the two meshes, of mended and random links; `ratio` is how many times
more of the time pairs are apart with random links.
"""

import argparse
import json
import math
import statistics
import time
from dataclasses import replace
from pathlib import Path

from strata.mesh import (
    RandomLinks,
    Remembering,
    Scenario,
    dialling_mesh,
    leave_alone,
    measure_detection,
    quantiles,
    simulate_mesh,
    sparse_mesh,
)
from strata.mesh import propose as mender
from strata.mesh.members import LAN

DESCRIPTION = Path(__file__).parents[2] / "data/mesh/resilience.json"
MESHES = {"sparse": sparse_mesh, "dialling": dialling_mesh}
PLAIN_SWIM = replace(LAN, health_levels=1, suspicion_stretch=1, nap=math.inf)


def every_link(network):
    """The same nodes with all links that are possible."""
    return replace(network, links={**network.links, **network.possible}, possible={})


def compared(scenario, network, seed, latencies):
    """Figures of the four meshes by name."""

    def run(network, mender, scenario=scenario):
        return simulate_mesh(scenario, network, mender, seed=seed, detection=latencies)

    unswept = replace(scenario, sweep_minutes=scenario.hours * 60)
    mended = run(network, Remembering(mender))
    return {
        "alone": run(network, leave_alone, unswept),
        "mended": mended,
        "random": run(network, RandomLinks(mended.changes, seed)),
        "all": run(every_link(network), leave_alone, unswept),
    }


def summed(runs):
    """Figures of one arm over all seeds."""
    hours = sum(run.node_hours for run in runs)
    return {
        "partitions": sum(run.partitions for run in runs),
        "uptime": statistics.fmean(run.uptime for run in runs),
        "links_added": sum(run.added for run in runs),
        "repair_seconds": quantiles([seconds for run in runs for seconds in run.repairs]),
        "node_hours": hours,
    }


def slow_nodes(scenario, nodes, seeds, timing):
    """False alarms with slow nodes."""
    runs = [
        simulate_mesh(scenario, dialling_mesh(nodes, seed), leave_alone, seed=seed, timing=timing) for seed in seeds
    ]
    return {
        "node_hours": sum(run.node_hours for run in runs),
        "false_alarms": sum(len(run.false_alarms) for run in runs),
        "about_healthy": sum(run.alarms_about_healthy for run in runs),
        "false_deaths": sum(run.false_deaths for run in runs),
    }


def shortcomings(found, required):
    """Which requirements are not met, and by what."""
    short = {}
    sparse = {arm: figures["partitions"] for arm, figures in found["sparse"].items()}
    dialling = {arm: figures["partitions"] for arm, figures in found["dialling"].items()}
    for control in ("alone", "random"):
        if sparse["mended"] > (1 - required["fewer_partitions_on_the_sparse_mesh"]) * sparse[control]:
            short[f"sparse against {control}"] = [sparse["mended"], sparse[control]]
        if dialling["mended"] > dialling[control]:
            short[f"dialling against {control}"] = [dialling["mended"], dialling[control]]
    for mesh, arms in found.items():
        if arms["mended"]["uptime"] < required["uptime"]:
            short[f"uptime of {mesh}"] = arms["mended"]["uptime"]
    return short


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seeds", type=int, help="fewer than were stated, for a quick look")
    stated = json.loads(DESCRIPTION.read_text())
    seeds = range(options.parse_args().seeds or stated["seeds"])
    scenario = Scenario.from_json(json.dumps(stated["scenario"]))
    slow = Scenario.from_json(json.dumps(stated["slow"]))
    nodes, begun = stated["nodes"], time.monotonic()
    print(
        f"SIMULATED: {len(seeds)} seeds, {nodes} nodes, {scenario.hours:g} hours each; {json.dumps(stated['scenario'])}"
    )

    found, latencies = {}, []
    for seed in range(stated["detection_seeds"]):
        latencies += measure_detection(sparse_mesh(nodes, seed), seed=seed)
    detection = quantiles(latencies)
    median, p95 = detection["median"], detection["p95"]
    print(f"detection {median:.1f} s (median), {p95:.1f} s (p95), {detection['max']:.1f} s (max)")
    long_begun = time.monotonic()
    for name, make in MESHES.items():
        runs = [compared(scenario, make(nodes, seed), seed, latencies) for seed in seeds]
        found[name] = {arm: summed([run[arm] for run in runs]) for arm in runs[0]}
        for arm, figures in found[name].items():
            repair = figures["repair_seconds"] or {"median": math.nan, "p95": math.nan}
            times = f"repair {repair['median']:.0f} s (median), {repair['p95']:.0f} s (p95)"
            print(
                f"{name:9}{arm:8}{figures['partitions']:6} partitions  uptime {figures['uptime']:.5%}  "
                f"{figures['links_added']:5} links  {times}",
                flush=True,
            )
    minutes = (time.monotonic() - long_begun) / 60
    hours = sum(figures["node_hours"] for arms in found.values() for figures in arms.values())
    alarms = {
        title: slow_nodes(slow, nodes, seeds, timing) for title, timing in (("lifeguard", LAN), ("swim", PLAIN_SWIM))
    }
    for title, figures in alarms.items():
        print(
            f"slow nodes, {title:10}{figures['about_healthy']:5} false alarms about healthy members, "
            f"{figures['false_deaths']} false deaths of slow ones in {figures['node_hours']:.0f} node-hours"
        )
    ours, peer, limit = (min(arms[arm]["uptime"] for arms in found.values()) for arm in ("mended", "random", "all"))
    result = {
        "name": "resilience",
        "ours": ours,
        "peer": peer,
        "unit": "simulated uptime of ordered pairs of live nodes",
        "ratio": (1 - peer) / (1 - ours) if ours < 1 else None,
        "limit": limit,
        "peer_name": "as many random links",
        "simulated": True,
        "short_of_requirement": shortcomings(found, stated["required"]),
        "seeds": len(seeds),
        "meshes": found,
        "detection_seconds": detection,
        "slow_nodes": alarms,
        "node_hours_a_minute": hours / minutes,
        "seconds": time.monotonic() - begun,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
