"""How fast a plan runs: what its nodes counted, and how many steps the running generations came on meanwhile."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import trio

from strata.errors import StrataError
from strata.inference.plan import Plan, StagePlan
from strata.inference.plan.nodes import Links
from strata.inference.protocol.messages import GetPace, Pace
from strata.inference.rebalance.decide import WINDOWS
from strata.inference.rebalance.situation import Window
from strata.inference.run.concurrent import each
from strata.inference.run.errors import NodeLost, StageFailed
from strata.inference.run.generate import Generation
from strata.inference.run.peers import NodeClient
from strata.inference.run.placed import Placement
from strata.inference.run.survey import swept_link
from strata.mesh import Recent

ASK_SECONDS = 0.5
PROMPT_ROWS = 16  # fewer say little


class NotMeasured(StrataError):
    """The stages decoded too little, so nobody knows how fast they are."""


@dataclass(frozen=True)
class Reading:
    """windows: of each stage, the oldest first; replay_seconds: of each node, to compute a row of a prompt in a layer.

    sessions: that ran all the time; tokens: theirs, of all rows, at its end. step_seconds: between two steps of any of
    them, None where none ran.
    """

    windows: tuple[Window, ...]
    replay_seconds: Mapping[str, float]
    sessions: int
    tokens: int
    step_seconds: float | None


async def pace_of(client: NodeClient) -> Pace:
    """Ask a node how fast it decodes; raises NodeLost."""
    pace = await client.request(GetPace())
    assert isinstance(pace, Pace)
    return pace


async def take_reading(
    plan: Plan, clients: Sequence[NodeClient], placement: Placement, *, recent: float, patience: float
) -> Reading:
    """Measure the plan as it runs, with blocks of steps that began at most `recent` seconds before now, or later.

    Waits until every stage has enough of them; raises NotMeasured where that takes more than `patience` seconds, or a
    node holds other layers than the plan says, and StageFailed.
    """
    began = trio.current_time() - recent
    started, before = trio.current_time(), {id(each): (each, _steps(each)) for each in placement.generations}

    async def ask(index: int) -> Pace:
        try:
            return await pace_of(clients[index])
        except NodeLost as error:
            raise StageFailed.of(plan.stages[index], error.reason) from error

    while True:
        paces = await each(ask, range(len(clients)))
        now = trio.current_time()
        windows = [_windows(s, pace, now - began, plan.batch) for s, pace in zip(plan.stages, paces, strict=True)]
        if all(len(found) >= WINDOWS for found in windows):
            break
        if now - started > patience:
            lacking = min(zip(windows, plan.stages, strict=True), key=lambda pair: len(pair[0]))[1]
            raise NotMeasured(f"the stage on {lacking.node} decoded too little within {patience:g} s")
        await trio.sleep(ASK_SECONDS)
    running = [generation for generation in placement.generations if id(generation) in before]
    steps = sum(_steps(generation) - at for generation, at in before.values())
    elapsed = trio.current_time() - started
    return Reading(
        windows=tuple(
            {stage.node: found[index] for stage, found in zip(plan.stages, windows, strict=True)}
            for index in range(-WINDOWS, 0)
        ),
        replay_seconds=_replay_seconds(plan, paces),
        sessions=len(running),
        tokens=sum(_tokens(generation) for generation in running),
        step_seconds=elapsed / steps if steps and elapsed > ASK_SECONDS else None,
    )


def links_between(clients: Sequence[NodeClient], recent: Recent) -> Links:
    """What sweeps of the mesh say of late and, of other links, what pings do.

    They say: from one node to another as long as by way of this machine, and nothing of bandwidth.
    """
    halves = [client.round_trip / 2 for client in clients]
    known = [half for half in halves if half < float("inf")]
    halves = [min(half, fmean(known) if known else 0.0) for half in halves]
    now = time.time()

    def link(one: int, other: int) -> tuple[float, float]:
        known = swept_link(recent, clients[one].name, clients[other].name, now)
        return known[0] if known is not None else (halves[one] + halves[other], float("inf"))

    rows = [[link(one, other) for other in range(len(clients))] for one in range(len(clients))]
    latency, bandwidth = ([[each[part] for each in row] for row in rows] for part in (0, 1))
    return Links.of(latency, bandwidth)


def _windows(stage: StagePlan, pace: Pace, recent: float, batch: int) -> list[float]:
    if pace.layers != (stage.first, stage.last):
        raise NotMeasured(f"node {stage.node} does not hold layers {stage.first} to {stage.last} (any more)")
    fresh = [block for block in pace.blocks if block.age <= recent]
    return [max(block.seconds, 1e-9) / block.rows * batch for block in fresh]


def _replay_seconds(plan: Plan, paces: Sequence[Pace]) -> dict[str, float]:
    return {
        stage.node: pace.prompt_seconds / pace.prompt_rows / (stage.last - stage.first + 1)
        for stage, pace in zip(plan.stages, paces, strict=True)
        if pace.prompt_rows >= PROMPT_ROWS
    }


def _steps(generation: Generation) -> int:
    return generation.decoding.accepted


def _tokens(generation: Generation) -> int:
    return sum(map(len, generation.decoding.inputs_so_far))
