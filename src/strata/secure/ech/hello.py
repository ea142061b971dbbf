"""The bytes of the ECH-style hello: what is sent first on every connection.

    hello  = header | sealed | outer message
    header = version u16 (0xfe0d), config_id u8, kem_id u16, kdf_id u16, aead_id u16
    sealed = HPKE's enc, then the inner hello encrypted; info = label | ECHConfig | header
    inner  = made u64, target (32 bytes), nonce (16), relayed (32), inner message (64), zeros up to 192 bytes

Both messages are first messages of the channel (see `strata.secure.handshake`): the inner one for the target, the outer
one for the listener itself, should it be unable to open the hello. Every size follows from the KEM: all hellos under
one config are equally long, and so are those of GREASE. `made` is in seconds since 1970, `target` the raw Ed25519 key
that is the target's peer id; `relayed` is zero but in a hello in which a front passes another one on: there it is that
one's binding.
"""

import hashlib
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from strata.secure.ech import hpke
from strata.secure.ech.configs import VERSION, Config, EchConfig
from strata.secure.ech.keys import EchKey, EchKeys
from strata.secure.errors import HandshakeFailed
from strata.secure.handshake import FIRST_BYTES
from strata.secure.identity import peer_id_of
from strata.secure.replay import ReplayCache

HEADER = struct.Struct(">HBHHH")
INNER_BYTES = 192

_FIELDS = struct.Struct(f">Q32s16s32s{FIRST_BYTES}s")
_LABEL = b"strata ech hello v1\0"
_OUTER_LABEL = b"strata ech outer v1\0"
DIRECT = bytes(32)  # `relayed` of a hello that no front has passed on


@dataclass(frozen=True)
class Inner:
    """What is hidden. Fields as in the module's description."""

    made: int
    target: bytes
    message: bytes
    relayed: bytes = DIRECT


@dataclass(frozen=True)
class Opened:
    """A hello that could be opened. binding: what both ends of the channel must have in their prologue."""

    target: bytes
    message: bytes
    binding: bytes

    @property
    def peer_id(self) -> str:
        """The target's peer id."""
        return peer_id_of(self.target)


def choose(configs: Sequence[Config]) -> EchConfig | None:
    """The first config that may be used and can be; None if there is none, as RFC 9849 section 6.1.1 has it."""
    for config in configs:
        if isinstance(config, EchConfig) and config.unusable is None and suite_of(config) is not None:
            return config
    return None


def suite_of(config: EchConfig) -> tuple[int, int] | None:
    """The first of a config's suites that can be computed here."""
    kem = hpke.KEMS.get(config.kem_id)
    if kem is None or len(config.public_key) != kem.public_bytes:
        return None
    return next((suite for suite in config.suites if hpke.knows(config.kem_id, suite)), None)


def header_for(config: EchConfig) -> bytes:
    """The header of a hello under a config that `choose` gave."""
    suite = suite_of(config)
    assert suite is not None
    return HEADER.pack(VERSION, config.config_id, config.kem_id, *suite)


def binding(config: EchConfig, header: bytes) -> bytes:
    """What ties an inner message to its hello: a digest of label, ECHConfig and header, which a front can pass on."""
    return hashlib.sha256(_LABEL + config.encode() + header).digest()


def outer_extra(header: bytes, sealed: bytes) -> bytes:
    """What ties an outer message to what was sealed beside it: a changed hello must not pass for a stale one."""
    return _OUTER_LABEL + hashlib.sha256(header + sealed).digest()


def seal(config: EchConfig, header: bytes, inner: Inner) -> bytes:
    """Seal an inner hello; raises BadEchConfig when the config's key is none."""
    fields = _FIELDS.pack(inner.made, inner.target, os.urandom(16), inner.relayed, inner.message)
    suite = HEADER.unpack(header)[3:]
    return hpke.seal(config.kem_id, suite, config.public_key, _LABEL + config.encode() + header, _padded(fields))


def grease(made: float, kem_id: int = hpke.MLKEM768_X25519) -> tuple[bytes, bytes]:
    """Header and sealed part that nobody can open, where no config is known: sealed for a key thrown away.

    Random bytes would not do: half of them are no X25519 keys that anybody would send.
    """
    config = EchKey.generate(made, kem_id).config
    header = header_for(config)
    return header, seal(config, header, Inner(0, bytes(32), bytes(FIRST_BYTES)))


def rest_bytes(header: bytes) -> int:
    """How many bytes follow a header; raises HandshakeFailed when it is not one of this protocol."""
    version, _, kem_id, *suite = HEADER.unpack(header)
    if version != VERSION or not hpke.knows(kem_id, (suite[0], suite[1])):
        raise HandshakeFailed("not an ECH-style hello of this protocol: something else, or one stripped of it")
    return hpke.KEMS[kem_id].enc_bytes + INNER_BYTES + hpke.TAG_BYTES + FIRST_BYTES


def unseal(keys: EchKeys, replays: ReplayCache, header: bytes, sealed: bytes) -> Opened | None:
    """Open what was sealed; None if that was not for these keys.

    Raises ReplayedHandshake, and HandshakeFailed when whoever sealed it did not keep to the format.
    """
    _, config_id, kem_id, kdf_id, aead_id = HEADER.unpack(header)
    if (key := keys.opening(config_id, kem_id)) is None:
        return None
    info = _LABEL + key.config.encode() + header
    plain = hpke.unseal(kem_id, (kdf_id, aead_id), key.private, info, sealed)
    if plain is None:
        return None
    made, target, nonce, relayed, message = _FIELDS.unpack(plain[: _FIELDS.size])
    if plain != _padded(plain[: _FIELDS.size]):
        raise HandshakeFailed("a hello is padded with something else than zeros")
    replays.check(nonce, made)
    return Opened(target, message, binding(key.config, header) if relayed == DIRECT else relayed)


def _padded(fields: bytes) -> bytes:
    return fields.ljust(INNER_BYTES, b"\0")
