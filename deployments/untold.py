"""Runs that failed or crashed, and of which no incident tells: whoever was to write it down was killed before.

Prefect calls the hooks of a run that died in a process of its worker, seconds later; the worker may die meanwhile.
"""

from datetime import UTC, datetime, timedelta

from deployments.prefect_api import PrefectApi
from strata.settings import Settings
from strata.store import IncidentLog
from strata.triage import record_completed_run, record_failed_run, told_runs

GRACE = timedelta(seconds=30)  # for hooks: they load the flow first
BACK = timedelta(days=1)


def tell_failures(api: PrefectApi, settings: Settings, pool: str, now: datetime | None = None) -> list[str]:
    """Have an incident of each such run of the last day, ended where a later run has completed; returns their names.

    Raises ServerSilent and LedgerError.
    """
    now = now or datetime.now(UTC)
    found = []
    with IncidentLog(settings.ledger) as log:
        told = told_runs(log)
        for run in api.failed(pool, now - BACK, now - GRACE):
            if run.id in told:
                continue
            flow, ending = api.flow_name(run), "failed" if run.state == "FAILED" else "crashed"
            record_failed_run(log, flow, ending, run=run.id, reason=run.message, url=api.page_of(run))
            found.append(run.name)
            if (later := api.completed_after(run.flow, run.since)) is not None:
                record_completed_run(log, flow, run=later.id)
    return found
