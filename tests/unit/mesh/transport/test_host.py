"""Hosts of libp2p inside the channel, over real sockets on loopback."""

import contextlib
import os
from contextlib import AsyncExitStack, asynccontextmanager

import psutil
import pytest
import trio
import trio.testing

pytest.importorskip("libp2p", reason="NOT TESTED: libp2p is not installed (make setup, or pip install strata[mesh])")

from libp2p.abc import IHost
from libp2p.exceptions import BaseLibp2pError
from libp2p.pubsub.gossipsub import PROTOCOL_ID_V11, GossipSub
from libp2p.pubsub.pubsub import Pubsub
from libp2p.tools.anyio_service import background_trio_service

from strata.mesh import CannotListen, Roster, Unreachable
from strata.mesh.transport import dial_peer, open_host
from strata.mesh.transport.security import PROTOCOL, XkTransport
from strata.secure import Identity, Membership
from tests.support.channels import ALICE, BOB, MESH, OUTSIDER
from tests.support.hosts import address, digest_of, identify, ping, serve_digests, stock_host


def run(test, *args) -> None:
    async def limited() -> None:
        with trio.fail_after(60):
            await test(*args)

    trio.run(limited)


MULTISTREAM = b"\x13/multistream/1.0.0\n"
OFFER = bytes([len(PROTOCOL) + 1]) + PROTOCOL.encode() + b"\n"
BOTH_NOISE = {ALICE.peer_id, BOB.peer_id}
WEBSOCKET = ("/ip4/127.0.0.1/tcp/0/ws",)


async def agree_and_say_nothing(stream: trio.SocketStream) -> None:
    """A listener that takes our protocol, and then lets the dialler wait."""
    await stream.send_all(MULTISTREAM)
    said = b""
    while OFFER not in said:
        said += await stream.receive_some()
    await stream.send_all(OFFER)
    await trio.sleep_forever()


def test_a_dial_does_not_wait_for_a_handshake_for_ever() -> None:
    """The swarm sets no time for it."""

    async def test() -> None:
        async with open_host(ALICE, Roster(MESH), handshake_seconds=0.3) as alice, trio.open_nursery() as nursery:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            port = listeners[0].socket.getsockname()[1]
            nursery.start_soon(trio.serve_listeners, agree_and_say_nothing, listeners)
            with pytest.raises(Unreachable, match=r"no handshake within 0\.3 s"):
                await dial_peer(alice, f"/ip4/127.0.0.1/tcp/{port}/p2p/{BOB.peer_id}")
            nursery.cancel_scope.cancel()

    run(test)


@pytest.mark.parametrize("addresses", [("/ip4/127.0.0.1/tcp/0",), WEBSOCKET], ids=["tcp", "websocket"])
def test_ping_identify_and_streams_run_inside_the_channel(addresses) -> None:
    async def test() -> None:
        roster = Roster(MESH)
        async with open_host(BOB, roster, addresses) as bob, open_host(ALICE, roster) as alice:
            serve_digests(bob)
            connection = await dial_peer(alice, address(bob))
            assert connection.get_negotiated_security_protocol() == PROTOCOL
            assert 0 < await ping(alice, bob.get_id()) < 5
            said = await identify(alice, bob.get_id())
            assert "/ipfs/ping/1.0.0" in said.protocols
            assert await digest_of(alice, bob.get_id(), 4)

    run(test)


def test_gossip_runs_inside_the_channel() -> None:
    @asynccontextmanager
    async def gossiping(host):
        router = GossipSub(protocols=[PROTOCOL_ID_V11], degree=2, degree_low=1, degree_high=3, heartbeat_interval=1)
        pubsub = Pubsub(host, router)
        async with background_trio_service(pubsub), background_trio_service(router):
            await pubsub.wait_until_ready()
            yield pubsub

    async def test() -> None:
        roster = Roster(MESH)
        async with (
            open_host(BOB, roster) as bob,
            open_host(ALICE, roster) as alice,
            gossiping(bob) as from_bob,
            gossiping(alice) as from_alice,
        ):
            heard = await from_bob.subscribe("news")
            await dial_peer(alice, address(bob))
            await from_alice.wait_for_subscription(bob.get_id(), "news")
            await from_alice.publish("news", b"bob was told")
            assert (await heard.get()).data == b"bob was told"

    run(test)


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


def test_a_failed_dial_can_be_tried_again_at_once() -> None:
    async def test() -> None:
        roster = Roster(MESH)
        async with open_host(BOB, roster) as bob, open_host(ALICE, Roster(MESH.without(BOB.peer_id))) as alice:
            for _ in range(2):
                with pytest.raises(Unreachable, match="revoked"):
                    await dial_peer(alice, address(bob))

    run(test)


def test_a_dial_does_not_wait_when_it_has_succeeded() -> None:
    async def test() -> None:
        roster = Roster(MESH)
        async with open_host(BOB, roster) as bob, open_host(ALICE, roster) as alice:
            began = trio.current_time()
            await dial_peer(alice, address(bob))
            assert trio.current_time() - began < 0.24  # libp2p's own wait is 0.25 s

    run(test)


def test_a_silent_listener_costs_the_timeout() -> None:
    async def test() -> None:
        roster = Roster(MESH)
        listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
        port = listener.socket.getsockname()[1]
        async with listener, open_host(ALICE, roster) as alice:
            with pytest.raises(Unreachable, match=r"did not answer within 0\.2 s"):
                await dial_peer(alice, f"/ip4/127.0.0.1/tcp/{port}/p2p/{BOB.peer_id}", timeout=0.2)

    run(test)


