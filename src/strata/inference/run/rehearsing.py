"""Whether a model's layers should move, found by running it: what `strata inference rebalance` does."""

from collections.abc import Callable

import trio

from strata.inference.models.checkpoint import Checkpoint
from strata.inference.models.resolve import resolve_model
from strata.inference.run.concurrent import beside
from strata.inference.run.distribute import DistributionProgress
from strata.inference.run.pipeline import Coordinator
from strata.inference.run.rebalancing import Rebalanced
from strata.inference.run.requests import Request, connected, place_layers, reached
from strata.settings import Settings


def rehearse(
    request: Request,
    *,
    sessions: int,
    horizon: float = 300.0,
    dry_run: bool = False,
    settings: Settings | None = None,
    on_progress: Callable[[DistributionProgress], None] | None = None,
) -> Rebalanced:
    """Answer the request's prompts, in turns, in so many sessions at once, and rebalance by what is measured meanwhile.

    The sessions end when that is done. horizon and dry_run, and what is raised, as `Coordinator.rebalance`; beside it
    what `answer` raises.
    """
    settings = settings or Settings()
    model = resolve_model(request.model, settings)
    with reached(request, settings) as place:

        async def run(coordinator: Coordinator) -> Rebalanced:
            checkpoint = Checkpoint.open(model)
            plan, _ = await place_layers(coordinator, request, settings, model, sessions=sessions)
            await coordinator.distribute(checkpoint, plan, on_progress)
            prompts = [request.prompts[number % len(request.prompts)] for number in range(sessions)]

            async def rebalance() -> Rebalanced:
                return await coordinator.rebalance(checkpoint, plan, horizon=horizon, dry_run=dry_run)

            return await beside(rebalance, coordinator.generate_each, checkpoint, plan, prompts, request.params)

        return trio.run(connected, place, run)
