"""The mesh that a run sweeps: a real one, or processes on this machine for the length of the run."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from strata.mesh import Coordinator, LocalMesh, Network, end_incidents, read_membership
from strata.rollout import Trial
from strata.secure import Identity
from strata.settings import Settings
from strata.store import IncidentLog
from tasks.failures import stage
from tasks.mesh_parameters import HOME, MeshParameters
from tasks.terminal import console

_ADVICE = "check the mesh and identity files, or leave them empty to start a mesh on this machine."


@dataclass(frozen=True)
class Reach:
    """What any task needs to speak with the mesh. local: its processes, where they are this run's."""

    mesh_file: Path
    identity_file: Path
    mesh_id: str
    local: LocalMesh | None = None

    def coordinator(self, trial: Trial | None = None) -> Coordinator:
        """Speaks with its agents. trial: as `Coordinator` takes it."""
        return Coordinator.of_files(Identity.load(self.identity_file), self.mesh_file, Settings().home, trial)


@contextmanager
def reach_mesh(parameters: MeshParameters, settings: Settings) -> Iterator[Reach]:
    """Yield the mesh to sweep; local members that are started for it end with the block, and so do its incidents."""
    with ExitStack() as stack:
        with stage("start", {}, _ADVICE):
            if parameters.mesh:
                mesh = own_mesh(settings) if parameters.mesh == HOME else Path(parameters.mesh)
                identity = Path(parameters.identity) if parameters.identity else settings.home / "identity.json"
                reach = _reach(mesh, identity)
            else:
                console.print(f"Starting a mesh of {parameters.members} members", style="bold")
                local = stack.enter_context(LocalMesh(settings.home, parameters.members))
                reach = _reach(local.mesh_file, local.identity_file, local)
                stack.callback(_end_incidents, reach.mesh_id, settings)
        yield reach


def own_mesh(settings: Settings) -> Path:
    """The membership file of this machine's mesh, which may not be there."""
    return settings.home / "mesh"


def _end_incidents(mesh_id: str, settings: Settings) -> None:
    with IncidentLog(settings.ledger) as log:
        end_incidents(log, mesh_id, "the mesh was one run's, and has ended with it")


def _reach(mesh: Path, identity: Path, local: LocalMesh | None = None) -> Reach:
    reach = Reach(mesh, identity, read_membership(mesh).mesh_id, local)
    reach.coordinator()  # says now what is wrong with the files
    return reach


def weakest(network: Network, count: int) -> tuple[str, ...]:
    """Members of a small mesh whose loss leaves the others in the most parts; of several, the first by name."""

    return max(combinations(sorted(network.peers), count), key=lambda lost: _parts(network, lost))


def _parts(network: Network, lost: tuple[str, ...]) -> int:
    """Parts that the mesh is in without these."""
    left, count = set(network.peers) - set(lost), 0
    while left:
        count += 1
        reached = [left.pop()]
        while reached:
            near = network.neighbours[reached.pop()] & left
            left -= near
            reached += near
    return count
