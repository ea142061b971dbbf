"""What members find out about each other."""

import math
import random

import pytest

from strata.mesh.members import LAN, BadMessage, Detector, OpenCharter, State, What
from strata.mesh.members.messages import Kind, Message, Update, decode, encode
from tests.support.swarm import Swarm

ALIVE, SUSPECT, DEAD, LEFT = State


def test_a_crash_is_found_by_all_and_nobody_else_is_accused():
    swarm = Swarm()
    swarm.grow(8)
    crashed = swarm.now
    swarm.crash("n03")
    swarm.run(60)
    assert set(swarm.states("n03").values()) == {DEAD}
    found = swarm.seen("n03", What.DEAD)
    assert len(found) == 7
    assert max(time for time, _ in found) - crashed < 20  # probed within 2 rounds at most, then 4 s of suspicion
    assert {change.peer for _, _, change in swarm.log if change.what in (What.SUSPECT, What.DEAD)} == {"n03"}


def test_who_joins_by_one_seed_knows_all_and_is_known_to_all():
    swarm = Swarm()
    swarm.grow(6)
    swarm.add("late", ["n02"], address="late:9")
    swarm.run(5)
    assert swarm.nodes["late"].members == 7
    assert len(swarm.seen("late", What.JOINED)) == 6
    assert {node.known()["late"].address for name, node in swarm.nodes.items() if name != "late"} == {"late:9"}


def test_who_leaves_says_so_and_is_not_called_dead():
    swarm = Swarm()
    swarm.grow(6)
    swarm.act("n01", "leave")
    swarm.run(10)
    assert swarm.nodes["n01"].gone
    assert swarm.nodes["n01"].next_call == math.inf
    swarm.crash("n01")
    swarm.run(60)
    assert set(swarm.states("n01").values()) == {LEFT}
    assert not swarm.seen("n01", What.DEAD) + swarm.seen("n01", What.SUSPECT)


@pytest.mark.parametrize("first", ["leave", "crash"])
def test_who_comes_back_at_another_address_is_taken_back_there(first):
    swarm = Swarm()
    swarm.grow(6)
    if first == "leave":
        swarm.act("n01", "leave")
        swarm.run(10)
    swarm.crash("n01")
    swarm.run(60)
    swarm.add("n01", ["n04"], address="elsewhere:2")
    swarm.run(10)
    assert set(swarm.states("n01").values()) == {ALIVE}
    assert {node.known()["n01"].address for name, node in swarm.nodes.items() if name != "n01"} == {"elsewhere:2"}
    assert swarm.nodes["n01"].incarnation == 1


def test_a_restart_that_nobody_noticed_moves_the_address_too():
    swarm = Swarm()
    swarm.grow(5)
    swarm.crash("n01")
    swarm.add("n01", ["n00"], address="elsewhere:2")
    swarm.run(5)
    assert {node.known()["n01"].address for name, node in swarm.nodes.items() if name != "n01"} == {"elsewhere:2"}


def test_who_looks_on_is_told_what_happened_and_no_more():
    one = One()
    steps = [
        (Update(DEAD, 7, "z", "a"), None),  # nobody had known it
        (Update(ALIVE, 0, "b", "", "x:1"), What.JOINED),
        (Update(ALIVE, 1, "b", "", "x:1"), None),
        (Update(ALIVE, 2, "b", "", "y:1"), What.ALIVE),  # it has moved
        (Update(SUSPECT, 2, "b", "a", "y:1"), What.SUSPECT),
        (Update(SUSPECT, 2, "b", "c", "y:1"), None),
        (Update(ALIVE, 3, "b", "", "y:1"), What.ALIVE),
        (Update(ALIVE, 2, "b", "", "x:1"), None),  # old news
        (Update(DEAD, 3, "b", "a", "y:1"), What.DEAD),
        (Update(ALIVE, 4, "b", "", "y:1"), What.ALIVE),
        (Update(LEFT, 4, "b", "", "y:1"), What.LEFT),
        (Update(ALIVE, 5, "b", "", "z:1"), What.JOINED),
        (Update(ALIVE, 8, "z", "", "z:1"), What.ALIVE),
    ]
    for update, expected in steps:
        one.hear("a", Kind.GOSSIP, update)
        changes = [(change.peer, change.what, change.address) for change in one.it.changes()]
        assert changes == ([] if expected is None else [(update.peer, expected, update.address)]), update


