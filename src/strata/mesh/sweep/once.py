"""A round from the command line: with what earlier ones left, and written down."""

from functools import partial

import trio

from strata.mesh.sweep.coordinator import Coordinator
from strata.mesh.sweep.incidents import PIPELINE, write_down
from strata.mesh.sweep.kept import read_kept, write_kept
from strata.mesh.sweep.mend import Mended, sweep_and_mend
from strata.mesh.sweep.topology import TOPOLOGY
from strata.settings import Settings


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
        write_down(IncidentLog(ledger), mended, mesh_id)
        ledger.finish_run(run, "completed", mended.figures(mesh_id))
        claim.ended()
    return mended
