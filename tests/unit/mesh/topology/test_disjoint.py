"""Separators of random graphs, against networkx."""

import networkx
import pytest

from strata.mesh.topology.disjoint import joined, separators


@pytest.mark.parametrize("seed", range(40))
def test_separators_are_found_where_there_are_any(seed: int) -> None:
    for size in range(4, 16):
        graph = networkx.gnp_random_graph(size, 0.2 + 0.6 * (seed % 8) / 8, seed=100 * seed + size)
        near = [sorted(graph[vertex]) for vertex in graph]
        connectivity = networkx.node_connectivity(graph)
        for need in range(1, 6):
            found = list(separators(near, need))
            assert bool(found) == (connectivity < min(need, size - 1))
            for side, between in found:
                rest = set(graph) - side - between
                assert len(between) < need
                assert side
                assert rest
                assert not any(graph.has_edge(one, other) for one in side for other in rest)


@pytest.mark.parametrize("seed", range(20))
def test_paths_beside_a_link(seed: int) -> None:
    graph = networkx.gnp_random_graph(14, 0.4, seed=seed)
    near = [sorted(graph[vertex]) for vertex in graph]
    for one, other in list(graph.edges):
        graph.remove_edge(one, other)
        paths = networkx.node_connectivity(graph, one, other)
        graph.add_edge(one, other)
        assert [joined(near, one, other, wanted) for wanted in range(1, 8)] == [w <= paths for w in range(1, 8)]
