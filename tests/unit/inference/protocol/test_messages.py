import json
import re
import struct
from contextlib import nullcontext, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.inference.protocol.messages import (
    CODEC,
    MAX_DRAFTS,
    MAX_HEADER,
    MAX_PAYLOAD,
    Chunk,
    CleanedUp,
    CleanUp,
    Failed,
    Open,
    Ping,
    Refused,
    Sampling,
    Scored,
    Step,
    Tokens,
    Want,
    Wanted,
)
from strata.mesh import ProtocolError

encode, decode = CODEC.encode, CODEC.decode
SESSION = "0" * 32
EXAMPLES = [
    Ping(number=3),
    Refused(code="tensor", reason="altered", tensor="model.norm.weight"),
    Want(tensors=(Wanted(name="a", offset=0), Wanted(name="b", offset=1 << 20))),
    Chunk(name="a", offset=5),
    Open(
        session=SESSION, shard="f" * 64, padding=(0, 3), max_context=64, kv_bytes=10, previous=None, following="x",
        sampling=Sampling(temperature=0.7, top_k=40, top_p=0.9, seed=1),
    ),
    Open(
        session=SESSION, shard="f" * 64, padding=(0,), max_context=64, kv_bytes=10, previous=None, following=None,
        sampling=Sampling(), traceparent=f"00-{'a' * 32}-{'b' * 16}-01",
    ),
    CleanUp(idle_seconds=60.0),
    CleanedUp(resident_before=9, resident_after=5, sessions=1, session_bytes=3, standbys=0, standby_bytes=0),
    Step(session=SESSION, number=0, shape=(2, 7, 576), dtype="float32"),
    Step(session=SESSION, number=3, shape=(1, 3), dtype="int64", start=9, drafts=(5, 6)),
    Step(session=SESSION, number=3, shape=(2, 2), dtype="int64", start=9, targets=((5, 6), ())),
    Tokens(session=SESSION, number=0, ids=(1, 2)),
    Scored(session=SESSION, number=1),
    Failed(session=SESSION, peer="p", reason="gone"),
]  # fmt: skip


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: message.type)
def test_a_message_survives_the_wire_with_its_payload_aligned(message) -> None:
    record = memoryview(bytearray(encode(message, 5) + b"12345"))
    decoded, payload, length = decode(record)
    assert (decoded, bytes(payload), length) == (message, b"12345", 5)
    assert (len(record) - len(payload)) % 16 == 0


def test_a_payload_may_go_on_in_later_records() -> None:
    _, piece, length = decode(memoryview(encode(Ping(number=0), 100) + b"begin"))
    assert (bytes(piece), length) == (b"begin", 100)


def _raw(header: bytes, payload_bytes: int = 0, payload: bytes = b"", header_bytes: int | None = None) -> memoryview:
    return memoryview(
        struct.pack("<IQ", len(header) if header_bytes is None else header_bytes, payload_bytes) + header + payload
    )


@pytest.mark.parametrize(
    "record",
    [
        memoryview(b""),
        memoryview(bytes(11)),
        _raw(b"{}", header_bytes=3),
        _raw(b" " * (MAX_HEADER + 1)),
        _raw(b'{"type":"ping","number":1}', payload_bytes=MAX_PAYLOAD + 1),
        _raw(b'{"type":"ping","number":1}', payload_bytes=1, payload=b"two"),
        _raw(b'{"type":"pong"}'),
        _raw(b'{"type":"ping","number":"1"}'),
        _raw(b'{"type":"ping","number":true}'),
        _raw(b'{"type":"ping","number":-1}'),
        _raw(b'{"type":"ping","number":1,"more":1}'),
        _raw(b'{"type":"shutdown"}'),
        _raw(b'{"type":"close","session":"../../etc"}'),
        _raw(b'{"type":"step","session":"' + b"0" * 32 + b'","number":0,"shape":[1,1],"dtype":"object"}'),
        _raw(b'{"type":"step","session":"' + b"0" * 32 + b'","number":0,"shape":[1,1],"dtype":"int64","start":-1}'),
        _raw(b'{"type":"clean_up","idle_seconds":0}'),
        _raw(b'{"type":"clean_up","idle_seconds":1e9}'),
        _raw(b'{"type":"clean_up","idle_seconds":NaN}'),
        _raw(b'{"type":"clean_up"}'),
        _raw(b"[" * 10_000),
    ],
)
def test_what_is_not_a_message_is_refused(record: memoryview) -> None:
    with pytest.raises(ProtocolError):
        decode(record)


@pytest.mark.parametrize(("drafts", "fits"), [([3] * MAX_DRAFTS, True), ([3] * (MAX_DRAFTS + 1), False), ([-1], False)])
def test_drafts_are_bounded(drafts: list[int], fits: bool) -> None:
    step = {"type": "step", "session": SESSION, "number": 0, "shape": [1, 1], "dtype": "int64", "drafts": drafts}
    with nullcontext() if fits else pytest.raises(ProtocolError, match="drafts"):
        decode(_raw(json.dumps(step).encode()))


@given(
    st.one_of(
        st.from_regex(r"\A00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\n?\Z"),
        st.from_regex(r"\A0[01]-[0-9a-fA-F]{31,33}-[0-9a-f]{15,17}-[0-9a-f]{1,3}\Z"),
        st.text(max_size=80),
    )
)
def test_a_traceparent_is_bounded_in_form_and_length(text: str) -> None:
    order = {
        "type": "open", "session": SESSION, "shard": "f" * 64, "padding": [0], "max_context": 8, "kv_bytes": 1,
        "previous": None, "following": None, "sampling": {}, "traceparent": text,
    }  # fmt: skip
    fits = re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", text) is not None
    with nullcontext() if fits else pytest.raises(ProtocolError, match="traceparent"):
        assert decode(_raw(json.dumps(order).encode()))[0].traceparent == text


def test_the_error_does_not_quote_the_peer() -> None:
    with pytest.raises(ProtocolError) as error:
        decode(_raw(b'{"type":"ping","number":"secret words"}'))
    assert "secret" not in str(error.value)


@given(st.binary(max_size=200))
def test_any_bytes_parse_or_raise_the_typed_error(data: bytes) -> None:
    with suppress(ProtocolError):
        decode(memoryview(data))


@given(st.sampled_from(EXAMPLES), st.data())
def test_a_damaged_message_parses_or_raises_the_typed_error(message, data: st.DataObject) -> None:
    record = bytearray(encode(message))
    position = data.draw(st.integers(0, len(record) - 1))
    record[position] ^= 1 << data.draw(st.integers(0, 7))
    with suppress(ProtocolError):
        decode(memoryview(record[: data.draw(st.integers(0, len(record)))]))
