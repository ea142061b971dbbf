"""The adapter of the port: what it says while the nodes are being reached, and what it has them do."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import trio

from strata.api.fleet.planning import plan_document
from strata.api.fleet.running import UNAVAILABLE, Running
from strata.api.ports import FleetUnavailable, Model, NodeState, Piece, Prompt
from strata.errors import StrataError
from strata.inference import move_document
from strata.settings import Settings

RECENT_SECONDS = 600.0  # of the nodes' decoding, by which it is decided whether layers move

T = TypeVar("T")


class MeshFleet:
    """One model, of the name that users know it by, on nodes that are up, or not yet, or not any more."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self._settings = settings
        self._running: Running | None = None
        self._why = "it is starting"
        self._is_up = trio.Event()
        # What measures nodes would measure what else does, and what is moved twice is moved in vain.
        self._alone = trio.Lock()

    def up(self, running: Running) -> None:
        """It can answer from now on."""
        self._running = running
        self._is_up.set()

    def down(self, why: str) -> None:
        """It cannot answer from now on."""
        self._running, self._why = None, why
        self._is_up = trio.Event()

    async def ready(self) -> None:
        """Wait until it can answer."""
        while self._running is None:
            await self._is_up.wait()

    def models(self) -> Sequence[Model]:
        """The one model, once it can answer."""
        if self._running is None:
            return ()
        return (Model(self.name, self._running.since, self._running.plan.context),)

    @asynccontextmanager
    async def answer(self, prompt: Prompt) -> AsyncIterator[AsyncIterator[Piece]]:
        """As the port says; raises FleetUnavailable, ContextExceeded, NoTokenizer, TemplateRefused."""
        running = self._up()
        if prompt.model != self.name:
            raise StrataError(f"there is no model {prompt.model!r} here; ask for {self.name!r}")
        async with running.answer(prompt) as pieces:
            yield pieces

    async def nodes(self) -> Sequence[NodeState]:
        """As the port says; of a node that is not reached the figures have only `why`."""
        running = self._up()
        with trio.CancelScope(shield=True):  # a request that is broken off would end its link, and the sessions on it
            statuses = await running.coordinator.statuses()
        unreachable = running.coordinator.unreachable
        layers = {stage.node: stage.layers for stage in running.coordinator.placed(running.plan).stages}

        def figures(name: str) -> Mapping[str, Any]:
            if name in statuses:
                return statuses[name].model_dump(exclude={"type"})
            return {"why": str(unreachable.get(name, "it does not answer"))}

        return [
            NodeState(m.name, m.peer_id, m.name in statuses, layers.get(m.name), figures(m.name))
            for m in running.roster.membership.members
            if "node" in m.roles
        ]

    async def plan(self) -> Mapping[str, Any]:
        """As the port says; takes some seconds."""
        running = self._up()
        failed = "the nodes could not be measured"
        return await self._undisturbed(failed, lambda: plan_document(running, self.name))

    async def optimise(self, *, dry_run: bool) -> Mapping[str, Any]:
        """As the port says; raises NotMeasured where the nodes have decoded too little of late."""
        running = self._up()
        if not self._settings.cross_node_optimiser:
            raise StrataError("the optimiser is switched off (DISTRIBUTED_INFERENCE_CROSS_NODE_OPT)")
        done = await self._undisturbed(
            "layers could not be moved",
            lambda: running.coordinator.rebalance(
                running.checkpoint, running.plan, dry_run=dry_run, recent=RECENT_SECONDS, patience=0.0
            ),
        )
        return move_document(done, dry_run=dry_run)

    async def clean_up(self, node: str) -> Mapping[str, int] | None:
        """As the port says; also how many sessions and standbys were dropped, and the bytes promised to them."""
        running = self._up()
        if node not in {member.name for member in running.roster.membership.members if "node" in member.roles}:
            return None
        done = await self._undisturbed(f"{node} could not be cleaned up", lambda: running.coordinator.clean_up(node))
        return done.model_dump(exclude={"type"})

    async def _undisturbed(self, failed: str, work: Callable[[], Awaitable[T]]) -> T:
        """One at a time, and not broken off by a cancellation: that would end links, and the sessions on them."""
        async with self._alone:
            with trio.CancelScope(shield=True):
                try:
                    done = await work()
                except UNAVAILABLE as error:
                    raise FleetUnavailable(f"{failed}: {error}") from error
        return done

    def _up(self) -> Running:
        if self._running is None:
            raise FleetUnavailable(f"the fleet cannot answer now: {self._why}; try again in some seconds")
        return self._running
