"""Measure a link by using it: pings that carry nothing, then pings that carry a megabyte."""

import trio

from strata.inference.protocol.messages import Ping, Pong
from strata.inference.protocol.wire import Wire
from strata.mesh import ProtocolError

PINGS = 8
SAMPLE_BYTES = 1 << 20
SAMPLES = 3
DEADLINE_SECONDS = 30.0


async def measure_link(wire: Wire) -> tuple[float, float]:
    """Seconds one way and bytes/s of a link on which nothing else is under way; the best of several samples each.

    Raises trio.TooSlowError, LinkClosed, ChannelError, or ProtocolError where the peer answers something else.
    """
    with trio.fail_after(DEADLINE_SECONDS):
        round_trip = min([await _ping(wire, number, b"") for number in range(PINGS)])
        sample = bytes(SAMPLE_BYTES)
        transfer = min([await _ping(wire, PINGS + number, sample) for number in range(SAMPLES)])
    # The sample goes one way only: the answer to it is empty.
    return round_trip / 2, SAMPLE_BYTES / max(transfer - round_trip, 1e-9)


async def _ping(wire: Wire, number: int, payload: bytes) -> float:
    start = trio.current_time()
    await wire.send(Ping(number=number), payload)
    message, _ = await wire.receive()
    if message != Pong(number=number):
        raise ProtocolError("a ping was answered by something else")
    return trio.current_time() - start
