"""One generation over connected nodes, seen from the coordinator."""

from array import array
from collections.abc import Sequence
from dataclasses import asdict
from itertools import chain

import trio

from strata.inference.plan import Plan
from strata.inference.protocol.messages import Sampling, Step, Tokens
from strata.inference.run.concurrent import beside
from strata.inference.run.errors import StageFailed
from strata.inference.run.generate import Generation, GenerationParams
from strata.inference.run.peers import NodeClient
from strata.inference.run.remote_session import Needs, RemoteSession


def is_answer(ids: Sequence[int], rows: int, drafts: Sequence[int]) -> bool:
    """Whether a step of so many rows can have these tokens: one each or, after drafts, those that are right and one."""
    if not drafts:
        return len(ids) == rows
    return 1 <= len(ids) <= len(drafts) + 1 and list(ids[:-1]) == list(drafts[: len(ids) - 1])


class RemoteRun(RemoteSession):
    """A session that decodes: `open`, `decode`, `close`."""

    def __init__(
        self,
        plan: Plan,
        clients: Sequence[NodeClient],
        generation: Generation,
        params: GenerationParams,
    ) -> None:
        decoding = generation.decoding
        needs = Needs(
            padding=decoding.padding,
            context=generation.context,
            sampling=Sampling(**asdict(params.sampling)),
            drawn=decoding.accepted,
            positions=generation.speculate,
        )
        super().__init__(plan, clients, needs)
        self._generation = generation
        self._params = params
        self._drafts: tuple[int, ...] = ()  # of the step that is under way

    async def decode(self) -> None:
        """Run the decode loop to its end, from all inputs so far; raises StageFailed, NodeLost."""
        await beside(self._decode, self._watch)

    async def _decode(self) -> None:
        generation = self._generation
        inputs, number = generation.start(), generation.decoding.accepted
        while inputs:
            start = generation.decoding.fed - len(inputs[0])
            # The first step feeds all there is into empty caches: it may be long, and is computed in slices.
            self._drafts = generation.draft() if start else ()
            step = Step(
                session=self.session,
                number=number,
                shape=(len(inputs), len(inputs[0]) + len(self._drafts)),
                dtype="int64",
                want_logits=self._params.want_logits,
                start=start if start and generation.speculate else None,
                drafts=self._drafts,
            )
            self._clock.begin(trio.current_time())
            with trio.CancelScope(shield=True):  # half a message would end the link, and all on it
                await self._clients[0].send(step, memoryview(array("q", chain(*inputs, self._drafts))))
            tokens, payload = await self._tokens(number, len(inputs))
            self._clock.end(trio.current_time())
            if self._params.want_logits:
                import torch

                logits = torch.frombuffer(payload, dtype=torch.float32).view(len(tokens.ids), -1)
                generation.logits += logits.chunk(len(tokens.ids) // len(inputs))
            inputs = generation.accept(tokens.ids, self._drafts)
            number += 1

    async def _tokens(self, number: int, rows: int) -> tuple[Tokens, memoryview]:
        event, payload = await self._event()
        if isinstance(event, Tokens) and event.number == number and is_answer(event.ids, rows, self._drafts):
            return event, payload
        raise StageFailed.of(self._plan.stages[-1], "it answered another step than the one that was asked")
