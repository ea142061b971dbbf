"""What was seen of processes is counted as what is simulated."""

from random import Random

import pytest

from strata.mesh import Network, Peer, Quality
from tests.benchmarks.support.foretold import compared, numbers, p_of_all
from tests.benchmarks.support.recorded import Event, Kind, figures_of

NAMES = ("a", "b", "c")
LINKS = {("a", "b"): Quality(0.001), ("b", "c"): Quality(0.001)}
NETWORK = Network({name: Peer(name) for name in NAMES}, LINKS, {("a", "c"): Quality(0.001)})


def said(
    at: float,
    name: str,
    neighbours: str = "",
    dead: dict[str, float] | None = None,
    incarnation: int = 0,
    since: float | None = None,
) -> Event:
    """since: when the links to its neighbours came up; without it, just now."""
    living = frozenset(NAMES) - {name} - (dead or {}).keys()
    links = dict.fromkeys(neighbours, at if since is None else since)
    return Event(at, Kind.SAID, name, links, dead or {}, living, incarnation)


START = [said(0.1, "a", "b"), said(0.1, "b", "ac"), said(0.1, "c", "b")]


def figures(*events: Event, end: float = 100.0, slow: str = ""):
    return figures_of([*START, *events], NETWORK, end, frozenset(slow), [])


def test_nothing_happens():
    found = figures()
    assert (found.uptime, found.partitions, found.repairs, found.detections) == (1.0, 0, (), ())
    assert found.node_hours == pytest.approx(300 / 3600)


def test_a_killed_member_cuts_the_others_off_until_they_are_linked():
    found = figures(
        Event(10, Kind.KILLED, "b"), said(10.1, "a"), said(10.2, "c"), said(30, "a", "c"), said(30.5, "c", "a"),
    )  # fmt: skip
    assert (found.partitions, found.repairs) == (1, (20.5,))
    pairs = 6 * 10 + 2 * 90
    assert found.uptime == pytest.approx(1 - 2 * 20.5 / pairs)


def test_one_that_serves_again_is_live_without_a_path_until_both_ends_have_a_link():
    down = [Event(10, Kind.KILLED, "c"), said(10.1, "b", "a"), Event(20, Kind.SERVES, "c")]
    found = figures(*down, said(21, "c"), said(25, "c", "b"), said(26, "b", "ac"))
    assert found.partitions == 0
    assert found.uptime == pytest.approx(1 - 4 * 6 / (6 * 90 + 2 * 10))


def test_a_link_counts_from_when_it_came_up_though_that_was_told_later():
    down = [Event(10, Kind.KILLED, "c"), said(10.1, "b", "a"), Event(20, Kind.SERVES, "c")]
    found = figures(*down, said(23, "c", "b", since=20.5), said(24, "b", "ac", since=20.6))
    assert found.uptime == pytest.approx(1 - 4 * 0.6 / (6 * 90 + 2 * 10))
    died = [*down, Event(22, Kind.KILLED, "c"), Event(30, Kind.SERVES, "c")]
    again = figures(*died, said(31, "c", "b", since=30.2), said(31, "b", "ac", since=30.3))
    assert again.uptime == pytest.approx(1 - 4 * (2 + 0.3) / (6 * 82 + 2 * 18))


def test_stopped_members_are_not_live_and_carry_nothing():
    found = figures(Event(10, Kind.STOPPED, "b"), Event(14, Kind.RESUMED, "b"))
    assert (found.partitions, found.repairs) == (1, (4.0,))
    assert found.node_hours == pytest.approx(296 / 3600)


def test_who_goes_on_after_a_stop_has_not_the_links_that_it_ends_then_whenever_it_says_so():
    stop = [Event(10, Kind.STOPPED, "c"), Event(20, Kind.RESUMED, "c")]
    said_later = [said(20.02, "c", "b", since=0.1), said(20.3, "c"), said(20.4, "c", "b", since=20.35)]
    found = figures(*stop, *said_later, said(20.5, "b", "ac", since=20.35))
    assert found.partitions == 0
    assert found.uptime == pytest.approx(1 - 4 * 0.35 / (6 * 90 + 2 * 10))
    kept = figures(*stop, said(20.02, "c", "b", since=0.1), said(30, "c"), said(31, "b", "a"), end=40)
    assert kept.partitions == 1  # long after the stop, which has nothing to do with it


def test_a_link_that_is_cut_counts_no_longer_whatever_its_ends_say():
    found = figures(Event(10, Kind.CUT, ("a", "b")), said(11, "a", "b"), Event(15, Kind.HEALED, ("a", "b")))
    assert (found.partitions, found.repairs) == (1, (5.0,))


def test_what_is_seen_after_the_end_does_not_count():
    assert figures(Event(110, Kind.KILLED, "b")).node_hours == pytest.approx(300 / 3600)


