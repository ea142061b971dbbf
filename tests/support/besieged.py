"""A member as a process which others may attack: `python -m tests.support.besieged KIND FOLDER`.

KIND is `links`, and it echoes, or `host`, one of libp2p, which answers pings. It says in JSON at which port it listens.
Told to stop, by a line on its standard input, it does, and says which sockets it has then.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import trio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from strata.mesh import Link, Roster, open_host, read_membership, serve, write_membership
from strata.secure import Identity, Membership

NAME, HOST = "besieged", "127.0.0.1"
GUESTS = 1000  # members that are no enemies, beside one more that is
STATES = {"01": "established", "08": "close wait", "0A": "listen"}  # linux/tcp_states.h: those that somebody holds
_WHOLE_MESH = ("owner", NAME, "enemy", *(f"guest-{number}" for number in range(GUESTS)))


def key(name: str) -> Identity:
    """The keys of a member: they follow from its name."""
    seeds = (sha256(f"{name} {kind}".encode()).digest() for kind in ("signs", "encrypts"))
    return Identity(Ed25519PrivateKey.from_private_bytes(next(seeds)), X25519PrivateKey.from_private_bytes(next(seeds)))


def found_mesh(folder: Path) -> None:
    """The membership of all, as a file."""
    mesh = Membership.found(key("owner"))
    for name in _WHOLE_MESH:
        mesh = mesh.with_member(key(name).card, name)
    write_membership(folder / "mesh", mesh.seal(key("owner")))


class Besieged:
    """The process, in a `folder` that `found_mesh` has filled; killed at the end of the block."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.folder = folder
        self.membership = read_membership(folder / "mesh")
        self.peer_id = key(NAME).peer_id
        self.attacked = self.linked = 0  # connections that attacks have made, and links

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.support.besieged", self.kind, self.folder]
        with (self.folder / f"{self.kind}.log").open("a") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        self.port = int(self._said()["port"])
        self.address = f"{HOST}:{self.port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.communicate()

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


@asynccontextmanager
async def _links(identity: Identity, roster: Roster) -> AsyncIterator[int]:
    async with trio.open_nursery() as nursery:
        yield await nursery.start(partial(serve, identity, roster, _echo))
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def _host(identity: Identity, roster: Roster) -> AsyncIterator[int]:
    async with open_host(identity, roster) as host:
        yield int(host.get_addrs()[0].value_for_protocol("tcp"))


async def _main(kind: str, folder: Path) -> None:
    identity, roster = key(NAME), Roster(read_membership(folder / "mesh"))
    before = _files()
    async with (_links if kind == "links" else _host)(identity, roster) as port:
        print(json.dumps({"port": port}), flush=True)
        await trio.to_thread.run_sync(sys.stdin.readline)
    inet = [f"{each.laddr} {each.raddr} {each.status}" for each in psutil.Process().net_connections("inet")]
    after = {name: what for name, what in _files().items() if before.get(name) != what}
    print(json.dumps({"inet": inet, "new": list(after.values())}), flush=True)
    await trio.to_thread.run_sync(sys.stdin.readline)


if __name__ == "__main__":
    trio.run(_main, sys.argv[1], Path(sys.argv[2]))
