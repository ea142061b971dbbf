"""From a request to an answer: model, nodes, plan, distribution, run. What `strata generate` does."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import trio

from strata.inference.models.checkpoint import Checkpoint
from strata.inference.models.resolve import resolve_model
from strata.inference.plan import Plan
from strata.inference.plan.profile import profile_model
from strata.inference.run.distribute import DistributionProgress, DistributionReport
from strata.inference.run.drawn import run_measured
from strata.inference.run.generate import GenerationResult, OnText
from strata.inference.run.incidents import recording
from strata.inference.run.local import generate_locally
from strata.inference.run.pipeline import Coordinator
from strata.inference.run.requests import Request, connected, draw_for, place_layers, reached, work_of
from strata.inference.run.several import answer_prompts
from strata.inference.run.survey import Survey
from strata.rollout import note
from strata.settings import Settings
from strata.telemetry import exporting, inherited, span

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """The result, the model's folder and dtype and, unless it ran in this process, the plan and the distribution.

    survey: what the plan was made by, where nodes and links were measured for it.
    """

    model: Path
    dtype: str
    result: GenerationResult
    plan: Plan | None = None
    distribution: DistributionReport | None = None
    survey: Survey | None = None


def answer(
    request: Request,
    settings: Settings | None = None,
    on_progress: Callable[[DistributionProgress], None] | None = None,
    on_text: OnText | None = None,
) -> Answer:
    """Carry out the request. With sharding switched off in the settings the model runs in this process.

    Raises the StrataErrors of each step: ModelNotFound, Infeasible, Unsplittable, RequestRefused, StageFailed, ...
    """
    settings = settings or Settings()
    model = resolve_model(request.model, settings)
    if not settings.inference_sharding:
        local = generate_locally(
            model,
            request.prompts,
            request.params,
            on_text,
            request.dtype,
            weights=request.weights,
            kv_cache=request.kv_cache,
        )
        return Answer(model, profile_model(model, request.dtype).dtype, local)
    draw = draw_for(request, settings)
    with (
        reached(request, settings) as place,
        recording(settings.ledger, request.name) as (watcher, journal),
        exporting("strata", settings),
        span("answer", inherited(), model=model.name, prompts=len(request.prompts)),
    ):

        async def run(coordinator: Coordinator) -> Answer:
            checkpoint = Checkpoint.open(model)
            sessions = len(request.prompts)
            plan, survey = await place_layers(coordinator, request, settings, model, sessions, draw=draw)
            distribution = await coordinator.distribute(checkpoint, plan, on_progress)
            result = await answer_prompts(
                coordinator,
                checkpoint,
                plan,
                request.prompts,
                request.params,
                on_text=on_text,
                watcher=watcher,
                journal=journal,
            )
            return Answer(model, plan.dtype, result, plan, distribution, survey)

        answered = trio.run(connected, place, run)
    for retreat in note(settings, [run_measured(draw, work_of(request), answered.result)]):
        log.warning("no run has the %s any more: %s", retreat.part, retreat.reason)
    return answered
