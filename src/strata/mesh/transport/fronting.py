"""A host that is a front: it takes hellos for other members too, and joins the two connections.

As `strata.mesh.front` for direct links. What is passed on is a connection on which `/strata/xk/1` was agreed to: on the
far side the front agrees to it anew, and sends the hello on in one of its own. From then on it sees ciphertext only:
the channel is end to end, and multiplexing and all that follows is inside it.
"""

from dataclasses import dataclass

import trio
from libp2p.abc import IMuxedConn, IRawConnection
from libp2p.custom_types import TProtocol
from libp2p.exceptions import BaseLibp2pError
from libp2p.io.abc import ReadWriteCloser
from libp2p.io.exceptions import ConnectionClosedError
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.network.swarm import Swarm
from multiaddr import Multiaddr

from strata.mesh.connect import Unreachable
from strata.mesh.front import MAX_JOINED, Bringing
from strata.mesh.roster import Roster
from strata.mesh.transport.dialling import agree, at, dial_raw, is_relayed
from strata.secure import HEADER, EchForward, HandshakeFailed, Identity, Member, Opened, rest_bytes

_PIECE_BYTES = 64 << 10
_BROKEN = (BaseLibp2pError, trio.BrokenResourceError, trio.ClosedResourceError)


class Front(Bringing[RawConnection]):
    """Passes on what is for other members; `most` connections at a time."""

    def __init__(
        self, identity: Identity, roster: Roster, swarm: Swarm, protocol: TProtocol, most: int = MAX_JOINED
    ) -> None:
        super().__init__(identity, roster)
        self._swarm = swarm
        self._protocol = protocol
        self._places = most
        self._taken: dict[RawConnection, _Passage] = {}
        self._upgrade = swarm.upgrade_inbound_raw_conn
        swarm.upgrade_inbound_raw_conn = self.upgrade_inbound_raw_conn

    async def upgrade_inbound_raw_conn(self, raw_conn: IRawConnection, maddr: Multiaddr) -> IMuxedConn:
        """As the swarm's own. A connection that is passed on comes to nothing there, and goes on here."""
        try:
            return await self._upgrade(raw_conn, maddr)
        finally:
            if isinstance(raw_conn, RawConnection) and (passage := self._taken.pop(raw_conn, None)) is not None:
                try:
                    await _join(passage.near, passage.far, passage.answer)
                finally:
                    self._places += 1
                    with trio.CancelScope(shield=True):
                        await passage.near.close()
                        await passage.far.close()

    async def pass_on(self, near: RawConnection, opened: Opened) -> None:
        """Bring a hello to its target, and take the connection for what follows; whoever had it should give it up.

        Raises NotAMember, Unreachable, ChannelError.
        """
        if not self._places:
            raise HandshakeFailed("this front passes on no more connections: all places are taken")
        self._places -= 1
        try:
            far, answer = await self._reach(opened)
        except BaseException:
            self._places += 1
            raise
        self._taken[near] = _Passage(near.stream, far, answer)
        near.stream = _Gone()

    async def _reach(self, opened: Opened) -> tuple[RawConnection, bytes]:
        member = self._roster.membership.member(opened.peer_id)
        places = [each for each in self._roster.addresses.multiaddrs_of(member) if not is_relayed(each)]
        return await self.bring(opened, member, places)

    async def _ask(self, place: str, member: Member) -> None:
        await (await at(self._swarm, member, place)).close()

    async def _send(self, place: str, member: Member, forward: EchForward) -> tuple[RawConnection, bytes] | None:
        far = await dial_raw(self._swarm, member, place)
        try:
            await agree(far, self._protocol)
            await far.write(forward.first)
            answer = await exactly(far, forward.expected)
            if not forward.rejected(answer):
                return far, answer
        except BaseException as error:
            with trio.CancelScope(shield=True):
                await far.close()
            if isinstance(error, BaseLibp2pError):
                raise Unreachable(f"{member.name} hung up on a hello that was passed on: {error}") from error
            raise
        await far.close()
        return None


async def read_hello(conn: IRawConnection) -> tuple[bytes, bytes]:
    """Header and rest of a hello; raises ChannelError, IOException."""
    header = await exactly(conn, HEADER.size)
    return header, await exactly(conn, rest_bytes(header))


async def exactly(conn: IRawConnection, count: int) -> bytes:
    """So many bytes; raises HandshakeFailed where they do not come, IOException."""
    data = bytearray()
    while len(data) < count:
        if not (piece := await conn.read(count - len(data))):
            raise HandshakeFailed(f"the peer hung up after {len(data)} of {count} bytes")
        data += piece
    return bytes(data)


@dataclass(frozen=True)
class _Passage:
    """The two ends of what is passed on, and what the target has said already."""

    near: ReadWriteCloser
    far: RawConnection
    answer: bytes


class _Gone(ReadWriteCloser):
    """In place of a stream that was taken: it has ended."""

    async def read(self, n: int | None = None) -> bytes:
        """The end."""
        return b""

    async def write(self, data: bytes) -> None:
        """Raises ConnectionClosedError."""
        raise ConnectionClosedError("the connection was passed on")

    async def close(self) -> None:
        """It is closed."""

    def get_remote_address(self) -> tuple[str, int] | None:
        """It has none."""
        return None


async def _join(near: ReadWriteCloser, far: RawConnection, answer: bytes) -> None:
    """The answer, and then both directions, until one of them ends: whoever closes a channel has told the other."""

    async def pump(source: ReadWriteCloser, sink: ReadWriteCloser) -> None:
        try:
            while data := await source.read(_PIECE_BYTES):
                await sink.write(data)
        except _BROKEN:
            pass
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        try:
            await near.write(answer)
        except _BROKEN:
            return
        nursery.start_soon(pump, far, near)
        nursery.start_soon(pump, near, far)
