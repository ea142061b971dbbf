"""What a sweep leaves: its line in the ledger, its incidents, a page, a picture, and artifacts of the run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from strata.files import write
from strata.mesh import (
    Kept,
    Mended,
    Moment,
    mended_sentences,
    mesh_page,
    mesh_plot,
    moments,
    note_connections,
    peer_rows,
    read_kept,
    sweep_sentence,
    write_down,
    write_kept,
)
from strata.pages import page_markdown, write_page, write_picture
from strata.settings import Settings
from strata.store import ArtifactRef, IncidentLog, Ledger, open_store
from tasks.rollout import announce_retreat

PAGE = "mesh-report"  # key of the artifact, kind of the ref


@dataclass(frozen=True)
class MeshOutcome:
    """What a run came to: its rounds, of which the demonstration has two; `page`: the report in the store."""

    mesh_id: str
    rounds: tuple[Mended, ...]
    killed: tuple[str, ...]
    page: ArtifactRef

    def figures(self) -> dict[str, Any]:
        """For the ledger, and for programs: the last round's, with the sweeps of all."""
        sweeps = [sweep.figures() for mended in self.rounds for sweep in mended.sweeps]
        return self.rounds[-1].figures(self.mesh_id) | {"sweeps": sweeps, "killed": list(self.killed)}


def page_path(settings: Settings) -> Path:
    """The page of the latest sweep."""
    return settings.home / "reports" / "mesh.html"


def picture_path(settings: Settings) -> Path:
    """The picture of the mesh as it found and left it."""
    return settings.home / "reports" / "mesh.png"


def recall(mesh_id: str, settings: Settings) -> Kept:
    """What the sweep before left."""
    return read_kept(open_store(settings), mesh_id)


@task(name="note change", cache_policy=NO_CACHE)
def note_change(mesh_id: str, kept: Kept, settings: Settings) -> None:
    """Write down which change is about to be made, so that it is judged whatever happens to this process."""
    write_kept(open_store(settings), mesh_id, kept)


@task(name="write down", cache_policy=NO_CACHE)
def write_round_down(mesh_id: str, mended: Mended, kept: Kept, settings: Settings) -> None:
    """What a round found and did: incidents, and what the next sweep goes on from."""
    write_kept(open_store(settings), mesh_id, kept)
    with IncidentLog(settings.ledger) as log:
        write_down(log, mended, kept.sweeps, mesh_id)
    for retreat in note_connections(mended, settings):
        announce_retreat(retreat)


@task(name="report", cache_policy=NO_CACHE)
def publish_sweep(mesh_id: str, rounds: Sequence[Mended], settings: Settings) -> ArtifactRef:
    """Write the page and the picture, and show them in the run; returns the page in the store."""
    last = rounds[-1]
    page = mesh_page(last, _past(mesh_id, rounds, settings))
    path = write_page(page, page_path(settings))
    write(path.with_suffix(".md"), page_markdown(page, pictures=False).encode())
    write_picture(mesh_plot(last), picture_path(settings))
    sentence = sweep_sentence(last.sweeps[-1])
    create_table_artifact([dict(row) for row in peer_rows(last.sweeps[-1])], key="mesh-peers", description=sentence)
    create_markdown_artifact(page_markdown(page), key=PAGE, description="; ".join(mended_sentences(last)))
    return open_store(settings).put_artifact(path.read_bytes(), PAGE, "latest")


def _past(mesh_id: str, rounds: Sequence[Mended], settings: Settings) -> tuple[Moment, ...]:
    """The sweeps of earlier runs, and this run's, which the ledger does not have yet."""
    with Ledger(settings.ledger) as ledger:
        earlier = moments(ledger, mesh_id)
    return (*earlier, *(Moment.of(sweep) for mended in rounds for sweep in mended.sweeps))
