"""Hooks of flows: a run that fails or crashes is an incident, which the next run of the same flow that completes ends.

    @flow(on_failure=[run_failed], on_crashed=[run_crashed], on_completion=[run_completed])

Prefect calls them after the run has reached its state: in the run's process, or for one that died in its worker's.
Whatever goes wrong in a hook is logged by Prefect, and changes nothing about the run.
"""

from typing import Literal

from prefect import Flow
from prefect.client.schemas.objects import FlowRun, State
from prefect.utilities.urls import url_for

from strata.settings import Settings
from strata.store import IncidentLog
from strata.triage import record_completed_run, record_failed_run


def run_failed(flow: Flow, flow_run: FlowRun, state: State) -> None:
    """For `on_failure`."""
    _record(flow, flow_run, state, "failed")


def run_crashed(flow: Flow, flow_run: FlowRun, state: State) -> None:
    """For `on_crashed`."""
    _record(flow, flow_run, state, "crashed")


def run_completed(flow: Flow, flow_run: FlowRun, state: State) -> None:
    """For `on_completion`. A run that was skipped shows nothing: it did no work."""
    if state.name == "Skipped":
        return
    with IncidentLog(Settings().ledger) as log:
        record_completed_run(log, flow.name, run=str(flow_run.id))


def _record(flow: Flow, run: FlowRun, state: State, ending: Literal["failed", "crashed"]) -> None:
    reason = state.message or f"the run {ending}, and did not say why"
    with IncidentLog(Settings().ledger) as log:
        record_failed_run(log, flow.name, ending, run=str(run.id), reason=reason, url=url_for(run))
