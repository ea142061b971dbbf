"""A member that echoes, as a process which others may attack: `python -m tests.support.besieged FOLDER`.

It says in JSON where it listens; told to stop, on its standard input, it does, and says which sockets it has then.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import trio

from strata.mesh import Link, Roster, read_membership, serve, write_membership
from strata.secure import Identity, Membership

NAME = "besieged"
GUESTS = 20  # members that are no enemies, beside one more that is
STATES = {"01": "established", "08": "close wait", "0A": "listen"}  # linux/tcp_states.h: those that somebody holds
_WHOLE_MESH = ("owner", NAME, "enemy", *(f"guest-{number}" for number in range(GUESTS)))


def found_mesh(folder: Path) -> None:
    """The keys of all and the membership, as files."""
    keys = {name: Identity.generate() for name in _WHOLE_MESH}
    mesh = Membership.found(keys["owner"])
    for name, identity in keys.items():
        mesh = mesh.with_member(identity.card, name)
        identity.save(folder / name)
    write_membership(folder / "mesh", mesh.seal(keys["owner"]))


class Besieged:
    """The process, started in `folder` by `found_mesh`; killed at the end of the block."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.membership = read_membership(folder / "mesh")
        self.peer_id = Identity.load(folder / NAME).peer_id
        self.attacked = self.linked = 0  # connections that attacks have made, and links

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.support.besieged", self.folder]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.address = str(self._said()["address"])
        self.host, _, port = self.address.rpartition(":")
        self.port = int(port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.communicate()

    def key(self, name: str) -> Identity:
        """The keys of a member."""
        return Identity.load(self.folder / name)

    def memory(self) -> int:
        """Bytes resident now."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def begin_peak(self) -> None:
        """Forget the peak of its memory (see proc_pid_clear_refs(5))."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def peak_memory(self) -> int:
        """Most bytes resident since `begin_peak`."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))

    def connections(self) -> Counter[str]:
        """TCP sockets at its address, by their state: seen from outside, and those alone of the process's own end."""
        found = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return Counter(
            STATES.get(each[3], "other") for each in found if int(each[1].partition(":")[2], 16) == self.port
        )

    def stop(self) -> dict[str, list[str]]:
        """Have it serve no more: `inet`, the TCP sockets that it has then, and `new`, all files opened since before."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"stop\n")
        self.process.stdin.flush()
        return self._said()

    def _said(self):
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())


def _descriptors(pid: int | str) -> list[Path]:
    return list(Path(f"/proc/{pid}/fd").iterdir())


def _files() -> dict[str, str]:
    found = {}
    for file in _descriptors("self"):
        try:
            found[file.name] = os.readlink(file)
        except FileNotFoundError:
            continue  # the one that the folder was listed with
    return found


async def _echo(link: Link) -> None:
    while True:
        await link.send(await link.receive())


async def _main(folder: Path) -> None:
    identity, roster = Identity.load(folder / NAME), Roster(read_membership(folder / "mesh"))
    before = _files()
    async with trio.open_nursery() as nursery:
        port = await nursery.start(partial(serve, identity, roster, _echo))
        print(json.dumps({"address": f"127.0.0.1:{port}"}), flush=True)
        await trio.to_thread.run_sync(sys.stdin.readline)
        nursery.cancel_scope.cancel()
    inet = [f"{each.laddr} {each.raddr} {each.status}" for each in psutil.Process().net_connections("inet")]
    after = {name: what for name, what in _files().items() if before.get(name) != what}
    print(json.dumps({"inet": inet, "new": list(after.values())}), flush=True)
    await trio.to_thread.run_sync(sys.stdin.readline)


if __name__ == "__main__":
    trio.run(_main, Path(sys.argv[1]))
