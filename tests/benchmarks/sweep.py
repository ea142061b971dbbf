"""A sweep of local members, each a process of its own, against the same probes asked of one member after another.

Fifty members by default, linked as the sweep itself links them. What must hold: a sweep, from asking everybody how they
are to the diagnosis, takes less than 10 seconds. All processes share this machine's cores, so the processor is what a
sweep waits for here, and `limit` is what the handshakes of its probes alone would keep the cores busy.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import trio

from strata.mesh import TOPOLOGY, Assignment, Coordinator, Kept, LocalMesh, look, plan_probes, sweep_and_mend
from strata.secure import Channel, Established, Identity, Membership, ReplayCache

MUST = 10.0  # seconds


def handshake_seconds(rounds: int = 200) -> float:
    """Processor time of one handshake, both ends of it."""
    near, far = Identity.generate(), Identity.generate()
    mesh = Membership.found(near).with_member(near.card, "near").with_member(far.card, "far")
    start = time.process_time()
    for _ in range(rounds):
        ends = Channel.initiator(near, mesh, far.peer_id), Channel.responder(far, lambda: mesh, ReplayCache())
        events = []
        for turn in range(4):
            writer, reader = ends[turn % 2], ends[1 - turn % 2]
            data = writer.outgoing()
            reader.receive_buffer()[: len(data)] = data
            reader.received(len(data))
            events.append(reader.next_event())
        assert [type(event) for event in events[2:]] == [Established, Established]
    return (time.process_time() - start) / rounds


async def one_after_another(coordinator: Coordinator, planned: Assignment) -> int:
    """The peer: as many probes, but only one member at a time is asked to probe; returns how many."""
    count = 0
    for prober, peers in planned.items():
        count += len(await coordinator.probe({prober: peers}))
    return count


async def measure(coordinator: Coordinator, sweeps: int) -> dict[str, float]:
    """Seconds of sweeps, the median, and of the peer's probes; in turns, so that both meet the same noise."""
    mended, kept = await sweep_and_mend(coordinator, Kept(), TOPOLOGY)
    assert len(mended.sweeps[-1].weak.components) == 1, "the mesh was not linked"
    ours, peer, probes = [], [], 0
    for _ in range(sweeps):
        sweep, kept = await look(coordinator, kept, TOPOLOGY)
        ours.append(sweep.seconds)
        discovery = sweep.discovery
        start = trio.current_time()
        await coordinator.discover()
        planned = plan_probes(discovery.members, discovery.links, sweep.number, able=discovery.states)
        probes = await one_after_another(coordinator, planned)
        TOPOLOGY.diagnose(sweep.network)
        peer.append(trio.current_time() - start)
        print(f"sweep {sweep.number}: {ours[-1]:.2f} s, {len(sweep.probes)} pairs; one after another {peer[-1]:.2f} s")
    return {"ours": statistics.median(ours), "worst": max(ours), "peer": statistics.median(peer), "probes": probes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--members", type=int, default=50)
    parser.add_argument("--sweeps", type=int, default=5)
    arguments = parser.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, LocalMesh(Path(folder), arguments.members) as mesh:
        print(f"{arguments.members} members started in {time.monotonic() - start:.1f} s")
        coordinator = Coordinator.of_files(Identity.load(mesh.identity_file), mesh.mesh_file, Path(folder))
        found = trio.run(measure, coordinator, arguments.sweeps)
    cores = len(os.sched_getaffinity(0))
    result = {
        "name": "sweep",
        "ours": found["ours"],
        "peer": found["peer"],
        "unit": "s",
        "ratio": found["peer"] / found["ours"],
        "limit": found["probes"] * handshake_seconds() / cores,
        "peer_name": "the same probes, one member after another",
        "members": arguments.members,
        "probes": found["probes"],
        "worst": found["worst"],
        "must": MUST,
        "holds": found["worst"] < MUST,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
