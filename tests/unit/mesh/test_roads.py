"""Quickest ways, against networkx."""

from itertools import pairwise

import networkx
from hypothesis import given
from hypothesis import strategies as st

from strata.mesh.network import Device, Network, Peer, Quality
from strata.mesh.roads import Roads
from tests.unit.mesh.topology.meshes import meshes


def graph_of(network: Network, source: str, target: str) -> networkx.Graph:
    """Those links that a way from the source to the target may take."""
    graph = networkx.Graph()
    graph.add_nodes_from([source, target])
    for (one, other), quality in network.links.items():
        if all(end in {source, target} or network.peers[end].carries for end in (one, other)):
            graph.add_edge(one, other, weight=round(quality.rtt_seconds * 1000))
    return graph


def milliseconds(network: Network, way: tuple[str, ...]) -> int:
    return sum(round(network.links[min(each), max(each)].rtt_seconds * 1000) for each in pairwise(way))


@given(meshes(), st.data())
def test_the_quickest_way(network: Network, data: st.DataObject) -> None:
    source, target = (data.draw(st.sampled_from(sorted(network.peers))) for _ in range(2))
    graph = graph_of(network, source, target)
    way = Roads(network).quickest(source, target)
    if not networkx.has_path(graph, source, target):
        assert way is None
        return
    assert way is not None
    assert (way[0], way[-1]) == (source, target)
    assert all(network.peers[name].carries for name in way[1:-1])
    assert milliseconds(network, way) == networkx.dijkstra_path_length(graph, source, target)


def test_of_ways_as_quick_the_one_of_fewer_links() -> None:
    links = {("a", "b"): Quality(0.25), ("b", "c"): Quality(0.25), ("a", "c"): Quality(0.5)}
    network = Network({name: Peer(name) for name in "abc"}, links)
    assert Roads(network).quickest("a", "c") == ("a", "c")


def test_a_link_that_another_way_goes_round() -> None:
    peers = {name: Peer(name) for name in "abc"} | {"m": Peer("m", Device.MOBILE)}
    links = {("a", "b"): Quality(0.25), ("b", "c"): Quality(0.25), ("a", "c"): Quality(0.5)}
    mobile = {("a", "m"): Quality(0.0), ("b", "m"): Quality(0.0)}
    roads = Roads(Network(peers, links | mobile))
    assert roads.without(("a", "c")) == 0.5
    assert roads.without(("a", "b")) is None
    assert roads.quickest("a", "c") == ("a", "c")
    roads.close(("a", "c"))
    assert roads.quickest("a", "c") == ("a", "b", "c")
