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
    return _carrying(StreamConnection(await dialling.new_stream(connection, member, service), roster, member), service)


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
        connection = _carrying(StreamConnection(stream, roster, member), service)
        try:
            await handler(connection)
        except (LinkClosed, ChannelError) as error:
            log.info("the stream of %s ended: %s", member.name, error)
        except Exception:
            log.exception("the handler of %s failed for %s", service, member.name)
        finally:
            await connection.aclose()

    host.set_stream_handler(TProtocol(service), attend)


def _carrying(connection: StreamConnection, service: str) -> StreamConnection:
    """What is written to it shares the uplink by the service's class."""
    connection.kind = kind_of(service)
    return connection
