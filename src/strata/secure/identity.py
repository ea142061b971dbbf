"""Who a peer is: an Ed25519 key, named by its libp2p peer id, that certifies an X25519 key for the channel.

The X25519 key is an independent one, and its binding is signed: converting the Ed25519 key instead would let two
identities, A and -A, claim one channel key, because both map to the same X25519 key.

Peer ids follow https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md.
"""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import base58
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from strata import files
from strata.secure.errors import IdentityError
from strata.secure.private_file import read_private

KEY_BYTES = 32
SIGNATURE_BYTES = 64

_BINDING_LABEL = b"strata:x25519-static-key:v1\0"
# Identity multihash (code 0, length 36) of the protobuf PublicKey{Type: Ed25519 (1), Data: 32 bytes}.
_PEER_ID_PREFIX = bytes.fromhex("0024" + "08011220")
_PEER_ID_TEXT = re.compile(r"12D3KooW[1-9A-HJ-NP-Za-km-z]{44}")
_CARD_TEXT = re.compile(r"strata-card-v1:([1-9A-HJ-NP-Za-km-z]{52}):([A-Za-z0-9_-]{43}):([A-Za-z0-9_-]{86})")
_KEY_FILE_BYTES = 4096


def peer_id_of(public_key: bytes) -> str:
    """The libp2p peer id of a raw Ed25519 public key (32 bytes)."""
    if len(public_key) != KEY_BYTES:
        raise IdentityError(f"an Ed25519 public key has 32 bytes, not {len(public_key)}")
    return base58.b58encode(_PEER_ID_PREFIX + public_key).decode("ascii")


def public_key_of(peer_id: str) -> bytes:
    """The raw Ed25519 public key inside a peer id; raises IdentityError if it is not one of an Ed25519 key."""
    if not _PEER_ID_TEXT.fullmatch(peer_id):
        raise IdentityError(f"not an Ed25519 peer id (12D3KooW…): {peer_id[:80]!r}")
    decoded = base58.b58decode(peer_id)
    if len(decoded) != len(_PEER_ID_PREFIX) + KEY_BYTES or not decoded.startswith(_PEER_ID_PREFIX):
        raise IdentityError(f"not an Ed25519 peer id: {peer_id!r}")
    return decoded[len(_PEER_ID_PREFIX) :]


def verify(peer_id: str, signature: bytes, message: bytes) -> bool:
    """Whether the key named by `peer_id` signed `message`."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key_of(peer_id)).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _binding(peer_id: str, static_key: bytes) -> bytes:
    return _BINDING_LABEL + public_key_of(peer_id) + static_key


@dataclass(frozen=True)
class PeerCard:
    """A peer id's signed statement of its X25519 channel key. Public; making one up raises IdentityError."""

    peer_id: str
    static_key: bytes
    signature: bytes

    def __post_init__(self) -> None:
        if len(self.static_key) != KEY_BYTES or len(self.signature) != SIGNATURE_BYTES:
            raise IdentityError("a peer card holds a key of 32 bytes and a signature of 64")
        if not verify(self.peer_id, self.signature, _binding(self.peer_id, self.static_key)):
            raise IdentityError(f"the card of {self.peer_id} is not signed by that peer's key")

    def to_text(self) -> str:
        """One line to paste into `strata mesh invite`."""
        return f"strata-card-v1:{self.peer_id}:{_encode(self.static_key)}:{_encode(self.signature)}"

    @classmethod
    def from_text(cls, text: str) -> "PeerCard":
        """Parse and verify a card line; raises IdentityError."""
        match = _CARD_TEXT.fullmatch(text.strip())
        if match is None:
            raise IdentityError("not a peer card: it looks like strata-card-v1:12D3KooW…:…:…")
        return cls(match[1], _decode(match[2]), _decode(match[3]))


class Identity:
    """The private side of a peer: its Ed25519 signing key and its X25519 channel key."""

    def __init__(self, signing_key: Ed25519PrivateKey, static_private: X25519PrivateKey) -> None:
        self._signing_key = signing_key
        self.static_private = static_private
        self.static_key = static_private.public_key().public_bytes_raw()
        self.peer_id = peer_id_of(signing_key.public_key().public_bytes_raw())

    def __repr__(self) -> str:
        return f"Identity({self.peer_id})"

    @classmethod
    def generate(cls) -> "Identity":
        """A new random identity."""
        return cls(Ed25519PrivateKey.generate(), X25519PrivateKey.generate())

    @property
    def signing_seed(self) -> bytes:
        """The raw Ed25519 private key, 32 bytes: a libp2p host signs what it says of itself on its own."""
        return self._signing_key.private_bytes_raw()

    @cached_property
    def card(self) -> PeerCard:
        """The public statement that binds the channel key to the peer id."""
        return PeerCard(self.peer_id, self.static_key, self.sign(_binding(self.peer_id, self.static_key)))

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature (64 bytes). Callers put their own label in front, so that no signature serves twice."""
        return self._signing_key.sign(message)

    def save(self, path: Path) -> None:
        """Write the keys to a new file that only its owner can read; raises IdentityError if the file exists."""
        document = {
            "ed25519": self._signing_key.private_bytes_raw().hex(),
            "version": 1,
            "x25519": self.static_private.private_bytes_raw().hex(),
        }
        try:
            files.write_new(path, (json.dumps(document, sort_keys=True) + "\n").encode(), mode=0o600)
        except FileExistsError:
            raise IdentityError(f"{path} exists already; a key is never overwritten") from None

    @classmethod
    def load(cls, path: Path) -> "Identity":
        """Read the keys; raises IdentityError when the file is missing, malformed or readable by others."""
        try:
            document = json.loads(read_private(path, _KEY_FILE_BYTES))
            if document["version"] != 1:
                raise IdentityError(f"{path} is of an unknown version")
            return cls(
                Ed25519PrivateKey.from_private_bytes(bytes.fromhex(document["ed25519"])),
                X25519PrivateKey.from_private_bytes(bytes.fromhex(document["x25519"])),
            )
        except FileNotFoundError:
            raise IdentityError(f"there is no identity at {path}") from None
        except (ValueError, KeyError, TypeError, OSError):
            # The cause may quote the file, and the file is a secret.
            raise IdentityError(f"{path} is not an identity file") from None


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise IdentityError("not base64") from None
    if _encode(data) != text:  # one spelling only, so that a card cannot be altered and stay valid
        raise IdentityError("not canonical base64")
    return data
