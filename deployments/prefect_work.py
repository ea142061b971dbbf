"""Long work done by Prefect: each pipeline is the deployment of that name, and each job one of its flow runs."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas import OrchestrationResult
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    DeploymentFilterName,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import DeploymentResponse, SetStateStatus
from prefect.client.schemas.schedules import CronSchedule
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelling
from prefect.utilities.urls import url_for

from strata.api import Job, JobState, Pipeline, Schedule, WorkRefused, WorkUnavailable
from strata.closing import Closing

NAMES: tuple[str, ...] = get_args(Pipeline)
REQUEST_SECONDS = 15.0
_UPCOMING = 5
_STATES: Mapping[StateType, JobState] = {
    StateType.SCHEDULED: "scheduled",
    StateType.PENDING: "scheduled",
    StateType.RUNNING: "running",
    StateType.PAUSED: "suspended",
    StateType.COMPLETED: "completed",
    StateType.FAILED: "failed",
    StateType.CRASHED: "crashed",
    StateType.CANCELLING: "cancelling",
    StateType.CANCELLED: "cancelled",
}
_ENDED = frozenset({"completed", "skipped", "failed", "crashed", "cancelled"})
# A parameter with this key is not taken as it is, but rendered by the server, with what only operators may see of it.
_RENDERED = "__prefect_kind"


class PrefectWork(Closing):
    """Asks the server of PREFECT_API_URL. Safe to use from many threads; close it, or use it as a context."""

    def __init__(self) -> None:
        self._client: SyncPrefectClient = get_client(httpx_settings={"timeout": REQUEST_SECONDS}, sync_client=True)
        self._client.__enter__()
        self._names: dict[UUID, str] = {}

    def close(self) -> None:
        """Close the connections."""
        self._client.__exit__(None, None, None)

    def start(self, pipeline: Pipeline, parameters: Mapping[str, Any], key: str | None = None) -> Job:
        """As `Work.start`; parameters that are not given are those of the deployment."""
        _check_texts(parameters)
        deployment = self._deployment(pipeline)
        wanted = {**deployment.parameters.get("parameters", {}), **parameters}
        with _asking(f"start {pipeline}"):
            run = self._client.create_flow_run_from_deployment(
                deployment.id, parameters={"parameters": wanted}, idempotency_key=key
            )
        if run.parameters.get("parameters") != wanted:
            raise WorkRefused("with this key a job was started before, and with other parameters: use another key")
        return _job(run, pipeline)

    def find(self, job_id: str) -> Job | None:
        """As `Work.find`."""
        run = self._run(job_id)
        name = None if run is None else self._name(run.deployment_id)
        return None if run is None or name is None else _job(run, name)

    def recent(self, pipeline: Pipeline | None = None, limit: int = 20) -> Sequence[Job]:
        """As `Work.recent`."""
        soon = datetime.now(UTC) + timedelta(seconds=1)  # what was started just now
        wanted = FlowRunFilter(expected_start_time=FlowRunFilterExpectedStartTime(before_=soon))
        with _asking("list runs"):
            runs = self._client.read_flow_runs(
                flow_run_filter=wanted,
                deployment_filter=_named(*((pipeline,) if pipeline else NAMES)),
                sort=FlowRunSort.EXPECTED_START_TIME_DESC,
                limit=limit,
            )
        return [_job(run, name) for run in runs if (name := self._name(run.deployment_id)) is not None]

    def cancel(self, job_id: str) -> Job | None:
        """As `Work.cancel`."""
        job = self.find(job_id)
        if job is None or job.state == "cancelling":
            return job
        if job.state in _ENDED:
            raise WorkRefused(f"the job has ended: it is {job.state}")
        with _asking("cancel a run"):
            result = self._client.set_flow_run_state(UUID(job_id), Cancelling(message="Asked for over HTTP"))
        # One that has no process yet is cancelled instead, which the server calls a rejection.
        if result.state is None or result.state.type not in {StateType.CANCELLING, StateType.CANCELLED}:
            _check_accepted(result)
        return self.find(job_id)

    def decide(self, job_id: str, *, approve: bool, reason: str, by: str) -> Job | None:
        """As `Work.decide`: fills in the form `tasks.evolution_approval.Decision`, and resumes the run."""
        job = self.find(job_id)
        if job is None:
            return None
        answer = {"decision": "approve" if approve else "reject", "comment": reason, "name": by[:60]}
        _check_texts(answer)
        with _asking("resume a run"):
            _check_accepted(self._client.resume_flow_run(UUID(job_id), answer))
        return self.find(job_id)

    def schedules(self, pipeline: Pipeline) -> Sequence[Schedule]:
        """As `Work.schedules`; where it has none there is one that says so."""
        deployment = self._deployment(pipeline)
        upcoming = self._upcoming(pipeline)
        found = []
        for each in deployment.schedules:
            cron = each.schedule.cron if isinstance(each.schedule, CronSchedule) else None
            zone = getattr(each.schedule, "timezone", None) or "UTC"
            times = tuple(at for run, at in upcoming if run.created_by is not None and run.created_by.id == each.id)
            found.append(Schedule(pipeline, each.active and not deployment.paused, cron, zone, times[:_UPCOMING]))
        return found or [Schedule(pipeline, not deployment.paused, None, "UTC", ())]

    def _upcoming(self, pipeline: Pipeline) -> Sequence[tuple[FlowRun, datetime]]:
        planned = FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
            expected_start_time=FlowRunFilterExpectedStartTime(after_=datetime.now(UTC)),
        )
        with _asking("list what is planned"):
            runs = self._client.read_flow_runs(
                flow_run_filter=planned,
                deployment_filter=_named(pipeline),
                sort=FlowRunSort.EXPECTED_START_TIME_ASC,
                limit=4 * _UPCOMING,
            )
        return [(run, run.expected_start_time) for run in runs if run.expected_start_time is not None]

    def _deployment(self, pipeline: str) -> DeploymentResponse:
        with _asking(f"find the deployment {pipeline}"):
            found = self._client.read_deployments(deployment_filter=_named(pipeline), limit=1)
        if not found:
            raise WorkUnavailable(f"there is no deployment {pipeline}: run `python -m deployments.bootstrap`")
        self._names[found[0].id] = pipeline
        return found[0]

    def _name(self, deployment: UUID | None) -> str | None:
        """The pipeline whose deployment it is; None for one that is not of ours."""
        if deployment is None:
            return None
        if deployment not in self._names:
            wanted = DeploymentFilter(id=DeploymentFilterId(any_=[deployment]))
            with _asking("find a deployment"):
                found = self._client.read_deployments(deployment_filter=wanted, limit=1)
            self._names |= {each.id: each.name for each in found}
        name = self._names.get(deployment)
        return name if name in NAMES else None

    def _run(self, job_id: str) -> FlowRun | None:
        with _asking("find a run"):
            try:
                return self._client.read_flow_run(UUID(job_id))
            except (ObjectNotFound, ValueError):
                return None


def _check_accepted(result: OrchestrationResult[Any]) -> None:
    if result.status is not SetStateStatus.ACCEPT:
        raise WorkRefused(f"the run stays as it is: {getattr(result.details, 'reason', None) or result.status}")


@contextmanager
def _asking(what: str) -> Iterator[None]:
    """Requests to the server; what it refuses is WorkRefused, and that it does not answer WorkUnavailable."""
    try:
        yield
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        if status in {400, 409, 422}:
            raise WorkRefused(f"cannot {what}: {_reason(error.response)}") from error
        raise WorkUnavailable(f"cannot {what}: Prefect's server answers with status {status}; see its log") from error
    except httpx.HTTPError as error:
        raise WorkUnavailable(f"cannot {what}: Prefect's server does not answer ({type(error).__name__})") from error


def _reason(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])[:2000]
    except (ValueError, KeyError, TypeError):
        return f"status {response.status_code}"


def _named(*names: str) -> DeploymentFilter:
    return DeploymentFilter(name=DeploymentFilterName(any_=list(names)))


def _check_texts(value: Any) -> None:
    """Raise WorkRefused for what the server would render, or could not write down."""
    if isinstance(value, str) and (value == _RENDERED or "\0" in value):
        raise WorkRefused(f"a parameter has no {_RENDERED}, and no zero byte")
    if isinstance(value, Mapping):
        _check_texts((*value, *value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            _check_texts(each)


def _job(run: FlowRun, pipeline: str) -> Job:
    return Job(
        id=str(run.id),
        pipeline=pipeline,
        name=run.name,
        state=_state(run.state),
        created=run.created or datetime.now(UTC),
        started=run.start_time,
        ended=run.end_time,
        message=(run.state.message if run.state else None) or "",
        url=url_for("flow-run", obj_id=run.id),
    )


def _state(state: State[Any] | None) -> JobState:
    if state is None:
        return "scheduled"
    if state.type is StateType.COMPLETED and state.name == "Skipped":
        return "skipped"
    return _STATES[state.type]
