"""The planner against enumeration, against the clock, and against placement in proportion to memory.

Enumeration is written here from the problem's definition and shares nothing with the planner. Placement in proportion
to memory (what exo does: layers by share of free memory, nodes in the order of a ring) uses every node; where rounding
puts more on a node than it holds, that is counted, and its seconds are compared all the same.

`seconds_*` are the worst over all families and objectives; `gap_*` compares value and proven bound beyond the exact
solver's size. `ours`, `peer` and `limit` are the geometric means of planner, peer and proven bound in seconds.
"""

import argparse
import json
import math
import statistics
import time
from itertools import pairwise

import numpy as np

from strata.inference.plan import Infeasible, partition

OBJECTIVES = ("latency", "throughput")


def enumerate_best(seconds, sizes, capacity, links, objective):
    """Smallest value over all orders, subsets and cuts; infinite if no placement fits."""
    nodes, layers = len(seconds), len(sizes)
    join = (lambda a, b: a + b) if objective == "latency" else max
    best = math.inf

    def extend(begin, last, used, value):
        nonlocal best
        if begin == layers:
            best = min(best, value)
            return
        for node in range(nodes):
            if node in used:
                continue
            held, spent = 0, 0.0
            arrived = value if last is None else join(value, links[last][node])
            for end in range(begin, layers):
                held += sizes[end]
                spent += seconds[node][end]
                if held > capacity[node]:
                    break
                extend(end + 1, node, used | {node}, join(arrived, spent))

    extend(0, None, frozenset(), 0.0)
    return best


def small_case(seed):
    """At most 5 nodes by 7 layers, unequal in everything; every third lacks links; memory is from ample to short."""
    random = np.random.default_rng(seed)
    nodes, layers = int(random.integers(1, 6)), int(random.integers(1, 8))
    sizes = random.integers(1, 50, layers)
    capacity = random.uniform(0.2, 1.8, nodes) * sizes.sum() / nodes * random.choice([0.9, 1.3, 2.0, 5.0])
    links = random.uniform(0, 2, (nodes, nodes))
    if seed % 3 == 0:
        links[random.random((nodes, nodes)) < 0.3] = np.inf
    return random.uniform(0.1, 1, (nodes, layers)), sizes, capacity.astype(int), links


def is_wrong(case, objective):
    """Whether the planner's answer differs from enumeration, or is not what it says it is. Also: was it infeasible."""
    seconds, sizes, capacity, links = case
    expected = enumerate_best(*(part.tolist() for part in case), objective)
    try:
        found = partition(seconds, sizes, capacity, links, objective)
    except Infeasible as error:
        return math.isfinite(expected) or error.missing_bytes <= 0, True
    stages = found.stages
    parts = [sum(seconds[s.node, s.first : s.last + 1]) for s in stages]
    parts += [links[a.node, b.node] for a, b in pairwise(stages)]
    value = sum(parts) if objective == "latency" else max(parts)
    valid = (
        [layer for s in stages for layer in range(s.first, s.last + 1)] == list(range(len(sizes)))
        and len({s.node for s in stages}) == len(stages)
        and all(sum(sizes[s.first : s.last + 1]) <= capacity[s.node] for s in stages)
    )
    same = all(math.isclose(x, expected, rel_tol=1e-9) for x in (found.value, found.lower_bound, value))
    return not (valid and same and found.exact), False


