"""Hosts of libp2p inside the channel, over real sockets on loopback."""

import os

import psutil
import pytest
import trio

pytest.importorskip("libp2p", reason="NOT TESTED: libp2p is not installed (make setup, or pip install strata[mesh])")

from strata.mesh import CannotListen, Roster, Unreachable
from strata.mesh.transport import connect, open_host
from strata.mesh.transport.security import PROTOCOL
from strata.secure import Membership
from tests.support.channels import ALICE, BOB, MESH, OUTSIDER
from tests.support.hosts import address, digest_of, identify, ping, serve_digests, stock_host


def run(test, *args) -> None:
    async def limited() -> None:
        with trio.fail_after(60):
            await test(*args)

    trio.run(limited)


WEBSOCKET = ("/ip4/127.0.0.1/tcp/0/ws",)
BOTH_NOISE = {ALICE.peer_id, BOB.peer_id}


@pytest.mark.parametrize("addresses", [("/ip4/127.0.0.1/tcp/0",), WEBSOCKET], ids=["tcp", "websocket"])
def test_ping_identify_and_streams_run_inside_the_channel(addresses) -> None:
    async def test() -> None:
        roster = Roster(MESH)
        async with open_host(BOB, roster, addresses) as bob, open_host(ALICE, roster) as alice:
            serve_digests(bob)
            connection = await connect(alice, address(bob))
            assert connection.get_negotiated_security_protocol() == PROTOCOL
            assert 0 < await ping(alice, bob.get_id()) < 5
            said = await identify(alice, bob.get_id())
            assert "/ipfs/ping/1.0.0" in said.protocols
            assert await digest_of(alice, bob.get_id(), 4)

    run(test)


def test_nobody_is_a_member_of_another_mesh() -> None:
    async def test() -> None:
        other = Membership.found(OUTSIDER).with_member(ALICE.card, "alice").with_member(BOB.card, "bob")
        async with open_host(BOB, Roster(MESH)) as bob, open_host(ALICE, Roster(other)) as alice:
            with pytest.raises(Unreachable, match="hung up during the handshake"):
                await connect(alice, address(bob))
            assert not bob.get_network().get_connections()

    run(test)


def test_who_is_not_listed_is_not_dialled() -> None:
    async def test() -> None:
        roster = Roster(MESH)
        async with open_host(OUTSIDER, roster) as outsider, open_host(ALICE, roster) as alice:
            with pytest.raises(Unreachable, match="not a member"):
                await connect(alice, address(outsider))

    run(test)


def test_a_failed_dial_can_be_tried_again_at_once() -> None:
    async def test() -> None:
        roster = Roster(MESH)
        async with open_host(BOB, roster) as bob, open_host(ALICE, Roster(MESH.without(BOB.peer_id))) as alice:
            for _ in range(2):
                with pytest.raises(Unreachable, match="revoked"):
                    await connect(alice, address(bob))

    run(test)


def test_a_dial_does_not_wait_when_it_has_succeeded() -> None:
    async def test() -> None:
        roster = Roster(MESH)
        async with open_host(BOB, roster) as bob, open_host(ALICE, roster) as alice:
            began = trio.current_time()
            await connect(alice, address(bob))
            assert trio.current_time() - began < 0.24  # libp2p's own wait is 0.25 s

    run(test)


def test_a_silent_listener_costs_the_timeout() -> None:
    async def test() -> None:
        roster = Roster(MESH)
        listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
        port = listener.socket.getsockname()[1]
        async with listener, open_host(ALICE, roster) as alice:
            with pytest.raises(Unreachable, match=r"did not answer within 0\.2 s"):
                await connect(alice, f"/ip4/127.0.0.1/tcp/{port}/p2p/{BOB.peer_id}", timeout=0.2)

    run(test)


@pytest.mark.parametrize("dials", ["stock", "ours"])
@pytest.mark.parametrize("policy", [(), {OUTSIDER.peer_id}], ids=["nobody", "somebody else"])
def test_a_member_that_speaks_noise_is_refused_unless_the_policy_names_it(dials, policy) -> None:
    async def test() -> None:
        async with open_host(BOB, Roster(MESH), stock=policy) as bob, stock_host(ALICE) as alice:
            if dials == "ours":
                with pytest.raises(Unreachable, match=r"policy does not allow|protocol"):
                    await connect(bob, address(alice))
            else:
                alice.get_network().retry_config.max_retries = 0
                with pytest.raises(Unreachable):
                    await connect(alice, address(bob))
            assert not bob.get_network().get_connections()

    run(test)


def test_the_policy_does_not_let_strangers_in() -> None:
    async def test() -> None:
        async with open_host(BOB, Roster(MESH), stock={OUTSIDER.peer_id}) as bob, stock_host(OUTSIDER) as outsider:
            with pytest.raises(Unreachable, match="not a member"):
                await connect(bob, address(outsider))

    run(test)


def test_a_peer_made_to_look_like_a_stock_one_is_not_dialled() -> None:
    """Somebody in between answers `na` to our protocol, for a peer that speaks it and may not speak `/noise`."""

    async def test() -> None:
        roster = Roster(MESH)

        async def strip(stream: trio.SocketStream, port: int) -> None:
            upstream = await trio.open_tcp_stream("127.0.0.1", port)
            offer = bytes([len(PROTOCOL) + 1]) + PROTOCOL.encode() + b"\n"

            async def forward(source: trio.SocketStream, sink: trio.SocketStream, *, outward: bool) -> None:
                async for data in source:
                    if outward and offer in data:
                        await source.send_all(b"\x03na\n")
                        stripped.append(data)
                    if rest := data.replace(offer, b""):
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
                await connect(alice, f"/ip4/127.0.0.1/tcp/{port}/p2p/{BOB.peer_id}")
            assert stripped
            nursery.cancel_scope.cancel()

    run(test)


def test_a_revoked_member_is_disconnected() -> None:
    async def test() -> None:
        roster = Roster(MESH)
        async with open_host(BOB, roster) as bob, open_host(ALICE, Roster(MESH)) as alice:
            await connect(alice, address(bob))
            connection = bob.get_network().get_connections(alice.get_id())[0]
            roster.update(MESH.without(ALICE.peer_id).with_member(BOB.card, "bob").seal(ALICE))
            await connection.event_closed.wait()
            with pytest.raises(Exception):  # noqa: B017
                await ping(alice, bob.get_id())

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
            await connect(alice, address(bob))
            await ping(alice, bob.get_id())
            await alice.new_stream(bob.get_id(), ["/ipfs/ping/1.0.0"])  # left open

    run(test)
    assert not me.net_connections()
    assert me.num_fds() <= before, os.listdir("/proc/self/fd")


def test_a_node_takes_connections_after_many_have_come_and_gone() -> None:
    """A stock one takes no more than 250 in its life, whatever became of them."""

    async def test() -> None:
        roster = Roster(MESH)
        async with open_host(BOB, roster, max_connections=4) as bob, open_host(ALICE, roster) as alice:
            for _ in range(9):
                connection = await connect(alice, address(bob))
                gone = bob.get_network().get_connections(alice.get_id())[0]
                await connection.close()
                await gone.event_closed.wait()
            await connect(alice, address(bob))
            await ping(alice, bob.get_id())

    run(test)
