"""Made-up meshes to simulate."""

import math
from itertools import combinations
from random import Random

from strata.mesh.network import Network, Pair, Peer, Quality, pair
from strata.mesh.simulate.chance import chance


def sparse_mesh(nodes: int, seed: int) -> Network:
    """A random tree and links between a fifth as many random pairs as there are nodes: one crash often cuts it."""
    source = chance(seed, "sparse mesh", str(nodes))
    names = _names(nodes)
    links = {pair(name, source.choice(names[:at])) for at, name in enumerate(names) if at}
    rest = sorted(set(combinations(names, 2)) - links)
    return _mesh(names, links | set(source.sample(rest, min(nodes // 5, len(rest)))), source)


def dialling_mesh(nodes: int, seed: int, dials: int = 2) -> Network:
    """Every node dials so many others at random."""
    source = chance(seed, "dialling mesh", str(nodes))
    names = _names(nodes)
    links = {
        pair(name, other)
        for name in names
        for other in source.sample([each for each in names if each != name], min(dials, nodes - 1))
    }
    return _mesh(names, links, source)


def _names(nodes: int) -> list[str]:
    return [f"node-{number:03}" for number in range(nodes)]


def _mesh(names: list[str], links: set[Pair], source: Random) -> Network:
    """Nodes at random places of a square; 5 ms and up to 85 ms more by distance, a tenth of it jitter, 0.1% loss."""
    places = {name: (source.random(), source.random()) for name in names}
    quality = {}
    for one, other in combinations(names, 2):
        rtt = 0.005 + 0.06 * math.dist(places[one], places[other])
        quality[one, other] = Quality(rtt, rtt / 10, 0.001)
    return Network(
        {name: Peer(name) for name in names},
        {ends: quality[ends] for ends in sorted(links)},
        {ends: each for ends, each in quality.items() if ends not in links},
    )
