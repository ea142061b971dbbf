"""Members behind a front: what goes through it, what shows on the way to it, and its end."""

from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import pytest
import trio

pytest.importorskip("libp2p", reason="NOT TESTED: libp2p is not installed (make setup, or pip install strata[mesh])")

from libp2p.peer.id import ID

from strata.mesh import Libp2p, Roster, Unreachable, open_host
from strata.mesh.transport import ways
from strata.mesh.transport.fronting import MAX_JOINED
from strata.mesh.transport.security import PROTOCOL
from strata.secure import NotAMember, public_key_of
from tests.support.channels import ALICE, BOB
from tests.support.hellos import CAROL, FRONTED
from tests.support.hosts import digest_of, identify, ping, run, serve_digests

WEBSOCKET = ("/ip4/127.0.0.1/tcp/0/ws",)
ANY = ("/ip4/127.0.0.1/tcp/0",)


class Leg:
    """What went over the connections that a proxy passed on, in order: (from the dialler, the bytes)."""

    def __init__(self) -> None:
        self.pieces: list[tuple[bool, bytes]] = []

    def __contains__(self, data: bytes) -> bool:
        return any(data in self.all(outward) for outward in (True, False))

    def all(self, outward: bool) -> bytes:
        return b"".join(piece for out, piece in self.pieces if out == outward)


@asynccontextmanager
async def tapped(port: int, leg: Leg):
    """A proxy before a port; its own port."""

    async def attend(near: trio.SocketStream) -> None:
        far = await trio.open_tcp_stream("127.0.0.1", port)

        async def pump(source, sink, *, outward: bool) -> None:
            try:
                async for piece in source:
                    leg.pieces.append((outward, piece))
                    await sink.send_all(piece)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass
            inner.cancel_scope.cancel()

        async with near, far, trio.open_nursery() as inner:
            inner.start_soon(lambda: pump(near, far, outward=True))
            inner.start_soon(lambda: pump(far, near, outward=False))

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, attend, 0)
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


def place(host) -> str:
    return str(host.get_transport_addrs()[0])


def listed(**addresses):
    """The mesh, with these addresses."""
    mesh = FRONTED
    for identity in (ALICE, BOB, CAROL):
        name = FRONTED.member(identity.peer_id).name
        mesh = mesh.with_member(identity.card, name, addresses.get(name, ()))
    return mesh


@asynccontextmanager
async def street(where=ANY, **options):
    """Hosts of Alice and Carol, and of Bob, who is Carol's front: each with a roster that knows where all are."""
    rosters = {name: Roster(FRONTED) for name in ("alice", "bob", "carol")}
    async with AsyncExitStack() as stack:
        carol = await stack.enter_async_context(open_host(CAROL, rosters["carol"], where))
        bob = await stack.enter_async_context(open_host(BOB, rosters["bob"], where, **{"fronting": True, **options}))
        alice = await stack.enter_async_context(open_host(ALICE, rosters["alice"]))
        sealed = listed(bob=[place(bob)], carol=["@bob", place(carol)]).seal(ALICE)
        for roster in rosters.values():
            roster.update(sealed)
        yield alice, bob, carol, rosters


async def reach(host, roster):
    return await ways.connect(host.get_network(), roster, roster.membership.named("carol"))


def connections(host, identity) -> list:
    return host.get_network().get_connections(ID.from_base58(identity.peer_id))


@pytest.mark.parametrize("where", [ANY, WEBSOCKET], ids=["tcp", "websocket"])
def test_ping_identify_and_streams_go_through_a_front(where) -> None:
    async def test() -> None:
        async with street(where) as (alice, bob, carol, rosters):
            serve_digests(carol)
            connection = await reach(alice, rosters["alice"])
            assert connection.get_negotiated_security_protocol() == PROTOCOL
            assert connection.muxed_conn.secured_conn.static_key == CAROL.card.static_key  # end to end
            assert 0 < await ping(alice, carol.get_id()) < 5
            said = await identify(alice, carol.get_id())
            assert ID.from_pubkey(carol.get_public_key()).to_base58() == CAROL.peer_id
            assert said.public_key == carol.get_public_key().serialize()
            assert await digest_of(alice, carol.get_id(), 4)
            assert len(connections(carol, ALICE)) == 1
            assert connections(bob, ALICE) == []  # to the front's own host there is none

    run(test)


def test_the_way_to_the_front_does_not_tell_who_is_behind_it() -> None:
    async def test() -> None:
        leg = Leg()
        async with street() as (alice, bob, carol, rosters):
            port = int(bob.get_transport_addrs()[0].value_for_protocol("tcp"))
            async with tapped(port, leg) as seen:
                place_of_bob = f"/ip4/127.0.0.1/tcp/{seen}"
                sealed = rosters["alice"].membership.with_member(BOB.card, "bob", [place_of_bob]).seal(ALICE)
                rosters["alice"].update(sealed)
                await reach(alice, rosters["alice"])  # asks the front for its config first
                to_carol = await first_flight(leg, alice, carol)
                await alice.disconnect(carol.get_id())
                leg.pieces.clear()
                await ways.at(alice.get_network(), rosters["alice"].membership.named("bob"), place_of_bob)
                to_bob = await first_flight(leg, alice, bob)
            assert to_carol == to_bob == (1401, 48)

    async def first_flight(leg: Leg, host, peer) -> tuple[int, int]:
        """Sizes of the hello and of its answer, on the connection that was made last."""
        assert await ping(host, peer.get_id()) > 0
        key = public_key_of(CAROL.peer_id)
        for secret in (CAROL.peer_id.encode(), key, CAROL.card.static_key, peer.get_id().to_bytes(), b"/ipfs/ping"):
            assert secret not in leg
        assert PROTOCOL.encode() in leg
        agreed = max(at for at, (outward, piece) in enumerate(leg.pieces) if not outward and PROTOCOL.encode() in piece)
        (dialled, hello), (also_dialled, answer) = leg.pieces[agreed + 1 : agreed + 3]
        assert (dialled, also_dialled) == (True, False)
        return len(hello), len(answer)

    run(test)


