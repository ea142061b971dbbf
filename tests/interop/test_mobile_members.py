"""A mobile member as a process, which is put to sleep and wakes up."""

import signal
import time
from collections.abc import Sequence
from pathlib import Path

import trio

from strata.mesh import Coordinator, Device, Direct, LocalMesh, Roster
from strata.mesh.agent import Dial, Done, Drop, GetStatus, Status, Wire, ask
from strata.mesh.agent.watching import SLEPT_SECONDS
from strata.secure import Identity, read_membership

SECONDS = 60.0
CLAIMED_SECONDS = 1.0
TRIES = 3


class MeshWithPhone(LocalMesh):
    """The last of its members is mobile."""

    def arguments(self, folder: Path, address: str) -> Sequence[str]:
        more = ("--device", "mobile") if folder.name == self.phone else ()
        return [*super().arguments(folder, address), *more]

    phone = "node-4"


def test_a_mobile_member_is_back_within_a_second_of_its_waking(tmp_path: Path):
    with MeshWithPhone(tmp_path, 4) as mesh:
        owner, membership = Identity.load(mesh.identity_file), read_membership(mesh.mesh_file)
        coordinator = Coordinator(owner, membership, mesh.mesh_file.read_bytes())
        phone = next(node for node in mesh.nodes if node.name == mesh.phone)

        async def main() -> None:
            deadline = trio.current_time() + SECONDS
            while True:
                states = (await coordinator.discover()).states
                if all([state for state, _ in each.held.values()] == ["alive"] * 3 for each in states.values()):
                    break
                assert trio.current_time() < deadline, states
            assert states[mesh.phone].device is Device.MOBILE
            transport = Direct(owner, Roster(membership))
            first, last = [Wire(await transport.dial(node.peer_id, 5)) for node in (mesh.nodes[0], phone)]
            await ask(last, Dial(peer=mesh.nodes[0].peer_id), Done, seconds=10)
            took = [await sleep_and_wake(first) for _ in range(TRIES)]
            assert min(took) < CLAIMED_SECONDS, took

        async def sleep_and_wake(first: Wire) -> float:
            """Seconds until another member has a link with it again, and holds it alive."""
            phone.process.send_signal(signal.SIGSTOP)
            try:
                await ask(first, Drop(peer=phone.peer_id), Done, seconds=10)  # what a network does to who is silent
                await trio.sleep(SLEPT_SECONDS + 1)
                assert phone.peer_id not in await linked(first)
            finally:
                phone.process.send_signal(signal.SIGCONT)
            start = time.monotonic()
            while phone.peer_id not in await linked(first):
                assert time.monotonic() < start + SECONDS
            return time.monotonic() - start

        trio.run(main)


async def linked(wire: Wire) -> set[str]:
    """Whom the member has links with and holds alive."""
    status = await ask(wire, GetStatus(), Status, seconds=10)
    alive = {each.peer for each in status.held if each.state == "alive"}
    return alive & {each.peer for each in status.neighbours}
