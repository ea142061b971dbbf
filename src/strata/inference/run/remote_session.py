"""A session over all stages of a plan, seen from the coordinator: opened, told of the nodes' news, closed."""

import math
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import trio

from strata.inference.plan import Plan
from strata.inference.plan.profile import ModelProfile
from strata.inference.plan.workload import Workload
from strata.inference.protocol.messages import Close, Failed, Open, Sampling, Scored, Tokens
from strata.inference.run.concurrent import each
from strata.inference.run.errors import NodeLost, RequestRefused, StageFailed
from strata.inference.run.generate import new_session_name
from strata.inference.run.peers import NodeClient
from strata.inference.run.watchdog import StepClock, watch
from strata.mesh import ProtocolError
from strata.telemetry import current

OPEN_SECONDS = 8.0
CLOSE_SECONDS = 2.0
EVENTS_WAITING = 256


def stages_at_once(addresses: Sequence[Sequence[str]]) -> int:
    """How many stages can be at work at the same time: those on this machine share its cores.

    addresses: of each stage's node.
    """
    here = sum(bool(each) and all(address.startswith("127.") for address in each) for each in addresses)
    return len(addresses) - here + min(here, os.cpu_count() or 1)


@dataclass(frozen=True)
class Needs:
    """What a session asks of its stages; `positions`: those beyond the last of which logits are wanted at a time."""

    padding: tuple[int, ...]
    context: int
    sampling: Sampling
    drawn: int = 0
    positions: int = 0


class RemoteSession:
    """`open` and `close` it; news come through `on_event` and `on_lost`, and are read with `_event`.

    What a mobile node receives or sends is metered, and goes in half the bytes where the model is float32.
    """

    def __init__(self, plan: Plan, clients: Sequence[NodeClient], needs: Needs) -> None:
        self.session = new_session_name()
        self._plan = plan
        self._clients = clients
        self._needs = needs
        self._opened: list[NodeClient] = []
        self._clock = StepClock()
        self._send, self._events = trio.open_memory_channel[tuple[Tokens | Scored, memoryview] | StageFailed](math.inf)

    def on_event(self, event: Tokens | Scored | Failed, payload: memoryview) -> None:
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
        needs, rows = self._needs, len(self._needs.padding)
        peers = [client.peer_id for client in self._clients]
        workspace = Workload(profile, min(needs.context, profile.max_context), rows).workspace_bytes
        workspace += 4 * profile.vocab_size * rows * needs.positions
        at_once = stages_at_once([client.wire.peer.direct for client in self._clients])

        async def open_stage(index: int) -> None:
            stage, client = self._plan.stages[index], self._clients[index]
            order = Open(
                session=self.session,
                shard=shards[index],
                padding=needs.padding,
                max_context=needs.context,
                kv_bytes=profile.stage_kv_bytes(stage.first, stage.last, needs.context, rows),
                previous=peers[index - 1] if index else None,
                following=peers[index + 1] if index + 1 < len(peers) else None,
                sampling=needs.sampling,
                drawn=needs.drawn,
                workspace_bytes=workspace,
                stages=at_once,
                kv_cache=self._plan.kv_cache,
                onward="bfloat16" if any(each.mobile for each in self._clients[index : index + 2]) else None,
                traceparent=current(),
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

    async def _watch(self) -> None:
        index, reason = await watch(self.session, self._clients, self._clock)
        self._send.send_nowait(StageFailed.of(self._plan.stages[index], reason))

    async def _event(self) -> tuple[Tokens | Scored, memoryview]:
        """What the last stage answers next; raises StageFailed."""
        event = await self._events.receive()
        if isinstance(event, StageFailed):
            raise event
        return event

    async def close(self) -> None:
        """Close the session wherever it was opened; nodes that are lost have closed it themselves."""

        async def close(client: NodeClient) -> None:
            with suppress(NodeLost, RequestRefused):
                await client.request(Close(session=self.session), seconds=CLOSE_SECONDS)

        opened, self._opened = self._opened, []
        with trio.CancelScope(shield=True):
            await each(close, opened)
