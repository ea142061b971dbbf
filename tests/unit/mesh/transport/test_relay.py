"""Members reached over a relay: end to end, members only, and within bounds."""

from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
import trio.testing

pytest.importorskip("libp2p", reason="NOT TESTED: libp2p is not installed (make setup, or pip install strata[mesh])")

from libp2p.connection_types import ConnectionType
from libp2p.exceptions import BaseLibp2pError
from libp2p.peer.id import ID

from strata.mesh import Libp2p, RelayLimits, Roster, Unreachable, dial_peer, open_host
from strata.mesh.transport import circuits, dialling, relay, ways
from strata.mesh.transport.relayed import Places
from strata.mesh.transport.security import PROTOCOL
from strata.secure import public_key_of
from tests.support.channels import ALICE, BOB, OUTSIDER
from tests.support.hellos import CAROL, FRONTED
from tests.support.hosts import address, digest_of, identify, ping, run, serve_digests, stock_host

ANY = ("/ip4/127.0.0.1/tcp/0",)
WEBSOCKET = ("/ip4/127.0.0.1/tcp/0/ws",)
DEFAULT = RelayLimits()
NAMES = {ALICE.peer_id: "alice", BOB.peer_id: "bob", CAROL.peer_id: "carol"}


@asynccontextmanager
async def relayed(limits=DEFAULT, where=ANY, *, reserve: bool = True):
    """Hosts of Alice, of Bob, who is a relay, and of Carol, who listens nowhere and has a place with Bob."""
    rosters = {name: Roster(FRONTED) for name in NAMES.values()}
    async with (
        open_host(BOB, rosters["bob"], where) as bob,
        open_host(CAROL, rosters["carol"], ()) as carol,
        open_host(ALICE, rosters["alice"], ()) as alice,
        trio.open_nursery() as nursery,
    ):
        relay.serve_relay(bob, rosters["bob"], limits)
        place = f"{address(bob)}/p2p-circuit"
        sealed = FRONTED.with_member(CAROL.card, "carol", [place]).seal(ALICE)
        for roster in rosters.values():
            roster.update(sealed)
        if reserve:
            await nursery.start(Places(carol, rosters["carol"]).keep, place)
        yield alice, bob, carol, rosters
        nursery.cancel_scope.cancel()


async def reach(host, rosters, name: str = "carol"):
    roster = rosters[NAMES[host.get_id().to_base58()]]
    return await ways.connect(host.get_network(), roster, roster.membership.named(name))


def connections(host, identity) -> list:
    return host.get_network().get_connections(ID.from_base58(identity.peer_id))


@pytest.mark.parametrize("where", [ANY, WEBSOCKET], ids=["tcp", "websocket"])
def test_ping_identify_and_streams_go_over_a_relay(where) -> None:
    async def test() -> None:
        async with relayed(where=where) as (alice, _, carol, rosters):
            serve_digests(carol)
            connection = await reach(alice, rosters)
            assert connection.get_negotiated_security_protocol() == PROTOCOL
            assert connection.muxed_conn.get_connection_type() is ConnectionType.RELAYED
            assert connection.muxed_conn.secured_conn.static_key == CAROL.card.static_key
            assert 0 < await ping(alice, carol.get_id()) < 5
            assert (await identify(alice, carol.get_id())).public_key == carol.get_public_key().serialize()
            assert await digest_of(alice, carol.get_id(), 4)

    run(test)


def test_the_relay_sees_ciphertext_only(monkeypatch) -> None:
    seen = bytearray()
    join = relay.join

    class Tapped:
        def __init__(self, stream) -> None:
            self._stream = stream

        async def read(self, count: int) -> bytes:
            data = await self._stream.read(count)
            seen.extend(data)
            return data

        def __getattr__(self, name: str):
            return getattr(self._stream, name)

    monkeypatch.setattr(relay, "join", lambda near, far, *limits: join(Tapped(near), Tapped(far), *limits))

    async def test() -> None:
        async with relayed() as (alice, _, carol, rosters):
            serve_digests(carol)
            await reach(alice, rosters)
            assert await digest_of(alice, carol.get_id(), 1)
            await identify(alice, carol.get_id())

    run(test)
    assert PROTOCOL.encode() in seen  # what is agreed to before there are keys
    assert len(seen) > 1 << 20
    for secret in (bytes(range(100, 200)), b"/strata/mux", b"/test/digest", b"/ipfs/", public_key_of(ALICE.peer_id)):
        assert secret not in seen


