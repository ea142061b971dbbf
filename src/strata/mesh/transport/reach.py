"""Connections of a host to members, and streams on them that carry records."""

import logging
from collections.abc import Awaitable, Callable

from libp2p.abc import IHost, INetConn, INetStream
from libp2p.custom_types import TProtocol

from strata.mesh.links import LinkClosed
from strata.mesh.messaging import Connection
from strata.mesh.roster import Roster
from strata.mesh.services import kind_of
from strata.mesh.transport import dialling, relay, ways
from strata.mesh.transport.limits import RelayLimits
from strata.mesh.transport.muxed_stream import MuxedStream
from strata.mesh.transport.records import StreamConnection
from strata.mesh.transport.relayed import Places
from strata.secure import ChannelError, Member, NotAMember

log = logging.getLogger(__name__)


def connections(host: IHost, peer_id: str) -> list[INetConn]:
    """Those with this peer that are up, whoever dialled; the newest first."""
    return dialling.connections(host.get_network(), peer_id)


def is_over(connection: INetConn) -> bool:
    """Whether it has ended."""
    return dialling.is_over(connection)


async def connect(host: IHost, roster: Roster, member: Member) -> INetConn:
    """A new connection, as `ways.connect` makes it."""
    return await ways.connect(host.get_network(), roster, member)


async def open_stream(connection: INetConn, roster: Roster, member: Member, service: str) -> Connection:
    """A stream for a service of the member; raises Unreachable."""
    stream = await dialling.new_stream(connection, member, service)
    _class(stream, service)
    return StreamConnection(stream, roster, member)


def serve_relay(host: IHost, roster: Roster, limits: RelayLimits) -> None:
    """Be a relay for members; see `relay`."""
    relay.serve_relay(host, roster, limits)


async def keep_places(host: IHost, roster: Roster) -> None:
    """Be reached over the relays that the membership names; see `relayed`."""
    await Places(host, roster).keep_all()


def serve_streams(host: IHost, roster: Roster, service: str, handler: Callable[[Connection], Awaitable[None]]) -> None:
    """Run `handler` with each stream that a member opens for this service; a bad peer costs its own stream only."""

    async def attend(stream: INetStream) -> None:
        try:
            member = roster.membership.member(stream.muxed_conn.peer_id.to_base58())
        except NotAMember as error:
            log.warning("refused a stream: %s", error)
            await stream.reset()
            return
        _class(stream, service)
        connection = StreamConnection(stream, roster, member)
        try:
            await handler(connection)
        except (LinkClosed, ChannelError) as error:
            log.info("the stream of %s ended: %s", member.name, error)
        except Exception:
            log.exception("the handler of %s failed for %s", service, member.name)
        finally:
            await connection.aclose()

    host.set_stream_handler(TProtocol(service), attend)


def _class(stream: INetStream, service: str) -> None:
    """What is written to it shares the uplink by this class; streams of libp2p's own muxers have none."""
    if isinstance(muxed := stream.muxed_stream, MuxedStream):
        muxed.kind = kind_of(service)
