"""Members reached through libp2p hosts: records over streams, connections used again or given up."""

from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
import trio.testing

pytest.importorskip("libp2p", reason="NOT TESTED: libp2p is not installed (make setup, or pip install strata[mesh])")

from libp2p.peer.id import ID

from strata.mesh import Roster, Unreachable
from strata.mesh.links import LinkClosed
from strata.mesh.transport import Libp2p
from strata.mesh.transport.records import CLOSE_SECONDS
from strata.secure import MAX_RECORD, ChannelError, NotAMember, ProtocolViolation, RecordTooLarge, Truncated
from tests.support.channels import ALICE, BOB, MESH
from tests.support.hosts import run

ECHO = "/test/echo/1"
ANY = ("/ip4/127.0.0.1/tcp/0",)


async def echo(connection) -> None:
    while True:
        await connection.send(await connection.receive())


@asynccontextmanager
async def pair(handler=echo, addresses=ANY, mesh=MESH):
    """Alice's transport, open, and Bob's, serving, with their rosters."""
    bobs, alices = Roster(mesh), Roster(mesh)
    bob, alice = Libp2p(BOB, bobs, addresses), Libp2p(ALICE, alices)
    async with trio.open_nursery() as nursery:
        where = await nursery.start(lambda *, task_status: bob.serve({ECHO: handler}, task_status=task_status))
        sealed = mesh.with_member(BOB.card, "bob", (where,)).seal(ALICE)
        for roster in (alices, bobs):
            roster.update(sealed)
        async with alice.opened():
            yield alice, alices, bob, bobs
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("addresses", [ANY, ("/ip4/127.0.0.1/tcp/0/ws",)], ids=["tcp", "websocket"])
def test_records_go_both_ways(addresses) -> None:
    async def test() -> None:
        async with pair(addresses=addresses) as (alice, *_):
            connection = await alice.dial(BOB.peer_id, 5, ECHO)
            assert connection.peer.name == "bob"
            for record in (b"", b"x", bytes(range(256)) * 1024, bytes(MAX_RECORD)):
                await connection.send(record[:3], memoryview(record)[3:])
                assert await connection.receive() == record
            with pytest.raises(RecordTooLarge):
                await connection.send(bytes(MAX_RECORD), b"1")
            await connection.aclose()
            await connection.aclose()
            for use in (connection.receive(), connection.send(b"")):
                with pytest.raises(LinkClosed):
                    await use

    run(test)


def test_a_handler_knows_who_dialled_and_its_end_is_the_dialers() -> None:
    seen = []

    async def greet(connection) -> None:
        seen.append(connection.peer.name)
        await connection.send(b"hello ", connection.peer.name.encode())

    async def test() -> None:
        async with pair(greet) as (alice, *_):
            connection = await alice.dial(BOB.peer_id, 5, ECHO)
            assert await connection.receive() == b"hello alice"
            with pytest.raises(LinkClosed, match="bob closed"):
                await connection.receive()

    run(test)
    assert seen == ["alice"]


def connected(transport: Libp2p, peer) -> list:
    return transport._running.get_network().get_connections(ID.from_base58(peer.peer_id))


def test_dials_share_a_connection_whoever_made_it() -> None:
    async def test() -> None:
        async with pair() as (alice, _, bob, _), trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(alice.dial, BOB.peer_id, 5, ECHO)
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert len(connected(alice, BOB)) == 1
            with pytest.raises(Unreachable, match=f"alice does not serve {ECHO}"):
                await bob.dial(ALICE.peer_id, 5, ECHO)  # who lists no address
            assert len(connected(bob, ALICE)) == 1

    run(test)


def test_a_connection_on_which_nobody_answers_is_given_up_for_a_new_one() -> None:
    """Half of it is lost: nothing arrives, and nobody says so."""

    async def test() -> None:
        async with pair() as (alice, *_):
            await (await alice.dial(BOB.peer_id, 5, ECHO)).aclose()
            (old,) = connected(alice, BOB)
            session = old.muxed_conn.secured_conn
            session._conn.write = lambda data: trio.sleep(0)
            began = trio.current_time()
            connection = await alice.dial(BOB.peer_id, 1, ECHO)
            assert 0.5 <= trio.current_time() - began < 1
            await connection.send(b"there?")
            assert await connection.receive() == b"there?"
            began = trio.current_time()
            await alice.dial(BOB.peer_id, 5, ECHO)  # at once: the old one is not tried again
            assert trio.current_time() - began < 0.5

    run(test)


def test_a_connection_that_has_just_ended_is_replaced() -> None:
    async def test() -> None:
        async with pair() as (alice, _, bob, _):
            for _ in range(3):
                await (await alice.dial(BOB.peer_id, 5, ECHO)).aclose()
                await connected(bob, ALICE)[0].muxed_conn.secured_conn._conn.close()

    run(test)


@pytest.mark.parametrize(
    ("says", "error"),
    [
        ((MAX_RECORD + 1).to_bytes(4, "big") + bytes(100), ProtocolViolation),
        (b"\xff\xff\xff\xff", ProtocolViolation),
        ((5).to_bytes(4, "big") + b"1234", Truncated),
        (b"\0\0", Truncated),
        (b"", LinkClosed),
    ],
)
def test_a_stream_that_is_not_made_of_records_ends(says, error) -> None:
    ended = []

    async def take(connection) -> None:
        try:
            await connection.receive()
        except (LinkClosed, ChannelError) as reason:
            ended.append(type(reason))
            raise

    async def test() -> None:
        async with pair(take) as (alice, *_):
            connection = await alice.dial(BOB.peer_id, 5, ECHO)
            await connection._stream.write(says)
            await connection._stream.close_write()
            with pytest.raises((LinkClosed, ChannelError)):
                await connection.receive()
            await (await alice.dial(BOB.peer_id, 5, ECHO)).aclose()  # nobody else is disturbed

    run(test)
    assert ended[0] is error


