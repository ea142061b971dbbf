"""The stages of the mesh pipeline: discover, probe, diagnose, propose, apply, verify.

Each speaks with the mesh over links of its own; what they hand to each other are small values.
"""

import time
from dataclasses import replace
from functools import partial

from prefect import get_run_logger, task, unmapped
from prefect.cache_policies import NO_CACHE

from strata.mesh import (
    TOPOLOGY,
    Applied,
    Assignment,
    Change,
    Discovery,
    Kept,
    Mended,
    Probes,
    Sweep,
    change_for,
    change_sentence,
    finish,
    plan_probes,
    sweep_sentence,
    taken_back,
)
from strata.rollout import Part, trial_of
from strata.settings import Settings
from tasks import loop
from tasks.failures import stage, worth_retrying
from tasks.mesh_parameters import MeshParameters
from tasks.mesh_reach import Reach, weakest
from tasks.terminal import console

PROBERS_IN_A_TASK = 16
_AGENTS = "check that the members run (`strata mesh node`) and that this machine reaches them."


@task(name="discover", cache_policy=NO_CACHE, retries=1, retry_delay_seconds=2, retry_condition_fn=worth_retrying)
def discover_members(reach: Reach, seed: int) -> Discovery:
    """Ask every member how it is, and others about those that do not answer."""
    with stage("discover", {}, _AGENTS):
        return loop.run(reach.coordinator(trial_of(Part.TRANSPORT, Settings())).discover, seed)


@task(name="probe", cache_policy=NO_CACHE)
def probe_batch(reach: Reach, batch: Assignment) -> Probes:
    """Have some members probe others."""
    with stage("probe", {}, _AGENTS):
        return loop.run(partial(reach.coordinator().probe, batch))


def probe_pairs(reach: Reach, parameters: MeshParameters, discovery: Discovery, sweep: int) -> Probes:
    """All that is due in this sweep: one batch here, or many at the same time."""
    chosen = {"fan_out": parameters.fan_out, "seed": parameters.seed}
    planned = plan_probes(discovery.members, discovery.links, sweep, able=discovery.states, **chosen)
    probers = [name for name in planned if planned[name]]
    batches = [
        {name: planned[name] for name in probers[start : start + PROBERS_IN_A_TASK]}
        for start in range(0, len(probers), PROBERS_IN_A_TASK)
    ]
    if len(batches) <= 1:
        return probe_batch(reach, batches[0]) if batches else {}
    futures = probe_batch.map(unmapped(reach), batches)
    return {ends: quality for future in futures for ends, quality in future.result().items()}


@task(name="diagnose", cache_policy=NO_CACHE)
def diagnose_mesh(kept: Kept, discovery: Discovery, probes: Probes) -> tuple[Sweep, Kept]:
    """Find what is weak; returns the sweep, and what is kept after it."""
    sweep, kept = finish(kept, discovery, probes, TOPOLOGY, seconds=time.time() - discovery.at)
    say(f"  {sweep_sentence(sweep)}")
    return sweep, kept


@task(name="propose", cache_policy=NO_CACHE)
def propose_change(sweep: Sweep, parameters: MeshParameters) -> Change:
    """Which links to add and drop, for the mesh to bear losses."""
    return change_for(sweep, TOPOLOGY, parameters.survive)


@task(name="apply", cache_policy=NO_CACHE)
def apply_change(reach: Reach, change: Change) -> Applied:
    """Tell members to dial and drop; what one of them cannot do is part of the result."""
    with stage("apply", {}, _AGENTS):
        applied = loop.run(reach.coordinator().apply, change)
    if applied.change:
        say(f"  {change_sentence(applied.change)}")
    for (one, other), why in applied.failed.items():
        say(f"  {one} - {other} could not be changed: {why}")
    return applied


@task(name="verify", cache_policy=NO_CACHE)
def verify_change(mended: Mended, sweep: Sweep) -> Mended:
    """Whether the change is kept, by what the sweeps after it found, of which this is the latest."""
    mended = mended.with_look(sweep, TOPOLOGY)
    if (found := mended.judgement) is not None:
        reasons = f": {'; '.join(found.reasons)}" if found.reasons else ""
        say(f"  {found.verdict}{reasons}")
    return mended


@task(name="take back", cache_policy=NO_CACHE)
def take_back(reach: Reach, kept: Kept, mended: Mended) -> tuple[Mended, Kept]:
    """Undo a change that made the mesh worse; its links are held back for some sweeps."""
    assert mended.applied is not None
    change = mended.applied.change
    with stage("take back", {}, _AGENTS):
        reverted = loop.run(reach.coordinator().apply, change.undone)
    return replace(mended, reverted=reverted), taken_back(kept, change)


@task(name="kill", cache_policy=NO_CACHE)
def kill_weakest(reach: Reach, sweep: Sweep, count: int) -> tuple[str, ...]:
    """The demonstration's fault: SIGKILL to those members of the local mesh whose loss hurts most."""
    assert reach.local is not None
    victims = weakest(sweep.network, count)
    for name in victims:
        reach.local.kill(name)
    console.print(f"Killed {', '.join(victims)} (SIGKILL)", style="bold")
    return victims


def say(sentence: str) -> None:
    """On the terminal of a command-line run, and in the run's log on the server."""
    console.print(sentence)
    get_run_logger().info(sentence.strip())
