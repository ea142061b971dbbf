"""Triage in Prefect's user interface: the cases that are not resolved, or were of late, as the artifact `triage`.

The deployment `triage/triage` in `prefect.yaml` is started by the events `strata.incident.*`, which the API emits.
"""

from prefect import flow
from prefect.client.schemas.objects import State

from strata.settings import Settings
from tasks.endings import ENDINGS
from tasks.record import ALL_OFF, recorded, skipped
from tasks.triage import TRIAGE, publish_cases
from tasks.triage_parameters import TriageParameters
from tasks.triage_queue import in_place_of_others

ALL = TriageParameters()


@flow(name=TRIAGE, timeout_seconds=600, **ENDINGS)
def run(parameters: TriageParameters = ALL) -> int | State:
    """Publish the table of cases; returns how many are not resolved.

    Args:
        parameters: Which cases.
    """
    settings = Settings()
    if not settings.phase_2:
        return skipped(TRIAGE, settings, ALL_OFF)
    with recorded(TRIAGE, settings) as record, in_place_of_others():
        record["unresolved"] = found = publish_cases(parameters, settings)
    return found
