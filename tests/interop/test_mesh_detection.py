"""Members as processes: what their failure detectors hold of each other."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import trio

from strata.mesh import Coordinator, Direct, LocalMesh, Roster
from strata.mesh.agent import Dial, Done, GetStatus, Status, Update, ask, reached
from strata.secure import Identity, Membership, read_membership

SECONDS = 90.0  # for what takes some 30


def held_by(mesh: LocalMesh) -> dict[str, dict[str, str]]:
    """What each member that answers holds of each other one; those with an older membership are given the newest."""
    coordinator = Coordinator.of_files(Identity.load(mesh.identity_file), mesh.mesh_file, mesh.mesh_file.parent)
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


def told(mesh: LocalMesh, name: str, message, reply=Done, payload: bytes = b"", membership: Membership | None = None):
    """What a member answers to the coordinator, who goes by that membership."""
    owner, known = Identity.load(mesh.identity_file), membership or read_membership(mesh.mesh_file)

    async def tell():
        async with reached(Direct(owner, Roster(known)), known.named(name).peer_id) as wire:
            return await ask(wire, message, reply, payload, seconds=20)

    return trio.run(tell)


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
        before = told(mesh, "node-2", GetStatus(), Status).incarnation
        stopped.process.send_signal(signal.SIGSTOP)
        try:
            until(mesh, all_hold(mesh, node_2="dead"))
        finally:
            stopped.process.send_signal(signal.SIGCONT)
        until(mesh, all_hold(mesh))
        assert told(mesh, "node-2", GetStatus(), Status).incarnation > before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_who_ends_cleanly_is_held_to_have_left_and_comes_back(tmp_path: Path, number: signal.Signals):
    with LocalMesh(tmp_path, 4) as mesh:
        until(mesh, all_hold(mesh))
        mesh.nodes[1].process.send_signal(number)
        assert mesh.nodes[1].process.wait(10) == 0
        until(mesh, all_hold(mesh, node_2="left"))
        mesh.restart("node-2")
        until(mesh, all_hold(mesh))


def test_a_revocation_reaches_a_member_that_the_coordinator_cannot_reach(tmp_path: Path):
    with LocalMesh(tmp_path, 4) as mesh:
        until(mesh, all_hold(mesh))
        old = read_membership(mesh.mesh_file)
        revoked, cut_off = old.named("node-4").peer_id, old.named("node-3")
        newer = old.without(revoked).with_member(cut_off.card, "node-3", ("127.0.0.1:1",))
        sealed = newer.seal(Identity.load(mesh.identity_file))
        told(mesh, "node-1", Update(), Done, sealed)
        deadline = time.monotonic() + SECONDS
        while told(mesh, "node-3", GetStatus(), Status).membership < newer.version:
            assert time.monotonic() < deadline
        held = told(mesh, "node-3", GetStatus(), Status).held
        assert {each.peer: each.state for each in held} == {
            newer.named(name).peer_id: "alive" for name in ("node-1", "node-2")
        }
        while (mesh.mesh_file.parent / "node-3" / "mesh").read_bytes() != sealed:  # it is gone by before
            assert time.monotonic() < deadline
        # Nobody told the others where it listens but itself.
        assert told(mesh, "node-1", Dial(peer=cut_off.peer_id)) == Done()


def test_who_comes_back_at_another_address_is_dialled_there(tmp_path: Path):
    with LocalMesh(tmp_path, 4) as mesh:
        until(mesh, all_hold(mesh))
        moved = mesh.nodes[1]
        told(mesh, "node-1", Dial(peer=moved.peer_id))
        mesh.kill("node-2")
        arguments = mesh.arguments(mesh.mesh_file.parent / "node-2", "127.0.0.1:0")
        command = [sys.executable, "-c", "from strata.cli import main; main()", *arguments]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as node:
            assert json.loads(node.stdout.readline())["address"] != moved.address
            deadline = time.monotonic() + SECONDS
            while True:  # the link that node-1 was told to keep comes back
                status = told(mesh, "node-1", GetStatus(), Status)
                if moved.peer_id in {each.peer for each in status.neighbours}:
                    break
                assert time.monotonic() < deadline
            node.terminate()
            assert node.wait(10) == 0
