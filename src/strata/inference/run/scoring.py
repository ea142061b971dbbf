"""How likely a model that is spread over nodes finds given continuations of prompts.

The continuations of a prompt share it: it is fed once and each of them after it, from where the one before is taken
back. Prompts of about the same length are the rows of a session, padded on the left so that they end together; what is
beyond the end of a shorter continuation is seen by nothing that counts. A model whose cache cannot be taken back is fed
every continuation with its prompt in front of it, those of the same length together. Steps do not wait for each other's
answers, and several sessions run at a time, so that all stages have work.
"""

import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import trio

from strata.inference.plan import Plan, make_plan
from strata.inference.plan.nodes import Links, NodeProfile
from strata.inference.plan.profile import ModelProfile
from strata.inference.protocol.messages import Sampling, Scored, Step
from strata.inference.run.concurrent import beside
from strata.inference.run.errors import ContextExceeded, StageFailed
from strata.inference.run.peers import NodeClient
from strata.inference.run.remote_session import Needs, RemoteSession

MOST_ROWS = 64  # of a session
MOST_TOKENS = 2048  # of a session, padding included, unless one row alone is longer
MOST_LOGITS = 1 << 24  # numbers that the last stage computes at a time
MOST_CONTINUATIONS = 128  # of a prompt, all of which may wait for their answers

Question = tuple[Sequence[int], Sequence[Sequence[int]]]
"""A prompt and its continuations, as token ids."""


@dataclass(frozen=True)
class Row:
    """A prompt and continuations; `place`: of its question, and of its first continuation among that question's."""

    place: tuple[int, int]
    prompt: Sequence[int]
    continuations: Sequence[Sequence[int]]

    @property
    def widest(self) -> int:
        """Tokens of the longest continuation."""
        return max(map(len, self.continuations))


@dataclass(frozen=True)
class Batch:
    """Rows that one session is for; `shared`: continuations after a prompt that was fed once."""

    rows: tuple[Row, ...]
    shared: bool

    @property
    def longest(self) -> int:
        """Tokens of the longest prompt."""
        return max(len(row.prompt) for row in self.rows)

    @property
    def padding(self) -> tuple[int, ...]:
        """On the left of each row."""
        return tuple(self.longest - len(row.prompt) for row in self.rows)

    @property
    def context(self) -> int:
        """Tokens of a row that are fed; the last one of a continuation is not."""
        return self.longest + max(row.widest for row in self.rows) - 1

    @property
    def positions(self) -> int:
        """Of how many positions a step computes logits."""
        return self.context - (self.longest - 1 if self.shared else 0)

    def steps(self) -> Iterator[tuple[list[list[int]], Step]]:
        """Token ids (B, T) and the step that announces them, without session and shape."""
        head = self.longest - 1 if self.shared else 0
        prompts = [[0] * pad + list(row.prompt) for pad, row in zip(self.padding, self.rows, strict=True)]
        if head:
            yield [prompt[:head] for prompt in prompts], _step(more=True)
        for number in range(max(len(row.continuations) for row in self.rows)):
            targets = tuple(
                tuple(row.continuations[number]) if number < len(row.continuations) else () for row in self.rows
            )
            width = max(map(len, targets)) - 1
            follow = [[*row[:-1], *[0] * (width - len(row[:-1]))] for row in targets]
            tokens = [prompt[head:] + after for prompt, after in zip(prompts, follow, strict=True)]
            yield tokens, _step(number=number, targets=targets, start=head if number else None)


def make_batches(questions: Sequence[Question], shared: bool, vocabulary: int) -> list[Batch]:
    """All questions' continuations in rows, the rows in batches of similar ones; a row never needs another's memory."""
    rows = [Row((place, 0), prompt, options) for place, (prompt, options) in enumerate(questions) if options]
    if not shared:
        rows = [
            Row((row.place[0], number), row.prompt, [option])
            for row in rows
            for number, option in enumerate(row.continuations)
        ]

    def likeness(row: Row) -> tuple[int, int, tuple[int, int]]:
        lengths = len(row.prompt), row.widest
        return (*(lengths if shared else lengths[::-1]), row.place)

    batches: list[Batch] = []
    taken: list[Row] = []
    for row in sorted(rows, key=likeness):
        if taken and not _has_room(Batch((*taken, row), shared), vocabulary):
            batches.append(Batch(tuple(taken), shared))
            taken = []
        taken.append(row)
    return [*batches, Batch(tuple(taken), shared)] if taken else batches


