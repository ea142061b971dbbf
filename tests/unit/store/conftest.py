"""Databases for the ledger."""

from pathlib import Path

import pytest

from tests.support.postgres import can_serve, serve


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'new' / 'ledger.sqlite'}"


@pytest.fixture(scope="package")
def postgres():
    if not can_serve():
        pytest.skip("NOT TESTED: PostgreSQL's server is not installed")
    with serve() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def any_url(request: pytest.FixtureRequest, url: str) -> str:
    """Of a database that is new: each that the ledger is meant for."""
    return url if request.param == "sqlite" else request.getfixturevalue("postgres").new_database()