def test_who_has_no_place_is_not_reached() -> None:
    async def test() -> None:
        async with relayed(reserve=False) as (alice, _, _, rosters):
            with pytest.raises(Unreachable, match=r"bob does not reach carol.*NO_RESERVATION"):
                await reach(alice, rosters)

    run(test)


def test_nobody_else_takes_a_place_for_a_member() -> None:
    """A request to reserve may name a peer; whose stream it is counts."""

    async def test() -> None:
        async with relayed(reserve=False) as (alice, bob, carol, rosters):
            await dialling.at(carol.get_network(), rosters["carol"].membership.named("bob"), place_of(bob))
            to_bob = await dialling.at(alice.get_network(), rosters["alice"].membership.named("bob"), place_of(bob))
            stream = await dialling.new_stream(to_bob, rosters["alice"].membership.named("bob"), circuits.HOP)
            request = circuits.HopMessage(type=circuits.HopMessage.RESERVE, peer=circuits.peer(CAROL.peer_id))
            await circuits.send(stream, request)
            granted = await circuits.status(stream, circuits.HopMessage)
            assert granted.reservation.expire > 0
            with pytest.raises(Unreachable, match="NO_RESERVATION"):
                await reach(alice, rosters)

    run(test)


def place_of(host) -> str:
    return str(host.get_transport_addrs()[0])


@pytest.mark.parametrize(
    "says",
    [b"\x00", b"\x02\x08\x02", b"\x02\x08\x01", b"\xff\xff\xff\x7f", b"\x03\xff\xff\xff", b"\x04\x08\x01\x12\x00"],
)
def test_a_request_that_makes_no_sense_is_refused_and_others_are_served(says) -> None:
    async def test() -> None:
        async with relayed() as (alice, bob, carol, rosters):
            to_bob = await dialling.at(alice.get_network(), rosters["alice"].membership.named("bob"), place_of(bob))
            stream = await dialling.new_stream(to_bob, rosters["alice"].membership.named("bob"), circuits.HOP)
            await stream.write(says)
            await stream.close_write()
            with pytest.raises((circuits.Refused, BaseLibp2pError)):  # or hung up on
                await circuits.status(stream, circuits.HopMessage)
            await reach(alice, rosters)
            assert await ping(alice, carol.get_id()) > 0

    run(test)


def test_strangers_are_not_relayed() -> None:
    async def test() -> None:
        async with relayed() as (_, bob, _, _), stock_host(OUTSIDER) as stranger:
            stranger.get_network().retry_config.max_retries = 0
            with pytest.raises(Unreachable):
                await dial_peer(stranger, address(bob))
            assert connections(bob, OUTSIDER) == []

    run(test)


def test_a_circuit_carries_so_many_bytes() -> None:
    async def test() -> None:
        async with relayed(RelayLimits(circuit_bytes=1 << 20)) as (alice, _, carol, rosters):
            serve_digests(carol)
            connection = await reach(alice, rosters)
            assert await ping(alice, carol.get_id()) > 0
            with pytest.raises(BaseLibp2pError):
                await digest_of(alice, carol.get_id(), 2)
            await connection.event_closed.wait()
            await reach(alice, rosters)  # and another takes its place

    run(test)


def test_a_circuit_lasts_so_long_though_nobody_says_anything() -> None:
    async def test() -> None:
        async with relayed(RelayLimits(seconds=1)) as (alice, _, _, rosters):
            connection = await reach(alice, rosters)
            began = trio.current_time()
            await connection.event_closed.wait()
            assert 0.5 < trio.current_time() - began < 3

    run(test)


