"""Who answers the questions of browsers: the inference pipeline, on the nodes of the mesh."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
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
    prompt included. With sharding switched off in the settings the model runs in this process.

    Where layers go is decided, which takes seconds of measuring, when the first question comes, when other nodes are
    there than last time, and when a question has failed.
    """

    model: Path
    mesh: Path
    identity: Path
    settings: Settings
    dtype: str | None = None
    context: int = CONTEXT
    _plan: "tuple[tuple[str, ...], Plan] | None" = field(default=None, init=False, repr=False)

    async def __call__(self, prompt: str, most_tokens: int, on_text: Callable[[str], None]) -> "Answered":
        """As `Ask`."""
        from strata.inference import GenerationParams, Request
        from strata.mesh import Answered

        params = GenerationParams(max_new_tokens=most_tokens, context=self.context)
        request = Request(str(self.model), (prompt,), params, mesh=self.mesh, identity=self.identity, dtype=self.dtype)
        began = time.perf_counter()
        run = self._on_nodes if self.settings.inference_sharding else self._here
        result = await run(request, on_text)
        return Answered(result.tokens, time.perf_counter() - began)

    async def _on_nodes(self, request: "Request", on_text: Callable[[str], None]) -> "GenerationResult":
        from strata.inference import Checkpoint, Place, answer_prompts, connected, recording

        with recording(self.settings.ledger) as (watcher, _):

            async def run(coordinator: "Coordinator") -> "GenerationResult":
                checkpoint = Checkpoint.open(self.model)
                plan = await self._placed(coordinator, request)
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
                return await connected(Place(self.mesh, self.identity, self.settings.home), run)
            except StrataError:
                self._plan = None
                raise

    async def _placed(self, coordinator: "Coordinator", request: "Request") -> "Plan":
        from strata.inference import place_layers

        if self._plan is None or self._plan[0] != coordinator.nodes:
            plan, _ = await place_layers(coordinator, request, self.settings, self.model, sessions=1)
            self._plan = coordinator.nodes, plan
        return self._plan[1]

    async def _here(self, request: "Request", on_text: Callable[[str], None]) -> "GenerationResult":
        from strata.inference import generate_locally

        def show(_: int, piece: str) -> None:
            trio.from_thread.check_cancelled()  # raises where the question was taken back
            trio.from_thread.run_sync(on_text, piece)

        return await trio.to_thread.run_sync(
            generate_locally, self.model, request.prompts, request.params, show, self.dtype
        )
