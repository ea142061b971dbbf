"""Tensor memory over HTTP."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from strata.api.routes.memory import POINTS
from strata.store import MemoryLog, MemorySample
from tests.support.told_api import Api, api_over
from tests.support.told_fleet import ToldFleet, node

NODES = "/v1/memory/tensor/nodes"
BEGAN = datetime(2026, 11, 27, tzinfo=UTC)


@pytest.fixture
def api(tmp_path: Path):
    fleet = ToldFleet([node("a"), node("b", runtime_bytes=300, leak="it grows"), node("c", reachable=False)])
    with api_over(tmp_path, fleet) as api:
        yield api


def _fill(api: Api, name: str, count: int, slope: float, seconds: float = 30.0) -> None:
    """Samples that rise by so many bytes a second."""
    taken = [BEGAN + timedelta(seconds=seconds * index) for index in range(count)]
    MemoryLog(api.ledger).add(
        [MemorySample(name, at, 100_000, round(slope * (at - BEGAN).total_seconds()), {}) for at in taken]
    )


def test_every_node_is_listed_with_its_account(api: Api) -> None:
    one, two, three = api.get(NODES).json()["nodes"]
    assert one == {
        "name": "a", "peer_id": "peer-a", "reachable": True, "budget": 1000, "used": 775, "free": 225, "over": 0,
        "sessions": 2, "leak": "", "categories": {"weights": 600, "cache": 100, "workspace": 50, "runtime": 25},
    }  # fmt: skip
    assert (two["over"], two["leak"]) == (50, "it grows")
    assert (three["reachable"], three["budget"], three["used"]) == (False, 0, 0)


def test_a_node_is_told_with_its_trend_and_its_samples(api: Api) -> None:
    assert api.get(f"{NODES}/a").json()["forecast"] is None
    _fill(api, "a", 60, slope=2.0)
    found = api.get(f"{NODES}/a", params={"hours": 0.25}).json()
    assert found["used"] == 775
    assert len(found["series"]) == 31
    assert found["series"][-1] == {"taken": "2026-11-27T00:29:30Z", "budget": 100_000, "used": 3540}
    forecast = found["forecast"]
    assert (forecast["bytes_per_second"], forecast["low"], forecast["high"]) == (2.0, 2.0, 2.0)
    assert forecast["likely"] == forecast["earliest"] == forecast["latest"] == (100_000 - 3540) / 2
    assert (forecast["rises"], forecast["sentence"]) == (True, "full in 13.4 h (13.4 h to 13.4 h)")


def test_a_long_series_is_told_in_so_many_points_with_the_newest(api: Api) -> None:
    _fill(api, "a", 1000, slope=1.0, seconds=10)
    series = api.get(f"{NODES}/a", params={"hours": 24}).json()["series"]
    assert POINTS / 2 < len(series) <= POINTS
    assert series[-1]["used"] == 9990
    assert series == sorted(series, key=lambda point: point["taken"])


def test_a_clock_that_was_set_back_does_no_harm(api: Api) -> None:
    for start in (0, 100, -50, 50):
        taken = [BEGAN + timedelta(seconds=start + index) for index in range(10)]
        MemoryLog(api.ledger).add([MemorySample("a", at, 1000, 5, {}) for at in taken])
    found = api.get(f"{NODES}/a").json()
    assert found["forecast"]["sentence"] == "not filling"


def test_the_summary_adds_up_and_names_who_is_in_trouble(api: Api) -> None:
    _fill(api, "b", 20, slope=1.0)
    found = api.get("/v1/memory/tensor/summary").json()
    assert (found["nodes"], found["budget"], found["used"], found["free"]) == (2, 2000, 1825, 225)
    assert found["categories"]["weights"] == 1200
    assert (found["over"], found["leaking"], found["unreachable"]) == ({"b": 50}, {"b": "it grows"}, ["c"])
    assert list(found["forecasts"]) == ["b"]


def test_a_clean_up_needs_the_scope_to_operate(api: Api) -> None:
    for headers, status in ((None, 401), (api.headers("read", "infer"), 403)):
        assert api.client.post(f"{NODES}/a/cleanup", headers=headers).status_code == status
    answer = api.client.post(f"{NODES}/a/cleanup", headers=api.headers("operate"))
    assert answer.json() == {"node": "a", "figures": {"resident_before": 100, "resident_after": 50}}


def test_who_is_not_there_is_not_found_and_a_fleet_that_starts_is_unavailable(api: Api) -> None:
    assert api.get(f"{NODES}/nobody").status_code == 404
    assert api.client.post(f"{NODES}/nobody/cleanup", headers=api.headers("operate")).status_code == 404
    assert api.get(f"{NODES}/a", params={"hours": 0}).status_code == 422
    api.fleet.states = None
    for path in (NODES, f"{NODES}/a", "/v1/memory/tensor/summary"):
        answer = api.get(path)
        assert (answer.status_code, answer.json()["detail"]) == (503, "the fleet is starting")


@pytest.mark.parametrize("path", [NODES, f"{NODES}/a", "/v1/memory/tensor/summary"])
def test_reading_needs_the_scope_to_read(api: Api, path: str) -> None:
    assert api.client.get(path).status_code == 401
    assert api.get(path, "operate").status_code == 403
    assert api.get(path).status_code == 200
