"""Probing a peer over a link of its own: pings one after another, then some with a sample of bytes.

The link is TCP, which sends again what was lost: a ping counts as lost where its answer does not come in time.
"""

import math

import trio

from strata.mesh.agent.asking import LINK_ERRORS, reached, why
from strata.mesh.agent.messages import Echoes, Ping, Pong, Wire
from strata.mesh.messaging import ProtocolError
from strata.mesh.port import Transport

PING_SECONDS = 1.0
SAMPLES = 3
SAMPLE_SECONDS = 5.0
PROBE_SECONDS = 8.0  # all of it, dialling included
PROBES_AT_ONCE = 4


def probing_seconds(peers: int) -> float:
    """What probing so many peers may take."""
    return math.ceil(peers / PROBES_AT_ONCE) * PROBE_SECONDS


async def probe(transport: Transport, peer_id: str, pings: int, sample_bytes: int) -> Echoes:
    """Reach the peer and measure; what fails is part of the result."""
    rtts: list[float | None] = []
    sample: float | None = None
    reason = ""
    with trio.move_on_after(PROBE_SECONDS):
        try:
            async with reached(transport, peer_id) as wire:
                for number in range(pings):
                    rtts.append(await _ping(wire, number, b"", PING_SECONDS))
                if sample_bytes and (answered := [rtt for rtt in rtts if rtt is not None]):
                    sample = await _sample(wire, pings, bytes(sample_bytes), min(answered))
        except LINK_ERRORS as error:
            reason = why(error)
    if rtts:  # reached: what was not asked any more was not answered either
        rtts += [None] * (pings - len(rtts))
    return Echoes(peer=peer_id, rtts=tuple(rtts), sample_seconds=sample, reason=reason)


async def _sample(wire: Wire, number: int, data: bytes, rtt: float) -> float | None:
    """Seconds that the data take beside a round trip, at best of `SAMPLES`: what else is under way only adds to it."""
    took = [await _ping(wire, number + each, data, SAMPLE_SECONDS) for each in range(SAMPLES)]
    # The data go one way: the answer to them is empty. No more than half is taken off, lest a round trip that happened
    # to take longer leaves nothing: then the sample only tells how fast the link is at least.
    return min((max(each - rtt, each / 2) for each in took if each is not None), default=None)


async def _ping(wire: Wire, number: int, payload: bytes, seconds: float) -> float | None:
    """Seconds until the answer, None where it does not come in time; raises LinkClosed, ChannelError, ProtocolError."""
    start = trio.current_time()
    with trio.move_on_after(seconds):
        await wire.send(Ping(number=number), payload)
        while True:
            message, _ = await wire.receive()
            if not isinstance(message, Pong) or message.number > number:
                raise ProtocolError(f"{wire.peer.name} answered a ping with something else")
            if message.number == number:  # else the late answer to an earlier one
                return trio.current_time() - start
    return None
