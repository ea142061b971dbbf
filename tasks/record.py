"""Every run of a pipeline leaves a line in the ledger, however it ends."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.exceptions import Pause
from prefect.states import Completed

from strata.settings import Settings
from strata.store import Ledger, within_run

ALL_OFF = "All pipelines are switched off: set ARCHAEOLOGICAL_PHASE_2_ENABLED=true to run them."


@contextmanager
def recorded(pipeline: str, settings: Settings) -> Iterator[dict[str, Any]]:
    """Record the block as one run; what it puts into the yielded dictionary becomes the run's figures.

    Incidents that are begun in it name the flow run.
    """
    figures: dict[str, Any] = {}
    with Ledger(settings.ledger) as ledger, ExitStack() as stack:
        context = FlowRunContext.get()
        if context is not None and context.flow_run is not None:
            stack.enter_context(within_run(str(context.flow_run.id)))
        run = ledger.start_run(pipeline, settings.phase_2_version)
        try:
            yield figures
        except Exception as error:
            ledger.finish_run(run, "failed", figures | {"error": str(error)})
            raise
        except Pause:
            # The run waits for a person, and goes on as another line.
            ledger.finish_run(run, "suspended", figures)
            raise
        except BaseException:
            # Ctrl-C, a stop signal or a cancellation in the UI.
            ledger.finish_run(run, "cancelled", figures)
            raise
        ledger.finish_run(run, "completed", figures)


def skipped(pipeline: str, settings: Settings, reason: str, figures: Mapping[str, Any] | None = None) -> State:
    """Record that a pipeline was asked to run and does not, and why; returns what its flow then ends with."""
    with Ledger(settings.ledger) as ledger:
        run = ledger.start_run(pipeline, settings.phase_2_version)
        ledger.finish_run(run, "skipped", {"reason": reason, **(figures or {})})
    # A completed state with its own name: nothing failed, nobody cancelled it, and the UI shows the word.
    return Completed(name="Skipped", message=reason)
