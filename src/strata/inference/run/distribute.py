"""Send each node its shard: offer the signed manifest, send what the node says it lacks, wait until it is loaded.

Pieces of a tensor are read by byte range and sent as the link takes them; the link's own backpressure is the window,
so the sender holds one piece for each node and the receiver a few.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import trio

from strata.inference.models.checkpoint import Checkpoint, CheckpointError
from strata.inference.models.facts import facts_from_config
from strata.inference.plan import Plan
from strata.inference.protocol.manifest import Manifest, write_manifest
from strata.inference.protocol.messages import CHUNK_BYTES, WANT_AT_ONCE, AnyMessage, Chunk, Done, Loaded, Offer, Want
from strata.inference.run.errors import NodeLost
from strata.inference.run.peers import NodeClient
from strata.secure import Identity


@dataclass(frozen=True)
class DistributionProgress:
    """How far one node's shard is: bytes that are there (sent, or there before), of how many."""

    node: str
    bytes_done: int
    bytes_total: int


@dataclass(frozen=True)
class ShardReport:
    """What sending one shard took: bytes of tensors sent, bytes that the node had already, seconds until loaded.

    loaded: whether the node has it in memory, too.
    """

    node: str
    layers: tuple[int, int]
    bytes_sent: int
    bytes_skipped: int
    seconds: float
    loaded: bool = True


@dataclass(frozen=True)
class DistributionReport:
    """One report a stage, in the plan's order."""

    shards: tuple[ShardReport, ...]


Progress = Callable[[DistributionProgress], None]


def write_manifests(checkpoint: Checkpoint, plan: Plan, home: Path) -> tuple[Manifest, ...]:
    """The manifest of each stage of the plan. Hashes tensors not hashed before, so it may take a while.

    Raises Unsplittable, UnknownModel, or CheckpointError, also where the plan is of another model.
    """
    from strata.inference.decoder.stage import tensors_for

    facts = facts_from_config(json.loads(checkpoint.config))
    layers = len(facts.kv_widths)
    if plan.num_layers != layers:
        raise CheckpointError(f"the plan places {plan.num_layers} layers, but {checkpoint.path} has {layers}")
    spans = [(stage.first, stage.last) for stage in plan.stages]
    return tuple(
        write_manifest(checkpoint, names, first, last, dtype=plan.dtype, weights=plan.weights, home=home)
        for (first, last), names in zip(spans, tensors_for(checkpoint.config, checkpoint.tensors, spans), strict=True)
    )


async def send_shard(
    client: NodeClient,
    identity: Identity,
    checkpoint: Checkpoint,
    manifest: Manifest,
    progress: Progress | None,
    *,
    store_only: bool = False,
    standby: bool = False,
) -> ShardReport:
    """Have the node hold the shard or, with `store_only`, have its tensors on disk beside what it holds.

    As a `standby` the node has it in memory beside that, too, if it has room.

    Raises RequestRefused (naming a refused tensor), NodeLost, CheckpointError.
    """
    sending = _Sending(client, checkpoint, manifest, progress)
    started = time.perf_counter()
    async with client.conversation():
        signature = manifest.sign(identity).hex()
        await client.send(Offer(signature=signature, store_only=store_only, standby=standby), manifest.body)
        reply = await client.reply()
        while isinstance(reply, Want):
            reply = await sending.send(reply)
        if not isinstance(reply, Done | Loaded if standby else Done if store_only else Loaded):
            raise NodeLost(client.name, f"it answered an offer by {reply.type!r}")
    sending.done(manifest.total_bytes)
    return ShardReport(
        node=client.name,
        layers=(manifest.first, manifest.last),
        bytes_sent=sending.sent,
        bytes_skipped=manifest.total_bytes - sending.sent,
        seconds=time.perf_counter() - started,
        loaded=isinstance(reply, Loaded),
    )


class _Sending:
    def __init__(
        self, client: NodeClient, checkpoint: Checkpoint, manifest: Manifest, progress: Progress | None
    ) -> None:
        self.sent = 0
        self._client = client
        self._checkpoint = checkpoint
        self._manifest = manifest
        self._progress = progress
        self._stop = False
        self._error: Exception | None = None
        self._before = 0

    def done(self, nbytes: int) -> None:
        if self._progress is not None:
            self._progress(DistributionProgress(self._client.name, nbytes, self._manifest.total_bytes))

    async def send(self, want: Want) -> AnyMessage:
        """Send the wanted tensors and return what the node answers, which is early when it refuses one of them."""
        listed = {tensor.name for tensor in self._manifest.tensors}
        for wanted in want.tensors:
            if wanted.name not in listed or wanted.offset >= self._checkpoint[wanted.name].nbytes:
                raise NodeLost(self._client.name, f"it wants tensor {wanted.name!r}, which it was not offered")
        if len(want.tensors) < WANT_AT_ONCE:  # these are the last, so whatever else there is was there before
            remaining = sum(self._checkpoint[wanted.name].nbytes - wanted.offset for wanted in want.tensors)
            self._before = self._manifest.total_bytes - self.sent - remaining
        self._stop = False
        reply: list[AnyMessage] = []
        failure: Exception | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._stream, want, nursery.cancel_scope)
            try:
                reply.append(await self._client.reply())
            except Exception as error:
                failure = error
            self._stop = True  # the stream ends by itself: a record cut short would end the link
        if self._error is not None:
            raise self._error
        if failure is not None:
            raise failure
        return reply[0]

    async def _stream(self, want: Want, scope: trio.CancelScope) -> None:
        try:
            for wanted in want.tensors:
                offset = wanted.offset
                chunks = self._checkpoint.read_chunks(wanted.name, offset, CHUNK_BYTES)
                while (chunk := await trio.to_thread.run_sync(next, chunks, b"")) and not self._stop:
                    await self._client.send(Chunk(name=wanted.name, offset=offset), chunk)
                    offset += len(chunk)
                    self.sent += len(chunk)
                    self.done(self._before + self.sent)
        except (NodeLost, CheckpointError) as error:
            self._error = error
            scope.cancel()
