"""The port of long work: one set of tests for the threads of this process and for a Prefect server."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow
from prefect.flow_runs import suspend_flow_run
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, State
from pydantic import BaseModel, ConfigDict, Field

from deployments.local_work import LocalWork, Running, Skipped
from deployments.prefect_work import PrefectWork
from strata.api import Job, Work, WorkRefused, WorkUnavailable
from tasks.evolution_approval import Decision
from tests.support.prefect_server import prefect_server


class Parameters(BaseModel):
    """As the parameters of the pipelines."""

    model_config = ConfigDict(extra="forbid")

    seed: int = Field(0, ge=0)
    mesh: str = ""


DEFAULT = Parameters()


@flow(name="contract-mesh")
def swept(parameters: Parameters = DEFAULT) -> State[Any]:
    return Completed(message=f"swept {parameters.mesh} with seed {parameters.seed}")


@flow(name="contract-migration")
def failing(parameters: Parameters = DEFAULT) -> None:
    raise ValueError("nothing to migrate")


@flow(name="contract-watch")
def skipping(parameters: Parameters = DEFAULT) -> State[Any]:
    return Completed(name="Skipped", message="there is no champion")


@flow(name="contract-evolution", persist_result=True)
def asking(parameters: Parameters = DEFAULT) -> State[Any]:
    given = suspend_flow_run(Decision.with_initial_data(description="may it?"), timeout=600, key="approval-1")
    said = "approved" if given.decision == "approve" else "rejected"
    return Completed(message=f"{said} by {given.name}: {given.comment}")


FLOWS = {"mesh": swept, "migration": failing, "watch": skipping, "evolution": asking}
CRON = "0 2 * * *"


def _swept(running: Running) -> str:
    return f"swept {running.parameters.get('mesh', 'home')} with seed {running.parameters.get('seed', 0)}"


def _failing(running: Running) -> None:
    raise ValueError("nothing to migrate")


def _skipping(running: Running) -> None:
    raise Skipped("there is no champion")


def _asking(running: Running) -> str:
    answer = running.ask("may it?")
    return f"{'approved' if answer.approve else 'rejected'} by {answer.by}: {answer.reason}"


@dataclass
class Office:
    """Work, and what has a job done as far as it goes, as a worker would."""

    work: Work
    settle: Callable[[Job], Job]


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A deployment of each flow, `mesh` with parameters of its own, `evolution` with a schedule.

    On a server of its own: others have deployments of the same names.
    """
    with (
        prefect_server(tmp_path_factory.mktemp("prefect")) as (server, _),
        temporary_settings(updates={PREFECT_API_URL: server.url}),
        get_client(sync_client=True) as client,
    ):
        for name, each in FLOWS.items():
            client.create_deployment(
                flow_id=client.create_flow(each),
                name=name,
                parameters={"parameters": {"mesh": "home"}} if name == "mesh" else {},
                parameter_openapi_schema=each.parameters.model_dump(),
                enforce_parameter_schema=True,
                schedules=[DeploymentScheduleCreate(schedule=CronSchedule(cron=CRON, timezone="UTC"), active=True)]
                if name == "evolution"
                else [],
            )
        yield


@pytest.fixture(params=["threads", "prefect"])
def office(request: pytest.FixtureRequest) -> Iterator[Office]:
    if request.param == "threads":
        pipelines = {"mesh": _swept, "migration": _failing, "watch": _skipping, "evolution": _asking}
        with LocalWork(pipelines) as local:  # type: ignore[arg-type]
            yield Office(local, lambda job: local.settle(job.id))
        return
    request.getfixturevalue("deployed")
    with PrefectWork() as work, get_client(sync_client=True) as client:

        def settle(job: Job) -> Job:
            run = client.read_flow_run(uuid.UUID(job.id))
            with suppress(Pause):  # it was suspended, and its process is gone
                run_flow(FLOWS[job.pipeline], flow_run=run, parameters=run.parameters, return_type="state")
            found = work.find(job.id)
            assert found is not None
            return found

        yield Office(work, settle)


def test_a_job_is_started_done_and_found(office: Office) -> None:
    before = datetime.now(UTC)
    job = office.work.start("mesh", {"seed": 7})
    assert job.pipeline == "mesh"
    assert job.state in {"scheduled", "running", "completed"}
    assert abs((job.created - before).total_seconds()) < 30
    done = office.settle(job)
    assert (done.id, done.state, done.message) == (job.id, "completed", "swept home with seed 7")
    assert done.started is not None
    assert done.ended is not None
    assert done.ended >= done.started
    assert office.work.find(job.id) == done


def test_a_job_that_fails_or_has_nothing_to_do_says_so(office: Office) -> None:
    failed = office.settle(office.work.start("migration", {}))
    assert failed.state == "failed"
    assert "nothing to migrate" in failed.message
    skipped = office.settle(office.work.start("watch", {}))
    assert (skipped.state, skipped.message) == ("skipped", "there is no champion")


