"""Strongly connected components, against networkx."""

import networkx
from hypothesis import given
from hypothesis import strategies as st

from strata.migration.graph import components

GRAPHS = st.dictionaries(st.sampled_from("abcdefgh"), st.lists(st.sampled_from("abcdefgh"), unique=True))


@given(GRAPHS)
def test_equal_to_networkx_and_in_order(out: dict[str, list[str]]) -> None:
    graph = networkx.DiGraph([(a, b) for a, ends in out.items() for b in ends])
    graph.add_nodes_from(out)
    found = components(out)
    assert sorted(found) == sorted(sorted(part) for part in networkx.strongly_connected_components(graph))
    place = {node: index for index, part in enumerate(found) for node in part}
    assert all(place[b] <= place[a] for a, ends in out.items() for b in ends)


def test_without_recursion() -> None:
    chain = {str(n): [str(n + 1)] for n in range(50_000)}
    assert len(components(chain)) == 50_001
    assert len(components(chain | {"50000": ["0"]})) == 1
