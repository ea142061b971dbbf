"""Noise XK against the published vectors and against another implementation."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from noise.connection import Keypair, NoiseConnection

from strata.secure.cipher import MAX_NONCE, CipherState, Suite
from strata.secure.errors import HandshakeFailed, NonceExhausted, ProtocolViolation, Tampered
from strata.secure.noise import HandshakeState

VECTORS = [
    pytest.param(vector, id=f"{path.stem}-{vector['protocol_name']}")
    for path in sorted(Path(__file__).with_name("vectors").glob("*.json"))
    for vector in json.loads(path.read_text())["vectors"]
]
SUITES = {suite.noise_name.decode(): suite for suite in Suite}
# X25519 points of small order (RFC 7748 section 6.1; https://cr.yp.to/ecdh.html): every exchange gives zero.
SMALL_ORDER = [
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
]


def private(data: bytes) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(data)


def public(data: bytes) -> bytes:
    return private(data).public_key().public_bytes_raw()


def test_the_files_hold_every_suite_twice():
    assert sorted(param.values[0]["protocol_name"] for param in VECTORS) == sorted([*SUITES, *SUITES])


@pytest.mark.parametrize("vector", VECTORS)
def test_published_vector(vector):
    def field(name: str) -> bytes:
        return bytes.fromhex(vector[name])

    suite = SUITES[vector["protocol_name"]]
    initiator = HandshakeState(
        suite,
        private(field("init_static")),
        remote_static=field("init_remote_static"),
        prologue=field("init_prologue"),
        ephemeral=private(field("init_ephemeral")),
    )
    responder = HandshakeState(
        suite,
        private(field("resp_static")),
        prologue=field("resp_prologue"),
        ephemeral=private(field("resp_ephemeral")),
    )
    messages = [(bytes.fromhex(m["payload"]), bytes.fromhex(m["ciphertext"])) for m in vector["messages"]]
    writer, reader = initiator, responder
    for payload, ciphertext in messages[:3]:
        assert writer.write_message(payload) == ciphertext
        assert reader.read_message(ciphertext) == payload
        writer, reader = reader, writer
    assert initiator.finished
    assert responder.finished
    assert initiator.hash == responder.hash
    if "handshake_hash" in vector:
        assert initiator.hash == field("handshake_hash")
    assert responder.remote_static == public(field("init_static"))
    assert initiator.split() == responder.split()
    forth, back = initiator.split()
    ciphers = [CipherState(suite, back), CipherState(suite, forth)]
    openers = [CipherState(suite, back), CipherState(suite, forth)]
    for number, (payload, ciphertext) in enumerate(messages[3:]):
        out = bytearray(len(ciphertext))
        ciphers[number % 2].encrypt_into(payload, out)
        assert out == ciphertext
        opened = bytearray(len(payload))
        openers[number % 2].decrypt_into(out, opened)
        assert opened == payload


def peer(name: str, prologue: bytes, static: bytes, ephemeral: bytes, remote: bytes | None) -> NoiseConnection:
    connection = NoiseConnection.from_name(name.encode())
    connection.set_prologue(prologue)
    connection.set_keypair_from_private_bytes(Keypair.STATIC, static)
    connection.set_keypair_from_private_bytes(Keypair.EPHEMERAL, ephemeral)
    if remote is None:
        connection.set_as_responder()
    else:
        connection.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, remote)
        connection.set_as_initiator()
    connection.start_handshake()
    return connection


keys = st.binary(min_size=32, max_size=32)
payloads = st.binary(max_size=200)


@given(
    name=st.sampled_from(sorted(SUITES)),
    statics=st.tuples(keys, keys),
    ephemerals=st.tuples(keys, keys),
    prologue=payloads,
    handshake=st.tuples(payloads, payloads, payloads),
    transport=st.lists(st.tuples(st.booleans(), payloads), max_size=6),
    rekey_at=st.integers(0, 6),
)
@settings(max_examples=60)
@pytest.mark.filterwarnings("ignore:One of ephemeral keypairs")
def test_agrees_with_noiseprotocol(name, statics, ephemerals, prologue, handshake, transport, rekey_at):
    suite = SUITES[name]
    remote = public(statics[1])
    ours = [
        HandshakeState(
            suite, private(statics[0]), remote_static=remote, prologue=prologue, ephemeral=private(ephemerals[0])
        ),
        HandshakeState(suite, private(statics[1]), prologue=prologue, ephemeral=private(ephemerals[1])),
    ]
    theirs = [
        peer(name, prologue, statics[0], ephemerals[0], remote),
        peer(name, prologue, statics[1], ephemerals[1], None),
    ]
    for turn, payload in enumerate(handshake):
        message = ours[turn % 2].write_message(payload)
        assert theirs[turn % 2].write_message(payload) == message
        assert ours[1 - turn % 2].read_message(message) == payload
        assert theirs[1 - turn % 2].read_message(message) == payload
    assert theirs[0].get_handshake_hash() == ours[0].hash == ours[1].hash
    senders = [CipherState(suite, key) for key in ours[0].split()]
    readers = [CipherState(suite, key) for key in ours[0].split()]
    for number, (back, payload) in enumerate(transport):
        if number == rekey_at:
            for side in (0, 1):
                senders[side].rekey()
                readers[side].rekey()
                theirs[side].rekey_outbound_cipher()
                theirs[side].rekey_inbound_cipher()
        sealed = theirs[back].encrypt(payload)
        assert senders[back].encrypt(payload) == sealed
        assert readers[back].decrypt(sealed) == payload
        assert theirs[1 - back].decrypt(sealed) == payload


@pytest.mark.parametrize("point", SMALL_ORDER, ids=lambda point: point[:4].hex())
def test_small_order_keys_are_refused(point):
    static = X25519PrivateKey.generate()
    with pytest.raises(HandshakeFailed, match="small order"):
        HandshakeState(Suite.AESGCM_SHA256, static, remote_static=point).write_message()
    responder = HandshakeState(Suite.AESGCM_SHA256, static)
    with pytest.raises(HandshakeFailed, match="small order"):
        responder.read_message(point + bytes(16))


def test_messages_out_of_turn_are_refused():
    static = X25519PrivateKey.generate()
    responder = HandshakeState(Suite.AESGCM_SHA256, static)
    initiator = HandshakeState(Suite.AESGCM_SHA256, static, remote_static=static.public_key().public_bytes_raw())
    with pytest.raises(ProtocolViolation):
        responder.write_message()
    with pytest.raises(ProtocolViolation):
        initiator.read_message(bytes(48))
    with pytest.raises(ProtocolViolation):
        initiator.split()
    with pytest.raises(ProtocolViolation):
        initiator.write_message(bytes(65536 - 48))


@pytest.mark.parametrize("suite", Suite)
def test_the_last_nonce_encrypts_nothing(suite):
    sender, reader = CipherState(suite, bytes(32)), CipherState(suite, bytes(32))
    for cipher in (sender, reader):
        cipher.set_nonce(MAX_NONCE - 1)
    assert reader.decrypt(sender.encrypt(b"the last one")) == b"the last one"
    for attempt in (
        lambda: sender.encrypt(b"one more"),
        lambda: sender.encrypt_into(b"one more", bytearray(24)),
        lambda: reader.decrypt(bytes(24)),
        lambda: reader.decrypt_into(bytes(24), bytearray(8)),
    ):
        with pytest.raises(NonceExhausted):
            attempt()


@pytest.mark.parametrize("suite", Suite)
def test_both_sides_rekey_at_the_same_message(suite):
    sender, reader, stuck = (CipherState(suite, bytes(32), interval) for interval in (3, 3, None))
    out, opened = bytearray(20), bytearray(4)
    for number in range(10):
        sender.encrypt_into(b"%4d" % number, out)
        reader.decrypt_into(out, opened)
        assert opened == b"%4d" % number
        if number < 3:
            stuck.decrypt_into(out, opened)
    stuck.set_nonce(9)
    with pytest.raises(Tampered):  # the first key opens nothing after the third message
        stuck.decrypt_into(out, opened)


@pytest.mark.parametrize("suite", Suite)
def test_rekey_applies_before_the_nonce_limit(suite):
    sender, reader = CipherState(suite, bytes(32), 1 << 16), CipherState(suite, bytes(32), 1 << 16)
    for cipher in (sender, reader):
        cipher.set_nonce(MAX_NONCE - 1)
    assert reader.decrypt(sender.encrypt(b"x")) == b"x"
    with pytest.raises(NonceExhausted):
        sender.encrypt(b"x")
