"""Keeping a link up: ping over it, notice its end, dial again, less often the longer nobody answers."""

import logging

import trio

from strata.mesh.agent.asking import LINK_ERRORS, RequestRefused, ask, hang_up, join
from strata.mesh.agent.links import Links
from strata.mesh.agent.messages import Ping, Pong, Wire
from strata.mesh.agent.presence import Presence
from strata.mesh.agent.transport import Transport
from strata.mesh.messaging import ProtocolError

log = logging.getLogger(__name__)

SILENCE_SECONDS = 15.0  # after which a link that does not answer is over
FIRST_REDIAL_SECONDS = 0.5
LONGEST_REDIAL_SECONDS = 30.0
AWAY_REDIAL_SECONDS = 120.0  # of who is held dead or has left, since it is dialled at once when it is back


def redial_after(failures: int) -> float:
    """Seconds to wait before dialling again, after so many failures in a row."""
    return min(FIRST_REDIAL_SECONDS * 2.0 ** min(failures, 16), LONGEST_REDIAL_SECONDS)


async def keep(transport: Transport, links: Links, presence: Presence, peer_id: str, wire: Wire | None = None) -> None:
    """Keep a link to this peer until cancelled, beginning with `wire` where it is up already."""
    failures, heartbeat = 0, presence.heartbeat(peer_id)
    while True:
        try:
            if wire is None:
                await links.until_down(peer_id)  # the peer may have dialled
                heartbeat = presence.heartbeat(peer_id)
                wire = await join(transport, peer_id, heartbeat)
            failures = 0
            await _beat(wire, links, heartbeat)
        except (*LINK_ERRORS, RequestRefused) as error:
            log.info("no link to %s: %s", peer_id, error)
        finally:
            if wire is not None:
                await hang_up(wire)
        wire = None
        away = presence.is_away(peer_id)
        with trio.move_on_after(AWAY_REDIAL_SECONDS if away else redial_after(failures)) as waiting:
            await presence.until_back(peer_id)
        failures = failures + 1 if waiting.cancelled_caught else 0


async def _beat(wire: Wire, links: Links, heartbeat: float) -> None:
    number = 0
    with links.holding(wire) as live:
        while True:
            start = trio.current_time()
            pong = await ask(wire, Ping(number=number), Pong, seconds=SILENCE_SECONDS)
            if pong.number != number:
                raise ProtocolError(f"{wire.peer.name} answered another ping than the one it was sent")
            live.rtts.append(trio.current_time() - start)
            number += 1
            with trio.move_on_after(heartbeat):
                await wire.receive()  # that is how the end of a link is noticed at once
                raise ProtocolError(f"{wire.peer.name} sent what nobody asked for")
