"""When simulated links go and come back, as those of agents do."""

import pytest

from strata.mesh import Network, Peer, Quality
from strata.mesh.agent import (
    AWAY_REDIAL_SECONDS,
    DIAL_SECONDS,
    HEARTBEAT_SECONDS,
    IDLE_SECONDS,
    SILENCE_SECONDS,
    redial_after,
)
from strata.mesh.simulate import Fault, Kind, Processes, Scenario, World, leave_alone, simulate_mesh
from strata.mesh.simulate.agenda import Agenda
from strata.mesh.simulate.keeping import Keeping

ENDS = ("a", "b")
DIALLING = 0.01


class Kept:
    """One link, which `a` keeps unless told otherwise; `there`: (when, whether) it came up or went."""

    def __init__(self, keeper: str = "a", seed: int = 0) -> None:
        self.agenda = Agenda(0.0)
        self.world = World(Network({name: Peer(name) for name in "abc"}, {ENDS: Quality(0.001)}))
        self.there: list[tuple[float, bool]] = [(0.0, True)]
        self.keeping = Keeping(self.agenda, self.world, seed, Processes(1.0, DIALLING, {ENDS: keeper}), self.changed)

    def changed(self) -> None:
        if (now := ENDS in self.world.there) != self.there[-1][1]:
            self.there.append((self.agenda.now, now))

    def at(self, time: float, what, *arguments) -> "Kept":
        def do() -> None:
            what(*arguments)
            self.changed()

        self.agenda.at(time, do)
        return self

    def down(self, name: str, *, since: float, until: float) -> "Kept":
        def crash() -> None:
            self.world.down[name] += 1
            self.keeping.crashed(name)

        def start() -> None:
            self.world.down[name] -= 1
            self.keeping.started(name)

        return self.at(since, crash).at(until, start)

    def cut(self, *, since: float, until: float) -> "Kept":
        def cut() -> None:
            self.world.cuts[ENDS] += 1
            self.keeping.cut(ENDS)

        def heal() -> None:
            self.world.cuts[ENDS] -= 1
            self.keeping.healed(ENDS)

        return self.at(since, cut).at(until, heal)

    def stall(self, name: str, *, since: float, until: float) -> "Kept":
        def stall() -> None:
            self.world.stalled.add(name)
            self.keeping.stalled(name)

        def resume() -> None:
            self.world.stalled.discard(name)
            self.keeping.resumed(name)

        return self.at(since, stall).at(until, resume)

    def run(self, end: float = 300.0) -> list[tuple[float, bool]]:
        self.agenda.run(end)
        return self.there[1:]


def dials(since: float, longest: float) -> list[float]:
    """When it is dialled after a link has gone, where each dial fails at once."""
    found, time, failures = [], since, 0
    while time < since + longest:
        time += redial_after(failures)
        failures += 1
        found.append(time)
    return found


@pytest.mark.parametrize("away", [0.2, 3.0, 20.0, 100.0])
def test_who_keeps_a_link_to_one_that_crashed_dials_less_and_less_often(away: float):
    back = next(time for time in dials(10.0, 200.0) if time > 10 + away)
    assert Kept().down("b", since=10, until=10 + away).run() == [(10, False), (pytest.approx(back + DIALLING), True)]


def test_who_comes_back_dials_at_once_whom_it_keeps_links_to():
    assert Kept("b").down("b", since=10, until=40).run() == [(10, False), (pytest.approx(40 + DIALLING), True)]


@pytest.mark.parametrize("seed", range(5))
def test_a_long_cut_is_noticed_by_its_silence(seed: int):
    (gone, went), (back, came) = Kept(seed=seed).cut(since=10, until=70).run()
    assert (went, came) == (False, True)
    assert 10 + SILENCE_SECONDS <= gone <= 10 + SILENCE_SECONDS + HEARTBEAT_SECONDS
    assert 70 < back <= 70 + redial_after(9) + DIAL_SECONDS + DIALLING


@pytest.mark.parametrize("seed", range(5))
def test_a_short_cut_ends_no_link(seed: int):
    assert Kept(seed=seed).cut(since=10, until=16).run() == []


def test_what_is_sent_again_too_late_does_not_save_a_link():
    """A ping that is lost at once is sent again 12.6 seconds later, and then not before silence has ended the link."""
    ended = [Kept(seed=seed).cut(since=10, until=10 + 14.5).run() for seed in range(30)]
    assert [] in ended
    assert any(ended)


