"""Rates of flows through a mesh: routes, limits of links and peers, classes; and the file that describes them."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.mesh.bandwidth import WEIGHTS, BadFlows, Flow, Kind, allocate, read_flows
from strata.mesh.network import BadNetwork, Device, Network, Peer, Quality

# A square, with a phone on one corner; a - b - c is quicker than a - d - c.
NETWORK = Network(
    {name: Peer(name) for name in "abcd"} | {"m": Peer("m", Device.MOBILE, bytes_per_second=3.0)},
    {
        ("a", "b"): Quality(0.01, bytes_per_second=21.0),
        ("b", "c"): Quality(0.01, bytes_per_second=42.0),
        ("a", "d"): Quality(0.02, bytes_per_second=8.0),
        ("c", "d"): Quality(0.02),
        ("a", "m"): Quality(0.001),
        ("c", "m"): Quality(0.001),
    },
)


def test_routes_are_the_quickest_through_peers_that_carry() -> None:
    found = allocate([Flow("x", "a", "c", Kind.SHARDS), Flow("y", "m", "d", Kind.GOSSIP)], NETWORK).shares
    assert found["x"].route == ("a", "b", "c")
    assert (found["x"].bytes_per_second, found["x"].bound_by) == (21, "a -> b")
    assert found["y"].route in {("m", "a", "d"), ("m", "c", "d")}
    assert (found["y"].bytes_per_second, found["y"].bound_by) == (3, "m sends")


def test_classes_share_by_weight_and_each_way_of_a_link_is_its_own() -> None:
    flows = [Flow(kind, "a", "b", kind) for kind in WEIGHTS] + [Flow("back", "b", "a", Kind.GOSSIP)]
    found = allocate(flows, NETWORK)
    assert [found.shares[kind].bytes_per_second for kind in WEIGHTS] == pytest.approx([16, 4, 1])
    assert found.shares["back"].bytes_per_second == 21
    assert found.used["a -> b"] == (pytest.approx(21), 21)


def test_a_given_route_is_kept_to_and_a_demand_is_not_exceeded() -> None:
    flow = Flow("x", "a", "c", Kind.SHARDS, 5, ("a", "d", "c"))
    found = allocate([flow, Flow("y", "a", "d", Kind.GOSSIP)], NETWORK).shares
    assert (found["x"].route, found["x"].bytes_per_second, found["x"].bound_by) == (flow.route, 5, "demand")
    assert found["y"].bytes_per_second == 3


def test_no_way_and_no_bound_are_said() -> None:
    network = Network({**NETWORK.peers, "z": Peer("z")}, NETWORK.links)
    found = allocate([Flow("x", "a", "z", Kind.SHARDS), Flow("y", "c", "d", Kind.SHARDS)], network)
    assert (found.shares["x"].bytes_per_second, found.shares["x"].bound_by) == (0, "no way")
    assert (found.shares["y"].bytes_per_second, found.shares["y"].bound_by) == (math.inf, None)
    assert json.loads(json.dumps(found.to_json()))["flows"][1]["bytes_per_second"] is None


kinds = st.sampled_from([Kind.ACTIVATIONS, Kind.SHARDS, Kind.GOSSIP])
ways = st.permutations("abcdm").map(lambda each: each[:2])


@given(st.lists(st.tuples(ways, st.integers(1, 9)), max_size=4), st.lists(st.tuples(ways, kinds), max_size=12))
def test_control_is_never_starved(control: list[tuple[list[str], int]], others: list[tuple[list[str], Kind]]) -> None:
    first = [Flow(f"c{at}", *ends, Kind.CONTROL, asked) for at, (ends, asked) in enumerate(control)]
    rest = [Flow(f"o{at}", *ends, kind) for at, (ends, kind) in enumerate(others)]
    alone, beside = allocate(first, NETWORK), allocate([*rest, *first], NETWORK)
    for flow in first:
        assert beside.shares[flow.name] == alone.shares[flow.name]
    assert all(used <= limit * (1 + 1e-9) for used, limit in beside.used.values())


FLOW = {"name": "x", "source": "a", "target": "c", "kind": "shards"}


def document(*flows: dict) -> str:
    return json.dumps({"network": NETWORK.to_json(), "flows": flows})


def test_a_file_is_read() -> None:
    network, flows = read_flows(document(FLOW, FLOW | {"name": "y", "bytes_per_second": 5, "route": ["a", "d", "c"]}))
    assert network == NETWORK
    assert flows == (
        Flow("x", "a", "c", Kind.SHARDS),
        Flow("y", "a", "c", Kind.SHARDS, 5, ("a", "d", "c")),
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([{}, {}], "two flows are named x"),
        ([{"source": "q"}], "flow x: there is no peer q"),
        ([{"target": "a"}], "from a to itself"),
        ([{"kind": "control"}], "must say how many"),
        ([{"kind": "video"}], r"flows\.0\.kind"),
        ([{"bytes_per_second": 0}], r"flows\.0\.bytes_per_second"),
        ([{"speed": 1}], r"flows\.0\.speed"),
        ([{"route": ["a", "b"]}], "must lead from a to c"),
        ([{"route": ["a", "c"]}], "from a to c, which are not linked"),
        ([{"route": ["a", "b", "a", "d", "c"]}], "twice"),
        ([{"route": ["a", "m", "c"]}], "m, which is mobile"),
        ([{"route": ["a", "q", "c"]}], "no peer q"),
    ],
)
def test_flows_that_cannot_be_are_refused(changes: list[dict], said: str) -> None:
    with pytest.raises(BadFlows, match=said):
        read_flows(document(*(FLOW | change for change in changes)))


def test_other_files_are_refused() -> None:
    with pytest.raises(BadFlows, match="the file"):
        read_flows(b"\xff")
    with pytest.raises(BadNetwork, match=r"network: .*no peer b"):
        read_flows(
            json.dumps(
                {"network": {"peers": [{"name": "a"}], "links": [{"ends": ["a", "b"], "rtt_seconds": 1}]}, "flows": []}
            )
        )
