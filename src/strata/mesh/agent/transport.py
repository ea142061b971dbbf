"""The port through which an agent reaches other members, and its adapter for direct links over TCP."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Protocol

import trio

from strata.mesh.connect import dial
from strata.mesh.listen import serve
from strata.mesh.messaging import Connection
from strata.mesh.roster import Roster
from strata.mesh.services import AGENT, offering
from strata.secure import EchKeys, Identity, ReplayCache


class Transport(Protocol):
    """Makes encrypted connections between members."""

    async def dial(self, peer_id: str, timeout: float, service: str = AGENT) -> Connection:
        """Connect to a service of a member within `timeout` seconds; raises Unreachable, ChannelError."""

    async def serve(
        self, services: Mapping[str, Callable[[Connection], Awaitable[None]]], *, task_status: trio.TaskStatus[str]
    ) -> None:
        """Run a service's handler with each connection of a member until cancelled.

        Reports where it listens ("host:port").
        """


class Direct:
    """Direct links, as `strata.mesh.dial` and `serve` make them; `port` 0 listens at any free one.

    keys, replays: as `serve` takes them.
    """

    def __init__(
        self,
        identity: Identity,
        roster: Roster,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        keys: EchKeys | None = None,
        replays: ReplayCache | None = None,
    ) -> None:
        self._identity = identity
        self._roster = roster
        self._where = host, port
        self._keys = keys
        self._replays = replays

    async def dial(self, peer_id: str, timeout: float, service: str = AGENT) -> Connection:
        """As `Transport.dial`."""
        return await dial(self._identity, self._roster, peer_id, timeout=timeout, service=service)

    async def serve(
        self, services: Mapping[str, Callable[[Connection], Awaitable[None]]], *, task_status: trio.TaskStatus[str]
    ) -> None:
        """As `Transport.serve`."""
        serving = partial(serve, self._identity, self._roster, offering(services), *self._where)
        async with trio.open_nursery() as nursery:
            bound = await nursery.start(partial(serving, keys=self._keys, replays=self._replays))
            task_status.started(f"{self._where[0]}:{bound}")
