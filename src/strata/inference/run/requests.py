"""What is asked of a model, the nodes to ask, and where its layers go."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import trio

from strata.errors import StrataError
from strata.inference.plan import Objective, Plan, balanced_plan, make_plan
from strata.inference.plan.plan import with_most_sessions
from strata.inference.plan.profile import Weights, profile_model
from strata.inference.run.cluster import LocalCluster
from strata.inference.run.drawn import draw_optimiser
from strata.inference.run.generate import GenerationParams
from strata.inference.run.pipeline import NOTHING, Coordinator
from strata.inference.run.survey import Survey
from strata.inference.run.text import Texts
from strata.mesh import Recent, open_roster, read_membership, recent_sweeps
from strata.rollout import Draw
from strata.secure import Identity, read_sealed
from strata.settings import Settings
from strata.telemetry import span

T = TypeVar("T")


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
    kv_cache: Weights | None = None
    name: str | None = None


@dataclass(frozen=True)
class Place:
    """A mesh that runs, by its membership file, the coordinator's key, and the folder that it keeps its things in.

    recent: what sweeps of it found of late. local: its nodes, where they were started here.
    """

    mesh: Path
    identity: Path
    home: Path
    recent: Recent = NOTHING
    local: LocalCluster | None = None


@contextmanager
def reached(request: Request, settings: Settings) -> Iterator[Place]:
    """Where the request wants to run; nodes that are started here for it end with the block.

    Raises StrataError where it does not say, NodeDidNotStart.
    """
    if request.nodes is not None and request.mesh is not None:
        raise StrataError("give --nodes or --mesh, not both")
    if request.mesh is not None:
        recent = recent_sweeps(settings, read_membership(request.mesh).mesh_id)
        yield Place(request.mesh, request.identity or settings.home / "identity.json", settings.home, recent)
        return
    if request.nodes is None:
        raise StrataError("say where to run: --nodes N starts nodes here, --mesh FILE uses those of a mesh")
    with LocalCluster(settings.home, request.nodes, memory_bytes=request.memory_bytes) as cluster:
        yield Place(cluster.mesh_file, cluster.identity_file, settings.home, local=cluster)


async def connected(place: Place, function: Callable[[Coordinator], Awaitable[T]]) -> T:
    """Call the function with a coordinator that is connected to the mesh."""
    membership, sealed = read_sealed(place.mesh)
    key, roster = Identity.load(place.identity), open_roster(membership, place.home)
    async with Coordinator.connect(key, roster, place.home, sealed, place.recent) as coordinator:
        return await function(coordinator)


def draw_for(request: Request, settings: Settings) -> Draw:
    """Whether this request gets the cross-node optimiser, as far as it is rolled out; raises LedgerError."""
    return draw_optimiser(request.name, settings, differs=_is_limited(request))


def work_of(request: Request) -> str:
    """What is asked for, in words: requests with the same ones can be compared."""
    place = str(request.mesh) if request.mesh is not None else f"{request.nodes} x {request.memory_bytes} bytes here"
    words = (Path(request.model).name, request.dtype, request.weights, request.kv_cache, len(request.prompts), place)
    return ", ".join(str(word) for word in words if word is not None)


async def place_layers(
    coordinator: Coordinator,
    request: Request,
    settings: Settings,
    model: Path,
    sessions: int,
    *,
    draw: Draw | None = None,
) -> tuple[Plan, Survey | None]:
    """A plan with room for the KV caches of so many sessions, or of as many of them as there is memory for.

    Beside it the survey that it was made by, where there was one. Local nodes without a budget all get a share, since
    that is what the user asked to see; others are measured. draw: whether this run has the optimiser; without one it is
    drawn here.
    """
    if draw is None:
        draw = await trio.to_thread.run_sync(draw_for, request, settings)
    measured = draw.enabled and _is_limited(request)
    with span("plan", sessions=sessions, measured=measured) as traced:
        plan, survey = await _place(coordinator, request, model, sessions, measured=measured)
        traced.set(nodes=[stage.node for stage in plan.stages], layers=plan.num_layers)
        return plan, survey


async def _place(
    coordinator: Coordinator, request: Request, model: Path, sessions: int, *, measured: bool
) -> tuple[Plan, Survey | None]:
    profile = await trio.to_thread.run_sync(profile_model, model, request.dtype, request.weights, request.kv_cache)
    texts = await trio.to_thread.run_sync(Texts.of, model)
    prompts = texts.encode(request.prompts, chat=request.params.chat)
    context = request.params.context or max(map(len, prompts)) + request.params.max_new_tokens
    context = min(context, profile.max_context)
    if measured:
        survey = await coordinator.survey()
        objective: Objective = "throughput" if sessions > 1 else "latency"
        plan = await trio.to_thread.run_sync(
            with_most_sessions,
            lambda count: make_plan(profile, survey.nodes, survey.links, objective, context=context, sessions=count),
            sessions,
        )
        return plan, survey
    nodes = await coordinator.inventory()
    plan = with_most_sessions(lambda count: balanced_plan(profile, nodes, context=context, sessions=count), sessions)
    return plan, None


def _is_limited(request: Request) -> bool:
    return request.mesh is not None or request.memory_bytes is not None
