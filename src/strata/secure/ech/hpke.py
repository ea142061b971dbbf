"""HPKE (RFC 9180, base mode, one message) under the numbers of an ECHConfig, by `cryptography`.

KEMs: DHKEM(X25519, HKDF-SHA256), and MLKEM768-X25519, which is X-Wing (draft-ietf-hpke-pq, 0x647a): a hello sealed
with it stays sealed for who records it today and has a quantum computer later.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from strata.secure.ech.configs import BadEchConfig

TAG_BYTES = 16
X25519 = 0x0020
MLKEM768_X25519 = 0x647A
SUITE = (0x0001, 0x0002)  # HKDF-SHA256 and AES-256-GCM: what our own configs offer

PublicKey: TypeAlias = X25519PublicKey | MLKEM768X25519PublicKey
PrivateKey: TypeAlias = X25519PrivateKey | MLKEM768X25519PrivateKey

_KDFS = {0x0001: KDF.HKDF_SHA256, 0x0002: KDF.HKDF_SHA384, 0x0003: KDF.HKDF_SHA512}
_AEADS = {0x0001: AEAD.AES_128_GCM, 0x0002: AEAD.AES_256_GCM, 0x0003: AEAD.CHACHA20_POLY1305}
_MLKEM_PUBLIC_BYTES, _MLKEM_SEED_BYTES = 1184, 64


@dataclass(frozen=True)
class Kem:
    """A KEM and the sizes of what it makes, in bytes. A secret, which `private` takes, is any bytes of its size."""

    kem: KEM
    enc_bytes: int
    public_bytes: int
    secret_bytes: int
    public: Callable[[bytes], PublicKey]
    private: Callable[[bytes], PrivateKey]
    public_of: Callable[[bytes], bytes]


def _hybrid_public(data: bytes) -> MLKEM768X25519PublicKey:
    mlkem = MLKEM768PublicKey.from_public_bytes(data[:_MLKEM_PUBLIC_BYTES])
    return MLKEM768X25519PublicKey(mlkem, X25519PublicKey.from_public_bytes(data[_MLKEM_PUBLIC_BYTES:]))


def _hybrid_private(secret: bytes) -> MLKEM768X25519PrivateKey:
    return MLKEM768X25519PrivateKey(*_halves(secret))


def _hybrid_public_of(secret: bytes) -> bytes:
    mlkem, x25519 = _halves(secret)
    return mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()


def _halves(secret: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    mlkem = MLKEM768PrivateKey.from_seed_bytes(secret[:_MLKEM_SEED_BYTES])
    return mlkem, X25519PrivateKey.from_private_bytes(secret[_MLKEM_SEED_BYTES:])


KEMS = {
    X25519: Kem(
        KEM.X25519, 32, 32, 32, X25519PublicKey.from_public_bytes, X25519PrivateKey.from_private_bytes,
        lambda secret: X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw(),
    ),
    MLKEM768_X25519: Kem(
        KEM.MLKEM768_X25519, 1120, 1216, _MLKEM_SEED_BYTES + 32, _hybrid_public, _hybrid_private, _hybrid_public_of,
    ),
}  # fmt: skip


def knows(kem_id: int, suite: tuple[int, int]) -> bool:
    """Whether these can be computed here."""
    return kem_id in KEMS and suite[0] in _KDFS and suite[1] in _AEADS


def seal(kem_id: int, suite: tuple[int, int], public_key: bytes, info: bytes, plaintext: bytes) -> bytes:
    """enc joined to the ciphertext; raises BadEchConfig on a public key that is none."""
    kem = KEMS[kem_id]
    try:
        return _suite(kem, suite).encrypt(plaintext, kem.public(public_key), info=info)
    except ValueError:  # not of that size, or of small order
        raise BadEchConfig(f"the public key of a config is not one of KEM {kem_id:#06x}") from None


def unseal(kem_id: int, suite: tuple[int, int], private_key: PrivateKey, info: bytes, sealed: bytes) -> bytes | None:
    """The plaintext; None if it was not sealed for this key and info."""
    try:
        return _suite(KEMS[kem_id], suite).decrypt(sealed, private_key, info=info)
    except (InvalidTag, ValueError):
        return None


def _suite(kem: Kem, suite: tuple[int, int]) -> Suite:
    return Suite(kem.kem, _KDFS[suite[0]], _AEADS[suite[1]])
