"""What comes of a recipe."""

from dataclasses import dataclass
from typing import Literal

FailureKind = Literal[
    "recipe",  # mergekit, or the table of methods, refuses the configuration
    "parent",  # a model that it names is missing or corrupt
    "shapes",  # the parents are not of one shape, or not of one architecture
    "tokenizers",  # the parents number their tokens differently, and the recipe does not say whose numbers to use
    "not-finite",  # NaN or infinity in the outcome
    "disk-full",
    "memory",  # it needs more than the pool may use, or the allocator gave up
    "timeout",
    "worker-killed",  # the worker's process ended, whoever ended it
    "fault",  # anything else: detail ends with the exception
]


@dataclass(frozen=True)
class Engine:
    """What beside the recipe decides the bytes of a merge.

    The number of threads does: a sum over a whole tensor is the sum of one sum for each thread, and DARE's rescaling
    takes such sums. So do the instruction sets that torch uses (`capability`, such as AVX512).
    """

    mergekit: str
    torch: str
    capability: str
    threads: int


@dataclass(frozen=True)
class Merged:
    """A child in the store. `peak_bytes`: most resident memory of its worker, mapped parents included, and the
    `predicted_bytes` that it was admitted with.
    """

    recipe: str  # the recipe's digest
    digest: str  # the model's
    engine: Engine
    seconds: float
    peak_bytes: int
    predicted_bytes: int


@dataclass(frozen=True)
class MergeFailed:
    """No child: why, for programs (`kind`) and for people (`detail`)."""

    recipe: str
    kind: FailureKind
    detail: str
