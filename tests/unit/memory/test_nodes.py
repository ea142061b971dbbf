"""What nodes say of their memory, added up."""

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from strata.inference.protocol.messages import Status
from strata.memory import Category, FleetMemory, NodeMemory

SIZE = st.integers(0, 1 << 40)
FIGURES = ("memory_bytes", "weight_bytes", "standby_bytes", "cache_bytes", "workspace_bytes", "runtime_bytes")
NODES = st.lists(st.fixed_dictionaries(dict.fromkeys(FIGURES, SIZE) | {"sessions": st.integers(0, 9)}), max_size=5)


def test_every_figure_is_one_of_a_status() -> None:
    assert set(FIGURES) | {"sessions", "leak"} <= set(Status.model_fields)


def test_the_account_is_read_from_the_figures_and_what_is_not_said_is_nothing() -> None:
    node = NodeMemory.of("a", {"memory_bytes": 100, "weight_bytes": 60, "standby_bytes": 20, "runtime_bytes": 25})
    assert node.categories == {"weights": 80, "cache": 0, "workspace": 0, "runtime": 25}
    assert (node.used, node.free, node.over, node.sessions, node.leak) == (105, 0, 5, 0, "")


@given(NODES)
def test_a_fleet_is_the_sum_of_its_nodes(told: list[dict[str, int]]) -> None:
    nodes = [NodeMemory.of(str(index), figures) for index, figures in enumerate(told)]
    fleet = FleetMemory.of(nodes)
    assert set(fleet.categories) == set(get_args(Category))
    assert fleet.nodes == len(told)
    assert fleet.used == sum(fleet.categories.values()) == sum(sum(figures[n] for n in FIGURES[1:]) for figures in told)
    assert fleet.budget + sum(fleet.over.values()) == fleet.used + fleet.free
    assert set(fleet.over) == {node.node for node in nodes if node.used > node.budget}
    assert fleet.sessions == sum(figures["sessions"] for figures in told)
    assert fleet.leaking == {}


def test_who_leaks_is_named() -> None:
    assert FleetMemory.of([NodeMemory.of("a", {"leak": "it grows"})]).leaking == {"a": "it grows"}
