"""Links between real sockets on loopback."""

import contextlib
import os

import pytest
import trio
import trio.testing

from strata.mesh import CannotListen, Link, LinkClosed, Roster, Unreachable, dial, serve
from strata.mesh.connect import HANDSHAKE_SECONDS
from strata.secure import (
    Channel,
    ChannelError,
    EchInitiator,
    Established,
    HandshakeFailed,
    Identity,
    Membership,
    NotAMember,
    RecordTooLarge,
    Truncated,
)
from tests.support.channels import ALICE, BOB, MESH, OUTSIDER, feed

SIZES = (0, 1, 8192, 65_519, 65_520, 1 << 20, 4 << 20)


async def echo(link: Link) -> None:
    while True:
        await link.send(await link.receive())


class Server:
    """Bob, serving while the block runs."""

    def __init__(self, handler=echo, membership: Membership = MESH, **options) -> None:
        self.roster = Roster(membership)
        self.greeted: list[str] = []
        self._handler = handler
        self._options = options

    async def __aenter__(self) -> "Server":
        self._manager = trio.open_nursery()
        self._nursery = await self._manager.__aenter__()
        self._nursery.cancel_scope.deadline = trio.current_time() + 60

        async def start(task_status):
            await serve(BOB, self.roster, self._handle, task_status=task_status, **self._options)

        self.port = await self._nursery.start(start)
        self.address = f"127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *error) -> None:
        in_time = not self._nursery.cancel_scope.cancel_called
        self._nursery.cancel_scope.cancel()
        await self._manager.__aexit__(*error)
        assert in_time, "the test hung"

    async def _handle(self, link: Link) -> None:
        self.greeted.append(link.peer.name)
        await self._handler(link)

    async def dial(self, identity: Identity = ALICE, membership: Membership = MESH) -> Link:
        return await dial(identity, Roster(membership), BOB.peer_id, self.address)

    async def answers(self) -> bool:
        """Whether a good peer is still served."""
        link = await self.dial()
        await link.send(b"still there?")
        answer = await link.receive()
        await link.aclose()
        return answer == b"still there?"


