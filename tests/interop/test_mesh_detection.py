"""Members as processes: what their failure detectors hold of each other."""

import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import trio

from strata.mesh import Coordinator, LocalMesh
from strata.secure import Identity

SECONDS = 90.0  # for what takes some 30


def held_by(mesh: LocalMesh) -> dict[str, dict[str, str]]:
    """What each member that answers holds of each other one; those with an older membership are given the newest."""
    coordinator = Coordinator.of_files(Identity.load(mesh.identity_file), mesh.mesh_file)
    states = trio.run(coordinator.discover).states
    return {name: {other: state for other, (state, _) in each.held.items()} for name, each in states.items()}


def until(mesh: LocalMesh, holds: Callable[[Mapping[str, Mapping[str, str]]], bool]) -> None:
    """Ask again until it holds."""
    deadline = time.monotonic() + SECONDS
    while not holds(held := held_by(mesh)):
        assert time.monotonic() < deadline, held


def all_hold(mesh: LocalMesh, **other_than_alive: str) -> Callable[[Mapping[str, Mapping[str, str]]], bool]:
    """Whether each member holds every other one alive but these; those themselves are not asked."""
    names = [node.name for node in mesh.nodes]

    def holds(held: Mapping[str, Mapping[str, str]]) -> bool:
        states = {name: other_than_alive.get(name.replace("-", "_"), "alive") for name in names}
        asked = [name for name in names if states[name] == "alive"]
        return all(held.get(name) == {k: v for k, v in states.items() if k != name} for name in asked)

    return holds


def test_who_is_killed_is_held_dead_by_all_and_alive_after_a_restart(tmp_path: Path):
    with LocalMesh(tmp_path, 4) as mesh:
        until(mesh, all_hold(mesh))
        mesh.kill("node-2")
        until(mesh, all_hold(mesh, node_2="dead"))
        mesh.restart("node-2")
        until(mesh, all_hold(mesh))


def test_who_is_stopped_is_held_dead_and_alive_when_it_goes_on(tmp_path: Path):
    with LocalMesh(tmp_path, 4) as mesh:
        until(mesh, all_hold(mesh))
        stopped = mesh.nodes[1]
        stopped.process.send_signal(signal.SIGSTOP)
        try:
            until(mesh, all_hold(mesh, node_2="dead"))
        finally:
            stopped.process.send_signal(signal.SIGCONT)
        until(mesh, all_hold(mesh))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_who_ends_cleanly_is_held_to_have_left_and_comes_back(tmp_path: Path, number: signal.Signals):
    with LocalMesh(tmp_path, 4) as mesh:
        until(mesh, all_hold(mesh))
        mesh.nodes[1].process.send_signal(number)
        assert mesh.nodes[1].process.wait(10) == 0
        until(mesh, all_hold(mesh, node_2="left"))
        mesh.restart("node-2")
        until(mesh, all_hold(mesh))
