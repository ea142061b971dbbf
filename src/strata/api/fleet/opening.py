"""A fleet for as long as a block lasts: nodes reached or started, the model on them, and again when that fails."""

import logging
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeVar

import trio

from strata.api.fleet.mesh_fleet import MeshFleet
from strata.api.fleet.reviving import revive
from strata.api.fleet.running import Running
from strata.errors import StrataError
from strata.inference import (
    Checkpoint,
    Coordinator,
    GenerationParams,
    Request,
    Texts,
    place_layers,
    reached,
    recording,
    resolve_model,
)
from strata.mesh import open_roster
from strata.secure import Identity, read_sealed
from strata.settings import Settings

RETRY_SECONDS = 1.0
RETRY_LONGEST = 30.0

T = TypeVar("T")
_log = logging.getLogger(__name__)


@asynccontextmanager
async def open_fleet(
    settings: Settings,
    *,
    model: str,
    mesh: Path | None = None,
    identity: Path | None = None,
    nodes: int | None = None,
    memory: int | None = None,
    dtype: str | None = None,
    context: int = 2048,
    sessions: int = 4,
) -> AsyncIterator[MeshFleet]:
    """Yield at once a fleet that will answer with `model`, as soon as it can.

    mesh: the membership file of running nodes, with `identity`, the key of a coordinator of it; or nodes: so many are
    started here, with `memory` bytes each where given, and end with the block. context: tokens of an answer and its
    prompt at most; sessions: answers at a time that there is to be memory for, others wait. Where it cannot be made
    ready, that is tried again every now and then, and the fleet says why it does not answer.

    With sharding switched off in the settings, one local node has the whole model.
    """
    if (mesh is None) == (nodes is None):
        raise StrataError("a fleet is of a mesh that runs, or of nodes that are started here: name one of them")
    if not settings.inference_sharding:
        mesh, nodes, memory = None, 1, None
    request = Request(
        model=model,
        prompts=(),
        params=GenerationParams(context=context),
        nodes=nodes,
        mesh=mesh,
        identity=identity,
        memory_bytes=memory,
        dtype=dtype,
    )
    fleet = MeshFleet(Path(model).name, settings)
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_keep_up, fleet, request, settings, sessions)
        try:
            yield fleet
        except Exception as error:
            failure = error  # raised below, outside the nursery, which would put it into a group
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def _keep_up(fleet: MeshFleet, request: Request, settings: Settings, sessions: int) -> None:
    if not (settings.phase_2 and settings.distributed_inference):
        fleet.down("the inference pipeline is switched off (ARCHAEOLOGICAL_DISTRIBUTED_INFERENCE)")
        return
    pause = RETRY_SECONDS
    while True:
        try:
            await _run(fleet, request, settings, sessions)
        except (StrataError, OSError) as error:
            fleet.down(str(error))
            _log.warning("the fleet cannot answer: %s", error)
        await trio.sleep(pause)
        pause = min(2 * pause, RETRY_LONGEST)


async def _run(fleet: MeshFleet, request: Request, settings: Settings, sessions: int) -> None:
    """Have the fleet up until cancelled; raises what keeps it from it."""
    model = await trio.to_thread.run_sync(resolve_model, request.model, settings)
    async with (
        _in_threads(reached(request, settings)) as place,
        _in_threads(recording(settings.ledger)) as (watcher, _),
    ):
        membership, sealed = await trio.to_thread.run_sync(read_sealed, place.mesh)
        key, roster = Identity.load(place.identity), open_roster(membership, place.home)
        async with Coordinator.connect(key, roster, place.home, sealed, place.recent) as coordinator:
            checkpoint = await trio.to_thread.run_sync(Checkpoint.open, model)
            plan, _ = await place_layers(coordinator, request, settings, model, sessions=sessions)
            await coordinator.distribute(checkpoint, plan)
            texts = await trio.to_thread.run_sync(Texts.of, model)
            running = Running(coordinator, roster, checkpoint, plan, texts, watcher)
            fleet.up(running)
            try:
                await (trio.sleep_forever() if place.local is None else revive(place.local))
            finally:
                fleet.down("it is closing")
                await running.close()


@asynccontextmanager
async def _in_threads(manager: AbstractContextManager[T]) -> AsyncIterator[T]:
    """A context whose entry and end take long: node processes start and end there."""
    value = await trio.to_thread.run_sync(manager.__enter__)
    try:
        yield value
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(manager.__exit__, None, None, None)
