"""Dials that succeed, fail, or meet somebody who lets them wait."""

import contextlib

import pytest
import trio

pytest.importorskip("libp2p", reason="NOT TESTED: libp2p is not installed (make setup, or pip install strata[mesh])")

from strata.mesh import Roster, Unreachable
from strata.mesh.transport import dial_peer, open_host
from strata.mesh.transport.quic import is_quic
from strata.mesh.transport.security import PROTOCOL
from tests.support.channels import ALICE, BOB, MESH
from tests.support.hosts import address, reaches, run

MULTISTREAM = b"\x13/multistream/1.0.0\n"
OFFER = bytes([len(PROTOCOL) + 1]) + PROTOCOL.encode() + b"\n"


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


def test_a_peer_is_dialled_where_it_was_said_to_be() -> None:
    """libp2p itself tries addresses that the peer has told it of, QUIC before any other."""

    async def test() -> None:
        addresses = "/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"
        async with open_host(BOB, Roster(MESH), addresses) as bob, open_host(ALICE, Roster(MESH)) as alice:
            alice.peerstore.add_addrs(bob.get_id(), bob.get_addrs(), 1000)
            for kind in ("/tcp/", "/udp/"):
                connection = await dial_peer(alice, next(str(each) for each in bob.get_addrs() if kind in str(each)))
                assert is_quic(connection.muxed_conn.secured_conn._conn) == (kind == "/udp/")
                await connection.close()

    run(test)
