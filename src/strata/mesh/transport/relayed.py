"""Members that cannot be dialled, reached over a relay: both ends of a circuit.

What goes over it is the channel, end to end; the relay learns who speaks with whom, when and how much, and is no front.
A member whose addresses in the membership include "/ip4/…/tcp/…/p2p/RELAY/p2p-circuit" keeps a place at that relay, and
takes circuits from those where it has one.
"""

import logging
import time
from dataclasses import dataclass

import trio
from libp2p.abc import IHost, INetConn, INetStream
from libp2p.connection_types import ConnectionType
from libp2p.exceptions import BaseLibp2pError
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from multiaddr import Multiaddr

from strata.errors import StrataError
from strata.mesh.connect import Unreachable
from strata.mesh.roster import Roster
from strata.mesh.transport.attempt import attempt
from strata.mesh.transport.circuits import (
    HOP,
    STOP,
    HopMessage,
    Refused,
    StatusCode,
    StopMessage,
    peer,
    peer_of,
    receive,
    send,
    status,
    stop_answer,
)
from strata.mesh.transport.dialling import CIRCUIT, at, connections, is_relayed, new_stream
from strata.secure import Member, NotAMember

log = logging.getLogger(__name__)

REQUEST_SECONDS = 10.0
AGAIN_SECONDS = 5.0  # after which a place is asked for again where there was none
_RENEWED_AT = 0.8  # of the time that a place is held for


@dataclass(frozen=True)
class _Via:
    """A relay, and where it is."""

    relay: Member
    address: str

    @classmethod
    def of(cls, roster: Roster, address: str) -> "_Via":
        """Raises Unreachable where the address names no relay, NotAMember where that is none of us."""
        where, found, relay = address.removesuffix(CIRCUIT).rpartition("/p2p/")
        if not found:
            raise Unreachable(f"{address} does not say which relay: it ends in /p2p/RELAY/p2p-circuit")
        return cls(roster.membership.member(relay), where)

    async def connection(self, swarm: Swarm) -> INetConn:
        """The one that there is, or a new one; raises Unreachable."""
        found = connections(swarm, self.relay.peer_id)
        return found[0] if found else await at(swarm, self.relay, self.address)


async def dial_relayed(swarm: Swarm, roster: Roster, member: Member, address: str) -> INetConn:
    """A connection to a member over the relay that the address names; raises Unreachable, NotAMember."""
    via = _Via.of(roster, address)

    async def connect() -> INetConn:
        stream = await new_stream(await via.connection(swarm), via.relay, HOP)
        conn = RawConnection(stream, True, ConnectionType.RELAYED, [Multiaddr(f"{address}/p2p/{member.peer_id}")])
        try:
            await send(stream, HopMessage(type=HopMessage.CONNECT, peer=peer(member.peer_id)))
            await status(stream, HopMessage)
            return await swarm.upgrade_outbound_raw_conn(conn, ID.from_base58(member.peer_id))
        except BaseException:
            with trio.CancelScope(shield=True):
                await stream.reset()
            raise

    try:
        return await attempt(connect, f"{member.name} over {via.relay.name}")
    except Refused as refused:
        raise Unreachable(f"the relay {via.relay.name} does not reach {member.name}: {refused}") from None


class Places:
    """The places that a host has at relays; it takes circuits from those relays alone."""

    def __init__(self, host: IHost, roster: Roster) -> None:
        self._swarm: Swarm = host.get_network()
        self._roster = roster
        self._held: set[str] = set()  # at whom
        self._changed = trio.Event()  # the membership
        host.set_stream_handler(STOP, self._attend)

    async def keep(self, address: str, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep a place at the relay that the address names, until cancelled; reports when there first is one."""
        relay, before = "", False
        while True:
            try:
                via = _Via.of(self._roster, address)
                relay = via.relay.peer_id
                with trio.fail_after(REQUEST_SECONDS):
                    connection = await via.connection(self._swarm)
                    seconds = await _reserve(connection, via.relay)
                self._held.add(relay)
                if not before:
                    task_status.started()
                before = True
                with trio.move_on_after(seconds * _RENEWED_AT):
                    await connection.event_closed.wait()
            except (StrataError, Refused, BaseLibp2pError, trio.TooSlowError) as error:
                log.warning("no place at the relay %s: %s", address, error or type(error).__name__)
                self._held.discard(relay)
                await trio.sleep(AGAIN_SECONDS)

    async def keep_all(self) -> None:
        """Keep those over which the membership says that this member is reached, until cancelled."""
        self._roster.watch(self._look_again)
        try:
            while True:
                wanted = self._listed()
                async with trio.open_nursery() as nursery:
                    for address in wanted:
                        nursery.start_soon(self.keep, address)
                    while self._listed() == wanted:
                        await self._changed.wait()
                    nursery.cancel_scope.cancel()
        finally:
            self._roster.unwatch(self._look_again)

    def _look_again(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    def _listed(self) -> tuple[str, ...]:
        try:
            own = self._roster.membership.member(self._swarm.get_peer_id().to_base58())
        except NotAMember:
            return ()
        return tuple(address for address in own.multiaddrs if is_relayed(address))

    async def _attend(self, stream: INetStream) -> None:
        """Somebody asks for a circuit, through a relay."""
        relay = stream.muxed_conn.peer_id.to_base58()
        try:
            with trio.fail_after(REQUEST_SECONDS):
                try:
                    source = await self._requested(stream, relay)
                except Refused as refused:
                    log.info("refused a circuit over %s: %s", relay, refused)
                    await send(stream, stop_answer(refused.status))
                    await stream.close()
                    return
                await send(stream, stop_answer(StatusCode.OK))
            # Who it is proves itself in the channel: what the relay says of it is only for the address.
            where = Multiaddr(f"/p2p/{relay}{CIRCUIT}/p2p/{source}")
            conn = RawConnection(stream, False, ConnectionType.RELAYED, [where])
            muxed = await self._swarm.upgrade_inbound_raw_conn(conn, where)
            await muxed.event_closed.wait()
        except (BaseLibp2pError, trio.TooSlowError) as error:
            log.info("a circuit over %s came to nothing: %s", relay, error or type(error).__name__)
        await stream.reset()

    async def _requested(self, stream: INetStream, relay: str) -> str:
        """Who asks for a circuit, as the relay says; raises Refused, or the stream's error."""
        if relay not in self._held:
            raise Refused(StatusCode.PERMISSION_DENIED, "no place is held at this relay")
        message = await receive(stream, StopMessage)
        if not message.HasField("type") or message.type != StopMessage.CONNECT:
            raise Refused(StatusCode.UNEXPECTED_MESSAGE, "no request where one was due")
        return peer_of(message)


async def _reserve(connection: INetConn, relay: Member) -> float:
    """Ask for a place; for how many seconds it is held. Raises Refused, Unreachable, or the stream's error."""
    stream = await new_stream(connection, relay, HOP)
    try:
        await send(stream, HopMessage(type=HopMessage.RESERVE))
        granted = await status(stream, HopMessage)
    except BaseException:
        with trio.CancelScope(shield=True):
            await stream.reset()
        raise
    await stream.close()
    return max(1.0, granted.reservation.expire - time.time())
