"""From a request to an answer: model, nodes, plan, distribution, run. What `strata generate` does."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import trio

from strata.errors import StrataError
from strata.inference.models.checkpoint import Checkpoint
from strata.inference.models.resolve import resolve_model
from strata.inference.plan import Plan, balanced_plan, make_plan
from strata.inference.plan.profile import Weights, profile_model
from strata.inference.run.cluster import LocalCluster
from strata.inference.run.distribute import DistributionProgress, DistributionReport
from strata.inference.run.generate import GenerationParams, GenerationResult, OnText
from strata.inference.run.incidents import recording
from strata.inference.run.local import generate_locally
from strata.inference.run.pipeline import Coordinator
from strata.inference.run.text import Texts
from strata.mesh import Roster, read_membership
from strata.secure import Identity
from strata.settings import Settings


@dataclass(frozen=True)
class Request:
    """nodes: start that many here, with `memory_bytes` each if given; mesh: use that mesh's running nodes instead.

    name: of the answer; one of that name which was cut off is gone on with.
    """

    model: str
    prompts: tuple[str, ...]
    params: GenerationParams = field(default_factory=GenerationParams)
    nodes: int | None = None
    mesh: Path | None = None
    identity: Path | None = None
    memory_bytes: int | None = None
    dtype: str | None = None
    weights: Weights | None = None
    name: str | None = None


@dataclass(frozen=True)
class Answer:
    """The result, the model's folder and dtype and, unless it ran in this process, the plan and the distribution."""

    model: Path
    dtype: str
    result: GenerationResult
    plan: Plan | None = None
    distribution: DistributionReport | None = None


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
    if request.nodes is not None and request.mesh is not None:
        raise StrataError("give --nodes or --mesh, not both")
    model = resolve_model(request.model, settings)
    if not settings.inference_sharding:
        local = generate_locally(
            model, request.prompts, request.params, on_text, request.dtype, weights=request.weights
        )
        return Answer(model, profile_model(model, request.dtype).dtype, local)
    if request.nodes is None and request.mesh is None:
        raise StrataError("say where to run: --nodes N starts nodes here, --mesh FILE uses those of a mesh")
    with ExitStack() as stack:
        if request.mesh is not None:
            mesh, identity = request.mesh, request.identity or settings.home / "identity.json"
        else:
            assert request.nodes is not None
            cluster = stack.enter_context(LocalCluster(settings.home, request.nodes, memory_bytes=request.memory_bytes))
            mesh, identity = cluster.mesh_file, cluster.identity_file

        watcher, journal = stack.enter_context(recording(settings.ledger, request.name))

        async def run() -> Answer:
            key, roster = Identity.load(identity), Roster(read_membership(mesh))
            checkpoint = Checkpoint.open(model)
            async with Coordinator.connect(key, roster, settings.home, mesh.read_bytes()) as coordinator:
                plan = await _plan(coordinator, request, settings, model)
                distribution = await coordinator.distribute(checkpoint, plan, on_progress)
                result = await coordinator.generate(
                    checkpoint, plan, request.prompts, request.params, on_text, watcher=watcher, journal=journal
                )
            return Answer(model, plan.dtype, result, plan, distribution)

        return trio.run(run)


async def _plan(coordinator: Coordinator, request: Request, settings: Settings, model: Path) -> Plan:
    """Local nodes without a budget all get a share, since that is what the user asked to see; others are measured."""
    profile = profile_model(model, request.dtype, request.weights)
    prompts = Texts.of(model).encode(request.prompts, chat=request.params.chat)
    context = request.params.context or max(map(len, prompts)) + request.params.max_new_tokens
    context = min(context, profile.max_context)
    if settings.cross_node_optimiser and (request.mesh is not None or request.memory_bytes is not None):
        nodes, links = await coordinator.survey()
        return make_plan(profile, nodes, links, context=context, batch=len(prompts))
    return balanced_plan(profile, await coordinator.inventory(), context=context, batch=len(prompts))
