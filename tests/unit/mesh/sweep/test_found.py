"""From what agents say and measure to a network."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.mesh.network import Device, Peer, Quality
from strata.mesh.sweep.found import REMEMBERED_SWEEPS, Discovery, Known, MemberState, network_of, quality_of


def discovery(**states: dict) -> Discovery:
    """Members that answer, with whom each is linked."""
    return Discovery(0.0, tuple(states), {name: MemberState(name, neighbours=known) for name, known in states.items()})


def test_a_quality_is_the_shortest_round_trip_the_mean_step_and_the_share_lost():
    quality = quality_of([0.010, 0.014, None, 0.012, None], 1000, 0.5)
    assert quality is not None
    assert quality.rtt_seconds == 0.010
    assert quality.jitter_seconds == pytest.approx((0.004 + 0.002) / 2)
    assert quality.loss == pytest.approx(0.4)
    assert quality.bytes_per_second == 2000


@pytest.mark.parametrize("rtts", [[], [None, None]])
def test_nothing_answered_is_no_quality(rtts):
    assert quality_of(rtts, 1000, None) is None


def test_without_a_sample_the_throughput_is_unknown():
    assert quality_of([0.01], 1000, None) == Quality(0.01, 0.0, 0.0, math.inf)


@given(st.lists(st.none() | st.floats(0, 3599)), st.none() | st.floats(1e-6, 10))
def test_any_pings_make_a_quality_that_a_network_takes(rtts, sample):
    quality = quality_of(rtts, 1 << 18, sample)
    assert (quality is None) == all(rtt is None for rtt in rtts)
    if quality is not None:
        assert 0 <= quality.loss < 1
        assert quality.jitter_seconds >= 0
        assert quality.bytes_per_second > 0


def test_links_are_those_that_both_ends_tell_of_and_the_rest_that_reach_each_other_are_possible():
    found = discovery(a={"b": 0.002, "c": 0.002}, b={"a": None}, c={}, d={})
    known = Known().with_probes({("a", "b"): Quality(0.001), ("a", "c"): Quality(0.003), ("c", "d"): None}, 0)
    network = network_of(found, known)
    assert network.links == {("a", "b"): Quality(0.001)}
    assert network.possible == {("a", "c"): Quality(0.003)}
    assert network_of(found, known, [("a", "c")]).possible == {}


def test_a_link_whose_ends_did_not_reach_each_other_is_cut():
    found = discovery(a={"b": 0.002}, b={"a": 0.002})
    assert network_of(found, Known().with_probes({("a", "b"): None}, 0), (), {("a", "b")}).links == {}
    assert network_of(found, Known().with_probes({("a", "b"): None}, 0)).links  # it was so in an earlier sweep


def test_a_link_that_was_not_probed_has_its_own_round_trip():
    assert network_of(discovery(a={"b": None}, b={"a": 0.002}), Known()).links == {("a", "b"): Quality(0.002)}
    assert network_of(discovery(a={"b": 0.002}, b={"a": None}), Known()).links == {("a", "b"): Quality(0.002)}


def test_the_dead_are_not_peers_and_who_is_seen_by_others_is():
    states = {"a": MemberState("a", neighbours={"b": 0.001, "c": 0.001, "stranger": 0.1}, device=Device.MOBILE)}
    found = Discovery(0.0, ("a", "b", "c"), states, {"b": "gone", "c": "gone"}, {"b": (), "c": ("a",)})
    network = network_of(found, Known())
    assert found.dead == ("b",)
    assert network.peers == {"a": Peer("a", Device.MOBILE), "c": Peer("c")}
    assert set(network.links) == {("a", "c")}


def test_what_was_measured_is_remembered_for_a_day_and_replaced_by_what_is_newer():
    known = Known().with_probes({("a", "b"): Quality(1), ("a", "c"): Quality(2)}, 0).with_probes({("a", "b"): None}, 1)
    assert known.qualities == {("a", "b"): (None, 1), ("a", "c"): (Quality(2), 0)}
    assert known.with_probes({}, REMEMBERED_SWEEPS).qualities == {("a", "b"): (None, 1)}