@pytest.mark.parametrize("keeper", ["a", "b"])
def test_a_short_stall_ends_no_link_and_a_longer_one_makes_it_anew(keeper: str):
    assert Kept(keeper).stall("b", since=10, until=14).run() == []
    (gone, _), (back, _) = Kept(keeper).stall("b", since=10, until=17).run()
    assert gone == 17
    assert back == pytest.approx(17 + DIALLING + (redial_after(0) if keeper == "a" else 0))


@pytest.mark.parametrize(("keeper", "longest"), [("a", SILENCE_SECONDS + HEARTBEAT_SECONDS), ("b", IDLE_SECONDS)])
def test_a_long_stall_is_noticed_by_its_silence(keeper: str, longest: float):
    (gone, _), *_ = Kept(keeper).stall("b", since=10, until=60).run()
    assert 10 + longest - HEARTBEAT_SECONDS <= gone <= 10 + longest


def test_who_is_held_dead_is_dialled_seldom_and_at_once_when_heard_of():
    kept = Kept().down("b", since=10, until=50)
    kept.at(11, lambda: kept.keeping.noted("a", "b", away=True))
    assert kept.run() == [(10, False), (pytest.approx(11.5 + AWAY_REDIAL_SECONDS + DIALLING), True)]
    for heard in (lambda k: k.keeping.noted("a", "b", away=False), lambda k: k.keeping.heard("a", "b")):
        kept = Kept().down("b", since=10, until=50)
        kept.at(11, lambda k=kept: k.keeping.noted("a", "b", away=True))
        kept.at(5, kept.keeping.heard, "a", "b").at(52, heard, kept)
        assert kept.run() == [(10, False), (pytest.approx(52 + DIALLING), True)]


def test_one_that_is_heard_all_the_time_has_not_come_back():
    kept = Kept().down("b", since=10, until=50)
    kept.at(11, lambda: kept.keeping.noted("a", "b", away=True))
    for second in range(51):
        kept.at(second, kept.keeping.heard, "a", "b")
    assert kept.run() == [(10, False), (pytest.approx(11.5 + AWAY_REDIAL_SECONDS + DIALLING), True)]


def test_only_the_end_that_keeps_a_link_dials_when_it_hears_of_the_other():
    kept = Kept().down("b", since=10, until=10.7)
    kept.at(10.8, kept.keeping.heard, "b", "a").at(10.8, kept.keeping.heard, "c", "b")
    assert kept.run()[-1] == (pytest.approx(dials(10.0, 5)[1] + DIALLING), True)


def test_links_are_added_and_dropped_as_a_sweep_tells():
    kept = Kept()
    kept.at(5, kept.keeping.told, set(), {ENDS}).at(9, kept.keeping.told, {("b", "c")}, set())
    assert kept.run() == [(5, False)]
    assert kept.world.there == {("b", "c")}


def test_a_sweep_waits_for_who_is_stalled_and_for_pairs_that_are_cut():
    kept = Kept()
    assert kept.keeping.sweep_waits == 0
    kept.world.cuts[ENDS] += 1
    assert kept.keeping.sweep_waits == DIAL_SECONDS
    kept.world.cuts[ENDS] -= 1
    kept.world.stalled.add("c")
    assert kept.keeping.sweep_waits == 2 * DIAL_SECONDS


def test_a_whole_run_with_given_faults_counts_the_time_without_a_link():
    peers = {name: Peer(name) for name in "ab"}
    network = Network(peers, {ENDS: Quality(0.001)})
    faults = [Fault(100.0, 110.0, Kind.CRASH, "b"), Fault(200.0, 204.0, Kind.STALL, "a")]
    processes = Processes(2.0, DIALLING, {ENDS: "a"})
    scenario = Scenario(300 / 3600, sweep_minutes=10)
    found = simulate_mesh(scenario, network, leave_alone, seed=1, faults=faults, processes=processes)
    assert found.node_hours == pytest.approx((600 - 12 - 4) / 3600)
    # b serves at 112, and has its link when a dials again, at 115.5 at the latest
    assert 1 - 4 / 284 < found.uptime < 1
    assert {(each.observer, each.subject) for each in found.detections} <= {("a", "b")}
