"""Descriptions and the faults that they make."""

import json

import pytest

from strata.mesh.simulate import BadScenario, Scenario, Slow, Spell, Split, dialling_mesh, sparse_mesh
from strata.mesh.simulate.schedule import Kind, schedule, slow_nodes

ALL = Scenario(
    hours=1000,
    crash=Spell(20, 30),
    leave=Spell(100, 10),
    cut=Spell(300, 5),
    split=Split(50, 4, 0.3),
    slow=Slow(0.25, 5, 5000),
)


def test_a_description_is_read_as_it_was_written():
    assert Scenario.from_json(json.dumps(ALL.to_json())) == ALL
    assert Scenario.from_json('{"hours": 5}') == Scenario(5)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "the description"),
        ("{}", "hours"),
        ('{"hours": -1}', "hours"),
        ('{"hours": 1, "crashes": null}', "crashes"),
        ('{"hours": 1, "crash": {"every_hours": 0, "minutes": 1}}', "crash.every_hours"),
        ('{"hours": 1, "split": {"every_hours": 1, "minutes": 1, "share": 2}}', "split.share"),
        ('{"hours": NaN}', "hours"),
    ],
)
def test_what_is_wrong_is_named(text, where):
    with pytest.raises(BadScenario, match=f"^{where}: "):
        Scenario.from_json(text)


def test_meshes_of_the_same_nodes_meet_the_same_faults():
    one, other = (schedule(ALL, mesh(12, 3), 5) for mesh in (sparse_mesh, dialling_mesh))
    assert one == other
    assert one != schedule(ALL, sparse_mesh(12, 3), 6)
    without = schedule(Scenario(ALL.hours, crash=ALL.crash), sparse_mesh(12, 3), 5)
    assert without == [fault for fault in one if fault.kind is Kind.CRASH]


def test_faults_are_as_frequent_and_as_long_as_described():
    faults = schedule(ALL, sparse_mesh(12, 3), 5)
    assert [fault.begins for fault in faults] == sorted(fault.begins for fault in faults)
    expected = {
        Kind.CRASH: (12 * 1000 / 20.5, 1800),
        Kind.LEAVE: (12 * 1000 / (100 + 1 / 6), 600),
        Kind.CUT: (66 * 1000 / (300 + 1 / 12), 300),
        Kind.SPLIT: (1000 / (50 + 1 / 15), 240),
        Kind.STALL: (3 * 3.6e6 / 5005, 5),
    }
    for kind, (count, seconds) in expected.items():
        found = [fault.ends - fault.begins for fault in faults if fault.kind is kind]
        assert abs(len(found) - count) < 4 * count**0.5
        assert abs(sum(found) / len(found) - seconds) < 4 * seconds / len(found) ** 0.5
    assert len(slow_nodes(ALL, sparse_mesh(12, 3), 5)) == 3


def test_a_node_that_is_down_does_not_crash_again():
    over = {}
    for fault in schedule(Scenario(100, crash=Spell(1, 60)), sparse_mesh(5, 1), 1):
        assert fault.begins >= over.get(fault.what, 0.0)
        over[fault.what] = fault.ends
    assert len(over) == 5
