"""A disk that can be full: a small file system of its own where this process may mount one, else a limit on files."""

import os
import resource
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_STEP = 1 << 20
_LIMIT = 4096  # bytes of any one file, where that has to stand in for a full disk


@dataclass
class SmallDisk:
    """`folder`: where to work. mounted: it is a file system (tmpfs) of its own, and being full is ENOSPC."""

    folder: Path
    mounted: bool

    @property
    def how(self) -> str:
        """In words."""
        if self.mounted:
            return "ENOSPC: the home is a tmpfs of its own that another file fills to the last byte"
        return f"EFBIG: RLIMIT_FSIZE of {_LIMIT} bytes set on the processes, as no file system can be mounted here"

    def fill(self, pids: Iterable[int]) -> None:
        """Leave no byte; where it is not mounted, have these processes write no file that is longer than a few KiB."""
        if not self.mounted:
            for pid in pids:
                _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (_LIMIT, hard))
            return
        with (self.folder / "ballast").open("wb", buffering=0) as file:
            for size in (_STEP, 4096, 1):
                try:
                    while file.write(bytes(size)):
                        pass
                except OSError:
                    continue

    def free(self, pids: Iterable[int]) -> None:
        """Room again."""
        (self.folder / "ballast").unlink(missing_ok=True)
        for pid in () if self.mounted else pids:
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """A disk at `folder`, which is made; unmounted at the end."""
    folder.mkdir()
    options = f"size={megabytes}m,mode=700"
    try:
        mounted = (
            os.geteuid() == 0
            and not subprocess.run(
                ["mount", "-t", "tmpfs", "-o", options, "strata-unattended", str(folder)],
                capture_output=True,
                check=False,
            ).returncode
        )
    except FileNotFoundError:
        mounted = False
    try:
        yield SmallDisk(folder, mounted)
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)
