"""The transport of stock libp2p, `/noise`, for those members alone that the policy names."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import trio
from cryptography.exceptions import InvalidTag
from libp2p.abc import IRawConnection, ISecureConn
from libp2p.crypto.keys import KeyPair
from libp2p.crypto.x25519 import create_new_key_pair
from libp2p.io.exceptions import IOException
from libp2p.peer.id import ID
from libp2p.security.exceptions import HandshakeFailure
from libp2p.security.noise.transport import Transport

from strata.mesh.roster import Roster
from strata.secure import NotAMember


class MembersNoise(Transport):
    """Noise XX with members that `stock` contains; anybody else is refused, whoever dialled.

    A dialler offers it after its own protocol, so somebody in between can make a peer seem to speak `/noise` only. That
    changes nothing for a peer that the policy does not name: the dial fails.
    """

    def __init__(self, roster: Roster, key_pair: KeyPair, stock: Collection[str], handshake_seconds: float) -> None:
        super().__init__(key_pair, noise_privkey=create_new_key_pair().private_key)
        self._roster = roster
        self._stock = stock
        self._seconds = handshake_seconds

    async def secure_inbound(self, conn: IRawConnection) -> ISecureConn:
        """Take a handshake, and keep the connection if the policy names who it is from."""
        with _failing(self._seconds):
            secured = await super().secure_inbound(conn)
        try:
            self._check(secured.get_remote_peer())
        except HandshakeFailure:
            await secured.close()
            raise
        return secured

    async def secure_outbound(self, conn: IRawConnection, peer_id: ID) -> ISecureConn:
        """Dial a peer that the policy names; any other is refused before a byte is sent."""
        self._check(peer_id)
        with _failing(self._seconds):
            return await super().secure_outbound(conn, peer_id)

    def _check(self, peer: ID) -> None:
        peer_id = peer.to_base58()
        try:
            member = self._roster.membership.member(peer_id)
        except NotAMember as error:
            raise HandshakeFailure(str(error)) from error
        if peer_id not in self._stock:
            raise HandshakeFailure(f"{member.name} would speak /noise, and the policy does not allow it to")


@contextmanager
def _failing(seconds: float) -> Iterator[None]:
    """Whatever ends a handshake is a failed handshake: the swarm knows no other."""
    try:
        with trio.fail_after(seconds):
            yield
    except trio.TooSlowError:
        raise HandshakeFailure(f"no handshake within {seconds:g} s") from None
    except (InvalidTag, IOException, ValueError) as error:
        raise HandshakeFailure(str(error) or type(error).__name__) from error
