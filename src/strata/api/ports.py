"""What the API asks of others: long work is started elsewhere, and a fleet answers prompts.

Behind `Work` is Prefect (`deployments.prefect_work`), or what runs within this process, for tests; behind `Fleet` are
the nodes of a mesh (`strata.api.fleet`).
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from strata.errors import StrataError

Pipeline = Literal[
    "inference",
    "evolution",
    "evolution-on-checkpoint",
    "watch",
    "rollback",
    "pretraining",
    "migration",
    "mesh",
    "health",
]
JobState = Literal[
    "scheduled", "running", "suspended", "completed", "skipped", "failed", "crashed", "cancelling", "cancelled"
]
FinishReason = Literal["stop", "length"]


class WorkRefused(StrataError):
    """The work cannot be done as it was asked for: parameters that the pipeline does not take, a job that has ended."""


class WorkUnavailable(StrataError):
    """Whoever does the work does not answer."""


class FleetUnavailable(StrataError):
    """The fleet cannot answer now: it is still starting, or its nodes are gone."""


@dataclass(frozen=True)
class Job:
    """A run of a pipeline. `message`: why it is in its state, where somebody said; `url`: where to look at it."""

    id: str
    pipeline: str
    name: str
    state: JobState
    created: datetime
    started: datetime | None
    ended: datetime | None
    message: str
    url: str | None


@dataclass(frozen=True)
class Schedule:
    """When a pipeline runs by itself. `cron`: None where only events or people start it; `upcoming`: the next times."""

    pipeline: str
    active: bool
    cron: str | None
    timezone: str
    upcoming: tuple[datetime, ...]


class Work(Protocol):
    """Runs of pipelines. Its methods block: they are called in threads. All raise WorkUnavailable."""

    def start(self, pipeline: Pipeline, parameters: Mapping[str, Any], key: str | None = None) -> Job:
        """Start a run; with a `key` that was used before, return the run that was started then. Raises WorkRefused."""
        ...

    def find(self, job_id: str) -> Job | None:
        """The run of that id."""
        ...

    def recent(self, pipeline: Pipeline | None = None, limit: int = 20) -> Sequence[Job]:
        """The latest runs, newest first, those that are only planned left out."""
        ...

    def cancel(self, job_id: str) -> Job | None:
        """Ask a run to end; None where there is none. Raises WorkRefused where it has ended."""
        ...

    def decide(self, job_id: str, *, approve: bool, reason: str, by: str) -> Job | None:
        """Answer a suspended run's question; by: who does. None for no such run. Raises WorkRefused: nobody asked."""
        ...

    def schedules(self, pipeline: Pipeline) -> Sequence[Schedule]:
        """When it runs by itself."""
        ...


@dataclass(frozen=True)
class Turn:
    """A message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Prompt:
    """What a fleet is asked: a conversation in the model's chat template, or plain text to go on with (`text`).

    stop: texts at which the answer ends, without them.
    """

    model: str
    turns: tuple[Turn, ...] = ()
    text: str = ""
    max_new_tokens: int = 128
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    traceparent: str | None = None


@dataclass(frozen=True)
class Recovered:
    """A node that was lost while it answered, and what was done; seconds: that the reader waited for it."""

    node: str
    layers: tuple[int, int]
    reason: str
    response: str
    seconds: float


@dataclass(frozen=True)
class Piece:
    """Text as it comes, or that a node was lost and the answer goes on.

    The last piece says why it is the last, how many tokens there were, and in `figures` what they took.
    """

    text: str
    finish: FinishReason | None = None
    prompt_tokens: int = 0
    tokens: int = 0
    recovery: Recovered | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Model:
    """A model that a fleet answers with."""

    name: str
    created: datetime
    context: int


@dataclass(frozen=True)
class NodeState:
    """A node as the fleet sees it; figures: its account in bytes, sessions, traffic, as its status says."""

    name: str
    peer_id: str
    reachable: bool
    layers: tuple[int, int] | None
    figures: Mapping[str, Any] = field(default_factory=dict)


class Fleet(Protocol):
    """Nodes that hold a model. Asynchronous, under trio. All but `models` raise FleetUnavailable."""

    def models(self) -> Sequence[Model]:
        """What can be asked."""
        ...

    def answer(self, prompt: Prompt) -> AbstractAsyncContextManager[AsyncIterator[Piece]]:
        """Answer; leaving the block ends the work on the nodes. Raises StrataErrors for what no model could answer.

        What cannot be answered is refused when the block is entered. Waiting for a piece can be cancelled and begun
        again.
        """
        ...

    async def nodes(self) -> Sequence[NodeState]:
        """The nodes, in the order of the membership."""
        ...

    async def plan(self) -> Mapping[str, Any]:
        """Measure nodes and links, and say where the layers would go now, where they are, and what that would gain."""
        ...

    async def optimise(self, *, dry_run: bool) -> Mapping[str, Any]:
        """Decide by what the nodes counted of late whether layers move, and move them; the decision, as a document."""
        ...

    async def clean_up(self, node: str) -> Mapping[str, int] | None:
        """Have a node give back what it holds and does not need; bytes before and after. None for no such node."""
        ...
