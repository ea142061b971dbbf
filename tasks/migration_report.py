"""The guide of a migration: as an artifact of the run, as a blob of the store, and as a file to open."""

from pathlib import Path

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from strata.files import write
from strata.migration.report import Account, guide, matrix_plot
from strata.pages import page_markdown, write_page, write_picture
from strata.settings import Settings
from strata.store import ArtifactRef, open_store

GUIDE = "migration-guide"  # key of the artifact, kind of the ref


def page_path(settings: Settings) -> Path:
    """The guide of the latest migration."""
    return settings.home / "reports" / "migration.html"


def picture_path(settings: Settings) -> Path:
    """Its dependency structure matrix."""
    return settings.home / "reports" / "migration.png"


@task(name="report", cache_policy=NO_CACHE)
def publish_guide(account: Account, settings: Settings) -> ArtifactRef:
    """Write the guide as a page, as markdown beside it, and show it in the run; returns the page in the store."""
    page = guide(account)
    path = write_page(page, page_path(settings))
    write(path.with_suffix(".md"), page_markdown(page, pictures=False).encode())
    if account.matrices:
        write_picture(matrix_plot(account.matrices), picture_path(settings))
    create_markdown_artifact(page_markdown(page), key=GUIDE)
    return open_store(settings).put_artifact(path.read_bytes(), GUIDE, "latest")
