"""Mending meshes of 1,000 peers and sharing the bandwidth of 500 links, on one core, beside networkx and chance.

Meshes of each family have 25 possible links a peer (20 to 30 for most), and round trips by the distance of the two on a
map, give or take:

- `sparse`: each peer dialled one that was there before it, every second one another
- `dial two`: each dialled two of those before it
- `sites`: 40 sites, dense inside, each linked with the one before it by one link
- `full`: sparse, and no peer bears more than four links
- `phones`: sparse, and every fifth peer is mobile
- `no links`: nothing is there yet

`gap`: by how much the proposal costs more than what is proved to be the least. Left: single peers whose loss would cut
the mesh, before, with the proposal, with networkx's `k_edge_augmentation` (of the same links to choose from, by the
same costs; it knows of edges only, of no limits and no mobile peers), and with as many random possible links as
proposed (mean of 20 draws).

`ours` and `peer` are the seconds of round trip added by the proposals and by networkx, over all families where networkx
can take part; `limit` is what no choice can be below. networkx's choices survive less: see what they leave.

Bandwidth: 2,000 flows with given routes of six links over 500 links, and with routes left out.
"""

import argparse
import dataclasses
import json
import os
import random
import statistics
import time
from itertools import pairwise

import networkx

from strata.mesh import (
    WEIGHTS,
    Device,
    Flow,
    Kind,
    Network,
    Peer,
    Quality,
    allocate,
    pair,
    propose,
    weak_spots,
)

DRAWS = 20
FLOWS, LINKS = 2000, 500
REQUIRED_SECONDS = {"topology": 10.0, "bandwidth": 1.0}


class Map:
    """Peers at places of the unit square."""

    def __init__(self, peers, seed):
        self.random = random.Random(seed)
        self.names = [f"{at:04}" for at in range(peers)]
        self.places = {name: (self.random.random(), self.random.random()) for name in self.names}

    def quality(self, one, other):
        """Of a link: 2 ms, and 100 ms from side to side, a third more at most."""
        distance = sum((a - b) ** 2 for a, b in zip(self.places[one], self.places[other], strict=True)) ** 0.5
        return Quality(0.002 + 0.1 * distance * self.random.uniform(1, 1.3))

    def network(self, pairs, each=25):
        """With these links, and so many possible ones for each peer on average."""
        links = {ends: self.quality(*ends) for ends in sorted(pairs)}
        possible = {}
        while len(possible) < len(self.names) * each // 2:
            ends = pair(*self.random.sample(self.names, 2))
            if ends not in links and ends not in possible:
                possible[ends] = self.quality(*ends)
        return Network({name: Peer(name) for name in self.names}, links, possible)


def sparse(peers, seed):
    where = Map(peers, seed)
    pairs = set()
    for at, name in enumerate(where.names[1:], 1):
        pairs.add(pair(name, where.random.choice(where.names[:at])))
        if where.random.random() < 0.5:
            pairs.add(pair(name, where.random.choice([other for other in where.names if other != name])))
    return where.network(pairs)


def dial_two(peers, seed):
    where = Map(peers, seed)
    pairs = {pair(*where.names[:2])}
    for at, name in enumerate(where.names[2:], 2):
        pairs |= {pair(name, other) for other in where.random.sample(where.names[:at], 2)}
    return where.network(pairs)


def sites(peers, seed):
    where = Map(peers, seed)
    inside = peers // 40
    groups = [where.names[at : at + inside] for at in range(0, peers, inside)]
    pairs = {pair(*where.random.sample(group, 2)) for group in groups for _ in range(3 * inside)}
    pairs |= {pair(where.random.choice(a), where.random.choice(b)) for a, b in pairwise(groups)}
    return where.network(pairs)


def full(peers, seed):
    network = sparse(peers, seed)
    return dataclasses.replace(network, peers={name: Peer(name, most_links=4) for name in network.peers})


def phones(peers, seed):
    network = sparse(peers, seed)
    kinds = [Device.SERVER] * 4 + [Device.MOBILE]
    return dataclasses.replace(
        network, peers={name: Peer(name, kinds[at % 5]) for at, name in enumerate(network.peers)}
    )


def no_links(peers, seed):
    return Map(peers, seed).network(set())


FAMILIES = {
    "sparse": sparse, "dial two": dial_two, "sites": sites, "full": full, "phones": phones, "no links": no_links,
}  # fmt: skip
PLAIN = ("sparse", "sites")  # those that networkx can be asked about


def measure(name, network, survive):
    begun = time.perf_counter()
    found = propose(network, survive)
    seconds = time.perf_counter() - begun
    return {
        "family": name,
        "survive": survive,
        "seconds": seconds,
        "added": len(found.add),
        "dropped": len(found.drop),
        "cost": found.cost,
        "bound": found.bound,
        "reached": found.reached,
        "left_before": len(weak_spots(network).articulation_points),
        "left_ours": len(weak_spots(found.applied(network)).articulation_points),
    }


def left_with(network, added):
    links = network.links | {each: network.possible[each] for each in added}
    return len(weak_spots(dataclasses.replace(network, links=links, possible={})).articulation_points)


