"""Connections to an address, without a thought of who is behind it or between."""

from functools import partial

import trio
from libp2p.abc import INetConn, INetStream
from libp2p.custom_types import TProtocol
from libp2p.exceptions import BaseLibp2pError
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from libp2p.protocol_muxer.multiselect_client import MultiselectClient
from libp2p.protocol_muxer.multiselect_communicator import MultiselectCommunicator
from libp2p.transport.quic.exceptions import QUICError
from multiaddr import Multiaddr
from multiaddr.exceptions import Error as MultiaddrError

from strata.mesh.connect import Unreachable
from strata.mesh.transport.attempt import attempt
from strata.mesh.transport.quic import is_quic
from strata.secure import Member

CIRCUIT = "/p2p-circuit"  # the end of an address that leads over a relay
_NEGOTIATE_SECONDS = 3600  # whoever dials sets the time


def is_relayed(address: str) -> bool:
    """Whether it leads over a relay."""
    return address.endswith(CIRCUIT)


def connections(swarm: Swarm, peer_id: str) -> list[INetConn]:
    """Those with this peer that are up, whoever dialled; the newest first."""
    return [each for each in reversed(swarm.get_connections(ID.from_base58(peer_id))) if not is_over(each)]


def is_over(connection: INetConn) -> bool:
    """Whether it has ended."""
    return bool(connection.is_closed or connection.muxed_conn.is_closed)


async def at(swarm: Swarm, member: Member, address: str) -> INetConn:
    """A new connection to a member at this address of it; raises Unreachable."""
    dial = partial(swarm.dial_addr, _parsed(address), ID.from_base58(member.peer_id))
    return await attempt(dial, f"{member.name} at {address}")


async def dial_raw(swarm: Swarm, member: Member, address: str) -> RawConnection:
    """A bare connection to a member's address, on which nothing has been said; raises Unreachable."""
    where = _parsed(address)
    transport = swarm.transport_manager.transport_for_dialing(where)
    if transport is None:
        raise Unreachable(f"nothing here can dial {member.name} at {address}")
    try:
        conn = await transport.dial(where)
    except (BaseLibp2pError, QUICError, OSError) as error:
        raise Unreachable(f"cannot connect to {member.name} at {address}: {error}") from error
    if not isinstance(conn, RawConnection) or is_quic(conn):
        await conn.close()
        raise Unreachable(f"{member.name} at {address} takes no connection that could be passed on")
    return conn


async def new_stream(connection: INetConn, member: Member, protocol: str) -> INetStream:
    """A stream on a connection with a member, on which this protocol was agreed to; raises Unreachable."""
    try:
        stream = await connection.new_stream()
        try:
            await agree(stream, TProtocol(protocol))
            stream.set_protocol(TProtocol(protocol))
        except BaseException:
            with trio.CancelScope(shield=True):
                await stream.reset()
            raise
    except (BaseLibp2pError, trio.ClosedResourceError) as error:
        raise Unreachable(f"{member.name} does not serve {protocol}: {error}") from error
    return stream


async def agree(on: RawConnection | INetStream, protocol: TProtocol) -> None:
    """Negotiate a protocol as the side that opened; raises MultiselectClientError."""
    await MultiselectClient().select_one_of([protocol], MultiselectCommunicator(on), _NEGOTIATE_SECONDS)


def _parsed(address: str) -> Multiaddr:
    try:
        return Multiaddr(address)
    except MultiaddrError as error:
        raise Unreachable(f"{address!r} is listed in the membership and cannot be dialled: {error}") from None
