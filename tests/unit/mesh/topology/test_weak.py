"""Weak spots, against taking each peer and each link away."""

import networkx
import pytest
from hypothesis import given

from strata.mesh.network import Device, Network, Peer, Quality, pair
from strata.mesh.topology import weak_spots
from tests.unit.mesh.topology.meshes import failures, in_parts, meshes

LINK = Quality(0.01)


def network_of(*links: str, mobile: str = "", alone: str = "") -> Network:
    names = sorted({*"".join(links), *alone})
    peers = {name: Peer(name, Device.MOBILE if name in mobile else Device.SERVER) for name in names}
    return Network(peers, {pair(*link): LINK for link in links})


@given(meshes())
def test_single_peers_and_links_that_cut(network: Network) -> None:
    found = weak_spots(network)
    assert sorted(name for part in found.components for name in part) == sorted(network.peers)
    assert (len(found.components) > 1) == in_parts(network, network.links, set(network.peers))
    if len(found.components) > 1:
        return
    everybody = set(network.peers)
    cutting = {name for name in everybody if in_parts(network, network.links, everybody - {name})}
    if sum(peer.carries for peer in network.peers.values()) > 0:
        assert set(found.articulation_points) == cutting
        cut = {each for each in network.links if in_parts(network, set(network.links) - {each}, everybody)}
        assert set(found.bridges) == cut


@given(meshes())
def test_vertex_connectivity(network: Network) -> None:
    everybody = set(network.peers)
    sizes = [
        len(lost)
        for lost in failures(network, len(everybody))
        if in_parts(network, network.links, everybody - set(lost))
    ]
    assert weak_spots(network).vertex_connectivity == min([*sizes, len(everybody) - 1])


def test_two_triangles_that_share_a_peer_have_no_bridge() -> None:
    found = weak_spots(network_of("ab", "bc", "ac", "cd", "de", "ce"))
    assert found.articulation_points == ("c",)
    assert found.bridges == ()
    assert found.vertex_connectivity == 1


def test_a_mobile_peer_joins_no_others() -> None:
    found = weak_spots(network_of("ab", "bm", "cm", mobile="m"))
    assert found.components == (("a", "b", "m"), ("c",))
    assert found.articulation_points == ("b",)
    assert found.bridges == (("a", "b"), ("b", "m"))
    assert found.algebraic_connectivity == 0
    assert weak_spots(network_of("am", mobile="m")).articulation_points == ()
    assert weak_spots(network_of("mn", mobile="mn")).components == (("m",), ("n",))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("peers", [30, 130])
def test_like_networkx_on_larger_meshes(peers: int, seed: int) -> None:
    graph = networkx.relabel_nodes(networkx.random_regular_graph(4, peers, seed=seed), lambda node: f"{node:03}")
    graph.remove_edges_from(list(graph.edges)[:10])
    network = Network({name: Peer(name) for name in graph}, {pair(*each): LINK for each in graph.edges})
    found = weak_spots(network)
    assert found.components == tuple(
        sorted((tuple(sorted(part)) for part in networkx.connected_components(graph)), key=lambda part: -len(part))
    )
    assert set(found.articulation_points) == set(networkx.articulation_points(graph))
    assert found.vertex_connectivity == networkx.node_connectivity(graph)
    assert found.algebraic_connectivity == pytest.approx(
        networkx.algebraic_connectivity(graph, method="lanczos"), abs=1e-6
    )


@pytest.mark.parametrize(("peers", "expected"), [(0, 0), (1, 0), (2, 1), (12, 11), (101, 8)])
def test_all_linked_with_all(peers: int, expected: int) -> None:
    names = [f"{at:03}" for at in range(peers)]
    links = {(a, b): LINK for a in names for b in names if a < b}
    found = weak_spots(Network({name: Peer(name) for name in names}, links))
    assert found.vertex_connectivity == expected
    assert found.algebraic_connectivity == pytest.approx(peers if peers > 1 else 0)
