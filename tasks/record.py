"""Every run of a pipeline leaves a line in the ledger, however it ends.

Where its process is killed nothing here can say so: the line stays `running`, with the name of a claim that nobody
holds any more, until `deployments.reconcile` finds it.
"""

from asyncio import CancelledError
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from prefect import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import FlowRunContext
from prefect.exceptions import Pause, TerminationSignal
from prefect.states import Completed

from strata.settings import Settings
from strata.store import Claim, Ledger, within_run
from strata.store import Run as Line

ALL_OFF = "All pipelines are switched off: set ARCHAEOLOGICAL_PHASE_2_ENABLED=true to run them."
FLOW_RUN = "flow_run"  # in the figures of a line: the id of Prefect's run


@contextmanager
def recorded(pipeline: str, settings: Settings) -> Iterator[dict[str, Any]]:
    """Record the block as one run; what it puts into the yielded dictionary becomes the run's figures.

    Incidents that are begun in it name the flow run.
    """
    figures: dict[str, Any] = _origin()
    with Ledger(settings.ledger) as ledger, Claim(settings.home) as claim, ExitStack() as stack:
        if FLOW_RUN in figures:
            stack.enter_context(within_run(figures[FLOW_RUN]))
        run = ledger.start_run(pipeline, settings.phase_2_version, figures | {"claim": claim.name})

        def ended(state: Any, more: Mapping[str, Any] | None = None) -> None:
            ledger.finish_run(run, state, figures | dict(more or {}))
            claim.ended()

        try:
            yield figures
        except Exception as error:
            ended("failed", {"error": str(error)})
            raise
        except Pause:
            # The run waits for a person, and goes on as another line.
            ended("suspended")
            raise
        except CancelledError:
            ended("failed", {"error": "it took longer than the timeout of its flow"})
            raise
        except (TerminationSignal, SystemExit):
            # A cancellation in the UI, or the end of the worker: rich exits where nobody reads what it prints.
            ended("cancelled" if _is_being_cancelled() else "crashed")
            raise
        except BaseException:
            # Ctrl-C in the terminal.
            ended("cancelled")
            raise
        ended("completed")


def skipped(pipeline: str, settings: Settings, reason: str, figures: Mapping[str, Any] | None = None) -> State:
    """Record that a pipeline was asked to run and does not, and why; returns what its flow then ends with."""
    with Ledger(settings.ledger) as ledger:
        run = ledger.start_run(pipeline, settings.phase_2_version)
        ledger.finish_run(run, "skipped", {"reason": reason, **_origin(), **(figures or {})})
    # A completed state with its own name: nothing failed, nobody cancelled it, and the UI shows the word.
    return Completed(name="Skipped", message=reason)


def lines_of(ledger: Ledger, flow_run: str) -> tuple[Line, ...]:
    """The lines of a flow run whose ends nobody has recorded."""
    return tuple(line for line in ledger.under_way() if line.figures.get(FLOW_RUN) == flow_run)


def _origin() -> dict[str, Any]:
    """Which of Prefect's runs this is, and which version of deployment and parameters, where it is one of these."""
    run = _flow_run()
    if run is None:
        return {}
    version = {"deployment_version": run.deployment_version} if run.deployment_version else {}
    return {FLOW_RUN: str(run.id), **version}


def _flow_run() -> FlowRun | None:
    context = FlowRunContext.get()
    return None if context is None else context.flow_run


def _is_being_cancelled() -> bool:
    """Whether somebody asked for the end of this run; an end that nobody asked for is a crash."""
    run = _flow_run()
    if run is None:
        return False
    try:
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(run.id).state
    except Exception:
        return False  # the server is gone too
    return state is not None and (state.is_cancelling() or state.is_cancelled())
