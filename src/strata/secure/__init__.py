"""Identity, membership, Noise XK and the encrypted channel; all sans-IO except for the small key files.

- `Identity`, `PeerCard`, `peer_id_of`, `public_key_of`, `verify`: who a peer is, and what it signed.
- `Membership`, `Member`, `open_sealed`: who belongs to a mesh, signed by its owner.
- `read_membership`, `write_membership`, `edit_membership`: the file that holds it.
- `Channel`, `Established`, `Closed`, `MAX_RECORD`, `ReplayCache`: the encrypted channel between two members.
- `Suite`, `preferred_suite`: the cipher suites.
- `ChannelError` and its kinds, `IdentityError`, `MembershipError`: what can go wrong.
"""

from strata.secure.channel import Channel, Closed, Established
from strata.secure.cipher import Suite, preferred_suite
from strata.secure.errors import (
    ChannelClosed,
    ChannelError,
    HandshakeFailed,
    IdentityError,
    MembershipError,
    NonceExhausted,
    NotAMember,
    ProtocolViolation,
    RecordTooLarge,
    ReplayedHandshake,
    Tampered,
    Truncated,
)
from strata.secure.identity import Identity, PeerCard, peer_id_of, public_key_of, verify
from strata.secure.membership import Member, Membership, open_sealed
from strata.secure.membership_file import edit_membership, read_membership, write_membership
from strata.secure.records import MAX_RECORD
from strata.secure.replay import ReplayCache

__all__ = [
    "MAX_RECORD",
    "Channel",
    "ChannelClosed",
    "ChannelError",
    "Closed",
    "Established",
    "HandshakeFailed",
    "Identity",
    "IdentityError",
    "Member",
    "Membership",
    "MembershipError",
    "NonceExhausted",
    "NotAMember",
    "PeerCard",
    "ProtocolViolation",
    "RecordTooLarge",
    "ReplayCache",
    "ReplayedHandshake",
    "Suite",
    "Tampered",
    "Truncated",
    "edit_membership",
    "open_sealed",
    "peer_id_of",
    "preferred_suite",
    "public_key_of",
    "read_membership",
    "verify",
    "write_membership",
]
