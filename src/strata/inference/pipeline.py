"""The coordinator: it knows the nodes, has them measured, gives them their shards and runs generations on them.

async with Coordinator.connect(identity, roster, home) as coordinator:
    nodes, links = await coordinator.survey()
    await coordinator.distribute(checkpoint, plan, home)
    result = await coordinator.generate(checkpoint, plan, home, ["What is a mesh?"])
"""

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import trio

from strata.errors import StrataError
from strata.inference.checkpoint import Checkpoint
from strata.inference.distribute import DistributionReport, Progress, ShardReport, send_shard, write_manifests
from strata.inference.errors import NodeLost, RequestRefused, StageFailed
from strata.inference.generate import GenerationParams, GenerationResult, OnText, Prompts, StageResult
from strata.inference.generate import Progress as Generation
from strata.inference.messages import (
    Failed,
    GetStatus,
    LinkMeasured,
    Measure,
    Measured,
    MeasureLink,
    Status,
    Tokens,
    Update,
)
from strata.inference.peers import NodeClient
from strata.inference.plan import Plan, StagePlan
from strata.inference.profile import profile_model
from strata.inference.profile_node import Links, NodeProfile
from strata.inference.running_remote import RemoteRun
from strata.inference.text import Texts
from strata.inference.wire import Wire
from strata.mesh import Roster, Unreachable, dial
from strata.secure import ChannelError, Identity, Member

A = TypeVar("A")
T = TypeVar("T")


