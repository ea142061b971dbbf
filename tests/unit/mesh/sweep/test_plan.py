"""Which pairs are probed: within the budget, and in time all of them."""

from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.errors import StrataError
from strata.mesh.network import pair
from strata.mesh.sweep.plan import plan_probes, sweeps_for_all, turns

NAMES = [f"m{number:02}" for number in range(24)]


@st.composite
def meshes(draw: st.DrawFn):
    """Members, links between them, and those that answer."""
    members = draw(st.lists(st.sampled_from(NAMES), min_size=0, max_size=24, unique=True))
    pairs = [pair(*ends) for ends in combinations(members, 2)]
    links = draw(st.lists(st.sampled_from(pairs), unique=True) | st.just(pairs)) if pairs else []
    able = draw(st.lists(st.sampled_from(members), unique=True) | st.just(members)) if members else []
    return members, links, able


def pairs_of(assignment) -> list:
    return [pair(prober, peer) for prober, peers in assignment.items() for peer in peers]


@given(meshes(), st.integers(0, 1000), st.integers(2, 20), st.integers(0, 5))
def test_nobody_probes_more_than_the_budget_and_no_pair_is_probed_twice(mesh, sweep: int, fan_out: int, seed: int):
    members, links, able = mesh
    planned = plan_probes(members, links, sweep, able=able, fan_out=fan_out, seed=seed)
    assert all(len(peers) <= fan_out for peers in planned.values())
    pairs = pairs_of(planned)
    assert len(pairs) == len(set(pairs))
    assert {name for ends in pairs for name in ends} <= set(able)
    assert planned == plan_probes(members, links, sweep, able=able, fan_out=fan_out, seed=seed)


@given(meshes(), st.integers(0, 1000), st.integers(2, 20), st.data())
def test_after_so_many_sweeps_every_pair_was_seen_whatever_was_up(mesh, first: int, fan_out: int, data: st.DataObject):
    members, _, _ = mesh
    every = [pair(*ends) for ends in combinations(members, 2)]
    seen = set()
    for sweep in range(first, first + sweeps_for_all(len(members), fan_out)):
        links = data.draw(st.lists(st.sampled_from(every), unique=True)) if every else []
        seen |= set(pairs_of(plan_probes(members, links, sweep, fan_out=fan_out)))
    assert seen == set(every)


@given(meshes(), st.integers(0, 1000), st.integers(2, 20))
def test_links_that_are_up_are_probed_in_each_sweep_as_far_as_half_the_budget_goes(mesh, sweep: int, fan_out: int):
    members, links, _ = mesh
    degree = Counter(name for ends in links for name in ends)
    left = set(links) - set(pairs_of(plan_probes(members, links, sweep, fan_out=fan_out)))
    most = fan_out - fan_out // 2
    assert all(min(degree[one], degree[other]) > most for one, other in left)


@given(st.integers(0, 24), st.integers(0, 100), st.integers(1, 10))
def test_in_a_round_nobody_is_in_two_pairs(count: int, sweep: int, rounds: int):
    met = Counter(name for ends in turns(NAMES[:count], sweep, rounds) for name in ends)
    assert all(times <= rounds for times in met.values())


def test_all_pairs_of_eight_members_are_probed_in_one_sweep():
    assert len(pairs_of(plan_probes(NAMES[:8], [], 0))) == 28
    assert sweeps_for_all(8) == 1


def test_another_seed_takes_another_order():
    assert turns(NAMES, 0, 2, seed=0) != turns(NAMES, 0, 2, seed=1)


def test_a_budget_of_one_is_refused():
    with pytest.raises(StrataError, match="at least 2"):
        plan_probes(NAMES, [], 0, fan_out=1)
