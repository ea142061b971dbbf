"""Runs whose hooks were never called, on a real Prefect server: an incident tells of each, once."""

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.states import Completed, Crashed, Failed, Running, State

from deployments.prefect_api import PrefectApi
from deployments.untold import GRACE, tell_failures
from strata.settings import Settings
from strata.store import IncidentLog
from strata.triage import record_failed_run


class Runs:
    """Of a deployment of its own, in a work pool of its own."""

    def __init__(self, client: SyncPrefectClient) -> None:
        self.pool = f"pool-{uuid.uuid4()}"
        self.flow = f"migration-{uuid.uuid4()}"
        self._client = client
        client.create_work_pool(WorkPoolCreate(name=self.pool, type="process"))
        flow = client.create_flow_from_name(self.flow)
        self._deployment = client.create_deployment(flow, "deployed", work_pool_name=self.pool)

    def ended(self, state: State) -> str:
        run = self._client.create_flow_run_from_deployment(self._deployment)
        self._client.set_flow_run_state(run.id, Running(), force=True)
        self._client.set_flow_run_state(run.id, state, force=True)
        return str(run.id)


def soon() -> datetime:
    return datetime.now(UTC) + GRACE + timedelta(seconds=1)


def test_each_is_told_once_and_over_where_a_later_run_completed(prefect_api: str, tmp_path: Path) -> None:
    settings, api = Settings(STRATA_HOME=tmp_path, STRATA_LEDGER_URL=None), PrefectApi(prefect_api)
    with get_client(sync_client=True) as client, IncidentLog(settings.ledger) as log:
        runs, others = Runs(client), Runs(client)
        others.ended(Crashed(message="of another pool"))
        crashed = runs.ended(Crashed(message="exited with -9"))
        assert tell_failures(api, settings, runs.pool) == []  # its hook may still come
        assert len(tell_failures(api, settings, runs.pool, soon())) == 1
        assert tell_failures(api, settings, runs.pool, soon()) == []
        (incident,) = log.recent()
        assert (incident.kind, incident.subject, incident.state) == ("flow run crashed", runs.flow, "open")
        assert (incident.figures["run"], incident.detail) == (crashed, "exited with -9")

        failed = runs.ended(Failed(message="no disk"))
        runs.ended(Completed(name="Skipped"))
        assert len(tell_failures(api, settings, runs.pool, soon())) == 1
        assert [each.state for each in log.recent()] == ["open", "open"]
        log.resolve(log.recent()[0].id, "by hand")

        told = runs.ended(Failed(message="told by its hook"))
        record_failed_run(log, runs.flow, "failed", run=told, reason="told by its hook", url=None)
        untold = runs.ended(Failed())
        runs.ended(Completed())
        assert len(tell_failures(api, settings, runs.pool, soon())) == 1
        assert [(each.figures["run"], each.state) for each in log.recent()] == [
            (untold, "resolved"),
            (told, "resolved"),
            (failed, "resolved"),
            (crashed, "resolved"),
        ]
        assert log.recent()[0].detail == "it failed, and did not say why"
