"""The signed membership spreads among the members; who is revoked is dropped."""

import random

import pytest

from strata.mesh import Roster
from strata.mesh.members import Detector, SignedCharter, What
from strata.mesh.members.messages import Kind, Message, State, Update, decode, encode
from strata.secure import Identity, Membership, MembershipError
from tests.support.swarm import Swarm

OWNER = Identity.generate()
CARDS = [Identity.generate().card for _ in range(5)]
IDS = [card.peer_id for card in CARDS]
MESH = Membership.found(OWNER)
for number, card in enumerate(CARDS):
    MESH = MESH.with_member(card, f"m{number}")
WITHOUT = MESH.without(IDS[4])


def charter(membership=MESH):
    return SignedCharter(Roster(membership), membership.seal(OWNER))


def test_a_revocation_reaches_all_from_one_and_the_revoked_is_dropped():
    swarm = Swarm()
    charters = {peer: charter() for peer in IDS}
    for peer in IDS:
        swarm.add(peer, [IDS[0]], charter=charters[peer])
    swarm.run(10)
    assert swarm.nodes[IDS[0]].members == 5
    assert charters[IDS[2]].take(WITHOUT.seal(OWNER))
    swarm.nodes[IDS[2]].recheck()
    swarm.run(10)
    assert {each.version for peer, each in charters.items() if peer != IDS[4]} == {WITHOUT.version}
    assert all(swarm.nodes[peer].members == 4 for peer in IDS[:4])
    assert {observer for _, observer in swarm.seen(IDS[4], What.LEFT)} == set(IDS[:4])
    assert all(each.sealed == WITHOUT.seal(OWNER) for peer, each in charters.items() if peer != IDS[4])


def test_who_is_not_listed_is_not_heard_and_nobody_speaks_of_it():
    detector = Detector(IDS[0], "", 0.0, random.Random(0), charter=charter(WITHOUT))
    revoked = IDS[4]
    hello = Message(Kind.SYNC, 99, updates=(Update(State.ALIVE, 0, revoked), Update(State.ALIVE, 0, IDS[1])))
    detector.receive(0.0, revoked, encode(hello))
    assert detector.known() == {}
    assert detector.outgoing() == []
    about = (Update(State.ALIVE, 0, revoked), Update(State.SUSPECT, 0, IDS[1], revoked), Update(State.ALIVE, 0, IDS[3]))
    detector.receive(0.0, IDS[2], encode(Message(Kind.GOSSIP, WITHOUT.version, updates=about)))
    assert set(detector.known()) == {IDS[3]}


def said(detector):
    """What it sends now, but for the full exchange with newcomers."""
    messages = [(peer, decode(data)) for peer, data in detector.outgoing()]
    return [(peer, message) for peer, message in messages if message.kind is not Kind.SYNC]


def fetching():
    """A detector that has just asked IDS[1] for a newer membership."""
    held = charter()
    detector = Detector(IDS[0], "", 0.0, random.Random(0), charter=held)
    detector.receive(0.0, IDS[1], encode(Message(Kind.GOSSIP, WITHOUT.version)))
    ((peer, message),) = said(detector)
    assert (peer, message.kind) == (IDS[1], Kind.FETCH)
    return held, detector


def test_a_membership_is_taken_only_from_who_was_asked_once_and_only_a_genuine_one():
    sealed = encode(Message(Kind.SEALED, WITHOUT.version, sealed=WITHOUT.seal(OWNER)))
    held, detector = fetching()
    detector.receive(0.0, IDS[2], sealed)
    assert held.version == MESH.version
    detector.receive(0.0, IDS[1], encode(Message(Kind.SEALED, 99, sealed=WITHOUT.seal(OWNER)[:-2] + b"9}")))
    detector.receive(0.0, IDS[1], sealed)  # it had its turn
    assert held.version == MESH.version
    held, detector = fetching()
    detector.receive(0.0, IDS[1], sealed)
    assert held.version == WITHOUT.version


def test_one_fetch_at_a_time_and_another_holder_when_it_is_not_answered():
    _, detector = fetching()
    newer = encode(Message(Kind.GOSSIP, WITHOUT.version))
    detector.receive(0.1, IDS[2], newer)
    assert said(detector) == []
    while detector.next_call < 11:
        detector.tick(detector.next_call)
    detector.outgoing()
    detector.receive(11.0, IDS[2], newer)
    assert [(peer, message.kind) for peer, message in said(detector)] == [(IDS[2], Kind.FETCH)]


def test_who_asks_gets_what_is_newer_and_nothing_else():
    detector = Detector(IDS[0], "", 0.0, random.Random(0), charter=charter(WITHOUT))
    detector.receive(0.0, IDS[1], encode(Message(Kind.FETCH, MESH.version)))
    ((peer, message),) = said(detector)
    assert (peer, message.sealed) == (IDS[1], WITHOUT.seal(OWNER))
    detector.receive(0.0, IDS[1], encode(Message(Kind.FETCH, WITHOUT.version)))
    assert said(detector) == []


def test_a_charter_holds_what_the_node_goes_by():
    with pytest.raises(MembershipError, match="another"):
        SignedCharter(Roster(MESH), WITHOUT.seal(OWNER))