@pytest.mark.parametrize(
    "says",
    [b"", b"GET / HTTP/1.1\r\n\r\n", MULTISTREAM, MULTISTREAM + OFFER, MULTISTREAM + OFFER + bytes(200)],
    ids=["nothing", "http", "multistream", "our protocol", "a handshake of zeros"],
)
def test_who_does_not_finish_a_handshake_is_dropped_and_others_are_served(says) -> None:
    async def test() -> None:
        roster = Roster(MESH)
        async with open_host(BOB, roster, handshake_seconds=0.5) as bob, open_host(ALICE, roster) as alice:
            port = int(bob.get_addrs()[0].value_for_protocol("tcp"))
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                await stream.send_all(says)
                assert await reaches(alice, bob)
                with contextlib.suppress(trio.BrokenResourceError):
                    while await stream.receive_some():
                        pass
            assert len(bob.get_network().get_connections()) == 1

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


@pytest.mark.parametrize("where", ["/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/99999", "nonsense"])
def test_an_address_that_cannot_be_listened_on_is_an_error(where) -> None:
    async def test() -> None:
        with pytest.raises(CannotListen, match="cannot listen on"):
            async with open_host(BOB, Roster(MESH), ("/ip4/127.0.0.1/tcp/0", where)):
                raise AssertionError("it opened")

    run(test)


def test_nothing_is_left_after_closing() -> None:
    me = psutil.Process()
    before = me.num_fds()

    async def test() -> None:
        roster = Roster(MESH)
        async with (
            open_host(BOB, roster, ("/ip4/127.0.0.1/tcp/0", *WEBSOCKET)) as bob,
            open_host(ALICE, roster) as alice,
        ):
            await dial_peer(alice, address(bob))
            await ping(alice, bob.get_id())
            await alice.new_stream(bob.get_id(), ["/ipfs/ping/1.0.0"])  # left open
        assert not me.net_connections()

    run(test)
    assert me.num_fds() <= before, os.listdir("/proc/self/fd")


def test_a_node_takes_connections_after_many_have_come_and_gone() -> None:
    """A stock one takes no more than 250 in its life, whatever became of them."""

    async def test() -> None:
        roster = Roster(MESH)
        async with open_host(BOB, roster, max_connections=4) as bob, open_host(ALICE, roster) as alice:
            for _ in range(9):
                connection = await dial_peer(alice, address(bob))
                gone = bob.get_network().get_connections(alice.get_id())[0]
                await connection.close()
                await gone.event_closed.wait()
            await dial_peer(alice, address(bob))
            await ping(alice, bob.get_id())

    run(test)


def test_refused_connections_use_up_no_room() -> None:
    """libp2p keeps several counts, and what one of them refuses may stay counted by another."""
    guests = [Identity.generate() for _ in range(3)]
    mesh = MESH
    for index, guest in enumerate(guests):
        mesh = mesh.with_member(guest.card, f"guest{index}")

    async def test() -> None:
        roster = Roster(mesh)
        async with (
            open_host(BOB, roster, max_connections=2) as bob,
            open_host(guests[0], roster) as first,
            open_host(guests[1], roster) as second,
            open_host(guests[2], roster) as third,
        ):
            assert await reaches(first, bob)
            assert await reaches(second, bob)
            for _ in range(8):
                assert not await reaches(third, bob)
            leaving = bob.get_network().get_connections(first.get_id())[0]
            await first.disconnect(bob.get_id())
            await leaving.event_closed.wait()
            assert await reaches(third, bob)

    run(test)


async def reaches(one: IHost, other: IHost) -> bool:
    """Whether a connection comes about and lives: who is refused late learns it only then."""
    try:
        await dial_peer(one, address(other))
        await ping(one, other.get_id())
    except (Unreachable, BaseLibp2pError):
        await one.disconnect(other.get_id())
        return False
    return True


def test_a_host_dials_nobody_by_itself() -> None:
    """libp2p's auto-connector dials whoever it knows of."""

    async def test() -> None:
        roster = Roster(MESH)
        async with open_host(BOB, roster) as bob, open_host(ALICE, roster) as alice:
            alice.peerstore.add_addrs(bob.get_id(), bob.get_addrs(), 1000)
            await alice.get_network().auto_connector.maybe_connect()
            assert not alice.get_network().get_connections()

    run(test)


def test_many_connections_close_at_once() -> None:
    guests = [Identity.generate() for _ in range(16)]
    mesh = MESH
    for index, guest in enumerate(guests):
        mesh = mesh.with_member(guest.card, f"guest{index}")

    async def test() -> None:
        roster = Roster(mesh)
        async with AsyncExitStack() as stack:
            hosts = [await stack.enter_async_context(open_host(guest, roster)) for guest in guests]
            async with open_host(BOB, roster) as bob:
                for host in hosts:
                    await dial_peer(host, address(bob))
                began = trio.current_time()
            assert trio.current_time() - began < 0.1 * len(guests)  # as long as one after the other would take

    run(test)


def test_noise_is_not_even_offered_when_nobody_may_speak_it() -> None:
    async def test() -> None:
        for stock, offered in (((), {PROTOCOL}), (BOTH_NOISE, {PROTOCOL, "/noise"})):
            async with open_host(BOB, Roster(MESH), stock=stock) as bob:
                assert bob.get_network().upgrader.security_multistream.transports.keys() == offered

    run(test)
