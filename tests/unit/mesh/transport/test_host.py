"""Hosts of libp2p inside the channel, over real sockets on loopback: what runs there, how many, and their end."""

import os
from contextlib import AsyncExitStack, asynccontextmanager

import psutil
import pytest
import trio

pytest.importorskip("libp2p", reason="NOT TESTED: libp2p is not installed (make setup, or pip install strata[mesh])")

from libp2p.pubsub.gossipsub import PROTOCOL_ID_V11, GossipSub
from libp2p.pubsub.pubsub import Pubsub
from libp2p.tools.anyio_service import background_trio_service

from strata.mesh import CannotListen, Roster
from strata.mesh.transport import dial_peer, open_host
from strata.mesh.transport.security import PROTOCOL
from strata.secure import Identity
from tests.support.channels import ALICE, BOB, MESH
from tests.support.hosts import address, digest_of, identify, ping, reaches, run, serve_digests

WEBSOCKET = ("/ip4/127.0.0.1/tcp/0/ws",)


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


@pytest.mark.parametrize("where", ["/ip4/127.0.0.1/udp/99999/quic-v1", "/ip4/127.0.0.1/tcp/99999", "nonsense"])
def test_an_address_that_cannot_be_listened_on_is_an_error(where) -> None:
    async def test() -> None:
        with pytest.raises(CannotListen, match="cannot listen on"):
            async with open_host(BOB, Roster(MESH), ("/ip4/127.0.0.1/tcp/0", where)):
                raise AssertionError("it opened")

    run(test)


@pytest.mark.parametrize("kind", ["/tcp/", "/ws/", "/quic-v1/"])
def test_nothing_is_left_after_closing(kind) -> None:
    me = psutil.Process()
    before = me.num_fds()

    async def test() -> None:
        roster = Roster(MESH)
        async with (
            open_host(BOB, roster, ("/ip4/127.0.0.1/tcp/0", *WEBSOCKET, "/ip4/127.0.0.1/udp/0/quic-v1")) as bob,
            open_host(ALICE, roster) as alice,
        ):
            await dial_peer(alice, next(str(each) for each in bob.get_addrs() if kind in str(each)))
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


def test_a_dial_begins_with_a_hello_also_to_a_host_that_came_back_with_other_keys() -> None:
    async def test() -> None:
        known = Roster(MESH)
        where, configs = "/ip4/127.0.0.1/tcp/0", []
        async with open_host(ALICE, known) as alice:
            for _ in range(2):  # an open_host has ECH keys of its own
                async with open_host(BOB, Roster(MESH), [where]) as bob:
                    where = address(bob).partition("/p2p/")[0]
                    await dial_peer(alice, address(bob))
                    assert 0 < await ping(alice, bob.get_id()) < 5
                    configs.append(known.ech_config(BOB.peer_id))
                    await alice.disconnect(bob.get_id())
        assert None not in configs
        assert configs[0] != configs[1]

    run(test)
