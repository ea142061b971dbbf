"""Databases for the ledger, and places for the store."""

import secrets
from pathlib import Path

import pytest

from strata.store import Store
from tests.support import places
from tests.support import s3 as s3_server
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


@pytest.fixture(scope="package")
def s3():
    """Where an S3 server is that this process has; the environment lets its client in."""
    if not s3_server.can_serve():
        pytest.skip("NOT TESTED: moto's S3 server or s3fs is not installed")
    with pytest.MonkeyPatch.context() as patch, s3_server.served_here() as endpoint:
        for name, value in s3_server.environment(endpoint).items():
            patch.setenv(name, value)
        yield endpoint


@pytest.fixture
def bucket(s3: str, tmp_path: Path) -> places.Place:
    """A bucket of its own on the S3 server."""
    name = f"bucket-{secrets.token_hex(8)}"
    s3_server.make_bucket(s3, name)
    return places.in_bucket(tmp_path, name)


@pytest.fixture(params=["local", "mounted", "memory", "moved", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> places.Place:
    """Each kind of place that a store can lie in, with nothing in it."""
    match request.param:
        case "local":
            return places.local(tmp_path)
        case "mounted":
            return places.mounted(tmp_path)
        case "memory":
            return places.in_memory(tmp_path)
        case "moved":
            return places.moved(tmp_path)
    return request.getfixturevalue("bucket")


@pytest.fixture
def store(place: places.Place) -> Store:
    """The store as one machine has it."""
    return place.machine()
