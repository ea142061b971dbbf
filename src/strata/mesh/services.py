"""Several protocols behind one listener of a member.

A service is a protocol by name, written as libp2p writes its protocols' ids. Over a direct link the dialler's first
record is the name, in ASCII, and no answer is awaited: where the service is not offered the link ends. Over libp2p the
name is the id that the stream is negotiated with.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping

import trio

from strata.mesh.bandwidth import Kind
from strata.mesh.links import Link

log = logging.getLogger(__name__)

AGENT = "/strata/agent/1"
INFERENCE = "/strata/inference/1"

MAX_NAME = 64  # bytes
NAME_SECONDS = 10.0  # until the name has come; it follows the handshake at once

# Of what a service's connections carry. A message may have another than its connection, as a shard has.
_KINDS = {AGENT: Kind.CONTROL, INFERENCE: Kind.ACTIVATIONS}

Handler = Callable[[Link], Awaitable[None]]


def kind_of(service: str) -> Kind:
    """The class of what is sent for a service."""
    return _KINDS.get(service, Kind.ACTIVATIONS)


def offering(services: Mapping[str, Handler]) -> Handler:
    """What `serve` runs with each link: the handler of the service that the dialler names."""

    async def handle(link: Link) -> None:
        with trio.move_on_after(NAME_SECONDS) as waiting:
            record = await link.receive()
        if waiting.cancelled_caught:
            log.warning("hung up on %s, which named no service", link.peer.name)
            return
        name = bytes(record[:MAX_NAME]).decode("ascii", "replace")
        if len(record) > MAX_NAME or name not in services:
            log.warning("hung up on %s, which wants a service that is not offered: %r", link.peer.name, name)
            return
        link.kind = kind_of(name)
        await services[name](link)

    return handle
