"""A front: a member that takes hellos for other members too, and joins the two connections.

Who watches the front's clients cannot tell which member each is talking to; the front can, and sees no more than that:
the channel is end to end. It opens connections only to members, at the addresses that the membership lists.
"""

import trio

from strata.errors import StrataError
from strata.mesh.connect import Unreachable, dial, open_stream
from strata.mesh.roster import Roster
from strata.secure import (
    HEADER,
    EchForward,
    HandshakeFailed,
    Identity,
    Member,
    Opened,
    rest_bytes,
)

MAX_JOINED = 1024
_PIECE_BYTES = 64 << 10


async def read_hello(stream: trio.SocketStream) -> tuple[bytes, bytes]:
    """Header and rest of a hello; raises ChannelError."""
    header = await _exactly(stream, HEADER.size)
    return header, await _exactly(stream, rest_bytes(header))


class Front:
    """Passes on what is for other members; `most` connections at a time."""

    def __init__(self, identity: Identity, roster: Roster, most: int = MAX_JOINED) -> None:
        self._identity = identity
        self._roster = roster
        self._most = most
        self._joined = 0

    async def reach(self, opened: Opened) -> tuple[trio.SocketStream, bytes]:
        """Bring a hello to its target: the connection, and the target's answer, which is for who dialled.

        Raises NotAMember, Unreachable, ChannelError.
        """
        if self._joined >= self._most:
            raise HandshakeFailed(f"this front passes on {self._most} connections at a time, and all places are taken")
        member = self._roster.membership.member(opened.peer_id)
        failure: StrataError = Unreachable(f"the membership lists no address of {member.name}")
        for address in self._roster.addresses.of(member):
            try:
                return await self._reach_at(member, address, opened)
            except Unreachable as error:
                failure = error
        raise failure

    async def join(self, near: trio.SocketStream, far: trio.SocketStream, answer: bytes) -> None:
        """Pass on the answer, and then whatever comes from either side, until both have ended or one breaks."""

        async def pump(source: trio.SocketStream, target: trio.SocketStream) -> None:
            try:
                while data := await source.receive_some(_PIECE_BYTES):
                    await target.send_all(data)
                await target.send_eof()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                nursery.cancel_scope.cancel()

        self._joined += 1
        try:
            async with near, far, trio.open_nursery() as nursery:
                try:
                    await near.send_all(answer)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    return
                nursery.start_soon(pump, far, near)
                nursery.start_soon(pump, near, far)
        finally:
            self._joined -= 1

    async def _reach_at(self, member: Member, address: str, opened: Opened) -> tuple[trio.SocketStream, bytes]:
        for _ in range(2):  # the second time with the config that the target offers now
            config = self._roster.ech_config(member.peer_id)
            if config is None:
                await (await dial(self._identity, self._roster, member.peer_id, address)).aclose()
                config = self._roster.ech_config(member.peer_id)
            if config is None:
                break
            forward = EchForward(self._identity, self._roster.membership, opened, config)
            stream = await open_stream(member, address)
            try:
                await stream.send_all(forward.first)
                answer = await _exactly(stream, forward.expected)
                if not forward.rejected(answer):
                    return stream, answer
            except BaseException as error:
                with trio.CancelScope(shield=True):
                    await stream.aclose()
                if isinstance(error, trio.BrokenResourceError):
                    raise Unreachable(f"{member.name} hung up on a hello that was passed on") from None
                raise
            await stream.aclose()
            self._roster.learn(member.peer_id, ())
        raise Unreachable(f"{member.name} takes no hello that is passed on to it")


async def _exactly(stream: trio.SocketStream, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        try:
            piece = await stream.receive_some(count - len(data))
        except trio.BrokenResourceError:
            piece = b""
        if not piece:
            raise HandshakeFailed(f"the peer hung up after {len(data)} of {count} bytes")
        data += piece
    return bytes(data)
