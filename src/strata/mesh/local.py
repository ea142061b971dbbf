"""Members on this machine, each a process of its own with its own key, for as long as a `with` block lasts."""

import os
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from strata.errors import StrataError
from strata.mesh.started import START_SECONDS, address_of, end, start, strata_command
from strata.secure import Identity, Membership, write_membership


@dataclass(frozen=True)
class LocalNode:
    """A started member."""

    name: str
    peer_id: str
    address: str
    process: subprocess.Popen[bytes]


class LocalNodes(ABC):
    """Starts so many processes on loopback in a fresh mesh, and ends them all when the block is left.

    Keys and what the members keep lie under `home/<kind>-<n>` and stay; each of several such blocks at a time takes a
    folder of its own. The members also end when this process dies in any way: each watches its standard input, whose
    other end dies with it. Raises NodeDidNotStart.

    mesh_file: the membership with everybody's address; identity_file: the key of a coordinator, who owns the mesh.
    """

    kind: ClassVar[str]
    environment: ClassVar[Mapping[str, str]] = {}

    def __init__(self, home: Path, nodes: int) -> None:
        if nodes < 1:
            raise StrataError(f"a {self.kind} has at least one node")
        self._home = home
        self._names = [f"node-{number}" for number in range(1, nodes + 1)]
        self._stack = ExitStack()
        self._folder = home
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._nodes: dict[str, LocalNode] = {}

    @abstractmethod
    def arguments(self, folder: Path, address: str) -> Sequence[str]:
        """What `strata` is called with for the member whose home is `folder`; it listens at `address`."""

    def host(self, name: str) -> str:
        """The address that a member listens at."""
        return "127.0.0.1"

    def wrapped(self, name: str, command: Sequence[str]) -> Sequence[str]:
        """The command that starts a member, as it is run: as itself, unless it is to run somewhere else."""
        return command

    @property
    def nodes(self) -> tuple[LocalNode, ...]:
        """The members that were started, in order."""
        return tuple(self._nodes.values())

    @property
    def mesh_file(self) -> Path:
        """The signed membership."""
        return self._folder / "mesh"

    @property
    def identity_file(self) -> Path:
        """The coordinator's key."""
        return self._folder / "identity.json"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._folder = _claim(self._home, self.kind, stack)
            owner = _identity(self.identity_file)
            keys = {name: _identity(self._folder / name / "identity.json") for name in self._names}
            membership = Membership.found(owner).with_member(owner.card, "coordinator", (), ("coordinator",))
            for name in self._names:
                membership = membership.with_member(keys[name].card, name)
            self.mesh_file.unlink(missing_ok=True)
            write_membership(self.mesh_file, membership.seal(owner))
            stack.callback(end, self._processes)
            for name in self._names:
                self._processes[name] = self._start(name, f"{self.host(name)}:0")
            deadline = time.monotonic() + START_SECONDS
            for name, process in self._processes.items():
                address = self._address(name, process, deadline)
                membership = membership.with_member(keys[name].card, name, (address,))
                self._nodes[name] = LocalNode(name, keys[name].peer_id, address, process)
            write_membership(self.mesh_file, membership.seal(owner))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def kill(self, name: str) -> None:
        """End a member at once (SIGKILL), as a power cut would."""
        process = self._processes[name]
        process.kill()
        process.wait()

    def restart(self, name: str) -> LocalNode:
        """End a member's process, in whatever state it is, and start it anew at the same address; what it kept stays.

        Raises NodeDidNotStart.
        """
        old = self._nodes[name]
        old.process.kill()
        end({name: old.process})
        process = self._processes[name] = self._start(name, old.address)
        self._address(name, process, time.monotonic() + START_SECONDS)
        node = self._nodes[name] = LocalNode(name, old.peer_id, old.address, process)
        return node

    def _start(self, name: str, address: str) -> subprocess.Popen[bytes]:
        folder = self._folder / name
        command = self.wrapped(name, strata_command(self.arguments(folder, address)))
        return start(command, folder / "log", {**self.environment, **os.environ})

    def _address(self, name: str, process: subprocess.Popen[bytes], deadline: float) -> str:
        return address_of(name, process, self._folder / name / "log", deadline)


class LocalMesh(LocalNodes):
    """Agents (`strata mesh node`), none of which has a neighbour until a sweep gives it some.

    transport: what carries their links, "direct" or "libp2p".
    """

    kind = "mesh"

    def __init__(self, home: Path, nodes: int, *, transport: str = "direct") -> None:
        super().__init__(home, nodes)
        self._transport = transport

    def arguments(self, folder: Path, address: str) -> Sequence[str]:
        """As `LocalNodes.arguments`."""
        return [
            "mesh", "node", "--home", str(folder), "--mesh", str(self.mesh_file), "--listen", address, "--supervised",
            "--transport", self._transport,
        ]  # fmt: skip


def _claim(home: Path, kind: str, stack: ExitStack) -> Path:
    """The first folder of this kind under `home` that no living process uses."""
    number = 1
    while True:
        folder = home / f"{kind}-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        lock = stack.enter_context((folder / "lock").open("wb"))
        try:
            flock(lock, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            number += 1
            continue
        return folder


def _identity(path: Path) -> Identity:
    if path.exists():
        return Identity.load(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    identity = Identity.generate()
    identity.save(path)
    return identity
