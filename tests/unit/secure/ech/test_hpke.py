"""The numbers of an ECHConfig mean to HPKE what they should: against HPKE written out by hand, from RFC 9180."""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strata.secure.ech import BadEchConfig, hpke

SECRETS = {hpke.X25519: bytes(range(32)), hpke.MLKEM768_X25519: bytes(range(96))}


def extract(suite: bytes, label: bytes, data: bytes, salt: bytes = b"") -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + data, "sha256")


def expand(suite: bytes, key: bytes, label: bytes, info: bytes, size: int) -> bytes:
    data = size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.digest(key, data + b"\1", "sha256")[:size]


def encapsulate(kem_id: int, public: bytes) -> tuple[bytes, bytes]:
    """(shared secret, enc): DHKEM of RFC 9180, 4.1, and X-Wing of draft-connolly-cfrg-xwing-kem, 5.4."""
    ephemeral = X25519PrivateKey.generate()
    own = ephemeral.public_key().public_bytes_raw()
    if kem_id == hpke.X25519:
        suite = b"KEM" + kem_id.to_bytes(2, "big")
        secret = extract(suite, b"eae_prk", ephemeral.exchange(X25519PublicKey.from_public_bytes(public)))
        return expand(suite, secret, b"shared_secret", own + public, 32), own
    first, ciphertext = MLKEM768PublicKey.from_public_bytes(public[:1184]).encapsulate()
    second = ephemeral.exchange(X25519PublicKey.from_public_bytes(public[1184:]))
    secret = hashlib.sha3_256(first + second + own + public[1184:] + rb"\.//^" + b"\\").digest()
    return secret, ciphertext + own


@pytest.mark.parametrize("kem_id", SECRETS)
def test_what_is_sealed_by_hand_under_a_kem_id_is_unsealed(kem_id):
    kem = hpke.KEMS[kem_id]
    shared, enc = encapsulate(kem_id, kem.public_of(SECRETS[kem_id]))
    suite = b"HPKE" + kem_id.to_bytes(2, "big") + b"\0\1\0\2"
    context = b"\0" + extract(suite, b"psk_id_hash", b"") + extract(suite, b"info_hash", b"about this")
    secret = extract(suite, b"secret", b"", salt=shared)
    key = expand(suite, secret, b"key", context, 32)
    nonce = expand(suite, secret, b"base_nonce", context, 12)
    sealed = enc + AESGCM(key).encrypt(nonce, b"the inner hello", b"")
    private = kem.private(SECRETS[kem_id])
    assert hpke.unseal(kem_id, hpke.SUITE, private, b"about this", sealed) == b"the inner hello"
    assert hpke.unseal(kem_id, hpke.SUITE, private, b"about that", sealed) is None
    assert hpke.unseal(kem_id, hpke.SUITE, private, b"about this", sealed[:10]) is None


@pytest.mark.parametrize("kem_id", SECRETS)
@pytest.mark.parametrize("suite", [(1, 1), (1, 2), (1, 3), (2, 1), (3, 3)])
def test_each_suite_seals_and_the_sizes_are_those_stated(kem_id, suite):
    kem = hpke.KEMS[kem_id]
    public = kem.public_of(SECRETS[kem_id])
    assert len(public) == kem.public_bytes
    assert hpke.knows(kem_id, suite)
    sealed = hpke.seal(kem_id, suite, public, b"info", b"x" * 50)
    assert len(sealed) == kem.enc_bytes + 50 + hpke.TAG_BYTES
    assert hpke.unseal(kem_id, suite, kem.private(SECRETS[kem_id]), b"info", sealed) == b"x" * 50


@pytest.mark.parametrize("public", [bytes(32), b"", bytes(31), bytes(33)])
def test_what_is_no_public_key_is_refused(public):
    with pytest.raises(BadEchConfig):
        hpke.seal(hpke.X25519, hpke.SUITE, public, b"", b"x")


@pytest.mark.parametrize("public", [b"\xff" * 1216, bytes(1216), bytes(1215)])
def test_what_is_no_hybrid_key_is_refused(public):
    with pytest.raises(BadEchConfig):
        hpke.seal(hpke.MLKEM768_X25519, hpke.SUITE, public, b"", b"x")


@pytest.mark.parametrize(("kem_id", "suite"), [(0x10, (1, 1)), (0x20, (1, 0xFFFF)), (0x20, (9, 1))])
def test_what_cannot_be_computed_is_known(kem_id, suite):
    assert not hpke.knows(kem_id, suite)