@pytest.mark.parametrize("limits", [RelayLimits(circuits=1), RelayLimits(circuits_of_one=1)])
def test_there_are_so_many_circuits_and_they_come_free(limits) -> None:
    async def test() -> None:
        async with relayed(limits) as (alice, _, carol, rosters):
            first = await reach(alice, rosters)
            with pytest.raises(Unreachable, match="RESOURCE_LIMIT_EXCEEDED"):
                await reach(alice, rosters)
            gone = connections(carol, ALICE)[0]
            await first.close()
            await gone.event_closed.wait()
            await trio.testing.wait_all_tasks_blocked(0.05)
            await reach(alice, rosters)
            assert await ping(alice, carol.get_id()) > 0

    run(test)


def test_there_are_so_many_places() -> None:
    async def test() -> None:
        async with relayed(RelayLimits(reservations=1), reserve=False) as (alice, bob, carol, rosters):
            assert await asks_for_a_place(carol, bob, rosters["carol"])
            assert await asks_for_a_place(carol, bob, rosters["carol"])  # again: it is the same one
            assert not await asks_for_a_place(alice, bob, rosters["alice"])
            for connection in list(connections(bob, CAROL)):
                await connection.close()  # a place goes with its connection
            assert await asks_for_a_place(alice, bob, rosters["alice"])

    async def asks_for_a_place(host, bob, roster) -> bool:
        member = roster.membership.named("bob")
        stream = await dialling.new_stream(
            await dialling.at(host.get_network(), member, place_of(bob)), member, circuits.HOP
        )
        await circuits.send(stream, circuits.HopMessage(type=circuits.HopMessage.RESERVE))
        answer = await circuits.receive(stream, circuits.HopMessage)
        assert answer.status in (circuits.StatusCode.OK, circuits.StatusCode.RESERVATION_REFUSED)
        return answer.status == circuits.StatusCode.OK

    run(test)


def test_circuits_are_taken_from_no_relay_but_those_where_a_place_is_held() -> None:
    async def test() -> None:
        async with relayed() as (alice, bob, _, rosters):
            (to_carol,) = connections(bob, CAROL)
            connection = await reach(alice, rosters)
            stream = await dialling.new_stream(connection, rosters["alice"].membership.named("carol"), circuits.STOP)
            request = circuits.StopMessage(type=circuits.StopMessage.CONNECT, peer=circuits.peer(BOB.peer_id))
            await circuits.send(stream, request)
            with pytest.raises(circuits.Refused, match="PERMISSION_DENIED"):
                await circuits.status(stream, circuits.StopMessage)
            assert not to_carol.is_closed

    run(test)


def test_a_place_is_taken_again_when_the_relay_comes_back(monkeypatch) -> None:
    monkeypatch.setattr("strata.mesh.transport.relayed.AGAIN_SECONDS", 0.05)

    async def greet(connection) -> None:
        await connection.send(b"hello ", connection.peer.name.encode())

    async def test() -> None:
        rosters = {identity.peer_id: Roster(FRONTED) for identity in (ALICE, BOB, CAROL)}
        alice = Libp2p(ALICE, rosters[ALICE.peer_id])
        carol = Libp2p(CAROL, rosters[CAROL.peer_id])
        async with trio.open_nursery() as nursery:
            where = ANY[0]
            assert await nursery.start(partial(carol.serve, {"/greet": greet})) == ""
            async with alice.opened():
                for _ in range(2):
                    async with trio.open_nursery() as inner:
                        bob = Libp2p(BOB, rosters[BOB.peer_id], (where,), relaying=RelayLimits())
                        where = await inner.start(partial(bob.serve, {}))
                        circuit = f"{where}/p2p/{BOB.peer_id}/p2p-circuit"
                        mesh = rosters[BOB.peer_id].membership.with_member(CAROL.card, "carol", [circuit])
                        for roster in rosters.values():
                            roster.update(mesh.seal(ALICE))
                        connection = await until_reached(alice)
                        assert await connection.receive() == b"hello alice"
                        inner.cancel_scope.cancel()
            nursery.cancel_scope.cancel()

    async def until_reached(transport: Libp2p):
        """Carol's place takes a moment."""
        while True:
            try:
                return await transport.dial(CAROL.peer_id, 2, "/greet")
            except Unreachable:
                await trio.lowlevel.checkpoint()

    run(test)
