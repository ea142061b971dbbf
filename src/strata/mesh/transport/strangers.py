"""Connections whose peer is a member no more."""

from collections.abc import Callable

from libp2p.abc import INetConn, INetStream, INetwork, INotifee
from libp2p.network.swarm import Swarm
from multiaddr import Multiaddr

from strata.mesh.roster import Roster
from strata.mesh.transport.session import Session
from strata.secure import NotAMember


def strangers(swarm: Swarm, roster: Roster) -> list[INetConn]:
    """Those whose peer the current membership does not list, or lists with another channel key than it has shown."""
    found: list[INetConn] = []
    for peer, connections in swarm.get_connections_map().items():
        try:
            key = roster.membership.member(peer.to_base58()).static_key
        except NotAMember:
            found += connections
            continue
        for connection in connections:
            session = connection.muxed_conn.secured_conn
            if isinstance(session, Session) and session.static_key != key:
                found.append(connection)
    return found


class OnConnection(INotifee):
    """Calls `then` at each new connection of a swarm."""

    def __init__(self, then: Callable[[], None]) -> None:
        self._then = then

    async def connected(self, network: INetwork, conn: INetConn) -> None:
        """Both directions."""
        self._then()

    async def disconnected(self, network: INetwork, conn: INetConn) -> None:
        """Of no interest."""

    async def opened_stream(self, network: INetwork, stream: INetStream) -> None:
        """Of no interest."""

    async def closed_stream(self, network: INetwork, stream: INetStream) -> None:
        """Of no interest."""

    async def listen(self, network: INetwork, multiaddr: Multiaddr) -> None:
        """Of no interest."""

    async def listen_close(self, network: INetwork, multiaddr: Multiaddr) -> None:
        """Of no interest."""
