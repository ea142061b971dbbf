"""The partitioning problem: validated inputs, prefix sums, and which runs of layers each node may hold.

Notation used by every `partition_*` file: N nodes, L layers; a *prefix* j means the layers 0..j-1, so prefixes run from
0 to L; a stage that takes the prefix from i to j holds the layers i..j-1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from strata.errors import StrataError

Objective = Literal["latency", "throughput"]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class InvalidProblem(StrataError, ValueError):
    """An input of the planner has a wrong shape, a NaN or a negative number."""


class Infeasible(StrataError):
    """No placement holds every layer.

    `missing_bytes` says how much memory is short and `where` what lacks it. `proven` is False only beyond the exact
    solver's size, when the search found nothing and no bound rules a placement out.
    """

    def __init__(self, missing_bytes: int, where: str, proven: bool = True) -> None:
        verdict = "the model cannot be placed" if proven else "no placement was found (not proven impossible)"
        super().__init__(f"{verdict}: {where} ({missing_bytes:,} bytes missing)")
        self.missing_bytes = missing_bytes
        self.where = where
        self.proven = proven


class Span(NamedTuple):
    """One stage: the layers `first` to `last` (0-based, inclusive) on the node with index `node`."""

    node: int
    first: int
    last: int


Stages = tuple[Span, ...]


@dataclass(frozen=True)
class Problem:
    """Checked inputs of one partition; build it with `Problem.of`.

    seconds (N, L); sizes (L,) bytes; capacity (N,) bytes, may be infinite; links (N, N) seconds, infinite where there
    is no way; the diagonal of links is never used. `enter` and `leave` (N,) are links from and to fixed neighbours:
    zero for a whole model, set when a part of a longer pipeline is solved again.
    """

    seconds: Floats
    sizes: Floats
    capacity: Floats
    links: Floats
    enter: Floats
    leave: Floats

    @classmethod
    def of(cls, seconds: ArrayLike, sizes: ArrayLike, capacity: ArrayLike, links: ArrayLike) -> "Problem":
        """Validate and convert; raises InvalidProblem."""
        times = _array("seconds", seconds, 2, finite=True)
        nodes, layers = times.shape
        if not nodes or not layers:
            raise InvalidProblem(f"seconds must have at least one node and one layer, not the shape {times.shape}")
        zeros = np.zeros(nodes)
        hops = np.asarray(links, dtype=np.float64)
        if hops.shape == (nodes, nodes):
            hops = hops.copy()
            np.fill_diagonal(hops, 0.0)  # a node's link to itself has no meaning, so nothing in it can be wrong
        return cls(
            seconds=times,
            sizes=_array("sizes", sizes, 1, finite=True, shape=(layers,)),
            capacity=_array("capacity", capacity, 1, finite=False, shape=(nodes,)),
            links=_array("links", hops, 2, finite=False, shape=(nodes, nodes)),
            enter=zeros,
            leave=zeros,
        )

    @property
    def nodes(self) -> int:
        """N, the number of nodes."""
        return len(self.seconds)

    @property
    def layers(self) -> int:
        """L, the number of layers."""
        return len(self.sizes)

    @cached_property
    def elapsed(self) -> Floats:
        """(N, L+1): seconds that each node would need for each prefix."""
        return _prefix_sums(self.seconds)

    @cached_property
    def stored(self) -> Floats:
        """(L+1,): bytes of each prefix."""
        return _prefix_sums(self.sizes)

    @cached_property
    def stage_seconds(self) -> Floats:
        """(N, L+1, L+1): seconds of the stage from prefix i to prefix j at [n, i, j]; infinite where it may not exist
        because it is empty or does not fit the node's memory."""
        times = self.elapsed[:, None, :] - self.elapsed[:, :, None]
        held = self.stored[None, :] - self.stored[:, None]
        ordered = np.triu(np.ones(held.shape, dtype=bool), 1)
        allowed = ordered[None] & (held[None] <= self.capacity[:, None, None])
        return np.where(allowed, times, np.inf)

    def earliest(self, limit: float = np.inf) -> Ints:
        """(N, L+1): smallest prefix from which node n reaches prefix j in one stage within `limit` seconds; j if none.

        Every start between that prefix and j-1 is allowed too, because bytes and seconds only shrink.
        """
        finite = np.isfinite(self.stage_seconds) if np.isinf(limit) else self.stage_seconds <= limit
        starts: Ints = np.count_nonzero(finite, axis=1)
        return np.arange(self.layers + 1) - starts

    def value(self, stages: Sequence[Span], objective: Objective) -> float:
        """Seconds of a placement under the objective (with `enter` and `leave`, which are zero for a whole model)."""
        parts = [float(self.seconds[s.node, s.first : s.last + 1].sum()) for s in stages]
        parts += [float(self.links[a.node, b.node]) for a, b in pairwise(stages)]
        parts += [float(self.enter[stages[0].node]), float(self.leave[stages[-1].node])]
        return sum(parts) if objective == "latency" else max(parts)

    def fits(self, stages: Sequence[Span]) -> bool:
        """Whether the stages cover every layer in order, use no node twice and stay within every node's memory."""
        starts = [s.first for s in stages] + [self.layers]
        ends = [0] + [s.last + 1 for s in stages]
        return (
            starts == ends
            and len({s.node for s in stages}) == len(stages)
            and all(np.isfinite(self.stage_seconds[s.node, s.first, s.last + 1]) for s in stages)
        )


def check_objective(objective: str) -> None:
    """Raise InvalidProblem unless `objective` is one that the planner knows."""
    if objective not in get_args(Objective):
        raise InvalidProblem(f"objective must be one of {', '.join(get_args(Objective))}, not {objective!r}")


def _array(name: str, given: ArrayLike, ndim: int, *, finite: bool, shape: tuple[int, ...] | None = None) -> Floats:
    try:
        array = np.array(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidProblem(f"{name} must be an array of numbers: {error}") from error
    if array.ndim != ndim or (shape is not None and array.shape != shape):
        raise InvalidProblem(f"{name} must have {shape or f'{ndim} dimensions'}, not the shape {array.shape}")
    if np.isnan(array).any() or (array < 0).any() or (finite and np.isinf(array).any()):
        bad = np.argwhere(~(array >= 0) | (np.isinf(array) if finite else False))[0].tolist()
        raise InvalidProblem(
            f"{name}{bad} is {array[tuple(bad)]}: it must be {'finite and ' if finite else ''}not negative"
        )
    array.flags.writeable = False
    return array


def _prefix_sums(values: Floats) -> Floats:
    padded = np.zeros((*values.shape[:-1], values.shape[-1] + 1))
    np.cumsum(values, axis=-1, out=padded[..., 1:])
    return padded
