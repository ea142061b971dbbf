"""What a machine offers: memory, arithmetic, memory bandwidth; and what the links between machines do."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strata.inference.placement.problem import InvalidProblem

Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class NodeProfile:
    """One node. memory_bytes: free for weights, KV cache and workspace once the runtime is loaded; flops: FLOP/s of a
    matrix product; bandwidth: bytes/s read from memory; mobile: metered and asleep at times, so that it holds layers
    only where they fit nowhere else."""

    node: str
    memory_bytes: int
    flops: float
    bandwidth: float
    mobile: bool = False

    def __post_init__(self) -> None:
        if self.memory_bytes < 0 or not (self.flops > 0 and self.bandwidth > 0):
            raise InvalidProblem(f"node {self.node!r} needs memory_bytes >= 0, flops > 0 and bandwidth > 0")


@dataclass(frozen=True)
class Links:
    """Directed links between N nodes: latency[a][b] in seconds one way, bandwidth[a][b] in bytes/s.

    An infinite latency or no bandwidth means unreachable; the diagonal is not used.
    """

    latency: Matrix
    bandwidth: Matrix

    def __post_init__(self) -> None:
        count = len(self.latency)
        for name, rows in (("latency", self.latency), ("bandwidth", self.bandwidth)):
            if len(rows) != count or any(len(row) != count for row in rows):
                raise InvalidProblem(
                    f"links: {name} must be a square matrix of {count} rows, as many as there are nodes"
                )
            if not all(value >= 0 for row in rows for value in row):
                raise InvalidProblem(f"links: {name} must not be negative")

    @classmethod
    def uniform(cls, nodes: int, latency: float, bandwidth: float) -> "Links":
        """The same latency and bandwidth between any two of `nodes` nodes."""
        return cls.of([[latency] * nodes] * nodes, [[bandwidth] * nodes] * nodes)

    @classmethod
    def of(cls, latency: Sequence[Sequence[float]], bandwidth: Sequence[Sequence[float]]) -> "Links":
        """Links from any nested sequences."""
        return cls(tuple(tuple(map(float, row)) for row in latency), tuple(tuple(map(float, row)) for row in bandwidth))

    def among(self, indices: Sequence[int]) -> "Links":
        """Those between these nodes only, in this order."""
        return Links.of(
            *([[rows[one][other] for other in indices] for one in indices] for rows in (self.latency, self.bandwidth))
        )

    def seconds(self, nbytes: int) -> NDArray[np.float64]:
        """(N, N) seconds to send one message of `nbytes` over each link."""
        with np.errstate(divide="ignore"):
            return np.asarray(self.latency) + nbytes / np.asarray(self.bandwidth)