@pytest.mark.anyio
async def test_a_member_connects_and_records_arrive_whole():
    async with Server() as server:
        link = await server.dial()
        assert link.peer.name == "bob"
        for size in SIZES:
            data = os.urandom(size)
            await link.send(data[: size // 3], data[size // 3 :])
            assert await link.receive() == data
        assert server.greeted == ["alice"]
        await link.aclose()
        await link.aclose()
        for use in (link.receive, lambda: link.send(b"x")):
            with pytest.raises(LinkClosed):
                await use()


@pytest.mark.anyio
async def test_bytes_on_the_wire_are_counted_alike_on_both_sides():
    far = trio.Event()
    counts = []

    async def take(link: Link) -> None:
        await link.receive()
        with pytest.raises(LinkClosed):
            await link.receive()
        counts.append((link.bytes_received, link.bytes_sent))
        far.set()

    async with Server(take) as server:
        link = await server.dial()
        await link.send(bytes(100_000))
        await link.aclose()
        await far.wait()
    assert counts == [(link.bytes_sent, link.bytes_received)]
    hello = 9 + 1120 + 192 + 16 + 64
    handshake, record, close = hello + 64, 21 + 100_000 + 2 * 16, 21
    assert link.bytes_sent == handshake + record + close


@pytest.mark.anyio
async def test_records_of_several_tasks_do_not_mix():
    async with Server() as server:
        link = await server.dial()
        sent = [bytes([number]) * (1000 + 40_000 * number) for number in range(12)]
        async with trio.open_nursery() as nursery:
            for data in sent:
                nursery.start_soon(link.send, data)
            received = [bytes(await link.receive()) for _ in sent]
        assert sorted(received) == sorted(sent)
        await link.aclose()


@pytest.mark.anyio
async def test_a_record_too_large_is_refused_and_harms_nothing():
    async with Server() as server:
        link = await server.dial()
        with pytest.raises(RecordTooLarge):
            await link.send(bytes(4 << 20), b"x")
        await link.send(b"fine")
        assert await link.receive() == b"fine"
        await link.aclose()


# Who is refused


@pytest.mark.anyio
async def test_an_outsider_is_refused():
    async with Server() as server:
        with pytest.raises(HandshakeFailed):
            await server.dial(OUTSIDER, MESH.with_member(OUTSIDER.card, "outsider"))
        assert server.greeted == []
        assert await server.answers()


@pytest.mark.anyio
async def test_a_revoked_peer_is_refused_whichever_membership_it_still_holds():
    async with Server(membership=MESH.without(ALICE.peer_id)) as server:
        with pytest.raises(HandshakeFailed):
            await server.dial()
        assert server.greeted == []


@pytest.mark.parametrize(
    "theirs",
    [
        Membership(MESH.mesh_id, OUTSIDER.peer_id, 1, MESH.members),
        Membership("00" * 16, MESH.owner_peer_id, 1, MESH.members),
    ],
    ids=["another owner", "another mesh id"],
)
@pytest.mark.anyio
async def test_a_member_of_another_mesh_is_refused(theirs):
    async with Server() as server:
        with pytest.raises(HandshakeFailed):
            await server.dial(membership=theirs)
        assert server.greeted == []
        assert await server.answers()


@pytest.mark.anyio
async def test_the_server_must_be_the_peer_that_was_dialled():
    mesh = MESH.with_member(OUTSIDER.card, "carol")
    async with Server(membership=mesh) as server:
        with pytest.raises(HandshakeFailed):
            await dial(ALICE, Roster(mesh), OUTSIDER.peer_id, server.address)


@pytest.mark.anyio
async def test_a_stranger_is_not_even_connected_to():
    with pytest.raises(NotAMember):
        await dial(ALICE, Roster(MESH), OUTSIDER.peer_id, "127.0.0.1:1")


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"GET / HTTP/1.1\r\n\r\n", b"strata\x01\x01" + bytes(100), os.urandom(9999)]
)
@pytest.mark.anyio
async def test_garbage_costs_only_its_connection(data):
    async with Server() as server:
        stream = await trio.open_tcp_stream("127.0.0.1", server.port)
        with contextlib.suppress(trio.BrokenResourceError):  # nine bytes can be enough for it to hang up
            await stream.send_all(data)
            await stream.send_eof()
        assert await read_to_end(stream) == b""
        assert server.greeted == []
        assert await server.answers()


async def read_to_end(stream: trio.SocketStream) -> bytes:
    """All that comes until the other side closes or resets."""
    data = b""
    try:
        async for chunk in stream:
            data += chunk
    except trio.BrokenResourceError:
        pass
    return data


@pytest.mark.anyio
async def test_a_handler_that_fails_costs_only_its_connection(caplog):
    async def fail(link: Link) -> None:
        if await link.receive() == b"fail":
            raise ValueError("a bug")
        await link.send(b"still there?")

    async with Server(fail) as server:
        link = await server.dial()
        await link.send(b"fail")
        with pytest.raises(LinkClosed):
            await link.receive()
        assert await server.answers()
    assert "the handler of the link to alice failed" in caplog.text


# Time


def run_in_mock_time(main) -> float:
    """Run with a clock that jumps ahead when nothing happens; the seconds that passed on it."""
    clock = trio.testing.MockClock(autojump_threshold=0.05)

    async def timed() -> float:
        start = trio.current_time()
        await main()
        return trio.current_time() - start

    return trio.run(timed, clock=clock)


def test_a_silent_client_is_dropped_at_the_deadline():
    async def main() -> None:
        async with Server() as server:
            stream = await trio.open_tcp_stream("127.0.0.1", server.port)
            assert await stream.receive_some() == b""
            assert await server.answers()

    assert HANDSHAKE_SECONDS <= run_in_mock_time(main) < 2 * HANDSHAKE_SECONDS


