"""One generation over connected nodes, seen from the coordinator."""

import math
import os
from array import array
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from itertools import chain

import trio

from strata.inference.plan import Plan
from strata.inference.plan.profile import ModelProfile
from strata.inference.plan.workload import Workload
from strata.inference.protocol.messages import Close, Failed, Open, ProtocolError, Sampling, Step, Tokens
from strata.inference.run.concurrent import beside, each
from strata.inference.run.errors import NodeLost, RequestRefused, StageFailed
from strata.inference.run.generate import Generation, GenerationParams, new_session_name
from strata.inference.run.peers import NodeClient
from strata.inference.run.watchdog import StepClock, watch

OPEN_SECONDS = 8.0
CLOSE_SECONDS = 2.0
EVENTS_WAITING = 256


def stages_at_once(addresses: Sequence[Sequence[str]]) -> int:
    """How many stages can be at work at the same time: those on this machine share its cores.

    addresses: of each stage's node.
    """
    here = sum(bool(each) and all(address.startswith("127.") for address in each) for each in addresses)
    return len(addresses) - here + min(here, os.cpu_count() or 1)


def is_answer(ids: Sequence[int], rows: int, drafts: Sequence[int]) -> bool:
    """Whether a step of so many rows can have these tokens: one each or, after drafts, those that are right and one."""
    if not drafts:
        return len(ids) == rows
    return 1 <= len(ids) <= len(drafts) + 1 and list(ids[:-1]) == list(drafts[: len(ids) - 1])


class RemoteRun:
    """A session over all stages of a plan: `open`, `decode`, `close`; news come through `on_event` and `on_lost`."""

    def __init__(
        self,
        plan: Plan,
        clients: Sequence[NodeClient],
        generation: Generation,
        params: GenerationParams,
    ) -> None:
        self.session = new_session_name()
        self._plan = plan
        self._clients = clients
        self._generation = generation
        self._params = params
        self._opened: list[NodeClient] = []
        self._drafts: tuple[int, ...] = ()  # of the step that is under way
        self._clock = StepClock()
        self._send, self._events = trio.open_memory_channel[tuple[Tokens, memoryview] | StageFailed](math.inf)

    def on_event(self, event: Tokens | Failed, payload: memoryview) -> None:
        """Take what a stage says of this session."""
        if isinstance(event, Failed):
            self._send.send_nowait(self._failure(event.peer, event.reason))
        elif self._send.statistics().current_buffer_used < EVENTS_WAITING:
            self._send.send_nowait((event, payload))
        else:
            raise ProtocolError("it answers steps that were never sent")

    def on_lost(self, client: NodeClient) -> None:
        """Note that the link to a node has ended."""
        if client in self._clients:
            reason = client.lost.reason if client.lost is not None else "its link ended"
            self._send.send_nowait(self._failure(client.peer_id, reason))

    def _failure(self, peer_id: str, reason: str) -> StageFailed:
        stages = zip(self._plan.stages, self._clients, strict=True)
        stage = next((stage for stage, client in stages if client.peer_id == peer_id), self._plan.stages[-1])
        return StageFailed.of(stage, reason)

    async def open(self, shards: Sequence[str], profile: ModelProfile) -> None:
        """Open the session on every stage, or on none; raises RequestRefused, StageFailed, NodeLost."""
        try:
            await self._open(shards, profile)
        except BaseException:
            await self.close()
            raise

    async def _open(self, shards: Sequence[str], profile: ModelProfile) -> None:
        decoding, context = self._generation.decoding, self._generation.context
        peers = [client.peer_id for client in self._clients]
        workspace = Workload(profile, min(context, profile.max_context), decoding.batch).workspace_bytes
        drafts = 4 * profile.vocab_size * self._generation.speculate  # logits of more than one position
        at_once = stages_at_once([client.wire.peer.addresses for client in self._clients])

        async def open_stage(index: int) -> None:
            stage, client = self._plan.stages[index], self._clients[index]
            order = Open(
                session=self.session,
                shard=shards[index],
                padding=decoding.padding,
                max_context=context,
                kv_bytes=profile.stage_kv_bytes(stage.first, stage.last, context, decoding.batch),
                previous=peers[index - 1] if index else None,
                following=peers[index + 1] if index + 1 < len(peers) else None,
                sampling=Sampling(**asdict(self._params.sampling)),
                drawn=decoding.accepted,
                workspace_bytes=workspace + drafts,
                stages=at_once,
                kv_cache=self._plan.kv_cache,
            )
            self._opened.append(client)
            await trio.lowlevel.checkpoint_if_cancelled()
            try:
                with trio.CancelScope(shield=True):  # a request that is broken off ends its link, and all on it
                    await client.request(order, seconds=OPEN_SECONDS)
            except RequestRefused as error:
                if error.code == "unreachable":
                    raise StageFailed.of(self._plan.stages[index + 1], error.reason) from error
                raise

        await each(open_stage, range(len(self._clients)))

    async def decode(self) -> None:
        """Run the decode loop to its end, from all inputs so far; raises StageFailed, NodeLost."""
        await beside(self._decode, self._watch)

    async def _watch(self) -> None:
        index, reason = await watch(self.session, self._clients, self._clock)
        self._send.send_nowait(StageFailed.of(self._plan.stages[index], reason))

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
        event = await self._events.receive()
        if isinstance(event, StageFailed):
            raise event
        if event[0].number != number or not is_answer(event[0].ids, rows, self._drafts):
            raise StageFailed.of(self._plan.stages[-1], "it answered another step than the one that was asked")
        return event

    async def close(self) -> None:
        """Close the session wherever it was opened; nodes that are lost have closed it themselves."""

        async def close(client: NodeClient) -> None:
            with suppress(NodeLost, RequestRefused):
                await client.request(Close(session=self.session), seconds=CLOSE_SECONDS)

        opened, self._opened = self._opened, []
        with trio.CancelScope(shield=True):
            await each(close, opened)
