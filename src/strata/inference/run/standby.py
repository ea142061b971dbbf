"""Warm standby: idle nodes hold in advance what they may inherit, so that a stage's death costs no transfer.

Tensors of every stage go to the disks of the idle nodes and, where these have the memory, into it. One shard at a time,
over links of their own, and never while layers are distributed because they are needed: what is under way is broken off
then, and goes on later where it stopped. Whatever goes wrong costs nothing but the head start.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakKeyDictionary

import trio

from strata.errors import StrataError
from strata.inference.models.checkpoint import Checkpoint
from strata.inference.plan import Layers
from strata.inference.run.connections import Connections
from strata.inference.run.distribute import send_shard, write_manifests
from strata.inference.run.peers import NodeClient
from strata.inference.run.placed import Placement
from strata.secure import Identity
from strata.triage import Breakers

SWEEP_SECONDS = 0.5  # how often to look whether a node has come, or layers have moved
RETRY_SECONDS = 1.0  # after a failure, the first time

Prepared = Mapping[Layers, bool]
"""Stages that a node was sent, and whether it has them in memory."""


@dataclass
class _Covered:
    checkpoint: Checkpoint
    placement: Placement
    # By connection: a node that was away has lost what was in its memory.
    prepared: WeakKeyDictionary[NodeClient, dict[Layers, bool]] = field(default_factory=WeakKeyDictionary)


class Standbys:
    """The idle nodes of one coordinator, made ready for the stages of the placement that was covered last."""

    def __init__(self, identity: Identity, connections: Connections, home: Path) -> None:
        self._identity = identity
        self._connections = connections
        self._home = home
        self._covered: _Covered | None = None
        self._breakers = Breakers(failures=1, cool_down=RETRY_SECONDS)
        self._pauses = 0
        self._wake = trio.Event()
        self._scope = trio.CancelScope()

    def cover(self, checkpoint: Checkpoint, placement: Placement) -> None:
        """Have idle nodes be ready to take over stages of this placement from now on."""
        if self._covered is None or self._covered.placement is not placement:
            self._covered = _Covered(checkpoint, placement)
            self._wake.set()

    def forget(self, client: NodeClient) -> None:
        """Note that a node has dropped what it had in memory; it is not asked to load it again."""
        if self._covered is not None:
            prepared = self._covered.prepared.get(client, {})
            prepared.update(dict.fromkeys(prepared, False))
            self._tell(self._covered)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave nodes and links alone within the block; what is under way is broken off, which is not waited for."""
        self._pauses += 1
        self._scope.cancel()
        try:
            yield
        finally:
            self._pauses -= 1
            self._wake.set()

    async def run(self) -> None:
        """Prepare what can be prepared, until cancelled."""
        while True:
            with trio.CancelScope() as self._scope:
                while not self._pauses and self._covered is not None and await self._prepare_one(self._covered):
                    pass
            with trio.move_on_after(SWEEP_SECONDS):
                await self._wake.wait()
            self._wake = trio.Event()

    async def _prepare_one(self, covered: _Covered) -> bool:
        """Prepare one idle node for one stage; False where there is nothing to do."""
        plan = covered.placement.plan
        idle = self._idle(covered)
        stages = [stage.layers for stage in plan.stages]
        chosen = next_standby(stages, [covered.prepared.setdefault(client, {}) for client in idle])
        if chosen is None:
            return False
        client, layers = idle[chosen[0]], chosen[1]
        try:
            manifests = await trio.to_thread.run_sync(write_manifests, covered.checkpoint, plan, self._home)
            manifest = manifests[stages.index(layers)]
            async with self._connections.aside(client) as link:
                report = await send_shard(link, self._identity, covered.checkpoint, manifest, None, standby=True)
        except (StrataError, OSError):
            self._breakers.failed(client.name, trio.current_time())
            return True
        self._breakers.succeeded(client.name)
        covered.prepared[client][layers] = report.loaded
        self._tell(covered)
        return True

    def _idle(self, covered: _Covered) -> list[NodeClient]:
        """The nodes without a stage that can be prepared now."""
        used = {stage.node for stage in covered.placement.plan.stages}
        for client in [client for client in covered.prepared if client.name in used or client.lost is not None]:
            del covered.prepared[client]  # what it had prepared is gone
        self._tell(covered)
        now = trio.current_time()
        clients = [client for client in self._connections.clients if client.name not in used]
        return [client for client in clients if not self._breakers.is_open(client.name, now)]

    def _tell(self, covered: _Covered) -> None:
        covered.placement.standbys = {
            client.name: frozenset(layers for layers, loaded in prepared.items() if loaded)
            for client, prepared in covered.prepared.items()
        }


def next_standby(stages: Sequence[Layers], prepared: Sequence[Prepared]) -> tuple[int, Layers] | None:
    """Which of the idle nodes (by what each has been sent) to prepare for which stage; None when all are for all.

    First come stages that the fewest nodes have in memory, and nodes that have been sent the fewest.
    """
    loaded = {layers: sum(each.get(layers, False) for each in prepared) for layers in stages}
    todo = [(index, layers) for layers in stages for index, each in enumerate(prepared) if layers not in each]
    return min(todo, key=lambda pair: (loaded[pair[1]], len(prepared[pair[0]])), default=None)
