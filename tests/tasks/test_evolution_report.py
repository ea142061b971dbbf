"""What the evolution's tasks leave to be read: pages, a picture, artifacts."""

from pathlib import Path

import pytest
from prefect import flow, get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

import tasks.evolution_report
from strata.settings import Settings
from strata.store import Store
from tasks.evolution_report import page_path, picture_path, publish_evolution, publish_incident
from tests.support.rolled_back import Past, rolled_back

pytestmark = pytest.mark.usefixtures("prefect_api")


@pytest.fixture
def past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STRATA_HOME", str(tmp_path))
    monkeypatch.delenv("STRATA_LEDGER_URL", raising=False)
    with rolled_back(tmp_path) as made:
        yield made


def artifact(key: str) -> str:
    with get_client(sync_client=True) as client:
        (found,) = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
    return found.data


def test_a_rolled_back_regression_leaves_a_page_and_an_artifact(past: Past, tmp_path: Path):
    page = flow(publish_incident)(Settings(), "regression", past.child)
    assert page == tmp_path / "reports" / f"incident-{past.incident}.html"
    assert "rolled back to base" in page.read_text()
    told = artifact("evolution-incident")
    assert "from noticing to rollback" in told
    assert told.count("data:image/svg+xml") == 4


def test_of_an_incident_that_is_not_there_nothing_is_told(past: Past):
    assert publish_incident(Settings(), "regression", past.founder) is None


def test_a_report_that_fails_is_not_a_rollback_that_fails(past: Past, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(tasks.evolution_report, "write_report", fail)
    assert publish_incident(Settings(), "regression", past.child) is None


def test_the_evolution_is_a_page_a_picture_and_a_blob(past: Past):
    digest = flow(publish_evolution)(Settings())
    assert Store(Settings().store_root).read(digest) == page_path(Settings()).read_bytes()
    assert picture_path(Settings()).read_bytes().startswith(b"\x89PNG")
    assert "Pareto front" in artifact("evolution-report")
