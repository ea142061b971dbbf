"""A channel over a connection of libp2p: what its reader and writer see."""

import pytest
import trio

pytest.importorskip("libp2p", reason="NOT TESTED: libp2p is not installed (make setup, or pip install strata[mesh])")

from libp2p.io.exceptions import ConnectionClosedError

from strata.mesh.transport.session import Session
from strata.secure import MAX_RECORD
from tests.support.channels import connected


class Pipe:
    """One direction of a connection: what was written waits to be read."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.more = trio.Event()
        self.ended = False

    def put(self, data: bytes, *, end: bool = False) -> None:
        self.data += data
        self.ended = self.ended or end
        self.more.set()
        self.more = trio.Event()


class Connection:
    """Both directions; it keeps what it was told to write, and can be made to break off."""

    def __init__(self, outgoing: Pipe, incoming: Pipe) -> None:
        self.outgoing, self.incoming = outgoing, incoming
        self.closed = False
        self.stuck = False

    async def read(self, n: int | None = None) -> bytes:
        while not self.incoming.data and not self.incoming.ended:
            await self.incoming.more.wait()
        data = bytes(self.incoming.data[:n])
        del self.incoming.data[:n]
        return data

    async def write(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        if self.stuck:
            self.outgoing.put(data[:5])
            await trio.sleep_forever()
        self.outgoing.put(data)

    async def close(self) -> None:
        self.closed = True
        self.outgoing.put(b"", end=True)


def sessions() -> tuple[Session, Session, Connection]:
    """Two ends, and the first one's connection."""
    there, back = Pipe(), Pipe()
    near, far = connected()
    connection = Connection(there, back)
    keys = {"local_peer": None, "private_key": None, "remote_peer": None, "remote_key": None}
    return (
        Session(connection, near, is_initiator=True, **keys),
        Session(Connection(back, there), far, is_initiator=False, **keys),
        connection,
    )


def run(test) -> None:
    async def limited() -> None:
        with trio.fail_after(30):
            await test()

    trio.run(limited)


def test_reads_may_be_shorter_than_records_and_longer() -> None:
    async def test() -> None:
        near, far, _ = sessions()
        await near.write(b"one record")
        await near.write(b"another")
        assert await far.read(0) == b""
        assert await far.read(3) == b"one"
        assert await far.read(100) == b" record"
        assert await far.read() == b"another"

    run(test)


def test_what_is_longer_than_a_record_is_cut() -> None:
    async def test() -> None:
        near, far, _ = sessions()
        data = bytes(range(256)) * ((MAX_RECORD + 5000) // 256)
        got = b""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(near.write, data)
            while len(got) < len(data):
                got += await far.read()
        assert got == data

    run(test)


def test_an_empty_write_is_no_end_of_file() -> None:
    async def test() -> None:
        near, far, _ = sessions()
        await near.write(b"")
        near._conn.outgoing.put(b"".join(map(bytes, near._channel.send(b""))))  # nor is an empty record
        await near.write(b"x")
        assert await far.read() == b"x"

    run(test)


def test_the_end_of_file_is_the_peers_word_and_nothing_else() -> None:
    async def test() -> None:
        near, far, connection = sessions()
        await near.write(b"last")
        await near.close()
        await near.close()
        assert connection.closed
        assert await far.read() == b"last"
        assert await far.read() == b""
        assert await far.read(10) == b""

        near, far, connection = sessions()
        connection.outgoing.put(b"", end=True)
        with pytest.raises(ConnectionClosedError, match="without the peer's close"):
            await far.read()

    run(test)


def test_changed_bytes_end_the_connection() -> None:
    async def test() -> None:
        _near, far, connection = sessions()
        connection.outgoing.put(bytes(100))
        with pytest.raises(ConnectionClosedError, match="authentication"):
            await far.read(1)

    run(test)


def test_nothing_follows_a_write_that_was_interrupted() -> None:
    async def test() -> None:
        near, _far, connection = sessions()
        connection.stuck = True
        with trio.move_on_after(0.01):
            await near.write(b"half of it")
        connection.stuck = False
        with pytest.raises(ConnectionClosedError, match="did not finish"):
            await near.write(b"more")
        before = bytes(connection.outgoing.data)
        await near.close()
        assert connection.closed
        assert connection.outgoing.data == before

    run(test)
