"""The channel of `strata.secure` as a security transport of libp2p: what a host negotiates as `/strata/xk/1`.

A thin adapter: the protocol is the channel's, with the ECH-style hello that begins every connection of the mesh, and
the bytes go through whatever connection libp2p dialled or accepted (TCP, WebSocket, a relayed stream). Only members of
the roster's membership get through, in either direction. Who they are shows all the same where libp2p's own
negotiation, addresses and the lack of a front tell it: the hello hides no more here than in a direct dial.

libp2p turns a `HandshakeFailure` into a failed dial, so every refusal is raised as one, with its `ChannelError` as the
cause. Its Noise transport is `/noise` (https://github.com/libp2p/specs/tree/master/noise, XX); this one is XK.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import trio
from libp2p.abc import IRawConnection, ISecureConn, ISecureTransport
from libp2p.crypto.ed25519 import Ed25519PublicKey
from libp2p.crypto.keys import PrivateKey
from libp2p.custom_types import TProtocol
from libp2p.io.exceptions import IOException
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.peer.id import ID
from libp2p.security.exceptions import HandshakeFailure

from strata.mesh.connect import EchRequired, Unreachable
from strata.mesh.roster import Roster
from strata.mesh.transport.fronting import Front, read_hello
from strata.mesh.transport.guard import has_shown_itself
from strata.mesh.transport.quic import is_quic, trust
from strata.mesh.transport.session import Session
from strata.mesh.transport.ways import Fronted
from strata.secure import (
    Channel,
    ChannelError,
    EchInitiator,
    EchResponder,
    Established,
    HandshakeFailed,
    HelloRejected,
    Listener,
    Opened,
    public_key_of,
)

PROTOCOL = TProtocol("/strata/xk/1")


class XkTransport(ISecureTransport):
    """Secures connections with Noise XK between members."""

    def __init__(self, listener: Listener, roster: Roster, private_key: PrivateKey, handshake_seconds: float) -> None:
        self._listener = listener
        self._identity = listener.identity
        self._roster = roster
        self._private_key = private_key
        self._seconds = handshake_seconds
        self.front: Front | None = None

    async def secure_inbound(self, conn: IRawConnection) -> ISecureConn:
        """Take a member's handshake, or have the connection passed on if it is for another; raises HandshakeFailure.

        Also where it is passed on: to libp2p it is a connection that has come to nothing.
        """
        with self._failing(), trio.fail_after(self._seconds):
            read = self._listener.read(*await read_hello(conn))
            has_shown_itself()
            if self.front is not None and read.opened is not None and read.opened.peer_id != self._identity.peer_id:
                await self._pass_on(self.front, conn, read.opened)
        return await self._secure(conn, Channel(EchResponder(self._listener, read)), initiator=False)

    async def secure_outbound(self, conn: IRawConnection, peer_id: ID) -> ISecureConn:
        """Dial a member, by the key that the membership has of it; raises HandshakeFailure.

        What a member says of its ECH keys is learned. One that cannot open the hello ends this dial, and the next is
        sealed with what it has now (see `dial_peer`).
        """
        peer = peer_id.to_base58()
        front = conn.front if isinstance(conn, Fronted) else None
        config = self._roster.ech_config(front or peer)
        if config is None and self._roster.require_ech:
            refused = EchRequired(front or peer)
            raise HandshakeFailure(str(refused)) from refused
        try:
            handshake = EchInitiator(self._identity, self._roster.membership, peer, config, front=front)
        except ChannelError as error:
            raise HandshakeFailure(str(error)) from error
        session = await self._secure(conn, Channel(handshake), initiator=True)
        self._roster.learn(peer, handshake.retry_configs)
        return session

    async def _pass_on(self, front: Front, conn: IRawConnection, opened: Opened) -> NoReturn:
        if not isinstance(conn, RawConnection) or is_quic(conn):
            raise HandshakeFailed("a hello for another peer, on a connection that cannot be passed on")
        await front.pass_on(conn, opened)
        raise HandshakeFailure("the connection is for another member, and is passed on")

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except trio.TooSlowError:
            raise HandshakeFailure(f"no handshake within {self._seconds:g} s") from None
        except (ChannelError, Unreachable, IOException) as error:
            if isinstance(error, HelloRejected):
                self._roster.learn(error.listener.peer_id, error.retry_configs)
            raise HandshakeFailure(str(error)) from error

    async def _secure(self, conn: IRawConnection, channel: Channel, *, initiator: bool) -> Session:
        """Shake hands within the time limit; the swarm sets none for outbound connections."""
        with self._failing(), trio.fail_after(self._seconds):
            peer = await establish(conn, channel)
        trust(conn)
        public_key = Ed25519PublicKey.from_bytes(public_key_of(peer))
        return Session(
            conn,
            channel,
            local_peer=ID.from_base58(self._identity.peer_id),
            private_key=self._private_key,
            remote_peer=ID.from_pubkey(public_key),
            remote_key=public_key,
            is_initiator=initiator,
        )


async def establish(conn: IRawConnection, channel: Channel) -> str:
    """Shake hands over `conn` and return the peer's id; raises ChannelError, IOException."""
    while True:
        event = channel.next_event()
        if outgoing := channel.outgoing():
            await conn.write(outgoing)
        if isinstance(event, Established):
            return event.peer.peer_id
        buffer = channel.receive_buffer()
        data = await conn.read(len(buffer))
        buffer[: len(data)] = data
        channel.received(len(data))
