"""Memory that is free: of the machine, or of the control groups that this process runs in."""

from pathlib import Path

import psutil

_UNLIMITED = 1 << 60  # cgroup v1 writes "no limit" as a number of about this size


def available_memory(cgroups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """Bytes this process may still take: the system's available memory, or less where a control group limits it."""
    return max(0, min([psutil.virtual_memory().available, *_cgroup_rooms(cgroups, own)]))


def _cgroup_rooms(root: Path, own: Path) -> list[int]:
    """Bytes left in each control group above this process; page cache that can be dropped counts as free."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return []  # not Linux
    rooms = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers not in {"", "memory"}:
            continue
        base = root / controllers
        limit, usage = (
            ("memory.limit_in_bytes", "memory.usage_in_bytes") if controllers else ("memory.max", "memory.current")
        )
        folder = base / path.lstrip("/")
        for group in [folder, *folder.parents]:
            room = _room(group, limit, usage)
            if room is not None:
                rooms.append(room)
            if group == base:
                break
    return rooms


def _room(group: Path, limit: str, usage: str) -> int | None:
    try:
        allowed = (group / limit).read_text().strip()
        if allowed == "max" or int(allowed) >= _UNLIMITED:
            return None
        used = int((group / usage).read_text())
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None  # a group without this file, or whose files lie outside this container
    return int(allowed) - used + int(stat.get("total_inactive_file", stat.get("inactive_file", 0)))
