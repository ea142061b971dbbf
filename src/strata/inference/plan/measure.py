"""Measure this machine in about a second: memory that is free for a model, arithmetic, memory bandwidth."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from strata.inference.plan.nodes import NodeProfile

_MATMUL = 1024  # a side; large enough for the product to run at full speed, small enough to repeat
_STREAM_BYTES = 128 << 20  # larger than last-level caches
_BUDGET_SECONDS = 0.4  # for each of the two measurements
_UNLIMITED = 1 << 60  # cgroup v1 writes "no limit" as a number of about this size


def measure_node(memory_bytes: int | None = None, name: str | None = None) -> NodeProfile:
    """Profile this machine; `memory_bytes` replaces the measured free memory, `name` the host's name.

    Uses as many threads as torch does. flops is a float32 matrix product's, bandwidth that of a product of a matrix
    larger than the caches with a vector, which is what a decode step does; both are the best of several runs.
    """
    import torch

    free = available_memory()
    square = torch.ones(_MATMUL, _MATMUL)
    # Small machines exist: the measurement never takes more than an eighth of what is free.
    rows = max(1, min(_STREAM_BYTES, free // 8) // (4 * _MATMUL))
    tall, vector = torch.ones(rows, _MATMUL), torch.ones(_MATMUL)
    flops = 2 * _MATMUL**3 / _best_seconds(lambda: torch.mm(square, square))
    bandwidth = 4 * _MATMUL * rows / _best_seconds(lambda: torch.mv(tall, vector))
    return NodeProfile(name or socket.gethostname(), free if memory_bytes is None else memory_bytes, flops, bandwidth)


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


def _best_seconds(work: Callable[[], object]) -> float:
    work()
    best, end = float("inf"), time.perf_counter() + _BUDGET_SECONDS
    while (start := time.perf_counter()) < end:
        work()
        best = min(best, time.perf_counter() - start)
    return best
