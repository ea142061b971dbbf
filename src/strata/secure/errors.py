"""The typed errors of the secure room. Anything bad that a peer sends ends its connection with a `ChannelError`."""

from strata.errors import StrataError


class IdentityError(StrataError):
    """A key file or a peer card that cannot be used."""


class MembershipError(StrataError):
    """A membership file that is not signed by the owner, malformed, or older than the one already held."""


class ChannelError(StrataError):
    """The channel is over, and not by a clean close. The connection under it must be dropped."""


class HandshakeFailed(ChannelError):
    """The handshake's bytes are not what the expected peer of this mesh would send."""


class ReplayedHandshake(HandshakeFailed):
    """A first handshake message was seen before, or was made too long ago to tell."""


class NotAMember(ChannelError):
    """A peer that the current membership does not list, or lists as revoked."""


class Tampered(ChannelError):
    """A message failed authentication: changed, reordered, replayed or not from the peer."""


class ProtocolViolation(ChannelError):
    """An authenticated message that the protocol does not allow here."""


class RecordTooLarge(ChannelError):
    """A record above `MAX_RECORD`; refused by the sender, and by the receiver before it takes memory for it."""


class Truncated(ChannelError):
    """The connection ended without the peer's authenticated close."""


class NonceExhausted(ChannelError):
    """A key has encrypted 2^64-1 messages; the Noise Protocol Framework allows no more."""


class ChannelClosed(ChannelError):
    """Used after it was closed on this side."""
