"""A listener under attack: members are served meanwhile and after, memory stays bounded, and no socket is left."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
import trio

from strata.mesh import Roster, dial
from strata.mesh.crowd import CONNECTIONS_OF_ONE
from strata.secure import MAX_RECORD
from tests.support import attacks, host_attacks
from tests.support.attacks import Attack
from tests.support.besieged import HOST, STATES, Besieged, found_mesh, key
from tests.support.guests import raise_file_limit
from tests.support.raw_peer import raw_peer

MANY = 1000
ATTACKS = {"links": attacks, "host": host_attacks}
FILES = 4096
SERVED_SECONDS = 5
KIB, MIB = 1 << 10, 1 << 20
MOST_KIB = {"links": 64, "host": 160}  # a connection: twice what it took when this was written
# What outsiders, and one member, may have a listener take at most: the buffers of a connection are 640 KiB.
MOST_OF_OUTSIDERS = 16 * MIB
MOST_OF_A_MEMBER = CONNECTIONS_OF_ONE * (MAX_RECORD + 640 * KIB) + 16 * MIB


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    if not raise_file_limit(FILES):
        pytest.skip(f"NOT TESTED: no process may have {FILES} files open here (ulimit -Hn)")
    folder = tmp_path_factory.mktemp("siege")
    found_mesh(folder)
    return folder


@pytest.fixture
def fresh(kind: str, folder: Path) -> Iterator[Besieged]:
    with Besieged(kind, folder) as process:
        yield process


@pytest.fixture(scope="module")
def all_besieged(folder: Path) -> Iterator[dict[str, Besieged]]:
    with Besieged("links", folder) as links, Besieged("host", folder) as host:
        for process in (links, host):
            trio.run(served, process, Roster(process.membership))
        yield {"links": links, "host": host}


async def served(besieged: Besieged, roster: Roster) -> None:
    """A member comes, asks and is answered, without much waiting."""
    guest = key("guest-0")
    with trio.fail_after(SERVED_SECONDS):
        if besieged.kind == "host":
            stream = await trio.open_tcp_stream(HOST, besieged.port)
            async with raw_peer(guest, besieged.membership, besieged.peer_id, stream) as peer:
                for _ in range(2):
                    assert await peer.pings()
            return
        link = await dial(guest, roster, besieged.peer_id, besieged.address)
        for size in (1, 100_000):
            await link.send(bytes(size))
            assert await link.receive() == bytes(size)
        await link.aclose()


def begin(command: str, *arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", command, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def answers(crowds: Sequence[subprocess.Popen[bytes]], ask: bytes = b"") -> list[int]:
    for crowd in crowds:
        crowd.stdin.write(ask)
        crowd.stdin.flush()
    return [int(crowd.stdout.readline()) for crowd in crowds]


@pytest.mark.parametrize("kind", ATTACKS)
def test_a_thousand_connections_are_served(fresh: Besieged, record_property) -> None:
    before, half = fresh.memory(), MANY // 2
    with ExitStack() as stack:
        crowds = []
        for first in (0, half):
            guests = begin("tests.support.guests", fresh.kind, fresh.folder, fresh.port, first, first + half)
            crowds.append(stack.enter_context(guests))
            stack.callback(guests.kill)
        assert answers(crowds) == [half] * 2
        for _ in range(2):
            assert answers(crowds, b"ping\n") == [half] * 2
        assert fresh.connections()["established"] == MANY
        each = (fresh.memory() - before) / MANY / KIB
        record_property("kib_per_connection", each)
        print(f"{each:.0f} KiB per connection")
        assert each < MOST_KIB[fresh.kind]
        assert fresh.stop() == {"inet": [], "new": []}


@pytest.mark.parametrize(
    ("kind", "attack", "most"),
    [
        pytest.param(kind, attack, most, id=f"{kind} {attack.__name__}")
        for kind, room in ATTACKS.items()
        for which, most in ((room.OUTSIDERS, MOST_OF_OUTSIDERS), (room.MEMBERS, MOST_OF_A_MEMBER))
        for attack in which
    ],
)
def test_members_are_served_while_others_attack(all_besieged, kind: str, attack: Attack, most: int) -> None:
    besieged = all_besieged[kind]
    roster = Roster(besieged.membership)

    async def main() -> None:
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(attack, besieged)
                while not besieged.attacked:
                    await trio.sleep(0.01)
                await trio.sleep(0.5)  # its height
                for _ in range(5):
                    await served(besieged, roster)
                nursery.cancel_scope.cancel()
            await served(besieged, roster)

    besieged.attacked = 0
    before = besieged.memory()
    besieged.begin_peak()
    trio.run(main)
    taken = besieged.peak_memory() - before
    print(f"{kind} {attack.__name__}: {taken / MIB:.1f} MiB")
    assert taken < most


@pytest.mark.parametrize("kind", ATTACKS)
def test_no_socket_is_left_after_a_shutdown_under_attack(kind: str, fresh: Besieged) -> None:
    async def main() -> None:
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                for attack in [*ATTACKS[kind].OUTSIDERS, *ATTACKS[kind].MEMBERS]:
                    nursery.start_soon(attack, fresh)
                while fresh.attacked < 500 or fresh.linked < 20:
                    await trio.sleep(0.01)
                assert await trio.to_thread.run_sync(fresh.stop) == {"inet": [], "new": []}
                nursery.cancel_scope.cancel()

    trio.run(main)
    assert not fresh.connections().keys() & STATES.values()