def test_a_client_that_stops_midway_is_dropped_at_the_same_deadline():
    async def main() -> None:
        async with Server() as server:
            stream = await trio.open_tcp_stream("127.0.0.1", server.port)
            await stream.send_all(b"strata")
            await trio.sleep(HANDSHAKE_SECONDS / 2)
            await stream.send_all(b"\x01")
            assert await stream.receive_some() == b""

    assert HANDSHAKE_SECONDS <= run_in_mock_time(main) < 1.4 * HANDSHAKE_SECONDS


def test_a_silent_server_does_not_hang_the_dial():
    async def main() -> None:
        listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
        address = f"127.0.0.1:{listener.socket.getsockname()[1]}"
        with pytest.raises(Unreachable, match="within 3 s"):
            await dial(ALICE, Roster(MESH), BOB.peer_id, address, timeout=3)
        await listener.aclose()

    assert 3 <= run_in_mock_time(main) < 4


@pytest.mark.anyio
async def test_idle_connections_cannot_lock_members_out():
    async with Server(max_handshakes=3, handshake_seconds=1000) as server:
        idle = [await trio.open_tcp_stream("127.0.0.1", server.port) for _ in range(10)]
        assert await server.answers()
        for stream in idle[:7]:
            assert await read_to_end(stream) == b""


@pytest.mark.anyio
async def test_a_member_with_all_its_connections_gets_no_further_one():
    mesh = MESH.with_member(OUTSIDER.card, "carol")
    async with Server(membership=mesh, connections_of_one=2) as server:
        first, second, third = [await server.dial(membership=mesh) for _ in range(3)]
        with pytest.raises(LinkClosed):
            await third.receive()
        carol = await server.dial(OUTSIDER, mesh)
        for link in (first, second, carol):
            await link.send(b"still there?")
            assert await link.receive() == b"still there?"
        await first.aclose()
        await second.aclose()
        assert await server.answers()


@pytest.mark.anyio
async def test_a_member_gets_in_past_others_who_know_the_key_and_go_no_further():
    """They come from another address: from its own it could not be told from them."""
    async with Server(max_handshakes=3, handshake_seconds=1000) as server:
        stalled = []
        for _ in range(6):
            stream = await trio.open_tcp_stream("127.0.0.1", server.port, local_address="127.0.0.2")
            await stream.send_all(Channel(EchInitiator(ALICE, MESH, BOB.peer_id)).outgoing())
            stalled.append(stream)
        for _ in range(5):
            assert await server.answers()
        for stream in stalled:
            await stream.aclose()


@pytest.mark.anyio
async def test_once_its_hello_is_read_a_member_is_not_driven_out_by_who_shows_nothing():
    async with Server(max_handshakes=3, handshake_seconds=1000) as server:
        member = await trio.open_tcp_stream("127.0.0.1", server.port)
        channel = Channel(EchInitiator(ALICE, MESH, BOB.peer_id))
        await member.send_all(channel.outgoing())
        feed(channel, await member.receive_some())
        idle = [await trio.open_tcp_stream("127.0.0.1", server.port) for _ in range(10)]
        for stream in idle[:8]:
            assert await read_to_end(stream) == b""
        assert channel.next_event() is None
        await member.send_all(channel.outgoing())
        feed(channel, await member.receive_some())
        assert isinstance(channel.next_event(), Established)


@pytest.mark.anyio
async def test_nobody_at_the_address():
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    with pytest.raises(Unreachable, match="cannot connect to bob"):
        await dial(ALICE, Roster(MESH), BOB.peer_id, f"127.0.0.1:{port}")
    for nonsense in ("", "nowhere", "127.0.0.1:port", "127.0.0.1:99999"):
        with pytest.raises(Unreachable, match="cannot connect to bob"):
            await dial(ALICE, Roster(MESH), BOB.peer_id, nonsense)
    with pytest.raises(Unreachable, match="no address of bob"):
        await dial(ALICE, Roster(MESH), BOB.peer_id)


