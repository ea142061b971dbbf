"""The signed list of members."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strata.secure import Identity, Member, Membership, MembershipError, NotAMember, open_sealed
from strata.secure import membership as module

OWNER, ALICE, BOB, EVE = (Identity.generate() for _ in range(4))
FOUNDED = Membership.found(OWNER)
MESH = FOUNDED.with_member(ALICE.card, "alice", ["127.0.0.1:4801"]).with_member(BOB.card, "bob", roles=["coordinator"])
SEALED = MESH.seal(OWNER)


def forge(change) -> bytes:
    """A document changed by hand and signed by the owner, as only a faulty owner tool would."""
    document = MESH.document()
    change(document)
    body = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    return resign(body)


def resign(body: bytes) -> bytes:
    header, _, _ = SEALED.partition(b"\n")
    signature = module.base64.urlsafe_b64encode(OWNER.sign(b"strata:membership:v1\0" + body)).rstrip(b"=")
    return b" ".join([*header.split()[:2], signature]) + b"\n" + body


def test_a_sealed_membership_comes_back():
    opened = open_sealed(SEALED, OWNER.peer_id)
    assert opened == MESH == open_sealed(SEALED)
    assert opened.version == 3
    assert opened.member(ALICE.peer_id).addresses == ("127.0.0.1:4801",)
    assert opened.named("bob").roles == {"coordinator"}
    assert opened.member_by_key(BOB.static_key).name == "bob"


def test_forging_by_hand_is_done_right():
    assert open_sealed(forge(lambda document: None)) == MESH


def test_another_owner_is_refused():
    theirs = Membership(MESH.mesh_id, EVE.peer_id, 9, MESH.members).seal(EVE)
    assert open_sealed(theirs).owner_peer_id == EVE.peer_id
    with pytest.raises(MembershipError, match="not by the mesh owner"):
        open_sealed(theirs, OWNER.peer_id)


def test_only_the_owner_seals():
    with pytest.raises(MembershipError, match="belongs to"):
        MESH.seal(EVE)


def test_a_signed_document_of_another_owner_under_the_owners_name_is_refused():
    theirs = Membership(MESH.mesh_id, EVE.peer_id, 9, MESH.members).seal(EVE)
    with pytest.raises(MembershipError, match="signature"):
        open_sealed(theirs.replace(EVE.peer_id.encode(), OWNER.peer_id.encode(), 1), OWNER.peer_id)


@given(position=st.integers(0, len(SEALED) - 1), bit=st.integers(0, 7))
@settings(max_examples=300)
def test_any_flipped_bit_is_refused(position, bit):
    changed = bytearray(SEALED)
    changed[position] ^= 1 << bit
    with pytest.raises(MembershipError):
        open_sealed(bytes(changed), OWNER.peer_id)


@given(st.one_of(st.binary(max_size=500), st.integers(0, len(SEALED) - 1).map(lambda size: SEALED[:size])))
def test_garbage_and_truncation_are_refused(data):
    with pytest.raises(MembershipError):
        open_sealed(data)


def test_nothing_is_parsed_before_the_signature_is_checked(monkeypatch):
    monkeypatch.setattr(module, "_parse", lambda document: pytest.fail("parsed"))
    with pytest.raises(MembershipError, match="signature"):
        open_sealed(SEALED[:-1] + b" ")


def test_an_enormous_file_is_refused_unread():
    with pytest.raises(MembershipError, match="at most"):
        open_sealed(SEALED + b" " * module.MAX_SEALED_BYTES)


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.update(extra=1),
        lambda document: document.pop("revoked"),
        lambda document: document.update(version=0),
        lambda document: document.update(version=True),
        lambda document: document.update(version=1.5),
        lambda document: document.update(version="3"),
        lambda document: document.update(version=2**60),
        lambda document: document.update(mesh_id="../etc"),
        lambda document: document.update(mesh_id=5),
        lambda document: document.update(owner=EVE.peer_id),
        lambda document: document.update(members={}),
        lambda document: document.update(members="ab"),
        lambda document: document["members"].append(document["members"][0]),
        lambda document: document["members"].append({**document["members"][0], "name": "again"}),
        lambda document: document["members"][0].update(name="a b"),
        lambda document: document["members"][0].update(name="bob"),
        lambda document: document["members"][0].update(name=7),
        lambda document: document["members"][0].update(roles=[]),
        lambda document: document["members"][0].update(roles=["king"]),
        lambda document: document["members"][0].update(roles=["node", "node"]),
        lambda document: document["members"][0].update(roles=[["node"]]),
        lambda document: document["members"][0].update(addresses=["127.0.0.1"]),
        lambda document: document["members"][0].update(addresses=["127.0.0.1:0"]),
        lambda document: document["members"][0].update(addresses=["127.0.0.1:65536"]),
        lambda document: document["members"][0].update(addresses=[f"h:{port}" for port in range(1, 18)]),
        lambda document: document["members"][0].update(addresses=[4801]),
        lambda document: document["members"][0].update(card=EVE.card.to_text().replace(EVE.peer_id, ALICE.peer_id)),
        lambda document: document["members"][0].update(card=5),
        lambda document: document["members"][0].update(extra=5),
        lambda document: document.update(revoked=[ALICE.peer_id]),
        lambda document: document.update(revoked=["someone"]),
        lambda document: document.update(revoked=[EVE.peer_id, EVE.peer_id]),
        lambda document: document.update(revoked=5),
    ],
)
def test_a_malformed_document_is_refused_even_when_signed(change):
    with pytest.raises(MembershipError):
        open_sealed(forge(change))


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b"7", b"\xff", b"[" * 100_000])
def test_signed_json_of_another_shape_is_refused(body):
    with pytest.raises(MembershipError):
        open_sealed(resign(body))


def test_another_spelling_of_the_same_document_is_refused():
    body = SEALED.partition(b"\n")[2]
    with pytest.raises(MembershipError, match="canonical"):
        open_sealed(resign(body.replace(b'":', b'": ', 1)))


def test_a_revoked_peer_is_gone_for_good():
    without = MESH.without(BOB.peer_id)
    assert without.version == MESH.version + 1
    with pytest.raises(NotAMember, match="revoked"):
        without.member(BOB.peer_id)
    with pytest.raises(NotAMember):
        without.member_by_key(BOB.static_key)
    with pytest.raises(MembershipError, match="does not come back"):
        without.with_member(BOB.card, "bob")
    assert open_sealed(without.seal(OWNER)) == without


def test_inviting_again_replaces_what_is_known():
    moved = MESH.with_member(ALICE.card, "alice", ["10.0.0.1:4801"])
    assert len(moved.members) == 2
    assert moved.member(ALICE.peer_id).addresses == ("10.0.0.1:4801",)


def test_a_stranger_is_not_a_member():
    for lookup in (lambda: MESH.member(EVE.peer_id), lambda: MESH.member_by_key(EVE.static_key)):
        with pytest.raises(NotAMember):
            lookup()
    with pytest.raises(NotAMember):
        MESH.named("eve")
    with pytest.raises(NotAMember):
        MESH.without(EVE.peer_id)


def test_two_members_of_one_name_are_refused():
    with pytest.raises(MembershipError, match="same name"):
        MESH.with_member(EVE.card, "bob")


def test_too_many_members_are_refused():
    member = MESH.members[0]
    with pytest.raises(MembershipError, match="at most"):
        Membership(MESH.mesh_id, OWNER.peer_id, 1, (member,) * (module.MAX_MEMBERS + 1))


def test_a_member_may_have_fronts_and_addresses_of_its_own():
    mesh = MESH.with_member(EVE.card, "eve", ["@alice", "10.0.0.1:4801", "/dns4/example.org/tcp/443/wss", "@b.c-d_e"])
    opened = open_sealed(mesh.seal(OWNER), OWNER.peer_id).named("eve")
    assert opened.fronts == ("alice", "b.c-d_e")
    assert opened.direct == ("10.0.0.1:4801",)
    assert opened.multiaddrs == ("/dns4/example.org/tcp/443/wss",)


@pytest.mark.parametrize("address", ["@", "@@bob", "@bob:80", "bob@", "@-bob", "@alice", "@" + "b" * 64])
def test_addresses_that_name_no_front(address):
    with pytest.raises(MembershipError):
        Member(ALICE.card, "alice", (address,))


@pytest.mark.parametrize(
    "address", ["/", "/ip4", "//tcp/1", "/ip4/127.0.0.1/tcp/1/", "/ip4/x y", "/a" * 17, "/a/" + "b" * 129]
)
def test_addresses_that_are_no_multiaddrs(address):
    with pytest.raises(MembershipError, match="not a multiaddr"):
        Member(ALICE.card, "alice", (address,))


RELAYED = f"/ip4/192.0.2.1/tcp/4001/ws/p2p/{ALICE.peer_id}/p2p-circuit"


@pytest.mark.parametrize(
    "address", ["example.org:80", "[::1]:4801", "10.0.0.1:65535", "/ip6/::1/udp/1/quic-v1", RELAYED]
)
def test_addresses_that_are_fine(address):
    assert Member(ALICE.card, "alice", (address,)).addresses == (address,)
