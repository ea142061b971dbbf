"""Runs whose process is gone and could not say so: they are told crashed, with an incident, or are started again.

What is asked of Prefect is asked by HTTP, and what is said in the ledger is said of runs of this home only.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from deployments.prefect_api import FlowRun, PrefectApi
from strata.settings import Settings
from strata.store import IncidentLog, Ledger, Run, RunState, abandoned
from strata.triage import record_failed_run
from tasks.family import end_family

LIFELINE_SECONDS = 35.0  # within which a run has ended by itself, when its worker is gone
GONE = "Its process is gone, and could not say why."
UNTAKEN = "The worker that had taken it is gone: it is there for another one."
NAMING = timedelta(seconds=30)  # a worker that takes a run says at once who it is


@dataclass
class Reconciled:
    """Names of flow runs that were told how they ended, or are scheduled anew; and numbers of lines of the ledger."""

    crashed: list[str] = field(default_factory=list)
    rescheduled: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)


def settle_runs(api: PrefectApi, settings: Settings, pool: str, worker: str) -> Reconciled:
    """End what is left of the runs of a worker that does not run, and say of each how it ended.

    Raises ServerSilent and LedgerError.
    """
    left = [run for run in api.under_way(pool) if run.worker == worker]
    end_family((run.id for run in left), LIFELINE_SECONDS)
    done = Reconciled()
    with Ledger(settings.ledger) as ledger:
        for run in left:
            now = api.find(run.id)
            if now is not None:
                _settle(api, ledger, now, done)
        _close_lines(api, ledger, settings, done)
    return done


def offer_again(api: PrefectApi, pool: str, now: datetime | None = None) -> Reconciled:
    """Have runs scheduled anew that a worker had taken who died before it had said who it is. Raises ServerSilent."""
    before, done = (now or datetime.now(UTC)) - NAMING, Reconciled()
    for run in api.under_way(pool):
        if run.state == "PENDING" and run.worker is None and run.since < before:
            _offer(api, run, done)
    return done


def close_lines(api: PrefectApi, settings: Settings) -> Reconciled:
    """Say in the ledger, and to the server, that runs of this home have ended whose claims nobody holds any more.

    Raises ServerSilent and LedgerError.
    """
    done = Reconciled()
    with Ledger(settings.ledger) as ledger:
        _close_lines(api, ledger, settings, done)
    return done


def _settle(api: PrefectApi, ledger: Ledger, run: FlowRun, done: Reconciled) -> None:
    """Say how a run has ended whose process is gone; nothing where it said so itself."""
    match run.state:
        case "PENDING":
            _offer(api, run, done)
        case "CANCELLING":
            api.set_state(run.id, "CANCELLED", "It was cancelled, and its process is gone.")
        case "RUNNING":
            api.set_state(run.id, "CRASHED", GONE)
            done.crashed.append(run.name)
            record_failed_run(
                IncidentLog(ledger), api.flow_name(run), "crashed", run=run.id, reason=GONE, url=api.page_of(run)
            )


def _offer(api: PrefectApi, run: FlowRun, done: Reconciled) -> None:
    api.set_state(run.id, "SCHEDULED", UNTAKEN)
    done.rescheduled.append(run.name)


def _close_lines(api: PrefectApi, ledger: Ledger, settings: Settings, done: Reconciled) -> None:
    for line in ledger.under_way():
        claim = line.figures.get("claim")
        if isinstance(claim, str):
            with abandoned(settings.home, claim) as gone:
                if gone:
                    _close(api, ledger, line, done)


def _close(api: PrefectApi, ledger: Ledger, line: Run, done: Reconciled) -> None:
    flow_run = line.figures.get("flow_run")
    run = api.find(flow_run) if isinstance(flow_run, str) else None
    if run is None:  # of another server, or of none
        name = f"line {line.id} of the ledger"
        record_failed_run(IncidentLog(ledger), line.pipeline, "crashed", run=name, reason=GONE, url=None)
        done.crashed.append(f"{line.pipeline}, {name}")
    else:
        _settle(api, ledger, run, done)
    state: RunState = "cancelled" if run is not None and run.state in ("CANCELLING", "CANCELLED") else "crashed"
    ledger.finish_run(line.id, state, {**line.figures, "error": GONE})
    done.lines.append(line.id)
