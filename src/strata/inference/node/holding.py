"""The shard that a node holds, and how it comes to hold another: offer, check, receive, verify, load."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from threading import Event

import trio

from strata.errors import StrataError
from strata.inference.decoder.split import Unsplittable
from strata.inference.decoder.stage import MissingWeights, Stage
from strata.inference.node.process_memory import free_scratch, release, reset_peak
from strata.inference.node.shard import Intake, keep_blobs, load_stage
from strata.inference.node.standby import Standbys
from strata.inference.node.worker import Worker
from strata.inference.protocol.manifest import Manifest, ManifestError, TensorRefused, open_manifest
from strata.inference.protocol.messages import Chunk, Done, Loaded, Offer, RefusalCode, Refused, Want
from strata.inference.protocol.wire import Requests, Wire
from strata.memory import Account, OutOfBudget
from strata.mesh import ProtocolError, Unreachable
from strata.store import PartialBusy, Store

log = logging.getLogger(__name__)

SHARD = "the shard"  # as an owner in the account
BUSY_SECONDS = 1.0  # a load whose sender has gone takes a moment to end


class Refusal(StrataError):
    """A request that is answered by a Refused message."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.reason)
        self.refused = refused

    @classmethod
    def of(cls, error: StrataError) -> "Refusal":
        """The answer to a request that ended in `error`."""
        if isinstance(error, Refusal):
            return error
        code: RefusalCode = next((code for kind, code in _CODES if isinstance(error, kind)), "other")
        return cls(
            Refused(
                code=code,
                reason=str(error)[:2000],
                tensor=error.name if isinstance(error, TensorRefused) else None,
                missing_bytes=error.missing_bytes if isinstance(error, OutOfBudget) else 0,
            )
        )


_CODES: tuple[tuple[type[StrataError], RefusalCode], ...] = (
    (ManifestError, "manifest"),
    (MissingWeights, "manifest"),
    (TensorRefused, "tensor"),
    (Unsplittable, "unsplittable"),
    (OutOfBudget, "memory"),
    (PartialBusy, "busy"),
    (Unreachable, "unreachable"),
)


class Holding:
    """At most one loaded stage that runs, within `memory_bytes`, of which `account` says who has how much.

    standbys: others that are loaded in case they are needed, in memory that nobody else wants.
    """

    def __init__(self, store: Store, worker: Worker, memory_bytes: int) -> None:
        self._store = store
        self._worker = worker
        self.memory_bytes = memory_bytes
        self.account = Account(memory_bytes)
        self.standbys = Standbys(self.account)
        self.manifest: Manifest | None = None
        self.stage: Stage | None = None
        self._loading = trio.Lock()
        self._preparing = trio.CancelScope()

    async def take(
        self, wire: Wire, requests: Requests, offer: Offer, body: bytes, *, vacate: Callable[[], Awaitable[None]]
    ) -> Loaded | Done:
        """Hold the shard that the peer on `wire` offers; `vacate` ends what runs on the present one, or raises Refusal.

        An offer to store only has its tensors received beside what runs.

        Pieces are asked for over `wire` and come through `requests`. Raises the StrataErrors that `Refusal.of` knows,
        and ProtocolError.
        """
        manifest = open_manifest(body, bytes.fromhex(offer.signature), wire.peer.peer_id)
        self.give_way()
        async with self._turn():
            if offer.store_only:
                await self._receive(wire, requests, manifest)
                return Done()
            if self.stage is None or self.manifest is None or self.manifest.shard != manifest.shard:
                await vacate()
                await self._replace(wire, requests, manifest)
            assert self.stage is not None
            return Loaded(shard=manifest.shard, weight_bytes=self.stage.weight_bytes)

    async def prepare(self, wire: Wire, requests: Requests, offer: Offer, body: bytes, *, load: bool) -> Loaded | Done:
        """Have the tensors of a shard that may be needed and, with `load`, the shard in memory if there is room.

        Ends by Refusal as soon as anything else is to be done here. Raises as `take` does.
        """
        manifest = open_manifest(body, bytes.fromhex(offer.signature), wire.peer.peer_id)
        async with self._turn():
            with trio.CancelScope() as self._preparing:
                await self._receive(wire, requests, manifest)
                nbytes = await self._load_beside(manifest) if load else None
                return Done() if nbytes is None else Loaded(shard=manifest.shard, weight_bytes=nbytes)
        raise Refusal(Refused(code="busy", reason="what is needed now comes before what may be needed"))

    def give_way(self) -> None:
        """Break off the preparation of a standby, if one is under way."""
        self._preparing.cancel()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        with trio.move_on_after(BUSY_SECONDS) as patience:
            await self._loading.acquire()
        if patience.cancelled_caught:
            raise Refusal(Refused(code="busy", reason="another shard is being loaded; try again"))
        try:
            yield
        finally:
            self._loading.release()

    async def _load_beside(self, manifest: Manifest) -> int | None:
        """Load a standby; returns the bytes of its weights, None where there is no room for them."""
        if self.stage is not None and self.manifest is not None and self.manifest.shard == manifest.shard:
            return self.stage.weight_bytes
        if manifest.shard not in self.standbys:
            stage = await self._build(manifest)
            try:
                self.standbys.promise(manifest, stage)
            except OutOfBudget:
                return None
            ended = Event()
            try:
                await self._worker.run(load_stage, stage, manifest, self._store, ended.is_set)
            except BaseException:
                ended.set()
                self.standbys.drop(manifest.shard)
                raise
            self.standbys.keep(manifest, stage)
        return self.account.get("weights", self.standbys.owner(manifest.shard))

    async def _build(self, manifest: Manifest) -> Stage:
        """The shard's stage, whose weights take no memory until they are loaded."""
        config, dtype, weights = manifest.config.encode(), manifest.dtype, manifest.weights
        return await self._worker.run(Stage.build, config, manifest.first, manifest.last, dtype, weights)

    async def _replace(self, wire: Wire, requests: Requests, manifest: Manifest) -> None:
        self.stage = self.manifest = None
        self.account.release(SHARD)
        prepared = self.standbys.take(manifest.shard)
        self.standbys.clear()
        await self._worker.run(free_scratch)
        await self._worker.run(release)
        reset_peak()
        stage = prepared or await self._build(manifest)
        self.account.set("weights", SHARD, stage.weight_bytes)
        try:
            await self._receive(wire, requests, manifest)
            await trio.to_thread.run_sync(keep_blobs, manifest, self._store)
            if prepared is None:
                await self._worker.run(load_stage, stage, manifest, self._store)
                await self._worker.run(release)
        except BaseException:
            self.account.release(SHARD)
            raise
        self.stage, self.manifest = stage, manifest
        log.info("holds layers %d to %d of %s", manifest.first, manifest.last, manifest.model)

    async def _receive(self, wire: Wire, requests: Requests, manifest: Manifest) -> None:
        intake = Intake(self._store, manifest)
        try:
            while wanted := await trio.to_thread.run_sync(intake.wanted):
                await wire.send(Want(tensors=wanted))
                for expected in wanted:
                    complete = False
                    while not complete:
                        message, payload = await requests.receive()
                        if not isinstance(message, Chunk) or message.name != expected.name:
                            raise ProtocolError(f"expected a piece of tensor {expected.name!r}")
                        complete = await trio.to_thread.run_sync(intake.take, message, payload)
                        del payload
        finally:
            intake.close()
