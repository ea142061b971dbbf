"""Control groups that bound the processor time of a process: version 1 or 2, whichever can be written.

https://docs.kernel.org/scheduler/sched-bwc.html, https://docs.kernel.org/admin-guide/cgroup-v2.html
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
MIN_QUOTA_US = 1000  # the kernel takes no less


class NoCpuGroups(Exception):
    """This process may not make control groups with a limit of processor time."""


@dataclass(frozen=True)
class CpuGroup:
    """A group that was made. version: 1 or 2."""

    folder: Path
    version: int

    def add(self, pid: int) -> None:
        """Move a process here, with its threads."""
        (self.folder / "cgroup.procs").write_text(str(pid))

    def limit(self, share: float, period_us: int) -> None:
        """Allow `share` of one core, in periods of so many microseconds; raises ValueError below the kernel's least."""
        quota = round(share * period_us)
        if quota < MIN_QUOTA_US:
            raise ValueError(f"{quota} µs in {period_us} are less than the kernel takes")
        if self.version == 2:
            (self.folder / "cpu.max").write_text(f"{quota} {period_us}")
            return
        (self.folder / "cpu.cfs_quota_us").write_text("-1")  # the two files are checked against each other
        (self.folder / "cpu.cfs_period_us").write_text(str(period_us))
        (self.folder / "cpu.cfs_quota_us").write_text(str(quota))


def _make(name: str) -> CpuGroup:
    version, parent = (1, ROOT / "cpu") if (ROOT / "cpu" / "cgroup.procs").exists() else (2, ROOT)
    folder = parent / name
    try:
        folder.mkdir()
    except OSError as error:
        raise NoCpuGroups(f"no group can be made in {parent} ({error.strerror})") from error
    group = CpuGroup(folder, version)
    try:
        group.limit(0.5, 100_000)
    except OSError as error:
        folder.rmdir()
        raise NoCpuGroups(f"a group in {parent} takes no limit ({error})") from error
    return group


@contextmanager
def cpu_group(name: str) -> Iterator[CpuGroup]:
    """A group for the length of the block, at whose end its processes must have ended. Raises NoCpuGroups."""
    group = _make(f"strata-{os.getpid()}-{name}")
    try:
        yield group
    finally:
        group.folder.rmdir()
