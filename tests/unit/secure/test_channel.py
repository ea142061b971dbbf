"""The channel: what arrives, who is let in, and how everything bad ends."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from strata.secure import (
    MAX_RECORD,
    Channel,
    ChannelClosed,
    ChannelError,
    Closed,
    Established,
    HandshakeFailed,
    Identity,
    Membership,
    NonceExhausted,
    NotAMember,
    ProtocolViolation,
    RecordTooLarge,
    ReplayCache,
    ReplayedHandshake,
    Suite,
    Tampered,
    Truncated,
    cipher,
    preferred_suite,
)
from strata.secure.cipher import MAX_NONCE, CipherState
from strata.secure.handshake import prologue
from strata.secure.records import PIECE_BYTES, RecordReader, RecordWriter
from tests.support.channels import ALICE, BOB, MESH, OUTSIDER, connected, deliver, end, feed, flights, new_pair, sealed


@pytest.mark.parametrize("suite", Suite)
def test_each_suite_connects_both_ways(suite):
    initiator, responder = connected(suite)
    assert initiator.peer.name == "bob"
    assert responder.peer.name == "alice"
    assert deliver(responder, sealed(initiator, b"ping")) == [b"ping"]
    assert deliver(initiator, sealed(responder, b"pong")) == [b"pong"]


def test_established_names_the_member():
    initiator, responder = new_pair()
    feed(responder, initiator.outgoing())
    assert responder.next_event() is None
    assert responder.peer is None
    feed(initiator, responder.outgoing())
    assert initiator.next_event() is None
    assert initiator.peer is None  # the responder has not agreed yet
    feed(responder, initiator.outgoing())
    assert responder.next_event() == Established(MESH.member(ALICE.peer_id))
    feed(initiator, responder.outgoing())
    assert initiator.next_event() == Established(MESH.member(BOB.peer_id))


@given(
    buffers=st.lists(
        st.one_of(
            st.binary(max_size=300),
            st.sampled_from([0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES, 300_000]).map(
                lambda size: (b"0123456789abcdef" * (size // 16 + 1))[:size]
            ),
        ),
        max_size=5,
    ),
    step=st.sampled_from([1009, 65_535, 65_536, 200_000]),
)
@settings(max_examples=60)
def test_a_record_is_its_joined_buffers(buffers, step):
    initiator, responder = connected()
    wire = sealed(initiator, *buffers) + sealed(initiator, b"next")
    assert deliver(responder, wire, step) == [b"".join(buffers), b"next"]


@given(st.lists(st.binary(max_size=60), max_size=6), st.data())
@settings(max_examples=60)
def test_any_division_of_the_stream_gives_the_same_records(records, data):
    initiator, responder = connected()
    wire = b"".join(sealed(initiator, record) for record in records) + initiator.close()
    events = []
    while wire:
        cut = data.draw(st.integers(1, len(wire)))
        events += deliver(responder, wire[:cut])
        wire = wire[cut:]
        if Closed() in events:
            break
    assert [event for event in events if event != Closed()] == records
    assert Closed() in events


def test_the_largest_record_passes_and_one_byte_more_does_not():
    initiator, responder = connected()
    largest = bytes(MAX_RECORD)
    with pytest.raises(RecordTooLarge):
        initiator.send(largest, b"x")
    assert deliver(responder, sealed(initiator, largest)) == [largest]  # the refusal harmed nothing


def test_buffers_of_any_kind_and_shape_can_be_sent():
    initiator, responder = connected()
    grid = memoryview(bytes(range(12))).cast("B", (3, 4))
    numbers = memoryview(b"\x01\x00\x02\x00").cast("H")
    wire = sealed(initiator, grid, bytearray(b"ab"), numbers, memoryview(b""))
    assert deliver(responder, wire) == [bytes(range(12)) + b"ab\x01\x00\x02\x00"]


def test_a_received_record_belongs_to_the_caller():
    initiator, responder = connected()
    (first,) = deliver(responder, sealed(initiator, b"first"))
    deliver(responder, sealed(initiator, b"other"))
    assert first == b"first"
    first[0] = 0


def test_nothing_of_a_record_shows_on_the_wire():
    initiator, _ = connected()
    text = b"attack at dawn, " * 10_000
    wire = sealed(initiator, text)
    assert b"attack at dawn" not in wire
    assert len(wire) == 21 + len(text) + 16 * 3
    assert len(text).to_bytes(4, "big") not in wire[:21]


def test_a_clean_close_is_told_from_a_cut():
    initiator, responder = connected()
    feed(responder, sealed(initiator, b"last") + initiator.close())
    end(responder)
    assert responder.next_event() == b"last"
    assert responder.next_event() == Closed()
    assert responder.next_event() == Closed()


@pytest.mark.parametrize("kept", [1, 20, 21, 22, 30, 46])
def test_a_stream_that_ends_within_a_record_is_truncated(kept):
    initiator, responder = connected()
    feed(responder, sealed(initiator, b"cut in two")[:kept])
    end(responder)
    with pytest.raises(Truncated):
        responder.next_event()


def test_a_stream_that_ends_between_records_is_truncated():
    initiator, responder = connected()
    feed(responder, sealed(initiator, b"whole"))
    end(responder)
    assert responder.next_event() == b"whole"
    with pytest.raises(Truncated):
        responder.next_event()


def test_after_an_error_there_is_only_that_error():
    initiator, responder = connected()
    wire = bytearray(sealed(initiator, b"data"))
    wire[-1] ^= 1
    feed(responder, bytes(wire))
    for _ in range(3):
        with pytest.raises(Tampered):
            responder.next_event()
    with pytest.raises(ChannelClosed):
        responder.send(b"answer")
    assert responder.close() == b""


def test_nothing_is_sent_after_the_close_or_before_the_handshake():
    initiator, responder = new_pair()
    for channel in (initiator, responder):
        with pytest.raises(ChannelClosed):
            channel.send(b"early")
        assert channel.close() == b""
    flights(initiator, responder)
    assert initiator.close()
    with pytest.raises(ChannelClosed):
        initiator.send(b"late")
    assert initiator.close() == b""


def test_a_record_sent_by_halves_ends_the_sending():
    initiator, _ = connected()
    for _ in initiator.send(bytes(MAX_RECORD)):
        break
    with pytest.raises(ChannelClosed):
        initiator.send(b"more")


@pytest.mark.parametrize("swap", [(0, 1), (1, 2)])
def test_reordered_messages_are_refused(swap):
    initiator, responder = connected()
    messages = [sealed(initiator, b"message %d" % number) for number in range(3)]
    one, other = swap
    messages[one], messages[other] = messages[other], messages[one]
    with pytest.raises(Tampered):
        deliver(responder, b"".join(messages))


def test_a_repeated_or_reflected_message_is_refused():
    initiator, responder = connected()
    wire = sealed(initiator, b"pay me")
    assert deliver(responder, wire) == [b"pay me"]
    with pytest.raises(Tampered):
        deliver(responder, wire)
    with pytest.raises(Tampered):
        deliver(initiator, wire)


def test_records_of_another_channel_of_the_same_peers_are_refused():
    (one, _), (_, other) = connected(), connected()
    with pytest.raises(Tampered):
        deliver(other, sealed(one, b"data"))


def header(kind: int, length: int) -> bytes:
    out = bytearray(21)
    CipherState(Suite.AESGCM_SHA256, bytes(32)).encrypt_into(kind.to_bytes(1, "big") + length.to_bytes(4, "big"), out)
    return bytes(out)


@pytest.mark.parametrize(
    ("kind", "length", "error"),
    [
        (0, MAX_RECORD + 1, RecordTooLarge),
        (0, 2**32 - 1, RecordTooLarge),
        (1, 1, ProtocolViolation),
        (2, 1, ProtocolViolation),
        (3, 0, ProtocolViolation),
        (255, 5, ProtocolViolation),
    ],
)
def test_an_authentic_but_wrong_header_is_refused_before_memory_is_taken(kind, length, error):
    reader = RecordReader(CipherState(Suite.AESGCM_SHA256, bytes(32)))
    with pytest.raises(error):
        reader.read(memoryview(header(kind, length)), 0, 21)


@pytest.mark.parametrize("kind", [1, 2])
def test_control_records_where_none_is_allowed(kind):
    initiator, responder = connected()
    (wire,) = initiator._writer.write(kind, ())
    if kind == 1:
        assert deliver(responder, bytes(wire))[0] == Closed()
    else:
        with pytest.raises(ProtocolViolation):
            deliver(responder, bytes(wire))


def test_data_before_the_welcome_is_refused():
    initiator, responder = new_pair()
    for writer, reader in ((initiator, responder), (responder, initiator), (initiator, responder)):
        feed(reader, writer.outgoing())
        reader.next_event()
    # A responder that sends data first: its welcome is left out, so the nonce is right and the kind is wrong.
    responder._writer._cipher.set_nonce(0)
    with pytest.raises(ProtocolViolation):
        deliver(initiator, sealed(responder, b"too early"))


def test_a_channel_whose_nonces_are_used_up_ends():
    initiator, responder = connected()
    for state in (initiator._writer._cipher, responder._reader._cipher):
        state.set_nonce(MAX_NONCE - 3)
    assert deliver(responder, sealed(initiator, b"one")) == [b"one"]
    with pytest.raises(NonceExhausted):
        initiator.send(b"two")
    with pytest.raises(ChannelClosed):
        initiator.send(b"three")


def test_records_go_on_across_rekeying():
    key = bytes(32)
    writer = RecordWriter(CipherState(Suite.CHACHAPOLY_BLAKE2S, key, rekey_interval=5))
    reader = RecordReader(CipherState(Suite.CHACHAPOLY_BLAKE2S, key, rekey_interval=5))
    stuck = RecordReader(CipherState(Suite.CHACHAPOLY_BLAKE2S, key))
    for number in range(20):
        wire = memoryview(b"".join(writer.write(0, (b"record %d" % number,))))
        assert reader.read(wire, 0, len(wire))[1] == b"record %d" % number
        if number < 2:
            stuck.read(wire, 0, len(wire))
        elif number == 2:  # its body is the sixth message
            with pytest.raises(Tampered):
                stuck.read(wire, 0, len(wire))


@pytest.mark.parametrize(
    ("cpuinfo", "aes"),
    [("flags\t\t: fpu aes avx\n", True), ("Features\t: fp asimd aes\n", True), ("flags\t: fpu vaes\n", False)],
)
def test_the_suite_follows_the_processor(monkeypatch, cpuinfo, aes):
    monkeypatch.setattr(Path, "read_text", lambda path, **options: cpuinfo)
    assert preferred_suite.__wrapped__().aes == aes


def test_without_cpuinfo_the_suite_is_measured(monkeypatch):
    def missing(path, **options):
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    monkeypatch.setattr(cipher, "_seconds", lambda candidate: 1 if isinstance(candidate, AESGCM) else 2)
    assert preferred_suite.__wrapped__() is Suite.AESGCM_SHA256
    monkeypatch.setattr(cipher, "_seconds", lambda candidate: 2 if isinstance(candidate, AESGCM) else 1)
    assert preferred_suite.__wrapped__() is Suite.CHACHAPOLY_SHA256


# Who is let in


def test_an_outsider_is_refused_and_learns_nothing():
    theirs = MESH.with_member(OUTSIDER.card, "outsider")  # what the outsider would like the mesh to be
    initiator = Channel.initiator(OUTSIDER, theirs, BOB.peer_id)
    responder = Channel.responder(BOB, lambda: MESH, ReplayCache())
    feed(responder, initiator.outgoing())
    assert responder.next_event() is None
    feed(initiator, responder.outgoing())
    assert initiator.next_event() is None
    feed(responder, initiator.outgoing())
    with pytest.raises(NotAMember):
        responder.next_event()
    assert responder.outgoing() == b""
    with pytest.raises(ChannelClosed):
        responder.send(b"secret")
    assert responder.peer is None


def test_a_peer_revoked_during_the_handshake_is_refused():
    current = [MESH]
    initiator = Channel.initiator(ALICE, MESH, BOB.peer_id)
    responder = Channel.responder(BOB, lambda: current[0], ReplayCache())
    feed(responder, initiator.outgoing())
    assert responder.next_event() is None
    feed(initiator, responder.outgoing())
    assert initiator.next_event() is None
    current[0] = MESH.without(ALICE.peer_id)
    feed(responder, initiator.outgoing())
    with pytest.raises(NotAMember):
        responder.next_event()


def test_a_stranger_is_not_dialled():
    with pytest.raises(NotAMember):
        Channel.initiator(ALICE, MESH, OUTSIDER.peer_id)


def test_an_impostor_cannot_answer():
    initiator = Channel.initiator(ALICE, MESH, BOB.peer_id)
    impostor = Channel.responder(OUTSIDER, lambda: MESH, ReplayCache())
    feed(impostor, initiator.outgoing())
    with pytest.raises(HandshakeFailed):
        impostor.next_event()
    assert impostor.outgoing() == b""
    end(initiator)
    with pytest.raises(HandshakeFailed, match="hung up"):
        initiator.next_event()


@pytest.mark.parametrize(
    "theirs",
    [
        Membership("ab" * 16, MESH.owner_peer_id, 1, MESH.members),
        Membership(MESH.mesh_id, OUTSIDER.peer_id, 1, MESH.members),
    ],
    ids=["another mesh id", "another owner"],
)
def test_the_same_peers_in_another_mesh_do_not_connect(theirs):
    initiator = Channel.initiator(ALICE, theirs, BOB.peer_id)
    responder = Channel.responder(BOB, lambda: MESH, ReplayCache())
    feed(responder, initiator.outgoing())
    with pytest.raises(HandshakeFailed):
        responder.next_event()


def test_versions_of_one_mesh_connect():
    newer = MESH.with_member(Identity.generate().card, "carol")
    initiator = Channel.initiator(ALICE, newer, BOB.peer_id)
    flights(initiator, Channel.responder(BOB, lambda: MESH, ReplayCache()))
    assert initiator.peer.name == "bob"


@pytest.mark.parametrize(("mine", "theirs"), [(b"outer hello", b""), (b"", b"outer hello"), (b"one", b"other")])
def test_both_sides_must_have_seen_the_same_outer_layer(mine, theirs):
    initiator = Channel.initiator(ALICE, MESH, BOB.peer_id, extra=mine)
    responder = Channel.responder(BOB, lambda: MESH, ReplayCache(), extra=theirs)
    feed(responder, initiator.outgoing())
    with pytest.raises(HandshakeFailed):
        responder.next_event()


def test_the_prologue_binds_every_part_and_where_it_ends():
    other_mesh = Membership("ab" * 16, MESH.owner_peer_id, 1)
    other_owner = Membership(MESH.mesh_id, OUTSIDER.peer_id, 1)
    prologues = {
        prologue(b"hello", MESH, b"extra"),
        prologue(b"hallo", MESH, b"extra"),
        prologue(b"hello", other_mesh, b"extra"),
        prologue(b"hello", other_owner, b"extra"),
        prologue(b"hello", MESH, b""),
        prologue(b"", MESH, b"helloextra"),
    }
    assert len(prologues) == 6
    newer = MESH.with_member(OUTSIDER.card, "carol")
    assert prologue(b"hello", newer, b"extra") in prologues


@pytest.mark.parametrize("position", range(8))
def test_the_hello_is_authenticated(position):
    initiator, responder = new_pair(Suite.AESGCM_SHA256)
    first = bytearray(initiator.outgoing())
    first[position] ^= 2  # turns suite 1 into suite 3, which exists
    feed(responder, bytes(first))
    with pytest.raises(HandshakeFailed):
        responder.next_event()


def test_a_replayed_first_message_is_refused():
    replays = ReplayCache()
    initiator, responder = new_pair(replays=replays)
    first = flights(initiator, responder)[0]
    again = Channel.responder(BOB, lambda: MESH, replays)
    feed(again, first)
    with pytest.raises(ReplayedHandshake):
        again.next_event()
    assert again.outgoing() == b""


def test_every_error_is_a_channel_error():
    for error in (
        ChannelClosed, HandshakeFailed, NonceExhausted, NotAMember, ProtocolViolation, RecordTooLarge,
        ReplayedHandshake, Tampered, Truncated,
    ):  # fmt: skip
        assert issubclass(error, ChannelError)
