"""Proposals, against all choices of links and all failures of peers of small meshes."""

from collections.abc import Iterator
from itertools import combinations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from strata.errors import StrataError
from strata.mesh.network import Device, Network, Pair, Peer, Quality, pair
from strata.mesh.topology import propose, weak_spots
from tests.unit.mesh.topology.meshes import count_parts, failures, holds, meshes

SURVIVE = st.integers(0, 3)


def subsets(some: list[Pair]) -> Iterator[tuple[Pair, ...]]:
    for size in range(len(some) + 1):
        yield from combinations(some, size)


def within(network: Network, links: set[Pair]) -> bool:
    """No peer gets above what it bears, or above what it had."""
    return all(
        sum(name in each for each in links) <= max(peer.most_links, len(network.neighbours[name]))
        for name, peer in network.peers.items()
    )


def cheapest(network: Network, survive: int, droppable: list[Pair]) -> tuple[int, int] | None:
    """Milliseconds and changes of the best of all choices."""
    best: tuple[int, int] | None = None
    for add in subsets(list(network.possible)):
        cost = sum(round(network.possible[each].rtt_seconds * 1000) for each in add)
        for drop in subsets(droppable):
            worth = cost, len(add) + len(drop)
            links = {*network.links, *add} - set(drop)
            if (best is None or worth < best) and within(network, links) and holds(network, links, survive):
                best = worth
    return best


def check(network: Network, survive: int, expected: tuple[int, int]) -> None:
    found = propose(network, survive)
    links = {*network.links, *found.add} - set(found.drop)
    assert holds(network, links, survive)
    assert within(network, links)
    assert set(found.applied(network).links) == links
    assert found.reached
    assert found.proven_optimal
    assert found.cost == pytest.approx(found.bound)
    assert (round(found.cost * 1000), len(found.add) + len(found.drop)) == expected


@given(meshes(), SURVIVE)
def test_the_cheapest_links_of_small_meshes(network: Network, survive: int) -> None:
    assume(holds(network, {*network.links, *network.possible}, survive))
    expected = cheapest(network, survive, [])
    assert expected is not None
    check(network, survive, expected)


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(meshes(most_peers=6, most_possible=7, limits=st.integers(2, 4)), st.integers(0, 2))
def test_the_cheapest_links_within_limits(network: Network, survive: int) -> None:
    assume(all(len(others) <= network.peers[name].most_links for name, others in network.neighbours.items()))
    expected = cheapest(network, survive, [])
    assume(expected is not None and expected[1] > 0)
    check(network, survive, expected)


@settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow], max_examples=30)
@given(meshes(most_peers=6, most_possible=6, limits=st.integers(1, 3)), st.integers(0, 1))
def test_links_go_only_where_limits_leave_no_other_way(network: Network, survive: int) -> None:
    assume(all(len(others) <= network.peers[name].most_links for name, others in network.neighbours.items()))
    assume(holds(network, {*network.links, *network.possible}, survive))
    assume(cheapest(network, survive, []) is None)
    expected = cheapest(network, survive, list(network.links))
    if expected is None:
        found = propose(network, survive)
        assert not found.reached
        assert within(network, set(found.applied(network).links))
        assert not holds(network, found.applied(network).links, survive)
    else:
        check(network, survive, expected)


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(meshes(), SURVIVE)
def test_how_far_it_gets_where_it_cannot_be_reached(network: Network, survive: int) -> None:
    everything = {*network.links, *network.possible}
    assume(not holds(network, everything, survive))
    found = propose(network, survive)
    links = found.applied(network).links
    assert not found.reached
    assert found.survives == max(k for k in range(-1, survive) if k < 0 or holds(network, everything, k))
    # After one failure there are no more parts than with all possible links.
    for lost in failures(network, min(survive, 1)):
        left = set(network.peers) - set(lost)
        assert count_parts(network, links, left) == count_parts(network, everything, left)


LINK = Quality(0.01)


def ring_with(names: str, limits: int) -> Network:
    links = {pair(one, other): LINK for one, other in zip(names, names[1:] + names[0], strict=True)}
    return Network({name: Peer(name, most_links=limits) for name in names}, links)


def test_full_peers_of_two_parts_give_up_links_to_join() -> None:
    links = {pair(*each): LINK for each in ("ab", "bc", "ac", "de", "ef", "df")}
    possible = {("a", "d"): Quality(0.03), ("b", "e"): Quality(0.02), ("c", "f"): Quality(0.04)}
    network = Network({name: Peer(name, most_links=2) for name in "abcdef"}, links, possible)
    check(network, 0, (20, 3))
    check(network, 1, (50, 4))


def test_a_peer_gives_up_links_that_it_bears_not() -> None:
    whole = ring_with("abcdef", 3)
    network = Network(whole.peers, whole.links | {("a", "c"): Quality(0.02), ("a", "d"): Quality(0.05)})
    found = propose(network, 1)
    assert (found.add, found.drop, found.beyond) == ((), (("a", "d"),), ())
    assert propose(network, 2).survives == 1
    few = Network({**whole.peers, "a": Peer("a", most_links=1)}, whole.links)
    assert propose(few, 1).drop == ()
    assert propose(few, 1).beyond == ("a",)
    assert len(propose(few, 0).drop) == 1


def test_redundant_links_go_when_asked_for_if_no_peers_get_further_apart() -> None:
    whole = ring_with("abcd", 8)
    network = Network(whole.peers, whole.links | {("a", "c"): Quality(0.02), ("b", "d"): Quality(0.019)})
    assert propose(network, 1).drop == ()
    assert propose(network, 1, prune=True).drop == (("a", "c"),)
    assert propose(network, 2, prune=True).drop == ()


@given(meshes(most_peers=7), st.integers(0, 2))
def test_what_is_pruned_leaves_as_much_to_survive(network: Network, survive: int) -> None:
    plain, pruned = (propose(network, survive, prune=prune) for prune in (False, True))
    assert pruned.survives == plain.survives
    assert pruned.add == plain.add
    assert set(pruned.drop) >= set(plain.drop)


@pytest.mark.parametrize("survive", [-1, 17])
def test_absurd_demands_are_refused(survive: int) -> None:
    with pytest.raises(StrataError, match="0 to 16"):
        propose(ring_with("abc", 3), survive)


def test_a_larger_mesh_without_time_is_mended_all_the_same() -> None:
    names = [f"{at:03}" for at in range(120)]
    pairs = [(a, b) for at, a in enumerate(names) for b in names[at + 1 : at + 6]]
    network = Network(
        {name: Peer(name, Device.SERVER) for name in names},
        dict.fromkeys(pairs[::5], LINK),
        {each: Quality(0.001 * (at % 7 + 1)) for at, each in enumerate(pairs) if at % 5},
    )
    quick, slow = propose(network, 1, seconds=0), propose(network, 1, seconds=20)
    assert quick.reached
    assert slow.reached
    assert quick.bound <= slow.bound <= slow.cost <= quick.cost
    assert slow.proven_optimal
    assert weak_spots(slow.applied(network)).articulation_points == ()
