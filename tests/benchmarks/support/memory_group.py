"""Control groups that bound the memory of a process, page cache included: version 1 or 2, whichever can be written.

https://docs.kernel.org/admin-guide/cgroup-v1/memory.html, https://docs.kernel.org/admin-guide/cgroup-v2.html
"""

import errno
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
END_SECONDS = 10.0


class DidNotFit(Exception):
    """A process cannot work, or was killed, within its limit."""


class NoMemoryGroups(Exception):
    """This process may not make control groups with a limit of memory."""


@dataclass(frozen=True)
class Parent:
    """A group below which others can be made. version: 1 or 2."""

    folder: Path
    version: int


def candidates(own: str, root: Path = ROOT) -> list[Parent]:
    """Where groups might be made, the nearest first: this process's own group of memory, then those above it.

    own: the text of /proc/self/cgroup. Nearest first, because what is made there stays within the limits that this
    process has itself. In version 2 a group that holds processes cannot give memory to groups below it, so its parent
    comes next. The memory controller belongs to one version only; where version 1 has it, that line decides.
    """
    found = []
    lines = [line.split(":", 2) for line in own.splitlines()]
    memory = [(1, path) for _, controllers, path in lines if "memory" in controllers.split(",")]
    for version, path in memory or [(2, path) for _, controllers, path in lines if not controllers]:
        base = root / "memory" if version == 1 else root
        folder = base / path.lstrip("/")
        while True:
            found.append(Parent(folder, version))
            if folder == base:
                break
            folder = folder.parent
    return found


@dataclass(frozen=True)
class MemoryGroup:
    """A group that was made."""

    folder: Path
    version: int

    def add(self, pid: int) -> None:
        """Move a process here: what it takes from now on is counted."""
        _set(self.folder / "cgroup.procs", str(pid))

    def limit(self, nbytes: int) -> None:
        """Bound the memory; where it cannot be had by dropping page cache, the kernel kills a process of the group."""
        _set(self.folder / ("memory.limit_in_bytes" if self.version == 1 else "memory.max"), str(nbytes))
        with suppress(OSError):  # where the kernel does not count swap, there is no such file
            if self.version == 1:
                _set(self.folder / "memory.memsw.limit_in_bytes", str(nbytes))
            else:
                _set(self.folder / "memory.swap.max", "0")

    @property
    def peak_bytes(self) -> int | None:
        """The most memory that was counted here at a time."""
        name = "memory.max_usage_in_bytes" if self.version == 1 else "memory.peak"
        try:
            return int((self.folder / name).read_text())
        except OSError:
            return None

    def remove(self) -> None:
        """Kill what still runs here and remove the group."""
        deadline = time.monotonic() + END_SECONDS
        while True:
            for pid in (self.folder / "cgroup.procs").read_text().split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            try:
                self.folder.rmdir()
            except OSError as error:
                if error.errno != errno.EBUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return


def _set(file: Path, value: str) -> None:
    """Write to a file of a group, which must be there: in a folder that is no group, none is made."""
    descriptor = os.open(file, os.O_WRONLY)
    try:
        os.write(descriptor, value.encode())
    finally:
        os.close(descriptor)


def _make(parent: Parent, name: str) -> MemoryGroup:
    """Make a group; raises OSError where it cannot be made or has no memory controller."""
    folder = parent.folder / name
    folder.mkdir()
    group = MemoryGroup(folder, parent.version)
    try:
        group.limit(1 << 40)
    except OSError:
        folder.rmdir()
        raise
    return group


def find_parent(root: Path = ROOT, own: Path = OWN) -> Parent:
    """The first of the candidates that a limited group can be made below; raises NoMemoryGroups."""
    try:
        text = own.read_text()
    except OSError as error:
        raise NoMemoryGroups("this system has no control groups") from error
    reason: OSError | None = None
    for parent in candidates(text, root):
        try:
            _make(parent, f"strata-try-{os.getpid()}").folder.rmdir()
        except OSError as error:
            reason = error
        else:
            return parent
    raise NoMemoryGroups(f"no group with a limit of memory can be made ({reason})")


@contextmanager
def memory_group(parent: Parent, name: str) -> Iterator[MemoryGroup]:
    """A group for the length of the block; what runs in it at the end is killed. Its name has this process's id."""
    group = _make(parent, f"strata-{os.getpid()}-{name}")
    try:
        yield group
    finally:
        group.remove()


def anonymous_bytes(pid: int) -> int:
    """Memory of a process that is not a file's (RssAnon in /proc/<pid>/status)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"process {pid} has no RssAnon")


def confine(group: MemoryGroup, pid: int, nbytes: int) -> int:
    """Move a started process here, so that all it has and takes stays within `nbytes`; returns what it may still take.

    Raises DidNotFit.

    Memory is counted in the group where it was taken, so what the process has by now, its libraries' tables mostly, is
    no part of the group's count and is subtracted from the limit. Pages of the libraries' files are shared by all
    processes and counted nowhere.
    """
    room = nbytes - anonymous_bytes(pid)
    if room <= 0:
        raise DidNotFit("the empty process is larger than the limit")
    group.add(pid)
    group.limit(room)
    return room