def test_parts_of_a_mesh_find_each_other_again():
    swarm = Swarm()
    names = swarm.grow(10)
    side, plain = set(names[:4]), swarm.carry
    swarm.carry = lambda one, other: plain(one, other) if (one in side) == (other in side) else ()
    swarm.run(120)
    assert set(swarm.states("n09").values()) == {ALIVE, DEAD}
    assert swarm.nodes["n00"].members == 4
    swarm.carry = plain
    swarm.run(60)
    assert [node.members for node in swarm.nodes.values()] == [10] * 10
    assert all(set(swarm.states(name).values()) == {ALIVE} for name in names)


def test_one_bad_link_costs_nobody_its_place():
    swarm = Swarm()
    swarm.grow(8)
    plain = swarm.carry
    swarm.carry = lambda one, other: () if {one, other} == {"n00", "n01"} else plain(one, other)
    swarm.run(300)
    assert not [change for _, _, change in swarm.log if change.what is What.SUSPECT]


def test_clocks_far_apart_and_of_different_pace_do_not_matter():
    swarm = Swarm()
    swarm.add("a", clock=(1e9, 1.02))
    swarm.add("b", ["a"], clock=(0.0, 1.0))
    swarm.add("c", ["a"], clock=(-5e6, 0.98))
    swarm.add("d", ["a"], clock=(37.0, 1.0))
    swarm.run(120)
    assert not [change for _, _, change in swarm.log if change.what is not What.JOINED]
    crashed = swarm.now
    swarm.crash("d")
    swarm.run(60)
    assert {observer for _, observer in swarm.seen("d", What.DEAD)} == {"a", "b", "c"}
    assert swarm.seen("d", What.DEAD)[0][0] - crashed > LAN.suspicion_floor(4) / 1.02


def test_who_was_stopped_blames_nobody_and_is_taken_back():
    swarm = Swarm()
    swarm.grow(8)
    sleeper = swarm.nodes.pop("n05")  # messages to it are lost, its timers stand still
    swarm.run(200)
    assert set(swarm.states("n05").values()) == {DEAD}
    swarm.nodes["n05"] = sleeper
    swarm.act("n05", "tick")
    swarm.run(40)
    assert {change.what for _, observer, change in swarm.log if observer == "n05"} == {What.JOINED}
    assert set(swarm.states("n05").values()) == {ALIVE}


def test_local_health_worsens_alone_and_recovers():
    swarm = Swarm()
    swarm.grow(8)
    plain = swarm.carry
    swarm.carry = lambda one, other: () if "n00" in (one, other) else plain(one, other)
    swarm.run(25)
    assert swarm.nodes["n00"].stretch == LAN.health_levels
    assert swarm.nodes["n01"].stretch <= 2
    swarm.carry = plain
    swarm.run(120)
    assert {node.stretch for node in swarm.nodes.values()} == {1}
    assert all(set(swarm.states(name).values()) == {ALIVE} for name in swarm.nodes)


def test_who_is_not_known_and_speaks_is_asked_for_all_it_knows():
    detector = Detector("me", "", 0.0, random.Random(1), charter=OpenCharter())
    detector.receive(0.0, "a", encode(Message(Kind.PING, 0, 7)))
    assert [(peer, decode(data).kind) for peer, data in detector.outgoing()] == [("a", Kind.SYNC), ("a", Kind.ACK)]


class One:
    """One detector, spoken to by hand."""

    def __init__(self):
        self.it = Detector("me", "here:1", 0.0, random.Random(1), charter=OpenCharter())

    def hear(self, sender, kind=Kind.GOSSIP, *updates, now=0.0, **more):
        self.it.receive(now, sender, encode(Message(kind, 0, updates=tuple(updates), **more)))
        said = [(peer, decode(data)) for peer, data in self.it.outgoing()]
        return [(peer, message) for peer, message in said if message.kind is not Kind.SYNC]  # asks newcomers that


def test_an_accusation_is_refuted_with_a_higher_incarnation_at_once():
    one = One()
    ((peer, ack),) = one.hear("a", Kind.PING, Update(SUSPECT, 3, "me", "a", "here:1"), number=7)
    assert (peer, ack.kind, ack.number) == ("a", Kind.ACK, 7)
    assert Update(ALIVE, 4, "me", "", "here:1") in ack.updates


