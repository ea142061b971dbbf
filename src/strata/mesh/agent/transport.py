"""Direct links over TCP as a transport of the mesh."""

from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial

import trio

from strata.mesh.connect import dial
from strata.mesh.listen import serve
from strata.mesh.messaging import Connection
from strata.mesh.port import Services, Transport
from strata.mesh.roster import Roster
from strata.mesh.services import AGENT, offering
from strata.secure import EchKeys, Identity, ReplayCache


class Direct(Transport):
    """Direct links, as `strata.mesh.dial` and `serve` make them; `port` 0 listens at any free one.

    keys, replays, fronting: as `serve` takes them.
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
        fronting: bool = False,
    ) -> None:
        self._identity = identity
        self._roster = roster
        self._where = host, port
        self._keys = keys
        self._replays = replays
        self._fronting = fronting

    def opened(self) -> AbstractAsyncContextManager[None]:
        """Nothing: each dial has a socket of its own."""
        return nullcontext()

    async def dial(self, peer_id: str, timeout: float, service: str = AGENT) -> Connection:
        """As `Transport.dial`."""
        return await dial(self._identity, self._roster, peer_id, timeout=timeout, service=service)

    async def serve(self, services: Services, *, task_status: trio.TaskStatus[str]) -> None:
        """As `Transport.serve`; reports "host:port"."""
        serving = partial(
            serve,
            self._identity,
            self._roster,
            offering(services),
            *self._where,
            keys=self._keys,
            replays=self._replays,
            fronting=self._fronting,
        )
        async with trio.open_nursery() as nursery:
            bound = await nursery.start(serving)
            task_status.started(f"{self._where[0]}:{bound}")
