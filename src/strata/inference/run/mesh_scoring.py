"""The way of batches that are to be scored to the nodes of a plan."""

from collections.abc import Sequence

import trio

from strata.inference.plan import Plan
from strata.inference.plan.profile import ModelProfile
from strata.inference.run.admission import Admission
from strata.inference.run.concurrent import each
from strata.inference.run.connections import Connections
from strata.inference.run.errors import NodeLost, StageFailed
from strata.inference.run.scoring import Batch, RemoteScoring

SESSIONS_A_STAGE = 2  # one that is computed, one that is on its way


async def score_batches(
    batches: Sequence[Batch],
    plan: Plan,
    shards: Sequence[str],
    profile: ModelProfile,
    *,
    connections: Connections,
    admission: Admission,
) -> list[list[list[float]]]:
    """Of each batch and each row its sums, in sessions that run side by side; raises StageFailed, RequestRefused."""
    clients = await connections.for_stages(plan.stages)
    await connections.probe(clients)
    at_once = trio.Semaphore(SESSIONS_A_STAGE * len(plan.stages))

    async def score(batch: Batch) -> list[list[float]]:
        async with at_once:
            run = RemoteScoring(plan, clients, batch)
            connections.listen(run)
            try:
                async with admission.place(lambda: run.open(shards, profile)):
                    try:
                        return await run.score()
                    finally:
                        await run.close()
            except NodeLost as error:
                lost = next(stage for stage in plan.stages if stage.node == error.node)
                raise StageFailed.of(lost, error.reason) from error
            finally:
                connections.forget(run)

    return await each(score, batches)