def test_who_repeats_what_was_refuted_is_told():
    one = One()
    one.hear("a", Kind.GOSSIP, Update(DEAD, 3, "me", "a", "here:1"))
    ((peer, told),) = one.hear("b", Kind.GOSSIP, Update(DEAD, 2, "me", "a", "here:1"))
    assert (peer, told.kind) == ("b", Kind.GOSSIP)
    assert told.updates[0] == Update(ALIVE, 4, "me", "", "here:1")


def test_incarnations_cannot_be_used_up_for_another():
    one = One()
    one.hear("a", Kind.GOSSIP, Update(SUSPECT, 1 << 61, "me", "a"), Update(ALIVE, 5, "b"))
    assert one.it.incarnation == 0
    one.hear("a", Kind.GOSSIP, Update(SUSPECT, 1 << 61, "b", "a"))
    assert one.it.known()["b"] == Update(ALIVE, 5, "b")


def test_more_accusers_make_a_suspicion_shorter_and_one_accuser_counts_once():
    lasts = []
    for accusers in (("a",), ("a", "a", "a"), ("a", "b"), ("a", "b", "c"), ("a", "b", "c", "d")):
        one = One()
        one.hear("a", Kind.SYNC_REPLY, *(Update(ALIVE, 0, peer) for peer in "abcdefgh"))
        for accuser in accusers:
            one.hear("a", Kind.GOSSIP, Update(SUSPECT, 0, "h", accuser))
        lasts.append(one.it._view.deadline)
    floor = LAN.suspicion_floor(9)
    assert lasts == pytest.approx([24, 24, 24 - math.log(2) / math.log(3) * 20, floor, floor])


def test_an_answer_counts_only_from_who_was_asked():
    one = One()
    one.hear("a", Kind.SYNC_REPLY, Update(ALIVE, 0, "a"), Update(ALIVE, 0, "b"))
    one.it.tick(one.it.next_call)
    while not (pings := [(p, m) for p, d in one.it.outgoing() if (m := decode(d)).kind is Kind.PING]):
        one.it.tick(one.it.next_call)
    ((target, ping),) = pings
    now = one.it.next_call
    other = "b" if target == "a" else "a"
    one.hear(other, Kind.ACK, number=ping.number, now=now)  # nobody asked it
    one.hear(target, Kind.ACK, number=ping.number + 1, now=now)
    asked = []
    while not asked:
        now = one.it.next_call
        one.it.tick(now)
        asked = [(p, m) for p, d in one.it.outgoing() if (m := decode(d)).kind is Kind.PING_REQUEST]
    assert [(peer, message.target, message.number) for peer, message in asked] == [(other, target, ping.number)]
    one.hear(other, Kind.ACK, number=ping.number, now=now)  # now it was asked
    while one.it.next_call < now + 0.6:
        one.it.tick(one.it.next_call)
    assert one.it.state_of(target) is ALIVE


def test_what_another_part_holds_dead_is_suspect_first_and_what_is_said_by_gossip_is_believed():
    one = One()
    one.hear("a", Kind.SYNC_REPLY, *(Update(ALIVE, 0, peer) for peer in "abcd"))
    one.hear("a", Kind.SYNC_REPLY, Update(DEAD, 0, "b", "c"))
    assert one.it.known()["b"] == Update(SUSPECT, 0, "b", "a")
    one.hear("a", Kind.GOSSIP, Update(DEAD, 0, "d", "c"))
    assert one.it.state_of("d") is DEAD


def test_who_is_held_dead_or_suspect_is_told_so_whenever_it_is_spoken_to():
    one = One()
    for state in (SUSPECT, DEAD):
        claim = Update(state, 0, "b", "c")
        one.hear("a", Kind.GOSSIP, Update(ALIVE, 0, "b"), claim)
        for number in range(9):  # more often than anything is passed on
            ((peer, ack),) = one.hear("b", Kind.PING, number=number)
            assert (peer, ack.updates[0]) == ("b", claim)


def test_garbage_is_refused_and_changes_nothing():
    one = One()
    with pytest.raises(BadMessage):
        one.it.receive(0.0, "a", b"garbage that is longer than a head")
    assert one.it.known() == {}


def test_errands_are_bounded():
    one = One()
    pings = [one.hear("a", Kind.PING_REQUEST, number=n, target=f"t{n}") for n in range(100)]
    assert sum(map(bool, pings)) == 64
    one.it.tick(0.6)
    nacks = [decode(data) for _, data in one.it.outgoing() if decode(data).kind is Kind.NACK]
    assert [nack.number for nack in nacks] == list(range(64))
