"""Whole simulations."""

import math
from dataclasses import replace

import pytest

from strata.errors import StrataError
from strata.mesh import Network, Quality
from strata.mesh.members import LAN
from strata.mesh.simulate import (
    RandomLinks,
    Remembering,
    Scenario,
    Slow,
    Spell,
    Split,
    dialling_mesh,
    leave_alone,
    measure_detection,
    simulate_mesh,
    sparse_mesh,
)
from strata.mesh.topology import propose

WEEKS = Scenario(336, crash=Spell(24, 30), leave=Spell(200, 20), cut=Spell(300, 10), split=Split(200, 5, 0.3))
DRAWN = [5.0, 8.0, 12.0]


def weeks(mesh, mender, seed=1, description=WEEKS):
    return simulate_mesh(description, mesh, mender, seed=seed, detection=DRAWN)


def test_a_seed_repeats_exactly_and_another_is_another():
    mesh = sparse_mesh(12, 1)
    assert weeks(mesh, propose) == weeks(mesh, Remembering(propose))
    assert weeks(mesh, propose) != weeks(mesh, propose, seed=2)
    brief = Scenario(0.1, crash=Spell(0.2, 1))
    assert simulate_mesh(brief, mesh, propose, seed=1) == simulate_mesh(brief, mesh, propose, seed=1)


def test_links_in_the_right_place_help_more_than_as_many_anywhere():
    mesh = sparse_mesh(20, 1)
    alone, mended = weeks(mesh, leave_alone), weeks(mesh, propose)
    anywhere = weeks(mesh, RandomLinks(mended.changes, 1))
    assert mended.added == anywhere.added > 0
    assert mended.partitions < anywhere.partitions < alone.partitions
    assert mended.uptime > anywhere.uptime > alone.uptime
    assert mended.node_hours == pytest.approx(alone.node_hours)


def test_without_faults_nothing_happens():
    found = weeks(dialling_mesh(10, 1), leave_alone, description=Scenario(10))
    assert (found.partitions, found.uptime, found.repairs, len(found.changes)) == (0, 1.0, (), 119)
    assert found.node_hours == pytest.approx(100)


@pytest.mark.parametrize("detection", [[40.0], None], ids=["drawn", "detailed"])
def test_a_sweep_sees_its_side_of_a_split_and_what_answers(detection):
    mesh, seen = dialling_mesh(8, 1), []

    def look(network):
        seen.append(network)
        return leave_alone(network)

    split = Scenario(0.4, split=Split(0.1, 5, 0.5), sweep_minutes=1)
    simulate_mesh(split, mesh, look, seed=1, detection=detection)
    assert {len(network.peers) for network in seen} > {len(mesh.peers)}
    seen.clear()
    cut = Scenario(0.4, cut=Spell(0.5, 5), sweep_minutes=1)
    simulate_mesh(cut, mesh, look, seed=1, detection=detection)
    assert min(len(network.links) for network in seen) < len(mesh.links)
    assert min(len(network.possible) for network in seen) < len(mesh.possible)
    assert all(set(network.possible) <= set(mesh.possible) for network in seen)


def test_a_crash_is_not_seen_before_it_is_noticed():
    seen = []

    def look(network):
        seen.append(len(network.peers))
        return leave_alone(network)

    crash = Scenario(5, crash=Spell(5, 60), sweep_minutes=1)
    counts = []
    for latency in (0.0, 1e6):
        seen.clear()
        simulate_mesh(crash, dialling_mesh(8, 1), look, seed=1, detection=[latency])
        counts.append(min(seen))
    assert counts[0] < counts[1] == 8


def test_the_detailed_simulation_finds_every_crash_and_accuses_nobody_else():
    found = simulate_mesh(Scenario(0.4, crash=Spell(0.5, 2)), dialling_mesh(12, 2), leave_alone, seed=3)
    assert len(found.detections) > 40
    assert 2 < min(each.seconds for each in found.detections) < max(each.seconds for each in found.detections) < 40
    assert found.false_alarms == ()


def test_what_is_lost_does_not_arrive():
    mesh = dialling_mesh(5, 2)
    deaf = replace(mesh, links={ends: Quality(0.01, loss=1.0) for ends in mesh.links}, possible={})
    found = simulate_mesh(Scenario(0.2, crash=Spell(0.1, 1)), deaf, leave_alone, seed=3)
    assert found.node_hours < 0.95
    assert found.detections == ()  # nobody has ever heard of anybody


def test_members_that_leave_and_come_back_are_no_deaths():
    found = simulate_mesh(Scenario(0.3, leave=Spell(0.3, 1)), dialling_mesh(10, 2), leave_alone, seed=3)
    assert found.node_hours < 2.95
    assert (found.detections, found.false_alarms) == ((), ())


def test_slow_nodes_do_not_bring_down_healthy_ones_and_lifeguard_is_patient_with_them():
    slow = Scenario(0.1, slow=Slow(0.25, 4, 4))
    mesh = dialling_mesh(12, 2)
    plain = replace(LAN, health_levels=1, suspicion_stretch=1, nap=math.inf)
    lifeguard = [simulate_mesh(slow, mesh, leave_alone, seed=seed) for seed in range(2)]
    swim = [simulate_mesh(slow, mesh, leave_alone, seed=seed, timing=plain) for seed in range(2)]
    assert sum(each.alarms_about_healthy for each in lifeguard) == 0
    assert 0 < sum(each.false_deaths for each in lifeguard) < sum(each.false_deaths for each in swim)


def test_drawn_detection_foretells_what_the_detailed_simulation_finds():
    """The same faults, once with every message and once with latencies that another detailed run measured."""
    mesh = sparse_mesh(8, 4)
    measured = simulate_mesh(Scenario(0.5, crash=Spell(0.5, 2)), mesh, leave_alone, seed=1).detections
    latencies = [each.seconds for each in measured]
    description = Scenario(1, crash=Spell(1, 6), cut=Spell(20, 5), sweep_minutes=2)
    for seed in (2, 3):
        detailed = simulate_mesh(description, mesh, propose, seed=seed)
        drawn = simulate_mesh(description, mesh, propose, seed=seed, detection=latencies)
        alone = simulate_mesh(description, mesh, leave_alone, seed=seed, detection=latencies)
        assert drawn.partitions == pytest.approx(detailed.partitions, abs=1)
        assert drawn.uptime == pytest.approx(detailed.uptime, abs=0.01)
        assert alone.uptime < min(drawn.uptime, detailed.uptime) - 0.02


def test_random_links_make_up_for_those_that_did_not_come_about():
    mesh = sparse_mesh(10, 1)
    control = RandomLinks([(3, 0), (0, 0), (0, 2), (0, 0)], 1)
    first = control(mesh).add
    assert len(set(first)) == 3
    known = {**mesh.links, **mesh.possible}

    def with_links(*more):
        links = {**mesh.links, **{ends: known[ends] for ends in more}}
        return Network(mesh.peers, links, {ends: each for ends, each in known.items() if ends not in links})

    second = control(with_links(*first[1:]))
    assert (len(second.add), second.drop) == (1, ())
    there = (*first[1:], *second.add)
    third = control(with_links(*there))
    assert third.add == ()
    assert len(third.drop) == 2
    assert set(third.drop) <= set(there)


def test_detection_is_measured_of_a_mesh_and_not_of_one_node():
    found = measure_detection(sparse_mesh(6, 1), seed=1)
    assert len(found) > 30
    assert LAN.suspicion_floor(4) < min(found) < 40
    with pytest.raises(StrataError, match="1 nodes"):
        measure_detection(sparse_mesh(1, 1), seed=1)
