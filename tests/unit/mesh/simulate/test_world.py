"""Who reaches whom, and what is counted of it."""

import random
from itertools import combinations

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.mesh import Device, Network, Peer, Quality
from strata.mesh.simulate.meter import Meter
from strata.mesh.simulate.world import World

NAMES = "abcdefgh"
ALL = list(combinations(NAMES, 2))


def network(links, mobiles="", names=NAMES):
    peers = {name: Peer(name, Device.MOBILE if name in mobiles else Device.SERVER) for name in names}
    every = {ends: Quality(0.02, 0.001, 0.01) for ends in combinations(names, 2)}
    links = {tuple(sorted(ends)) for ends in links}
    return Network(
        peers, {e: q for e, q in every.items() if e in links}, {e: q for e, q in every.items() if e not in links}
    )


@given(
    st.sets(st.sampled_from(ALL)),
    st.sets(st.sampled_from(NAMES)),
    st.sets(st.sampled_from(NAMES)),
    st.sets(st.sampled_from(ALL)),
    st.sets(st.sampled_from(NAMES)),
)
def test_paths_are_those_of_a_graph_without_the_insides_of_mobiles(links, mobiles, down, cuts, side):
    world = World(network(links, mobiles))
    world.down.update(down)
    world.cuts.update(cuts)
    world.splits.append(frozenset(side))
    live = {(a, b) for a, b in links - cuts if not {a, b} & down and (a in side) == (b in side)}
    assert world.live_links() == live
    reach = world.reach()
    assert len(reach) == len(NAMES) - len(down)
    for one, other in combinations(sorted(set(NAMES) - down), 2):
        graph = networkx.Graph()
        graph.add_nodes_from((one, other))
        graph.add_edges_from(ends for ends in live if not set(ends) & (mobiles - {one, other}))
        expected = networkx.has_path(graph, one, other)
        for a, b in ((one, other), (other, one)):
            assert bool(reach[world._bit[a]] & world._bit[b]) is expected
        way = world.path_seconds(one, other)
        straight = (one, other) not in cuts and (one in side) == (other in side)
        assert (way is not None) is (straight or expected)
        if way is not None and not straight:
            hops = networkx.shortest_path_length(graph, one, other)
            assert way == pytest.approx((0.01 * hops, 0.001 * hops, 1 - 0.99**hops))


def test_a_crash_in_the_middle_is_one_partition_and_counted_to_the_second():
    world = World(network(["ab", "bc"], names="abc"))
    meter = Meter(world, 0.0)
    world.down["b"] += 1
    meter.changed(100.0)
    world.down["b"] -= 1
    meter.changed(160.0)
    meter.passed(200.0)
    assert (meter.partitions, meter.repairs) == (1, [60.0])
    assert meter.pair_seconds == 6 * 140 + 2 * 60
    assert meter.connected_seconds == 6 * 140
    assert meter.node_seconds == 3 * 200 - 60


def test_only_who_had_a_path_and_lives_can_lose_it():
    world = World(network(["ab"], names="abc"))
    meter = Meter(world, 0.0)  # c is alone from the beginning
    world.down["a"] += 1
    meter.changed(10.0)
    world.down["a"] -= 1
    meter.changed(20.0)
    assert meter.partitions == 0
    world.cuts["a", "b"] += 1
    meter.changed(30.0)
    world.told.add(("a", "c"))
    meter.changed(40.0)  # b is alone still
    assert (meter.partitions, meter.repairs) == (1, [])
    world.told.add(("b", "c"))
    meter.changed(55.0)
    assert meter.repairs == [25.0]


def test_reach_of_a_large_mesh_is_that_of_its_components():
    source = random.Random(4)
    names = [f"n{each:03}" for each in range(150)]
    links = source.sample(list(combinations(names, 2)), 120)
    world = World(Network({name: Peer(name) for name in names}, dict.fromkeys(links, Quality(0.01))))
    graph = networkx.Graph(links)
    graph.add_nodes_from(names)
    sizes = sorted(len(each) - 1 for part in networkx.connected_components(graph) for each in [part] for _ in part)
    assert sorted(reached.bit_count() for reached in world.reach().values()) == sizes
