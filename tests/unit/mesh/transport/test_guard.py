"""A host of libp2p and bad peers: what one of them does costs its own connection or stream, and nobody else's."""

from contextlib import asynccontextmanager, suppress

import pytest
import trio

pytest.importorskip("libp2p", reason="NOT TESTED: libp2p is not installed (make setup, or pip install strata[mesh])")

from libp2p.utils.varint import encode_uvarint

from strata.mesh import Roster, open_host
from strata.mesh.transport.guard import MAX_MESSAGE, MAX_MESSAGES
from strata.secure import Channel, EchInitiator, Established
from tests.support.channels import ALICE, BOB, MESH, OUTSIDER, feed
from tests.support.hosts import run
from tests.support.raw_peer import MULTISTREAM, XK, delimited, negotiated, raw_peer

WHOLE = MESH.with_member(OUTSIDER.card, "carol")


@asynccontextmanager
async def hosted(**options):
    """Bob's host, and a way to connect to it."""
    async with open_host(BOB, Roster(WHOLE), **options) as host:
        port = int(host.get_addrs()[0].value_for_protocol("tcp"))

        async def connect(identity=ALICE):
            return raw_peer(identity, WHOLE, BOB.peer_id, await trio.open_tcp_stream("127.0.0.1", port))

        connect.host, connect.port = host, port
        yield connect


async def hung_up(stream: trio.SocketStream) -> None:
    """Take what comes until the other side closes."""
    with suppress(trio.BrokenResourceError):
        async for _ in stream:
            pass


@pytest.mark.parametrize(
    "said",
    [b"\xff" * 20, delimited(MULTISTREAM, b"\xff\xfe"), b"\0", delimited(MULTISTREAM) + b"\x05nodlm", b""],
    ids=["no length", "no text", "no message", "no line", "nothing"],
)
def test_a_stream_that_is_negotiated_wrongly_costs_itself_alone(said) -> None:
    async def test() -> None:
        async with hosted() as connect, await connect() as peer:
            stream = await peer.open(said)
            peer.streams.finish(stream)
            await peer.flush()
            while not (stream.ended or stream.reset):
                await peer.receive()
            assert await peer.pings()
            async with await connect(OUTSIDER) as other:
                assert await other.pings()

    run(test, 20)


def test_a_long_message_of_an_outsider_is_not_waited_for() -> None:
    async def test() -> None:
        async with hosted(handshake_seconds=1000) as connect:
            stream = await trio.open_tcp_stream("127.0.0.1", connect.port)
            await stream.send_all(encode_uvarint(MAX_MESSAGE + 1) + b"/multistream")
            await hung_up(stream)
            async with await connect() as peer:
                assert await peer.pings()

    run(test, 20)


def test_negotiations_do_not_go_on_for_ever() -> None:
    async def test() -> None:
        async with hosted(handshake_seconds=1000) as connect, await connect() as peer:
            outside = await trio.open_tcp_stream("127.0.0.1", connect.port)
            await outside.send_all(delimited(MULTISTREAM) + delimited("/nonsense") * MAX_MESSAGES)
            await hung_up(outside)
            stream = await peer.open(delimited(MULTISTREAM) + delimited("/nonsense") * MAX_MESSAGES)
            while not stream.reset:
                await peer.receive()
            assert await peer.pings()

    run(test, 20)


def test_a_stream_that_is_never_negotiated_is_reset() -> None:
    async def test() -> None:
        async with hosted(handshake_seconds=1) as connect, await connect() as peer:
            stream = await peer.open(b"")
            with trio.fail_after(5):  # libp2p by itself would take longer
                while not stream.reset:
                    await peer.receive()
            assert await peer.pings()

    run(test, 20)


def test_a_handler_that_fails_costs_its_stream_alone() -> None:
    async def fail(stream) -> None:
        raise ValueError("a bug")

    async def test() -> None:
        async with hosted() as connect, await connect() as peer:
            connect.host.set_stream_handler("/test/fail/1", fail)
            stream = await peer.open(delimited(MULTISTREAM, "/test/fail/1"))
            while not stream.reset:
                await peer.receive()
            assert await peer.pings()

    run(test, 20)


def test_idle_connections_cannot_lock_members_out(monkeypatch) -> None:
    monkeypatch.setattr("strata.mesh.transport.build.MAX_HANDSHAKES", 3)

    async def test() -> None:
        async with hosted(handshake_seconds=1000, max_connections=2) as connect:
            idle = [await trio.open_tcp_stream("127.0.0.1", connect.port) for _ in range(10)]
            for stream in idle[:7]:
                await hung_up(stream)
            for _ in range(3):
                async with await connect() as peer:
                    assert await peer.pings()

    run(test, 20)


def test_once_its_hello_is_read_a_member_is_not_driven_out_by_who_shows_nothing(monkeypatch) -> None:
    monkeypatch.setattr("strata.mesh.transport.build.MAX_HANDSHAKES", 3)

    async def test() -> None:
        async with hosted(handshake_seconds=1000) as connect:
            member = await trio.open_tcp_stream("127.0.0.1", connect.port)
            await negotiated(member, XK)
            channel = Channel(EchInitiator(ALICE, WHOLE, BOB.peer_id))
            await member.send_all(channel.outgoing())
            feed(channel, await member.receive_some())
            idle = [await trio.open_tcp_stream("127.0.0.1", connect.port) for _ in range(10)]
            for stream in idle[:8]:
                await hung_up(stream)
            assert channel.next_event() is None
            await member.send_all(channel.outgoing())
            feed(channel, await member.receive_some())
            assert isinstance(channel.next_event(), Established)

    run(test, 20)
