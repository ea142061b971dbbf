"""Jobs over HTTP, on work that runs in threads."""

import uuid

import pytest
from starlette.testclient import TestClient

from deployments.local_work import LocalWork


def start(client: TestClient, pipeline: str, key: str | None = None, **parameters) -> TestClient:
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post("/v1/jobs", json={"pipeline": pipeline, "parameters": parameters}, headers=headers)


def settled(work: LocalWork, client: TestClient, job: str) -> dict:
    """The job when its thread has done what it can."""
    work.settle(job)
    return client.get(f"/v1/jobs/{job}").json()


def test_a_started_job_is_answered_with_where_it_is(client, work) -> None:
    answer = start(client, "mesh", survive=2)
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json()['id']}"
    job = settled(work, client, answer.json()["id"])
    assert (job["pipeline"], job["state"], job["message"]) == ("mesh", "completed", "swept")


def test_a_job_that_fails_says_why(client, work) -> None:
    job = settled(work, client, start(client, "migration").json()["id"])
    assert (job["state"], job["message"]) == ("failed", "ValueError: nothing to migrate")


def test_the_same_key_starts_one_job(client, client_of) -> None:
    first = start(client, "mesh", "k", survive=2).json()["id"]
    assert start(client, "mesh", "k", survive=2).json()["id"] == first
    assert start(client, "mesh", "k", survive=3).status_code == 409
    assert start(client, "mesh", "another", survive=2).json()["id"] != first
    with client_of() as other:  # a caller's keys are its own
        assert start(other, "mesh", "k", survive=2).json()["id"] != first


def test_a_suspended_job_is_decided_on(client, work) -> None:
    job = start(client, "evolution").json()["id"]
    asked = settled(work, client, job)
    assert (asked["state"], asked["message"]) == ("suspended", "may it become champion?")
    answer = client.post(f"/v1/jobs/{job}/decision", json={"decision": "approve", "reason": "it is better"})
    assert answer.status_code == 202
    assert settled(work, client, job)["message"] == "approved by tester: it is better"
    again = client.post(f"/v1/jobs/{job}/decision", json={"decision": "reject"})
    assert again.status_code == 409


def test_a_job_is_cancelled_once(client, work) -> None:
    job = start(client, "evolution").json()["id"]
    settled(work, client, job)
    assert client.post(f"/v1/jobs/{job}/cancel").json()["state"] in {"cancelling", "cancelled"}
    assert settled(work, client, job)["state"] == "cancelled"
    assert client.post(f"/v1/jobs/{job}/cancel").status_code == 409


def test_the_newest_jobs_come_first(client, work) -> None:
    jobs = [start(client, "mesh").json()["id"] for _ in range(3)]
    started = start(client, "inference").json()["id"]
    found = client.get("/v1/jobs").json()["jobs"]
    assert [job["id"] for job in found] == [started, *reversed(jobs)]
    mesh = client.get("/v1/jobs", params={"pipeline": "mesh", "limit": 2}).json()["jobs"]
    assert [job["id"] for job in mesh] == jobs[:0:-1]


def test_what_is_no_job_is_said_to_be(client) -> None:
    unknown = str(uuid.uuid4())
    for method, path, body in (
        ("GET", "", None),
        ("POST", "/cancel", None),
        ("POST", "/decision", {"decision": "approve"}),
    ):
        answer = client.request(method, f"/v1/jobs/{unknown}{path}", json=body)
        assert answer.status_code == 404
        assert unknown in answer.json()["detail"]
    assert client.get("/v1/jobs/1").status_code == 422


def test_work_that_nobody_does_is_unavailable(client) -> None:
    answer = start(client, "pretraining")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"


def test_what_is_not_known_is_refused(client) -> None:
    assert start(client, "mining").status_code == 422
    assert client.post("/v1/jobs", json={"pipeline": "mesh", "priority": 1}).status_code == 422
    assert start(client, "mesh", "with space").status_code == 422


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ('{"a": [{"b": 1.5}]}', 202),
        ('{"a": ' + "[" * 30 + "]" * 30 + "}", 202),
        ('{"a": ' + "[" * 40 + "]" * 40 + "}", 422),
        ('{"a": ' + "[" * 900 + "]" * 900 + "}", 422),
        ('{"a": [NaN]}', 422),
        ('{"a": -Infinity}', 422),
        ('{"\\ud800": 1}', 422),
    ],
)
def test_parameters_are_plain_data(client, parameters: str, status: int) -> None:
    body = f'{{"pipeline": "mesh", "parameters": {parameters}}}'
    answer = client.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
