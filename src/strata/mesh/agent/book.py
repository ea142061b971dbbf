"""The peers that an agent was told to keep links to, in a file that outlives its process."""

from pathlib import Path
from threading import Lock
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from strata import files
from strata.errors import StrataError
from strata.mesh.agent.messages import MAX_NEIGHBOURS, PeerId

_MOST_BYTES = 256 << 10


class BadBook(StrataError):
    """The file of neighbours is not one."""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    version: Literal[1] = 1
    mesh: str
    neighbours: Annotated[tuple[PeerId, ...], Field(max_length=MAX_NEIGHBOURS)]


class NeighbourBook:
    """Peer ids, in the order they were told. Each change is on disk, all of it or nothing, before it counts.

    path: None keeps them in memory only. Of a mesh that this member has left, which another `mesh_id` tells, nothing is
    kept. Safe to use from several threads. Raises BadBook.
    """

    def __init__(self, mesh_id: str, path: Path | None = None) -> None:
        self._mesh_id = mesh_id
        self._path = path
        self._lock = Lock()  # of two changes at a time neither is to be lost
        self._peers = _read(path, mesh_id) if path is not None and path.exists() else ()

    @property
    def peers(self) -> tuple[str, ...]:
        """Whom links are kept to."""
        return self._peers

    def add(self, peer_id: str) -> None:
        """Keep a link to this peer from now on."""
        with self._lock:
            if peer_id not in self._peers:
                self._write((*self._peers, peer_id))

    def remove(self, peer_id: str) -> None:
        """Keep none any more."""
        with self._lock:
            if peer_id in self._peers:
                self._write(tuple(each for each in self._peers if each != peer_id))

    def _write(self, peers: tuple[str, ...]) -> None:
        if self._path is not None:
            files.write(self._path, _File(mesh=self._mesh_id, neighbours=peers).model_dump_json().encode() + b"\n")
        self._peers = peers


def _read(path: Path, mesh_id: str) -> tuple[str, ...]:
    try:
        with path.open("rb") as file:
            found = _File.model_validate_json(file.read(_MOST_BYTES))
    except (OSError, ValidationError):
        raise BadBook(f"{path} is no list of neighbours; remove it, and the next sweep tells them anew") from None
    return found.neighbours if found.mesh == mesh_id else ()
