"""Keeping a link up: ping over it, notice its end, dial again, less often the longer nobody answers."""

import logging

import trio

from strata.mesh.agent.asking import LINK_ERRORS, RequestRefused, ask, hang_up, join
from strata.mesh.agent.links import Links
from strata.mesh.agent.messages import Ping, Pong, Wire
from strata.mesh.messaging import ProtocolError
from strata.mesh.port import Transport

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 5.0
SILENCE_SECONDS = 15.0  # after which a link that does not answer is over
FIRST_REDIAL_SECONDS = 0.5
LONGEST_REDIAL_SECONDS = 30.0


def redial_after(failures: int) -> float:
    """Seconds to wait before dialling again, after so many failures in a row."""
    return min(FIRST_REDIAL_SECONDS * 2.0 ** min(failures, 16), LONGEST_REDIAL_SECONDS)


async def keep(transport: Transport, links: Links, peer_id: str, wire: Wire | None = None) -> None:
    """Keep a link to this peer until cancelled, beginning with `wire` where it is up already."""
    failures = 0
    while True:
        try:
            if wire is None:
                await links.until_down(peer_id)  # the peer may have dialled
                wire = await join(transport, peer_id)
            failures = 0
            await _beat(wire, links)
        except (*LINK_ERRORS, RequestRefused) as error:
            log.info("no link to %s: %s", peer_id, error)
        finally:
            if wire is not None:
                await hang_up(wire)
        wire = None
        await trio.sleep(redial_after(failures))
        failures += 1


async def _beat(wire: Wire, links: Links) -> None:
    number = 0
    with links.holding(wire) as live:
        while True:
            start = trio.current_time()
            pong = await ask(wire, Ping(number=number), Pong, seconds=SILENCE_SECONDS)
            if pong.number != number:
                raise ProtocolError(f"{wire.peer.name} answered another ping than the one it was sent")
            live.rtts.append(trio.current_time() - start)
            number += 1
            with trio.move_on_after(HEARTBEAT_SECONDS):
                await wire.receive()  # that is how the end of a link is noticed at once
                raise ProtocolError(f"{wire.peer.name} sent what nobody asked for")
