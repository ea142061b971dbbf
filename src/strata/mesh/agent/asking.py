"""Requests to an agent and their replies."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import trio

from strata.errors import StrataError
from strata.mesh.agent.messages import AnyMessage, Done, Keep, Refused, Wire
from strata.mesh.agent.transport import Transport
from strata.mesh.connect import Unreachable
from strata.mesh.links import LinkClosed
from strata.mesh.messaging import ProtocolError
from strata.secure import ChannelError

DIAL_SECONDS = 3.0
CLOSE_SECONDS = 1.0

R = TypeVar("R", bound=AnyMessage)

# What can go wrong between two members, and costs only the link between them.
LINK_ERRORS = (Unreachable, LinkClosed, ChannelError, ProtocolError, trio.TooSlowError)


class RequestRefused(StrataError):
    """An agent does not do what it was asked; `code` as in `Refused`."""

    def __init__(self, name: str, refused: Refused) -> None:
        super().__init__(f"{name} refused: {refused.reason}")
        self.code = refused.code


@asynccontextmanager
async def reached(transport: Transport, peer_id: str, timeout: float = DIAL_SECONDS) -> AsyncIterator[Wire]:
    """A link of its own to a member, for a block; raises Unreachable, ChannelError."""
    wire = Wire(await transport.dial(peer_id, timeout))
    try:
        yield wire
    finally:
        await hang_up(wire)


async def hang_up(wire: Wire) -> None:
    """Close the link, also where this task is cancelled, but wait no second for it."""
    with trio.move_on_after(CLOSE_SECONDS, shield=True):
        await wire.aclose()


async def ask(wire: Wire, message: AnyMessage, reply: type[R], payload: bytes = b"", *, seconds: float) -> R:
    """Send a request and return its reply.

    Raises RequestRefused, trio.TooSlowError, LinkClosed, ChannelError, or ProtocolError where it is answered otherwise.
    """
    with trio.fail_after(seconds):
        await wire.send(message, payload)
        answer, _ = await wire.receive()
    if isinstance(answer, Refused):
        raise RequestRefused(wire.peer.name, answer)
    if not isinstance(answer, reply):
        raise ProtocolError(f"{wire.peer.name} answered a {message.type!r} request with {answer.type!r}")
    return answer


async def join(transport: Transport, peer_id: str, heartbeat: float) -> Wire:
    """A link that both ends take for one of the mesh's own; raises Unreachable, RequestRefused, LINK_ERRORS.

    heartbeat: seconds between pings over it.
    """
    wire = Wire(await transport.dial(peer_id, DIAL_SECONDS))
    try:
        await ask(wire, Keep(silence_seconds=4 * heartbeat), Done, seconds=DIAL_SECONDS)
    except BaseException:
        await hang_up(wire)
        raise
    return wire


def why(error: Exception) -> str:
    """In a few words, for a message."""
    return (str(error) or "it took too long")[:300]
