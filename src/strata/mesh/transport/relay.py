"""A relay: a member that joins streams of other members, for those that cannot be dialled.

The protocol is circuit relay v2. libp2p 0.8.1's own relay is not used: it lets a peer reserve in another's name, keeps
one circuit for a peer, and looks at a circuit's limits only when bytes come. Here members only are served, what each
may use is bounded, and nobody is dialled for anybody: who is to be reached must be connected, and have reserved.
"""

import logging
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import trio
from libp2p.abc import IHost, INetStream
from libp2p.connection_types import ConnectionType
from libp2p.exceptions import BaseLibp2pError
from libp2p.network.stream.exceptions import StreamEOF
from libp2p.network.swarm import Swarm

from strata.mesh.connect import Unreachable
from strata.mesh.roster import Roster
from strata.mesh.transport.circuits import (
    HOP,
    STOP,
    HopMessage,
    Limit,
    Refused,
    Reservation,
    StatusCode,
    StopMessage,
    answer,
    peer,
    peer_of,
    receive,
    send,
    status,
)
from strata.mesh.transport.dialling import connections, new_stream
from strata.mesh.transport.limits import RelayLimits
from strata.secure import NotAMember

log = logging.getLogger(__name__)

REQUEST_SECONDS = 10.0
_PIECE_BYTES = 64 << 10


def serve_relay(host: IHost, roster: Roster, limits: RelayLimits) -> None:
    """Have a host be a relay for members from now on."""
    host.set_stream_handler(HOP, _Relay(host.get_network(), roster, limits).attend)


class _Relay:
    def __init__(self, swarm: Swarm, roster: Roster, limits: RelayLimits) -> None:
        self._swarm = swarm
        self._roster = roster
        self._limits = limits
        self._reserved: dict[str, float] = {}  # until when
        self._circuits: Counter[str] = Counter()  # of each member
        self._open = 0

    async def attend(self, stream: INetStream) -> None:
        """One request."""
        name = stream.muxed_conn.peer_id.to_base58()
        try:
            try:
                with trio.fail_after(REQUEST_SECONDS):
                    request = await self._request(stream, name)
                    if request.type == HopMessage.RESERVE:
                        await send(stream, self._reserve(name))
                        await stream.close()
                        return
                await self._connect(stream, name, peer_of(request))
            except Refused as refused:
                log.info("refused %s: %s", name, refused)
                with trio.fail_after(REQUEST_SECONDS):
                    await send(stream, answer(refused.status))
                    await stream.close()
        except (BaseLibp2pError, trio.TooSlowError) as error:
            log.info("a request of %s came to nothing: %s", name, error or type(error).__name__)
            await stream.reset()

    async def _request(self, stream: INetStream, source: str) -> HopMessage:
        try:
            self._roster.membership.member(source)
        except NotAMember as error:
            raise Refused(StatusCode.PERMISSION_DENIED, str(error)) from None
        if stream.muxed_conn.get_connection_type() is ConnectionType.RELAYED:
            raise Refused(StatusCode.PERMISSION_DENIED, "it came over a relay itself")
        request = await receive(stream, HopMessage)
        if not request.HasField("type") or request.type not in (HopMessage.RESERVE, HopMessage.CONNECT):
            raise Refused(StatusCode.UNEXPECTED_MESSAGE, "no request where one was due")
        return request

    def _reserve(self, source: str) -> HopMessage:
        now, limits = trio.current_time(), self._limits
        self._reserved = {each: until for each, until in self._reserved.items() if until > now and self._is_up(each)}
        if source not in self._reserved and len(self._reserved) >= limits.reservations:
            raise Refused(StatusCode.RESERVATION_REFUSED, f"all {limits.reservations} places are taken")
        self._reserved[source] = now + limits.reserved_seconds
        granted = answer(StatusCode.OK)
        granted.reservation.CopyFrom(Reservation(expire=int(time.time()) + limits.reserved_seconds))
        granted.limit.CopyFrom(self._limit)
        return granted

    async def _connect(self, stream: INetStream, source: str, target: str) -> None:
        limits = self._limits
        if self._reserved.get(target, 0.0) <= trio.current_time() or not self._is_up(target):
            raise Refused(StatusCode.NO_RESERVATION, f"{target} has no place here")
        busiest = max(self._circuits[source], self._circuits[target])
        if self._open >= limits.circuits or busiest >= limits.circuits_of_one:
            raise Refused(StatusCode.RESOURCE_LIMIT_EXCEEDED, "there are too many circuits")
        self._open += 1
        self._circuits.update((source, target))
        try:
            with trio.fail_after(REQUEST_SECONDS):
                far = await self._reach(source, target)
                granted = answer(StatusCode.OK)
                granted.limit.CopyFrom(self._limit)
                async with _reset_on_failure(far):
                    await send(stream, granted)
            await join(stream, far, limits.seconds, limits.circuit_bytes)
        finally:
            self._open -= 1
            self._circuits.subtract((source, target))
            self._circuits += Counter()  # drops who has none

    async def _reach(self, source: str, target: str) -> INetStream:
        """A stream on which the target has agreed to a circuit; raises Refused."""
        member = self._roster.membership.member(target)
        for connection in connections(self._swarm, target):
            if connection.get_connection_type() is ConnectionType.RELAYED:
                continue
            try:
                stream = await new_stream(connection, member, STOP)
                async with _reset_on_failure(stream):
                    await send(stream, StopMessage(type=StopMessage.CONNECT, peer=peer(source), limit=self._limit))
                    await status(stream, StopMessage)
            except (Refused, Unreachable, BaseLibp2pError) as error:
                log.info("cannot reach %s: %s", member.name, error)
                continue
            return stream
        raise Refused(StatusCode.CONNECTION_FAILED, f"{member.name} does not answer")

    @property
    def _limit(self) -> Limit:
        return Limit(duration=self._limits.seconds, data=self._limits.circuit_bytes)

    def _is_up(self, peer_id: str) -> bool:
        return bool(connections(self._swarm, peer_id))


@asynccontextmanager
async def _reset_on_failure(stream: INetStream) -> AsyncIterator[None]:
    try:
        yield
    except BaseException:
        with trio.CancelScope(shield=True):
            await stream.reset()
        raise


async def join(near: INetStream, far: INetStream, seconds: float, most_bytes: int) -> None:
    """Pass on what either says to the other until both have ended, one breaks, or a limit is reached."""
    left, ended = most_bytes, 0

    async def pump(source: INetStream, sink: INetStream) -> None:
        nonlocal left, ended
        try:
            while True:
                data = await source.read(_PIECE_BYTES)
                left -= len(data)
                if left < 0:
                    break
                await sink.write(data)
        except StreamEOF:
            ended += 1
            with suppress(BaseLibp2pError):
                await sink.close_write()
            return
        except BaseLibp2pError:
            pass
        nursery.cancel_scope.cancel()

    try:
        with trio.move_on_after(seconds):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(pump, near, far)
                nursery.start_soon(pump, far, near)
    finally:
        with trio.CancelScope(shield=True):
            for stream in (near, far):
                await (stream.close() if ended == 2 else stream.reset())
