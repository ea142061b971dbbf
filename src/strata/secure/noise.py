"""The Noise XK handshake: the initiator knows the responder's key, the responder learns the initiator's, encrypted.

    <- s
    ...
    -> e, es        the responder proves nothing yet; only it can read the payload
    <- e, ee        both sides have forward secrecy
    -> s, se        the initiator proves its key

The Noise Protocol Framework, revision 34, sections 5 and 7.5 (https://noiseprotocol.org/noise.html).
"""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from strata.secure.cipher import TAG_BYTES, CipherState, Suite
from strata.secure.errors import HandshakeFailed, ProtocolViolation, Tampered

MAX_MESSAGE = 65535
_DH_BYTES = 32
_PATTERN = (("e", "es"), ("e", "ee"), ("s", "se"))


def exchange(private: X25519PrivateKey, public: bytes) -> bytes:
    """X25519; raises HandshakeFailed on an all-zero result, which a small-order public key gives (RFC 7748, 6.1)."""
    try:
        return private.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        raise HandshakeFailed("the peer sent a public key of small order") from None


class _SymmetricState:
    """Section 5.2: the running hash, the chaining key and the handshake's cipher."""

    def __init__(self, suite: Suite) -> None:
        self._suite, self._hash_name = suite, suite.hash_name
        self._new_hash: Callable[[bytes], Any] = getattr(hashlib, suite.hash_name)
        name = suite.noise_name
        self.hash: bytes = name.ljust(32, b"\0") if len(name) <= 32 else self._new_hash(name).digest()
        self.chaining_key = self.hash
        self.cipher: CipherState | None = None

    def mix_hash(self, data: bytes) -> None:
        self.hash = self._new_hash(self.hash + data).digest()

    def mix_key(self, material: bytes) -> None:
        self.chaining_key, key = self._derive(material)
        self.cipher = CipherState(self._suite, key)

    def encrypt_and_hash(self, plaintext: bytes) -> bytes:
        sealed = plaintext if self.cipher is None else self.cipher.encrypt(plaintext, self.hash)
        self.mix_hash(sealed)
        return sealed

    def decrypt_and_hash(self, sealed: bytes) -> bytes:
        plaintext = sealed if self.cipher is None else self.cipher.decrypt(sealed, self.hash)
        self.mix_hash(sealed)
        return plaintext

    def split(self) -> tuple[bytes, bytes]:
        return self._derive(b"")

    def _derive(self, material: bytes) -> tuple[bytes, bytes]:
        """HKDF with two outputs (section 4.3)."""
        name = self._hash_name
        secret = hmac.digest(self.chaining_key, material, name)
        first = hmac.digest(secret, b"\x01", name)
        return first, hmac.digest(secret, first + b"\x02", name)


class HandshakeState:
    """One side of Noise XK. Messages are written and read in turn; afterwards `split` gives the transport keys.

    `prologue` is bound into the handshake: two sides with different ones fail at the first message. `ephemeral` is
    given by tests only.
    """

    def __init__(
        self,
        suite: Suite,
        static: X25519PrivateKey,
        *,
        remote_static: bytes | None = None,
        prologue: bytes = b"",
        ephemeral: X25519PrivateKey | None = None,
    ) -> None:
        self.initiator = remote_static is not None
        self.remote_static = remote_static
        self._static = static
        self._ephemeral = ephemeral
        self._remote_ephemeral = b""
        self._turn = 0
        self._symmetric = _SymmetricState(suite)
        self._symmetric.mix_hash(prologue)
        self._symmetric.mix_hash(remote_static or static.public_key().public_bytes_raw())

    @property
    def finished(self) -> bool:
        """Whether all three messages have passed."""
        return self._turn == len(_PATTERN)

    @property
    def hash(self) -> bytes:
        """The handshake hash: the same on both sides, and unique to this channel once finished."""
        return self._symmetric.hash

    def write_message(self, payload: bytes = b"") -> bytes:
        """The next message of this side; raises ProtocolViolation out of turn."""
        parts = self._take_turn(writing=True)
        symmetric, fields = self._symmetric, []
        for part in parts:
            if part == "e":
                self._ephemeral = self._ephemeral or X25519PrivateKey.generate()
                public = self._ephemeral.public_key().public_bytes_raw()
                symmetric.mix_hash(public)
                fields.append(public)
            elif part == "s":
                fields.append(symmetric.encrypt_and_hash(self._static.public_key().public_bytes_raw()))
            else:
                symmetric.mix_key(self._shared(part))
        fields.append(symmetric.encrypt_and_hash(payload))
        message = b"".join(fields)
        if len(message) > MAX_MESSAGE:
            raise ProtocolViolation(f"a Noise message has at most {MAX_MESSAGE} bytes")
        return message

    def read_message(self, message: bytes) -> bytes:
        """The payload of the peer's next message; raises HandshakeFailed when it is not authentic."""
        parts = self._take_turn(writing=False)
        if len(message) > MAX_MESSAGE:
            raise HandshakeFailed("the handshake message is too long")
        symmetric, rest = self._symmetric, message
        try:
            for part in parts:
                if part in {"e", "s"}:
                    size = _DH_BYTES + (TAG_BYTES if part == "s" else 0)
                    if len(rest) < size:
                        raise HandshakeFailed("the handshake message is too short")
                    field, rest = rest[:size], rest[size:]
                    if part == "e":
                        self._remote_ephemeral = field
                        symmetric.mix_hash(field)
                    else:
                        self.remote_static = symmetric.decrypt_and_hash(field)
                else:
                    symmetric.mix_key(self._shared(part))
            return symmetric.decrypt_and_hash(rest)
        except Tampered:
            raise HandshakeFailed("the handshake message is not authentic") from None

    def split(self) -> tuple[bytes, bytes]:
        """Transport keys (32 bytes each): initiator to responder, and back."""
        if not self.finished:
            raise ProtocolViolation("the handshake is not finished")
        return self._symmetric.split()

    def _take_turn(self, *, writing: bool) -> tuple[str, ...]:
        if self.finished or writing != (self.initiator == (self._turn % 2 == 0)):
            raise ProtocolViolation("a handshake message out of turn")
        self._turn += 1
        return _PATTERN[self._turn - 1]

    def _shared(self, part: str) -> bytes:
        # The first letter names the initiator's key, the second the responder's.
        mine, theirs = (part[0], part[1]) if self.initiator else (part[1], part[0])
        private = self._ephemeral if mine == "e" else self._static
        public = self._remote_ephemeral if theirs == "e" else self.remote_static
        assert private is not None
        assert public is not None
        return exchange(private, public)