def by_networkx(network, survive):
    """Its choice, the cost of that, what it leaves, and its seconds."""
    graph = networkx.Graph(list(network.links))
    graph.add_nodes_from(network.peers)
    offered = [(*ends, quality.rtt_seconds) for ends, quality in network.possible.items()]
    begun = time.perf_counter()
    added = [pair(*ends) for ends in networkx.k_edge_augmentation(graph, survive + 1, offered, partial=True)]
    seconds = time.perf_counter() - begun
    cost = sum(network.possible[ends].rtt_seconds for ends in added)
    return {
        "seconds_networkx": seconds,
        "added_networkx": len(added),
        "cost_networkx": cost,
        "left_networkx": left_with(network, added),
    }


def by_chance(network, count):
    draws = [random.Random(draw).sample(sorted(network.possible), count) for draw in range(DRAWS)]
    return {"left_random": statistics.fmean(left_with(network, added) for added in draws)}


def bandwidth_seconds(seed):
    """Of 2,000 flows on 500 links: with routes of six links given, and with routes left out."""
    rng = random.Random(seed)
    graph = networkx.gnm_random_graph(150, LINKS, seed=seed)
    names = {node: f"{node:03}" for node in graph}
    links = {
        pair(names[a], names[b]): Quality(rng.uniform(0.001, 0.1), bytes_per_second=rng.uniform(1e6, 1e9))
        for a, b in graph.edges
    }
    network = Network({name: Peer(name, bytes_per_second=rng.uniform(1e8, 1e10)) for name in names.values()}, links)
    flows = []
    while len(flows) < FLOWS:
        route = [rng.choice(list(graph))]
        while len(route) < 7 and (onward := [node for node in graph[route[-1]] if node not in route]):
            route.append(rng.choice(onward))
        if len(route) == 7:
            kind = Kind.CONTROL if rng.random() < 0.1 else rng.choice(list(WEIGHTS))
            asked = rng.uniform(1e3, 1e5) if kind is Kind.CONTROL else rng.choice([float("inf"), rng.uniform(1e5, 1e8)])
            route = tuple(names[node] for node in route)
            flows.append(Flow(str(len(flows)), route[0], route[-1], kind, asked, route))
    spent = []
    for some in (flows, [dataclasses.replace(flow, route=()) for flow in flows]):
        begun = time.perf_counter()
        allocate(some, network)
        spent.append(time.perf_counter() - begun)
    return spent


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--peers", type=int, default=1000)
    options.add_argument("--seeds", type=int, default=3)
    arguments = options.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    propose(sparse(100, 0))  # what is imported on first use is not the planner's time

    rows = []
    for name, family in FAMILIES.items():
        for survive in (1, 2):
            group = []
            for seed in range(arguments.seeds):
                network = family(arguments.peers, seed)
                row = measure(name, network, survive)
                if survive == 1 and name in PLAIN:
                    row |= by_networkx(network, survive) | by_chance(network, row["added"])
                group.append(row)
            rows += group
            mean = {key: statistics.fmean(row[key] for row in group) for key in group[0] if key != "family"}
            beside = "" if "left_networkx" not in mean else (
                f"  networkx {mean['added_networkx']:.0f} links, {mean['cost_networkx']:.3f} s, "
                f"{mean['left_networkx']:.0f} left, in {mean['seconds_networkx']:.1f} s; "
                f"random {mean['left_random']:.0f} left"
            )  # fmt: skip
            gaps = [row["cost"] / row["bound"] - 1 for row in group if row["bound"]]
            gap = (
                f"gap {max(gaps):7.3%}"
                if len(gaps) == len(group)
                else "nothing to add"
                if not mean["added"]
                else "no bound"
            )
            print(
                f"{name:9} survive {survive}: {max(row['seconds'] for row in group):5.2f} s at worst, "
                f"{mean['added']:.0f} added, {mean['dropped']:.0f} dropped, {mean['cost']:.3f} s, {gap}, "
                f"cut by {mean['left_before']:.0f} -> {mean['left_ours']:.0f}, "
                f"{sum(row['reached'] for row in group)} of {len(group)} reached{beside}",
                flush=True,
            )
    given, found = zip(*(bandwidth_seconds(seed) for seed in range(arguments.seeds)), strict=True)
    print(f"bandwidth of {FLOWS} flows on {LINKS} links: {max(given):.2f} s, {max(found):.2f} s with routes to find")
    beside = [row for row in rows if "cost_networkx" in row]
    ours, peer, limit = (sum(row[key] for row in beside) for key in ("cost", "cost_networkx", "bound"))
    spent = {"topology": max(row["seconds"] for row in rows), "bandwidth": max(*given, *found)}
    result = {
        "name": "topology",
        "ours": ours,
        "peer": peer,
        "peer_name": "networkx k_edge_augmentation, which survives links only",
        "unit": "s of round trip added",
        "ratio": peer / ours,
        "limit": limit,
        "seconds_topology": spent["topology"],
        "seconds_bandwidth": spent["bandwidth"],
        "slower_than_required": {what: took for what, took in spent.items() if took > REQUIRED_SECONDS[what]},
        "left_before": sum(row["left_before"] for row in beside),
        "left_ours": sum(row["left_ours"] for row in beside),
        "left_networkx": sum(row["left_networkx"] for row in beside),
        "left_random": sum(row["left_random"] for row in beside),
        "proven_optimal": sum(row["cost"] <= row["bound"] for row in rows),
        "proposals": len(rows),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
