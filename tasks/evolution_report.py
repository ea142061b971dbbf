"""Reports of the evolution pipeline: as artifacts of the run, as blobs of the store, and as files to open."""

from pathlib import Path

from prefect.artifacts import create_markdown_artifact
from prefect.logging import get_logger

from strata.evolution.report import (
    evolution_report,
    incident_report,
    latest_incident,
    report_markdown,
    write_picture,
    write_report,
)
from strata.settings import Settings
from strata.store import Ledger, open_store

EVOLUTION, INCIDENT = "evolution-report", "evolution-incident"  # keys of artifacts, kinds of refs


def page_path(settings: Settings) -> Path:
    """The page of the whole evolution, which every run writes anew."""
    return settings.home / "reports" / "evolution.html"


def picture_path(settings: Settings) -> Path:
    """Fitness by generation with the verdicts."""
    return settings.home / "reports" / "evolution.png"


def publish_evolution(settings: Settings) -> str:
    """Tell the evolution as the ledger has it; returns the digest of the page in the store."""
    store = open_store(settings)
    with Ledger(settings.ledger) as ledger:
        report = evolution_report(store, ledger)
    page = write_report(report, page_path(settings))
    write_picture(report, picture_path(settings))
    create_markdown_artifact(report_markdown(report), key=EVOLUTION)
    return store.put_artifact(page.read_bytes(), EVOLUTION, "latest").digest


def publish_incident(settings: Settings, kind: str, subject: str) -> Path | None:
    """Explain the latest incident of this kind about this model; returns the page, None where there is none.

    What went wrong here goes to the log only: whoever mended something has mended it, explained or not.
    """
    try:
        with Ledger(settings.ledger) as ledger:
            number = latest_incident(ledger, kind, subject)
            if number is None:
                return None
            report = incident_report(open_store(settings), ledger, number)
        page = write_report(report, settings.home / "reports" / f"incident-{number}.html")
        create_markdown_artifact(report_markdown(report), key=INCIDENT)
    except Exception:
        get_logger("strata").exception("no report of the %s of %s", kind, subject)
        return None
    return page
