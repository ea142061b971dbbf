"""Cipher suites and the Noise CipherState: a key and the counter that is its nonce.

The Noise Protocol Framework, revision 34, sections 5.1, 11.3 and 12.
"""

import struct
import time
from collections.abc import Callable
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.utils import Buffer

from strata.secure.errors import NonceExhausted, Tampered

TAG_BYTES = 16
MAX_NONCE = 2**64 - 1  # reserved for rekeying: the last nonce that may encrypt is one below

# A message has at most 65,535 bytes, so one key protects at most 2^16 of them, 4 GiB or 2^28 AES blocks: far inside
# the bounds for AES-GCM (RFC 8446, section 5.5), and a stolen key opens no more than that.
REKEY_INTERVAL = 1 << 16


class Suite(IntEnum):
    """The four suites; the value is the suite's byte in the hello."""

    AESGCM_SHA256 = 1
    CHACHAPOLY_SHA256 = 2
    AESGCM_BLAKE2S = 3
    CHACHAPOLY_BLAKE2S = 4

    @property
    def aes(self) -> bool:
        """Whether the cipher is AES-256-GCM rather than ChaCha20-Poly1305."""
        return self in {Suite.AESGCM_SHA256, Suite.AESGCM_BLAKE2S}

    @property
    def hash_name(self) -> str:
        """The hash's name in hashlib; both have 32-byte digests and 64-byte blocks."""
        return "sha256" if self in {Suite.AESGCM_SHA256, Suite.CHACHAPOLY_SHA256} else "blake2s"

    @property
    def noise_name(self) -> bytes:
        """The full Noise protocol name."""
        cipher = b"AESGCM" if self.aes else b"ChaChaPoly"
        return b"Noise_XK_25519_" + cipher + (b"_SHA256" if self.hash_name == "sha256" else b"_BLAKE2s")


@cache
def preferred_suite() -> Suite:
    """AES-GCM where the processor has AES instructions, ChaCha20-Poly1305 elsewhere."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split()
        fast_aes = "aes" in flags
    except OSError:  # not Linux: whichever is faster here
        fast_aes = _seconds(AESGCM(bytes(32))) < _seconds(ChaCha20Poly1305(bytes(32)))
    return Suite.AESGCM_SHA256 if fast_aes else Suite.CHACHAPOLY_SHA256


def _seconds(cipher: AESGCM | ChaCha20Poly1305) -> float:
    data, times = bytes(1 << 16), []
    for _ in range(5):
        start = time.perf_counter()
        cipher.encrypt(bytes(12), data, None)
        times.append(time.perf_counter() - start)
    return min(times)


class CipherState:
    """One direction's key and nonce.

    `rekey_interval` (messages) is for transport: both sides count messages, so both rekey at the same one. During a
    handshake it is None.
    """

    def __init__(self, suite: Suite, key: bytes, rekey_interval: int | None = None) -> None:
        self._cipher_type: Callable[[bytes], Any] = AESGCM if suite.aes else ChaCha20Poly1305
        # 32 zero bits, then the counter: big-endian for AES-GCM, little-endian for ChaCha20 (section 12.3, 12.4).
        self._nonce_bytes = struct.Struct(">4xQ" if suite.aes else "<4xQ").pack
        self._interval = rekey_interval
        self._nonce = 0
        self._set_key(key)
        self._set_limit()

    @property
    def nonce(self) -> int:
        """The nonce of the next message."""
        return self._nonce

    def set_nonce(self, nonce: int) -> None:
        """Continue at another nonce."""
        self._nonce = nonce
        self._set_limit()

    def encrypt(self, plaintext: Buffer, associated: bytes = b"") -> bytes:
        """EncryptWithAd; raises NonceExhausted."""
        sealed: bytes = self._cipher.encrypt(self._next(), plaintext, associated)
        return sealed

    def decrypt(self, ciphertext: Buffer, associated: bytes = b"") -> bytes:
        """DecryptWithAd; raises Tampered, NonceExhausted."""
        try:
            plaintext: bytes = self._cipher.decrypt(self._next(), ciphertext, associated)
        except (InvalidTag, ValueError):
            raise Tampered("a message failed authentication") from None
        return plaintext

    def encrypt_into(self, plaintext: Buffer, out: Buffer) -> None:
        """Encrypt a transport message into `out`, which is exactly 16 bytes longer."""
        nonce = self._nonce
        if nonce >= self._limit:
            self._renew()
        self._nonce = nonce + 1
        self._encrypt_into(self._nonce_bytes(nonce), plaintext, None, out)

    def decrypt_into(self, ciphertext: Buffer, out: Buffer) -> None:
        """Decrypt a transport message into `out`, which is exactly 16 bytes shorter; raises Tampered."""
        nonce = self._nonce
        if nonce >= self._limit:
            self._renew()
        self._nonce = nonce + 1
        try:
            self._decrypt_into(self._nonce_bytes(nonce), ciphertext, None, out)
        except InvalidTag:
            raise Tampered("a message failed authentication") from None

    def rekey(self) -> None:
        """REKEY (section 4.2): a one-way step to the next key; the nonce goes on."""
        self._set_key(self._cipher.encrypt(self._nonce_bytes(MAX_NONCE), bytes(32), b"")[:32])

    def _next(self) -> bytes:
        nonce = self._nonce
        if nonce >= self._limit:
            self._renew()
        self._nonce = nonce + 1
        return self._nonce_bytes(nonce)

    def _renew(self) -> None:
        if self._nonce >= MAX_NONCE:
            raise NonceExhausted("the key has encrypted 2^64-1 messages")
        self.rekey()
        self._set_limit()

    def _set_limit(self) -> None:
        # One comparison a message covers both limits.
        step = self._interval
        self._limit = MAX_NONCE if step is None else min(MAX_NONCE, (self._nonce // step + 1) * step)

    def _set_key(self, key: bytes) -> None:
        self._cipher = self._cipher_type(key)
        self._encrypt_into = self._cipher.encrypt_into
        self._decrypt_into = self._cipher.decrypt_into
