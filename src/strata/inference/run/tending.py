"""Looking after the memory of connected nodes: how each is, and having one give back what it does not need."""

from collections.abc import Mapping, Sequence

from strata.inference.protocol.messages import CleanedUp, CleanUp, Status
from strata.inference.run.concurrent import each
from strata.inference.run.connections import status_of
from strata.inference.run.errors import NodeLost
from strata.inference.run.peers import NodeClient

IDLE_SECONDS = 60.0  # as long as a node lets a session be idle where its memory is needed


async def statuses_of(clients: Sequence[NodeClient]) -> Mapping[str, Status]:
    """How each node is, by name, asked at the same time; those that are lost meanwhile are left out."""
    found: dict[str, Status] = {}

    async def ask(client: NodeClient) -> None:
        try:
            found[client.name] = await status_of(client)
        except NodeLost:
            return  # its client tells so

    await each(ask, clients)
    return {client.name: found[client.name] for client in clients if client.name in found}


async def clean(client: NodeClient, idle_seconds: float) -> CleanedUp:
    """Have a node give back what it does not need; raises NodeLost, RequestRefused."""
    reply = await client.request(CleanUp(idle_seconds=idle_seconds))
    if not isinstance(reply, CleanedUp):
        raise NodeLost(client.name, f"it answered a clean-up by {reply.type!r}")
    return reply
