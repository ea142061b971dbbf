"""The API over a scripted fleet, and a token for it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from strata.api import Context, Work, create_app
from strata.settings import Settings
from strata.store import Ledger, Scope, TokenLog
from tests.support.scripted_fleet import ScriptedFleet

NO_WORK = cast(Work, None)


@pytest.fixture
def fleet() -> ScriptedFleet:
    return ScriptedFleet()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}") as ledger:
        yield ledger


@pytest.fixture
def app(tmp_path: Path, ledger: Ledger, fleet: ScriptedFleet) -> FastAPI:
    return create_app(Context(Settings(STRATA_HOME=tmp_path), ledger, NO_WORK, fleet))


@pytest.fixture
def secret(ledger: Ledger) -> Callable[[Scope], str]:
    return lambda scope: TokenLog(ledger).create("test", (scope,))[1]


@pytest.fixture
def client(app: FastAPI, secret: Callable[[Scope], str]) -> Iterator[TestClient]:
    with TestClient(app, backend="trio", headers={"Authorization": f"Bearer {secret('infer')}"}) as client:
        yield client
