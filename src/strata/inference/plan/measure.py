"""Measure this machine in about a second: memory that is free for a model, arithmetic, memory bandwidth."""

import socket
import time
from collections.abc import Callable

from strata.inference.plan.nodes import NodeProfile
from strata.memory import available_memory

_MATMUL = 1024  # a side; large enough for the product to run at full speed, small enough to repeat
_STREAM_BYTES = 128 << 20  # larger than last-level caches
_BUDGET_SECONDS = 0.4  # for each of the two measurements


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


def _best_seconds(work: Callable[[], object]) -> float:
    work()
    best, end = float("inf"), time.perf_counter() + _BUDGET_SECONDS
    while (start := time.perf_counter()) < end:
        work()
        best = min(best, time.perf_counter() - start)
    return best