class Coordinator:
    """The connected nodes of a mesh. Made by `connect`."""

    def __init__(self, identity: Identity, roster: Roster, home: Path) -> None:
        self._home = home
        self._identity = identity
        self._roster = roster
        self._clients: dict[str, NodeClient] = {}
        self._before: dict[str, Status] = {}
        self._runs: dict[str, RemoteRun] = {}
        self.unreachable: dict[str, StrataError] = {}

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, identity: Identity, roster: Roster, home: Path, sealed: bytes | None = None
    ) -> AsyncIterator["Coordinator"]:
        """Connect to every node of the mesh; those that do not answer are in `unreachable`, by name, with the reason.

        home: where digests of checkpoints are remembered; sealed: the membership file's bytes, given to nodes that know
        an older one. Raises Unreachable when no node
        answers. Links are closed at the end; the nodes keep their shards.
        """
        self = cls(identity, roster, home)
        failure: Exception | None = None
        async with trio.open_nursery() as nursery:
            try:
                await self._connect_all(nursery, sealed)
                yield self
            except Exception as error:
                failure = error  # raised below, outside the nursery, which would put it into a group
            with trio.move_on_after(5) as deadline:
                deadline.shield = True
                await _each(NodeClient.aclose, list(self._clients.values()))
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure

    async def _connect_all(self, nursery: trio.Nursery, sealed: bytes | None) -> None:
        members = [m for m in self._roster.membership.members if "node" in m.roles]

        async def connect(member: Member) -> None:
            try:
                link = await dial(self._identity, self._roster, member.peer_id)
                client = NodeClient(Wire(link), self._on_event, self._on_lost)
                nursery.start_soon(client.run)
                if sealed is not None:
                    await client.request(Update(), sealed)
                self._before[client.name] = await _status(client)
                self._clients[client.name] = client
            except (Unreachable, ChannelError, NodeLost, RequestRefused) as error:
                self.unreachable[member.name] = error

        await _each(connect, members)
        if not self._clients:
            reasons = "; ".join(f"{name}: {error}" for name, error in self.unreachable.items())
            raise Unreachable(f"no node of the mesh answers ({reasons or 'it has no nodes'})")

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the connected nodes, in the membership's order."""
        order = [member.name for member in self._roster.membership.members]
        return tuple(name for name in order if name in self._clients and self._clients[name].lost is None)

    async def inventory(self) -> list[NodeProfile]:
        """The connected nodes and their memory budgets, without measuring (flops and bandwidth are 1)."""
        statuses = await _each(_status, [self._clients[name] for name in self.nodes])
        return [
            NodeProfile(name, status.memory_bytes, 1.0, 1.0) for name, status in zip(self.nodes, statuses, strict=True)
        ]

    async def survey(self) -> tuple[list[NodeProfile], Links]:
        """Have each node measure itself, and the links between any two of them; takes a few seconds.

        One after the other, since nodes may share a machine. A link that cannot be made counts as unreachable.
        """
        names = self.nodes
        nodes, latency, bandwidth = [], [], []
        for name in names:
            measured = await self._clients[name].request(Measure())
            assert isinstance(measured, Measured)
            nodes.append(NodeProfile(name, measured.memory_bytes, measured.flops, measured.bandwidth))
        for name in names:
            row = [await self._measure_link(name, other) for other in names]
            latency.append([seconds for seconds, _ in row])
            bandwidth.append([rate for _, rate in row])
        return nodes, Links.of(latency, bandwidth)

    async def _measure_link(self, name: str, other: str) -> tuple[float, float]:
        if name == other:
            return 0.0, math.inf
        try:
            measured = await self._clients[name].request(MeasureLink(peer=self._clients[other].peer_id))
        except RequestRefused:
            return math.inf, 0.0
        assert isinstance(measured, LinkMeasured)
        return measured.latency, measured.bandwidth

    async def distribute(
        self, checkpoint: Checkpoint, plan: Plan, progress: Progress | None = None
    ) -> DistributionReport:
        """Give every node of the plan its shard and have it loaded, all at the same time.

        Raises RequestRefused (`tensor` names one that
        arrived altered), StageFailed, Unsplittable before anything is sent, CheckpointError.
        """
        from strata.inference.stage import check_splittable

        await trio.to_thread.run_sync(check_splittable, checkpoint.config)
        clients = [self._client(stage) for stage in plan.stages]
        manifests = await trio.to_thread.run_sync(write_manifests, checkpoint, plan, self._home)

        async def send(index: int) -> ShardReport:
            try:
                return await send_shard(clients[index], self._identity, checkpoint, manifests[index], progress)
            except NodeLost as error:
                raise StageFailed.of(plan.stages[index], error.reason) from error

        reports = await _each(send, range(len(clients)))
        return DistributionReport(tuple(reports))

    async def generate(
        self,
        checkpoint: Checkpoint,
        plan: Plan,
        prompts: Prompts,
        params: GenerationParams | None = None,
        on_text: OnText | None = None,
    ) -> GenerationResult:
        """Answer `prompts` (texts or token ids, one batch) with the nodes that hold the plan's shards.

        on_text(row, piece) is called as text comes. Raises StageFailed when a node dies or breaks (within seconds,
        never a hang), RequestRefused (code "shard": distribute first; "memory": no room for the KV cache), NoTokenizer,
        ContextExceeded.
        """
        params = params or GenerationParams()
        clients = [self._client(stage) for stage in plan.stages]
        texts = await trio.to_thread.run_sync(Texts, checkpoint.path)
        generation = Generation(texts, prompts, params, plan.context)
        generation.on_text = on_text
        manifests = await trio.to_thread.run_sync(write_manifests, checkpoint, plan, self._home)
        profile = await trio.to_thread.run_sync(profile_model, checkpoint.path, plan.dtype)
        run = RemoteRun(plan, clients, generation, params)
        self._runs[run.session] = run
        try:
            await run.open([manifest.shard for manifest in manifests], profile)
            await run.decode()
            statuses = await _each(_status, clients)
        except NodeLost as error:
            raise next(
                StageFailed.of(stage, error.reason) for stage in plan.stages if stage.node == error.node
            ) from error
        finally:
            del self._runs[run.session]
            await run.close()
        return generation.result(
            [
                StageResult(
                    node=stage.node,
                    layers=(stage.first, stage.last),
                    peak_rss_bytes=status.peak_rss_bytes,
                    baseline_rss_bytes=status.baseline_rss_bytes,
                    weight_bytes=status.weight_bytes,
                    kv_bytes=status.peak_kv_bytes,
                    bytes_sent=status.bytes_sent - self._before[stage.node].bytes_sent,
                    bytes_received=status.bytes_received - self._before[stage.node].bytes_received,
                )
                for stage, status in zip(plan.stages, statuses, strict=True)
            ]
        )

    def _client(self, stage: StagePlan) -> NodeClient:
        client = self._clients.get(stage.node)
        if client is None:
            reason = self.unreachable.get(stage.node, StrataError("it is not a node of this mesh"))
            raise StageFailed.of(stage, str(reason))
        if client.lost is not None:
            raise StageFailed.of(stage, client.lost.reason)
        return client

    def _on_event(self, event: Tokens | Failed, payload: memoryview) -> None:
        run = self._runs.get(event.session)
        if run is not None:
            run.on_event(event, payload)

    def _on_lost(self, client: NodeClient) -> None:
        for run in self._runs.values():
            run.on_lost(client)


async def _status(client: NodeClient) -> Status:
    status = await client.request(GetStatus())
    assert isinstance(status, Status)
    return status


async def _each(function: Callable[[A], Awaitable[T]], items: Sequence[A]) -> list[T]:
    """Call the function with all items at the same time; the results in order, or the first error, bare."""
    results: list[Any] = [None] * len(items)
    failure: Exception | None = None

    async def run(index: int, item: A, scope: trio.CancelScope) -> None:
        nonlocal failure
        try:
            results[index] = await function(item)
        except Exception as error:
            failure = failure or error
            scope.cancel()

    async with trio.open_nursery() as nursery:
        for index, item in enumerate(items):
            nursery.start_soon(run, index, item, nursery.cancel_scope)
    if failure is not None:
        raise failure
    return results
