"""One session on one node: steps come in, are computed, and go on to the next stage or, as tokens or figures, back."""

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import TypeVar

import torch
import trio

from strata.inference.decoder.sampling import Sampler, SamplingParams
from strata.inference.decoder.session import StageSession, Want
from strata.inference.decoder.stage import Stage
from strata.inference.decoder.weights import buffer_of
from strata.inference.node.batching import Batcher
from strata.inference.node.pace import PaceCounter
from strata.inference.node.tracing import SessionTrace
from strata.inference.protocol.messages import Failed, Open, Progress, Scored, Step, Tokens
from strata.inference.protocol.wire import Wire
from strata.mesh import LinkClosed, ProtocolError
from strata.secure import ChannelError

T = TypeVar("T")

# Steps that may wait: a stream has one under way, a prompt one for each slice.
INBOX = 4096
# Rows (batch x tokens) of a prompt computed at a time: enough for products of matrices to be bound by arithmetic, few
# enough for their activations to be small beside any stage's weights.
SLICE_ROWS = 64


class StageRun:
    """A session's state on this node. `run` serves it until it fails, or is cancelled because it was closed."""

    def __init__(
        self,
        order: Open,
        stage: Stage,
        batcher: Batcher,
        *,
        coordinator: Wire,
        following: Wire | None,
        pace: PaceCounter,
    ) -> None:
        self.order = order
        self.coordinator = coordinator
        self.scope = trio.CancelScope()
        self.ended = trio.Event()
        self.following = following
        self._batcher = batcher
        self._pace = pace
        self._send, self._inbox = trio.open_memory_channel[tuple[Step, memoryview]](INBOX)
        self.session: StageSession = stage.new_session(
            len(order.padding), order.padding, order.max_context, cache=order.kv_cache
        )
        self._sampler: Sampler | None = None
        if stage.is_last:
            self._sampler = Sampler(
                SamplingParams(**order.sampling.model_dump()), len(order.padding), drawn=order.drawn
            )
        self._trace = SessionTrace.of(order, (stage.first, stage.last))
        self._fault: str | None = None
        self._taken = self._computed = self._sent = 0
        self._certain = 0  # tokens in the cache that no step can take back: all but the latest drafts or targets

    @property
    def kv_bytes(self) -> int:
        """Bytes of KV cache in use."""
        return self.session.kv_bytes

    @property
    def waits(self) -> bool:
        """Whether all that came in has been computed, so that it is for its coordinator to go on."""
        return self._taken == self._computed

    @property
    def progress(self) -> Progress:
        """How far the session is."""
        return Progress(taken=self._taken, computed=self._computed, sent=self._sent)

    def feed(self, step: Step, payload: memoryview, sender: Wire) -> None:
        """Take a step from the link it came over; raises ProtocolError unless that is where steps must come from."""
        expected = self.order.previous
        legitimate = sender is self.coordinator if expected is None else sender.peer.peer_id == expected
        if not legitimate:
            raise ProtocolError(f"{sender.peer.name} sent a step of a session that it is not the previous stage of")
        try:
            self._send.send_nowait((step, payload))
        except trio.WouldBlock:
            raise ProtocolError(f"more than {INBOX} steps of one session are waiting") from None
        self._taken += 1

    async def run(self, own_peer_id: str) -> None:
        """Compute steps in order until cancelled through `scope`; tells the coordinator when the session fails."""
        with self.scope:
            try:
                with self._batcher.session(self.order.session, self.order.stages):
                    peer, reason = await self._serve(own_peer_id)
                self._fault = "StageFailed"
                await self.coordinator.send(Failed(session=self.order.session, peer=peer, reason=reason[:2000]))
            except (LinkClosed, ChannelError):
                pass  # the coordinator has gone, and its sessions with it
        if self.following is not None:
            await self.following.aclose()

    def end(self) -> None:
        """Note that `run` is over, however it ended."""
        self.ended.set()
        if self._trace is not None:
            self._trace.end(self._fault)

    async def _serve(self, own_peer_id: str) -> tuple[str, str]:
        """Returns who is at fault and why, when the session cannot go on."""
        fault: tuple[str, str] = own_peer_id, "the session was closed"
        async with trio.open_nursery() as nursery:

            async def watch(following: Wire) -> None:
                nonlocal fault
                try:
                    await following.receive()
                    fault = following.peer.peer_id, "it answered where no answer is due"
                except (LinkClosed, ChannelError, ProtocolError) as error:
                    fault = following.peer.peer_id, f"the link to it broke ({error})"
                nursery.cancel_scope.cancel()

            if self.following is not None:
                nursery.start_soon(watch, self.following)
            try:
                async for step, payload in self._inbox:
                    rows, tokens = step.shape[:2]
                    counted = nullcontext() if self._trace is None else self._trace.step(rows, tokens, step.more)
                    with self._pace.step(rows, 1 if step.drafts else tokens, step.more), counted:
                        await self._advance(step, payload)
                    self._computed += 1
            except (LinkClosed, ChannelError) as error:
                if self.following is not None:
                    fault = self.following.peer.peer_id, f"the link to it broke ({error})"
            except Exception as error:  # whatever a model's code raises costs its session, not the node
                fault = own_peer_id, f"{type(error).__name__}: {error}"
            nursery.cancel_scope.cancel()
        return fault

    async def _advance(self, step: Step, payload: memoryview) -> None:
        """Compute a step and send on what comes of it; the first stage does a long prompt in slices.

        Slices bound the memory that activations take in every stage, and let the stages work on a prompt side by side.
        """
        inputs = torch.frombuffer(payload, dtype=getattr(torch, step.dtype)).view(step.shape)
        if inputs.dtype is torch.bfloat16:
            inputs = inputs.to(self.session.stage.model.dtype)  # it may have been sent as less than it was
        tokens = inputs.shape[1]
        if tokens < 1:
            raise ValueError("a step without tokens")
        self._go_back(step)
        self._certain = self.session.length + (0 if step.targets else tokens - len(step.drafts))
        width = tokens
        if step.targets:
            _check_targets(step)
        elif step.drafts:
            self._check_drafts(step, inputs)
        elif self.order.previous is None and self.session.takes_slices:
            widest = max(1, SLICE_ROWS // inputs.shape[0])
            width = math.ceil(tokens / math.ceil(tokens / widest))  # of equal slices no stage waits for a larger one
        for start in range(0, tokens, width):
            more = step.more or start + width < tokens
            await self._advance_slice(step, inputs[:, start : start + width], more)

    async def _advance_slice(self, step: Step, inputs: torch.Tensor, more: bool) -> None:
        if self._sampler is None:
            hidden = await self._compute(inputs, self._onward, more=more)
            dtype = str(hidden.dtype).removeprefix("torch.")
            onward = step.model_copy(update={"shape": tuple(hidden.shape), "dtype": dtype, "more": more})
            assert self.following is not None
            await self.following.send(onward, buffer_of(hidden))
            self._sent += 1
            return
        if step.targets:
            sums = await self._compute(inputs, partial(_score, targets=step.targets), want="logits")
            await self.coordinator.send(Scored(session=step.session, number=step.number), buffer_of(sums))
            self._sent += 1
            return
        if step.drafts:
            verify = partial(self._verify, drafts=step.drafts)
            logits, ids = await self._compute(inputs, verify, want="logits")
        else:
            logits, ids = await self._compute(inputs, self._read if more else self._choose, more=more)
        if not more:
            data = buffer_of(logits.float()) if step.want_logits else b""
            await self.coordinator.send(Tokens(session=step.session, number=step.number, ids=ids), data)
            self._sent += 1

    def _go_back(self, step: Step) -> None:
        """Forget the rejected drafts of the step before; raises ValueError where `start` is none of their places."""
        if step.start is None:
            return
        if not self._certain <= step.start <= self.session.length:
            place = f"{self._certain} to {self.session.length}"
            raise ValueError(f"a step starts after {step.start} tokens, where the session has {place}")
        self.session.rewind(step.start)

    def _check_drafts(self, step: Step, inputs: torch.Tensor) -> None:
        """Raise ValueError where drafts cannot be tried, or are not the step's tokens."""
        if not self.session.takes_slices:
            raise ValueError("a step has drafts, which this model's cache cannot take back")
        if step.more or inputs.shape[:2] != (1, 1 + len(step.drafts)):
            raise ValueError(f"a step of shape {tuple(inputs.shape)} has {len(step.drafts)} drafts")
        if self.order.previous is None and inputs[0, 1:].tolist() != list(step.drafts):
            raise ValueError("a step's drafts are not its tokens")

    async def _compute(
        self,
        inputs: torch.Tensor,
        finish: Callable[[torch.Tensor], T],
        *,
        want: Want = "last_logits",
        more: bool = False,
    ) -> T:
        note = None if self._trace is None else self._trace.computed
        return await self._batcher.compute(
            self.order.session, self.session, inputs, finish, want=want, more=more, note=note
        )

    def _onward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Hidden states as they are sent to the next stage."""
        if self.order.onward is not None and hidden.dtype is torch.float32:
            hidden = hidden.to(getattr(torch, self.order.onward))
        return hidden.contiguous()

    def _read(self, logits: torch.Tensor) -> tuple[torch.Tensor, tuple[int, ...]]:
        """Logits (B, V), after which more is to come."""
        return logits, ()

    def _choose(self, logits: torch.Tensor) -> tuple[torch.Tensor, tuple[int, ...]]:
        """Logits (B, V) and the tokens chosen from them."""
        assert self._sampler is not None
        return logits.contiguous(), tuple(self._sampler.next(logits).tolist())

    def _verify(self, logits: torch.Tensor, drafts: tuple[int, ...]) -> tuple[torch.Tensor, tuple[int, ...]]:
        """Of logits (1, 1 + k, V) those from which tokens are chosen, (tokens, V), and the tokens."""
        assert self._sampler is not None
        ids = tuple(self._sampler.verify(logits[0], drafts))
        return logits[0, : len(ids)].contiguous(), ids


def _check_targets(step: Step) -> None:
    """Raise ValueError where targets do not go with the step."""
    rows, tokens = step.shape[:2]
    longest = max(map(len, step.targets))
    if step.more or step.drafts or len(step.targets) != rows or not 1 <= longest <= tokens:
        raise ValueError(
            f"a step of shape {tuple(step.shape)} has {len(step.targets)} rows of targets, up to {longest}"
        )


def _score(logits: torch.Tensor, targets: Sequence[Sequence[int]]) -> torch.Tensor:
    """(B,) float64: for each row the sum of log-probabilities of its targets.

    logits: (B, T, V), or (B, V) of a step of one token.
    """
    longest = max(map(len, targets))
    logits = logits.reshape(len(targets), -1, logits.shape[-1])[:, -longest:].float()
    ids = torch.tensor([[*row, *[0] * (longest - len(row))] for row in targets])
    there = torch.arange(longest) < torch.tensor([[len(row)] for row in targets])
    values = logits.gather(2, ids[..., None])[..., 0] - logits.logsumexp(2)
    return torch.where(there, values, 0.0).double().sum(1)