@pytest.mark.parametrize("demanding", [False, True])
def test_a_target_that_came_back_with_other_keys_is_reached_again(demanding: bool) -> None:
    async def test() -> None:
        async with street() as (alice, _, carol, rosters):
            await reach(alice, rosters["alice"])
            await alice.disconnect(carol.get_id())
            rosters["bob"].require_ech = demanding
            listener = carol.get_network().upgrader.security_multistream.transports[PROTOCOL]._listener
            for _ in range(8):
                listener.keys.rotate()
            await reach(alice, rosters["alice"])
            assert await ping(alice, carol.get_id()) > 0

    run(test)


def test_so_is_a_front() -> None:
    async def test() -> None:
        async with street() as (alice, bob, carol, rosters):
            await reach(alice, rosters["alice"])
            await alice.disconnect(carol.get_id())
            listener = bob.get_network().upgrader.security_multistream.transports[PROTOCOL]._listener
            for _ in range(8):
                listener.keys.rotate()
            await reach(alice, rosters["alice"])
            assert await ping(alice, carol.get_id()) > 0

    run(test)


def test_a_front_that_is_none_refuses() -> None:
    async def test() -> None:
        async with street(fronting=False) as (alice, _, carol, rosters):
            with pytest.raises(Unreachable, match="carol through bob"):
                await reach(alice, rosters["alice"])
            assert connections(carol, ALICE) == []

    run(test)


def test_who_is_not_there_is_not_reached_through_a_front_either() -> None:
    async def test() -> None:
        async with street() as (alice, _, carol, rosters):
            for listener in carol.get_network().listeners.values():
                await listener.close()
            with pytest.raises(Unreachable, match="carol through bob"):
                await reach(alice, rosters["alice"])

    run(test)


def test_a_front_passes_on_to_members_only() -> None:
    async def test() -> None:
        async with street() as (alice, _, _, rosters):
            rosters["bob"].update(rosters["bob"].membership.without(CAROL.peer_id).seal(ALICE))
            with pytest.raises(Unreachable, match="carol through bob"):
                await reach(alice, rosters["alice"])
            rosters["alice"].update(rosters["alice"].membership.without(BOB.peer_id).seal(ALICE))
            with pytest.raises(NotAMember):
                await reach(alice, rosters["alice"])

    run(test)


def test_a_front_has_so_many_places_and_they_come_free() -> None:
    async def test() -> None:
        async with street() as (alice, bob, carol, rosters):
            bob.get_network().upgrader.security_multistream.transports[PROTOCOL].front._places = 1
            first = await reach(alice, rosters["alice"])
            with pytest.raises(Unreachable):
                await reach(alice, rosters["alice"])
            gone = connections(carol, ALICE)[0]
            await first.close()
            await gone.event_closed.wait()
            await reach(alice, rosters["alice"])
            assert await ping(alice, carol.get_id()) > 0

    run(test)


def test_the_limit_of_a_handshake_does_not_end_what_was_joined() -> None:
    async def test() -> None:
        async with street(handshake_seconds=0.3) as (alice, _, carol, rosters):
            connection = await reach(alice, rosters["alice"])
            await trio.sleep(0.4)
            assert await ping(alice, carol.get_id()) > 0
            assert connections(alice, CAROL) == [connection]

    run(test)


def test_what_was_joined_ends_with_the_front() -> None:
    async def test() -> None:
        rosters = [Roster(FRONTED) for _ in range(3)]
        async with open_host(CAROL, rosters[0]) as carol, open_host(ALICE, rosters[1]) as alice:
            async with open_host(BOB, rosters[2], fronting=True) as bob:
                sealed = listed(bob=[place(bob)], carol=["@bob", place(carol)]).seal(ALICE)
                for roster in rosters:
                    roster.update(sealed)
                connection = await reach(alice, rosters[1])
                began = trio.current_time()
            assert trio.current_time() - began < 2
            await connection.event_closed.wait()

    run(test)


def test_a_transport_goes_through_fronts_by_itself_and_a_front_does_not() -> None:
    async def greet(connection) -> None:
        await connection.send(b"hello ", connection.peer.name.encode())

    async def test() -> None:
        rosters = {identity.peer_id: Roster(FRONTED) for identity in (ALICE, BOB, CAROL)}

        def transport(identity, **options) -> Libp2p:
            return Libp2p(identity, rosters[identity.peer_id], ANY, **options)

        alice, bob, carol = transport(ALICE), transport(BOB, fronting=True), transport(CAROL)
        async with trio.open_nursery() as nursery:
            at = [await nursery.start(partial(each.serve, {"/greet": greet})) for each in (bob, carol)]
            sealed = listed(bob=at[:1], carol=["@bob", *at[1:]]).seal(ALICE)
            for roster in rosters.values():
                roster.update(sealed)
            async with alice.opened():
                for dials, name in ((alice, "alice"), (bob, "bob")):
                    connection = await dials.dial(CAROL.peer_id, 5, "/greet")
                    assert await connection.receive() == b"hello " + name.encode()
                channel = bob._running.get_network().upgrader.security_multistream.transports[PROTOCOL]
                assert channel.front._places == MAX_JOINED - 1  # Alice's is passed on
            nursery.cancel_scope.cancel()

    run(test)
