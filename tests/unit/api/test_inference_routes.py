"""The fleet over HTTP."""

import pytest

PREFIX = "/v1/inference/distributed"


def test_status_says_who_is_there_and_what_ran(client, ledger) -> None:
    run = ledger.start_run("inference", "1")
    ledger.finish_run(run, "completed", {"tokens": 64})
    ledger.start_run("mesh", "1")
    found = client.get(f"{PREFIX}/status").json()
    assert [(node["name"], node["reachable"], node["layers"]) for node in found["nodes"]] == [
        ("n1", True, [0, 4]),
        ("n2", False, None),
    ]
    assert found["models"][0]["name"] == "tiny"
    assert [(run["id"], run["figures"]) for run in found["runs"]] == [(run, {"tokens": 64})]
    assert found["problems"] == []


def test_status_names_the_jobs_that_are_under_way(client, work) -> None:
    job = client.post("/v2/archaeological/distributed/inference", json={"prompts": ["Hello"]}).json()["id"]
    work.settle(job)
    assert client.get(f"{PREFIX}/status").json()["jobs"] == []


def test_status_is_there_without_a_fleet(client, fleet) -> None:
    fleet.down = "its nodes are gone"
    answer = client.get(f"{PREFIX}/status")
    assert answer.status_code == 200
    assert answer.json()["problems"] == ["its nodes are gone"]


@pytest.mark.parametrize("path", ["plan", "optimize"])
def test_without_a_fleet_there_is_no_plan(client, fleet, path: str) -> None:
    fleet.down = "its nodes are gone"
    answer = client.post(f"{PREFIX}/{path}", json={})
    assert answer.status_code == 503
    assert answer.json()["detail"] == "its nodes are gone"


def test_a_plan_is_passed_on(client) -> None:
    told = client.post(f"{PREFIX}/plan").json()
    assert told["now"]["stages"][0] == {
        "node": "a",
        "layers": [0, 2],
        "seconds": 0.1,
        "memory_bytes": 1000,
        "link_seconds": 0.0,
    }
    assert (told["gain"], told["survey"]["measured"]) == (1.0, [{"from": "a", "to": "b"}])


def test_nothing_moves_unless_it_is_asked_for(client, fleet) -> None:
    assert client.post(f"{PREFIX}/optimize", json={}).json()["dry_run"] is True
    assert client.post(f"{PREFIX}/optimize", json={"dry_run": False}).json()["dry_run"] is False
    assert fleet.moved == [False, True]


@pytest.mark.parametrize("said", [{"dry_run": 0}, {"dry_run": "no"}, {"dry_run": False, "force": True}])
def test_what_is_not_quite_a_decision_is_none(client, fleet, said: dict) -> None:
    assert client.post(f"{PREFIX}/optimize", json=said).status_code == 422
    assert fleet.moved == []
