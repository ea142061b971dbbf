"""A model that runs on connected nodes: what is asked of it, and who still asks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import trio

from strata.api.fleet.outlet import Outlet
from strata.api.ports import FinishReason, FleetUnavailable, Piece, Prompt, Recovered
from strata.errors import StrataError
from strata.inference import (
    Checkpoint,
    ContextExceeded,
    Coordinator,
    GenerationParams,
    GenerationResult,
    NodeLost,
    Plan,
    RecordedFailures,
    Recovery,
    RequestRefused,
    SamplingParams,
    StageFailed,
    Texts,
)
from strata.mesh import Roster, Unreachable

CLOSE_SECONDS = 5.0
UNAVAILABLE = (NodeLost, StageFailed, RequestRefused, Unreachable)


@dataclass
class Running:
    """`plan` is the one that was distributed; its layers may have moved since (see `Coordinator.placed`)."""

    coordinator: Coordinator
    roster: Roster
    checkpoint: Checkpoint
    plan: Plan
    texts: Texts
    watcher: RecordedFailures
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    # One conversation at a time is put into tokens, so that long ones do not take all threads.
    _encoding: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(1))
    _answers: set[trio.CancelScope] = field(default_factory=set)
    _ended: trio.Event = field(default_factory=trio.Event)
    _is_closing: bool = False

    @asynccontextmanager
    async def answer(self, prompt: Prompt) -> AsyncIterator[Outlet]:
        """As `Fleet.answer`."""
        tokens = await trio.to_thread.run_sync(self._encode, prompt, limiter=self._encoding)
        params = self._params(prompt, tokens)
        outlet = Outlet()
        failure: Exception | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._generate, tokens, params, outlet)
            try:
                yield outlet
            except Exception as error:
                failure = error  # raised below, outside the nursery, which would put it into a group
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure

    async def close(self) -> None:
        """End all answers, and wait until their sessions on the nodes are closed."""
        self._is_closing = True
        with trio.move_on_after(CLOSE_SECONDS) as deadline:
            deadline.shield = True
            for scope in tuple(self._answers):
                scope.cancel()
            while self._answers:
                await self._ended.wait()

    async def _generate(self, tokens: list[int], params: GenerationParams, outlet: Outlet) -> None:
        with trio.CancelScope() as scope:
            self._answers.add(scope)
            if self._is_closing:
                scope.cancel()
            try:
                result = await self.coordinator.generate(
                    self.checkpoint,
                    self.plan,
                    [tokens],
                    params,
                    outlet.on_text,
                    on_recovery=lambda recovery: outlet.on_recovery(_recovered(recovery)),
                    watcher=self.watcher,
                )
            except UNAVAILABLE as error:
                outlet.end(_unavailable(error))
            except Exception as error:
                outlet.end(error)
            else:
                outlet.end(_last(result))
            finally:
                self._answers.discard(scope)
                self._ended.set()
                self._ended = trio.Event()
        if scope.cancelled_caught:
            outlet.end(FleetUnavailable("the fleet was closed before the answer was complete; ask again later"))

    def _encode(self, prompt: Prompt) -> list[int]:
        if prompt.turns:
            return self.texts.converse([{"role": turn.role, "content": turn.content} for turn in prompt.turns])
        (tokens,) = self.texts.encode([prompt.text], chat=False)
        return tokens

    def _params(self, prompt: Prompt, tokens: list[int]) -> GenerationParams:
        """How to answer; no more memory is asked for than the answer can need. Raises ContextExceeded, StrataError."""
        room = self.plan.context - len(tokens)
        if not tokens or room <= 0:
            raise ContextExceeded(
                f"the prompt has {len(tokens):,} tokens and the context holds {self.plan.context:,}, of which one at "
                "least is for the answer; shorten the prompt, or leave out turns of the conversation"
                if tokens
                else "the prompt has no tokens: say something"
            )
        try:
            return GenerationParams(
                max_new_tokens=prompt.max_new_tokens,
                sampling=SamplingParams(prompt.temperature, prompt.top_k, prompt.top_p, prompt.seed),
                context=len(tokens) + min(room, prompt.max_new_tokens),
                stop_texts=prompt.stop,
            )
        except ValueError as error:
            raise StrataError(str(error)) from error


def _unavailable(error: StrataError) -> FleetUnavailable:
    unavailable = FleetUnavailable(f"the fleet cannot answer now: {error}")
    unavailable.__cause__ = error
    return unavailable


def _recovered(recovery: Recovery) -> Recovered:
    return Recovered(recovery.node, recovery.layers, recovery.reason, recovery.response, recovery.seconds)


def _last(result: GenerationResult) -> Piece:
    """The last piece of an answer, with what it took: seconds, and where its layers were at the end."""
    figures = {
        "seconds": result.seconds,
        "seconds_waited": result.waited,
        "seconds_to_first_token": result.seconds_to_first_token,
        "seconds_per_token": result.seconds_per_token,
        "recoveries": len(result.recoveries),
        "stages": [{"node": stage.node, "layers": list(stage.layers)} for stage in result.stages],
    }
    finish: FinishReason = "stop" if result.finish == ["stop"] else "length"
    return Piece("", finish, result.prompt_tokens, result.tokens, figures=figures)
