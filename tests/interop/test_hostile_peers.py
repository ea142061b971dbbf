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
from tests.support.attacks import MEMBERS, OUTSIDERS, Attack
from tests.support.besieged import GUESTS, STATES, Besieged, found_mesh
from tests.support.guests import raise_file_limit

MANY = 1000
FILES = 4096
SERVED_SECONDS = 5
KIB, MIB = 1 << 10, 1 << 20
MOST_KIB = 64  # a connection, with some room; it is some 30
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
def fresh(folder: Path) -> Iterator[Besieged]:
    with Besieged(folder) as process:
        yield process


@pytest.fixture(scope="module")
def besieged(folder: Path) -> Iterator[Besieged]:
    with Besieged(folder) as process:
        trio.run(served, process, Roster(process.membership))
        yield process


async def served(besieged: Besieged, roster: Roster) -> None:
    """A member comes, asks and is answered, without much waiting."""
    with trio.fail_after(SERVED_SECONDS):
        link = await dial(besieged.key("guest-0"), roster, besieged.peer_id, besieged.address)
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


def test_a_thousand_connections_are_served(fresh: Besieged, record_property) -> None:
    before, half = fresh.memory(), GUESTS // 2
    with ExitStack() as stack:
        crowds = []
        for first, last in ((0, half), (half, GUESTS)):
            guests = begin("tests.support.guests", fresh.folder, fresh.address, first, last, MANY // GUESTS)
            crowds.append(stack.enter_context(guests))
            stack.callback(guests.kill)
        assert answers(crowds) == [MANY // 2] * 2
        for _ in range(2):
            assert answers(crowds, b"ping\n") == [MANY // 2] * 2
        assert fresh.connections()["established"] == MANY
        each = (fresh.memory() - before) / MANY / KIB
        record_property("kib_per_connection", each)
        print(f"{each:.0f} KiB per connection")
        assert each < MOST_KIB
        assert fresh.stop() == {"inet": [], "new": []}


@pytest.mark.parametrize("attack", [*OUTSIDERS, *MEMBERS], ids=lambda attack: attack.__name__)
def test_members_are_served_while_others_attack(besieged: Besieged, attack: Attack) -> None:
    roster = Roster(besieged.membership)

    async def main() -> None:
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(attack, besieged)
                while besieged.attacked < 50:
                    await trio.sleep(0.01)
                await trio.sleep(0.5)  # its height
                for _ in range(10):
                    await served(besieged, roster)
                nursery.cancel_scope.cancel()
            await served(besieged, roster)

    besieged.attacked = 0
    before = besieged.memory()
    besieged.begin_peak()
    trio.run(main)
    taken = besieged.peak_memory() - before
    print(f"{attack.__name__}: {taken / MIB:.1f} MiB")
    assert taken < (MOST_OF_OUTSIDERS if attack in OUTSIDERS else MOST_OF_A_MEMBER)


def test_no_socket_is_left_after_a_shutdown_under_attack(fresh: Besieged) -> None:
    async def main() -> None:
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                for attack in [*OUTSIDERS, *MEMBERS]:
                    nursery.start_soon(attack, fresh)
                while fresh.attacked < 500 or fresh.linked < CONNECTIONS_OF_ONE:
                    await trio.sleep(0.01)
                assert await trio.to_thread.run_sync(fresh.stop) == {"inet": [], "new": []}
                nursery.cancel_scope.cancel()

    trio.run(main)
    assert not fresh.connections().keys() & STATES.values()
