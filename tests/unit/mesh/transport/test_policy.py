"""Who is let in: members, stock peers that the policy names, and nobody by a trick or by being late."""

import pytest
import trio
import trio.testing

pytest.importorskip("libp2p", reason="NOT TESTED: libp2p is not installed (make setup, or pip install strata[mesh])")

from strata.mesh import Roster, Unreachable
from strata.mesh.transport import dial_peer, open_host
from strata.mesh.transport.security import PROTOCOL, XkTransport
from strata.secure import Identity, Membership
from tests.support.channels import ALICE, BOB, MESH, OUTSIDER
from tests.support.hosts import address, ping, reaches, run, stock_host

OFFER = bytes([len(PROTOCOL) + 1]) + PROTOCOL.encode() + b"\n"
BOTH_NOISE = {ALICE.peer_id, BOB.peer_id}


def test_nobody_is_a_member_of_another_mesh() -> None:
    async def test() -> None:
        other = Membership.found(OUTSIDER).with_member(ALICE.card, "alice").with_member(BOB.card, "bob")
        async with open_host(BOB, Roster(MESH)) as bob, open_host(ALICE, Roster(other)) as alice:
            with pytest.raises(Unreachable, match="hung up during the handshake"):
                await dial_peer(alice, address(bob))
            assert not bob.get_network().get_connections()

    run(test)


def test_who_is_not_listed_is_not_dialled() -> None:
    async def test() -> None:
        roster = Roster(MESH)
        async with open_host(OUTSIDER, roster) as outsider, open_host(ALICE, roster) as alice:
            with pytest.raises(Unreachable, match="not a member"):
                await dial_peer(alice, address(outsider))

    run(test)


@pytest.mark.parametrize("dials", ["stock", "ours"])
@pytest.mark.parametrize("policy", [(), {OUTSIDER.peer_id}], ids=["nobody", "somebody else"])
def test_a_member_that_speaks_noise_is_refused_unless_the_policy_names_it(dials, policy) -> None:
    async def test() -> None:
        async with open_host(BOB, Roster(MESH), stock=policy) as bob, stock_host(ALICE) as alice:
            if dials == "ours":
                with pytest.raises(Unreachable, match=r"policy does not allow|protocol"):
                    await dial_peer(bob, address(alice))
            else:
                alice.get_network().retry_config.max_retries = 0
                with pytest.raises(Unreachable):
                    await dial_peer(alice, address(bob))
            assert not bob.get_network().get_connections()

    run(test)


def test_the_policy_does_not_let_strangers_in() -> None:
    async def test() -> None:
        async with open_host(BOB, Roster(MESH), stock={OUTSIDER.peer_id}) as bob, stock_host(OUTSIDER) as outsider:
            with pytest.raises(Unreachable, match="not a member"):
                await dial_peer(bob, address(outsider))

    run(test)


def test_a_peer_made_to_look_like_a_stock_one_is_not_dialled() -> None:
    """Somebody in between answers `na` to our protocol, for a peer that speaks it and may not speak `/noise`."""

    async def test() -> None:
        roster = Roster(MESH)

        async def strip(stream: trio.SocketStream, port: int) -> None:
            upstream = await trio.open_tcp_stream("127.0.0.1", port)

            async def forward(source: trio.SocketStream, sink: trio.SocketStream, *, outward: bool) -> None:
                async for data in source:
                    if outward and OFFER in data:
                        await source.send_all(b"\x03na\n")
                        stripped.append(data)
                    if rest := data.replace(OFFER, b""):
                        await sink.send_all(rest)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(lambda: forward(stream, upstream, outward=True))
                await forward(upstream, stream, outward=False)
                nursery.cancel_scope.cancel()

        stripped: list[bytes] = []
        async with (
            open_host(BOB, roster, stock=BOTH_NOISE) as bob,  # he would take it
            open_host(ALICE, roster, stock={OUTSIDER.peer_id}) as alice,
            trio.open_nursery() as nursery,
        ):
            target = int(bob.get_addrs()[0].value_for_protocol("tcp"))
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            port = listeners[0].socket.getsockname()[1]
            nursery.start_soon(trio.serve_listeners, lambda stream: strip(stream, target), listeners)
            with pytest.raises(Unreachable, match="bob would speak /noise"):
                await dial_peer(alice, f"/ip4/127.0.0.1/tcp/{port}/p2p/{BOB.peer_id}")
            assert stripped
            nursery.cancel_scope.cancel()

    run(test)


ANOTHER_KEY = Identity(ALICE._signing_key, Identity.generate().static_private)
NEWER = {
    "revoked": MESH.without(ALICE.peer_id),
    "another key": MESH.with_member(ANOTHER_KEY.card, "alice"),
}
over_each_change = pytest.mark.parametrize("newer", NEWER.values(), ids=NEWER)


@over_each_change
def test_a_member_no_more_is_disconnected(newer) -> None:
    async def test() -> None:
        roster = Roster(MESH)
        async with open_host(BOB, roster) as bob, open_host(ALICE, Roster(MESH)) as alice:
            await dial_peer(alice, address(bob))
            connection = bob.get_network().get_connections(alice.get_id())[0]
            roster.update(newer.seal(ALICE))
            await connection.event_closed.wait()
            assert not await reaches(alice, bob)

    run(test)


@over_each_change
def test_nor_does_it_slip_in_between_its_handshake_and_its_connection(newer, monkeypatch) -> None:
    secure = XkTransport.secure_inbound

    async def test() -> None:
        roster = Roster(MESH)

        async def late(self, conn):
            secured = await secure(self, conn)
            if roster.membership is MESH:
                roster.update(newer.seal(ALICE))
                await trio.testing.wait_all_tasks_blocked(0.01)
            return secured

        monkeypatch.setattr(XkTransport, "secure_inbound", late)
        async with open_host(BOB, roster) as bob, open_host(ALICE, Roster(MESH)) as alice:
            await dial_peer(alice, address(bob))
            for connection in bob.get_network().get_connections(alice.get_id()):
                await connection.event_closed.wait()
            assert not await reaches(alice, bob)

    run(test)


def test_a_newer_membership_disturbs_nobody_else() -> None:
    async def test() -> None:
        roster = Roster(MESH)
        async with open_host(BOB, roster) as bob, open_host(ALICE, Roster(MESH)) as alice:
            connection = await dial_peer(alice, address(bob))
            roster.update(MESH.with_member(OUTSIDER.card, "new").seal(ALICE))
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert not connection.is_closed
            assert await ping(alice, bob.get_id())

    run(test)


def test_noise_is_not_even_offered_when_nobody_may_speak_it() -> None:
    async def test() -> None:
        for stock, offered in (((), {PROTOCOL}), (BOTH_NOISE, {PROTOCOL, "/noise"})):
            async with open_host(BOB, Roster(MESH), stock=stock) as bob:
                assert bob.get_network().upgrader.security_multistream.transports.keys() == offered

    run(test)


def test_a_host_that_must_hide_whom_it_dials_dials_nobody_it_does_not_know() -> None:
    async def test() -> None:
        demanding = Roster(MESH, require_ech=True)
        async with open_host(BOB, Roster(MESH)) as bob, open_host(ALICE, demanding) as alice:
            with pytest.raises(Unreachable, match="no ECH config"):
                await dial_peer(alice, address(bob))

    run(test)
