"""Where benchmark files lie, and how to have none of them in memory."""

import os
from collections.abc import Iterable
from pathlib import Path

import psutil


def drop_cache(folders: Iterable[Path]) -> None:
    """Have the kernel write out and forget all pages of the files below `folders`.

    Pages that others have cached are free to a limited group, so a limit means nothing before this.
    """
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                descriptor = os.open(path, os.O_RDONLY)
                try:
                    os.fsync(descriptor)
                    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                finally:
                    os.close(descriptor)


def in_memory(folder: Path) -> bool:
    """Whether the file system of `folder` is memory itself."""
    mounts = [part for part in psutil.disk_partitions(all=True) if folder.resolve().is_relative_to(part.mountpoint)]
    return max(mounts, key=lambda part: len(part.mountpoint)).fstype in {"tmpfs", "ramfs"} if mounts else False
