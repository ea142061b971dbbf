"""Which members are browsers, and who is told how it stands."""

import pytest

from strata.mesh import Roster
from strata.mesh.page.browsers import Browsers, Standing, may_learn, standing, standing_question
from strata.secure import BROWSER, Identity, Membership

OWNER, PHONE, NODE, STRANGER = (Identity.generate() for _ in range(4))


@pytest.fixture
def roster() -> Roster:
    mesh = Membership.found(OWNER).with_member(OWNER.card, "owner", (), ("coordinator",))
    return Roster(mesh.with_member(PHONE.card, "phone", (), (BROWSER,)).with_member(NODE.card, "node"))


def change(roster: Roster, membership: Membership) -> None:
    roster.update(membership.seal(OWNER))


def test_only_members_with_the_role_are_browsers(roster):
    browsers = Browsers(roster)
    assert list(browsers) == [PHONE.peer_id]
    assert len(browsers) == 1
    assert [each.peer_id in browsers for each in (PHONE, NODE, OWNER, STRANGER)] == [True, False, False, False]


def test_they_are_those_of_the_newest_membership(roster):
    browsers = Browsers(roster)
    change(roster, roster.membership.with_member(STRANGER.card, "tablet", (), (BROWSER, "node")))
    assert STRANGER.peer_id in browsers
    change(roster, roster.membership.without(PHONE.peer_id))
    assert list(browsers) == [STRANGER.peer_id]


def test_a_host_offers_them_its_protocol_while_there_are_none():
    browsers = Browsers(Roster(Membership.found(OWNER)))
    assert len(browsers) == 0
    assert bool(browsers)


def test_everybody_has_a_standing(roster):
    assert [standing(roster, each.peer_id) for each in (PHONE, NODE, STRANGER)] == [
        Standing.BROWSER,
        Standing.OTHER_MEMBER,
        Standing.STRANGER,
    ]
    change(roster, roster.membership.without(PHONE.peer_id))
    assert standing(roster, PHONE.peer_id) is Standing.REVOKED


def test_only_the_peer_itself_may_learn_it():
    question = standing_question(OWNER.peer_id)
    assert may_learn(OWNER.peer_id, PHONE.peer_id, PHONE.sign(question))
    assert not may_learn(OWNER.peer_id, PHONE.peer_id, STRANGER.sign(question))
    assert not may_learn(NODE.peer_id, PHONE.peer_id, PHONE.sign(question)), "it was put to another host"
    assert not may_learn(OWNER.peer_id, "nobody", PHONE.sign(question))
