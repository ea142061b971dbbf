"""How a host of libp2p 0.8.1 is put together; the only place that knows its settings.

Another version must still: take `sec_opt` and `muxer_opt` in `new_host` and use the muxer that was negotiated, check
the peer's id after an outbound handshake, end a dial at its first success when a peer may have one connection, and
have `retry_config`, `auto_connector.stop` and `unblock_peer` at its swarm. The tests of this room say whether it does.
"""

import logging
from collections.abc import Collection
from functools import partial

import libp2p
from libp2p.abc import IHost
from libp2p.crypto.ed25519 import Ed25519PrivateKey
from libp2p.crypto.keys import KeyPair
from libp2p.custom_types import TMuxerOptions, TProtocol, TSecurityOptions
from libp2p.network.config import ConnectionConfig
from libp2p.rcmgr.connection_limits import ConnectionLimits
from libp2p.rcmgr.manager import ResourceLimits, ResourceManager
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.stream_muxer.yamux.yamux import PROTOCOL_ID as YAMUX
from libp2p.stream_muxer.yamux.yamux import Yamux
from multiaddr import Multiaddr
from multiaddr.exceptions import Error as MultiaddrError

from strata.mesh.listen import MAX_HANDSHAKES, CannotListen
from strata.mesh.port import Enhanced
from strata.mesh.roster import Roster
from strata.mesh.transport.fronting import Front
from strata.mesh.transport.guard import guard
from strata.mesh.transport.muxer import PROTOCOL as MUX
from strata.mesh.transport.muxer import Muxer
from strata.mesh.transport.quic import OneStreamQuic
from strata.mesh.transport.security import PROTOCOL, XkTransport
from strata.mesh.transport.stock import MembersNoise
from strata.mesh.transport.strangers import OnConnection, strangers
from strata.secure import Listener

log = logging.getLogger(__name__)

__all__ = ["OnConnection", "build_host", "parse", "strangers"]

TESTED = "0.8.1"


def build_host(
    listener: Listener,
    roster: Roster,
    *,
    stock: Collection[str],
    fronting: bool,
    handshake_seconds: float,
    max_connections: int,
    enhanced: Enhanced,
) -> IHost:
    """A host that does not run yet; see `open_host`."""
    if libp2p.__version__ != TESTED:
        log.warning("libp2p %s is not %s, which the mesh was tested with", libp2p.__version__, TESTED)
    private_key = Ed25519PrivateKey.from_bytes(listener.identity.signing_seed)
    key_pair = KeyPair(private_key, private_key.get_public_key())
    channel = XkTransport(listener, roster, private_key, handshake_seconds)
    security: TSecurityOptions = {PROTOCOL: channel}
    if stock:
        security |= {NOISE: MembersNoise(roster, key_pair, stock, handshake_seconds)}
    muxers: TMuxerOptions = {MUX: partial(Muxer, enhanced=enhanced), TProtocol(YAMUX): Yamux}
    host = libp2p.new_host(
        key_pair=key_pair,
        sec_opt=security,
        muxer_opt=muxers,
        enable_websocket=True,
        connection_config=_connections(handshake_seconds),
        resource_manager=_resources(max_connections),
    )
    guard(host, max_handshakes=MAX_HANDSHAKES, max_connections=max_connections)
    # A peer that refuses us does so again; who wants another try makes one.
    swarm = host.get_network()
    swarm.retry_config.max_retries = 0
    swarm.transport_manager.add_transport(OneStreamQuic(private_key, handshake_seconds))
    if fronting:  # outside of the guard, whose places are for handshakes: what is passed on is over them
        channel.front = Front(listener.identity, roster, swarm, PROTOCOL)
    return host


def parse(address: str) -> Multiaddr:
    """The multiaddr of a text to listen on; raises CannotListen."""
    try:
        return Multiaddr(address)
    except MultiaddrError as error:
        raise CannotListen(f"cannot listen on {address!r}: {error}") from None


def _connections(handshake_seconds: float) -> ConnectionConfig:
    return ConnectionConfig(
        # The swarm counts accepted connections against this one and never counts them off, so that it would take no
        # more once so many had come and gone. `guard` sets the limit that holds.
        max_connections=1 << 30,
        high_watermark=1 << 30,
        min_connections=0,
        low_watermark=0,
        # With 1 a dial ends when it has succeeded; with more it waits 250 ms for a second address to try.
        max_connections_per_peer=1,
        dial_timeout=handshake_seconds,
        inbound_upgrade_timeout=handshake_seconds,
        outbound_upgrade_timeout=handshake_seconds,
        inbound_stream_protocol_negotiation_timeout=handshake_seconds,
    )


def _resources(most: int) -> ResourceManager:
    """Limits that do not hold but of streams: what they refuse stays counted elsewhere, until nobody is let in."""
    limits = ResourceLimits(max_connections=1 << 30, max_streams=64 * most)
    return ResourceManager(limits=limits, connection_limits=ConnectionLimits())
