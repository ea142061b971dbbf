"""Looks at the mesh for browsers: asks the members how they are, as `strata mesh status` does, and not too often."""

from collections.abc import Sequence
from functools import partial

import trio

from strata.mesh.page.view import MeshView
from strata.mesh.roster import Roster
from strata.mesh.sweep import TOPOLOGY, Coordinator, Kept, Moment, finish, moments, read_kept
from strata.secure import Identity
from strata.settings import Settings

FRESH_SECONDS = 10.0


class MeshEye:
    """Holds the latest look, and takes another when it is asked for one that is fresher than that.

    Nothing is probed: the qualities of links are those that the last sweep kept, and so is the uptime. Raises
    NotACoordinator where the identity may not ask.
    """

    def __init__(
        self, identity: Identity, roster: Roster, settings: Settings, *, fresh_seconds: float = FRESH_SECONDS
    ) -> None:
        self._identity = identity
        self._roster = roster
        self._settings = settings
        self._fresh_seconds = fresh_seconds
        self._looking = trio.Lock()  # who asks meanwhile is told the same
        self._latest: MeshView | None = None
        self._at = 0.0
        self._coordinator()

    async def look(self) -> MeshView:
        """The mesh as it is, or as it was at most `fresh_seconds` ago."""
        async with self._looking:
            latest, now = self._latest, trio.current_time()
            if latest is None or now >= self._at + self._fresh_seconds:
                latest = self._latest = await self._look()
                self._at = trio.current_time()
        return latest

    async def _look(self) -> MeshView:
        coordinator = self._coordinator()
        mesh_id = coordinator.membership.mesh_id
        kept, past = await trio.to_thread.run_sync(self._remembered, mesh_id)
        began = trio.current_time()
        discovery = await coordinator.discover(kept.sweeps)
        conclude = partial(finish, kept, discovery, {}, TOPOLOGY, seconds=trio.current_time() - began)
        sweep, _ = await trio.to_thread.run_sync(conclude)
        return MeshView(coordinator.membership, sweep, past)

    def _coordinator(self) -> Coordinator:
        return Coordinator(self._identity, self._roster.membership, roster=self._roster)

    def _remembered(self, mesh_id: str) -> tuple[Kept, Sequence[Moment]]:
        from strata.store import Ledger, open_store

        with Ledger(self._settings.ledger) as ledger:
            return read_kept(open_store(self._settings), mesh_id), moments(ledger, mesh_id)
