"""Who answers the questions of browsers: the inference pipeline, on the nodes of the mesh."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from strata.settings import Settings

if TYPE_CHECKING:
    from strata.inference import Coordinator, GenerationResult, Request
    from strata.mesh import Answered


@dataclass(frozen=True)
class FleetAnswers:
    """A `strata.mesh.Ask`: each question goes to the nodes that are there when it is asked.

    model: a safetensors folder. mesh, identity: the membership file and the coordinator's key. With sharding switched
    off in the settings the model runs in this process.
    """

    model: Path
    mesh: Path
    identity: Path
    settings: Settings
    dtype: str | None = None

    async def __call__(self, prompt: str, most_tokens: int, on_text: Callable[[str], None]) -> "Answered":
        """As `Ask`."""
        from strata.inference import GenerationParams, Request
        from strata.mesh import Answered

        params = GenerationParams(max_new_tokens=most_tokens)
        request = Request(str(self.model), (prompt,), params, mesh=self.mesh, identity=self.identity, dtype=self.dtype)
        began = time.perf_counter()
        run = self._on_nodes if self.settings.inference_sharding else self._here
        result = await run(request, on_text)
        return Answered(result.tokens, time.perf_counter() - began)

    async def _on_nodes(self, request: "Request", on_text: Callable[[str], None]) -> "GenerationResult":
        from strata.inference import Checkpoint, Place, answer_prompts, connected, place_layers, recording

        with recording(self.settings.ledger) as (watcher, _):

            async def run(coordinator: "Coordinator") -> "GenerationResult":
                checkpoint = Checkpoint.open(self.model)
                plan = await place_layers(coordinator, request, self.settings, self.model, sessions=1)
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

            return await connected(Place(self.mesh, self.identity, self.settings.home), run)

    async def _here(self, request: "Request", on_text: Callable[[str], None]) -> "GenerationResult":
        from strata.inference import generate_locally

        def show(_: int, piece: str) -> None:
            trio.from_thread.run_sync(on_text, piece)  # raises where the question was taken back

        return await trio.to_thread.run_sync(
            generate_locally, self.model, request.prompts, request.params, show, self.dtype
        )
