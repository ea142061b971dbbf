"""Hosts of libp2p whose connections are the mesh's: opened, dialled from, and closed without a trace."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from types import ModuleType
from typing import TYPE_CHECKING

import trio

from strata.mesh.connect import HANDSHAKE_SECONDS, Unreachable
from strata.mesh.listen import CannotListen
from strata.mesh.port import Enhanced, by_flag
from strata.mesh.roster import Roster
from strata.mesh.transport.attempt import attempt
from strata.secure import EchKeys, Identity, Listener, ReplayCache

if TYPE_CHECKING:
    from libp2p.abc import IHost, INetConn
    from libp2p.network.swarm import Swarm

MAX_CONNECTIONS = 1024
CLOSE_SECONDS = 30.0  # a thousand connections take some


@asynccontextmanager
async def open_host(
    identity: Identity,
    roster: Roster,
    addresses: Sequence[str] = ("/ip4/127.0.0.1/tcp/0",),
    *,
    stock: Collection[str] = (),
    keys: EchKeys | None = None,
    replays: ReplayCache | None = None,
    fronting: bool = False,
    handshake_seconds: float = HANDSHAKE_SECONDS,
    max_connections: int = MAX_CONNECTIONS,
    enhanced: Enhanced = by_flag,
) -> AsyncIterator["IHost"]:
    """A libp2p host that listens on `addresses` (multiaddrs: TCP, WebSocket with `/ws`, QUIC) while the block runs.

    It speaks `/strata/xk/1`, with members only. `stock` holds the peer ids of the members that may speak libp2p's
    `/noise` instead, in either direction; nobody may if it is empty, and then it is not even offered. A member that a
    newer membership leaves out, or lists with another key, is disconnected.

    keys, replays: as `serve` takes them. fronting: pass on connections that are for other members (see `fronting`).
    enhanced: of a peer id, whether what is sent to it is joined.

    Raises CannotListen where an address cannot be listened on, and without libp2p. A `/quic-v1` one is for hosts of
    this kind only: the channel runs inside QUIC, which others do not know (see `quic`).
    """
    build = _build_room()
    where = [build.parse(address) for address in addresses]
    host = build.build_host(
        Listener(identity, lambda: roster.membership, ReplayCache() if replays is None else replays, keys or EchKeys()),
        roster,
        stock=stock,
        fronting=fronting,
        handshake_seconds=handshake_seconds,
        max_connections=max_connections,
        enhanced=enhanced,
    )
    swarm: Swarm = host.get_network()
    changed = trio.Event()

    def look_again() -> None:
        changed.set()

    async def disconnect_strangers() -> None:
        nonlocal changed
        while True:
            await changed.wait()
            changed = trio.Event()
            await _close(build.strangers(swarm, roster))

    # Passed around the nurseries, which would wrap it into groups.
    failure: Exception | None = None
    roster.watch(look_again)
    swarm.register_notifee(build.OnConnection(look_again))  # revoked after its handshake, before it was registered
    try:
        async with host.run(where), trio.open_nursery() as nursery:
            await swarm.auto_connector.stop()  # it dials every peer it knows of; who dials whom is for the mesh to say
            nursery.start_soon(disconnect_strangers)
            try:
                _check_listening(swarm, {str(address) for address in where})
                yield host
            except Exception as error:
                failure = error
            finally:
                with trio.CancelScope(shield=True), trio.move_on_after(CLOSE_SECONDS):
                    for listener in swarm.listeners.values():
                        await listener.close()
                    # One after the other they would take 0.1 s each.
                    await _close(swarm.get_connections())
                    await host.close()
                nursery.cancel_scope.cancel()
    finally:
        roster.unwatch(look_again)
    if failure is not None:
        raise failure


async def dial_peer(host: "IHost", address: str, timeout: float = HANDSHAKE_SECONDS) -> "INetConn":
    """Connect to the peer at a multiaddr that ends in `/p2p/PEER`, or take the connection that there is.

    Raises Unreachable within `timeout` seconds when the peer does not answer, is not who it should be, or is refused.
    As `host.connect`, but it says why, and does not refuse to try again for a minute after a failure.
    """
    from libp2p.peer.peerinfo import info_from_p2p_addr
    from multiaddr import Multiaddr

    peer = info_from_p2p_addr(Multiaddr(address))
    swarm: Swarm = host.get_network()

    async def connect() -> None:
        swarm.unblock_peer(peer.peer_id)
        swarm.peerstore.clear_addrs(peer.peer_id)  # libp2p would try what it has heard of before what it is told
        await host.connect(peer)

    try:
        with trio.fail_after(timeout):
            await attempt(connect, address)
    except trio.TooSlowError:
        raise Unreachable(f"{address} did not answer within {timeout:g} s") from None
    if not (connections := swarm.get_connections(peer.peer_id)):
        raise Unreachable(f"the connection to {address} was closed at once")
    return connections[0]


def _build_room() -> ModuleType:
    """The rest of this room: importing libp2p takes a second, and it may not be there."""
    try:
        from strata.mesh.transport import build
    except ModuleNotFoundError as error:
        raise CannotListen(f"libp2p is not installed ({error}): pip install 'strata[mesh]', or make setup") from None
    return build


def _check_listening(swarm: "Swarm", where: set[str]) -> None:
    """libp2p goes on with those addresses that it could listen on."""
    if missing := where - swarm.listeners.keys():
        raise CannotListen(f"cannot listen on {', '.join(sorted(missing))}")


async def _close(connections: Sequence["INetConn"]) -> None:
    async with trio.open_nursery() as nursery:
        for connection in connections:
            nursery.start_soon(connection.close)
