"""The way back: a former champion is put in the place of the present one, after every byte of it was verified.

The deployment `rollback/rollback` in `prefect.yaml` runs it by hand, and by the event of a regression. From the command
line it is `strata evolution rollback`.
"""

from prefect import flow
from prefect.client.schemas.objects import State

from strata.evolution.lineage import Rollback
from strata.settings import Settings
from tasks.endings import ENDINGS
from tasks.evolution_rollback import roll_back_champion
from tasks.record import ALL_OFF, recorded, skipped
from tasks.rollback_parameters import RollbackParameters

BY_HAND = RollbackParameters()
PIPELINE = "evolution-rollback"
NOT_ALONE = (
    "Champions are not rolled back without asking: the incident stays open. Start this deployment by hand, "
    "or set EVOLUTION_AUTOMATED_ROLLBACK=true."
)


@flow(name="rollback", timeout_seconds=3600, **ENDINGS)
def run(parameters: RollbackParameters = BY_HAND) -> Rollback | State:
    """Put the last good champion, or one that is named, back in its place.

    Args:
        parameters: Where to, why, and from whom. With nothing changed: from the present champion to the last good one.
    """
    settings = Settings()
    if not settings.phase_2:
        return skipped(PIPELINE, settings, ALL_OFF)
    if parameters.automatic and not settings.automated_rollback:
        return skipped(PIPELINE, settings, NOT_ALONE)
    with recorded(PIPELINE, settings) as record:
        done = roll_back_champion(parameters)
        record["outcome"] = done if isinstance(done, str) else f"rolled back from {done.left} to {done.target}"
    return skipped(PIPELINE, settings, done) if isinstance(done, str) else done
