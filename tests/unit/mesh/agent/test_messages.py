"""The agent's messages: what survives the wire, and what is refused."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.mesh.agent.messages import (
    CODEC,
    MAX_NEIGHBOURS,
    MAX_PAYLOAD,
    MAX_PINGS,
    MAX_SAMPLE,
    MAX_TARGETS,
    Dial,
    Echoes,
    Expiring,
    GetStatus,
    Held,
    Keep,
    Neighbour,
    Ping,
    Probe,
    Probed,
    Refused,
    Status,
    Tell,
)
from strata.mesh.messaging import ProtocolError
from strata.mesh.network import Device

PEER = "12D3KooW" + "x" * 44
STATUS = Status(
    version="1",
    membership=3,
    device=Device.MOBILE,
    most_links=5,
    neighbours=(
        Neighbour(peer=PEER, seconds=1.5, rtt_seconds=0.1),
        Neighbour(peer=PEER, seconds=1.5, rtt_seconds=None),
    ),
    told=(PEER,),
    expiring=(Expiring(what="key", at=1e9),),
    incarnation=2,
    held=(Held(peer=PEER, state="suspect", seconds=0.5),),
)
EXAMPLES = [
    Ping(number=1),
    Keep(silence_seconds=20),
    Tell(),
    GetStatus(),
    STATUS,
    Dial(peer=PEER),
    Probe(peers=(PEER,), pings=3, sample_bytes=0),
    Probed(results=(Echoes(peer=PEER, rtts=(0.1, None), sample_seconds=0.5), Echoes(peer=PEER, reason="gone"))),
    Refused(code="full", reason="no room"),
]


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda each: each.type)
def test_a_message_survives_the_wire(message):
    decoded, payload, length = CODEC.decode(memoryview(CODEC.encode(message, 3) + b"abc"))
    assert (decoded, bytes(payload), length) == (message, b"abc", 3)


def test_the_status_of_the_largest_mesh_fits():
    everybody = tuple(
        Neighbour(peer="y" * 128, seconds=12345.12345678901, rtt_seconds=0.123456789012345)
        for _ in range(MAX_NEIGHBOURS)
    )
    held = (Held(peer="y" * 128, state="suspect", seconds=123456789.012345),) * MAX_NEIGHBOURS
    told = ("y" * 128,) * MAX_NEIGHBOURS
    largest = STATUS.model_copy(update={"neighbours": everybody, "told": told, "held": held})
    assert CODEC.decode(memoryview(CODEC.encode(largest)))[0] == largest


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"shutdown"}',
        '{"type":"ping","number":-1}',
        '{"type":"ping","number":1.5}',
        '{"type":"keep","more":1}',
        '{"type":"dial","peer":""}',
        '{"type":"dial","peer":"' + "y" * 129 + '"}',
        '{"type":"probe","peers":[],"pings":1,"sample_bytes":0}',
        '{"type":"probe","peers":["y"],"pings":' + str(MAX_PINGS + 1) + ',"sample_bytes":0}',
        '{"type":"probe","peers":["y"],"pings":1,"sample_bytes":' + str(MAX_SAMPLE + 1) + "}",
        '{"type":"probe","peers":[' + ",".join(['"y"'] * (MAX_TARGETS + 1)) + '],"pings":1,"sample_bytes":0}',
        '{"type":"probed","results":[{"peer":"y","rtts":[-0.1]}]}',
        '{"type":"probed","results":[{"peer":"y","rtts":[NaN]}]}',
        '{"type":"probed","results":[{"peer":"y","rtts":[],"sample_seconds":0}]}',
        '{"type":"refused","code":"because","reason":""}',
    ],
)
def test_what_is_out_of_bounds_is_refused(text: str):
    header = text.encode()
    with pytest.raises(ProtocolError):
        CODEC.decode(memoryview(len(header).to_bytes(4, "little") + bytes(8) + header))


def test_a_payload_beyond_the_bound_is_refused_before_it_is_there():
    with pytest.raises(ProtocolError, match="payload"):
        CODEC.decode(memoryview(CODEC.encode(Ping(number=0), MAX_PAYLOAD + 1)))


@given(st.sampled_from(EXAMPLES), st.data())
def test_a_damaged_message_parses_or_raises_the_typed_error(message, data: st.DataObject):
    record = bytearray(CODEC.encode(message))
    record[data.draw(st.integers(0, len(record) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with suppress(ProtocolError):
        CODEC.decode(memoryview(record[: data.draw(st.integers(0, len(record)))]))
