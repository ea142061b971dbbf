"""Identity, membership, Noise XK and the encrypted channel; all sans-IO except for the small key files.

- `Identity`, `PeerCard`, `peer_id_of`, `public_key_of`, `verify`: who a peer is, and what it signed.
- `Membership`, `Member`, `open_sealed`: who belongs to a mesh, signed by its owner; `BROWSER`, a role.
- `read_membership`, `read_sealed`, `write_membership`, `edit_membership`: the file that holds it.
- `Channel`, `Established`, `Closed`, `MAX_RECORD`: the encrypted channel between two members.
- `ReplayCache`, `ReplayFile`: which handshakes were seen.
- `reserve`: memory that is taken when it is written to.
- `Suite`, `preferred_suite`: the cipher suites.
- `EchInitiator`, `EchResponder`, `EchKeys`, `open_ech_keys`, `KnownConfigs`, ...: the ECH-style hello, listed in
  `strata.secure.ech`.
- `ChannelError` and its kinds, `IdentityError`, `MembershipError`: what can go wrong.
"""

from strata.secure.buffers import reserve
from strata.secure.channel import Channel, Closed, Established
from strata.secure.cipher import Suite, preferred_suite
from strata.secure.ech import (
    HEADER,
    LIFETIME_SECONDS,
    MLKEM768_X25519,
    X25519,
    BadEchConfig,
    Config,
    EchConfig,
    EchForward,
    EchInitiator,
    EchKey,
    EchKeys,
    EchResponder,
    HelloRejected,
    KnownConfigs,
    Listener,
    Opened,
    ReadHello,
    choose,
    encode_config_list,
    open_ech_keys,
    parse_config_list,
    rest_bytes,
)
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
from strata.secure.membership import BROWSER, Member, Membership, open_sealed
from strata.secure.membership_file import edit_membership, read_membership, read_sealed, write_membership
from strata.secure.records import MAX_RECORD
from strata.secure.replay import ReplayCache
from strata.secure.replay_file import ReplayFile

__all__ = [
    "BROWSER",
    "HEADER",
    "LIFETIME_SECONDS",
    "MAX_RECORD",
    "MLKEM768_X25519",
    "X25519",
    "BadEchConfig",
    "Channel",
    "ChannelClosed",
    "ChannelError",
    "Closed",
    "Config",
    "EchConfig",
    "EchForward",
    "EchInitiator",
    "EchKey",
    "EchKeys",
    "EchResponder",
    "Established",
    "HandshakeFailed",
    "HelloRejected",
    "Identity",
    "IdentityError",
    "KnownConfigs",
    "Listener",
    "Member",
    "Membership",
    "MembershipError",
    "NonceExhausted",
    "NotAMember",
    "Opened",
    "PeerCard",
    "ProtocolViolation",
    "ReadHello",
    "RecordTooLarge",
    "ReplayCache",
    "ReplayFile",
    "ReplayedHandshake",
    "Suite",
    "Tampered",
    "Truncated",
    "choose",
    "edit_membership",
    "encode_config_list",
    "open_ech_keys",
    "open_sealed",
    "parse_config_list",
    "peer_id_of",
    "preferred_suite",
    "public_key_of",
    "read_membership",
    "read_sealed",
    "reserve",
    "rest_bytes",
    "verify",
    "write_membership",
]
