"""Members that are metered and sleep at times."""

from collections import Counter

import pytest

from strata.mesh.members import LAN, MOBILE, Detector, OpenCharter, State, What
from strata.mesh.members.messages import Kind, Message, Update, decode, encode
from tests.support.swarm import Swarm

ALIVE, SUSPECT, DEAD, LEFT = State


class Counting(Swarm):
    """Counts what is sent: (kind, receiver)."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds: Counter[tuple[Kind, str]] = Counter()

    def _after(self, name):
        node = self.nodes[name]
        sent = node.outgoing
        node.outgoing = lambda: self._counted(sent())
        try:
            super()._after(name)
        finally:
            del node.outgoing

    def _counted(self, messages):
        self.kinds.update((decode(data).kind, receiver) for receiver, data in messages)
        return messages


def mixed(servers: int = 5, mobiles: int = 1) -> Counting:
    """n00, n01, ... are servers, m0, m1, ... mobile."""
    swarm = Counting()
    swarm.grow(servers)
    for number in range(mobiles):
        swarm.add(f"m{number}", ["n00"], address="", mobile=True, timing=MOBILE)
    swarm.run(60)
    assert all(node.members == servers + mobiles for node in swarm.nodes.values())
    swarm.kinds.clear()
    return swarm


def test_a_mobile_member_is_probed_and_gossiped_to_seldom():
    swarm = mixed()
    swarm.run(900)
    pings, others = swarm.kinds[Kind.PING, "m0"], swarm.kinds[Kind.PING, "n01"]
    assert others > 800 / LAN.probe_interval
    assert 1 <= pings < 2.5 * others / LAN.mobile_stretch
    assert swarm.kinds[Kind.GOSSIP, "m0"] == 0


def test_it_relays_no_probe_as_long_as_others_can():
    swarm = mixed()
    swarm.crash("n03")
    swarm.run(30 + MOBILE.sync_interval)
    assert swarm.nodes["m0"].state_of("n03") is SUSPECT  # it has asked, and leaves n03 the time to answer
    swarm.run(600)
    assert set(swarm.states("n03").values()) == {DEAD}
    assert sum(count for (kind, _), count in swarm.kinds.items() if kind is Kind.PING_REQUEST) > 0
    assert swarm.kinds[Kind.PING_REQUEST, "m0"] == 0


def test_a_nap_is_borne_and_a_crash_is_found_in_the_end():
    swarm = mixed()
    asleep = swarm.nodes.pop("m0")
    swarm.run(100)
    assert DEAD not in set(swarm.states("m0").values())
    swarm.nodes["m0"] = asleep
    swarm.act("m0", "tick")
    swarm.act("m0", "join", asleep.some(3))
    swarm.run(2)
    assert set(swarm.states("m0").values()) == {ALIVE}
    swarm.crash("m0")
    swarm.run(1200)
    assert set(swarm.states("m0").values()) == {DEAD}


def test_it_says_itself_whether_it_is_mobile():
    swarm = mixed()
    liar = Update(ALIVE, 1, "n01", address="n01:1", mobile=True)
    for name in ("n00", "n01"):
        swarm.nodes[name].receive(swarm.local(name), "n02", encode(Message(Kind.GOSSIP, 0, updates=(liar,))))
        swarm._after(name)
    swarm.run(5)
    assert {node.is_mobile("n01") for node in swarm.nodes.values()} == {False}
    assert {node.is_mobile("m0") for name, node in swarm.nodes.items() if name != "m0"} == {True}


def test_a_restart_as_a_mobile_device_that_nobody_noticed_is_told():
    swarm = mixed()
    swarm.crash("n01")
    swarm.add("n01", ["n00"], address="n01:1", mobile=True, timing=MOBILE)
    swarm.run(5)
    assert {node.is_mobile("n01") for name, node in swarm.nodes.items() if name[0] == "n" and name != "n01"} == {True}


def test_what_others_find_out_about_it_leaves_it_mobile():
    swarm = mixed()
    swarm.crash("m0")
    swarm.run(1200)
    assert swarm.seen("m0", What.SUSPECT)
    assert {claim.mobile for node in swarm.nodes.values() for peer, claim in node.known().items() if peer == "m0"} == {
        True
    }


@pytest.mark.parametrize("mobiles", [2, 4])
def test_where_all_are_mobile_they_still_watch_each_other(mobiles: int):
    swarm = Swarm()
    for number in range(mobiles):
        swarm.add(f"m{number}", ["m0"], mobile=True, timing=MOBILE)
    swarm.run(120)
    assert all(node.members == mobiles for node in swarm.nodes.values())
    swarm.crash("m0")
    swarm.run(2000)
    assert set(swarm.states("m0").values()) == {DEAD}


def test_a_member_on_its_own_is_not_kept_waiting():
    detector = Detector("a", "", 0.0, Swarm().random, charter=OpenCharter(), mobile=True, timing=MOBILE)
    detector.tick(1000.0)
    assert detector.outgoing() == []
