"""Ten thousand bad inputs, and then hypothesis: each ends its channel with a ChannelError and gets no record in."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strata.secure import Channel, ChannelError, Closed, Established, Suite
from strata.secure.channel import Event
from tests.support.channels import collect, connected, deliver, feed, new_pair, sealed

INPUTS = 10_000
RECORDS = [b"", b"a small record", b"a record of several messages " * 5000]


def damage(wire: bytes, random_: random.Random) -> bytes:
    """A changed stream; never the same as before with more behind it, since what came before that is good then."""
    while (changed := change(wire, random_)).startswith(wire):
        pass  # keys are new in every run, so bytes that were put in may happen to be those that were there
    return changed


def change(wire: bytes, random_: random.Random) -> bytes:
    """One way in which an attacker or a broken network could change a stream."""
    position = random_.randrange(len(wire))
    size = random_.randrange(1, 80)
    match random_.randrange(8):
        case 0:
            changed = bytearray(wire)
            changed[position] ^= 1 << random_.randrange(8)
            return bytes(changed)
        case 1:
            return wire[:position]
        case 2:
            return wire[:position] + wire[position + size :]
        case 3:
            return wire[:position] + random_.randbytes(size) + wire[position:]
        case 4:  # repeated
            return wire[:position] + wire[max(0, position - size) : position] + b"\0" + wire[position:]
        case 5:  # two stretches change places
            a, b = sorted((position, random_.randrange(len(wire))))
            return wire[b:] + wire[a:b] + wire[:a] + b"\0"
        case 6:
            return random_.randbytes(random_.randrange(300))
        case _:
            return random_.choice([b"", b"\0", b"\xff"]) * random_.randrange(1, 70_000)


def play(channel: Channel, data: bytes, allowed: list[bytes]) -> None:
    """Feed bad bytes, then the end of the stream: only a prefix of the true records, then a ChannelError."""
    got: list[Event] = []
    with pytest.raises(ChannelError):
        collect(channel, data, got, finally_end=True)
    assert got == allowed[: len(got)]
    with pytest.raises(ChannelError):
        channel.next_event()
    with pytest.raises(ChannelError):
        channel.send(b"answer")


def test_ten_thousand_bad_inputs_end_in_channel_errors():
    random_ = random.Random(20_251)
    for number in range(INPUTS):
        suite = random_.choice(list(Suite))
        match number % 4:
            case 0:
                initiator, responder = new_pair(suite)
                play(responder, damage(initiator.outgoing(), random_), [])
                assert responder.peer is None
            case 1:
                initiator, responder = new_pair(suite)
                feed(responder, initiator.outgoing())
                responder.next_event()
                play(initiator, damage(responder.outgoing(), random_), [])
                assert initiator.peer is None
            case 2:
                initiator, responder = new_pair(suite)
                for writer, reader in ((initiator, responder), (responder, initiator)):
                    feed(reader, writer.outgoing())
                    reader.next_event()
                play(responder, damage(initiator.outgoing(), random_), [])
                assert responder.peer is None
            case _:
                sender, receiver = random_.sample(connected(suite), 2)
                records = random_.choices(RECORDS, k=random_.randrange(1, 4))
                wire = b"".join(sealed(sender, record) for record in records)
                play(receiver, damage(wire, random_), records)


@given(st.binary(max_size=400))
@settings(max_examples=200)
def test_garbage_instead_of_a_handshake(data):
    _, responder = new_pair()
    play(responder, data, [])
    initiator, _ = new_pair()
    play(initiator, data, [])


@given(st.binary(min_size=1, max_size=400), st.integers(0, 2), st.booleans())
@settings(max_examples=200)
def test_garbage_after_the_handshake(data, whole, instead_of_the_rest):
    sender, receiver = connected()
    records = [b"record %d" % number for number in range(3)]
    sealed_records = [sealed(sender, record) for record in records]
    rest = b"" if instead_of_the_rest else b"".join(sealed_records[whole:])
    play(receiver, b"".join(sealed_records[:whole]) + data + rest, records[:whole])


@given(st.data())
@settings(max_examples=200)
def test_any_flipped_bit_after_the_handshake(data):
    sender, receiver = connected()
    records = data.draw(st.lists(st.binary(max_size=50), min_size=1, max_size=4))
    wire = bytearray(b"".join(sealed(sender, record) for record in records))
    wire[data.draw(st.integers(0, len(wire) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    play(receiver, bytes(wire), records)


def test_the_same_harness_lets_good_input_through():
    sender, receiver = connected()
    wire = b"".join(sealed(sender, record) for record in RECORDS) + sender.close()
    assert deliver(receiver, wire) == [*RECORDS, Closed()]
    initiator, responder = new_pair()
    feed(responder, initiator.outgoing())
    assert responder.next_event() is None
    feed(initiator, responder.outgoing())
    assert initiator.next_event() is None
    assert isinstance(deliver(responder, initiator.outgoing())[0], Established)
