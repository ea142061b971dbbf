"""What is done when a run of any flow has ended: `@flow(..., **ENDINGS)`.

Prefect calls these in the run's process where that lives, and in one of the worker's where it was killed.
"""

from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import FlowRun, State

from strata.settings import Settings
from strata.store import Ledger, abandoned
from tasks.family import end_family
from tasks.record import lines_of
from tasks.triage_hooks import run_completed, run_crashed, run_failed

NODE_SECONDS = 10.0  # within which nodes end with the process that has started them


def clean_up(flow: Flow[..., Any], flow_run: FlowRun, state: State) -> None:
    """For `on_crashed` and `on_cancellation`: end the processes that it leaves, and say in the ledger that it ended."""
    end_family([str(flow_run.id)], NODE_SECONDS)
    settings = Settings()
    with Ledger(settings.ledger) as ledger:
        for line in lines_of(ledger, str(flow_run.id)):
            with abandoned(settings.home, str(line.figures.get("claim"))) as gone:
                if gone:
                    how = "crashed" if state.is_crashed() else "cancelled"
                    ledger.finish_run(line.id, how, {**line.figures, "error": state.message or how})


ENDINGS: dict[str, Any] = {
    "on_failure": [run_failed],
    "on_crashed": [clean_up, run_crashed],
    "on_cancellation": [clean_up],
    "on_completion": [run_completed],
}
