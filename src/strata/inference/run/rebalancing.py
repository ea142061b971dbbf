"""Layers that move while sessions go on: measure, decide, send ahead, move between two tokens, and see if it paid.

Weights that nodes lack are sent while everybody decodes; then all generations of the plan stop between two tokens,
nodes load their new shards, and the tokens so far are fed again. Where that does not come to a good end, or it turns
out not to have paid, the layers go back, which takes no sending, and the same is not tried again for a while.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import permutations

import trio

from strata.errors import StrataError
from strata.inference.plan import Plan
from strata.inference.plan.nodes import Links, NodeProfile
from strata.inference.plan.profile import ModelProfile
from strata.inference.rebalance.decide import Decision, Judgement, Move, decide, judge
from strata.inference.rebalance.situation import Rates, Situation, measured_nodes, priced, step_seconds
from strata.inference.run.connections import Connections
from strata.inference.run.distribute import DistributionReport
from strata.inference.run.errors import StageFailed
from strata.inference.run.measuring import NotMeasured, Reading, take_reading
from strata.inference.run.placed import Placement
from strata.triage import Breakers

BARRED_SECONDS = 300.0  # after an undone move, the first time
SEND_RATE, LOAD_RATE = 1e8, 2e8  # bytes/s: assumed until a move has shown better
MEASURABLE_BYTES = 1 << 20
BACK_SECONDS = 60.0
RESUMED_SECONDS = 0.05  # how often to look whether everybody has gone on


@dataclass(frozen=True)
class Rebalanced:
    """What came of it; `plan` is where the layers are now.

    reading: before; after: the same after a move, None where nobody went on decoding for long enough. judgement: None
    where nothing moved, or nothing was measured after. pause: seconds from the moment that all generations had stopped
    until the nodes held their new layers (a reader's pause is in his GenerationResult).
    """

    plan: Plan
    decision: Decision
    reading: Reading
    after: Reading | None = None
    judgement: Judgement | None = None
    pause: float | None = None


Distribute = Callable[[Plan, bool], Awaitable[DistributionReport]]
"""Have the nodes hold the plan's shards or, with True, only store their tensors."""


class Rebalancer:
    """Moves the layers of one coordinator's placements, and remembers what did not pay."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._breakers = Breakers(failures=1, cool_down=BARRED_SECONDS, longest=8 * BARRED_SECONDS)
        self._rates = Rates(SEND_RATE, LOAD_RATE)

    async def rebalance(
        self,
        placement: Placement,
        profile: ModelProfile,
        survey: tuple[Sequence[NodeProfile], Links],
        distribute: Distribute,
        *,
        horizon: float,
        dry_run: bool,
        recent: float,
        patience: float,
    ) -> Rebalanced:
        """As `Coordinator.rebalance`."""
        plan = placement.plan
        reading = await self._read(placement, plan, recent, patience)
        nodes, links = _without_idle_mobiles(plan, *survey)
        situation = Situation(
            plan=plan,
            profile=profile,
            nodes=nodes,
            links=links,
            windows=reading.windows,
            sessions=reading.sessions or plan.sessions,
            tokens=reading.tokens,
            rates=replace(self._rates, replay_seconds=reading.replay_seconds),
            horizon=horizon,
        )
        decision = await trio.to_thread.run_sync(decide, situation, self._barred(plan))
        done = Rebalanced(plan, decision, reading)
        if dry_run or not isinstance(decision, Move):
            return done
        await self._send_ahead(decision.plan, distribute)
        pause = await self._move(placement, plan, decision.plan, distribute)
        after = await self._read_after(placement, decision.plan, patience)
        if after is None:
            return replace(done, plan=decision.plan, pause=pause)
        judgement = _judge(decision, situation, reading, after)
        bottleneck = decision.before.bottleneck
        if judgement.kept:
            self._breakers.succeeded(bottleneck)
        else:
            self._breakers.failed(bottleneck, trio.current_time())
            await self._move(placement, decision.plan, plan, distribute)
        return Rebalanced(placement.plan, decision, reading, after, judgement, pause)

    async def _read(self, placement: Placement, plan: Plan, recent: float, patience: float) -> Reading:
        clients = await self._connections.for_stages(plan.stages)
        return await take_reading(plan, clients, placement, recent=recent, patience=patience)

    async def _read_after(self, placement: Placement, plan: Plan, patience: float) -> Reading | None:
        """Measure when every generation that was stopped has gone on."""
        stopped = [(each, each.decoding.accepted) for each in (*placement.waiting, *placement.generations)]
        with trio.move_on_after(patience):
            while any(
                each.decoding.accepted == at and (each in placement.generations or each in placement.waiting)
                for each, at in stopped
            ):
                await trio.sleep(RESUMED_SECONDS)
        try:
            return await self._read(placement, plan, 0.0, patience) if placement.generations else None
        except (NotMeasured, StageFailed):
            return None

    async def _send_ahead(self, plan: Plan, distribute: Distribute) -> None:
        report = await distribute(plan, True)
        sent = sum(shard.bytes_sent for shard in report.shards)
        if sent >= MEASURABLE_BYTES:
            seconds = max(shard.seconds for shard in report.shards)
            self._rates = replace(self._rates, send=sent / max(seconds, 1e-3))

    async def _move(
        self,
        placement: Placement,
        before: Plan,
        after: Plan,
        distribute: Distribute,
    ) -> float:
        """Move the layers between two tokens; returns the pause. What fails on the way brings them back, and is raised.

        Raises StageFailed, RequestRefused, CheckpointError.
        """
        async with placement.lock:
            if placement.plan != before:
                raise NotMeasured("the layers moved meanwhile because a stage failed; measure again")
            async with placement.halted():
                started = trio.current_time()
                try:
                    await distribute(after, False)
                except BaseException:
                    # What is amiss after that is for failover to see.
                    with trio.move_on_after(BACK_SECONDS) as scope, suppress(StrataError):
                        scope.shield = True
                        await distribute(before, False)
                    raise
                placement.plan, placement.moves = after, placement.moves + 1
                seconds = trio.current_time() - started
        held = {(stage.node, stage.first, stage.last) for stage in before.stages}
        loaded = [s.weight_bytes for s in after.stages if (s.node, s.first, s.last) not in held]
        self._rates = replace(self._rates, load=max(loaded, default=0) / max(seconds, 1e-3) or LOAD_RATE)
        return seconds

    def _barred(self, plan: Plan) -> frozenset[str]:
        names = [stage.node for stage in plan.stages]
        keys = [f"stage on {name}" for name in names] + [f"link from {a} to {b}" for a, b in permutations(names, 2)]
        return frozenset(key for key in keys if self._breakers.is_open(key, trio.current_time()))


def _without_idle_mobiles(
    plan: Plan, nodes: Sequence[NodeProfile], links: Links
) -> tuple[Sequence[NodeProfile], Links]:
    """The nodes that layers may move to, for which it is not enough that a mobile one is fast."""
    used = {stage.node for stage in plan.stages}
    chosen = [index for index, node in enumerate(nodes) if not node.mobile or node.node in used]
    return [nodes[index] for index in chosen], links.among(chosen)


def _judge(decision: Move, situation: Situation, before: Reading, after: Reading) -> Judgement:
    """By the steps that the generations came on, where as many ran as before; else by what the nodes counted."""
    share = decision.predicted / decision.seconds
    if before.step_seconds is not None and after.step_seconds is not None and after.sessions == before.sessions:
        return judge(before.step_seconds, before.step_seconds * share, after.step_seconds)
    moved = replace(situation, plan=decision.plan, windows=after.windows)
    now = priced(moved.plan, moved, measured_nodes(moved, moved.pooled))
    return judge(decision.seconds, decision.predicted, step_seconds(now, situation.sessions))
