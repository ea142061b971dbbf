"""One generation's way to the nodes of the mesh: where it runs, and where it can be moved to."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import trio

from strata.inference.models.checkpoint import Checkpoint
from strata.inference.plan import Plan, StagePlan
from strata.inference.plan.nodes import NodeProfile
from strata.inference.plan.profile import ModelProfile
from strata.inference.plan.workload import Workload
from strata.inference.protocol.messages import Status
from strata.inference.run.admission import Admission
from strata.inference.run.concurrent import each
from strata.inference.run.connections import Connections, status_of
from strata.inference.run.distribute import write_manifests
from strata.inference.run.errors import NodeLost, StageFailed
from strata.inference.run.generate import Generation, GenerationParams, StageResult
from strata.inference.run.local import decode_locally
from strata.inference.run.placed import Placement
from strata.inference.run.running_remote import RemoteRun
from strata.memory import available_memory

REJOIN_SECONDS = 0.5


@dataclass(frozen=True)
class Job:
    """A generation, and the model that it runs on."""

    checkpoint: Checkpoint
    profile: ModelProfile
    generation: Generation
    params: GenerationParams


class MeshNodes:
    """The connected nodes, for one job (what `failover.Nodes` asks for)."""

    def __init__(
        self,
        job: Job,
        placement: Placement,
        connections: Connections,
        home: Path,
        *,
        distribute: Callable[[Plan], Awaitable[object]],
        admission: Admission,
    ) -> None:
        self._job = job
        self._placement = placement
        self._connections = connections
        self._home = home
        self._distribute = distribute
        self._admission = admission

    async def answering(self) -> list[NodeProfile]:
        """The nodes that answer a ping, and their memory budgets (flops and bandwidth are 1).

        Where those without a stage are fewer than the stages without a node, one that has just come back is welcome.
        """
        await self._connections.probe(self._connections.clients)
        there = {client.name for client in self._connections.clients}
        if len(there) < len(self._placement.plan.stages):
            await self._connections.reconnect(REJOIN_SECONDS)
        return self._connections.inventory()

    def doubted(self) -> set[str]:
        """As `Connections.doubted`."""
        return self._connections.doubted()

    async def distribute(self, plan: Plan) -> None:
        """As `Coordinator.distribute`."""
        await self._distribute(plan)

    async def run(self, plan: Plan) -> list[StageResult]:
        """Run the job from where it stands to its end; raises StageFailed, RequestRefused."""
        job = self._job
        clients = await self._connections.for_stages(plan.stages)
        await self._connections.probe(clients)
        manifests = await trio.to_thread.run_sync(write_manifests, job.checkpoint, plan, self._home)
        run = RemoteRun(plan, clients, job.generation, job.params)
        shards = [manifest.shard for manifest in manifests]
        self._connections.listen(run)
        try:
            async with self._admission.place(lambda: run.open(shards, job.profile)):
                try:
                    await run.decode()
                    with trio.CancelScope(shield=True):  # a request that is broken off ends its link
                        statuses = await each(status_of, clients)
                finally:
                    await run.close()
        except NodeLost as error:
            lost = next(stage for stage in plan.stages if stage.node == error.node)
            raise StageFailed.of(lost, error.reason) from error
        finally:
            self._connections.forget(run)
        return [self._result(stage, status) for stage, status in zip(plan.stages, statuses, strict=True)]

    def fits_here(self, plan: Plan) -> bool:
        """Whether this machine has memory for the whole model and its KV cache."""
        workload = Workload(self._job.profile, plan.context, plan.batch)
        return workload.whole_bytes + workload.spare_bytes <= available_memory()

    async def run_here(self, plan: Plan) -> list[StageResult]:
        """Run the job in this process, from where it stands to its end."""
        job = self._job
        arguments = job.checkpoint, job.generation, job.params, job.profile
        return [await trio.to_thread.run_sync(decode_locally, *arguments)]

    def _result(self, stage: StagePlan, status: Status) -> StageResult:
        sent, received = self._connections.traffic(stage.node, status)
        return StageResult(
            node=stage.node,
            layers=(stage.first, stage.last),
            peak_rss_bytes=status.peak_rss_bytes,
            baseline_rss_bytes=status.baseline_rss_bytes,
            weight_bytes=status.weight_bytes,
            kv_bytes=status.peak_kv_bytes,
            bytes_sent=sent,
            bytes_received=received,
            leak=status.leak,
            leak_windows=status.leak_windows,
        )
