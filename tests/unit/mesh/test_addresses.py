"""Where a member is looked for."""

from functools import partial

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from strata.mesh import Roster, Unreachable, dial, serve
from strata.mesh.addresses import Addresses, may_be_claimed
from strata.secure import ChannelError, Identity, Member, Membership

HERE, PEER, OTHER = (Identity.generate() for _ in range(3))
LISTED = Member(PEER.card, "peer", ("192.0.2.1:1", "a.example:2", "@front"))


def test_it_is_looked_for_where_it_answered_then_where_it_is_listed_then_where_others_say():
    known = Addresses()
    assert known.of(LISTED) == ("192.0.2.1:1", "a.example:2")
    known.claim(PEER.peer_id, "192.0.2.9:9")
    assert known.of(LISTED) == ("192.0.2.1:1", "a.example:2", "192.0.2.9:9")
    known.answer(PEER.peer_id, "192.0.2.9:9")
    assert known.of(LISTED) == ("192.0.2.9:9", "192.0.2.1:1", "a.example:2")
    known.claim(PEER.peer_id, "192.0.2.9:9")  # nothing new
    assert known.of(LISTED)[0] == "192.0.2.9:9"
    known.claim(PEER.peer_id, "192.0.2.10:9")  # it has moved on
    assert known.of(LISTED) == ("192.0.2.1:1", "a.example:2", "192.0.2.10:9")
    known.claim(OTHER.peer_id, "192.0.2.11:9")
    known.keep_only({OTHER.peer_id})
    assert known.of(LISTED) == LISTED.direct
    assert known.of(Member(OTHER.card, "other")) == ("192.0.2.11:9",)


def test_where_it_answered_counts_as_long_as_somebody_says_that_it_is_there():
    known = Addresses()
    known.answer(PEER.peer_id, "a.example:2")
    assert known.of(LISTED) == ("a.example:2", "192.0.2.1:1")
    assert known.of(Member(PEER.card, "peer", ("192.0.2.1:1",))) == ("192.0.2.1:1",)


def test_addresses_of_the_two_kinds_are_apart():
    known, both = Addresses(), Member(PEER.card, "peer", ("192.0.2.1:1", "/ip4/192.0.2.1/tcp/2"))
    known.claim(PEER.peer_id, "/ip4/192.0.2.9/tcp/9/ws")
    assert (known.of(both), known.multiaddrs_of(both)) == (
        ("192.0.2.1:1",), ("/ip4/192.0.2.1/tcp/2", "/ip4/192.0.2.9/tcp/9/ws"),
    )  # fmt: skip
    known.answer(PEER.peer_id, "/ip4/192.0.2.9/tcp/9/ws")
    assert known.of(both) == ("192.0.2.1:1",)
    assert known.multiaddrs_of(both)[0] == "/ip4/192.0.2.9/tcp/9/ws"


@pytest.mark.parametrize(
    "address",
    [
        "192.0.2.7:9000", "127.0.0.1:1", "[2001:db8::7]:65535", "/ip4/192.0.2.7/tcp/9000", "/ip6/2001:db8::7/tcp/1/ws",
        "/ip4/192.0.2.7/udp/9000/quic-v1",
    ],
)  # fmt: skip
def test_an_address_of_a_machine_may_be_claimed(address: str):
    assert may_be_claimed(address)


@pytest.mark.parametrize(
    "address",
    [
        "", "host:80", "192.0.2.7", "192.0.2.7:0", "192.0.2.7:65536", "192.0.2.7:080", "192.0.2.7:80 ",
        "300.1.1.1:80", "0.0.0.0:80", "[::]:80", "224.0.0.1:80", "[ff02::1]:80", "255.255.255.255:80", "[192.0.2.7]:80",
        "2001:db8::7:80", "192.0.2.7:80\n", "/dns4/host/tcp/80", "/ip4/192.0.2.7/tcp/0", "/ip4/192.0.2.7/udp/1",
        "/ip4/0.0.0.0/tcp/80", "/ip6/192.0.2.7/tcp/80",
        "/ip4/192.0.2.7/tcp/80/p2p/x/p2p-circuit", "/ip4/192.0.2.7/tcp/80/wss", "[fe80::1%eth0]:80",
        "user@192.0.2.7:80",
    ],
)  # fmt: skip
def test_nothing_else_may_be_claimed(address: str):
    assert not may_be_claimed(address)
    known = Addresses()
    known.claim(PEER.peer_id, address)
    assert known.of(LISTED) == LISTED.direct


@given(st.text(max_size=60))
def test_whatever_is_claimed_it_is_taken_or_not(address: str):
    if may_be_claimed(address) and not address.startswith("/"):
        host, _, port = address.rpartition(":")
        assert host.strip("[]").replace(".", "").replace(":", "").isalnum()
        assert 0 < int(port) < 65536


def mesh(address: str) -> Membership:
    found = Membership.found(HERE).with_member(HERE.card, "here")
    return found.with_member(PEER.card, "peer", (address,)).with_member(OTHER.card, "other")


async def hold(link) -> None:
    await link.receive()


@pytest.mark.anyio
async def test_a_member_that_has_moved_is_reached_and_then_at_once():
    async with trio.open_nursery() as nursery:
        silent = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]  # takes connections and says nothing
        listed = f"127.0.0.1:{silent.socket.getsockname()[1]}"
        membership = mesh(listed)
        port = await nursery.start(partial(serve, PEER, Roster(membership), hold))
        roster = Roster(membership)
        roster.addresses.claim(PEER.peer_id, f"127.0.0.1:{port}")
        link = await dial(HERE, roster, PEER.peer_id, timeout=2)
        assert link.peer.peer_id == PEER.peer_id
        assert roster.addresses.of(membership.member(PEER.peer_id)) == (f"127.0.0.1:{port}", listed)
        await silent.aclose()
        await link.aclose()
        nursery.cancel_scope.cancel()


@pytest.mark.anyio
async def test_a_false_claim_leads_to_no_link():
    async with trio.open_nursery() as nursery:
        membership = mesh("127.0.0.1:1")
        port = await nursery.start(partial(serve, OTHER, Roster(membership), hold))
        roster = Roster(membership)
        roster.addresses.claim(PEER.peer_id, f"127.0.0.1:{port}")
        with pytest.raises((ChannelError, Unreachable)):
            await dial(HERE, roster, PEER.peer_id, timeout=5)
        assert roster.addresses.of(membership.member(PEER.peer_id))[0] == "127.0.0.1:1"
        nursery.cancel_scope.cancel()
