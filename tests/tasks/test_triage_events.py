"""Cases as events of a real Prefect server."""

import json
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio
from prefect.settings import PREFECT_API_URL, temporary_settings

from strata.store import IncidentLog
from strata.triage import Desk, Notice, OutletFailed
from tasks.triage_events import ACKNOWLEDGED, OPENED, RESOLVED, PrefectEvents, event_of
from tests.support.prefect_server import until


@pytest.fixture
def notice(tmp_path: Path) -> Notice:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    with IncidentLog(url) as log, Desk(url) as desk:
        dead = log.begin(pipeline="mesh", kind="dead member", subject="node-3", detail="gone")
        failed = log.begin(pipeline="inference", kind="stage failed", subject="node-3", detail="its link ended")
        assert desk.case(failed).cause == dead
        return Notice("opened", desk.case(failed))


def found(api: str, resource: str) -> list[dict]:
    asked = {"filter": {"resource": {"id": [resource]}, "occurred": {"since": "2020-01-01T00:00:00Z"}}}
    request = urllib.request.Request(
        f"{api}/events/filter", json.dumps(asked).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())["events"]


def test_a_case_is_an_event_about_a_resource_of_its_own(notice: Notice) -> None:
    event = event_of(notice)
    number = notice.case.id
    assert tuple(f"strata.incident.{what}" for what in ("opened", "acknowledged", "resolved")) == (
        OPENED,
        ACKNOWLEDGED,
        RESOLVED,
    )
    assert (event.event, event.resource.id) == (OPENED, f"strata.incident.{number}")
    assert event.payload["playbook"]["steps"]
    assert event.related[0].id == f"strata.incident.{notice.case.cause}"
    assert event.occurred <= datetime.now(UTC)
    assert event_of(notice).id == event.id != event_of(Notice("resolved", notice.case)).id


def test_a_server_keeps_what_it_is_told_once(prefect_api: str, notice: Notice) -> None:
    for _ in range(2):
        trio.run(PrefectEvents().tell, notice)
    resource = f"strata.incident.{notice.case.id}"
    until(lambda: found(prefect_api, resource), 30, "the event is there")
    other = Notice("resolved", notice.case)
    trio.run(PrefectEvents().tell, other)
    events = until(lambda: len(each := found(prefect_api, resource)) > 1 and each, 30, "and the next one")
    assert sorted(each["event"] for each in events) == [OPENED, RESOLVED]


def test_a_server_that_is_gone_is_said_to_be(notice: Notice) -> None:
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:1/api"}),
        pytest.raises(OutletFailed, match="does not take the event: ConnectError"),
    ):
        trio.run(PrefectEvents().tell, notice)