def family(name, nodes, layers, seed):
    """One large instance. Bytes and seconds a layer are those of a 70B model in bfloat16, give or take."""
    random = np.random.default_rng([seed, nodes, layers])
    slack = {"tight": 1.15, "ample": 6.0}.get(name, 1.7)
    layer = random.uniform(0.8, 1.2, layers) if name != "equal layers" else np.ones(layers)
    sizes = (layer * 1.7e9).astype(np.int64)
    shares = random.choice([1.0, 2.0, 3.0, 6.0], nodes) * random.uniform(0.9, 1.1, nodes)
    if name == "equal nodes":
        shares = np.ones(nodes)
    # No node is too small for any layer: one that is could not take part in either placement.
    capacity = np.maximum(shares / shares.sum() * sizes.sum() * slack, sizes.max() * 1.01).astype(np.int64)
    bandwidth = np.full(nodes, 5e10) if name == "equal nodes" else random.uniform(1e10, 2e11, nodes)
    seconds = sizes / bandwidth[:, None]
    if name == "unrelated":  # every node has its own opinion of every layer
        seconds = random.uniform(0.01, 0.1, (nodes, layers))
    links = random.lognormal(math.log(0.02 if name == "slow links" else 0.002), 1.0, (nodes, nodes))
    if name == "clusters":  # fast within a site, slow between
        site = random.integers(0, 4, nodes)
        links = np.where(site[:, None] == site[None, :], 0.0005, 0.03) * random.uniform(0.8, 1.2, (nodes, nodes))
    return seconds, sizes, capacity, links


FAMILIES = ("mixed", "tight", "ample", "equal layers", "equal nodes", "unrelated", "slow links", "clusters")


def by_memory(seconds, sizes, capacity, links, objective):
    """Value of layers in proportion to memory, nodes in the given order, and how many nodes that overfills."""
    ends = np.round(np.cumsum(capacity) / capacity.sum() * len(sizes)).astype(int)
    spans = [(n, a, b) for n, (a, b) in enumerate(zip([0, *ends[:-1]], ends, strict=True)) if a < b]
    parts = [seconds[n, a:b].sum() for n, a, b in spans]
    parts += [links[x[0], y[0]] for x, y in pairwise(spans)]
    overfull = sum(sizes[a:b].sum() > capacity[n] for n, a, b in spans)
    return (sum(parts) if objective == "latency" else max(parts)), overfull


def measure(nodes, layers, seeds):
    """A row for each family, objective and seed."""
    rows = []
    for name in FAMILIES:
        for objective in OBJECTIVES:
            for seed in range(seeds):
                given = family(name, nodes, layers, seed)
                begun = time.perf_counter()
                found = partition(*given, objective)
                spent = time.perf_counter() - begun
                peer, overfull = by_memory(*given, objective)
                rows.append((name, objective, spent, found, peer, overfull))
            group = rows[-seeds:]
            print(
                f"{nodes:4} x {layers}  {name:13} {objective:10}  worst {max(r[2] for r in group):5.2f} s"
                f"  gap {max(r[3].value / r[3].lower_bound - 1 for r in group):7.2%}"
                f"  proportional to memory / ours {geometric([r[4] / r[3].value for r in group]):6.2f}"
            )
    return rows


def geometric(values):
    """Geometric mean."""
    return math.exp(statistics.fmean(math.log(value) for value in values))


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cases", type=int, default=500, help="small cases to compare with enumeration")
    options.add_argument("--seeds", type=int, default=3, help="instances of each family and objective")
    arguments = options.parse_args()

    outcomes = [is_wrong(small_case(seed), OBJECTIVES[seed % 2]) for seed in range(arguments.cases)]
    mismatches, infeasible = sum(wrong for wrong, _ in outcomes), sum(short for _, short in outcomes)
    print(f"{arguments.cases} small cases, {infeasible} of them infeasible: {mismatches} mismatches with enumeration")
    small, large = measure(12, 130, arguments.seeds), measure(100, 130, arguments.seeds)
    assert all(row[3].exact for row in small)
    gaps = [row[3].value / row[3].lower_bound - 1 for row in large]
    ours, peer = geometric([row[3].value for row in small]), geometric([row[4] for row in small])
    result = {
        "name": "planner",
        "ours": ours,
        "peer": peer,
        "unit": "s",
        "ratio": peer / ours,
        "limit": geometric([row[3].lower_bound for row in small]),
        "mismatches": mismatches,
        "cases": arguments.cases,
        "infeasible_cases": infeasible,
        "seconds_12x130": max(row[2] for row in small),
        "seconds_100x130": max(row[2] for row in large),
        "gap_100x130_median": statistics.median(gaps),
        "gap_100x130_worst": max(gaps),
        "ratio_100x130": geometric([row[4] / row[3].value for row in large]),
        "peer_overfull_nodes": int(sum(row[5] for row in small)),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
