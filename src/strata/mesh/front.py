"""A front: a member that takes hellos for other members too, and joins the two connections.

Who watches the front's clients cannot tell which member each is talking to; the front can, and sees no more than that:
the channel is end to end. It opens connections only to members, at the addresses that the membership lists.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

import trio

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

C = TypeVar("C")

MAX_JOINED = 1024
LINGER_SECONDS = 10.0  # for what is on its way when one side has ended: links do not go on in one direction
_PIECE_BYTES = 64 << 10


async def read_hello(stream: trio.SocketStream) -> tuple[bytes, bytes]:
    """Header and rest of a hello; raises ChannelError."""
    header = await _exactly(stream, HEADER.size)
    return header, await _exactly(stream, rest_bytes(header))


class Bringing(ABC, Generic[C]):
    """Brings hellos to their targets, over connections of some kind."""

    def __init__(self, identity: Identity, roster: Roster) -> None:
        self._identity = identity
        self._roster = roster

    async def bring(self, opened: Opened, member: Member, places: Sequence[str]) -> tuple[C, bytes]:
        """The connection to the target, at one of these places, and its answer, which is for who dialled.

        Raises Unreachable, and what `_ask` and `_send` raise else.
        """
        failure = Unreachable(f"the membership lists no address of {member.name}")
        for place in places:
            try:
                return await self._bring_to(place, member, opened)
            except Unreachable as error:
                failure = error
        raise failure

    async def _bring_to(self, place: str, member: Member, opened: Opened) -> tuple[C, bytes]:
        config = self._roster.ech_config(member.peer_id)
        for attempt in range(2):  # the second time with the config that the target offers now
            if config is None or attempt:
                await self._ask(place, member)
                config = self._roster.ech_config(member.peer_id)
            if config is None:
                break
            forward = EchForward(self._identity, self._roster.membership, opened, config)
            if (found := await self._send(place, member, forward)) is not None:
                return found
        raise Unreachable(f"{member.name} takes no hello that is passed on to it")

    @abstractmethod
    async def _ask(self, place: str, member: Member) -> None:
        """Learn what the target's hellos are to be sealed with now, as any dial does."""

    @abstractmethod
    async def _send(self, place: str, member: Member, forward: EchForward) -> tuple[C, bytes] | None:
        """The connection and the answer; None where the target could not open the hello."""


class Front(Bringing[trio.SocketStream]):
    """Passes on what is for other members; `most` connections at a time."""

    def __init__(self, identity: Identity, roster: Roster, most: int = MAX_JOINED) -> None:
        super().__init__(identity, roster)
        self._most = most
        self._joined = 0

    async def reach(self, opened: Opened) -> tuple[trio.SocketStream, bytes]:
        """Bring a hello to its target: the connection, and the target's answer, which is for who dialled.

        Raises NotAMember, Unreachable, ChannelError.
        """
        if self._joined >= self._most:
            raise HandshakeFailed(f"this front passes on {self._most} connections at a time, and all places are taken")
        member = self._roster.membership.member(opened.peer_id)
        return await self.bring(opened, member, self._roster.addresses.of(member))

    async def join(self, near: trio.SocketStream, far: trio.SocketStream, answer: bytes) -> None:
        """Pass on the answer, and then whatever comes from either side, until both have ended or one breaks.

        When one has ended the other has `LINGER_SECONDS`, so that none keeps its place by never ending.
        """

        async def pump(source: trio.SocketStream, target: trio.SocketStream) -> None:
            try:
                while data := await source.receive_some(_PIECE_BYTES):
                    await target.send_all(data)
                await target.send_eof()
                nursery.cancel_scope.deadline = trio.current_time() + LINGER_SECONDS
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

    async def _ask(self, place: str, member: Member) -> None:
        await (await dial(self._identity, self._roster, member.peer_id, place)).aclose()

    async def _send(self, place: str, member: Member, forward: EchForward) -> tuple[trio.SocketStream, bytes] | None:
        stream = await open_stream(member, place)
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
        return None


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
