"""The port through which the mesh's own protocols reach other members, whatever carries them."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import trio

from strata.mesh.messaging import Connection
from strata.mesh.services import AGENT
from strata.settings import Settings

Services = Mapping[str, Callable[[Connection], Awaitable[None]]]

# Of a peer id: whether a new connection to it joins messages, and goes the direct way where there are two.
Enhanced = Callable[[str], bool]


def by_flag(peer_id: str) -> bool:
    """As LIBP2P_PERFORMANCE_OPT says, for all alike: read for each connection, so that new ones heed a change."""
    return Settings().mesh_performance


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
