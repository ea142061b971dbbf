"""QUIC: the mesh's channel inside one of its streams, and nobody else's connections."""

from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

pytest.importorskip("libp2p", reason="NOT TESTED: libp2p is not installed (make setup, or pip install strata[mesh])")

from libp2p import new_host
from libp2p.crypto.ed25519 import Ed25519PrivateKey
from libp2p.crypto.keys import KeyPair
from libp2p.peer.id import ID
from libp2p.transport.quic.stream import QUICStream
from libp2p.transport.quic.transport import QUICTransport
from multiaddr import Multiaddr

from strata.mesh import Libp2p, Roster, Unreachable
from strata.mesh.transport import dial_peer, open_host, quic
from strata.mesh.transport.muxer import PROTOCOL as MUX
from strata.mesh.transport.security import PROTOCOL
from tests.support.channels import ALICE, BOB, MESH, OUTSIDER
from tests.support.hosts import address, digest_of, identify, ping, run, serve_digests

QUIC = ("/ip4/127.0.0.1/udp/0/quic-v1",)


@asynccontextmanager
async def stock_quic_host(identity):
    """With all of libp2p's own defaults, listening with QUIC."""
    key = Ed25519PrivateKey.from_bytes(identity.signing_seed)
    host = new_host(key_pair=KeyPair(key, key.get_public_key()), enable_quic=True, negotiate_timeout=5)
    host.get_network().retry_config.max_retries = 0
    async with host.run([Multiaddr(QUIC[0])]):
        yield host
        await host.close()


@asynccontextmanager
async def dialling(services):
    """Alice's transport, by which she reaches Bob, who serves these at a QUIC address."""
    rosters = Roster(MESH), Roster(MESH)
    alice, bob = Libp2p(ALICE, rosters[0]), Libp2p(BOB, rosters[1], QUIC)
    async with trio.open_nursery() as nursery:
        where = await nursery.start(lambda *, task_status: bob.serve(services, task_status=task_status))
        for roster in rosters:
            roster.update(MESH.with_member(BOB.card, "bob", [where]).seal(ALICE))
        async with alice.opened():
            yield alice
        nursery.cancel_scope.cancel()


def connections(host, identity) -> list:
    return host.get_network().get_connections(ID.from_base58(identity.peer_id))


def test_ping_identify_and_streams_run_inside_the_channel_inside_quic() -> None:
    async def test() -> None:
        async with open_host(BOB, Roster(MESH), QUIC) as bob, open_host(ALICE, Roster(MESH)) as alice:
            serve_digests(bob)
            assert "/quic-v1/" in address(bob)
            connection = await dial_peer(alice, address(bob))
            assert connection.get_negotiated_security_protocol() == PROTOCOL
            assert connection.get_negotiated_muxer_protocol() == MUX
            assert connection.muxed_conn.secured_conn.static_key == BOB.card.static_key
            assert 0 < await ping(alice, bob.get_id()) < 5
            assert "/ipfs/ping/1.0.0" in (await identify(alice, bob.get_id())).protocols
            assert await digest_of(alice, bob.get_id(), 2)

    run(test)


def test_a_host_that_speaks_quic_as_libp2p_does_is_refused() -> None:
    async def test() -> None:
        async with open_host(BOB, Roster(MESH), QUIC, handshake_seconds=1) as bob, stock_quic_host(ALICE) as other:
            with pytest.raises(Unreachable):
                await dial_peer(bob, address(other), timeout=3)
            assert not await answers(other, bob)
            assert connections(bob, ALICE) == []

    async def answers(host, bob) -> bool:
        with trio.move_on_after(2):
            await dial_peer(host, address(bob), timeout=2)
            await ping(host, bob.get_id())
            return True
        return False

    run(test)


def test_strangers_are_refused() -> None:
    async def test() -> None:
        everybody = MESH.with_member(OUTSIDER.card, "outsider")
        async with open_host(BOB, Roster(MESH), QUIC) as bob, open_host(OUTSIDER, Roster(everybody)) as outsider:
            with pytest.raises(Unreachable):
                await dial_peer(outsider, address(bob))
            assert connections(bob, OUTSIDER) == []

    run(test)


def test_who_is_revoked_is_disconnected() -> None:
    async def test() -> None:
        roster = Roster(MESH)
        async with open_host(BOB, roster, QUIC) as bob, open_host(ALICE, Roster(MESH)) as alice:
            await dial_peer(alice, address(bob))
            while not (found := connections(bob, ALICE)):
                await trio.lowlevel.checkpoint()
            roster.update(MESH.without(ALICE.peer_id).seal(ALICE))
            await found[0].event_closed.wait()

    run(test)


def test_records_go_over_quic() -> None:
    async def echo(connection) -> None:
        while True:
            await connection.send(await connection.receive())

    async def test() -> None:
        async with dialling({"/echo": echo}) as alice:
            connection = await alice.dial(BOB.peer_id, 5, "/echo")
            for record in (b"", b"x", bytes(range(256)) * 1024):
                await connection.send(record)
                assert await connection.receive() == record
            await connection.aclose()

    run(test)


def test_who_is_no_member_yet_can_make_a_host_keep_little(monkeypatch) -> None:
    """QUIC gives credit for whatever comes, read or not."""
    held: list[int] = []
    take = QUICStream.handle_data_received

    async def watched(self, data, end_stream) -> None:
        await take(self, data, end_stream)
        held.append(len(self._receive_buffer))

    async def busy(*_) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr(QUICStream, "handle_data_received", watched)
    monkeypatch.setattr("libp2p.transport.upgrader.TransportUpgrader.upgrade_security", busy)

    async def test() -> None:
        async with open_host(BOB, Roster(MESH), QUIC) as bob, open_host(OUTSIDER, Roster(MESH)) as other:
            where = Multiaddr(address(bob))
            conn = await other.get_network().transport_manager.transport_for_dialing(where).dial(where)
            with trio.move_on_after(0.5):
                while True:
                    await conn.write(bytes(1 << 16))
            await conn.close()

    run(test)
    assert 1 << 15 < max(held) <= 1 << 16


def test_what_a_reader_leaves_unread_for_a_while_is_not_lost(monkeypatch) -> None:
    read = quic._Pipe.read

    async def slowly(self, n=None) -> bytes:
        if n is not None and n > 1 << 10:  # not in a negotiation, which reads byte by byte
            await trio.sleep(0.3)
        return await read(self, n)

    monkeypatch.setattr(quic._Pipe, "read", slowly)

    async def hoard(connection) -> None:
        while True:
            await connection.send(len(await connection.receive()).to_bytes(4, "big"))

    async def test() -> None:
        async with dialling({"/hoard": hoard}) as alice:
            connections = [await alice.dial(BOB.peer_id, 5, "/hoard") for _ in range(2)]
            async with trio.open_nursery() as sending:
                for connection in connections:
                    sending.start_soon(connection.send, bytes(900_000))
            for connection in connections:
                assert int.from_bytes(await connection.receive(), "big") == 900_000

    run(test)


def test_who_connects_and_opens_no_stream_is_dropped() -> None:
    async def test() -> None:
        async with (
            open_host(BOB, Roster(MESH), QUIC, handshake_seconds=0.3) as bob,
            open_host(OUTSIDER, Roster(MESH)) as other,
        ):
            where = Multiaddr(address(bob))
            transport = other.get_network().transport_manager.transport_for_dialing(where)
            connection = await QUICTransport.dial(transport, where)
            with trio.fail_after(5):
                await connection._closed_event.wait()

    run(test)