def scoring_plan(profile: ModelProfile, nodes: Sequence[NodeProfile], sessions: int = 2) -> Plan:
    """A plan on which so many batches can be scored at a time; raises Infeasible, InvalidProblem.

    Of `nodes` only the memory is looked at, as `Coordinator.inventory` tells it: stages are as equal as it allows.
    """
    context = min(MOST_TOKENS, profile.max_context)
    logits = 8 * min(MOST_LOGITS, MOST_TOKENS * profile.vocab_size)
    rest = [replace(node, memory_bytes=max(0, node.memory_bytes - logits), flops=1.0, bandwidth=1.0) for node in nodes]
    links = Links.uniform(len(nodes), 0.0, math.inf)
    batch = -(-MOST_TOKENS // context)
    return make_plan(profile, rest, links, "throughput", context=context, batch=batch, sessions=sessions)


def check(questions: Sequence[Question], most: int, vocabulary: int) -> None:
    """Raise ContextExceeded for a question without tokens, with too many of them, or with some that are none."""
    for prompt, options in questions:
        if not prompt or not all(options):
            raise ContextExceeded("a prompt or a continuation has no tokens")
        longest = len(prompt) + max(map(len, options), default=0)
        if longest > most:
            raise ContextExceeded(f"a prompt with its continuation is {longest} tokens, the model takes {most}")
        if len(options) > MOST_CONTINUATIONS:
            raise ContextExceeded(f"a prompt has {len(options)} continuations, {MOST_CONTINUATIONS} are the most")
        if not all(0 <= token < vocabulary for token in chain(prompt, *options)):
            raise ContextExceeded(f"a token is none of the model's {vocabulary}")


def gather(
    questions: Sequence[Question], batches: Sequence[Batch], sums: Sequence[Sequence[Sequence[float]]]
) -> list[list[float]]:
    """The rows' sums, batch by batch, back in the order of the questions and their continuations."""
    found = [[0.0] * len(options) for _, options in questions]
    for batch, rows in zip(batches, sums, strict=True):
        for row, values in zip(batch.rows, rows, strict=True):
            place, first = row.place
            found[place][first : first + len(values)] = values
    return found


class RemoteScoring(RemoteSession):
    """A session that scores a batch: `open`, `score`, `close`."""

    def __init__(self, plan: Plan, clients: Sequence[NodeClient], batch: Batch) -> None:
        # The logits, and as much again while they are summed.
        needs = Needs(batch.padding, batch.context, Sampling(), positions=2 * batch.positions)
        super().__init__(plan, clients, needs)
        self._batch = batch

    async def score(self) -> list[list[float]]:
        """Of each row the sum of log-probabilities of each continuation; raises StageFailed, NodeLost."""
        return await beside(self._score, self._watch)

    async def _score(self) -> list[list[float]]:
        numbers = []
        self._clock.begin(trio.current_time())
        for tokens, step in self._batch.steps():
            shape = (len(tokens), len(tokens[0]))
            with trio.CancelScope(shield=True):  # half a message would end the link, and all on it
                await self._clients[0].send(
                    step.model_copy(update={"session": self.session, "shape": shape}),
                    memoryview(array("q", chain(*tokens))),
                )
            if not step.more:
                numbers.append(step.number)
        columns = [await self._sums(number) for number in numbers]
        self._clock.end(trio.current_time())
        return [
            [column[index] for column in columns[: len(row.continuations)]]
            for index, row in enumerate(self._batch.rows)
        ]

    async def _sums(self, number: int) -> list[float]:
        event, payload = await self._event()
        sums = array("d")
        if isinstance(event, Scored) and event.number == number and len(payload) == 8 * len(self._batch.rows):
            sums.frombytes(payload)
            return sums.tolist()
        raise StageFailed.of(self._plan.stages[-1], "it answered another step than the one that was asked")


def _has_room(batch: Batch, vocabulary: int) -> bool:
    rows = len(batch.rows)
    alike = batch.shared or len({row.widest for row in batch.rows}) == 1
    logits = rows * batch.positions * vocabulary
    return alike and rows <= MOST_ROWS and rows * batch.context <= MOST_TOKENS and logits <= MOST_LOGITS


def _step(**fields: object) -> Step:
    return Step.model_validate({"session": "0" * 32, "number": 0, "shape": (), "dtype": "int64"} | fields)
