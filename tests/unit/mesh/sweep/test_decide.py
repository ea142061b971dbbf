"""Keep a change, look again, or take it back."""

import math
from dataclasses import replace

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.mesh.network import Device, Network, Peer, Quality, pair
from strata.mesh.sweep.decide import Change, judge, mean_latency, standing, without
from strata.mesh.sweep.topology import TOPOLOGY

diagnose = TOPOLOGY.diagnose
RING = [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")]
GOOD = Quality(0.020, bytes_per_second=1e7)


def mesh(links, quality: Quality = GOOD, names: str = "abcd") -> Network:
    return Network({name: Peer(name) for name in names}, dict.fromkeys(links, quality))


def verdict(before: Network, looks: list[Network], change: Change) -> str:
    return judge(before, looks, change, diagnose).verdict


def test_a_change_after_which_nothing_is_worse_is_kept():
    change = Change(add=(("a", "d"),))
    assert verdict(mesh(RING[:3]), [mesh(RING)], change) == "keep"


def test_a_drop_that_cuts_the_mesh_is_taken_back_at_once():
    change = Change(drop=(("a", "d"),))
    judgement = judge(mesh(RING), [mesh(RING[:3])], change, diagnose)
    assert (judgement.verdict, judgement.reasons) == ("revert", ("the mesh is better connected without it",))


def test_a_link_that_broke_meanwhile_is_not_blamed_on_the_change():
    change = Change(add=(("a", "c"),))
    assert verdict(mesh(RING), [mesh([*RING[:2], ("a", "c")])], change) == "keep"


def test_a_member_that_died_meanwhile_is_not_blamed_on_the_change():
    before = mesh(RING)
    after = mesh([("a", "b"), ("b", "c"), ("a", "c")], names="abc")
    assert verdict(before, [after], Change(add=(("a", "c"),))) == "keep"


@pytest.mark.parametrize(
    "worse", [replace(GOOD, rtt_seconds=0.030), replace(GOOD, bytes_per_second=4e6)], ids=["latency", "throughput"]
)
def test_what_got_slower_is_looked_at_again_and_taken_back_only_when_it_stays(worse: Quality):
    before, change = mesh(RING), Change(add=(("a", "c"),))
    slow, fine = mesh([*RING, ("a", "c")], worse), mesh([*RING, ("a", "c")])
    assert verdict(before, [slow], change) == "look again"
    assert verdict(before, [slow, slow], change) == "look again"
    assert verdict(before, [slow, slow, fine], change) == "keep"
    assert verdict(before, [slow, slow, slow], change) == "revert"


def test_what_keeps_the_mesh_whole_stays_however_slow_it_is():
    before = mesh([("a", "b"), ("c", "d")])
    judgement = judge(
        before, [mesh(RING, Quality(9, bytes_per_second=1))], Change(add=(("b", "c"), ("a", "d"))), diagnose
    )
    assert judgement.verdict == "keep"
    assert judgement.reasons[-1] == "but without it the mesh is in parts"


def test_within_the_margin_nothing_is_worse():
    before = mesh(RING)
    look = mesh([*RING, ("a", "c")], Quality(0.024, bytes_per_second=6e6))
    assert verdict(before, [look], Change(add=(("a", "c"),))) == "keep"
    near = mesh(RING, Quality(0.001))  # three times as far, and yet nobody notices
    assert verdict(near, [mesh([*RING, ("a", "c")], Quality(0.003))], Change(add=(("a", "c"),))) == "keep"


def test_paths_that_come_to_be_are_no_reason_to_go_back():
    """Joining two parts over a slow link lengthens the mean path; it is longer because there is one."""
    before = mesh([("a", "b"), ("c", "d")])
    after = Network(before.peers, {**before.links, ("b", "c"): Quality(2.0)})
    assert verdict(before, [after], Change(add=(("b", "c"),))) == "keep"


def test_the_mesh_without_a_change_is_the_one_now_with_the_dropped_links_as_they_were():
    before, now = mesh(RING), mesh([("a", "c"), ("b", "c")], Quality(1), names="abc")
    change = Change(add=(("a", "c"),), drop=(("a", "b"), ("a", "d")))
    assert without(now, change, before).links == {("b", "c"): Quality(1), ("a", "b"): GOOD}
    assert change.undone == Change(add=change.drop, drop=change.add)
    assert not Change()


def test_fewer_parts_come_first_and_then_what_the_mesh_bears():
    whole, tail, parts = (standing(diagnose(mesh(links))) for links in (RING, RING[:3], RING[:1]))
    assert whole < tail < parts


@st.composite
def networks(draw: st.DrawFn) -> Network:
    names = "abcdefgh"[: draw(st.integers(0, 8))]
    peers = {name: Peer(name, draw(st.sampled_from(Device))) for name in names}
    pairs = [pair(one, other) for one in names for other in names if one < other]
    links = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    return Network(peers, {ends: Quality(draw(st.floats(1e-6, 10))) for ends in links})


@given(networks(), st.data())
def test_mean_latency_is_that_of_networkx(network: Network, data: st.DataObject):
    among = data.draw(st.sets(st.sampled_from(sorted(network.peers)))) if network.peers else set()
    lengths = []
    for one in among:
        for other in among - {one}:
            graph = networkx.Graph()
            graph.add_nodes_from((one, other))
            for ends, quality in network.links.items():
                if all(end in (one, other) or network.peers[end].carries for end in ends):
                    graph.add_edge(*ends, weight=quality.rtt_seconds)
            if networkx.has_path(graph, one, other):
                lengths.append(networkx.dijkstra_path_length(graph, one, other))
    mean, count = mean_latency(network, among)
    assert count == len(lengths)
    if lengths:
        assert mean == pytest.approx(math.fsum(lengths) / len(lengths))
    else:
        assert math.isnan(mean)
