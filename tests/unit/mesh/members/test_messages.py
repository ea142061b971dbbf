"""What is a message and what is not."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.mesh.members.messages import (
    MAX_INCARNATION,
    MAX_SEALED,
    MAX_UPDATES,
    BadMessage,
    Kind,
    Message,
    State,
    Update,
    decode,
    encode,
)

U64 = st.integers(0, 2**64 - 1)


def texts(least, most):
    return st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=least, max_size=most)


@st.composite
def updates(draw):
    state = draw(st.sampled_from(State))
    accuser = draw(texts(1, 64)) if state in (State.SUSPECT, State.DEAD) else ""
    incarnation, peer = draw(st.integers(0, MAX_INCARNATION)), draw(texts(1, 64))
    return Update(state, incarnation, peer, accuser, draw(texts(0, 255)), draw(st.booleans()))


@st.composite
def messages(draw):
    kind = draw(st.sampled_from(Kind))
    if kind is Kind.SEALED:
        return Message(kind, draw(U64), sealed=draw(st.binary(max_size=99)))
    number = draw(st.integers(0, 2**32 - 1)) if kind in (1, 2, 3, 4) else 0
    target = draw(texts(1, 64)) if kind is Kind.PING_REQUEST else ""
    return Message(kind, draw(U64), number, target, tuple(draw(st.lists(updates(), max_size=4))))


@given(messages())
def test_what_was_written_is_read(message):
    assert decode(encode(message)) == message


@given(st.one_of(st.binary(max_size=200), messages().map(encode)), st.data())
def test_whatever_is_read_would_be_written_so(data, draw):
    if data and draw.draw(st.booleans()):
        at = draw.draw(st.integers(0, len(data) - 1))
        data = data[:at] + bytes((draw.draw(st.integers(0, 255)),)) + data[at + 1 :]
    try:
        message = decode(data)
    except BadMessage:
        return
    assert encode(message) == data


@given(messages().filter(lambda message: message.kind is not Kind.SEALED), st.data())
def test_a_part_is_refused_and_so_is_more(message, draw):
    data = encode(message)
    with pytest.raises(BadMessage):
        decode(data[: draw.draw(st.integers(0, len(data) - 1))])
    with pytest.raises(BadMessage):
        decode(data + b"\0")


def test_the_form_is_as_written_down():
    update = Update(State.SUSPECT, 5, "bob", "eve", "h:1")
    assert encode(Message(Kind.PING, 2, 3, updates=(update,))).hex() == (
        "01" "0000000000000002" "00000003" "0001" "01" "0000000000000005" "03626f62" "03657665" "03683a31"
    )  # fmt: skip
    mobile = Update(State.ALIVE, 5, "bob", mobile=True)
    assert encode(Message(Kind.GOSSIP, 2, updates=(mobile,))).hex() == (
        "05" "0000000000000002" "00000000" "0001" "80" "0000000000000005" "03626f62" "00" "00"
    )  # fmt: skip


HEAD = struct.pack("!BQI", Kind.GOSSIP, 0, 0)
ONE = struct.pack("!HBQ", 1, 0, 0)
BAD = {
    "unknown kind": struct.pack("!BQIH", 10, 0, 0, 0),
    "number where there is none": struct.pack("!BQIH", Kind.GOSSIP, 0, 1, 0),
    "too many updates": HEAD + struct.pack("!H", MAX_UPDATES + 1),
    "no peer": HEAD + ONE + b"\0\0\0",
    "long peer": HEAD + ONE + b"\x41" + b"a" * 65 + b"\0\0",
    "not ASCII": HEAD + ONE + b"\x02\xc3\xa9\0\0",
    "not printable": HEAD + ONE + b"\x01\n\0\0",
    "unknown state": HEAD + struct.pack("!HBQ", 1, 4, 0) + b"\1a\0\0",
    "incarnation too high": HEAD + struct.pack("!HBQ", 1, 0, MAX_INCARNATION + 1) + b"\1a\0\0",
    "suspect without accuser": HEAD + struct.pack("!HBQ", 1, 1, 0) + b"\1a\0\0",
    "alive with accuser": HEAD + ONE + b"\1a\1b\0",
    "large membership": struct.pack("!BQI", Kind.SEALED, 0, 0) + b"x" * (MAX_SEALED + 1),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_what_breaks_a_rule_is_refused(data):
    with pytest.raises(BadMessage):
        decode(data)