async def send_for_ever(connection) -> None:
    while True:
        await connection.send(bytes(MAX_RECORD))


def test_a_handler_that_hangs_up_does_not_leave_a_sender_waiting() -> None:
    async def look_at_one(connection) -> None:
        await connection.receive()

    async def test() -> None:
        async with pair(look_at_one) as (alice, *_):
            connection = await alice.dial(BOB.peer_id, 5, ECHO)
            await connection.send(bytes(MAX_RECORD))
            with pytest.raises((LinkClosed, ChannelError)):
                await send_for_ever(connection)

    run(test)


def test_a_receive_can_be_cancelled_and_nothing_is_lost() -> None:
    async def test() -> None:
        async with pair() as (alice, *_):
            connection = await alice.dial(BOB.peer_id, 5, ECHO)
            await connection._stream.write((4).to_bytes(4, "big") + b"so")
            with trio.move_on_after(0.05):
                await connection.receive()
            await connection._stream.write(b"me")
            assert await connection.receive() == b"some"

    run(test)


def test_a_reader_learns_at_once_that_its_stream_was_closed_here() -> None:
    """Also where the peer does not end its side."""

    async def test() -> None:
        async with pair(lambda _: trio.sleep_forever()) as (alice, *_), trio.open_nursery() as nursery:
            connection = await alice.dial(BOB.peer_id, 5, ECHO)
            heard = trio.Event()

            async def read() -> None:
                with pytest.raises(LinkClosed, match="on this side"):
                    await connection.receive()
                heard.set()

            nursery.start_soon(read)
            await trio.testing.wait_all_tasks_blocked(0.01)
            nursery.start_soon(connection.aclose)
            with trio.fail_after(CLOSE_SECONDS / 2):
                await heard.wait()

    run(test)


def test_a_send_that_is_interrupted_ends_the_stream() -> None:
    async def test() -> None:
        async with pair(lambda _: trio.sleep_forever()) as (alice, *_):
            connection = await alice.dial(BOB.peer_id, 5, ECHO)
            with trio.move_on_after(0.1) as scope:
                while True:
                    await connection.send(bytes(1 << 20))
            assert scope.cancelled_caught
            with pytest.raises(LinkClosed, match="interrupted"):
                await connection.send(b"")

    run(test)


def test_who_is_revoked_is_not_heard_any_more() -> None:
    async def test() -> None:
        async with pair() as (alice, alices, _, bobs):
            connection = await alice.dial(BOB.peer_id, 5, ECHO)
            bobs.update(bobs.membership.without(ALICE.peer_id).seal(ALICE))
            with pytest.raises(ChannelError):
                await connection.receive()
            alices.update(alices.membership.without(BOB.peer_id).seal(ALICE))
            with pytest.raises(NotAMember):
                await alice.dial(BOB.peer_id, 5, ECHO)

    run(test)


def test_what_came_before_a_revocation_is_not_heard_after_it() -> None:
    here = []

    async def keep(connection) -> None:
        here.append(connection)
        await trio.sleep_forever()

    async def test() -> None:
        async with pair(keep) as (alice, _, _, bobs):
            connection = await alice.dial(BOB.peer_id, 5, ECHO)
            await connection.send(b"x")
            await trio.testing.wait_all_tasks_blocked(0.01)
            bobs.update(bobs.membership.without(ALICE.peer_id).seal(ALICE))
            with pytest.raises(NotAMember):
                await here[0].receive()

    run(test)


def test_who_cannot_be_reached_is_unreachable() -> None:
    async def test() -> None:
        listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
        silent = f"/ip4/127.0.0.1/tcp/{listener.socket.getsockname()[1]}"
        for addresses, reason in (
            ((), "lists no multiaddr of bob"),
            (("/ip4/127.0.0.1/tcp/1",), "cannot connect to bob"),
            (("/no/such",), "cannot be dialled"),
            ((silent,), "bob did not answer within 0.2 s"),
        ):
            alice = Libp2p(ALICE, Roster(MESH.with_member(BOB.card, "bob", addresses)))
            async with alice.opened():
                with pytest.raises(Unreachable, match=reason):
                    await alice.dial(BOB.peer_id, 0.2 if addresses == (silent,) else 5, ECHO)
        await listener.aclose()
        with pytest.raises(RuntimeError, match="no host is open"):
            await alice.dial(BOB.peer_id, 5, ECHO)

    run(test)


def test_two_that_dial_each_other_at_the_same_time_both_get_through() -> None:
    async def test() -> None:
        rosters = Roster(MESH), Roster(MESH)
        alice, bob = (Libp2p(who, roster, ANY) for who, roster in zip((ALICE, BOB), rosters, strict=True))
        async with trio.open_nursery() as nursery:
            at = [await nursery.start(partial(each.serve, {ECHO: echo})) for each in (alice, bob)]
            mesh = MESH.with_member(ALICE.card, "alice", at[:1]).with_member(BOB.card, "bob", at[1:])
            for roster in rosters:
                roster.update(mesh.seal(ALICE))

            async def ask(dials: Libp2p, whom) -> None:
                connection = await dials.dial(whom.peer_id, 5, ECHO)
                for _ in range(3):
                    await connection.send(b"there?")
                    assert await connection.receive() == b"there?"

            async with trio.open_nursery() as asking:
                for _ in range(4):
                    asking.start_soon(ask, alice, BOB)
                    asking.start_soon(ask, bob, ALICE)
            nursery.cancel_scope.cancel()

    run(test)
