"""Connections of a host to members, and streams on them that carry records."""

import logging
from collections.abc import Awaitable, Callable

import trio
from libp2p.abc import IHost, INetConn, INetStream
from libp2p.custom_types import TProtocol
from libp2p.exceptions import BaseLibp2pError
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from libp2p.protocol_muxer.multiselect_client import MultiselectClient
from libp2p.protocol_muxer.multiselect_communicator import MultiselectCommunicator

from strata.mesh.connect import Unreachable
from strata.mesh.links import LinkClosed
from strata.mesh.messaging import Connection
from strata.mesh.roster import Roster
from strata.mesh.transport import ways
from strata.mesh.transport.records import StreamConnection
from strata.secure import ChannelError, Member, NotAMember

log = logging.getLogger(__name__)

_NEGOTIATE_SECONDS = 3600  # whoever dials sets the time


def connections(host: IHost, peer_id: str) -> list[INetConn]:
    """Those with this peer that are up, whoever dialled; the newest first."""
    swarm: Swarm = host.get_network()
    return [each for each in reversed(swarm.get_connections(ID.from_base58(peer_id))) if not is_over(each)]


def is_over(connection: INetConn) -> bool:
    """Whether it has ended."""
    return bool(connection.is_closed or connection.muxed_conn.is_closed)


async def connect(host: IHost, roster: Roster, member: Member) -> INetConn:
    """A new connection, as `ways.connect` makes it."""
    return await ways.connect(host.get_network(), roster, member)


async def open_stream(connection: INetConn, roster: Roster, member: Member, service: str) -> Connection:
    """A stream for a service of the member; raises Unreachable."""
    try:
        stream = await connection.new_stream()
        try:
            protocol = TProtocol(service)
            await MultiselectClient().select_one_of([protocol], MultiselectCommunicator(stream), _NEGOTIATE_SECONDS)
            stream.set_protocol(protocol)
        except BaseException:
            with trio.CancelScope(shield=True):
                await stream.reset()
            raise
    except (BaseLibp2pError, trio.ClosedResourceError) as error:
        raise Unreachable(f"{member.name} does not serve {service}: {error}") from error
    return StreamConnection(stream, roster, member)


def serve_streams(host: IHost, roster: Roster, service: str, handler: Callable[[Connection], Awaitable[None]]) -> None:
    """Run `handler` with each stream that a member opens for this service; a bad peer costs its own stream only."""

    async def attend(stream: INetStream) -> None:
        try:
            member = roster.membership.member(stream.muxed_conn.peer_id.to_base58())
        except NotAMember as error:
            log.warning("refused a stream: %s", error)
            await stream.reset()
            return
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