def test_detection_is_from_the_kill_until_each_held_it_dead_though_that_was_told_later():
    found = figures(
        Event(10, Kind.KILLED, "b"), said(10.1, "a"), said(10.1, "c"),
        said(18, "a", dead={"b": 17.0}), said(18.5, "a", dead={"b": 17.0}), said(19.5, "c", dead={"b": 19.0}),
    )  # fmt: skip
    assert [(each.observer, each.subject, each.seconds) for each in found.detections] == [("a", "b", 7), ("c", "b", 9)]
    assert found.false_alarms == ()


def test_who_starts_and_hears_that_another_one_is_dead_has_not_found_that_out():
    found = figures(
        Event(5, Kind.KILLED, "a"), Event(10, Kind.KILLED, "b"), Event(15, Kind.SERVES, "a"),
        said(16, "a", dead={"b": 15.5}), said(17, "c", dead={"a": 11.0, "b": 16.0}),
    )  # fmt: skip
    assert {(each.observer, each.subject) for each in found.detections} == {("c", "a"), ("c", "b")}


def test_a_member_that_ran_is_a_false_alarm_and_one_that_was_stopped_was_noticed():
    found = figures(
        said(20, "c", "b", incarnation=3), said(30, "a", "b", dead={"c": 29.0}),
        Event(40, Kind.STOPPED, "b"), said(47, "c", "b", dead={"b": 46.0}, incarnation=3), Event(50, Kind.RESUMED, "b"),
        slow="b",
    )  # fmt: skip
    ran, stopped = found.false_alarms
    assert found.detections == ()
    assert (ran.observer, ran.subject, ran.incarnation, ran.about_slow, ran.stalled_seconds) == (
        "a",
        "c",
        3,
        False,
        None,
    )
    assert (stopped.observer, stopped.subject, stopped.about_slow, stopped.stalled_seconds) == ("c", "b", True, 6)
    counted = numbers(found)
    assert (counted["false_alarms"], counted["stop_detections"], counted["stop_detection_median_seconds"]) == (1, 1, 6)


def test_one_that_serves_again_is_no_longer_dead_and_may_be_a_false_alarm():
    found = figures(
        Event(10, Kind.KILLED, "b"), Event(15, Kind.SERVES, "b"), said(18, "a", dead={"b": 17.0}),
    )  # fmt: skip
    assert found.detections == ()
    assert [(each.observer, each.subject) for each in found.false_alarms] == [("a", "b")]


def test_who_is_cut_off_raises_no_false_alarm():
    cut = Event(10, Kind.CUT, ("a", "b"))
    found = figures(cut, said(20, "a", dead={"b": 19.0}))
    assert found.false_alarms == ()


def test_the_measured_is_compared_with_mean_and_range_and_what_there_is_not_is_not():
    nothing = float("nan")
    found = compared(
        {"x": 3.0, "y": nothing, "z": 1.0}, [{"x": 1, "y": 1, "z": nothing}, {"x": 2, "y": 1, "z": nothing}]
    )
    assert found["x"] == {"measured": 3.0, "mean": 1.5, "low": 1, "high": 2, "p": 2 / 3}
    assert (found["y"]["measured"], found["y"]["p"]) == (None, None)
    assert (found["z"]["mean"], found["z"]["p"]) == (None, None)


def test_what_was_measured_is_as_far_out_as_its_rank_among_the_runs_says():
    foretold = [{"x": float(value)} for value in range(99)]
    assert compared({"x": 99.0}, foretold)["x"]["p"] == compared({"x": -1.0}, foretold)["x"]["p"] == 0.02
    assert compared({"x": 49.5}, foretold)["x"]["p"] == 1
    assert p_of_all({"x": 99.0}, foretold) == 0.02


def test_figures_that_are_each_a_bit_out_are_far_out_together():
    source = Random(1)
    foretold = [{name: source.gauss(0, 1) for name in "abcde"} for _ in range(199)]
    measured = dict.fromkeys("abcde", 1.7)
    assert min(row["p"] for row in compared(measured, foretold).values()) > 0.05
    assert p_of_all(measured, foretold) < 0.02


def test_of_runs_that_are_alike_one_in_twenty_is_taken_for_another():
    source = Random(2)

    def drawn() -> dict[str, float]:
        base = source.gauss(0, 1)  # figures depend on each other
        return {"a": base, "b": base + source.gauss(0, 1), "c": float(source.randrange(3))}

    trials = 300
    taken = sum(p_of_all(drawn(), [drawn() for _ in range(39)]) <= 0.05 for _ in range(trials))
    assert taken <= 0.05 * trials + 3 * (0.05 * 0.95 * trials) ** 0.5
