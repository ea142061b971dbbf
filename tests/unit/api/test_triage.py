"""Cases over HTTP: listed in pages, shown, counted, taken up and resolved."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from strata.api import Context, create_app
from strata.settings import Settings
from strata.store import IncidentLog, Ledger, TokenLog

CASES = "/v1/monitoring/triage/cases"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(STRATA_HOME=tmp_path / "home", STRATA_LEDGER_URL=None)


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    with Ledger(settings.ledger) as ledger:
        yield ledger


@pytest.fixture
def client_of(settings: Settings, ledger: Ledger) -> Callable[..., TestClient]:
    app = create_app(Context(settings, ledger, None, None))  # type: ignore[arg-type]

    def make(*scopes: str) -> TestClient:
        _, secret = TokenLog(ledger).create("Ada", scopes)  # type: ignore[arg-type]
        return TestClient(app, headers={"Authorization": f"Bearer {secret}"}, backend="trio")

    return make


@pytest.fixture
def client(client_of: Callable[..., TestClient]) -> TestClient:
    return client_of("read", "operate")


@pytest.fixture
def numbers(ledger: Ledger) -> list[int]:
    """A stage that failed, the dead node that explains it, and a version that is over."""
    log = IncidentLog(ledger)
    found = [
        log.begin(pipeline="inference", kind="stage failed", subject="node-3", detail="its link ended"),
        log.begin(pipeline="mesh", kind="dead member", subject="node-3", detail="nobody reaches it"),
        log.begin(pipeline="mesh", kind="other version", subject="node-4", detail="it runs 1"),
    ]
    log.resolve(found[2], "it is not found any more")
    return found


def test_cases_are_listed_by_what_is_asked_for(client: TestClient, numbers: list[int]) -> None:
    def listed(**query: str | int) -> list[int]:
        answer = client.get(CASES, params=query)
        assert answer.status_code == 200, answer.text
        return [each["id"] for each in answer.json()["cases"]]

    first, second, third = numbers
    assert listed() == [third, second, first]
    assert listed(state="unresolved", severity="high") == [second]
    assert listed(pipeline="mesh", limit=1) == [third]
    assert listed(pipeline="nobody's") == []


def test_pages_follow_each_other(client: TestClient, numbers: list[int]) -> None:
    page = client.get(CASES, params={"limit": 2}).json()
    assert page["before"] == numbers[1]
    page = client.get(CASES, params={"limit": 2, "before": page["before"]}).json()
    assert ([each["id"] for each in page["cases"]], page["before"]) == ([numbers[0]], None)


def test_one_says_all_that_is_known(client: TestClient, numbers: list[int]) -> None:
    found = client.get(f"{CASES}/{numbers[0]}").json()
    assert (found["cause"], found["severity"], found["state"], found["ended"]) == (numbers[1], "medium", "open", None)
    assert found["playbook"]["steps"]
    assert client.get(f"{CASES}/{numbers[1]}").json()["effects"] == [numbers[0]]
    assert client.get(f"{CASES}/99").status_code == 404


def test_they_are_counted(client: TestClient, numbers: list[int]) -> None:
    found = client.get("/v1/monitoring/triage/summary").json()
    assert found["states"] == {"open": 2, "acknowledged": 0, "resolved": 1}
    assert found["severities"] == {"high": 1, "medium": 1, "low": 0}
    assert found["pipelines"] == {"inference": 1, "mesh": 1}


def test_a_person_decides_and_their_token_says_who(client: TestClient, ledger: Ledger, numbers: list[int]) -> None:
    one = f"{CASES}/{numbers[1]}"
    taken = client.post(f"{one}/acknowledge", json={"reason": "looking"})
    assert (taken.status_code, taken.json()["state"]) == (200, "acknowledged")
    over = client.post(f"{one}/resolve", json={"reason": "a new machine"}).json()
    assert [(each["state"], each["by"]) for each in over["decisions"]] == [("acknowledged", "Ada"), ("resolved", "Ada")]
    assert over["state"] == "resolved"
    again = client.post(f"{one}/resolve", json={"reason": "again"})
    assert (again.status_code, "is resolved already" in again.json()["detail"]) == (409, True)
    assert client.post(f"{CASES}/99/acknowledge", json={}).status_code == 404
    assert IncidentLog(ledger).find(numbers[1]).response == "resolved by Ada: a new machine"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("resolve", {}), ("resolve", {"reason": ""}), ("resolve", {"reason": "a\0"}),
        ("resolve", {"reason": "x" * 2001}),
        ("acknowledge", {"reason": "x", "by": "somebody else"}), ("acknowledge", {"reason": 1}),
    ],
)  # fmt: skip
def test_what_is_no_decision_is_refused(client: TestClient, numbers: list[int], path: str, body: dict) -> None:
    assert client.post(f"{CASES}/{numbers[0]}/{path}", json=body).status_code == 422
    assert client.get(f"{CASES}/{numbers[0]}").json()["state"] == "open"


def test_who_may_only_look_decides_nothing(client_of: Callable[..., TestClient], numbers: list[int]) -> None:
    looker, nobody = client_of("read"), client_of("infer")
    assert looker.get(CASES).status_code == 200
    assert nobody.get(CASES).status_code == 403
    for path in ("acknowledge", "resolve"):
        assert looker.post(f"{CASES}/{numbers[0]}/{path}", json={"reason": "x"}).status_code == 403


def test_rules_that_are_wrong_are_said_to_be(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text("[[case]]\n")
    settings = Settings(STRATA_HOME=tmp_path / "home", STRATA_TRIAGE_RULES=tmp_path / "rules.toml")
    _, secret = TokenLog(ledger).create("Ada", ("read",))
    app = create_app(Context(settings, ledger, None, None))  # type: ignore[arg-type]
    answer = TestClient(app, headers={"Authorization": f"Bearer {secret}"}, backend="trio").get(CASES)
    assert (answer.status_code, "case 1: pipeline" in answer.json()["detail"]) == (500, True)
