"""The stages of the health report: look, tell."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from prefect import get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from strata.files import write
from strata.pages import page_markdown, write_page
from strata.settings import Settings
from strata.store import ArtifactRef, open_store
from tasks.failures import stage
from tasks.health_figures import Health, in_words, look
from tasks.health_page import health_page, verdict
from tasks.health_parameters import HealthParameters
from tasks.terminal import console

REPORT, RUNS = "health-report", "health-runs"  # keys of the artifacts; the first is the kind of the ref, too
_ADVICE = "check that the ledger and the store of STRATA_HOME can be read; see the message."


@dataclass(frozen=True)
class HealthOutcome:
    """What was found, and the page in the store that tells it."""

    health: Health
    page: ArtifactRef


def page_path(settings: Settings) -> Path:
    """The page of the latest report."""
    return settings.home / "reports" / "health.html"


@task(name="look", cache_policy=NO_CACHE, retries=1, retry_delay_seconds=5)
def gather_health(parameters: HealthParameters, settings: Settings) -> Health:
    """Read the ledger and the store; changes nothing, so it may be tried again."""
    with stage("look", {}, _ADVICE):
        return look(parameters, settings, datetime.now(UTC))


@task(name="report", cache_policy=NO_CACHE)
def publish_health(health: Health, settings: Settings) -> ArtifactRef:
    """Write the page, as markdown beside it too, and show it in the run; returns the page in the store."""
    page = health_page(health)
    path = write_page(page, page_path(settings))
    write(path.with_suffix(".md"), page_markdown(page, pictures=False).encode())
    create_markdown_artifact(page_markdown(page), key=REPORT, description=verdict(health))
    rows = [
        {"pipeline": each.pipeline, "runs": each.runs, "ended": in_words(each.ended), "failed or crashed": each.bad}
        for each in health.runs
    ]
    create_table_artifact(rows, key=RUNS, description=f"Runs that began in the last {health.hours} hours")
    console.print(verdict(health))
    get_run_logger().info(verdict(health))
    return open_store(settings).put_artifact(path.read_bytes(), REPORT, "latest")
