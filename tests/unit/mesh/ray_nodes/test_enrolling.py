"""The membership while nodes come and go."""

import pytest

from strata.errors import StrataError
from strata.mesh.ray_nodes.enrolling import Enrolled, enrol
from strata.secure import Identity, Membership

OWNER = Identity.generate()
FOUNDED = Membership.found(OWNER).with_member(OWNER.card, "coordinator", (), ("coordinator",))


def test_nodes_join_get_their_addresses_and_lose_them():
    one, two = Identity.generate(), Identity.generate()
    joined = enrol(FOUNDED, {"ray-1": Enrolled(one.card, "10.0.0.1:9"), "ray-2": Enrolled(two.card)})
    assert [(each.name, each.addresses) for each in joined.members[1:]] == [("ray-1", ("10.0.0.1:9",)), ("ray-2", ())]
    left = enrol(joined, {"ray-1": Enrolled(one.card)})
    assert left.named("ray-1").addresses == ()
    assert left.version > joined.version > FOUNDED.version
    assert not left.revoked


def test_a_node_with_another_key_takes_the_place_of_the_one_before():
    before, after = Identity.generate(), Identity.generate()
    joined = enrol(FOUNDED, {"ray-1": Enrolled(before.card)})
    replaced = enrol(joined, {"ray-1": Enrolled(after.card)})
    assert replaced.named("ray-1").peer_id == after.peer_id
    assert replaced.revoked == {before.peer_id}


def test_nobody_else_loses_their_name():
    with pytest.raises(StrataError, match="coordinator is a member already, as coordinator: choose another --name"):
        enrol(FOUNDED, {"coordinator": Enrolled(Identity.generate().card)})
