"""The ways from a host to a member: at an address of its own, through one of its fronts, or over a relay."""

import trio
from libp2p.abc import INetConn
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID

from strata.mesh.connect import EchRequired, Unreachable, share_of_time
from strata.mesh.roster import Roster
from strata.mesh.transport.attempt import attempt
from strata.mesh.transport.dialling import at, dial_raw, is_relayed
from strata.mesh.transport.relayed import dial_relayed
from strata.secure import Member


class Fronted(RawConnection):
    """A connection to `front` (a peer id), over which another member is to be reached."""

    def __init__(self, conn: RawConnection, front: str) -> None:
        super().__init__(conn.stream, conn.is_initiator, conn.get_connection_type(), conn.get_transport_addresses())
        self.front = front


async def connect(swarm: Swarm, roster: Roster, member: Member) -> INetConn:
    """A new connection to a member where it may be found, or through one of its fronts where the membership lists any.

    Never past its fronts, but by a front of it. Raises Unreachable, EchRequired, NotAMember where a front is none.
    """
    own = swarm.get_peer_id().to_base58()
    fronts = tuple(roster.membership.named(name) for name in member.fronts)
    behind = bool(fronts) and own not in {front.peer_id for front in fronts}
    listeners = fronts if behind else (member,)
    places = [
        (listener, address)
        for listener in listeners
        for address in roster.addresses.multiaddrs_of(listener)
        if not (behind and is_relayed(address))
    ]
    failure = Unreachable(f"the membership lists no multiaddr of {listeners[0].name}")
    for number, (listener, address) in enumerate(places):
        try:
            with share_of_time(len(places) - number, address):
                if behind:
                    return await _through(swarm, roster, listener, address, member)
                if is_relayed(address):
                    return await dial_relayed(swarm, roster, member, address)
                found = await at(swarm, member, address)
                roster.addresses.answer(member.peer_id, address)
                return found
        except Unreachable as error:
            failure = error
    raise failure


async def _through(swarm: Swarm, roster: Roster, front: Member, address: str, member: Member) -> INetConn:
    """A connection to a member that the front passes on, end to end."""
    if roster.ech_config(front.peer_id) is None and not roster.require_ech:
        await (await at(swarm, front, address)).close()  # its welcome says what hellos to it are sealed with

    async def connect() -> INetConn:
        if roster.ech_config(front.peer_id) is None:
            raise EchRequired(front.name)
        conn = Fronted(await dial_raw(swarm, front, address), front.peer_id)
        try:
            return await swarm.upgrade_outbound_raw_conn(conn, ID.from_base58(member.peer_id))
        except BaseException:
            with trio.CancelScope(shield=True):
                await conn.close()
            raise

    return await attempt(connect, f"{member.name} through {front.name}")