@pytest.mark.anyio
async def test_an_address_that_is_taken():
    async with Server() as server:
        with pytest.raises(CannotListen, match=f"127.0.0.1:{server.port}"):
            await serve(BOB, server.roster, echo, port=server.port)


@pytest.mark.anyio
async def test_the_addresses_of_the_membership_are_tried_in_turn():
    async with Server() as server:
        mesh = MESH.with_member(BOB.card, "bob", ["127.0.0.1:1", server.address])
        link = await dial(ALICE, Roster(mesh), BOB.peer_id)
        assert link.peer.addresses[-1] == server.address
        await link.aclose()


# How links end


@pytest.mark.anyio
async def test_a_connection_cut_without_a_close_is_an_error():
    async def cut(link: Link) -> None:
        link._socket.close()

    async with Server(cut) as server:
        link = await server.dial()
        with pytest.raises(Truncated):
            await link.receive()
        with pytest.raises(Truncated):
            await link.send(b"x")


@pytest.mark.anyio
async def test_a_send_cancelled_midway_ends_the_link():
    async def ignore(link: Link) -> None:
        await trio.sleep_forever()

    async with Server(ignore) as server:
        link = await server.dial()
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:

                @nursery.start_soon
                async def flood() -> None:
                    while True:
                        await link.send(bytes(4 << 20))

                await trio.testing.wait_all_tasks_blocked(0.05)
                scope.cancel()
        with pytest.raises(LinkClosed, match="interrupted"):
            await link.send(b"x")
        with pytest.raises(LinkClosed, match="interrupted"):
            await link.receive()


@pytest.mark.anyio
async def test_a_send_that_is_cancelled_before_it_begins_leaves_the_link():
    async with Server() as server:
        link = await server.dial()
        for _ in range(30):  # which of two tasks trio runs first is random
            async with trio.open_nursery() as nursery:
                nursery.start_soon(link.send, b"this or nothing")
                await trio.lowlevel.cancel_shielded_checkpoint()
                nursery.cancel_scope.cancel()
        await link.send(b"that")
        while bytes(await link.receive()) != b"that":
            pass


@pytest.mark.anyio
async def test_a_cancelled_receive_loses_nothing():
    async with Server() as server:
        link = await server.dial()
        with trio.move_on_after(0):
            await link.receive()
        await link.send(b"one")
        assert await link.receive() == b"one"
        await link.aclose()


@pytest.mark.anyio
async def test_closing_wakes_the_receiver():
    async with Server() as server:
        link = await server.dial()
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def wait() -> None:
                with pytest.raises(LinkClosed, match="this side"):
                    await link.receive()

            await trio.testing.wait_all_tasks_blocked()
            await link.aclose()


@pytest.mark.anyio
async def test_a_peer_revoked_later_is_cut_off_on_both_sides():
    async with Server() as server:
        link = await server.dial()
        await link.send(b"hello")
        await link.receive()
        server.roster.update(MESH.without(ALICE.peer_id).seal(ALICE))
        with pytest.raises(ChannelError):
            await link.receive()
        with pytest.raises(HandshakeFailed):
            await server.dial()


@pytest.mark.anyio
async def test_revoking_the_peer_ends_this_side_with_the_reason():
    async with Server() as server:
        roster = Roster(MESH)
        link = await dial(ALICE, roster, BOB.peer_id, server.address)
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def wait() -> None:
                with pytest.raises(NotAMember, match="revoked"):
                    await link.receive()

            await trio.testing.wait_all_tasks_blocked()
            roster.update(MESH.without(BOB.peer_id).seal(ALICE))
        with pytest.raises(NotAMember):
            await link.send(b"x")


@pytest.mark.anyio
async def test_a_newer_membership_keeps_the_links_of_members():
    async with Server() as server:
        link = await server.dial()
        server.roster.update(MESH.with_member(ALICE.card, "alicia").seal(ALICE))
        await link.send(b"still here")
        assert await link.receive() == b"still here"
        await link.aclose()
