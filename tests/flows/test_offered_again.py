"""Runs that a worker had taken who died before it said who it is, on a real Prefect server: others may take them."""

import uuid
from datetime import UTC, datetime, timedelta

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.states import Pending, Running

from deployments.prefect_api import PrefectApi
from deployments.reconcile import NAMING, offer_again


def test_a_run_that_nobody_says_he_has_taken_is_there_again(prefect_api: str) -> None:
    api, pool = PrefectApi(prefect_api), f"pool-{uuid.uuid4()}"
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
        flow = client.create_flow_from_name(f"mesh-{uuid.uuid4()}")
        deployment = client.create_deployment(flow, "deployed", work_pool_name=pool)

        def taken(state, worker: str | None = None):
            run = client.create_flow_run_from_deployment(deployment)
            client.set_flow_run_state(run.id, state, force=True)
            if worker is not None:
                labels = httpx.patch(f"{prefect_api}/flow_runs/{run.id}/labels", json={"prefect.worker.name": worker})
                assert labels.status_code == 204
            return run

        lost = taken(Pending())
        kept = [taken(Pending(), "serve-here"), taken(Running())]
        now = datetime.now(UTC)
        assert offer_again(api, pool, now).rescheduled == []
        later = now + NAMING + timedelta(seconds=1)
        assert offer_again(api, pool, later).rescheduled == [lost.name]
        assert api.find(str(lost.id)).state == "SCHEDULED"
        assert [api.find(str(run.id)).state for run in kept] == ["PENDING", "RUNNING"]
        assert offer_again(api, pool, later).rescheduled == []
