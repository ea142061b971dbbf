"""The port through which the mesh's own protocols reach other members, whatever carries them."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import trio

from strata.mesh.messaging import Connection
from strata.mesh.services import AGENT

Services = Mapping[str, Callable[[Connection], Awaitable[None]]]


class Transport(Protocol):
    """Makes encrypted connections between members."""

    def opened(self) -> AbstractAsyncContextManager[None]:
        """What dials need is there for the block, of which some may lie within each other; it is also while it serves.

        Raises CannotListen.
        """

    async def dial(self, peer_id: str, timeout: float, service: str = AGENT) -> Connection:
        """Connect to a service of a member within `timeout` seconds; raises Unreachable, ChannelError."""

    async def serve(self, services: Services, *, task_status: trio.TaskStatus[str]) -> None:
        """Run a service's handler with each connection of a member until cancelled.

        Reports where it listens: an address as the membership lists it ("host:port", or a multiaddr).
        """
