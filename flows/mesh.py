"""The mesh pipeline: members are probed, what is weak is mended, and a change that did not help is taken back.

    discover -> probe -> diagnose -> propose -> apply -> verify -> keep or take back

`python -m flows.mesh --help` says how to run it from the command line; the deployment is in `prefect.yaml`.
"""

if __name__ == "__main__":
    # The command line sets Prefect up before importing it, and prints its help without it.
    from importlib import import_module

    from flows.command import main
    from flows.mesh_command import COMMAND

    raise SystemExit(main(COMMAND, lambda: import_module("flows.mesh").run))

from prefect import flow
from prefect.client.schemas.objects import State

from strata.mesh import Kept, Mended, Sweep, begun, settled, unjudged
from strata.settings import Settings
from tasks.endings import ENDINGS
from tasks.mesh import (
    apply_change,
    diagnose_mesh,
    discover_members,
    kill_weakest,
    probe_pairs,
    propose_change,
    take_back,
    verify_change,
)
from tasks.mesh_parameters import HOME, MeshParameters
from tasks.mesh_reach import Reach, own_mesh, reach_mesh
from tasks.mesh_report import MeshOutcome, note_change, publish_sweep, recall, write_round_down
from tasks.record import ALL_OFF, recorded, skipped

DEMONSTRATION = MeshParameters()
PIPELINE = "mesh"
NONE = "There is no mesh to sweep here: found one with `strata mesh init`."
OFF = "The mesh pipeline is switched off: set ARCHAEOLOGICAL_LIBP2P_ENHANCED=true to run it."


@flow(name="mesh", timeout_seconds=900, **ENDINGS)
def run(parameters: MeshParameters = DEMONSTRATION) -> MeshOutcome | State:
    """Sweep a mesh and mend it.

    Args:
        parameters: The mesh, and what it is to bear. The defaults are the demonstration: a mesh of processes on this
            machine, of which the two whose loss hurts most are killed.
    """
    settings = Settings()
    if not settings.phase_2:
        return skipped(PIPELINE, settings, ALL_OFF)
    if not settings.libp2p_enhanced:
        return skipped(PIPELINE, settings, OFF)
    if parameters.mesh == HOME and not own_mesh(settings).exists():
        return skipped(PIPELINE, settings, NONE)
    with recorded(PIPELINE, settings) as record, reach_mesh(parameters, settings) as reach:
        rounds, killed = [sweep_and_mend(reach, parameters, settings)], ()
        if reach.local is not None and parameters.kill:
            killed = kill_weakest(reach, rounds[0].sweeps[-1], parameters.kill)
            rounds.append(sweep_and_mend(reach, parameters, settings))
        page = publish_sweep(reach.mesh_id, rounds, settings)
        outcome = MeshOutcome(reach.mesh_id, tuple(rounds), killed, page)
        record.update(outcome.figures())
    return outcome


def sweep_and_mend(reach: Reach, parameters: MeshParameters, settings: Settings) -> Mended:
    """One round, written down; where LIBP2P_MESH_RELIABILITY is off it only looks.

    A change that an earlier round has left unjudged is judged first, and nothing else is changed then.
    """
    kept = recall(reach.mesh_id, settings)
    mended = unjudged(kept) if settings.mesh_reliability else None
    if mended is None:
        first, kept = _sweep(reach, parameters, kept)
        mended = Mended((first,))
        if settings.mesh_reliability and (change := propose_change(first, parameters)):
            kept = begun(kept, change, first)
            note_change(reach.mesh_id, kept, settings)
            mended = Mended((first,), apply_change(reach, change))
    while mended.unsettled:
        sweep, kept = _sweep(reach, parameters, kept)
        mended = verify_change(mended, sweep)
    if mended.is_worse:
        mended, kept = take_back(reach, kept, mended)
    elif mended.applied is not None:
        kept = settled(kept)
    write_round_down(reach.mesh_id, mended, kept, settings)
    return mended


def _sweep(reach: Reach, parameters: MeshParameters, kept: Kept) -> tuple[Sweep, Kept]:
    discovery = discover_members(reach, kept.sweeps)
    probes = probe_pairs(reach, parameters, discovery, kept.sweeps)
    return diagnose_mesh(kept, discovery, probes)
