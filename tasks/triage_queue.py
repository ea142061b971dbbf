"""Runs of the triage that wait for this one: it shows what they would, so they are skipped.

Each event starts a run, and one is under way at a time: without this a burst of events would keep the table busy for as
many runs, each of which shows the same.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.context import FlowRunContext
from prefect.states import Completed

from tasks.occasion import occasion

_MOST = 200


@contextmanager
def in_place_of_others() -> Iterator[None]:
    """What is read within the block is read for all runs that an event has started before it; they are skipped after.

    Those that a person started are not: they may be asked for something else.
    """
    context, own = FlowRunContext.get(), occasion()
    if own.by != "event" or context is None or context.flow_run is None:
        yield
        return
    wanted = FlowRunFilter.model_validate(
        {"deployment_id": {"any_": [context.flow_run.deployment_id]}, "state": {"type": {"any_": ["SCHEDULED"]}}}
    )
    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(flow_run_filter=wanted, limit=_MOST)
        waiting = [run for run in found if run.created_by is not None and run.created_by.type == "AUTOMATION"]
        yield
        for run in waiting:
            done = Completed(name="Skipped", message=f"{own.name} has shown what it would")
            client.set_flow_run_state(run.id, done, force=True)
    if waiting:
        get_run_logger().info(
            "%d runs that waited for this one are skipped: it has shown what they would", len(waiting)
        )
