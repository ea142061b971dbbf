"""A model that is spread over the nodes of a mesh, as a scorer.

Every call connects to the nodes anew and gives them the model's shards, of which they keep what they have had before:
between two calls the same nodes may have answered with another model. Where a node fails, the layers are placed on
those that are left and the call is made once more.
"""

import math
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import trio

from strata.errors import StrataError
from strata.evolution.evaluate.scorer import ScoringFailed
from strata.evolution.evaluate.texts import Texts
from strata.inference import (
    Checkpoint,
    Coordinator,
    GenerationParams,
    NodeLost,
    Place,
    Plan,
    RequestRefused,
    StageFailed,
    connected,
    profile_model,
    scoring_plan,
)

DTYPE = "float32"  # as `LocalScorer` has it: an answer that is cached is the same wherever it came from
WRITTEN_AT_ONCE = 16  # answers; nodes compute the steps of several together

T = TypeVar("T")
Work = Callable[[Coordinator, Plan], Awaitable[T]]


class ShardedScorer:
    """The model of a folder, which must stay, in float32 on the nodes of `place`. Raises ScoringFailed for no model."""

    def __init__(self, folder: Path, place: Place) -> None:
        try:
            self._checkpoint = Checkpoint.open(folder)
            self._profile = profile_model(folder, DTYPE)
        except StrataError as error:
            raise ScoringFailed(f"cannot read the model in {folder}: {error}") from error
        self._place = place
        self._texts = Texts(folder, self._profile.max_context)
        self._plan: Plan | None = None

    def log_likelihoods(self, questions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        """See `Scorer`."""
        asked = self._texts.questions(questions)

        async def score(coordinator: Coordinator, plan: Plan) -> list[list[float]]:
            return await coordinator.log_probabilities(self._checkpoint, plan, asked)

        found = self._run(score) if asked else []
        if not all(math.isfinite(value) for values in found for value in values):
            raise ScoringFailed("the model's logits are not finite")
        return found

    def generate(self, prompts: Sequence[str], stops: Sequence[str], most_tokens: int) -> list[str]:
        """See `Scorer`; several at the same time."""
        asked = [self._texts.prompt(prompt) for prompt in prompts]
        written = [""] * len(asked)

        async def write(coordinator: Coordinator, plan: Plan) -> None:
            # Greedy decoding gives a token even where none is likelier than another.
            ((value,),) = await coordinator.log_probabilities(self._checkpoint, plan, [(asked[0][0], [[0]])])
            if math.isnan(value):
                raise ScoringFailed("the model's logits are not finite")
            at_once = trio.Semaphore(WRITTEN_AT_ONCE)

            async def one(place: int) -> None:
                async with at_once:
                    tokens, room = asked[place]
                    new = min(most_tokens, room)
                    written[place] = await self._write(coordinator, plan, tokens, new, stops[place])

            await _each(one, len(asked))

        if asked and most_tokens > 0:
            self._run(write)
        return written

    async def _write(self, coordinator: Coordinator, plan: Plan, tokens: list[int], new: int, stop: str) -> str:
        text = ""
        params = GenerationParams(max_new_tokens=new, chat=False, stop=self._texts.ends, context=len(tokens) + new)
        with trio.CancelScope() as scope:

            def on_text(_: int, piece: str) -> None:
                nonlocal text
                text += piece
                if stop and stop in text:
                    scope.cancel()

            result = await coordinator.generate(self._checkpoint, plan, [tokens], params, on_text)
            ids = result.token_ids[0]
            text = self._texts.decode(ids[:-1] if ids and ids[-1] in self._texts.ends else ids)
        return text[: text.index(stop)] if stop and stop in text else text

    def _run(self, work: Work[T]) -> T:
        async def attempt(coordinator: Coordinator) -> T:
            try:
                return await work(coordinator, await self._placed(coordinator))
            except (NodeLost, RequestRefused, StageFailed):
                self._plan = None
                return await work(coordinator, await self._placed(coordinator))

        try:
            return trio.run(connected, self._place, attempt)
        except ScoringFailed:
            raise
        except (StrataError, OSError) as error:
            raise ScoringFailed(f"the nodes did not answer with {self._checkpoint.path.name}: {error}") from error

    async def _placed(self, coordinator: Coordinator) -> Plan:
        """The plan by which the nodes that are there hold the model now."""
        if self._plan is None or not {stage.node for stage in self._plan.stages} <= set(coordinator.nodes):
            self._plan = scoring_plan(self._profile, await coordinator.inventory())
        await coordinator.distribute(self._checkpoint, self._plan)
        return self._plan


async def _each(function: Callable[[int], Awaitable[None]], count: int) -> None:
    """Call it with 0 to count - 1 at the same time; the first error stops the others and is raised bare."""
    failure: Exception | None = None

    async def run(number: int, scope: trio.CancelScope) -> None:
        nonlocal failure
        try:
            await function(number)
        except Exception as error:
            failure = failure or error
            scope.cancel()

    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(run, number, nursery.cancel_scope)
    if failure is not None:
        raise failure
