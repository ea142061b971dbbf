"""What happens when a stage fails in mid-generation: its layers move, the KV cache is fed anew, decoding goes on.

All that is needed to rebuild every stage's cache are the tokens so far. They pass through the stages as one prompt
does, in slices that keep all stages at work, so on machines of their own it takes about as long as the lost stage alone
would, and nobody has to keep hidden states for it.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Protocol

import trio

from strata.inference.plan import Infeasible, Plan
from strata.inference.plan.nodes import NodeProfile
from strata.inference.plan.profile import ModelProfile
from strata.inference.plan.replace import replace_nodes
from strata.inference.run.errors import RequestRefused, StageFailed
from strata.inference.run.generate import Generation, StageResult
from strata.inference.run.placed import Halted, Placement
from strata.inference.run.told import Incident, Told
from strata.triage import Breakers

FAILURES_WITHOUT_A_TOKEN = 5  # then it is not the nodes
# What a node refuses because it was restarted, or serves somebody else.
_CURABLE = frozenset({"shard", "busy", "unreachable", "session"})


class Nodes(Protocol):
    """What a surviving generation needs of its coordinator. Reaching nodes raises StageFailed or RequestRefused."""

    async def answering(self) -> Sequence[NodeProfile]:
        """The nodes that answer now, and their memory."""

    def doubted(self) -> Set[str]:
        """Those that others find dead: they may not reach each other."""

    async def distribute(self, plan: Plan) -> None:
        """Have the nodes of the plan hold its shards."""

    async def run(self, plan: Plan) -> list[StageResult]:
        """Run the generation on them, from where it stands to its end, or until the placement has it halted."""

    def fits_here(self, plan: Plan) -> bool:
        """Whether this process has the memory for the whole model."""

    async def run_here(self, plan: Plan) -> list[StageResult]:
        """The same in this process."""


@dataclass(frozen=True)
class _Noted:
    failure: StageFailed
    incident: Incident
    since: float


class Survivor:
    """One generation that goes on when stages fail: on an idle node, on those that are left, or in this process."""

    def __init__(
        self,
        generation: Generation,
        placement: Placement,
        profile: ModelProfile,
        *,
        nodes: Nodes,
        breakers: Breakers,
        told: Told,
    ) -> None:
        self._generation = generation
        self._placement = placement
        self._profile = profile
        self._nodes = nodes
        self._breakers = breakers
        self._told = told
        self._open: list[_Noted] = []

    async def run(self) -> list[StageResult]:
        """Run to the end; raises StageFailed when there is no way to go on, RequestRefused for what is no failure."""
        failure: StageFailed | None = None
        seen = self._placement.moves
        try:
            while True:
                try:
                    if failure is not None:
                        await self._settle(await self._move(seen, failure))
                        failure = None
                    async with self._placement.running(self._generation):
                        seen = self._placement.moves
                        return await self._run_on(self._placement.plan)
                except Halted:
                    self._generation.move()
                except (StageFailed, RequestRefused) as error:
                    failure = self._as_failure(error)
                    await self._note(failure, seen)
                except Infeasible as error:
                    async with self._placement.here:  # the memory is looked at when nobody else has taken it
                        if not self._nodes.fits_here(self._placement.plan):
                            assert failure is not None
                            raise failure from error
                        await self._settle(f"went on in the coordinator's process: {error}")
                        return await self._nodes.run_here(self._placement.plan)
        finally:
            with trio.CancelScope(shield=True):
                for noted in self._open:
                    await self._told.gave_up(noted.incident, noted.failure, "the generation did not go on")

    async def _run_on(self, plan: Plan) -> list[StageResult]:
        results = await self._nodes.run(plan)
        for stage in plan.stages:
            self._breakers.succeeded(stage.node)
        return results

    async def _move(self, seen: int, failure: StageFailed) -> str:
        """Have the failed stage's layers elsewhere; returns in words where. Raises Infeasible, StageFailed.

        Where another generation has moved them since, there is nothing to do. A node whose breaker is open, or that the
        mesh holds dead, is used only where it cannot be done without it.
        """
        placement, now = self._placement, trio.current_time()
        async with placement.lock:
            if placement.moves != seen:
                return "the layers had been moved already"
            self._breakers.failed(failure.node, now)
            answering = await self._nodes.answering()
            doubted = {failure.node, *self._nodes.doubted()}
            trusted = [n for n in answering if n.node not in doubted and not self._breakers.is_open(n.node, now)]
            try:
                plan = replace_nodes(placement.plan, self._profile, trusted, placement.standbys)
            except Infeasible:
                plan = replace_nodes(placement.plan, self._profile, answering, placement.standbys)
            await self._nodes.distribute(plan)
            moved = describe_move(placement.plan, plan)
            placement.plan, placement.moves = plan, placement.moves + 1
            return moved

    def _as_failure(self, error: StageFailed | RequestRefused) -> StageFailed:
        """The error as the failure of a stage; raises what moving layers would not cure."""
        if isinstance(error, StageFailed):
            return error
        stage = next((stage for stage in self._placement.plan.stages if stage.node == error.node), None)
        if stage is None or error.code not in _CURABLE:
            raise error
        return StageFailed.of(stage, error.reason)

    async def _note(self, failure: StageFailed, seen: int) -> None:
        """Have the failure written down; raises it when it is one of too many."""
        incident = await self._told.failed(failure, seen)
        self._open.append(_Noted(failure, incident, trio.current_time()))
        if self._generation.failures + len(self._open) >= FAILURES_WITHOUT_A_TOKEN:
            raise failure

    async def _settle(self, response: str) -> None:
        """Write down what was done about the failures so far."""
        while self._open:
            noted = self._open[-1]
            seconds = trio.current_time() - noted.since
            done = await self._told.recovered(noted.incident, noted.failure, response, seconds)
            self._generation.recover(noted.failure, done, noted.incident.key)
            self._open.pop()


async def run_unwatched(generation: Generation, placement: Placement, nodes: Nodes) -> list[StageResult]:
    """Run one that does not go on: to the end wherever the layers are moved on purpose; raises what goes wrong."""
    while True:
        try:
            async with placement.running(generation):
                return await nodes.run(placement.plan)
        except Halted:
            generation.move()


def describe_move(before: Plan, after: Plan) -> str:
    """Which layers changed their node, in words."""
    home = [stage.node for stage in before.stages for _ in range(stage.first, stage.last + 1)]
    parts = []
    for stage in after.stages:
        moved = [layer for layer in range(stage.first, stage.last + 1) if home[layer] != stage.node]
        if moved:
            parts.append(f"{len(moved)} layer(s) from {moved[0]} on to {stage.node}")
    return "moved " + ", ".join(parts) if parts else "loaded the layers anew where they were"
