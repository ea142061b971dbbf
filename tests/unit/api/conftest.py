"""The application over a real ledger, work in threads, and a fake fleet; called in memory, under trio."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from deployments.local_work import LocalWork, Running
from strata.api import Context, Limits, create_app
from strata.settings import Settings
from strata.store import Ledger, TokenLog
from tests.support.api_fakes import FakeFleet

NO_LIMITS = Limits(rate="100000/minute", anonymous_rate="100000/minute")
Asking = Callable[..., TestClient]


def refuse(running: Running) -> None:
    raise ValueError("nothing to migrate")


def ask(running: Running) -> str:
    answer = running.ask("may it become champion?")
    return f"{'approved' if answer.approve else 'rejected'} by {answer.by}: {answer.reason}"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(STRATA_HOME=tmp_path / "home", STRATA_LEDGER_URL=None)


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    with Ledger(settings.ledger) as ledger:
        yield ledger


@pytest.fixture
def work() -> Iterator[LocalWork]:
    pipelines = {"inference": lambda _: "done", "mesh": lambda _: "swept", "migration": refuse, "evolution": ask}
    with LocalWork(pipelines) as work:  # type: ignore[arg-type]
        yield work


@pytest.fixture
def fleet() -> FakeFleet:
    return FakeFleet()


@pytest.fixture
def context(settings: Settings, ledger: Ledger, work: LocalWork, fleet: FakeFleet) -> Context:
    return Context(settings, ledger, work, fleet)


@pytest.fixture
def secret(ledger: Ledger) -> Callable[..., str]:
    """Makes a token with these scopes; all of them where none is named."""

    def make(*scopes: str) -> str:
        return TokenLog(ledger).create("tester", scopes or ("read", "infer", "operate"))[1]  # type: ignore[arg-type]

    return make


@pytest.fixture
def client_of(context: Context, secret: Callable[..., str]) -> Asking:
    """A client with a token of these scopes; or without one, or with another one."""

    def make(*scopes: str, token: str | None = "", limits: Limits = NO_LIMITS) -> TestClient:
        given = secret(*scopes) if token == "" else token
        headers = {} if given is None else {"Authorization": f"Bearer {given}"}
        app = create_app(context, limits)
        return TestClient(app, headers=headers, backend="trio", raise_server_exceptions=False)

    return make


@pytest.fixture
def client(client_of: Asking) -> Iterator[TestClient]:
    with client_of() as client:
        yield client