def test_a_key_starts_one_job_however_often_it_is_used(office: Office) -> None:
    key = uuid.uuid4().hex
    first = office.work.start("mesh", {"seed": 1}, key)
    assert office.work.start("mesh", {"seed": 1}, key).id == first.id
    with pytest.raises(WorkRefused, match="other parameters"):
        office.work.start("mesh", {"seed": 2}, key)
    assert office.work.start("mesh", {"seed": 1}).id != first.id
    assert office.settle(first).state == "completed"
    assert office.work.start("mesh", {"seed": 1}, key).state == "completed"


@pytest.mark.parametrize(("approve", "said"), [(True, "approved"), (False, "rejected")])
def test_a_job_asks_and_goes_on_with_the_answer(office: Office, approve: bool, said: str) -> None:
    job = office.settle(office.work.start("evolution", {}))
    assert job.state == "suspended"
    answered = office.work.decide(job.id, approve=approve, reason="looks so", by="tester")
    assert answered is not None
    assert answered.state in {"scheduled", "running", "completed"}
    done = office.settle(job)
    assert (done.state, done.message) == ("completed", f"{said} by tester: looks so")


def test_who_was_not_asked_cannot_decide(office: Office) -> None:
    job = office.settle(office.work.start("mesh", {}))
    with pytest.raises(WorkRefused):
        office.work.decide(job.id, approve=True, reason="", by="tester")


def test_a_job_is_cancelled_unless_it_has_ended(office: Office) -> None:
    job = office.settle(office.work.start("evolution", {}))
    cancelled = office.work.cancel(job.id)
    assert cancelled is not None
    assert cancelled.state in {"cancelling", "cancelled"}
    done = office.settle(office.work.start("mesh", {}))
    with pytest.raises(WorkRefused):
        office.work.cancel(done.id)
    found = office.work.find(done.id)
    assert found is not None
    assert found.state == "completed"


def test_the_newest_come_first(office: Office) -> None:
    first = office.work.start("mesh", {})
    second = office.work.start("watch", {})
    third = office.work.start("mesh", {})
    ids = [job.id for job in office.work.recent(limit=3)]
    assert ids == [third.id, second.id, first.id]
    assert [job.id for job in office.work.recent("mesh", 2)] == [third.id, first.id]


@pytest.mark.parametrize("job", [str(uuid.uuid4()), "1", ""])
def test_of_what_is_no_job_nothing_is_known(office: Office, job: str) -> None:
    assert office.work.find(job) is None
    assert office.work.cancel(job) is None
    assert office.work.decide(job, approve=True, reason="", by="") is None


def test_a_pipeline_that_nobody_runs_is_not_there(office: Office) -> None:
    with pytest.raises(WorkUnavailable):
        office.work.start("pretraining", {})


def test_where_nothing_is_scheduled_there_is_no_time(office: Office) -> None:
    (schedule,) = office.work.schedules("mesh")
    assert (schedule.pipeline, schedule.cron, schedule.upcoming) == ("mesh", None, ())


@pytest.mark.usefixtures("deployed")
class TestPrefect:
    """What only the server does."""

    def test_a_schedule_tells_its_next_times(self) -> None:
        with PrefectWork() as work:
            deadline = time.monotonic() + 60
            while not (found := work.schedules("evolution"))[0].upcoming and time.monotonic() < deadline:
                threading.Event().wait(0.2)
        (schedule,) = found
        assert (schedule.cron, schedule.timezone, schedule.active) == (CRON, "UTC", True)
        assert all((at.hour, at.minute) == (2, 0) for at in schedule.upcoming)
        assert list(schedule.upcoming) == sorted(schedule.upcoming)

    def test_what_is_only_planned_is_no_job(self) -> None:
        with PrefectWork() as work:
            assert all(job.created <= datetime.now(UTC) for job in work.recent("evolution", 100))
            assert all(job.state != "scheduled" for job in work.recent("evolution", 100))

    @pytest.mark.parametrize("wrong", [{"seed": -1}, {"seed": "many"}, {"unknown": 1}])
    def test_parameters_that_the_flow_does_not_take_are_refused(self, wrong: dict[str, Any]) -> None:
        with PrefectWork() as work, pytest.raises(WorkRefused, match="cannot start mesh"):
            work.start("mesh", wrong)

    @pytest.mark.parametrize(
        "hidden",
        [
            {"mesh": {"__prefect_kind": "jinja", "template": "{{ 1 }}"}},
            {"a": [{"__prefect_kind": "none"}]},
            {"mesh": "a\0b"},
        ],
    )
    def test_nothing_is_rendered_by_the_server_or_fails_in_it(self, hidden: dict[str, Any]) -> None:
        with PrefectWork() as work, pytest.raises(WorkRefused, match="__prefect_kind"):
            work.start("mesh", hidden)

    def test_a_run_of_something_else_is_no_job(self) -> None:
        @flow(name="another")
        def another() -> int:
            return 1

        with get_client(sync_client=True) as client, PrefectWork() as work:
            run = client.create_flow_run(another)
            assert work.find(str(run.id)) is None

    def test_without_a_server_the_work_is_unavailable(self) -> None:
        from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

        with (
            temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api", PREFECT_CLIENT_MAX_RETRIES: 0}),
            PrefectWork() as work,
        ):
            with pytest.raises(WorkUnavailable, match="does not answer"):
                work.start("mesh", {})
            with pytest.raises(WorkUnavailable, match="does not answer"):
                work.recent()
