"""The pipelines under their first names."""

from datetime import UTC, datetime

import pytest

from deployments.local_work import LocalWork
from strata.api import Schedule
from strata.store import Approvals, ChampionLog, Explanation

PREFIX = "/v2/archaeological"
A, B = "a" * 64, "b" * 64
NIGHTLY = Schedule("evolution", True, "0 2 * * *", "UTC", (datetime(2026, 1, 2, 2, tzinfo=UTC),))


@pytest.fixture
def kept() -> dict:
    """The parameters of the latest job."""
    return {}


@pytest.fixture
def work(kept: dict):
    def keep(running) -> None:
        kept.clear()
        kept.update(running.parameters)

    with LocalWork({"inference": keep, "mesh": keep}, {"evolution": [NIGHTLY]}) as work:
        yield work


def test_an_inference_run_gets_what_was_said_and_nothing_else(client, work, kept) -> None:
    answer = client.post(f"{PREFIX}/distributed/inference", json={"prompts": ["Hello"], "nodes": 2})
    assert answer.status_code == 202
    work.settle(answer.json()["id"])
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json()['id']}"
    assert kept == {"prompts": ["Hello"], "nodes": 2}


@pytest.mark.parametrize(
    "wrong", [{}, {"prompts": []}, {"prompts": ["x"], "nodes": 17}, {"prompts": ["x"], "mesh": "/"}]
)
def test_an_inference_run_that_makes_no_sense_is_not_started(client, work, wrong) -> None:
    assert client.post(f"{PREFIX}/distributed/inference", json=wrong).status_code == 422
    assert work.recent() == []


@pytest.mark.parametrize(("mesh", "named"), [("home", "home"), ("demonstration", "")])
def test_a_sweep_is_of_the_home_mesh_unless_said_otherwise(client, work, kept, mesh: str, named: str) -> None:
    answer = client.post(f"{PREFIX}/p2p/mesh/optimize", json={"mesh": mesh, "survive": 2})
    assert answer.status_code == 202
    work.settle(answer.json()["id"])
    assert kept == {"mesh": named, "survive": 2, "fan_out": 16}


def test_the_schedule_tells_who_is_champion_and_what_waits(client, ledger) -> None:
    ChampionLog(ledger).move(A, expected=None, why=Explanation("promotion", "the first", generation=1))
    number = Approvals(ledger).propose(B, A, {"verdict": "inconclusive"}, generation=2)
    found = client.get(f"{PREFIX}/evolution/schedule").json()
    assert found["schedules"][0] == {
        "pipeline": "evolution",
        "active": True,
        "cron": "0 2 * * *",
        "timezone": "UTC",
        "upcoming": ["2026-01-02T02:00:00Z"],
    }
    assert {each["pipeline"] for each in found["schedules"]} >= {"watch", "rollback", "evolution-on-checkpoint"}
    champion, (pending,) = found["champion"], found["pending"]
    assert (champion["digest"], champion["kind"], champion["generation"]) == (A, "promotion", 1)
    assert (pending["id"], pending["candidate"], pending["judgement"]) == (number, B, {"verdict": "inconclusive"})


def test_before_the_first_champion_there_is_none(client) -> None:
    found = client.get(f"{PREFIX}/evolution/schedule").json()
    assert (found["champion"], found["pending"]) == (None, [])


@pytest.mark.parametrize(("said", "status"), [(2, 202), (2.0, 202), (2.5, 422), ("2", 422), (True, 422)])
def test_a_whole_number_is_one_however_it_is_written(client, said, status: int) -> None:
    assert client.post(f"{PREFIX}/p2p/mesh/optimize", json={"survive": said}).status_code == status
