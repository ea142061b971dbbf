"""The API in this process, over a fleet that says what it is told to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from strata.api import Context, create_app
from strata.settings import Settings
from strata.store import Ledger, Scope, TokenLog
from tests.support.told_fleet import ToldFleet


@dataclass
class Api:
    """client: without a token; headers: of a token with a scope."""

    client: TestClient
    ledger: Ledger
    fleet: ToldFleet

    def headers(self, *scopes: Scope) -> dict[str, str]:
        _, secret = TokenLog(self.ledger).create("a test", scopes)
        return {"Authorization": f"Bearer {secret}"}

    def get(self, path: str, scope: Scope = "read", **options: Any) -> Any:
        return self.client.get(path, headers=self.headers(scope), **options)


@contextmanager
def api_over(folder: Path, fleet: ToldFleet, **settings: Any) -> Iterator[Api]:
    """The API; its ledger is in the folder."""
    chosen = Settings(STRATA_HOME=folder, **settings)
    with Ledger(chosen.ledger) as ledger:
        app = create_app(Context(chosen, ledger, work=None, fleet=fleet))  # nothing here starts work
        with TestClient(app, backend="trio") as client:
            yield Api(client, ledger, fleet)
