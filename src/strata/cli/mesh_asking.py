"""Who answers the questions of browsers: the inference pipeline, on the nodes of the mesh."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from strata.errors import StrataError
from strata.settings import Settings

if TYPE_CHECKING:
    from strata.inference import Coordinator, GenerationResult, Plan, Request
    from strata.mesh import Answered


CONTEXT = 2048  # tokens


@dataclass
class FleetAnswers:
    """A `strata.mesh.Ask`: each question goes to the nodes that are there when it is asked.

    model: a safetensors folder. mesh, identity: the membership file and the coordinator's key. context: tokens at most,
    prompt included. settings: read for each question, since this runs for long; with sharding switched off in them the
    model runs in this process.

    Where layers go is decided, which takes seconds of measuring, when the first question comes, when other nodes are
    there than last time, when a question has failed, and when the optimiser came or went.
    """

    model: Path
    mesh: Path
    identity: Path
    settings: Callable[[], Settings]
    dtype: str | None = None
    context: int = CONTEXT
    _plan: "tuple[tuple[str, ...], bool, Plan] | None" = field(default=None, init=False, repr=False)

    async def __call__(self, prompt: str, most_tokens: int, on_text: Callable[[str], None]) -> "Answered":
        """As `Ask`."""
        from strata.inference import GenerationParams, Request
        from strata.mesh import Answered

        params = GenerationParams(max_new_tokens=most_tokens, context=self.context)
        request = Request(str(self.model), (prompt,), params, mesh=self.mesh, identity=self.identity, dtype=self.dtype)
        began = time.perf_counter()
        settings = self.settings()
        if settings.inference_sharding:
            result = await self._on_nodes(request, on_text, settings)
        else:
            result = await self._here(request, on_text)
        return Answered(result.tokens, time.perf_counter() - began)

    async def _on_nodes(
        self, request: "Request", on_text: Callable[[str], None], settings: Settings
    ) -> "GenerationResult":
        from strata.inference import Checkpoint, Place, answer_prompts, connected, recording

        with recording(settings.ledger) as (watcher, _):

            async def run(coordinator: "Coordinator") -> "GenerationResult":
                checkpoint = Checkpoint.open(self.model)
                plan = await self._placed(coordinator, request, settings)
                await coordinator.distribute(checkpoint, plan)
                return await answer_prompts(
                    coordinator,
                    checkpoint,
                    plan,
                    request.prompts,
                    request.params,
                    on_text=lambda _, piece: on_text(piece),
                    watcher=watcher,
                )

            try:
                return await connected(Place(self.mesh, self.identity, settings.home), run)
            except StrataError:
                self._plan = None
                raise

    async def _placed(self, coordinator: "Coordinator", request: "Request", settings: Settings) -> "Plan":
        from strata.inference import draw_optimiser, place_layers

        # One draw for all questions, since layers are not moved from one to the next.
        draw = await trio.to_thread.run_sync(partial(draw_optimiser, str(self.mesh), settings, differs=False))
        if self._plan is None or self._plan[:2] != (coordinator.nodes, draw.enabled):
            plan, _ = await place_layers(coordinator, request, settings, self.model, sessions=1, draw=draw)
            self._plan = coordinator.nodes, draw.enabled, plan
        return self._plan[2]

    async def _here(self, request: "Request", on_text: Callable[[str], None]) -> "GenerationResult":
        from strata.inference import generate_locally

        def show(_: int, piece: str) -> None:
            trio.from_thread.check_cancelled()  # raises where the question was taken back
            trio.from_thread.run_sync(on_text, piece)

        return await trio.to_thread.run_sync(
            generate_locally, self.model, request.prompts, request.params, show, self.dtype
        )
