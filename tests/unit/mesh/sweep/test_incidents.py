"""What is an incident, and when it is over."""

from pathlib import Path

import pytest

from strata.mesh.network import Quality
from strata.mesh.sweep import TOPOLOGY, Kept, finish
from strata.mesh.sweep.found import Discovery, MemberState
from strata.mesh.sweep.incidents import Trouble, settle, troubles
from strata.mesh.sweep.sweep import Sweep, outdated
from strata.store import IncidentLog

DAY = 24 * 3600.0


def linked(name: str, pairs) -> dict[str, float]:
    return {other: 0.01 for ends in pairs if name in ends for other in ends if other != name}


def swept(links: str, names: str = "abcd", dead: str = "", **states: MemberState) -> Sweep:
    """Of a mesh with links such as "ab bc"; the last names do not answer."""
    pairs = [tuple(each) for each in links.split()]
    alive = [name for name in names if name not in dead]
    told = {name: MemberState(name, "1", neighbours=linked(name, pairs)) for name in alive}
    discovery = Discovery(0.0, tuple(names), {**told, **states}, dict.fromkeys(dead, "gone"), dict.fromkeys(dead, ()))
    return finish(Kept(), discovery, dict.fromkeys(pairs, Quality(0.01)), TOPOLOGY, seconds=1)[0]


def kinds(sweep: Sweep) -> list[tuple[str, str]]:
    return [(each.kind, each.subject) for each in troubles(sweep)]


def test_a_strong_mesh_has_none():
    assert kinds(swept("ab bc cd ad")) == []
    assert kinds(swept("ab", names="ab")) == []


def test_weak_spots_and_the_dead_are_some():
    assert kinds(swept("ab bc ac cd", dead="")) == [
        ("single member that cuts the mesh", "c"),
        ("single link that cuts the mesh", "c - d"),
    ]
    assert kinds(swept("ab", dead="d")) == [("dead member", "d"), ("mesh in parts", "mesh"),
                                            ("single link that cuts the mesh", "a - b")]  # fmt: skip


def test_of_the_dead_it_is_told_what_others_hold_of_them():
    told = {
        "a": MemberState("a", "1", neighbours={"b": 0.01}, held={"d": ("dead", 40.4), "c": ("alive", 99.0)}),
        "b": MemberState("b", "1", neighbours={"a": 0.01}, held={"d": ("dead", 41.0), "c": ("left", 7.0)}),
    }
    (one, other) = (each for each in troubles(swept("ab", dead="cd", **told)) if each.kind == "dead member")
    assert one.detail == "nobody reaches it: gone; 1 of 2 hold that it left, for 7 s"
    assert other.detail == "nobody reaches it: gone; 2 of 2 hold it dead, for 41 s"


def test_what_runs_out_within_a_week_is_one():
    state = MemberState("a", "1", neighbours={"b": 0.01, "d": 0.01}, expiring={"key": 6 * DAY, "other key": 8 * DAY})
    (trouble,) = troubles(swept("ab bc cd ad", a=state))
    assert trouble == Trouble("near expiry", "a", "key runs out in 144 h")


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ({}, {}),
        ({"a": "1", "b": "1"}, {}),
        ({"a": "1", "b": "2", "c": "1"}, {"b": "1"}),
        ({"a": "1", "b": "2"}, {"a": "2"}),
    ],
)
def test_the_version_of_most_is_the_right_one(versions, expected):
    assert outdated(versions) == expected


def test_an_incident_stays_the_same_until_it_is_over(tmp_path: Path):
    dead, cut = Trouble("dead member", "a", "gone"), Trouble("single member that cuts the mesh", "b", "alone")
    with IncidentLog(f"sqlite:///{tmp_path}/ledger.sqlite") as log:
        for _ in range(2):
            settle(log, [dead, cut], "", "mesh")
        assert [each.subject for each in log.open_ones("mesh")] == ["a", "b"]
        settle(log, [], "", "another mesh")
        assert len(log.open_ones("mesh")) == 2
        settle(log, [dead], "linked b - c", "mesh")
        settle(log, [], "linked b - c", "mesh")
        found = {each.subject: (each.state, each.response) for each in log.recent("mesh")}
        assert found == {"a": ("resolved", "it is not found any more"), "b": ("resolved", "linked b - c")}
        settle(log, [dead], "", "mesh")
        assert len(log.recent("mesh")) == 3
