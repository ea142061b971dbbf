"""A round from the command line: with what earlier ones left, and written down."""

import logging
from functools import partial

import trio

from strata.mesh.sweep.coordinator import Coordinator
from strata.mesh.sweep.incidents import PIPELINE, write_down
from strata.mesh.sweep.kept import read_kept, write_kept
from strata.mesh.sweep.mend import Mended, sweep_and_mend
from strata.mesh.sweep.topology import TOPOLOGY
from strata.rollout import Retreat, note
from strata.settings import Settings

log = logging.getLogger(__name__)


def sweep_once(coordinator: Coordinator, settings: Settings) -> Mended:
    """Sweep and, where the settings have it so, mend; what it came to is in the ledger and the store afterwards."""
    from strata.store import Claim, IncidentLog, Ledger, open_store

    store, mesh_id = open_store(settings), coordinator.membership.mesh_id
    with Ledger(settings.ledger) as ledger, Claim(settings.home) as claim:
        run = ledger.start_run(PIPELINE, settings.phase_2_version, {"mesh": mesh_id, "claim": claim.name})
        try:
            kept = read_kept(store, mesh_id)
            write, mend = partial(write_kept, store, mesh_id), settings.mesh_reliability
            mended, kept = trio.run(partial(sweep_and_mend, coordinator, kept, TOPOLOGY, mend=mend, write=write))
        except BaseException as error:
            ledger.finish_run(
                run, "failed" if isinstance(error, Exception) else "cancelled", {"mesh": mesh_id, "error": str(error)}
            )
            claim.ended()
            raise
        write_kept(store, mesh_id, kept)
        write_down(IncidentLog(ledger), mended, kept.sweeps, mesh_id)
        note_connections(mended, settings)
        ledger.finish_run(run, "completed", mended.figures(mesh_id))
        claim.ended()
    return mended


def note_connections(mended: Mended, settings: Settings) -> tuple[Retreat, ...]:
    """Write down how long members took to answer, where that is compared; a retreat that followed is logged."""
    retreats = note(settings, [each for sweep in mended.sweeps for each in sweep.discovery.measured])
    for retreat in retreats:
        log.warning("no connection has the %s any more: %s", retreat.part, retreat.reason)
    return retreats
